#include "unix_conn.h"

#include "closer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of 4 KiB, to find descriptors at the end; more than a socket holds. */
#define MAX_READS 256

void unix_conn_receive_inline(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)); /* a socket has it */
}

ssize_t unix_conn_read(int fd, void *dst, size_t size)
{
	struct iovec iov = {.iov_base = dst, .iov_len = size};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	unix_conn_receive_inline(fd);
	do {
		n = recvmsg(fd, &mh, MSG_PEEK | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0 && mh.msg_flags & MSG_CTRUNC)
		return -EBADMSG;
	/* What was looked at is what is read: the peer can only add something behind it. */
	if (n > 0)
		n = recv(fd, dst, (size_t)n, MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

ssize_t unix_conn_send(int fd, const void *src, size_t size, const int *fds, unsigned n_fds)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)src, .iov_len = size};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(UNIX_CONN_MAX_FDS * sizeof(int))];
	} control = {0};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (n_fds) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), fds, n_fds * sizeof(int));
	}
	do {
		n = sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Take those that came, at most max. False: there are more. */
static bool take_fds(struct msghdr *mh, int *fds, unsigned max, unsigned *ret_n)
{
	bool fits = !(mh->msg_flags & MSG_CTRUNC);

	*ret_n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (*ret_n < max) {
				fds[(*ret_n)++] = fd;
			} else {
				(void)close(fd);
				fits = false;
			}
		}
	}
	return fits;
}

ssize_t unix_conn_read_fds(int fd, void *dst, size_t size, int *fds, unsigned *n_fds)
{
	struct iovec iov = {.iov_base = dst, .iov_len = size};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(UNIX_CONN_MAX_FDS * sizeof(int))];
	} control;
	struct msghdr mh = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	unsigned max = *n_fds;
	ssize_t n;

	*n_fds = 0;
	unix_conn_receive_inline(fd);
	do {
		n = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (take_fds(&mh, fds, max, n_fds))
		return n;
	while (*n_fds)
		(void)close(fds[--*n_fds]);
	return -EBADMSG;
}

void unix_conn_end(int fd, struct closer *closer)
{
	uint8_t unread[4096];
	ssize_t n = 1;

	/* From here on the peer adds nothing. */
	(void)shutdown(fd, SHUT_RDWR);
	for (unsigned i = 0; n > 0 && i < MAX_READS; i++)
		n = unix_conn_read(fd, unread, sizeof(unread));
	if (n <= 0 && n != -EBADMSG)
		(void)close(fd);
	else if (closer)
		closer_close(closer, fd);
}
