/**
 * capture_ctl: captures that clients asked for (feature/capture), each as long as its call.
 *
 * A capture is of names: ports, links (both ends), bridges (all their ports), or `any`, all ports.
 * What those are is looked at with every change, so that ports that come later are captured, too.
 * Where nobody says which direction, a port that is named is captured in both; of the others what
 * the switch gets from each port, so that every frame is there once.
 *
 * A capture is no configuration: it ends with its client's connection, and with the switch.
 * Threads: the control thread. Life cycle: zeroed; calls leave when their client goes away or the
 * server ends.
 */
#ifndef WEFT_VSWITCH_CONTROL_CAPTURE_CTL_H
#define WEFT_VSWITCH_CONTROL_CAPTURE_CTL_H

#include "model.h"

#include "feature/capture/capture.h"

struct ctl_call;

struct capture_run {
	struct ctl_call *call;
	struct capture *capture;
	char names[sizeof(((struct ctl_capture *)0)->names)];
	bool has_dir, takes_drops;
	uint32_t dir; /* enum ctl_capture_dir */
};

struct capture_ctl {
	struct capture_run runs[CAPTURE_MAX];
	unsigned n;
};

/** Start one; the answer has still to be sent. 0, or -errno with err set. */
int capture_ctl_start(struct capture_ctl *captures, void *feature, const struct model *model,
	struct ctl_call *call, const struct ctl_capture *req, struct capture **ret_capture,
	struct err *err);
/** End that of a call; without one nothing happens. */
void capture_ctl_stop(struct capture_ctl *captures, void *feature, const struct ctl_call *call);
/** What it is of, as it was asked for; NULL: the call has none. */
const char *capture_ctl_names(const struct capture_ctl *captures, const struct ctl_call *call);
/** Have captures at the ports that they are of now, with the next snapshot. */
void capture_ctl_update(struct capture_ctl *captures, const struct model *model);

#endif
