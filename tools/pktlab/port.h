/**
 * port: where frames go out and come in, whatever is behind it.
 *
 * A port has slots, buffers that stay where they are. To send, the engine asks for some, writes a
 * frame into each and gives them away (tx_begin, tx_end); a slot remembers a number of its
 * choice (`tag`), so that it need not write again what the slot still holds. To receive it borrows
 * frames where they lie (rx_begin) and gives them back (rx_end). Frames are in memory as IEEE 802.3
 * has them from destination to the end of the data: no FCS.
 *
 * Types: vhost (vhost-user front-end, no VM needed), tap, packet (AF_PACKET socket of an
 * interface), loop (two ports joined in memory, which shows what the tester itself can do), dpdk
 * (any device that DPDK drives).
 *
 * Threads: one for all ports. Life cycle: port_open; port_tend some times a second; port_close.
 * A port whose other end is away is down: it takes and brings no frames, and comes back by itself.
 * Limits: PORT_BURST frames at a time.
 */
#ifndef WEFT_TOOLS_PKTLAB_PORT_H
#define WEFT_TOOLS_PKTLAB_PORT_H

#include <stdbool.h>
#include <stdint.h>

#define PORT_BURST     64u
#define PORT_MAX_NAME  32
#define PORT_MAX_MTU   9216u
#define PORT_OVERHEAD  26u /* Ethernet header and three tags */
#define PORT_FRAME_MAX (PORT_MAX_MTU + PORT_OVERHEAD)

struct err;
struct port;

/** A buffer to write a frame into. */
struct port_slot {
	uint8_t *data;
	uint64_t *tag; /* 0 at first: nothing of ours is in it */
	uint32_t len;  /* of the frame; the sender sets it */
};

struct port_frame {
	const uint8_t *data;
	uint32_t len;
};

struct port_ops {
	const char *type;
	const char *usage; /* what follows "type:" */
	int (*open)(struct port *port, const char *arg, struct err *err);
	void (*close)(struct port *port);
	/** See after the other end: system calls are allowed. */
	void (*tend)(struct port *port);
	/** Offer at most n <= PORT_BURST slots; returns how many. */
	unsigned (*tx_begin)(struct port *port, unsigned n, struct port_slot *slots);
	/** Send the first n of them; returns how many were taken: the first ones. */
	unsigned (*tx_end)(struct port *port, unsigned n, const struct port_slot *slots);
	/** Frames sent that the other end has not looked at yet. */
	unsigned (*tx_pending)(struct port *port);
	unsigned (*rx_begin)(struct port *port, unsigned n, struct port_frame *frames);
	void (*rx_end)(struct port *port, unsigned n);
};

struct port {
	const struct port_ops *ops;
	char name[PORT_MAX_NAME];
	bool is_up;
	uint32_t frame_max; /* bytes of the largest frame */
	unsigned ring;      /* slots */
	bool huge;
	char features[64]; /* what was negotiated, words */
	uint64_t n_down;   /* times it went down */
	void *priv;        /* owned by the type */
};

/** Every type; the last is NULL. */
extern const struct port_ops *const port_types[];

/**
 * Open what spec, "KIND:ARGUMENTS", names. The port may not be up yet.
 * returns  0 or -errno with err; port_close() only after 0
 */
int port_open(struct port *port, const char *name, const char *spec, struct err *err);
void port_close(struct port *port);

/** Options of a specification: "WHAT,word,key=value". Parses one after the other. */
struct port_args {
	char what[256];
	bool listen, packed;
	uint32_t size, mtu;
};
/** known: the words that this type takes, separated by spaces. 0 or -EINVAL. */
int port_args_parse(struct port_args *args, const char *text, const char *known, struct err *err);

#endif
