/**
 * host_veth: veth pairs for a port: our end here, the far end where its namespace says.
 *
 * What it is: making a pair in one request, so that no name is taken in passing, and taking over
 * the one that a killed switch left. What it is not: it keeps nothing; the kernel knows. A pair is
 * deleted by its end, host_link_delete().
 *
 * Errors, names and threads as in host_link.h.
 */
#ifndef WEFT_VSWITCH_PORT_HOST_VETH_H
#define WEFT_VSWITCH_PORT_HOST_VETH_H

#include "err.h"
#include "ether.h"

#include <stdint.h>

/** A veth pair: our end `name` here, the far end `peer` in netns (NULL = here, too). */
struct host_veth {
	const char *name;
	const char *peer;
	const char *netns;
	const char *alias;                   /* of our end; NULL = none */
	uint32_t mtu;                        /* of both ends; 0 = the kernel's default */
	const struct ether_addr48 *peer_mac; /* NULL = the kernel's choice */
	const char *peer_ip;                 /* as host_link_conf.ip; NULL = none */
};

/**
 * Make the pair, both ends up, our end quiet, the far end without HOST_OFFLOADS_TX. On an error
 * nothing is left behind. 0, -EEXIST, -ENOENT (namespace), -EINVAL, -EPERM, ... with err set.
 */
int host_veth_add(const struct host_veth *veth, struct err *err);
/**
 * Take over a pair that stands as veth says: what add would set is set, the rest (addresses,
 * routes, the far end's MAC if peer_mac is NULL) stays, so that whoever lives there goes on. Our
 * end stays down where it is down: that is how the far end has no carrier.
 * returns  0, -ENODEV (one end is missing), -EXDEV (they are not two ends of one pair), ... with
 *          err set
 */
int host_veth_take(const struct host_veth *veth, struct err *err);

#endif
