/**
 * port_iface: what ports have in common that send and receive at an interface of the host, a frame
 * by system calls (port_sock.h): their name, their link, and everything but the calls themselves.
 *
 * port->priv is a struct port_iface. Threads: one.
 */
#ifndef WEFT_TOOLS_PKTLAB_PORT_IFACE_H
#define WEFT_TOOLS_PKTLAB_PORT_IFACE_H

#include "port_sock.h"

#include <net/if.h>

struct port_iface {
	struct port_sock sock;
	char name[IFNAMSIZ];
};

/** Opens the descriptor of an interface; what it did open is returned on failure, too. */
typedef int port_iface_open_fn(const char *name, uint32_t mtu, int *ret_fd, struct err *err);

/** As open of struct port_ops; it calls open_fd for the descriptor. */
int port_iface_open(struct port *port, const char *arg, port_iface_open_fn *open_fd,
	struct err *err);
/** The index and flags of a network interface; 0 or -errno. */
int port_iface_find(const char *name, int *ret_index, bool *ret_up);

/* As those of struct port_ops. */
void port_iface_close(struct port *port);
void port_iface_tend(struct port *port);
unsigned port_iface_tx_begin(struct port *port, unsigned n, struct port_slot *slots);
unsigned port_iface_tx_pending(struct port *port);
void port_iface_rx_end(struct port *port, unsigned n);

#endif
