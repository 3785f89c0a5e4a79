#include "inject.h"

static struct inject *of_queue(struct queue *q)
{
	return (struct inject *)q; /* first member */
}

static unsigned rx(struct queue *q, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs)
{
	struct inject *inject = of_queue(q);
	const struct held *record = hold_first(inject->hold);
	uint64_t key = record ? record->due_tsc : 0;
	unsigned n = 0;

	burst_begin(burst, burst->frames);
	hold_begin(inject->hold);
	inject->port_id = inject_key_port(key);
	inject->is_egress = inject_key_is_egress(key);
	for (; n < max && record && record->due_tsc == key; n++) {
		struct frame *frame = &burst->frames[n];

		hold_receive(inject->hold, frame);
		burst_add(burst, frame);
		burst->tagged |= (uint64_t)record->is_tagged << n;
		record = hold_first(inject->hold);
	}
	return n;
}

static void rx_done(struct queue *q, const struct frame *frames, unsigned n)
{
	hold_release(of_queue(q)->hold, n);
}

static uint64_t due_tsc(struct queue *q)
{
	return hold_first(of_queue(q)->hold) ? 0 : UINT64_MAX;
}

static bool pending(struct queue *q)
{
	return hold_first(of_queue(q)->hold);
}

static void set_wakeup(struct queue *q, bool on)
{
	queue_set_wakeup(&of_queue(q)->hold->out, on);
}

struct dp_rx inject_row(const struct dp_rx *rx, const struct dp_snapshot *snapshot)
{
	static const struct stage none = {NULL, NULL};
	const struct inject *inject = of_queue(rx->queue);
	const struct dp_port *port = &snapshot->ports[inject->port_id];
	const struct stage *stages = inject->is_egress ? port->egress : port->ingress;

	return (struct dp_rx){.queue = rx->queue,
		.resume = stages ? stages : &none,
		.port_id = inject->port_id,
		.pair = rx->pair,
		.is_egress = inject->is_egress};
}

const struct queue_ops inject_ops = {
	.rx = rx,
	.rx_done = rx_done,
	.pending = pending,
	.due_tsc = due_tsc,
	.set_wakeup = set_wakeup,
};
