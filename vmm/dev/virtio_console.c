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

#define CONSOLE_MAX_CHAINS_PER_KICK 64
/* Of one buffer; drivers send at most a page. More would hold up the loop and is dropped. */
#define CONSOLE_MAX_BUFFER_BYTES (1u << 20)

struct virtio_console {
	const struct dev_env *env;
	struct virtio_pci *vp;
	struct console *console;
	/* Under the transport's lock: */
	bool has_rx;
	struct virtq queues[CONSOLE_N_QUEUES];
};

static void vcon_output(struct virtio_console *dev, const struct virtq_chain *chain)
{
	size_t left = CONSOLE_MAX_BUFFER_BYTES;

	for (unsigned i = 0; i < chain->n_out && left; i++) {
		size_t n = chain->segs[i].iov_len < left ? chain->segs[i].iov_len : left;

		console_write(dev->console, chain->segs[i].iov_base, n);
		left -= n;
	}
}

static void vcon_kicked_tx(struct virtio_console *dev)
{
	struct virtq *vq = &dev->queues[CONSOLE_TX];
	struct virtq_chain chain;
	bool has_pushed = false;
	int code = 0;

	for (unsigned i = 0; i < CONSOLE_MAX_CHAINS_PER_KICK; i++) {
		code = virtq_pop(vq, &chain);
		if (code <= 0)
			break;
		vcon_output(dev, &chain);
		virtq_push(vq, chain.id, chain.n_slots, 0);
		has_pushed = true;
	}
	if (has_pushed && virtq_should_notify(vq))
		virtio_pci_notify_queue(dev->vp, CONSOLE_TX);
	if (code < 0)
		virtio_pci_mark_broken(dev->vp);
	else if (code > 0)
		virtio_pci_kick(dev->vp, CONSOLE_TX); // more may wait
}

static void vcon_kicked(void *ctx, unsigned queue)
{
	struct virtio_console *dev = ctx;

	if (queue == CONSOLE_TX)
		vcon_kicked_tx(dev);
	else
		console_input_ready(dev->console); // comes back as vcon_input() on the loop
}

/* Lock held. */
static size_t vcon_fill(struct virtio_console *dev, const uint8_t *data, size_t len)
{
	struct virtq *vq = &dev->queues[CONSOLE_RX];
	struct virtq_chain chain;
	size_t done = 0;
	int code = 0;

	while (done < len) {
		size_t n;

		code = virtq_pop(vq, &chain);
		if (code <= 0)
			break;
		n = virtq_write(&chain, 0, data + done, len - done);
		virtq_push(vq, chain.id, chain.n_slots, (uint32_t)n);
		if (!n) {
			code = -EPROTO; // a buffer for input with no room for any
			break;
		}
		done += n;
	}
	if (done && virtq_should_notify(vq))
		virtio_pci_notify_queue(dev->vp, CONSOLE_RX);
	if (code < 0) {
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
	if (dev->has_rx)
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
		int code = queue->enabled
			? virtq_init(&dev->queues[i], dev->env->mem, queue, features)
			: 0;

		if (code < 0)
			return code;
	}
	dev->has_rx = virtio_pci_queue(dev->vp, CONSOLE_RX)->enabled;
	console_input_ready(dev->console);
	return 0;
}

static bool vcon_reset(void *ctx)
{
	struct virtio_console *dev = ctx;

	dev->has_rx = false;
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
	int code;

	if (!dev)
		return err_set(err, -ENOMEM, "virtio-console: out of memory");
	dev->env = env;
	dev->console = console;
	code = virtio_pci_create(env, &transport, &dev->vp, err);
	for (unsigned i = 0; !code && i < CONSOLE_N_QUEUES; i++) {
		code = virtio_pci_watch_kicks(dev->vp, i, true);
		if (code < 0)
			(void)err_set(err, code, "virtio-console: event loop: %s", strerror(-code));
	}
	if (code < 0) {
		virtio_console_destroy(dev);
		return code;
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
