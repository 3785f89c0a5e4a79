/* A tap device: the tester is the wire, the kernel's interface (in a bridge, say) the other end. */
#include "port_iface.h"

#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Make it, or take one that exists; a new one is brought up. */
static int open_tap(const char *name, uint32_t mtu, int *ret_fd, struct err *err)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int r = 0;

	if (strlen(name) >= sizeof(ifr.ifr_name))
		return err_set(err, -EINVAL, "'%s' is too long for an interface", name);
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	*ret_fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (*ret_fd < 0 || ioctl(*ret_fd, TUNSETIFF, &ifr)) {
		r = -errno;
		(void)err_set(err, r, "tap '%s' cannot be opened: %s", name, strerror(-r));
		err_hint(err, "it needs /dev/net/tun and the capability CAP_NET_ADMIN");
		return r;
	}
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "tap '%s': %s", name, strerror(errno));
	ifr.ifr_mtu = (int)mtu;
	if (ioctl(fd, SIOCSIFMTU, &ifr) || ioctl(fd, SIOCGIFFLAGS, &ifr))
		r = -errno;
	ifr.ifr_flags |= IFF_UP;
	if (!r && ioctl(fd, SIOCSIFFLAGS, &ifr))
		r = -errno;
	close(fd);
	return r ? err_set(err, r, "tap '%s' cannot be brought up: %s", name, strerror(-r)) : 0;
}

static int tap_open(struct port *port, const char *arg, struct err *err)
{
	return port_iface_open(port, arg, open_tap, err);
}

static unsigned tap_tx_end(struct port *port, unsigned n, const struct port_slot *slots)
{
	struct port_iface *iface = port->priv;

	for (unsigned i = 0; i < n; i++)
		if (write(iface->sock.fd, slots[i].data, slots[i].len) < 0)
			return i;
	return n;
}

static unsigned tap_rx_begin(struct port *port, unsigned n, struct port_frame *frames)
{
	struct port_iface *iface = port->priv;
	struct port_sock *sock = &iface->sock;
	unsigned got = 0;

	for (; got < n; got++) {
		uint8_t *buf = sock->rx_bufs + (size_t)got * sock->stride;
		ssize_t len = read(sock->fd, buf, sock->stride);

		if (len <= 0)
			break;
		frames[got] = (struct port_frame){buf, (uint32_t)len};
	}
	return got;
}

const struct port_ops port_tap_ops = {
	.type = "tap",
	.usage = "NAME[,mtu=BYTES]",
	.open = tap_open,
	.close = port_iface_close,
	.tend = port_iface_tend,
	.tx_begin = port_iface_tx_begin,
	.tx_end = tap_tx_end,
	.tx_pending = port_iface_tx_pending,
	.rx_begin = tap_rx_begin,
	.rx_end = port_iface_rx_end,
};
