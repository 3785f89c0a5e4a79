#include "virtio_rng.h"

#include "env.h"
#include "err.h"
#include "ev.h"
#include "virtio_pci.h"
#include "virtq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define RNG_QUEUE 0

struct virtio_rng {
	const struct dev_env *env;
	struct virtio_pci *vp;
	struct ev_source *tick; /* armed when the budget is used up */
	/* Under the transport's lock: */
	struct virtq vq;
	size_t budget_bytes;
};

/* One buffer, as far as the budget goes; the driver asks again for the rest. */
static uint32_t rng_fill(struct virtio_rng *rng, const struct virtq_chain *chain)
{
	uint32_t written = 0;

	for (unsigned i = chain->n_out; i < chain->n_out + chain->n_in && rng->budget_bytes; i++) {
		size_t want = chain->segs[i].iov_len;
		ssize_t n;

		if (want > rng->budget_bytes)
			want = rng->budget_bytes;
		n = getrandom(chain->segs[i].iov_base, want, 0);
		if (n <= 0)
			break;
		written += (uint32_t)n;
		rng->budget_bytes -= (size_t)n;
		if ((size_t)n < chain->segs[i].iov_len)
			break; /* what is written has no gaps */
	}
	return written;
}

static void rng_kicked(void *ctx, unsigned queue)
{
	struct virtio_rng *rng = ctx;
	struct virtq_turn turn = VIRTQ_TURN;
	struct virtq_chain chain;
	bool has_pushed = false;
	int r = 0;

	while (rng->budget_bytes) {
		r = virtq_pop(&rng->vq, &turn, &chain);
		if (r <= 0)
			break;
		if (!chain.in_bytes) {
			r = -EPROTO;
			break;
		}
		virtq_push(&rng->vq, chain.id, chain.n_slots, rng_fill(rng, &chain));
		has_pushed = true;
	}
	if (has_pushed && virtq_should_notify(&rng->vq))
		virtio_pci_notify_queue(rng->vp, queue);
	if (r == -EAGAIN)
		virtio_pci_kick(rng->vp, queue); /* more may wait; others come first */
	else if (r < 0)
		virtio_pci_mark_broken(rng->vp);
	/* Refill even when only part was used, so that the budget is per tick. */
	if (has_pushed)
		ev_timer_set(rng->tick, VIRTIO_RNG_TICK_MS * UINT64_C(1000000), 0);
}

static void rng_on_tick(void *ctx)
{
	struct virtio_rng *rng = ctx;

	virtio_pci_lock(rng->vp);
	rng->budget_bytes = VIRTIO_RNG_BURST_BYTES;
	virtio_pci_unlock(rng->vp);
	virtio_pci_kick(rng->vp, RNG_QUEUE);
}

static uint64_t rng_get_features(void *ctx)
{
	(void)ctx;
	return VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
}

static void rng_config_read(void *ctx, unsigned offset, unsigned size, uint8_t *buf)
{
	(void)ctx; /* the device has no configuration: never called with config_size 0 */
	(void)offset;
	memset(buf, 0, size);
}

static int rng_activate(void *ctx, uint64_t features)
{
	struct virtio_rng *rng = ctx;
	const struct virtio_queue *queue = virtio_pci_queue(rng->vp, RNG_QUEUE);

	rng->budget_bytes = VIRTIO_RNG_BURST_BYTES;
	return queue->enabled ? virtq_init(&rng->vq, rng->env->mem, queue, features) : 0;
}

static bool rng_reset(void *ctx)
{
	(void)ctx; /* buffers are served within one kick: nothing is under way */
	return true;
}

int virtio_rng_create(const struct dev_env *env, struct virtio_rng **ret_rng, struct err *err)
{
	static const struct virtio_dev_ops ops = {
		.get_features = rng_get_features,
		.config_read = rng_config_read,
		.activate = rng_activate,
		.reset = rng_reset,
		.kicked = rng_kicked,
	};
	struct virtio_rng *rng = calloc(1, sizeof(*rng));
	struct virtio_pci_config transport = {
		.name = "virtio-rng",
		.type = VIRTIO_ID_RNG,
		.class_code = 0x00ff00,
		.n_queues = 1,
		.queue_size = 64,
		.ops = &ops,
		.ctx = rng,
	};
	int r;

	if (!rng)
		return err_set(err, -ENOMEM, "virtio-rng: out of memory");
	rng->env = env;
	r = virtio_pci_create(env, &transport, &rng->vp, err);
	if (!r) {
		r = ev_add_timer(env->ev, rng_on_tick, rng, &rng->tick);
		if (!r)
			r = virtio_pci_watch_kicks(rng->vp, RNG_QUEUE, true);
		if (r < 0)
			(void)err_set(err, r, "virtio-rng: event loop: %s", strerror(-r));
	}
	if (r < 0) {
		virtio_rng_destroy(rng);
		return r;
	}
	*ret_rng = rng;
	return 0;
}

void virtio_rng_destroy(struct virtio_rng *rng)
{
	if (!rng)
		return;
	ev_del(rng->tick);
	virtio_pci_destroy(rng->vp);
	free(rng);
}

struct virtio_pci *virtio_rng_transport(struct virtio_rng *rng)
{
	return rng->vp;
}

/* ---- In a machine ---- */

static void destroy_device(void *device)
{
	virtio_rng_destroy(device);
}

static struct virtio_pci *device_transport(void *device)
{
	return virtio_rng_transport(device);
}

const struct device_ops virtio_rng_device_ops = {
	.destroy = destroy_device,
	.transport = device_transport,
};
