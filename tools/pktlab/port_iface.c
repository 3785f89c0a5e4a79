#include "port_iface.h"

#include "err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int port_iface_find(const char *name, int *ret_index, bool *ret_up)
{
	struct ifreq ifr = {0};
	int fd, r = 0;

	if (strlen(name) >= sizeof(ifr.ifr_name))
		return -ENAMETOOLONG;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		r = -errno;
	*ret_up = ifr.ifr_flags & IFF_UP;
	*ret_index = (int)if_nametoindex(name);
	close(fd);
	return r;
}

int port_iface_open(struct port *port, const char *arg, port_iface_open_fn *open_fd,
	struct err *err)
{
	struct port_iface *iface;
	struct port_args args;
	int fd = -1, r = port_args_parse(&args, arg, "mtu", err);

	if (r)
		return r;
	iface = calloc(1, sizeof(*iface));
	if (!iface)
		return err_set(err, -ENOMEM, "out of memory");
	port->priv = iface;
	port->frame_max = args.mtu + PORT_OVERHEAD;
	port->ring = PORT_BURST;
	r = open_fd(args.what, args.mtu, &fd, err);
	if (port_sock_init(&iface->sock, fd, port->frame_max) && !r)
		r = err_set(err, -ENOMEM, "out of memory");
	if (r) {
		port_iface_close(port);
		return r;
	}
	memcpy(iface->name, args.what, strlen(args.what) + 1); /* open_fd(): below IFNAMSIZ */
	port_iface_tend(port);
	return 0;
}

void port_iface_close(struct port *port)
{
	struct port_iface *iface = port->priv;

	port_sock_done(&iface->sock);
	free(iface);
	port->priv = NULL;
}

void port_iface_tend(struct port *port)
{
	const struct port_iface *iface = port->priv;
	bool up = false;
	int index;

	if (port_iface_find(iface->name, &index, &up))
		up = false;
	port->n_down += port->is_up && !up;
	port->is_up = up;
}

unsigned port_iface_tx_begin(struct port *port, unsigned n, struct port_slot *slots)
{
	struct port_iface *iface = port->priv;

	return port_sock_tx_begin(&iface->sock, n, slots);
}

unsigned port_iface_tx_pending(struct port *port)
{
	return 0;
}

void port_iface_rx_end(struct port *port, unsigned n)
{
}
