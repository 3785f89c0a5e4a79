#include "port_sock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int port_sock_init(struct port_sock *sock, int fd, uint32_t frame_max)
{
	*sock = (struct port_sock){.fd = fd, .stride = (frame_max + 63) / 64 * 64};
	sock->tx_bufs = calloc(PORT_BURST, sock->stride);
	sock->rx_bufs = calloc(PORT_BURST, sock->stride);
	return sock->tx_bufs && sock->rx_bufs ? 0 : -ENOMEM;
}

void port_sock_done(struct port_sock *sock)
{
	free(sock->tx_bufs);
	free(sock->rx_bufs);
	if (sock->fd >= 0)
		close(sock->fd);
	*sock = (struct port_sock){.fd = -1};
}

unsigned port_sock_tx_begin(struct port_sock *sock, unsigned n, struct port_slot *slots)
{
	for (unsigned i = 0; i < n; i++)
		slots[i] = (struct port_slot){
			.data = sock->tx_bufs + (size_t)i * sock->stride, .tag = &sock->tags[i]};
	return n;
}
