/**
 * host_watch: what happens to one interface of the host, told on the event loop.
 *
 * Follows RTM_NEWLINK and RTM_DELLINK of the interface that had the name when watching began; a
 * rename does not shake it off. They say that something changed, offloads included; the state is
 * then read anew, also when the kernel dropped messages (ENOBUFS), so that the last report is
 * always the truth. Of new limits for segmentation (ip link set gso_max_size, gso_max_segs) the
 * kernel sends no message: they are looked at each second.
 *
 * Threads: the control thread. Callbacks come from the loop, one per change of what they report.
 */
#ifndef WEFT_VSWITCH_PORT_HOST_WATCH_H
#define WEFT_VSWITCH_PORT_HOST_WATCH_H

#include "err.h"
#include "ev.h"

#include <stdbool.h>
#include <stdint.h>

struct host_watch_state {
	bool gone; /* deleted or moved to another namespace; nothing follows */
	bool up;   /* administrative */
	bool carrier;
	uint32_t mtu;
	uint32_t tso; /* enum host_tso */
};

typedef void host_watch_fn(void *ctx, const struct host_watch_state *state);

struct host_watch;

/**
 * Watch interface name of this namespace; fn is called on changes from *ret_state, the state now.
 * fn may destroy the watch. 0, -ENODEV, ... with err set.
 */
int host_watch_create(struct ev *ev, const char *name, host_watch_fn *fn, void *ctx,
	struct host_watch **ret_watch, struct host_watch_state *ret_state, struct err *err);
/** NULL is accepted. */
void host_watch_destroy(struct host_watch *watch);

#endif
