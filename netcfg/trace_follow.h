/**
 * trace_follow: traces of frames that really come in at a port.
 *
 * The frames are captured (capture_source.h) as the port's peer sends them, and the switch is asked
 * about each what would become of such a frame. So an answer is of the moment at which it is asked,
 * a little later than the frame itself: its source is learned by then, and what limits had left for
 * it is gone. Frames that come faster than they are traced wait in the capture's buffer, and are
 * lost where that is full; the switch waits for nobody.
 *
 * Threads: one. It ends after so many frames, with a signal, or with the switch (capture_run.h).
 */
#ifndef WEFT_NETCFG_TRACE_FOLLOW_H
#define WEFT_NETCFG_TRACE_FOLLOW_H

#include "pcap_filter.h"
#include "trace_opts.h"

/** The capture that finds the frames. 0, or -errno with err set; ret_mark is where the filter is
 *  wrong, if that is why (pcap_filter.h). */
int trace_follow_request(const struct trace_what *what, struct ctl_capture *ret,
	struct pcap_filter_mark *ret_mark, struct err *err);
/** Trace what->n_follow frames: lines, or with --json an object in a line each. The same. */
int trace_follow(const struct opts *opts, const struct trace_what *what,
	struct pcap_filter_mark *ret_mark, struct err *err);

#endif
