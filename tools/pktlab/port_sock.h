/**
 * port_sock: what ports have in common whose frames go through system calls, one buffer a frame.
 *
 * Buffers to send from and to receive into stay where they are; frames go when tx_end is called.
 * What the kernel has no room for is not taken, and is the sender's to try again.
 * Threads: one.
 */
#ifndef WEFT_TOOLS_PKTLAB_PORT_SOCK_H
#define WEFT_TOOLS_PKTLAB_PORT_SOCK_H

#include "port.h"

struct port_sock {
	int fd; /* owned; non-blocking */
	uint32_t stride;
	uint8_t *tx_bufs, *rx_bufs; /* PORT_BURST buffers each */
	uint64_t tags[PORT_BURST];
};

/** 0 or -ENOMEM. */
int port_sock_init(struct port_sock *sock, int fd, uint32_t frame_max);
void port_sock_done(struct port_sock *sock);
unsigned port_sock_tx_begin(struct port_sock *sock, unsigned n, struct port_slot *slots);

#endif
