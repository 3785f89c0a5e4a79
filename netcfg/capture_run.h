/**
 * capture_run: frames from a capture's ring to a file or to people, until it ends.
 *
 * It ends after so many frames, with a signal (SIGINT, SIGTERM, SIGHUP), with the switch, with the
 * last file, or when what is written to takes no more: a full disk, a pipe that nobody reads. What
 * the ring holds by then is written first, where that can be; then statistics of each port.
 *
 * Where frames come by, the ring is looked at again a millisecond later, and the switch need not
 * wake anybody up; only when none come it is asked to.
 *
 * Threads: one, whose handlers of those signals are set for the time being.
 */
#ifndef WEFT_NETCFG_CAPTURE_RUN_H
#define WEFT_NETCFG_CAPTURE_RUN_H

#include "capture_opts.h"
#include "capture_ring.h"

struct capture_source {
	struct capture_reader reader;
	int event_fd;
	int switch_fd; /* readable or hung up: the switch has ended it */
	uint64_t tsc_hz;
};

struct capture_totals {
	uint64_t written, received, lost;
};

/** filter: the expression, for the file; NULL = none. 0: it ended as it should, or -errno, err set;
 *  either way ret is what it came to. */
int capture_run(struct capture_source *source, const struct capture_opts *o, const char *filter,
	struct capture_totals *ret, struct err *err);

#endif
