#include "rxq_assign.h"

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

struct rxq_assign {
	const struct worker_pool *pool;
	unsigned n_workers;
	uint64_t looked_ns;
	struct ring_list lists[2]; /* what runs, and room for what runs next */
	struct ring_list *list;
	uint16_t workers[MAX_RINGS]; /* of list, in the snapshot to build */
	uint64_t n_moves[DP_MAX_WORKERS];
};

struct rxq_assign *rxq_assign_create(const struct worker_pool *pool, unsigned n_workers,
	uint64_t now_ns)
{
	/* Mapped: pages that no ring needs are never there. */
	struct rxq_assign *assign = mmap(NULL, sizeof(*assign), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (assign == MAP_FAILED)
		return NULL;
	assign->pool = pool;
	assign->n_workers = n_workers;
	assign->looked_ns = now_ns;
	assign->list = &assign->lists[0];
	return assign;
}

void rxq_assign_destroy(struct rxq_assign *assign)
{
	if (assign)
		(void)munmap(assign, sizeof(*assign));
}

static uint64_t ring_busy_ns(const struct rxq_assign *assign, const struct balance_ring *ring)
{
	struct worker_load load;

	worker_ring_load(assign->pool, ring->port_id, ring->queue, &load);
	return load.busy_ns;
}

/* A ring that runs now: as it was in the former list, whose rings of this port are [first, end). */
static void add_ring(struct rxq_assign *assign, struct ring_list *next, uint16_t port_id,
	uint16_t queue, unsigned first, unsigned end)
{
	const struct ring_list *list = assign->list;
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
	if (assign->n_workers > 1)
		past->seen_ns = ring_busy_ns(assign, ring);
}

void rxq_assign_update(struct rxq_assign *assign, const struct port_queues *const *queues)
{
	const struct ring_list *list = assign->list;
	struct ring_list *next = &assign->lists[list == &assign->lists[0]];
	unsigned first = 0, end = 0;

	next->n = 0;
	for (uint16_t id = 0; id < MODEL_MAX_PORTS; id++) {
		for (first = end; end < list->n && list->rings[end].port_id == id;)
			end++;
		for (unsigned q = 0; queues[id] && q < queues[id]->n + queues[id]->n_disabled; q++)
			add_ring(assign, next, id, queues[id]->pair[q], first, end);
	}
	assign->list = next;
	balance_place(next->rings, next->n, assign->n_workers);
}

unsigned rxq_assign_improve(struct rxq_assign *assign, uint64_t now_ns)
{
	struct ring_list *list = assign->list;
	uint64_t passed_ns = now_ns - assign->looked_ns;
	unsigned n_moves;

	assign->looked_ns = now_ns;
	if (assign->n_workers < 2)
		return 0;
	for (unsigned i = 0; i < list->n; i++) {
		uint64_t busy_ns = ring_busy_ns(assign, &list->rings[i]);

		list->rings[i].load = busy_ns - list->past[i].seen_ns;
		list->past[i].seen_ns = busy_ns;
	}
	n_moves = balance_improve(list->rings, list->n, assign->n_workers,
		passed_ns * RXQ_ASSIGN_MIN_BUSY_PERCENT / 100);
	for (unsigned i = 0; n_moves > 0 && i < list->n; i++)
		assign->n_moves[list->rings[i].worker] +=
			list->rings[i].worker != list->rings[i].was;
	return n_moves;
}

const uint16_t *rxq_assign_workers(const struct rxq_assign *assign)
{
	return assign->workers;
}

bool rxq_assign_park(struct rxq_assign *assign)
{
	const struct ring_list *list = assign->list;
	bool any = false;

	for (unsigned i = 0; i < list->n; i++) {
		bool moves = list->past[i].published != BALANCE_NO_WORKER &&
			     list->past[i].published != list->rings[i].worker;

		assign->workers[i] = moves ? BALANCE_NO_WORKER : list->rings[i].worker;
		any |= moves;
	}
	return any;
}

void rxq_assign_resume(struct rxq_assign *assign)
{
	struct ring_list *list = assign->list;

	for (unsigned i = 0; i < list->n; i++)
		assign->workers[i] = list->past[i].published = list->rings[i].worker;
}

unsigned rxq_assign_n_rings(const struct rxq_assign *assign, unsigned worker)
{
	unsigned n = 0;

	for (unsigned i = 0; i < assign->list->n; i++)
		n += assign->list->rings[i].worker == worker;
	return n;
}

uint64_t rxq_assign_n_moves(const struct rxq_assign *assign, unsigned worker)
{
	return assign->n_moves[worker];
}
