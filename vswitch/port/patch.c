#include "patch.h"

#include "ctl_field.h"

#include <errno.h>
#include <stdlib.h>

static int create(struct ev *ev, const struct ctl_port *conf, const struct port_events *events,
	void *ctx, struct port **ret_port, struct err *err)
{
	struct port *port = malloc(sizeof(*port));

	if (!port)
		return err_set(err, -ENOMEM, "port '%s': out of memory", conf->name);
	*port = (struct port){.ops = &patch_port_ops, .ctx = ctx, .events = events};
	*ret_port = port;
	return 0;
}

static void destroy(struct port *port)
{
	free(port);
}

static const struct port_queues *queues(const struct port *port)
{
	static const struct port_queues none;

	return &none;
}

static void status(const struct port *port, struct ctl_port *ret_status)
{
	CTL_SET(ret_status, ctl_port, state, CTL_CONN_RUNNING);
	CTL_SET(ret_status, ctl_port, rings, CTL_RING_NONE);
}

static void set_carrier(struct port *port, bool up)
{
}

static void set_mtu(struct port *port, uint32_t mtu)
{
}

static void check(struct port *port)
{
}

const struct port_ops patch_port_ops = {
	.type = CTL_PORT_PATCH,
	.create = create,
	.destroy = destroy,
	.queues = queues,
	.status = status,
	.set_carrier = set_carrier,
	.set_mtu = set_mtu,
	.check = check,
};
