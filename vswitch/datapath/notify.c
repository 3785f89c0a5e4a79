#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/** Collecting makes room, so that a second try is one too many already. */
#define SUBMIT_TRIES 4

int notify_init(struct notify *notify)
{
	int r = 0;

	*notify = (struct notify){.null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC)};
	if (notify->null_fd < 0)
		return -errno;
	for (unsigned i = 0; i < NOTIFY_BATCH; i++) {
		notify->calls[i] = (struct iocb){.aio_lio_opcode = IOCB_CMD_PREAD,
			.aio_fildes = (uint32_t)notify->null_fd,
			.aio_flags = IOCB_FLAG_RESFD};
		notify->list[i] = &notify->calls[i];
	}
	if (syscall(SYS_io_setup, NOTIFY_EVENTS, &notify->context)) {
		r = -errno;
		close(notify->null_fd);
		notify->context = 0;
	}
	return r;
}

void notify_done(struct notify *notify)
{
	if (!notify->context)
		return;
	(void)syscall(SYS_io_destroy, notify->context);
	close(notify->null_fd);
	notify->context = 0;
}

/** Their results say nothing, but take room. */
static void collect(struct notify *notify)
{
	struct io_event events[NOTIFY_EVENTS];
	struct timespec no_time = {0};

	/* hotpath: once in NOTIFY_EVENTS calls */
	(void)syscall(SYS_io_getevents, notify->context, 0, NOTIFY_EVENTS, events, &no_time);
	notify->n_ended = 0;
}

void notify_submit(struct notify *notify)
{
	unsigned done = 0;

	if (!notify->n)
		return;
	if (notify->n_ended + notify->n > NOTIFY_EVENTS)
		collect(notify);
	for (unsigned tries = 0; done < notify->n;) {
		/* hotpath: once per flush, where a driver asks for it */
		long n = syscall(
			SYS_io_submit, notify->context, notify->n - done, notify->list + done);

		if (n > 0)
			done += (unsigned)n;
		else if (errno == EAGAIN && ++tries < SUBMIT_TRIES)
			collect(notify);
		else
			done++; /* it is no eventfd, which the port has checked */
	}
	notify->n_ended += notify->n;
	notify->n = 0;
}

void notify_add(struct notify *notify, int fd)
{
	if (notify->n == NOTIFY_BATCH)
		notify_submit(notify);
	notify->calls[notify->n++].aio_resfd = (uint32_t)fd;
}

void notify_fd(int fd)
{
	const uint64_t one = 1;

	/* A full counter (EAGAIN) has the reader's attention already; nothing else can be done. */
	ssize_t n =
		write(fd, &one, sizeof(one)); /* hotpath: a wake-up, once per time it is needed */
	(void)n;
}
