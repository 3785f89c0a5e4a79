#include "capture_source.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int capture_source_open(struct capture_source *source, struct ctl_client *client,
	const struct ctl_capture *request, struct err *err)
{
	struct ctl_capture_ring ring;
	int fds[2], r;

	*source = (struct capture_source){0};
	r = ctl_client_begin(client, "Capture", request, &ring, fds, 2, err);
	if (r < 0)
		return r;
	source->memory_fd = fds[0];
	source->event_fd = fds[1];
	source->switch_fd = ctl_client_fd(client);
	source->tsc_hz = ring.tsc_hz;
	r = ring.tsc_hz ? capture_reader_open(&source->reader, fds[0], ring.size) : -EPROTO;
	if (r < 0) {
		(void)err_set(err, r, "capture: no buffer: %s", strerror(-r));
		capture_source_close(source);
	}
	return r;
}

void capture_source_close(struct capture_source *source)
{
	capture_reader_close(&source->reader);
	(void)close(source->memory_fd);
	(void)close(source->event_fd);
}
