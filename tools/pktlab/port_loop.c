/* Two ports joined in memory: what one sends the other receives, uncopied. Between them is nothing
 * to measure, which makes them the measure of the tester itself. */
#include "port.h"

#include "err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct lane { /* one direction */
	uint8_t *bufs;
	uint64_t *tags;
	uint32_t *lens;
	uint64_t n_sent, n_read;
};

struct wire {
	struct wire *next;
	char name[sizeof(((struct port_args *)0)->what)];
	uint32_t size, stride, frame_max;
	struct port *ends[2];
	struct lane lanes[2]; /* lanes[i] leaves ends[i] */
};

static struct wire *wires; /* of the one thread that has ports */

static void wire_destroy(struct wire *wire)
{
	for (unsigned i = 0; i < 2; i++) {
		free(wire->lanes[i].bufs);
		free(wire->lanes[i].tags);
		free(wire->lanes[i].lens);
	}
	free(wire);
}

static struct wire *wire_create(const struct port_args *args)
{
	struct wire *wire = calloc(1, sizeof(*wire));

	if (!wire)
		return NULL;
	memcpy(wire->name, args->what, sizeof(wire->name));
	wire->size = args->size;
	wire->frame_max = args->mtu + PORT_OVERHEAD;
	/* An odd number of lines: see pump.c. */
	wire->stride = ((wire->frame_max + 63) / 64 | 1) * 64;
	for (unsigned i = 0; i < 2; i++) {
		struct lane *lane = &wire->lanes[i];

		lane->bufs = calloc(wire->size, wire->stride);
		lane->tags = calloc(wire->size, sizeof(*lane->tags));
		lane->lens = calloc(wire->size, sizeof(*lane->lens));
		if (!lane->bufs || !lane->tags || !lane->lens) {
			wire_destroy(wire);
			return NULL;
		}
	}
	wire->next = wires;
	wires = wire;
	return wire;
}

static int loop_open(struct port *port, const char *arg, struct err *err)
{
	struct port_args args;
	int r = port_args_parse(&args, arg, "size mtu", err);
	struct wire *wire = wires;

	if (r)
		return r;
	while (wire && strcmp(wire->name, args.what))
		wire = wire->next;
	if (wire && wire->ends[0] && wire->ends[1])
		return err_set(err, -EBUSY, "wire '%s' has two ports already", args.what);
	if (!wire)
		wire = wire_create(&args);
	if (!wire)
		return err_set(err, -ENOMEM, "out of memory");
	wire->ends[wire->ends[0] ? 1 : 0] = port;
	port->priv = wire;
	port->frame_max = wire->frame_max;
	port->ring = wire->size;
	port->is_up = wire->ends[0] && wire->ends[1];
	if (port->is_up)
		wire->ends[0]->is_up = true;
	return 0;
}

static unsigned side_of(const struct port *port)
{
	const struct wire *wire = port->priv;

	return wire->ends[1] == port;
}

static void loop_close(struct port *port)
{
	struct wire *wire = port->priv, **at = &wires;
	unsigned side = side_of(port);

	wire->ends[side] = NULL;
	if (wire->ends[!side]) {
		wire->ends[!side]->is_up = false;
		wire->ends[!side]->n_down++;
		return;
	}
	while (*at != wire)
		at = &(*at)->next;
	*at = wire->next;
	wire_destroy(wire);
}

static void loop_tend(struct port *port)
{
	(void)port;
}

static unsigned loop_tx_begin(struct port *port, unsigned n, struct port_slot *slots)
{
	struct wire *wire = port->priv;
	struct lane *lane = &wire->lanes[side_of(port)];
	uint64_t room = wire->size - (lane->n_sent - lane->n_read);

	if (!port->is_up)
		return 0;
	if (n > room)
		n = (unsigned)room;
	for (unsigned i = 0; i < n; i++) {
		uint64_t slot = (lane->n_sent + i) & (wire->size - 1);

		slots[i].data = lane->bufs + slot * wire->stride;
		slots[i].tag = &lane->tags[slot];
	}
	return n;
}

static unsigned loop_tx_end(struct port *port, unsigned n, const struct port_slot *slots)
{
	struct wire *wire = port->priv;
	struct lane *lane = &wire->lanes[side_of(port)];

	for (unsigned i = 0; i < n; i++)
		lane->lens[(lane->n_sent + i) & (wire->size - 1)] = slots[i].len;
	lane->n_sent += n;
	return n;
}

static unsigned loop_tx_pending(struct port *port)
{
	const struct wire *wire = port->priv;
	const struct lane *lane = &wire->lanes[side_of(port)];

	return (unsigned)(lane->n_sent - lane->n_read);
}

static unsigned loop_rx_begin(struct port *port, unsigned n, struct port_frame *frames)
{
	struct wire *wire = port->priv;
	const struct lane *lane = &wire->lanes[!side_of(port)];
	uint64_t there = lane->n_sent - lane->n_read;

	if (n > there)
		n = (unsigned)there;
	for (unsigned i = 0; i < n; i++) {
		uint64_t slot = (lane->n_read + i) & (wire->size - 1);

		frames[i].data = lane->bufs + slot * wire->stride;
		frames[i].len = lane->lens[slot];
	}
	return n;
}

static void loop_rx_end(struct port *port, unsigned n)
{
	struct wire *wire = port->priv;

	wire->lanes[!side_of(port)].n_read += n;
}

const struct port_ops port_loop_ops = {
	.type = "loop",
	.usage = "WIRE[,size=SLOTS][,mtu=BYTES]",
	.open = loop_open,
	.close = loop_close,
	.tend = loop_tend,
	.tx_begin = loop_tx_begin,
	.tx_end = loop_tx_end,
	.tx_pending = loop_tx_pending,
	.rx_begin = loop_rx_begin,
	.rx_end = loop_rx_end,
};
