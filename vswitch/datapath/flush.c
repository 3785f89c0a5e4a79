#include "flush.h"

#include "spin.h"

/* Other workers may send to a queue and list it again as soon as it is flushed: its driver is told
 * under a lock of its own, and of no more than what was flushed by then (vring.h). */
static void publish(struct queue *q, bool shared)
{
	if (shared)
		spin_acquire(&q->tx_lock);
	q->is_listed = false;
	q->ops->flush(q);
	if (shared)
		spin_release(&q->tx_lock);
}

static void notify(struct flush *flush, struct queue *q, bool shared)
{
	int fd;

	if (shared)
		spin_acquire(&q->tx_lock);
	fd = q->ops->notify_fd(q);
	if (shared)
		spin_release(&q->tx_lock);
	if (fd >= 0)
		notify_add(&flush->calls, fd);
}

void flush_publish(struct flush *flush, bool shared)
{
	for (unsigned i = 0; i < flush->n_listed; i++)
		publish(flush->listed[i], shared);
	/* The other side must see what was published before we read whether it wants to know. */
	if (flush->n_listed)
		atomic_thread_fence(memory_order_seq_cst);
}

void flush_notify(struct flush *flush, bool shared)
{
	for (unsigned i = 0; i < flush->n_listed; i++)
		notify(flush, flush->listed[i], shared);
	notify_submit(&flush->calls);
	flush->n_listed = 0;
}

void flush_all(struct flush *flush, bool shared)
{
	flush_publish(flush, shared);
	flush_notify(flush, shared);
}
