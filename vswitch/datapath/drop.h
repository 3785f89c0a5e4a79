/**
 * drop: why a frame was not delivered.
 *
 * Every frame, or copy of a frame, that the data path does not deliver counts under exactly one of
 * these, at one port: the one it came from (rx) or the one it was meant for (tx). The enum, the
 * names that users see and the manual come from this one list: X(NAME, "name", direction,
 * "meaning").
 */
#ifndef WEFT_VSWITCH_DATAPATH_DROP_H
#define WEFT_VSWITCH_DATAPATH_DROP_H

#define DROP_REASONS(X)                                                                           \
	X(RX_TOO_SHORT, "too-short", "rx", "shorter than an Ethernet header")                     \
	X(RX_TOO_LONG, "too-long", "rx", "longer than any frame may be")                          \
	X(RX_BAD_HEADER, "bad-offload-header", "rx", "virtio header that does not fit its frame") \
	X(RX_SEGMENTS, "too-many-segments", "rx",                                                 \
		"to be cut into more or smaller segments than a driver asks for")                 \
	X(RX_HOST_FULL, "host-queue-full", "rx",                                                  \
		"dropped by the host's kernel, whose queue to the port was full")                 \
	X(RX_PORT_DOWN, "port-disabled", "rx", "the port is administratively down")               \
	X(RX_QUEUE_DOWN, "queue-disabled", "rx", "the peer disabled the queue that it sent on")   \
	X(RX_NO_BRIDGE, "not-connected", "rx", "the port is in no bridge and on no link")         \
	X(RX_LINK_DOWN, "link-down", "rx", "the link is down or its other end is not running")    \
	X(RX_UNTAGGED, "untagged-refused", "rx",                                                  \
		"untagged, but the port carries only tagged VLANs")                               \
	X(RX_TAGGED, "tagged-refused", "rx", "tagged, but the port is an access port")            \
	X(RX_VLAN, "vlan-refused", "rx",                                                          \
		"VLAN that the port is no member of (802.1Q ingress filtering)")                  \
	X(RX_SOURCE, "bad-source", "rx", "group or zero source address")                          \
	X(RX_RESERVED, "reserved-address", "rx",                                                  \
		"to 01:80:c2:00:00:00-0f on a bridge that keeps them")                            \
	X(RX_SAME_PORT, "same-port", "rx", "destination is where the frame came from")            \
	X(RX_NO_MEMBER, "nobody-else", "rx", "flooded, but no other port is in the VLAN")         \
	X(RX_POLICER, "policer", "rx", "more than the port's policer lets pass")                  \
	X(RX_STORM, "storm-control", "rx",                                                        \
		"more broadcast, multicast or unknown unicast than the port may send")            \
	X(RX_CONSUMED, "consumed", "rx",                                                          \
		"meant for the switch itself: a frame of a protocol that it speaks there")        \
	X(RX_PUNT_FULL, "punt-full", "rx",                                                        \
		"meant for the switch itself, whose control thread did not keep up")              \
	X(TX_NOT_RUNNING, "peer-not-running", "tx", "nobody drives the port's rings")             \
	X(TX_RING_FULL, "ring-full", "tx", "the receiver supplied no buffer in time")             \
	X(TX_VLAN, "vlan-not-member", "tx",                                                       \
		"destination port is no member of the VLAN (802.1Q egress filtering)")            \
	X(TX_MTU, "over-mtu", "tx", "larger than the port's MTU")                                 \
	X(TX_NO_ROOM, "buffers-too-small", "tx",                                                  \
		"larger than the receiver's buffers and not mergeable")                           \
	X(TX_OFFLOAD, "offload-failed", "tx",                                                     \
		"checksum or segmentation that could not be completed")                           \
	X(TX_HOPS, "too-many-hops", "tx",                                                         \
		"through more bridges than a frame may go; are they linked in a circle?")         \
	X(TX_BROKEN, "ring-broken", "tx", "the receiver's ring holds nonsense")                   \
	X(RX_IMPAIR_LOSS, "impair-loss", "rx", "lost on purpose, by the port's impairment")       \
	X(TX_IMPAIR_LOSS, "impair-loss", "tx",                                                    \
		"lost on purpose, by the impairment of the port or its link")                     \
	X(RX_HOLD_FULL, "hold-full", "rx",                                                        \
		"to be delayed, but as many frames were held as the limit or the memory allows")  \
	X(TX_HOLD_FULL, "hold-full", "tx",                                                        \
		"to be delayed, but as many frames were held as the limit or the memory allows")  \
	X(TX_SHAPER, "shaper-full", "tx",                                                         \
		"more than the queue of its priority holds, in the port's shaper")                \
	X(RX_DISCARDED, "hold-discarded", "rx", "held when its port was removed")                 \
	X(TX_DISCARDED, "hold-discarded", "tx", "held when its link or port was removed")

enum drop_reason {
#define DROP_ENUM(name, text, direction, help) DROP_##name,
	DROP_REASONS(DROP_ENUM)
#undef DROP_ENUM
		DROP_N_REASONS
};

struct drop_info {
	const char *name;      /* "ring-full" */
	const char *direction; /* "rx" or "tx", seen from the switch */
	const char *help;
};

/** By reason; static. */
extern const struct drop_info drop_infos[DROP_N_REASONS];

#endif
