/* A packet socket on a network interface of the host: frames leave and come in by its wire. */
#include "port_iface.h"

#include "err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#define RECEIVE_BUFFER (8 << 20) /* bytes; the kernel gives what it may */

static int open_socket(const char *name, uint32_t mtu, int *ret_fd, struct err *err)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	const int one = 1, bytes = RECEIVE_BUFFER;
	bool up;
	int r = port_iface_find(name, &addr.sll_ifindex, &up);

	if (r)
		return err_set(err, r, "interface '%s': %s", name, strerror(-r));
	*ret_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*ret_fd < 0) {
		r = -errno;
		(void)err_set(err, r, "a packet socket cannot be opened: %s", strerror(-r));
		err_hint(err, "it needs the capability CAP_NET_RAW");
		return r;
	}
	/* Larger than the default where that is allowed; what is sent out here is not read back. */
	(void)setsockopt(*ret_fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	(void)setsockopt(*ret_fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	if (!bind(*ret_fd, (struct sockaddr *)&addr, sizeof(addr)))
		return 0;
	return err_set(err, -errno, "interface '%s' cannot be bound: %s", name, strerror(errno));
}

static int packet_open(struct port *port, const char *arg, struct err *err)
{
	return port_iface_open(port, arg, open_socket, err);
}

static unsigned packet_tx_end(struct port *port, unsigned n, const struct port_slot *slots)
{
	struct port_iface *iface = port->priv;
	struct mmsghdr msgs[PORT_BURST] = {0};
	struct iovec iovs[PORT_BURST];

	for (unsigned i = 0; i < n; i++) {
		iovs[i] = (struct iovec){slots[i].data, slots[i].len};
		msgs[i].msg_hdr.msg_iov = &iovs[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	int sent = sendmmsg(iface->sock.fd, msgs, n, MSG_DONTWAIT);
	return sent > 0 ? (unsigned)sent : 0;
}

static unsigned packet_rx_begin(struct port *port, unsigned n, struct port_frame *frames)
{
	struct port_iface *iface = port->priv;
	struct port_sock *sock = &iface->sock;
	struct mmsghdr msgs[PORT_BURST] = {0};
	struct iovec iovs[PORT_BURST];

	for (unsigned i = 0; i < n; i++) {
		iovs[i] = (struct iovec){sock->rx_bufs + (size_t)i * sock->stride, sock->stride};
		msgs[i].msg_hdr.msg_iov = &iovs[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	int got = recvmmsg(sock->fd, msgs, n, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++)
		frames[i] = (struct port_frame){iovs[i].iov_base, msgs[i].msg_len};
	return got > 0 ? (unsigned)got : 0;
}

const struct port_ops port_packet_ops = {
	.type = "packet",
	.usage = "INTERFACE[,mtu=BYTES]",
	.open = packet_open,
	.close = port_iface_close,
	.tend = port_iface_tend,
	.tx_begin = port_iface_tx_begin,
	.tx_end = packet_tx_end,
	.tx_pending = port_iface_tx_pending,
	.rx_begin = packet_rx_begin,
	.rx_end = port_iface_rx_end,
};
