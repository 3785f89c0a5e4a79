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

struct link {
	struct link *next;
	char name[sizeof(((struct port_args *)0)->what)];
	uint32_t size, stride, frame_max;
	struct port *ends[2];
	struct lane lanes[2]; /* lanes[i] leaves ends[i] */
};

static struct link *links; /* of the one thread that has ports */

static void link_destroy(struct link *link)
{
	for (unsigned i = 0; i < 2; i++) {
		free(link->lanes[i].bufs);
		free(link->lanes[i].tags);
		free(link->lanes[i].lens);
	}
	free(link);
}

static struct link *link_create(const struct port_args *args)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	memcpy(link->name, args->what, sizeof(link->name));
	link->size = args->size;
	link->frame_max = args->mtu + PORT_OVERHEAD;
	/* An odd number of lines: see pump.c. */
	link->stride = ((link->frame_max + 63) / 64 | 1) * 64;
	for (unsigned i = 0; i < 2; i++) {
		struct lane *lane = &link->lanes[i];

		lane->bufs = calloc(link->size, link->stride);
		lane->tags = calloc(link->size, sizeof(*lane->tags));
		lane->lens = calloc(link->size, sizeof(*lane->lens));
		if (!lane->bufs || !lane->tags || !lane->lens) {
			link_destroy(link);
			return NULL;
		}
	}
	link->next = links;
	links = link;
	return link;
}

static int loop_open(struct port *port, const char *arg, struct err *err)
{
	struct port_args args;
	int r = port_args_parse(&args, arg, "size mtu", err);
	struct link *link = links;

	if (r)
		return r;
	while (link && strcmp(link->name, args.what))
		link = link->next;
	if (link && link->ends[0] && link->ends[1])
		return err_set(err, -EBUSY, "link '%s' has two ports already", args.what);
	if (!link)
		link = link_create(&args);
	if (!link)
		return err_set(err, -ENOMEM, "out of memory");
	link->ends[link->ends[0] ? 1 : 0] = port;
	port->priv = link;
	port->frame_max = link->frame_max;
	port->ring = link->size;
	port->is_up = link->ends[0] && link->ends[1];
	if (port->is_up)
		link->ends[0]->is_up = true;
	return 0;
}

static unsigned side_of(const struct port *port)
{
	const struct link *link = port->priv;

	return link->ends[1] == port;
}

static void loop_close(struct port *port)
{
	struct link *link = port->priv, **at = &links;
	unsigned side = side_of(port);

	link->ends[side] = NULL;
	if (link->ends[!side]) {
		link->ends[!side]->is_up = false;
		link->ends[!side]->n_down++;
		return;
	}
	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	link_destroy(link);
}

static void loop_tend(struct port *port)
{
	(void)port;
}

static unsigned loop_tx_begin(struct port *port, unsigned n, struct port_slot *slots)
{
	struct link *link = port->priv;
	struct lane *lane = &link->lanes[side_of(port)];
	uint64_t room = link->size - (lane->n_sent - lane->n_read);

	if (!port->is_up)
		return 0;
	if (n > room)
		n = (unsigned)room;
	for (unsigned i = 0; i < n; i++) {
		uint64_t slot = (lane->n_sent + i) & (link->size - 1);

		slots[i].data = lane->bufs + slot * link->stride;
		slots[i].tag = &lane->tags[slot];
	}
	return n;
}

static unsigned loop_tx_end(struct port *port, unsigned n, const struct port_slot *slots)
{
	struct link *link = port->priv;
	struct lane *lane = &link->lanes[side_of(port)];

	for (unsigned i = 0; i < n; i++)
		lane->lens[(lane->n_sent + i) & (link->size - 1)] = slots[i].len;
	lane->n_sent += n;
	return n;
}

static unsigned loop_tx_pending(struct port *port)
{
	const struct link *link = port->priv;
	const struct lane *lane = &link->lanes[side_of(port)];

	return (unsigned)(lane->n_sent - lane->n_read);
}

static unsigned loop_rx_begin(struct port *port, unsigned n, struct port_frame *frames)
{
	struct link *link = port->priv;
	const struct lane *lane = &link->lanes[!side_of(port)];
	uint64_t there = lane->n_sent - lane->n_read;

	if (n > there)
		n = (unsigned)there;
	for (unsigned i = 0; i < n; i++) {
		uint64_t slot = (lane->n_read + i) & (link->size - 1);

		frames[i].data = lane->bufs + slot * link->stride;
		frames[i].len = lane->lens[slot];
	}
	return n;
}

static void loop_rx_end(struct port *port, unsigned n)
{
	struct link *link = port->priv;

	link->lanes[!side_of(port)].n_read += n;
}

const struct port_ops port_loop_ops = {
	.type = "loop",
	.usage = "LINK[,size=SLOTS][,mtu=BYTES]",
	.open = loop_open,
	.close = loop_close,
	.tend = loop_tend,
	.tx_begin = loop_tx_begin,
	.tx_end = loop_tx_end,
	.tx_pending = loop_tx_pending,
	.rx_begin = loop_rx_begin,
	.rx_end = loop_rx_end,
};
