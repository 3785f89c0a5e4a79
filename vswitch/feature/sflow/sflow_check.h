/**
 * sflow_check: what settings of the sFlow agent mean together, before any switch is asked: for the
 * switch, and for who writes them into a file.
 *
 * Pure; any thread.
 */
#ifndef WEFT_VSWITCH_FEATURE_SFLOW_SFLOW_CHECK_H
#define WEFT_VSWITCH_FEATURE_SFLOW_SFLOW_CHECK_H

#include "ctl_vswitch.h"
#include "err.h"
#include "sflow_datagram.h"

#include <netinet/in.h>
#include <sys/socket.h>

/** Where datagrams go. */
struct sflow_target {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address;
	socklen_t len; /* 0: nowhere */
};

/** 0, or -EINVAL (no address, no collector); err: the value and the reason, what to write as its
 *  hint, the setting as its field. An agent that is not said is zero. */
int sflow_check(const struct ctl_sflow *s, struct sflow_target *ret_target,
	struct sflow_agent *ret_agent, struct err *err);

#endif
