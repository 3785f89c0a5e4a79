#include "notify_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

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
