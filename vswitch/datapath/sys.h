/**
 * sys: every system call that a worker makes, and why it may.
 *
 * A system call costs as much as a burst of frames, so that none is made for a frame that goes from
 * guest to guest. Those left are here and nowhere else in this folder (tools/check-hotpath): once
 * for a flush, where a driver asks to be interrupted; once for a sleep; and where a device of the
 * host is a file descriptor, once per burst, or for a tap, which has no other way, once per frame.
 * None waits but sys_sleep(). Errors are errno's, as each caller knows.
 */
#ifndef WEFT_VSWITCH_DATAPATH_SYS_H
#define WEFT_VSWITCH_DATAPATH_SYS_H

#include <linux/aio_abi.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/** A burst of a packet socket. Returns how many, or -1. */
static inline int sys_receive_packets(int fd, struct mmsghdr *msgs, unsigned n)
{
	return recvmmsg(fd, msgs, n, MSG_DONTWAIT, NULL);
}

static inline int sys_send_packets(int fd, struct mmsghdr *msgs, unsigned n)
{
	return sendmmsg(fd, msgs, n, MSG_DONTWAIT);
}

/** A large frame, straight from where it lies. */
static inline ssize_t sys_send_packet(int fd, const struct msghdr *msg)
{
	return sendmsg(fd, msg, MSG_DONTWAIT);
}

/** A tap's descriptor is non-blocking. */
static inline ssize_t sys_read_tap(int fd, void *bytes, size_t size)
{
	return read(fd, bytes, size);
}

static inline ssize_t sys_write_tap(int fd, const struct iovec *iov, unsigned n)
{
	return writev(fd, iov, (int)n);
}

/** Have the kernel end requests, which signals their eventfds; as many as it takes. */
static inline long sys_submit_requests(aio_context_t context, unsigned n, struct iocb **requests)
{
	return syscall(SYS_io_submit, context, (long)n, requests);
}

/** Their results, which take room in the kernel until they are read. */
static inline void sys_collect_requests(aio_context_t context, unsigned n, struct io_event *events)
{
	struct timespec no_time = {0};

	(void)syscall(SYS_io_getevents, context, 0, (long)n, events, &no_time);
}

/** Add one to a non-blocking eventfd. A full counter has its reader's notice already. */
static inline void sys_wake(int fd)
{
	const uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one));
}

/** Have this thread's sleeps end when they should, and not up to 50 us later with others'. */
static inline void sys_sleep_exactly(void)
{
	(void)prctl(PR_SET_TIMERSLACK, 1UL);
}

/** Wait for an event of the set; NULL: for ever. Returns how many there are, or -1. */
static inline int sys_sleep(int epoll_fd, struct epoll_event *events, int n,
	const struct timespec *timeout)
{
	return epoll_pwait2(epoll_fd, events, n, timeout, NULL);
}

#endif
