#include "port.h"

#include "eth.h"
#include "patch.h"
#include "vhost_priv.h"

#include <errno.h>

static const struct port_ops *const port_types[] = {
	&vhost_port_ops,
	&eth_nic_ops,
	&eth_af_xdp_ops,
	&eth_af_packet_ops,
	&eth_tap_ops,
	&eth_veth_ops,
	&eth_pcap_ops,
	&eth_memif_ops,
	&eth_dpdk_ops,
	&patch_port_ops,
};

int port_create(struct ev *ev, const struct ctl_port *conf, const struct port_events *events,
	void *ctx, struct port **ret_port, struct err *err)
{
	for (unsigned i = 0; i < sizeof(port_types) / sizeof(port_types[0]); i++)
		if (port_types[i]->type == conf->type)
			return port_types[i]->create(ev, conf, events, ctx, ret_port, err);
	return err_set_field(err, -ENOTSUP, "type", "port '%s': type %u is not supported",
		conf->name, conf->type);
}

void port_destroy(struct port *port)
{
	if (port)
		port->ops->destroy(port);
}

const struct port_queues *port_queues(const struct port *port)
{
	return port->ops->queues(port);
}

void port_status(const struct port *port, struct ctl_port *ret_status)
{
	port->ops->status(port, ret_status);
}

void port_set_carrier(struct port *port, bool up)
{
	port->ops->set_carrier(port, up);
}

void port_set_mtu(struct port *port, uint32_t mtu)
{
	port->ops->set_mtu(port, mtu);
}

uint32_t port_device_mtu(const struct port *port)
{
	return port->ops->device_mtu ? port->ops->device_mtu(port) : 0;
}

uint64_t port_missed(struct port *port)
{
	return port->ops->missed ? port->ops->missed(port) : 0;
}

void port_check(struct port *port)
{
	port->ops->check(port);
}

bool port_is_running(const struct port *port)
{
	return port_queues(port)->n > 0;
}
