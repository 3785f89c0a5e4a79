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
 * What takes its time for each frame is a sink. With a signal it gets no more frames.
 *
 * Threads: one, whose handlers of those signals are set for the time being.
 */
#ifndef WEFT_NETCFG_CAPTURE_RUN_H
#define WEFT_NETCFG_CAPTURE_RUN_H

#include "capture_opts.h"
#include "capture_source.h"

/** Whom frames go to instead of a file or people. */
struct capture_sink {
	/** bytes[record->n_bytes]. 0, or -errno with err set: it ends. */
	int (*frame)(void *ctx, const struct capture_record *record, const uint8_t *bytes,
		uint64_t time_ns, struct err *err);
	void *ctx;
};

struct capture_totals {
	uint64_t written, received, lost;
};

#define CAPTURE_TIME_SIZE 24
/** Local time of day, to the microsecond. Returns buf. */
const char *capture_run_time(uint64_t time_ns, char buf[CAPTURE_TIME_SIZE]);

/**
 * filter: the expression, for the file; NULL = none. sink: NULL = a file or people, as the options
 * say. 0: it ended as it should, or -errno, err set; either way ret is what it came to.
 */
int capture_run(struct capture_source *source, const struct capture_opts *o, const char *filter,
	const struct capture_sink *sink, struct capture_totals *ret, struct err *err);

#endif
