#include "port_sock.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
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

int port_sock_interface(const char *name, int *ret_index, bool *ret_up)
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
