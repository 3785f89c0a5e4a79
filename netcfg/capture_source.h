/**
 * capture_source: a capture that the switch has begun for a client, and the ring that its frames
 * come by.
 *
 * Threads: one. Life cycle: open, read, close; the capture lasts as long as the client's
 * connection.
 */
#ifndef WEFT_NETCFG_CAPTURE_SOURCE_H
#define WEFT_NETCFG_CAPTURE_SOURCE_H

#include "capture_ring.h"
#include "ctl_client.h"
#include "ctl_vswitch.h"

struct capture_source {
	struct capture_reader reader;
	int memory_fd, event_fd;
	int switch_fd; /* readable or hung up: the switch has ended it */
	uint64_t tsc_hz;
};

/** Ask the switch for a capture. 0, or -errno with err set and nothing to close. */
int capture_source_open(struct capture_source *source, struct ctl_client *client,
	const struct ctl_capture *request, struct err *err);
void capture_source_close(struct capture_source *source);

#endif
