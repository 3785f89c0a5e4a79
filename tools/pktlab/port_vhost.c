/* A vhost-user front-end as a port: what a VM's NIC is to a switch, without the VM. */
#include "port.h"

#include "err.h"
#include "str.h"
#include "vu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 2000 /* what a switch may take for one message */

struct vhost {
	struct vu_port vu;
	uint32_t *lens;             /* lens[size], of the sending slots */
	uint64_t *tags;             /* tags[size] */
	unsigned held;              /* received frames that the engine looks at */
	unsigned burst[PORT_BURST]; /* buffers that each of them takes */
	uint64_t seen;              /* frames of the receiving ring that were given to the engine */
};

static void go_down(struct port *port)
{
	struct vhost *vhost = port->priv;

	if (port->is_up)
		port->n_down++;
	port->is_up = false;
	vu_reset(&vhost->vu);
	vhost->seen = 0;
	vhost->held = 0;
}

static void vhost_tend(struct port *port)
{
	struct vhost *vhost = port->priv;

	if (port->is_up) {
		if (vu_is_closed(&vhost->vu))
			go_down(port);
		return;
	}
	if (vu_start(&vhost->vu)) {
		go_down(port);
		return;
	}
	port->is_up = true;
	(void)snprintf(port->features, sizeof(port->features), "version_1%s%s",
		vhost->vu.features & VIRTIO_BIT(VIRTIO_F_RING_PACKED) ? " packed" : " split",
		vhost->vu.features & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) ? " mrg_rxbuf" : "");
}

static int vhost_open(struct port *port, const char *arg, struct err *err)
{
	struct port_args args;
	int r = port_args_parse(&args, arg, "listen packed size mtu", err);
	if (r)
		return r;
	struct vhost *vhost = calloc(1, sizeof(*vhost));
	if (!vhost)
		return err_set(err, -ENOMEM, "out of memory");
	port->priv = vhost;
	port->frame_max = args.mtu + PORT_OVERHEAD;
	port->ring = args.size;
	vhost->lens = calloc(args.size, sizeof(*vhost->lens));
	vhost->tags = calloc(args.size, sizeof(*vhost->tags));
	struct pump_layout layout = {.size = (uint16_t)args.size,
		.packed = args.packed,
		.len = (uint32_t)PUMP_HDR_SIZE + port->frame_max};
	struct vu_config config = {
		.path = strdup(args.what),
		.listen = args.listen,
		.send = layout,
		.receive = layout,
		.timeout_ms = ANSWER_MS,
		.once = true,
	};
	config.receive.receive = true;
	r = vhost->lens && vhost->tags && config.path ? vu_open(&vhost->vu, &config) : -ENOMEM;
	if (r) {
		(void)err_set(err, r, "'%s' cannot be opened: %s", args.what, strerror(-r));
		if (r == -EADDRINUSE)
			err_hint(err, "another program listens there");
		vhost->vu.config.path = config.path;
		port->ops->close(port);
		return r;
	}
	port->huge = vhost->vu.huge;
	pump_use_lens(&vhost->vu.send, vhost->lens);
	vhost_tend(port);
	return 0;
}

static void vhost_close(struct port *port)
{
	struct vhost *vhost = port->priv;
	char *path = (char *)(uintptr_t)vhost->vu.config.path;

	if (vhost->vu.kick_fds[0] > 0)
		vu_close(&vhost->vu);
	free(path);
	free(vhost->lens);
	free(vhost->tags);
	free(vhost);
	port->priv = NULL;
}

static unsigned vhost_tx_begin(struct port *port, unsigned n, struct port_slot *slots)
{
	struct vhost *vhost = port->priv;
	struct pump *pump = &vhost->vu.send;

	if (!port->is_up)
		return 0;
	if (pump_room(pump) < n)
		(void)pump_collect(pump);
	unsigned room = pump_room(pump);
	if (n > room)
		n = room;
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = pump->n_published + i;

		slots[i].data = pump_buf(pump, at) + PUMP_HDR_SIZE;
		slots[i].tag = &vhost->tags[at & (pump->size - 1)];
	}
	return n;
}

static unsigned vhost_tx_end(struct port *port, unsigned n, const struct port_slot *slots)
{
	struct vhost *vhost = port->priv;
	struct pump *pump = &vhost->vu.send;

	for (unsigned i = 0; i < n; i++)
		pump_set_len(pump, pump->n_published + i, (uint32_t)PUMP_HDR_SIZE + slots[i].len);
	pump_publish(pump, n);
	if (pump_wants_kick(pump))
		vu_kick(&vhost->vu);
	return n;
}

static unsigned vhost_tx_pending(struct port *port)
{
	struct vhost *vhost = port->priv;
	struct pump *pump = &vhost->vu.send;

	if (!port->is_up)
		return 0;
	(void)pump_collect(pump);
	return pump->size - pump_room(pump);
}

/* Buffers that the n-th frame takes: one, unless it is larger than all that were asked for. */
static unsigned buffers_of(const struct pump *pump, uint64_t n)
{
	const struct virtio_net_hdr_v1 *hdr = (const void *)pump_buf(pump, n);
	uint16_t num = __atomic_load_n(&hdr->num_buffers, __ATOMIC_RELAXED);

	return num ? num : 1;
}

static unsigned vhost_rx_begin(struct port *port, unsigned n, struct port_frame *frames)
{
	struct vhost *vhost = port->priv;
	struct pump *pump = &vhost->vu.receive;
	unsigned got = 0;

	if (!port->is_up)
		return 0;
	(void)pump_collect(pump);
	for (uint64_t at = vhost->seen; got < n && at < pump->n_done; got++) {
		uint32_t len = pump_used_len(pump, at);
		unsigned taken = buffers_of(pump, at);

		/* What the device says is not to be believed: a length beyond the buffer is cut. */
		if (len > pump->len)
			len = pump->len;
		if (taken > pump->n_done - at)
			taken = (unsigned)(pump->n_done - at);
		frames[got].data = pump_buf(pump, at) + PUMP_HDR_SIZE;
		frames[got].len = len > PUMP_HDR_SIZE ? len - (uint32_t)PUMP_HDR_SIZE : 0;
		vhost->burst[got] = taken;
		at += taken;
	}
	return got;
}

static void vhost_rx_end(struct port *port, unsigned n)
{
	struct vhost *vhost = port->priv;
	struct pump *pump = &vhost->vu.receive;
	unsigned buffers = 0;

	for (unsigned i = 0; i < n; i++)
		buffers += vhost->burst[i];
	vhost->seen += buffers;
	pump_publish(pump, buffers);
}

const struct port_ops port_vhost_ops = {
	.type = "vhost",
	.usage = "PATH[,listen][,packed][,size=SLOTS][,mtu=BYTES]",
	.open = vhost_open,
	.close = vhost_close,
	.tend = vhost_tend,
	.tx_begin = vhost_tx_begin,
	.tx_end = vhost_tx_end,
	.tx_pending = vhost_tx_pending,
	.rx_begin = vhost_rx_begin,
	.rx_end = vhost_rx_end,
};
