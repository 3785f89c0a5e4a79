/* Interfaces of the host by file descriptor: af-packet, veth, tap. */
#include "eth_priv.h"

#include "host_link.h"
#include "host_nl.h"
#include "host_tap.h"
#include "host_veth.h"
#include "host_watch.h"
#include "log.h"
#include "offload.h"
#include "owner.h"
#include "sockq_setup.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

LOG_MODULE("eth");

/* For a window of large frames; without it a packet socket holds three of them. */
#define SOCKET_BUFFER (8 * 1024 * 1024)
#define VNET_HDR_SIZE 10

/* What the other side may leave undone in frames that we take, and we in those that we put. */
#define RX_FEATURES                                                                      \
	(VIRTIO_BIT(VIRTIO_NET_F_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) |            \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6) | VIRTIO_BIT(VIRTIO_NET_F_HOST_ECN) | \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_USO))
#define TAP_OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)

static_assert(HOST_TSO_SEGS >= HOST_TSO_SIZE / OFFLOAD_MIN_SEGMENT,
	"a device that takes frames uncut takes all that a guest may send");

struct sock_dev {
	char ifname[HOST_LINK_NAME_SIZE];
	bool made;    /* by us: ours to delete */
	bool held;    /* down, so that the other end of the veth has no carrier */
	int claim_fd; /* says in this network namespace that we live */
	int fds[PORT_MAX_QUEUES];
	struct host_watch *watch;
	uint64_t tx_dropped; /* of a tap: when it was last looked at */
};

/* ---- Queues ---- */

/*
 * Checksums the kernel finishes where the device does not. TCP that is not segmented it cuts as
 * well, for a tap and for those who send through its queues: a packet socket sends directly
 * (PACKET_QDISC_BYPASS), and then it drops what the device cannot cut.
 */
static uint64_t tx_features(uint32_t tso)
{
	return VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) |
	       (tso & HOST_TSO4 ? VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) : 0) |
	       (tso & HOST_TSO6 ? VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6) : 0) |
	       (tso & HOST_TSO_ECN ? VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN) : 0);
}

/* The device can cut this now. */
static void set_tso(struct eth_port *ep, uint32_t tso)
{
	if (ep->conf.type == CTL_PORT_TAP)
		return;
	for (unsigned q = 0; q < ep->n_queues; q++)
		ep->queues[q]->tx_features = tx_features(tso);
}

static int add_queue(struct eth_port *ep, enum sockq_type type, int fd, struct err *err)
{
	struct queue *q;
	int r = sockq_create(type, fd, &q);

	if (r < 0)
		return err_set(err, r, "queue %u: %s", ep->n_queues, strerror(-r));
	q->rx_features = RX_FEATURES;
	q->tx_features = tx_features(type == SOCKQ_TAP ? HOST_TSO_ALL : 0);
	ep->queues[ep->n_queues++] = q;
	return 0;
}

static int set_option(int fd, int option, int value, const char *what, struct err *err)
{
	if (!setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)))
		return 0;
	return err_set(err, -errno, "packet socket: %s: %s", what, strerror(errno));
}

/* More than the system's limit where we may, up to it where not. */
static void set_buffer(int fd, int forced, int usual)
{
	const int size = SOCKET_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, usual, &size, sizeof(size));
}

/* Several sockets share the frames of one interface, by flow. */
static int join_fanout(int fd, unsigned queue, uint16_t *group, struct err *err)
{
	int r, arg = *group | PACKET_FANOUT_HASH << 16;
	socklen_t size = sizeof(arg);

	if (!queue)
		arg |= PACKET_FANOUT_FLAG_UNIQUEID << 16;
	r = set_option(fd, PACKET_FANOUT, arg, "sharing among queues", err);
	if (r < 0 || queue)
		return r;
	if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, &size) < 0)
		return err_set(err, -errno, "packet socket: its group: %s", strerror(errno));
	*group = (uint16_t)arg;
	return 0;
}

static int open_packet_socket(const struct host_link_info *info, int *ret_fd, struct err *err)
{
	const struct sockaddr_ll addr = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)info->ifindex};
	const struct packet_mreq promisc = {
		.mr_ifindex = (int)info->ifindex, .mr_type = PACKET_MR_PROMISC};
	/* Protocol 0: nothing comes in before everything is set. */
	int r, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		r = err_set(err, -errno, "packet socket: %s", strerror(errno));
		host_nl_hint(err, r);
		return r;
	}
	*ret_fd = fd;
	r = set_option(fd, PACKET_VNET_HDR, 1, "virtio header", err);
	if (!r)
		r = set_option(fd, PACKET_AUXDATA, 1, "VLAN tags", err);
	/* Else what the host sends over the interface would come in as if it had been received. */
	if (!r)
		r = set_option(fd, PACKET_IGNORE_OUTGOING, 1, "leaving out the host's own", err);
	if (!r)
		r = set_option(fd, PACKET_QDISC_BYPASS, 1, "sending directly", err);
	if (r < 0)
		return r;
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) < 0 ||
		bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_set(err, -errno, "interface '%s': %s", info->name, strerror(errno));
	return 0;
}

static int open_packet_queues(struct eth_port *ep, const struct host_link_info *info,
	unsigned n_queues, struct err *err)
{
	struct sock_dev *dev = ep->dev;
	uint16_t group = 0;
	int r = 0;

	for (unsigned q = 0; !r && q < n_queues; q++) {
		r = open_packet_socket(info, &dev->fds[q], err);
		if (!r && n_queues > 1)
			r = join_fanout(dev->fds[q], q, &group, err);
		if (!r)
			r = add_queue(ep, SOCKQ_PACKET, dev->fds[q], err);
	}
	return r;
}

/* ---- Link ---- */

/*
 * A tap's carrier is ours to tell; what the host decides is whether it is up. A veth that we hold
 * down says nothing of its other end: it counts as what it was before, until it is up again.
 */
static bool is_link_up(const struct eth_port *ep, bool up, bool carrier)
{
	const struct sock_dev *dev = ep->dev;

	return dev->held || (up && (carrier || ep->conf.type == CTL_PORT_TAP));
}

static void on_change(void *ctx, const struct host_watch_state *state)
{
	struct eth_port *ep = ctx;
	struct sock_dev *dev = ep->dev;
	char why[64];

	if (state->gone) {
		(void)snprintf(why, sizeof(why), "interface '%s' is gone", dev->ifname);
		dev->made = false; /* whoever deleted it did so on purpose; it is made again */
		eth_gone(ep, why);
		return;
	}
	if (state->up)
		dev->held = false; /* somebody else has set it up: it is theirs to say */
	if (state->mtu != ep->dev_mtu)
		eth_mtu_set(ep, state->mtu);
	set_tso(ep, state->tso);
	eth_link_set(ep, is_link_up(ep, state->up, state->carrier));
}

static int watch(struct eth_port *ep, struct err *err)
{
	struct sock_dev *dev = ep->dev;
	struct host_watch_state state;
	int r = host_watch_create(ep->ev, dev->ifname, on_change, ep, &dev->watch, &state, err);

	if (r < 0)
		return r;
	ep->dev_mtu = state.mtu;
	set_tso(ep, state.tso);
	eth_link_set(ep, is_link_up(ep, state.up, state.carrier));
	return 0;
}

/* ---- Port types ---- */

static int open_interface(struct eth_port *ep, struct err *err)
{
	const struct host_link_conf up = {.admin = HOST_LINK_UP};
	struct sock_dev *dev = ep->dev;
	struct host_link_info info;
	int r = host_link_get(NULL, dev->ifname, &info, err);

	if (r < 0)
		return r;
	(void)snprintf(ep->driver, sizeof(ep->driver), "%s",
		info.driver[0] ? info.driver : info.kind);
	ep->speed_mbps = info.speed_mbps;
	/*
	 * A killed switch held it down, perhaps: it comes up with its carrier, and not before. But
	 * before Linux 6.13 several sockets could share only what is up.
	 */
	dev->held = dev->made && !info.up && eth_wanted_queues(ep) == 1;
	if (!info.up && !dev->held)
		r = host_link_set(NULL, dev->ifname, &up, err);
	return r < 0 ? r : open_packet_queues(ep, &info, eth_wanted_queues(ep), err);
}

/*
 * Only one switch at a time has this interface. A name of Unix sockets that are no files belongs to
 * the network namespace, as the interface does, and goes with the process, which the interface does
 * not.
 */
static int claim(struct sock_dev *dev, struct err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int len = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "weft/interface/%s",
		dev->ifname);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);

	dev->claim_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (dev->claim_fd >= 0 && !bind(dev->claim_fd, (const struct sockaddr *)&addr, size))
		return 0;
	return err_set(err, -errno, "interface '%s': %s", dev->ifname,
		errno == EADDRINUSE ? "another switch has it" : strerror(errno));
}

/*
 * Make the pair, or take over the one that a killed switch left: what it made for this port, which
 * the alias tells, and nothing else. Called with the claim, so that whoever made it does not live.
 */
static int make_veth(const struct eth_port *ep, const struct host_veth *veth, struct err *err)
{
	struct host_link_info info;
	struct err why = {0};

	/* Any other interface of the name stays, and is in the way. */
	if (host_link_get(NULL, veth->name, &info, NULL) < 0 || strcmp(info.kind, "veth") != 0 ||
		strcmp(info.alias, veth->alias) != 0)
		return host_veth_add(veth, err);
	if (!host_veth_take(veth, &why)) {
		log_notice("port '%s': took over interface '%s' of a killed switch", ep->conf.name,
			veth->name);
		return 0;
	}
	log_notice("port '%s': making interface '%s' of a killed switch anew: %s", ep->conf.name,
		veth->name, why.msg);
	(void)host_link_delete(NULL, veth->name, NULL); /* else the name is taken still */
	return host_veth_add(veth, err);
}

/*
 * The address for the host's side of what is made: the user's, or what it was the last time, since
 * others have it in their tables. NULL: the kernel chooses.
 */
static const struct ether_addr48 *wanted_mac(const struct eth_port *ep)
{
	if (CTL_HAS(&ep->conf, ctl_port, mac))
		return &ep->conf.mac;
	return ether_addr_to_u64(&ep->host_mac) ? &ep->host_mac : NULL;
}

/* A name for our end of a veth pair: no one else's. */
static int free_name(char name[HOST_LINK_NAME_SIZE], struct err *err)
{
	struct host_link_info info;
	struct err ignored = {0};

	for (unsigned i = 0; i < 10000; i++) {
		(void)snprintf(name, HOST_LINK_NAME_SIZE, "weft%u", i);
		if (host_link_get(NULL, name, &info, &ignored) == -ENODEV)
			return 0;
	}
	return err_set(err, -ENOSPC, "no free interface name");
}

static int open_veth(struct eth_port *ep, struct err *err)
{
	const struct ctl_port *conf = &ep->conf;
	struct sock_dev *dev = ep->dev;
	char alias[HOST_LINK_ALIAS_SIZE];
	struct host_link_info far;
	struct host_veth veth = {
		.name = dev->ifname,
		.alias = alias,
		.peer = conf->peer,
		.netns = CTL_HAS(conf, ctl_port, netns) ? conf->netns : NULL,
		.mtu = eth_wanted_mtu(ep),
		.peer_mac = wanted_mac(ep),
		.peer_ip = CTL_HAS(conf, ctl_port, ip) ? conf->ip : NULL,
	};
	int r = 0;

	(void)snprintf(alias, sizeof(alias), "weft port %s", conf->name);
	if (!dev->ifname[0])
		r = free_name(dev->ifname, err);
	if (!r)
		r = claim(dev, err);
	if (!r)
		r = make_veth(ep, &veth, err);
	if (r < 0)
		return r;
	dev->made = true;
	if (!host_link_peek(veth.netns, veth.peer, &far, NULL))
		ep->host_mac = far.mac;
	/* The virtio header tells what is not finished: the stack over there need not finish it. */
	r = host_link_set_offloads(veth.netns, veth.peer, HOST_OFFLOADS_TX, true, err);
	return r < 0 ? r : open_interface(ep, err);
}

static int open_tap(struct eth_port *ep, struct err *err)
{
	struct host_link_info info;
	const struct ctl_port *conf = &ep->conf;
	struct sock_dev *dev = ep->dev;
	struct host_tap_conf tap = {.name = dev->ifname,
		.n_queues = eth_wanted_queues(ep),
		.vnet_hdr_size = VNET_HDR_SIZE,
		.offloads = TAP_OFFLOADS,
		.has_owner = CTL_HAS(conf, ctl_port, owner)};
	const struct host_link_conf link = {.admin = HOST_LINK_UP,
		.mtu = eth_wanted_mtu(ep),
		.mac = wanted_mac(ep),
		.ip = CTL_HAS(conf, ctl_port, ip) ? conf->ip : NULL};
	char name[HOST_LINK_NAME_SIZE];
	gid_t group;
	int r = tap.has_owner ? owner_find(conf->owner, &tap.owner, &group, err) : 0;

	if (!r)
		r = host_tap_open(&tap, dev->fds, name, err);
	if (r < 0)
		return r;
	memcpy(dev->ifname, name, sizeof(name));
	for (unsigned q = 0; !r && q < tap.n_queues; q++)
		r = add_queue(ep, SOCKQ_TAP, dev->fds[q], err);
	(void)snprintf(ep->driver, sizeof(ep->driver), "tun");
	if (!r)
		r = host_link_set(NULL, dev->ifname, &link, err);
	if (!r && !host_link_peek(NULL, dev->ifname, &info, NULL)) {
		dev->tx_dropped = info.tx_dropped; /* one that stays has lost frames before */
		ep->host_mac = info.mac;
	}
	return r;
}

/* ---- Back-end ---- */

static int sock_open(struct eth_port *ep, struct err *err)
{
	struct sock_dev *dev = calloc(1, sizeof(*dev));
	int r;

	if (!dev)
		return err_set(err, -ENOMEM, "out of memory");
	ep->dev = dev;
	dev->claim_fd = -1;
	for (unsigned q = 0; q < PORT_MAX_QUEUES; q++)
		dev->fds[q] = -1;
	if (CTL_HAS(&ep->conf, ctl_port, dev) && !host_link_name_ok(ep->conf.dev))
		return err_set_field(err, -EINVAL, "dev", "'%s' is no name of an interface",
			ep->conf.dev);
	(void)snprintf(dev->ifname, sizeof(dev->ifname), "%.15s", ep->conf.dev);
	switch (ep->conf.type) {
	case CTL_PORT_VETH:
		r = open_veth(ep, err);
		break;
	case CTL_PORT_TAP:
		r = open_tap(ep, err);
		break;
	default:
		r = open_interface(ep, err);
		break;
	}
	return r < 0 ? r : watch(ep, err);
}

static void sock_close(struct eth_port *ep)
{
	struct sock_dev *dev = ep->dev;
	struct err err = {0};

	if (!dev)
		return;
	host_watch_destroy(dev->watch);
	for (unsigned q = 0; q < PORT_MAX_QUEUES; q++) {
		sockq_destroy(ep->queues[q]);
		ep->queues[q] = NULL;
		if (dev->fds[q] >= 0)
			close(dev->fds[q]);
	}
	if (dev->made && host_link_delete(NULL, dev->ifname, &err) < 0)
		log_warn("port '%s': %s", ep->conf.name, err.msg);
	if (dev->claim_fd >= 0)
		close(dev->claim_fd);
	free(dev);
	ep->dev = NULL;
	ep->n_queues = 0;
}

/*
 * The other end of a veth has carrier while ours is up. Only that of a port that runs is taken
 * down: while it does not run it has no carrier because its other end is down, or because that is
 * not known yet, and the interface must be up for us to see the end of that.
 */
static void hold_veth(struct eth_port *ep, bool held)
{
	const struct host_link_conf link = {.admin = held ? HOST_LINK_DOWN : HOST_LINK_UP};
	struct sock_dev *dev = ep->dev;
	struct err err = {0};

	if (dev->held == held)
		return;
	dev->held = held;
	if (host_link_set(NULL, dev->ifname, &link, &err) == 0)
		return;
	dev->held = false; /* the watch tells what is the matter with it */
	log_warn("port '%s': carrier: %s", ep->conf.name, err.msg);
}

static void sock_set_carrier(struct eth_port *ep, bool up)
{
	struct sock_dev *dev = ep->dev;

	/* A tap that cannot is gone, which the watch tells. */
	if (ep->conf.type == CTL_PORT_TAP)
		(void)host_tap_set_carrier(dev->fds[0], up);
	else if (ep->conf.type == CTL_PORT_VETH && (up || ep->running.n))
		hold_veth(ep, !up);
}

static int sock_set_mtu(struct eth_port *ep, uint32_t mtu, struct err *err)
{
	const struct host_link_conf link = {.mtu = eth_wanted_mtu(ep)};
	const struct sock_dev *dev = ep->dev;

	/* Of an interface that is not ours the operator decides. */
	if (ep->conf.type == CTL_PORT_AF_PACKET)
		return 0;
	return host_link_set(NULL, dev->ifname, &link, err);
}

/* What our sockets had no room for; the kernel begins anew with each question. */
static uint64_t missed_by_sockets(const struct eth_port *ep)
{
	const struct sock_dev *dev = ep->dev;
	uint64_t n = 0;

	for (unsigned q = 0; q < ep->n_queues; q++) {
		struct tpacket_stats stats = {0};
		socklen_t size = sizeof(stats);

		if (!getsockopt(dev->fds[q], SOL_PACKET, PACKET_STATISTICS, &stats, &size))
			n += stats.tp_drops;
	}
	return n;
}

/* What the host sent to a tap and its queues had no room for. */
static uint64_t missed_by_tap(struct sock_dev *dev)
{
	struct host_link_info info;
	uint64_t before = dev->tx_dropped;

	if (host_link_get(NULL, dev->ifname, &info, NULL) < 0)
		return 0;
	dev->tx_dropped = info.tx_dropped;
	return info.tx_dropped > before ? info.tx_dropped - before : 0;
}

static uint64_t sock_missed(struct eth_port *ep)
{
	return ep->conf.type == CTL_PORT_TAP ? missed_by_tap(ep->dev) : missed_by_sockets(ep);
}

const struct eth_backend eth_sock_backend = {
	.missed = sock_missed,
	.open = sock_open,
	.close = sock_close,
	.set_carrier = sock_set_carrier,
	.set_mtu = sock_set_mtu,
};
