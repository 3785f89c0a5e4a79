#include "spread.h"

#include "balance.h"

#include <sys/mman.h>

#define MAX_RINGS (MODEL_MAX_PORTS * PORT_MAX_QUEUES)

_Static_assert(DP_MAX_WORKERS <= BALANCE_MAX_WORKERS, "the planner knows as many workers");

/* What the planner need not know of a ring. */
struct past {
	uint64_t seen_ns;   /* its whole cost when last looked at */
	uint16_t published; /* its worker in the last snapshot */
};

struct ring_list {
	unsigned n;
	struct balance_ring rings[MAX_RINGS]; /* by port id */
	struct past past[MAX_RINGS];
};

struct spread {
	const struct worker_pool *pool;
	unsigned n_workers;
	uint64_t looked_ns;
	struct ring_list lists[2]; /* what runs, and room for what runs next */
	struct ring_list *list;
	uint16_t workers[MAX_RINGS]; /* of list, in the snapshot to build */
	uint64_t n_moves[DP_MAX_WORKERS];
};

struct spread *spread_create(const struct worker_pool *pool, unsigned n_workers, uint64_t now_ns)
{
	/* Mapped: pages that no ring needs are never there. */
	struct spread *spread = mmap(NULL, sizeof(*spread), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (spread == MAP_FAILED)
		return NULL;
	spread->pool = pool;
	spread->n_workers = n_workers;
	spread->looked_ns = now_ns;
	spread->list = &spread->lists[0];
	return spread;
}

void spread_destroy(struct spread *spread)
{
	if (spread)
		(void)munmap(spread, sizeof(*spread));
}

static uint64_t ring_busy_ns(const struct spread *spread, const struct balance_ring *ring)
{
	struct worker_load load;

	worker_ring_load(spread->pool, ring->port_id, ring->queue, &load);
	return load.busy_ns;
}

/* A ring that runs now: as it was in the former list, whose rings of this port are [first, end). */
static void add_ring(struct spread *spread, struct ring_list *next, uint16_t port_id,
	uint16_t queue, unsigned first, unsigned end)
{
	const struct ring_list *list = spread->list;
	struct balance_ring *ring = &next->rings[next->n];
	struct past *past = &next->past[next->n++];

	for (unsigned i = first; i < end; i++) {
		if (list->rings[i].queue == queue) {
			*ring = list->rings[i];
			*past = list->past[i];
			return;
		}
	}
	*ring = (struct balance_ring){
		.port_id = port_id, .queue = queue, .worker = BALANCE_NO_WORKER};
	*past = (struct past){.published = BALANCE_NO_WORKER};
	/* What an earlier ring of that number cost is not this one's. */
	if (spread->n_workers > 1)
		past->seen_ns = ring_busy_ns(spread, ring);
}

void spread_update(struct spread *spread, const struct port_queues *const *queues)
{
	const struct ring_list *list = spread->list;
	struct ring_list *next = &spread->lists[list == &spread->lists[0]];
	unsigned first = 0, end = 0;

	next->n = 0;
	for (uint16_t id = 0; id < MODEL_MAX_PORTS; id++) {
		for (first = end; end < list->n && list->rings[end].port_id == id;)
			end++;
		for (unsigned q = 0; queues[id] && q < queues[id]->n + queues[id]->n_disabled; q++)
			add_ring(spread, next, id, queues[id]->pair[q], first, end);
	}
	spread->list = next;
	balance_place(next->rings, next->n, spread->n_workers);
}

unsigned spread_improve(struct spread *spread, uint64_t now_ns)
{
	struct ring_list *list = spread->list;
	uint64_t passed_ns = now_ns - spread->looked_ns;
	unsigned n_moves;

	spread->looked_ns = now_ns;
	if (spread->n_workers < 2)
		return 0;
	for (unsigned i = 0; i < list->n; i++) {
		uint64_t busy_ns = ring_busy_ns(spread, &list->rings[i]);

		list->rings[i].load = busy_ns - list->past[i].seen_ns;
		list->past[i].seen_ns = busy_ns;
	}
	n_moves = balance_improve(list->rings, list->n, spread->n_workers,
		passed_ns * SPREAD_MIN_BUSY_PERCENT / 100);
	for (unsigned i = 0; n_moves > 0 && i < list->n; i++)
		spread->n_moves[list->rings[i].worker] +=
			list->rings[i].worker != list->rings[i].was;
	return n_moves;
}

const uint16_t *spread_workers(const struct spread *spread)
{
	return spread->workers;
}

bool spread_rest(struct spread *spread)
{
	const struct ring_list *list = spread->list;
	bool any = false;

	for (unsigned i = 0; i < list->n; i++) {
		bool moves = list->past[i].published != BALANCE_NO_WORKER &&
			     list->past[i].published != list->rings[i].worker;

		spread->workers[i] = moves ? BALANCE_NO_WORKER : list->rings[i].worker;
		any |= moves;
	}
	return any;
}

void spread_settle(struct spread *spread)
{
	struct ring_list *list = spread->list;

	for (unsigned i = 0; i < list->n; i++)
		spread->workers[i] = list->past[i].published = list->rings[i].worker;
}

unsigned spread_n_rings(const struct spread *spread, unsigned worker)
{
	unsigned n = 0;

	for (unsigned i = 0; i < spread->list->n; i++)
		n += spread->list->rings[i].worker == worker;
	return n;
}

uint64_t spread_n_moves(const struct spread *spread, unsigned worker)
{
	return spread->n_moves[worker];
}
