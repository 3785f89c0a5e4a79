/* Ethernet devices of DPDK: nic, af-xdp, pcap, memif, and whatever else has devargs. */
#include "eth_spec.h"
#include "eth_pool.h"
#include "eth_priv.h"
#include "eth_unplug.h"
#include "ethq.h"

#include "capture_file.h"
#include "eal.h"
#include "host_link.h"
#include "host_watch.h"
#include "log.h"
#include "pci_bind.h"
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_vfio.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_MODULE("eth");

/* Slots of a device's rings; within what it takes. */
#define RING_SIZE 512
/* Bursts that may be under way in each direction beside what the rings hold. */
#define SPARE_MBUFS 2048
#define MBUF_SIZE   2048
/* A capture file that is replayed for ever lies in mbufs, a frame in each: of so many at most. */
#define MAX_HELD_FRAMES 65536
/* What mbufs have at most: their length has 16 bits. */
#define MAX_MBUF_SIZE (UINT16_MAX - RTE_PKTMBUF_HEADROOM)
/* How often a device is looked at that does not report its link itself. */
#define LOOK_NS UINT64_C(250000000)

/* A checksum that came in is the receiver's to judge; see ethq.h. */
#define WANTED_RX RTE_ETH_RX_OFFLOAD_SCATTER
#define WANTED_TX                                                             \
	(RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |      \
		RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
		RTE_ETH_TX_OFFLOAD_TCP_TSO)

struct dpdk_dev {
	uint16_t id;
	bool is_probed, is_started, has_interrupts;
	struct rte_device *device;
	struct rte_mempool *pool;
	bool pool_is_mapped;
	struct ethq queues[PORT_MAX_QUEUES];
	char nic[PCI_BIND_ADDR_SIZE]; /* "" = none of ours */
	struct ev_source *look;
	struct host_watch *watch;
	_Atomic bool removed; /* written by DPDK's interrupt thread */
	struct eth_unplug unplug;
};

/* ---- Link ---- */

static int on_removed(uint16_t id, enum rte_eth_event_type type, void *arg, void *ret)
{
	struct dpdk_dev *dev = arg;

	atomic_store(&dev->removed, true); /* the next look finds it */
	return 0;
}

/*
 * Tells a NIC from the one that is at its address next: the kernel makes new files for each, and
 * numbers them. 0 = there is none.
 */
static uint64_t nic_instance(const char *address)
{
	char path[64];
	struct stat dir;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	return stat(path, &dir) < 0 ? 0 : (uint64_t)dir.st_ino;
}

static void look(void *ctx)
{
	struct eth_port *ep = ctx;
	struct dpdk_dev *dev = ep->dev;
	struct rte_eth_link link = {0};

	if (eth_unplug_asked(&dev->unplug)) {
		ep->lost_nic = nic_instance(dev->nic);
		eth_gone(ep, "the NIC was removed");
		return;
	}
	if (atomic_load(&dev->removed) || rte_eth_dev_is_removed(dev->id)) {
		eth_gone(ep, "the device was removed");
		return;
	}
	if (rte_eth_link_get_nowait(dev->id, &link) < 0)
		return;
	ep->speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
	eth_link_set(ep, link.link_status == RTE_ETH_LINK_UP);
}

static void on_change(void *ctx, const struct host_watch_state *state)
{
	struct eth_port *ep = ctx;

	if (state->gone) {
		eth_gone(ep, "its interface is gone");
		return;
	}
	eth_link_set(ep, state->up && state->carrier);
}

/* An interface reports its link; other devices are asked for theirs. */
static int follow_link(struct eth_port *ep, const char *ifname, struct err *err)
{
	struct dpdk_dev *dev = ep->dev;
	struct host_watch_state state;
	int r;

	(void)rte_eth_dev_callback_register(dev->id, RTE_ETH_EVENT_INTR_RMV, on_removed, dev);
	if (!ifname) {
		r = ev_add_timer(ep->ev, look, ep, &dev->look);
		if (r < 0)
			return err_set(err, r, "timer: %s", strerror(-r));
		ev_timer_set(dev->look, 0, LOOK_NS);
		return 0;
	}
	r = host_watch_create(ep->ev, ifname, on_change, ep, &dev->watch, &state, err);
	if (!r)
		eth_link_set(ep, state.up && state.carrier);
	return r;
}

/* ---- Configuration ---- */

/* The driver says no more than that an argument is invalid. */
static void hint_xdp(struct err *err)
{
	err_hint(err,
		"needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF (before Linux 5.8 CAP_SYS_ADMIN): "
		"run vswitch as root, or setcap cap_net_admin,cap_net_raw,cap_bpf+ep on it and "
		"start it again");
}

static uint64_t tx_features(uint64_t offloads)
{
	const uint64_t csum = RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	const uint64_t tso = csum | RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |
			     RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	uint64_t features = 0;

	if ((offloads & csum) == csum)
		features |= VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM);
	if ((offloads & tso) == tso)
		features |=
			VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6);
	return features;
}

static void set_conf(struct rte_eth_conf *conf, const struct rte_eth_dev_info *info,
	uint16_t n_queues, uint32_t mtu, bool interrupts)
{
	*conf = (struct rte_eth_conf){0};
	conf->rxmode.mtu = mtu;
	conf->rxmode.offloads = WANTED_RX & info->rx_offload_capa;
	conf->txmode.offloads = WANTED_TX & info->tx_offload_capa;
	if (n_queues > 1 && info->flow_type_rss_offloads) {
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf->rx_adv_conf.rss_conf.rss_hf =
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP) &
			info->flow_type_rss_offloads;
	}
	conf->intr_conf.rxq = interrupts;
	conf->intr_conf.rmv = !!(*info->dev_flags & RTE_ETH_DEV_INTR_RMV);
}

/* What the port's MTU means for this device. */
static uint32_t device_mtu(const struct eth_port *ep, const struct rte_eth_dev_info *info)
{
	uint32_t mtu = ep->conf.mtu, most = info->max_mtu;

	/* A driver that reports no MTU reports a length of frame. */
	if (most == UINT16_MAX && info->max_rx_pktlen > RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN)
		most = info->max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN;
	mtu = mtu < most ? mtu : most;
	return mtu < info->min_mtu ? info->min_mtu : mtu;
}

/* The largest frame of a packet that long: with header and tag. */
static uint32_t frame_len(uint32_t mtu)
{
	return mtu + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;
}

static int setup_queues(struct eth_port *ep, const struct rte_eth_dev_info *info,
	const struct rte_eth_conf *conf, struct err *err)
{
	struct dpdk_dev *dev = ep->dev;
	struct rte_eth_rxconf rx = info->default_rxconf;
	struct rte_eth_txconf tx = info->default_txconf;
	uint16_t n_rx = RING_SIZE, n_tx = RING_SIZE;
	int r = rte_eth_dev_adjust_nb_rx_tx_desc(dev->id, &n_rx, &n_tx);

	rx.offloads = conf->rxmode.offloads;
	tx.offloads = conf->txmode.offloads;
	for (uint16_t q = 0; !r && q < ep->n_queues; q++) {
		r = rte_eth_rx_queue_setup(dev->id, q, n_rx, SOCKET_ID_ANY, &rx, dev->pool);
		if (!r)
			r = rte_eth_tx_queue_setup(dev->id, q, n_tx, SOCKET_ID_ANY, &tx);
		dev->queues[q] =
			(struct ethq){.queue = {.ops = &ethq_ops,
					      .rx_features = VIRTIO_BIT(VIRTIO_NET_F_CSUM),
					      .tx_features = tx_features(conf->txmode.offloads),
					      .wake_fd = -1},
				.dev_id = dev->id,
				.queue_id = q,
				.max_len = frame_len(ep->dev_mtu),
				.pool = dev->pool};
		ep->queues[q] = &dev->queues[q].queue;
	}
	if (r >= 0)
		return 0;
	(void)err_set(err, r, "its queues: %s", strerror(-r));
	if (ep->conf.type == CTL_PORT_AF_XDP)
		hint_xdp(err); /* a socket does not tell of CAP_BPF */
	return r;
}

/* Of the file that is replayed. Returns code. */
static int set_file_error(const struct ctl_port *conf, int code, struct err *err, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));
static int set_file_error(const struct ctl_port *conf, int code, struct err *err, const char *fmt,
	...)
{
	char why[160];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return err_set_field(err, code, "rx_file", "capture file '%s': %s", conf->rx_file, why);
}

static bool is_looped(const struct ctl_port *conf)
{
	return conf->type == CTL_PORT_PCAP && conf->loop && conf->rx_file[0];
}

/*
 * Mbufs for a file that is replayed for ever: as many more as it has frames, with room for each.
 * DPDK's driver does not say what it lacks of them, and then frees its ring twice.
 */
static int measure_loop(const struct eth_port *ep, uint32_t *ret_n_frames, uint32_t *mbuf_size,
	struct err *err)
{
	const struct ctl_port *conf = &ep->conf;
	uint32_t max_len, allowed = frame_len(conf->mtu);
	int r = capture_file_measure(conf->rx_file, MAX_HELD_FRAMES, ret_n_frames, &max_len);

	if (r < 0)
		return set_file_error(conf, r, err, "%s", strerror(-r));
	if (*ret_n_frames > MAX_HELD_FRAMES) {
		(void)set_file_error(conf, -EINVAL, err,
			"has more than %u frames, the most that are replayed for ever",
			MAX_HELD_FRAMES);
		err_hint(err, "leave loop out, or take a part: 'editcap -r %s OUT.pcap 1-%u'",
			conf->rx_file, MAX_HELD_FRAMES);
		return -EINVAL;
	}
	allowed = allowed < MAX_MBUF_SIZE ? allowed : MAX_MBUF_SIZE;
	if (max_len > allowed) {
		(void)set_file_error(conf, -EINVAL, err,
			"has a frame of %u bytes, longer than the %u of mtu %u", max_len, allowed,
			conf->mtu);
		err_hint(err,
			"leave loop out, give a larger mtu, or cut: 'editcap -s %u %s OUT.pcap'",
			allowed, conf->rx_file);
		return -EINVAL;
	}
	*mbuf_size = max_len > *mbuf_size ? max_len : *mbuf_size;
	return 0;
}

/*
 * May a worker sleep until the device kicks? Virtual devices cannot kick, and say so loudly. NICs
 * of net_e1000_em (82574 with MSI-X, DPDK 22.11) kick for few of the frames that come: measured,
 * frames waited for seconds. They are polled.
 */
static bool has_interrupts(const struct ctl_port *conf, const char *driver)
{
	return conf->type == CTL_PORT_NIC && strcmp(driver, "net_e1000_em") != 0;
}

static int configure(struct eth_port *ep, const struct eth_spec *spec, struct err *err)
{
	struct dpdk_dev *dev = ep->dev;
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int r = rte_eth_dev_info_get(dev->id, &info);
	uint16_t n_queues = eth_wanted_queues(ep);
	uint32_t mtu, n_looped = 0, mbuf_size = MBUF_SIZE;
	char pool_name[16];
	unsigned n_mbufs;

	if (r < 0)
		return err_set(err, r, "asking the device: %s", strerror(-r));
	dev->device = info.device;
	(void)snprintf(ep->driver, sizeof(ep->driver), "%s", info.driver_name);
	n_queues = n_queues < info.max_rx_queues ? n_queues : info.max_rx_queues;
	n_queues = n_queues < info.max_tx_queues ? n_queues : info.max_tx_queues;
	ep->n_queues = n_queues;
	mtu = device_mtu(ep, &info);
	ep->dev_mtu = spec->takes_any_len ? ep->conf.mtu : mtu;
	if (is_looped(&ep->conf)) {
		r = measure_loop(ep, &n_looped, &mbuf_size, err);
		if (r < 0)
			return r;
	}
	n_mbufs = n_queues * (2 * RING_SIZE + SPARE_MBUFS) + n_queues * RING_SIZE - 1 + n_looped;
	dev->pool_is_mapped = ep->conf.type == CTL_PORT_NIC;
	(void)snprintf(pool_name, sizeof(pool_name), "eth%u", dev->id);
	r = eth_pool_create(pool_name, n_mbufs, (uint16_t)mbuf_size, dev->pool_is_mapped,
		&dev->pool, err);
	if (r < 0)
		return r;
	dev->has_interrupts = has_interrupts(&ep->conf, info.driver_name);
	set_conf(&conf, &info, n_queues, mtu, dev->has_interrupts);
	r = rte_eth_dev_configure(dev->id, n_queues, n_queues, &conf);
	if (r < 0)
		return err_set(err, r, "configuring %u queues, mtu %u: %s", n_queues, mtu,
			strerror(-r));
	r = setup_queues(ep, &info, &conf, err);
	/* Of a file without frames DPDK's driver loses the mbufs that it fetched for some. */
	if (!r && is_looped(&ep->conf) && !rte_mempool_in_use_count(dev->pool))
		r = set_file_error(&ep->conf, -EINVAL, err,
			"holds no frame that could be replayed for ever");
	return r;
}

/* ---- Back-end ---- */

/* Before DPDK is started for nothing. */
static int check_xdp(struct err *err)
{
	int r, fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	r = err_set(err, -errno, "AF_XDP socket: %s", strerror(errno));
	if (r == -EPERM)
		hint_xdp(err);
	return r;
}

/* DPDK's driver only says that something is not permitted. */
static int check_files(const struct ctl_port *conf, struct err *err)
{
	struct err why = {0};
	int fd, r = conf->rx_file[0] ? capture_file_check(conf->rx_file, &why) : 0;

	if (r < 0) {
		(void)set_file_error(conf, r, err, "%s", why.msg);
		err_hint(err, "%s", why.hint);
		return r;
	}
	if (!conf->tx_file[0])
		return 0;
	/* Who opens a FIFO that nobody reads would wait. */
	fd = open(conf->tx_file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
	if (fd < 0)
		return err_set_field(err, -errno, "tx_file", "capture file '%s': %s", conf->tx_file,
			strerror(errno));
	close(fd);
	return 0;
}

/*
 * netcfg took the NIC, as a rule. A switch that starts again takes what it rebound, and a NIC
 * that was unplugged when another one, or the same, is plugged in. Not one that the host asked
 * back and still has: somebody wanted it so.
 */
static int take_nic(const struct eth_port *ep, struct pci_bind_nic *nic, struct err *err)
{
	int r;

	if (!ep->conf.rebind || pci_bind_is_taken(nic) || pci_bind_is_shared(nic) ||
		(ep->lost_nic && ep->lost_nic == nic_instance(nic->address)))
		return 0;
	r = pci_bind_check(NULL, nic, false, err);
	if (!r)
		r = pci_bind_take(NULL, nic, err);
	if (!r)
		r = pci_bind_find(NULL, nic->address, nic, err);
	return r == -ENODEV ? -EIO : r; /* the NIC is there */
}

/* The NIC that the operator names has to be ours before DPDK looks at it. */
static int check_nic(struct eth_port *ep, struct eth_spec *spec, struct err *err)
{
	struct pci_bind_nic nic;
	int r = pci_bind_find(NULL, ep->conf.dev, &nic, err);

	if (!r)
		r = take_nic(ep, &nic, err);
	if (r < 0)
		return r;
	if (!pci_bind_is_taken(&nic) && !pci_bind_is_shared(&nic)) {
		(void)err_set_field(err, -EBUSY, "dev", "NIC %s is the kernel's (driver %s)",
			nic.address, nic.driver[0] ? nic.driver : "none");
		err_hint(err, "hand it over first: `netcfg nic bind %s`", nic.address);
		return -EBUSY;
	}
	(void)snprintf(spec->name, sizeof(spec->name), "%s", nic.address);
	(void)snprintf(spec->devargs, sizeof(spec->devargs), "%s", nic.address);
	/* The module may have come after DPDK was started. */
	if (!rte_vfio_is_enabled("vfio") && rte_vfio_enable("vfio") < 0)
		return err_set(err, -EIO, "dpdk: VFIO cannot be used: see its log");
	return 0;
}

static void rebind_nic(struct eth_port *ep, const char *address)
{
	char driver[PCI_BIND_NAME_SIZE] = "";
	struct err err = {0};

	if (pci_bind_rebind(NULL, address, driver, &err) < 0)
		log_warn("port '%s': rebinding NIC %s: %s", ep->conf.name, address, err.msg);
	else
		log_notice("port '%s': NIC %s is the kernel's again, driver=%s", ep->conf.name,
			address, driver);
}

/*
 * DPDK binds without a look: a socket that a killed switch left is as much in its way as a file.
 * One that is served may be ours, for ports share it by their numbers.
 */
static int clear_socket(const struct ctl_port *conf, struct err *err)
{
	int r = conf->mode == CTL_SOCK_SERVER ? unix_clear_dead(conf->path, "socket", err) : 0;

	if (r != -EADDRINUSE)
		return r;
	err_clear(err);
	return 0;
}

static int probe(struct eth_port *ep, const struct eth_spec *spec, struct err *err)
{
	struct dpdk_dev *dev = ep->dev;
	int r = rte_dev_probe(spec->devargs);

	if (r < 0 && ep->conf.type == CTL_PORT_MEMIF && ep->conf.mode == CTL_SOCK_SERVER &&
		unix_check_free(ep->conf.path, "socket", err) < 0)
		return -EADDRINUSE;
	if (r < 0 && ep->conf.type == CTL_PORT_NIC) {
		(void)err_set(err, r, "dpdk: NIC %s cannot be had: %s", spec->name, strerror(-r));
		err_hint(err,
			"the log has what DPDK said; often the limit of locked memory "
			"('ulimit -l', LimitMEMLOCK=) is below 128 MiB, or /dev/vfio is not ours");
		return r;
	}
	if (r < 0) {
		(void)err_set(err, r, "dpdk: device '%s' cannot be had: %s", spec->name,
			r == -EFAULT ? "no driver takes it" : strerror(-r));
		err_hint(err, "the log of vswitch has what DPDK said");
		return r;
	}
	r = rte_eth_dev_get_port_by_name(spec->name, &dev->id);
	if (r < 0)
		return err_set(err, r, "dpdk: device '%s' is no Ethernet device", spec->name);
	dev->is_probed = true;
	return 0;
}

static int dpdk_open(struct eth_port *ep, struct err *err)
{
	static unsigned next_id;
	struct host_link_info info;
	struct dpdk_dev *dev;
	struct eth_spec spec;
	int r = eth_spec_of(&ep->conf, next_id++, eth_wanted_queues(ep), &spec, err);

	/* Of an interface that is missing, too, DPDK says that something is not permitted. */
	if (!r && spec.ifname)
		r = host_link_get(NULL, spec.ifname, &info, err);
	if (!r && ep->conf.type == CTL_PORT_AF_XDP)
		r = check_xdp(err);
	if (!r)
		r = eal_start(err);
	if (r < 0)
		return r;
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return err_set(err, -ENOMEM, "out of memory");
	ep->dev = dev;
	if (ep->conf.type == CTL_PORT_NIC)
		r = check_nic(ep, &spec, err);
	else if (ep->conf.type == CTL_PORT_PCAP)
		r = check_files(&ep->conf, err);
	else if (ep->conf.type == CTL_PORT_MEMIF)
		r = clear_socket(&ep->conf, err);
	if (!r)
		r = probe(ep, &spec, err);
	if (!r)
		r = configure(ep, &spec, err);
	if (r < 0)
		return r;
	r = rte_eth_dev_start(dev->id);
	if (r < 0)
		return err_set(err, r, "starting the device: %s", strerror(-r));
	dev->is_started = true;
	/* A device that has no such thing passes everything. */
	(void)rte_eth_promiscuous_enable(dev->id);
	if (ep->conf.type == CTL_PORT_NIC) {
		(void)snprintf(dev->nic, sizeof(dev->nic), "%.12s", spec.name);
		r = eth_unplug_init(&dev->unplug, dev->nic, err);
		if (r < 0)
			return r;
		ep->lost_nic = 0;
		for (uint16_t q = 0; dev->has_interrupts && q < ep->n_queues; q++)
			ep->queues[q]->wake_fd = rte_eth_dev_rx_intr_ctl_q_get_fd(dev->id, q);
	}
	return follow_link(ep, spec.ifname, err);
}

/* To the pool, before the device is closed. */
static void give_spares_back(struct ethq *q)
{
	rte_pktmbuf_free_bulk(q->spare, q->n_spare);
	q->n_spare = 0;
}

static void dpdk_close(struct eth_port *ep)
{
	struct dpdk_dev *dev = ep->dev;

	if (!dev)
		return;
	host_watch_destroy(dev->watch);
	ev_del(dev->look);
	eth_unplug_done(&dev->unplug);
	if (dev->is_probed) {
		/* -EAGAIN: it runs in this moment, and is short. */
		while (rte_eth_dev_callback_unregister(dev->id, RTE_ETH_EVENT_INTR_RMV, on_removed,
			       dev) == -EAGAIN)
			;
		if (dev->is_started)
			(void)rte_eth_dev_stop(dev->id);
		for (uint16_t q = 0; q < ep->n_queues; q++)
			give_spares_back(&dev->queues[q]);
		(void)rte_eth_dev_close(dev->id);
	}
	eth_pool_destroy(dev->pool, dev->pool_is_mapped);
	if (dev->is_probed && dev->device && rte_dev_remove(dev->device) < 0)
		log_warn("port '%s': dpdk keeps its device", ep->conf.name);
	else if (dev->nic[0] && ep->conf.rebind && !eth_unplug_asked(&dev->unplug))
		rebind_nic(ep, dev->nic);
	free(dev);
	ep->dev = NULL;
	ep->n_queues = 0;
}

/* Raising or lowering it may cost a NIC its link for a moment, as its own driver's would. */
static int dpdk_set_mtu(struct eth_port *ep, uint32_t mtu, struct err *err)
{
	struct dpdk_dev *dev = ep->dev;
	struct rte_eth_dev_info info;
	int r;

	/* Of an interface that is not ours the operator decides; the others have no MTU. */
	if (ep->conf.type != CTL_PORT_NIC || rte_eth_dev_info_get(dev->id, &info) < 0)
		return 0;
	mtu = device_mtu(ep, &info);
	if (mtu == ep->dev_mtu)
		return 0;
	eth_link_set(ep, false); /* workers read the queues' largest frame */
	r = rte_eth_dev_set_mtu(dev->id, (uint16_t)mtu);
	if (r < 0) { /* many take it only while they stand still */
		(void)rte_eth_dev_stop(dev->id);
		dev->is_started = false;
		r = rte_eth_dev_set_mtu(dev->id, (uint16_t)mtu);
		if (rte_eth_dev_start(dev->id) < 0) {
			eth_gone(ep, "the NIC did not start again with another mtu");
			return 0;
		}
		dev->is_started = true;
	}
	if (r < 0)
		(void)err_set(err, r, "the NIC refuses mtu %u: %s", mtu, strerror(-r));
	for (uint16_t q = 0; !r && q < ep->n_queues; q++)
		dev->queues[q].max_len = frame_len(mtu);
	if (!r)
		eth_mtu_set(ep, mtu);
	look(ep);
	return r;
}

const struct eth_backend eth_dpdk_backend = {
	.open = dpdk_open,
	.close = dpdk_close,
	.set_mtu = dpdk_set_mtu,
};
