#include "eth_priv.h"

#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("eth");

static struct eth_port *to_eth(struct port *port)
{
	return (struct eth_port *)port; /* first member */
}

static void report_status(struct eth_port *ep)
{
	if (ep->port.events->status)
		ep->port.events->status(ep->port.ctx, &ep->port);
}

/* ---- Queues ---- */

static void withdraw(struct eth_port *ep)
{
	if (!ep->running.n)
		return;
	ep->running.n = 0;
	ep->port.events->queues(ep->port.ctx, &ep->port); /* no worker uses them when it returns */
}

static void offer(struct eth_port *ep)
{
	for (uint16_t q = 0; q < ep->n_queues; q++) {
		ep->running.rx[q] = ep->running.tx[q] = ep->queues[q];
		ep->running.pair[q] = q;
	}
	ep->running.n = ep->n_queues;
	ev_timer_set(ep->timer, ETH_SETTLE_NS, 0);
	ep->port.events->queues(ep->port.ctx, &ep->port);
}

/* ---- Device ---- */

static void report_carrier(struct eth_port *ep)
{
	if (ep->is_open && ep->backend->set_carrier)
		ep->backend->set_carrier(ep, ep->carrier);
}

void eth_link_set(struct eth_port *ep, bool up)
{
	if (up == ep->link_up)
		return;
	ep->link_up = up;
	if (!ep->is_open)
		return;
	if (up)
		offer(ep);
	else
		withdraw(ep);
	log_info("port '%s': link is %s", ep->conf.name, up ? "up" : "down");
	report_status(ep);
}

void eth_mtu_set(struct eth_port *ep, uint32_t mtu)
{
	static const char complaint[] = "the device's mtu ";
	bool is_new = mtu != ep->dev_mtu;

	ep->dev_mtu = mtu;
	if (mtu && mtu < ep->conf.mtu && CTL_HAS(&ep->conf, ctl_port, mtu))
		(void)snprintf(ep->last_error, sizeof(ep->last_error),
			"%s%u is smaller than the port's, %u: larger packets are lost", complaint,
			mtu, ep->conf.mtu);
	else if (!strncmp(ep->last_error, complaint, sizeof(complaint) - 1))
		ep->last_error[0] = '\0';
	/* What passes is another now. */
	if (is_new && ep->running.n)
		ep->port.events->queues(ep->port.ctx, &ep->port);
}

uint32_t eth_wanted_mtu(const struct eth_port *ep)
{
	return CTL_HAS(&ep->conf, ctl_port, mtu) ? ep->conf.mtu : ETH_DEFAULT_MTU;
}

uint16_t eth_wanted_queues(const struct eth_port *ep)
{
	return ep->conf.queues && ep->conf.queues < ETH_ANY_QUEUES ? ep->conf.queues : 1;
}

static int open_device(struct eth_port *ep, struct err *err)
{
	int r;

	ep->link_up = false;
	r = ep->backend->open(ep, err);
	if (r < 0) {
		ep->backend->close(ep);
		return err_prefix(err, "port '%s'", ep->conf.name);
	}
	ep->is_open = true;
	ep->connects++;
	ep->last_error[0] = '\0';
	eth_mtu_set(ep, ep->dev_mtu);
	report_carrier(ep);
	return 0;
}

static uint32_t device_mtu(const struct port *port)
{
	const struct eth_port *ep = (const struct eth_port *)port;

	return ep->is_open ? ep->dev_mtu : 0;
}

static uint64_t count_missed(struct port *port)
{
	struct eth_port *ep = to_eth(port);

	if (ep->is_open && ep->backend->missed)
		ep->missed += ep->backend->missed(ep);
	return ep->missed;
}

static void close_device(struct eth_port *ep)
{
	withdraw(ep);
	(void)count_missed(&ep->port); /* the last of this device */
	if (ep->is_open)
		ep->backend->close(ep);
	ep->is_open = ep->link_up = false;
	ep->n_queues = 0;
	ep->speed_mbps = ep->dev_mtu = 0;
}

void eth_gone(struct eth_port *ep, const char *why)
{
	close_device(ep);
	(void)snprintf(ep->last_error, sizeof(ep->last_error), "%s", why);
	log_notice("port '%s': %s, looking for it", ep->conf.name, why);
	ev_timer_set(ep->timer, ETH_RETRY_NS, ETH_RETRY_NS);
	report_status(ep);
}

static void on_timer(void *ctx)
{
	struct eth_port *ep = ctx;
	struct err err = {0};

	if (!ep->is_open) {
		int r = open_device(ep, &err);

		/* While it is missing, why it went says more. */
		if (r < 0 && r != -ENODEV)
			(void)snprintf(ep->last_error, sizeof(ep->last_error), "%.255s", err.msg);
		if (r < 0)
			return;
		log_notice("port '%s': the device is back", ep->conf.name);
	}
	ev_timer_stop(ep->timer);
	if (ep->running.n) {
		report_carrier(ep);
		return;
	}
	if (ep->link_up)
		offer(ep);
	report_status(ep);
}

/* ---- Port ---- */

static void destroy_eth(struct port *port)
{
	struct eth_port *ep = to_eth(port);

	close_device(ep);
	ev_del(ep->timer);
	free(ep);
}

static int create_eth(const struct port_ops *ops, const struct eth_backend *backend, struct ev *ev,
	const struct ctl_port *conf, const struct port_events *events, void *ctx,
	struct port **ret_port, struct err *err)
{
	struct eth_port *ep = calloc(1, sizeof(*ep));
	int r;

	if (!ep)
		return err_set(err, -ENOMEM, "port '%s': out of memory", conf->name);
	ep->port = (struct port){ops, ctx, events};
	ep->ev = ev;
	ep->conf = *conf;
	ep->backend = backend;
	r = ev_add_timer(ev, on_timer, ep, &ep->timer);
	if (r < 0)
		(void)err_set(err, r, "port '%s': timer: %s", conf->name, strerror(-r));
	else
		r = open_device(ep, err);
	/* The owner knows the port only after this: its rings come a turn later. */
	if (r == 0)
		ev_timer_set(ep->timer, 0, 0);
	if (r < 0) {
		destroy_eth(&ep->port);
		return r;
	}
	*ret_port = &ep->port;
	return 0;
}

static const struct port_queues *eth_queues(const struct port *port)
{
	return &((const struct eth_port *)port)->running;
}

static enum ctl_conn_state conn_state(const struct eth_port *ep)
{
	if (!ep->is_open)
		return CTL_CONN_CONNECTING;
	return ep->running.n ? CTL_CONN_RUNNING : CTL_CONN_NEGOTIATING;
}

static void fill_status(const struct port *port, struct ctl_port *ret_status)
{
	const struct eth_port *ep = (const struct eth_port *)port;

	CTL_SET(ret_status, ctl_port, state, conn_state(ep));
	CTL_SET(ret_status, ctl_port, rings, CTL_RING_NONE);
	CTL_SET(ret_status, ctl_port, queue_pairs, ep->running.n);
	CTL_SET(ret_status, ctl_port, features, ep->n_queues ? ep->queues[0]->tx_features : 0);
	CTL_SET(ret_status, ctl_port, connects, ep->connects);
	CTL_SET_STR(ret_status, ctl_port, driver, ep->driver);
	if (ep->speed_mbps)
		CTL_SET(ret_status, ctl_port, speed, ep->speed_mbps);
	CTL_SET_STR(ret_status, ctl_port, last_error,
		ep->is_open && !ep->link_up && !ep->last_error[0] ? "the link is down"
								  : ep->last_error);
}

static void set_carrier(struct port *port, bool up)
{
	struct eth_port *ep = to_eth(port);

	if (ep->carrier == up)
		return;
	ep->carrier = up;
	report_carrier(ep);
}

static void set_mtu(struct port *port, uint32_t mtu)
{
	struct eth_port *ep = to_eth(port);
	struct err err = {0};

	if (ep->conf.mtu == mtu && CTL_HAS(&ep->conf, ctl_port, mtu))
		return;
	CTL_SET(&ep->conf, ctl_port, mtu, mtu);
	if (!ep->is_open)
		return;
	eth_mtu_set(ep, ep->dev_mtu);
	if (ep->backend->set_mtu && ep->backend->set_mtu(ep, mtu, &err) < 0)
		(void)snprintf(ep->last_error, sizeof(ep->last_error), "%.255s", err.msg);
}

static void check_eth(struct port *port)
{
	/* Nothing that a device does breaks its queues. */
}

#define ETH_TYPE(name, ctl_type, its_backend)                                               \
	static int name##_create(struct ev *ev, const struct ctl_port *conf,                \
		const struct port_events *events, void *ctx, struct port **ret_port,        \
		struct err *err)                                                            \
	{                                                                                   \
		return create_eth(&eth_##name##_ops, &(its_backend), ev, conf, events, ctx, \
			ret_port, err);                                                     \
	}                                                                                   \
	const struct port_ops eth_##name##_ops = {                                          \
		.type = ctl_type,                                                           \
		.create = name##_create,                                                    \
		.destroy = destroy_eth,                                                     \
		.queues = eth_queues,                                                       \
		.status = fill_status,                                                      \
		.set_carrier = set_carrier,                                                 \
		.set_mtu = set_mtu,                                                         \
		.check = check_eth,                                                         \
		.device_mtu = device_mtu,                                                   \
		.missed = count_missed,                                                     \
	}

ETH_TYPE(nic, CTL_PORT_NIC, eth_dpdk_backend);
ETH_TYPE(af_xdp, CTL_PORT_AF_XDP, eth_dpdk_backend);
ETH_TYPE(af_packet, CTL_PORT_AF_PACKET, eth_sock_backend);
ETH_TYPE(tap, CTL_PORT_TAP, eth_sock_backend);
ETH_TYPE(veth, CTL_PORT_VETH, eth_sock_backend);
ETH_TYPE(pcap, CTL_PORT_PCAP, eth_dpdk_backend);
ETH_TYPE(memif, CTL_PORT_MEMIF, eth_dpdk_backend);
ETH_TYPE(dpdk, CTL_PORT_DPDK, eth_dpdk_backend);
