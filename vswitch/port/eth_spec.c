#include "eth_spec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MEMIF_LOG_RING_SIZE 10

static void add(struct eth_spec *spec, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct eth_spec *spec, const char *fmt, ...)
{
	size_t at = strlen(spec->devargs);
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(spec->devargs + at, sizeof(spec->devargs) - at, fmt, args);
	va_end(args);
}

/* DPDK has no way to quote a comma or a bracket in a value. */
static int check_value(const char *field, const char *value, struct err *err)
{
	if (!strpbrk(value, ",[]()"))
		return 0;
	(void)err_set_field(err, -EINVAL, field,
		"'%s' holds a comma or bracket, which DPDK takes for its own", value);
	err_hint(err, "use a name without them, perhaps by a symbolic link");
	return -EINVAL;
}

static void begin(struct eth_spec *spec, const char *driver, unsigned id)
{
	(void)snprintf(spec->name, sizeof(spec->name), "%s%u", driver, id);
	add(spec, "%s", spec->name);
}

static int spec_pcap(const struct ctl_port *conf, unsigned id, struct eth_spec *spec,
	struct err *err)
{
	begin(spec, "net_pcap", id);
	if (conf->rx_file[0])
		add(spec, ",rx_pcap=%s", conf->rx_file);
	if (conf->tx_file[0])
		add(spec, ",tx_pcap=%s", conf->tx_file);
	if (conf->rx_file[0] && conf->loop)
		add(spec, ",infinite_rx=1");
	return check_value("rx_file", conf->rx_file, err)
		       ? -EINVAL
		       : check_value("tx_file", conf->tx_file, err);
}

static int spec_memif(const struct ctl_port *conf, unsigned id, struct eth_spec *spec,
	struct err *err)
{
	begin(spec, "net_memif", id);
	add(spec, ",role=%s,id=%u,rsize=%u,socket-abstract=no,socket=%s",
		conf->mode == CTL_SOCK_SERVER ? "server" : "client", conf->memif_id,
		MEMIF_LOG_RING_SIZE, conf->path);
	spec->takes_any_len = true;
	return check_value("path", conf->path, err);
}

int eth_spec_of(const struct ctl_port *conf, unsigned id, uint16_t n_queues,
	struct eth_spec *ret_spec, struct err *err)
{
	struct eth_spec *spec = ret_spec;

	*spec = (struct eth_spec){0};
	switch ((enum ctl_port_type)conf->type) {
	case CTL_PORT_AF_XDP:
		begin(spec, "net_af_xdp", id);
		/* No busy polling inside the driver: sleeping is the worker's business. */
		add(spec, ",iface=%s,start_queue=0,queue_count=%u,busy_budget=0", conf->dev,
			n_queues);
		spec->ifname = conf->dev;
		return check_value("dev", conf->dev, err);
	case CTL_PORT_PCAP:
		return spec_pcap(conf, id, spec, err);
	case CTL_PORT_MEMIF:
		return spec_memif(conf, id, spec, err);
	case CTL_PORT_NIC:
		(void)snprintf(spec->name, sizeof(spec->name), "%s", conf->dev);
		add(spec, "%s", conf->dev);
		return 0;
	case CTL_PORT_DPDK:
		(void)snprintf(spec->name, sizeof(spec->name), "%.*s",
			(int)strcspn(conf->devargs, ","), conf->devargs);
		add(spec, "%s", conf->devargs);
		return 0;
	case CTL_PORT_VHOST_USER:
	case CTL_PORT_AF_PACKET:
	case CTL_PORT_TAP:
	case CTL_PORT_VETH:
	case CTL_PORT_PATCH:
		break;
	}
	return err_set_field(err, -ENOTSUP, "type", "no device of DPDK serves this type of port");
}
