/**
 * host_link: the network interfaces of the host that a port makes or uses.
 *
 * What it is: rtnetlink and ethtool behind a few verbs: look at an interface, set it up, delete it,
 * switch offloads. host_watch tells about later changes; host_veth and host_tap make interfaces.
 * What it is not: it moves no frame.
 *
 * Data model: none. Nothing is kept between calls; the kernel knows. An interface is named by
 * (netns, name), netns NULL for the switch's own namespace, see host_nl.h.
 *
 * A port on AF_PACKET or AF_XDP sees a foreign interface's frames as the kernel's stack hands them
 * over, and that is not always a frame of the wire:
 *   - A veth (or tap) carries what the far end's stack would have given to an offloading NIC: no
 *     checksum yet (CHECKSUM_PARTIAL), and up to 64 KiB of TCP unsegmented. A reader that does not
 *     ask for PACKET_VNET_HDR (DPDK's net_af_packet) sees a wrong checksum and a frame cut at
 *     its buffer. Of a veth of our own the far end's offloads are therefore switched off
 *     (HOST_OFFLOADS_TX): the sender's stack then finishes its frames.
 *   - A NIC merges received segments (GRO, LRO) before a packet socket sees them, so that a frame
 *     arrives larger than the MTU. HOST_OFFLOADS_RX names those.
 *   - The kernel takes an 802.1Q tag out of the frame before any packet socket sees it, whatever
 *     the offloads are, and tells it beside the frame (tp_vlan_tci, PACKET_AUXDATA).
 *   - The host's stack reads along: it answers ARP for all of its addresses on any interface and
 *     sends router solicitations of its own. `quiet` stops both.
 *
 * Errors: messages start `interface 'NAME'`; -ENODEV lists what there is, -EPERM hints at the
 * capability.
 * Threads: the control thread.
 */
#ifndef WEFT_VSWITCH_PORT_HOST_LINK_H
#define WEFT_VSWITCH_PORT_HOST_LINK_H

#include "err.h"
#include "ether.h"

#include <stdbool.h>
#include <stdint.h>

#define HOST_LINK_NAME_SIZE  16  /* IFNAMSIZ */
#define HOST_LINK_ALIAS_SIZE 256 /* IFALIASZ */
#define HOST_LINK_ADDR_SIZE  50  /* an IPv6 address with its prefix length */

enum host_offloads {
	HOST_OFFLOAD_RX_CSUM = 1 << 0,
	HOST_OFFLOAD_TX_CSUM = 1 << 1,
	HOST_OFFLOAD_SG = 1 << 2,
	HOST_OFFLOAD_TSO = 1 << 3,
	HOST_OFFLOAD_GSO = 1 << 4,
	HOST_OFFLOAD_GRO = 1 << 5,
	HOST_OFFLOAD_LRO = 1 << 6,
	/** What makes a stack hand over frames that are not finished. */
	HOST_OFFLOADS_TX =
		HOST_OFFLOAD_TX_CSUM | HOST_OFFLOAD_SG | HOST_OFFLOAD_TSO | HOST_OFFLOAD_GSO,
	/** What merges frames on their way in. */
	HOST_OFFLOADS_RX = HOST_OFFLOAD_GRO | HOST_OFFLOAD_LRO,
};

/**
 * TCP that the device, or the driver for it, cuts into segments; what it does not is ours to cut.
 *
 * A family counts where the device takes whatever a guest may send: frames of HOST_TSO_SIZE bytes,
 * of HOST_TSO_SEGS segments (struct host_link_gso). A larger frame from a packet socket the kernel
 * cuts itself, and then drops (PACKET_QDISC_BYPASS); one of more segments it does not even notice,
 * since the socket does not say how many there are, and leaves to the driver.
 */
#define HOST_TSO_SIZE 65536
#define HOST_TSO_SEGS 8192
enum host_tso {
	HOST_TSO4 = 1 << 0,
	HOST_TSO6 = 1 << 1,
	HOST_TSO_ECN = 1 << 2,
	HOST_TSO_ALL = HOST_TSO4 | HOST_TSO6 | HOST_TSO_ECN,
};

/** The largest frame that the device cuts: bytes, those of IPv4, segments; 0 = not said. */
struct host_link_gso {
	uint32_t max_size, ipv4_max_size, max_segs;
};

struct host_link_info {
	uint32_t ifindex;
	uint32_t link; /* ifindex of what it stands on, or of a veth's other end; 0 = nothing */
	char name[HOST_LINK_NAME_SIZE];
	struct ether_addr48 mac;
	uint32_t mtu, min_mtu, max_mtu; /* max_mtu 0 = the driver says none */
	bool up;                        /* administrative */
	bool carrier;
	bool promiscuous;    /* asked for by flag; a packet socket's wish is not seen */
	uint32_t speed_mbps; /* 0 = not known */
	struct host_link_gso gso;
	uint32_t tso;        /* enum host_tso */
	uint64_t tx_dropped; /* frames to it that the kernel dropped, of a tap: for want of room */
	char kind[16];       /* "veth", "tun", "bridge", ..., "" = a device */
	char driver[32];     /* "" = none */
	char pci[16];        /* "0000:03:00.0", "" = not a PCI device */
	char alias[HOST_LINK_ALIAS_SIZE]; /* what somebody wrote on it, "" = nothing */
};

/** What to set; a zeroed struct changes nothing. */
struct host_link_conf {
	enum { HOST_LINK_KEEP, HOST_LINK_UP, HOST_LINK_DOWN } admin;
	enum { HOST_LINK_PROMISC_KEEP, HOST_LINK_PROMISC_ON, HOST_LINK_PROMISC_OFF } promisc;
	bool quiet;                     /* the host's stack keeps out of it, see above */
	uint32_t mtu;                   /* 0 = keep */
	const struct ether_addr48 *mac; /* NULL = keep */
	const char *alias;              /* NULL = keep */
	const char *ip; /* "ADDR/PREFIX", several after commas; NULL = none to add */
};

/** Is text a name that the kernel takes for an interface? (1..15 bytes, no '/', ':' or space.) */
bool host_link_name_ok(const char *text);
/** 0, or -EINVAL with err set. */
int host_link_check_name(const char *name, struct err *err);
/** Is text what host_link_conf.ip takes? 0, or -EINVAL with err set. NULL is none, and right. */
int host_link_check_ip(const char *text, struct err *err);

/** Look it up. 0, -ENODEV, ... with err set. */
int host_link_get(const char *netns, const char *name, struct host_link_info *ret_info,
	struct err *err);
/** The same without what only its driver can answer, which may take its time: driver, pci,
 * speed_mbps and tso. */
int host_link_peek(const char *netns, const char *name, struct host_link_info *ret_info,
	struct err *err);

/**
 * Set it up. Addresses are checked before anything is changed; one that is there already is fine.
 * A change of MAC takes the interface down for the moment where the driver needs that.
 * returns  0, -ENODEV, -EINVAL (address, MTU), -EPERM, ... with err set
 */
int host_link_set(const char *netns, const char *name, const struct host_link_conf *conf,
	struct err *err);

/** Delete an interface (of a veth pair: both ends). -ENODEV if there is none. */
int host_link_delete(const char *netns, const char *name, struct err *err);

/** The offloads (enum host_offloads) that are on. */
int host_link_get_offloads(const char *netns, const char *name, uint32_t *ret_offloads,
	struct err *err);
/**
 * Switch offloads on or off. What the driver does not have counts as off; what it cannot switch
 * off is -EOPNOTSUPP, with err naming it.
 */
int host_link_set_offloads(const char *netns, const char *name, uint32_t offloads, bool enabled,
	struct err *err);

#endif
