/* A packet socket on a network interface of the host: frames leave and come in by its wire. */
#include "port_sock.h"

#include "err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RECEIVE_BUFFER (8 << 20) /* bytes; the kernel gives what it may */

struct packet {
	struct port_sock sock;
	char name[64];
};

static void packet_tend(struct port *port)
{
	struct packet *packet = port->priv;
	bool up = false;
	int index;

	if (port_sock_interface(packet->name, &index, &up))
		up = false;
	port->n_down += port->is_up && !up;
	port->is_up = up;
}

static void packet_close(struct port *port)
{
	struct packet *packet = port->priv;

	port_sock_done(&packet->sock);
	free(packet);
	port->priv = NULL;
}

static int open_socket(const char *name, int *ret_fd, struct err *err)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	const int one = 1, bytes = RECEIVE_BUFFER;
	bool up;
	int r = port_sock_interface(name, &addr.sll_ifindex, &up);

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
	struct port_args args;
	int fd = -1;
	int r = port_args_parse(&args, arg, "mtu", err);

	if (r)
		return r;
	struct packet *packet = calloc(1, sizeof(*packet));
	if (!packet)
		return err_set(err, -ENOMEM, "out of memory");
	port->priv = packet;
	port->frame_max = args.mtu + PORT_OVERHEAD;
	port->ring = PORT_BURST;
	r = open_socket(args.what, &fd, err);
	if (port_sock_init(&packet->sock, fd, port->frame_max) && !r)
		r = err_set(err, -ENOMEM, "out of memory");
	if (r) {
		packet_close(port);
		return r;
	}
	memcpy(packet->name, args.what, strlen(args.what) + 1); /* open_socket(): below IFNAMSIZ */
	packet_tend(port);
	return 0;
}

static unsigned packet_tx_begin(struct port *port, unsigned n, struct port_slot *slots)
{
	struct packet *packet = port->priv;

	return port_sock_tx_begin(&packet->sock, n, slots);
}

static unsigned packet_tx_end(struct port *port, unsigned n, const struct port_slot *slots)
{
	struct packet *packet = port->priv;
	struct mmsghdr msgs[PORT_BURST] = {0};
	struct iovec iovs[PORT_BURST];

	for (unsigned i = 0; i < n; i++) {
		iovs[i] = (struct iovec){slots[i].data, slots[i].len};
		msgs[i].msg_hdr.msg_iov = &iovs[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	int sent = sendmmsg(packet->sock.fd, msgs, n, MSG_DONTWAIT);
	return sent > 0 ? (unsigned)sent : 0;
}

static unsigned packet_tx_pending(struct port *port)
{
	(void)port;
	return 0;
}

static unsigned packet_rx_begin(struct port *port, unsigned n, struct port_frame *frames)
{
	struct packet *packet = port->priv;
	struct port_sock *sock = &packet->sock;
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

static void packet_rx_end(struct port *port, unsigned n)
{
	(void)port;
	(void)n;
}

const struct port_ops port_packet_ops = {
	.type = "packet",
	.usage = "INTERFACE[,mtu=BYTES]",
	.open = packet_open,
	.close = packet_close,
	.tend = packet_tend,
	.tx_begin = packet_tx_begin,
	.tx_end = packet_tx_end,
	.tx_pending = packet_tx_pending,
	.rx_begin = packet_rx_begin,
	.rx_end = packet_rx_end,
};
