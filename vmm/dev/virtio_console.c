#include "virtio_console.h"

#include "console.h"
#include "env.h"
#include "err.h"
#include "virtio_pci.h"
#include "virtq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CONSOLE_RX = 0, CONSOLE_TX = 1, CONSOLE_N_QUEUES = 2 };

/* cols, rows, max_nr_ports, emerg_wr: all zero, as no feature says they mean anything. */
#define CONSOLE_CONFIG_SIZE 12

/* What one turn of the loop copies; a longer buffer goes on in the next. */
#define CONSOLE_TURN_BYTES 65536

struct virtio_console {
	const struct dev_env *env;
	struct virtio_pci *vp;
	struct console *console;
	/* Under the transport's lock: */
	bool has_rx;
	bool has_tx_chain; /* tx_chain is under way */
	unsigned tx_seg;   /* its range to be written next, and from which byte on */
	size_t tx_offset;
	struct virtq_chain tx_chain;
	struct virtq queues[CONSOLE_N_QUEUES];
};

/* Write on from where tx_chain stands, as far as the budget goes. True when it is written. */
static bool vcon_output(struct virtio_console *dev, size_t *budget_bytes)
{
	const struct virtq_chain *chain = &dev->tx_chain;

	while (dev->tx_seg < chain->n_out) {
		const struct iovec *seg = &chain->segs[dev->tx_seg];
		size_t n = seg->iov_len - dev->tx_offset;
		bool is_whole = n <= *budget_bytes;

		if (!is_whole)
			n = *budget_bytes;
		console_write(dev->console, (uint8_t *)seg->iov_base + dev->tx_offset, n);
		*budget_bytes -= n;
		dev->tx_offset += n;
		if (!is_whole)
			return false;
		dev->tx_seg++;
		dev->tx_offset = 0;
	}
	return true;
}

/* The chain under way, or the next one: as virtq_pop() says. */
static int vcon_next_tx(struct virtio_console *dev, struct virtq_turn *turn)
{
	int r;

	if (dev->has_tx_chain)
		return 1;
	r = virtq_pop(&dev->queues[CONSOLE_TX], turn, &dev->tx_chain);
	dev->has_tx_chain = r > 0;
	dev->tx_seg = 0;
	dev->tx_offset = 0;
	return r;
}

static void vcon_kicked_tx(struct virtio_console *dev)
{
	struct virtq *vq = &dev->queues[CONSOLE_TX];
	struct virtq_turn turn = VIRTQ_TURN;
	size_t budget_bytes = CONSOLE_TURN_BYTES;
	bool has_pushed = false;
	int r;

	while ((r = vcon_next_tx(dev, &turn)) > 0) {
		if (!vcon_output(dev, &budget_bytes)) {
			r = -EAGAIN;
			break;
		}
		virtq_push(vq, dev->tx_chain.id, dev->tx_chain.n_slots, 0);
		dev->has_tx_chain = false;
		has_pushed = true;
	}
	if (has_pushed && virtq_should_notify(vq))
		virtio_pci_notify_queue(dev->vp, CONSOLE_TX);
	if (r == -EAGAIN)
		virtio_pci_kick(dev->vp, CONSOLE_TX); /* more waits; others come first */
	else if (r < 0)
		virtio_pci_mark_broken(dev->vp);
}

static void vcon_kicked(void *ctx, unsigned queue)
{
	struct virtio_console *dev = ctx;

	if (queue == CONSOLE_TX)
		vcon_kicked_tx(dev);
	else
		console_input_ready(dev->console); /* comes back as vcon_input() on the loop */
}

/* Lock held. */
static size_t vcon_fill(struct virtio_console *dev, const uint8_t *data, size_t len)
{
	struct virtq *vq = &dev->queues[CONSOLE_RX];
	struct virtq_turn turn = VIRTQ_TURN;
	struct virtq_chain chain;
	size_t done = 0;
	int r = 0;

	while (done < len) {
		size_t n;

		r = virtq_pop(vq, &turn, &chain);
		if (r <= 0)
			break;
		n = virtq_write(&chain, 0, data + done, len - done);
		virtq_push(vq, chain.id, chain.n_slots, (uint32_t)n);
		if (!n) {
			r = -EPROTO; /* a buffer for input with no room for any */
			break;
		}
		done += n;
	}
	if (done && virtq_should_notify(vq))
		virtio_pci_notify_queue(dev->vp, CONSOLE_RX);
	if (r == -EAGAIN) {
		virtio_pci_kick(dev->vp, CONSOLE_RX); /* is offered the rest of the input again */
	} else if (r < 0) {
		dev->has_rx = false;
		virtio_pci_mark_broken(dev->vp);
	}
	return done;
}

static size_t vcon_input(void *ctx, const uint8_t *data, size_t len)
{
	struct virtio_console *dev = ctx;
	size_t done = 0;

	virtio_pci_lock(dev->vp);
	if (dev->has_rx && virtio_pci_is_served(dev->vp))
		done = vcon_fill(dev, data, len);
	virtio_pci_unlock(dev->vp);
	return done;
}

static uint64_t vcon_get_features(void *ctx)
{
	(void)ctx;
	return VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
}

static void vcon_config_read(void *ctx, unsigned offset, unsigned size, uint8_t *buf)
{
	(void)ctx;
	(void)offset;
	memset(buf, 0, size);
}

static int vcon_activate(void *ctx, uint64_t features)
{
	struct virtio_console *dev = ctx;

	for (unsigned i = 0; i < CONSOLE_N_QUEUES; i++) {
		const struct virtio_queue *queue = virtio_pci_queue(dev->vp, i);
		int r = queue->enabled ? virtq_init(&dev->queues[i], dev->env->mem, queue, features)
				       : 0;

		if (r < 0)
			return r;
	}
	dev->has_rx = virtio_pci_queue(dev->vp, CONSOLE_RX)->enabled;
	console_input_ready(dev->console);
	return 0;
}

static bool vcon_reset(void *ctx)
{
	struct virtio_console *dev = ctx;

	dev->has_rx = false;
	dev->has_tx_chain = false;
	return true;
}

int virtio_console_create(const struct dev_env *env, struct console *console,
	struct virtio_console **ret_dev, struct err *err)
{
	static const struct virtio_dev_ops ops = {
		.get_features = vcon_get_features,
		.config_read = vcon_config_read,
		.activate = vcon_activate,
		.reset = vcon_reset,
		.kicked = vcon_kicked,
	};
	struct virtio_console *dev = calloc(1, sizeof(*dev));
	struct virtio_pci_config transport = {
		.name = "virtio-console",
		.type = VIRTIO_ID_CONSOLE,
		.class_code = 0x078000,
		.n_queues = CONSOLE_N_QUEUES,
		.queue_size = 64,
		.config_size = CONSOLE_CONFIG_SIZE,
		.ops = &ops,
		.ctx = dev,
	};
	int r;

	if (!dev)
		return err_set(err, -ENOMEM, "virtio-console: out of memory");
	dev->env = env;
	dev->console = console;
	r = virtio_pci_create(env, &transport, &dev->vp, err);
	for (unsigned i = 0; !r && i < CONSOLE_N_QUEUES; i++) {
		r = virtio_pci_watch_kicks(dev->vp, i, true);
		if (r < 0)
			(void)err_set(err, r, "virtio-console: event loop: %s", strerror(-r));
	}
	if (r < 0) {
		virtio_console_destroy(dev);
		return r;
	}
	console_set_input(console, vcon_input, dev);
	*ret_dev = dev;
	return 0;
}

void virtio_console_destroy(struct virtio_console *dev)
{
	if (!dev)
		return;
	console_set_input(dev->console, NULL, NULL);
	virtio_pci_destroy(dev->vp);
	free(dev);
}

struct virtio_pci *virtio_console_transport(struct virtio_console *dev)
{
	return dev->vp;
}

/* ---- In a machine ---- */

static void destroy_device(void *device)
{
	virtio_console_destroy(device);
}

static struct virtio_pci *device_transport(void *device)
{
	return virtio_console_transport(device);
}

const struct device_ops virtio_console_device_ops = {
	.destroy = destroy_device,
	.transport = device_transport,
};
