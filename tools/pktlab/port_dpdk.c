/* Any device that DPDK drives, by its device arguments: "0000:03:00.0", "net_pcap0,iface=eth0". One
 * queue each way. Frames are copied between the device's buffers and ours: slots must stay. */
#include "port_sock.h"

#include "eal.h"
#include "err.h"

#include <errno.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#define N_MBUFS     8191u
#define N_CACHED    256u
#define DESCRIPTORS 1024u

struct dpdk {
	struct port_sock bufs; /* what is sent; no socket */
	uint16_t id;
	struct rte_mempool *pool;
	struct rte_mbuf *held[PORT_BURST]; /* frames that the engine looks at */
	char devargs[256];
};

static unsigned n_opened; /* names of pools */

static int find_port(const char *devargs, uint16_t *ret_id)
{
	struct rte_dev_iterator iterator;
	uint16_t id;

	RTE_ETH_FOREACH_MATCHING_DEV(id, devargs, &iterator)
	{
		rte_eth_iterator_cleanup(&iterator);
		*ret_id = id;
		return 0;
	}
	return -ENODEV;
}

static int configure(struct dpdk *dpdk, uint32_t mtu)
{
	struct rte_eth_conf conf = {.rxmode = {.mtu = mtu}};
	uint16_t n_rx = DESCRIPTORS, n_tx = DESCRIPTORS;
	int r = rte_eth_dev_configure(dpdk->id, 1, 1, &conf);

	if (!r)
		r = rte_eth_dev_adjust_nb_rx_tx_desc(dpdk->id, &n_rx, &n_tx);
	if (!r)
		r = rte_eth_rx_queue_setup(dpdk->id, 0, n_rx, SOCKET_ID_ANY, NULL, dpdk->pool);
	if (!r)
		r = rte_eth_tx_queue_setup(dpdk->id, 0, n_tx, SOCKET_ID_ANY, NULL);
	if (!r)
		r = rte_eth_dev_start(dpdk->id);
	if (!r)
		(void)rte_eth_promiscuous_enable(dpdk->id); /* some devices always are */
	return r;
}

static void dpdk_tend(struct port *port)
{
	struct dpdk *dpdk = port->priv;
	struct rte_eth_link link = {0};
	bool up = !rte_eth_link_get_nowait(dpdk->id, &link) && link.link_status;

	port->n_down += port->is_up && !up;
	port->is_up = up;
}

static int open_device(struct port *port, struct dpdk *dpdk, uint32_t mtu, struct err *err)
{
	char name[32];
	int r = eal_start(err);

	if (r)
		return r;
	r = rte_dev_probe(dpdk->devargs);
	if (!r)
		r = find_port(dpdk->devargs, &dpdk->id);
	if (r) {
		(void)err_set(err, r, "device '%s': %s", dpdk->devargs, rte_strerror(-r));
		err_hint(err,
			"a NIC is bound to vfio-pci first (netcfg nic bind); a virtual device "
			"is named as net_null0");
		return r;
	}
	(void)snprintf(name, sizeof(name), "pktlab%u", n_opened++);
	dpdk->pool = rte_pktmbuf_pool_create(name, N_MBUFS, N_CACHED, 0,
		(uint16_t)(port->frame_max + RTE_PKTMBUF_HEADROOM), SOCKET_ID_ANY);
	if (!dpdk->pool)
		return err_set(err, -ENOMEM, "no memory for packet buffers");
	r = configure(dpdk, mtu);
	if (r)
		return err_set(err, r, "device '%s' cannot be set up: %s", dpdk->devargs,
			rte_strerror(-r));
	return 0;
}

static void dpdk_close(struct port *port)
{
	struct dpdk *dpdk = port->priv;

	if (dpdk->pool && rte_eth_dev_is_valid_port(dpdk->id)) {
		(void)rte_eth_dev_stop(dpdk->id);
		(void)rte_eth_dev_close(dpdk->id);
	}
	rte_mempool_free(dpdk->pool);
	port_sock_done(&dpdk->bufs);
	free(dpdk);
	port->priv = NULL;
}

static int dpdk_open(struct port *port, const char *arg, struct err *err)
{
	/* Commas are the device's: no options of ours behind it. */
	const uint32_t mtu = 1500;
	struct dpdk *dpdk = calloc(1, sizeof(*dpdk));
	int r = 0;

	if (!dpdk)
		return err_set(err, -ENOMEM, "out of memory");
	port->priv = dpdk;
	port->frame_max = mtu + PORT_OVERHEAD;
	port->ring = DESCRIPTORS;
	if (strlen(arg) >= sizeof(dpdk->devargs))
		r = err_set(err, -EINVAL, "'%.40s...' is too long", arg);
	else
		memcpy(dpdk->devargs, arg, strlen(arg) + 1);
	if (port_sock_init(&dpdk->bufs, -1, port->frame_max) && !r)
		r = err_set(err, -ENOMEM, "out of memory");
	if (!r)
		r = open_device(port, dpdk, mtu, err);
	if (r) {
		dpdk_close(port);
		return r;
	}
	dpdk_tend(port);
	return 0;
}

static unsigned dpdk_tx_begin(struct port *port, unsigned n, struct port_slot *slots)
{
	struct dpdk *dpdk = port->priv;

	return port_sock_tx_begin(&dpdk->bufs, n, slots);
}

static unsigned dpdk_tx_end(struct port *port, unsigned n, const struct port_slot *slots)
{
	struct dpdk *dpdk = port->priv;
	struct rte_mbuf *mbufs[PORT_BURST];

	if (rte_pktmbuf_alloc_bulk(dpdk->pool, mbufs, n))
		return 0;
	for (unsigned i = 0; i < n; i++) {
		memcpy(rte_pktmbuf_mtod(mbufs[i], void *), slots[i].data, slots[i].len);
		mbufs[i]->data_len = (uint16_t)slots[i].len;
		mbufs[i]->pkt_len = slots[i].len;
	}
	unsigned sent = rte_eth_tx_burst(dpdk->id, 0, mbufs, (uint16_t)n);
	if (sent < n)
		rte_pktmbuf_free_bulk(mbufs + sent, n - sent);
	return sent;
}

static unsigned dpdk_tx_pending(struct port *port)
{
	(void)port;
	return 0;
}

static unsigned dpdk_rx_begin(struct port *port, unsigned n, struct port_frame *frames)
{
	struct dpdk *dpdk = port->priv;
	unsigned got = rte_eth_rx_burst(dpdk->id, 0, dpdk->held, (uint16_t)n);

	/* One buffer holds the largest frame: the pool was made for it. */
	for (unsigned i = 0; i < got; i++)
		frames[i] = (struct port_frame){
			rte_pktmbuf_mtod(dpdk->held[i], const uint8_t *), dpdk->held[i]->data_len};
	return got;
}

static void dpdk_rx_end(struct port *port, unsigned n)
{
	struct dpdk *dpdk = port->priv;

	rte_pktmbuf_free_bulk(dpdk->held, n);
}

const struct port_ops port_dpdk_ops = {
	.type = "dpdk",
	.usage = "DEVICE-ARGUMENTS",
	.open = dpdk_open,
	.close = dpdk_close,
	.tend = dpdk_tend,
	.tx_begin = dpdk_tx_begin,
	.tx_end = dpdk_tx_end,
	.tx_pending = dpdk_tx_pending,
	.rx_begin = dpdk_rx_begin,
	.rx_end = dpdk_rx_end,
};
