#include "capture.h"

#include "drop.h"
#include "filter/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

_Static_assert(DROP_N_REASONS <= CAPTURE_MAX_REASONS, "every reason has its text in the ring");

struct running {
	struct capture capture; /* first */
	struct running *next;   /* of those that are gone */
	struct filter *filter;
	int memory_fd;
	/* Of points that are covered; the reader may write to those in the ring. */
	char names[DP_MAX_PORTS][sizeof(((struct capture_point *)0)->name)];
	uint32_t n_points;
};

struct captures {
	struct running *running[CAPTURE_MAX];
	unsigned n;
	struct running *gone; /* with the next snapshot */
	/* Workers have the one; the other is for the next snapshot, if anything has changed. */
	struct capture_set sets[2];
	unsigned published;
	bool has_changed;
	/* The same of what drops are watched by. */
	struct drop_watch *watches[2];
	unsigned watch_published;
	bool has_watch;
};

static struct running *of_capture(const struct capture *capture)
{
	return (struct running *)(uintptr_t)capture; /* first member */
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static int map_ring(struct running *running, uint64_t size)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	off_t whole = (off_t)(CAPTURE_RING_HEADER_SIZE + size);
	void *mem;
	int r;

	running->memory_fd = memfd_create("weft-capture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (running->memory_fd < 0)
		return -errno;
	if (ftruncate(running->memory_fd, whole) < 0)
		return -errno;
	r = posix_fallocate(running->memory_fd, 0, whole);
	if (r)
		return -r;
	if (fcntl(running->memory_fd, F_ADD_SEALS, seals) < 0)
		return -errno;
	mem = mmap(NULL, (size_t)whole, PROT_READ | PROT_WRITE, MAP_SHARED, running->memory_fd, 0);
	if (mem == MAP_FAILED)
		return -errno;
	running->capture.ring = mem;
	running->capture.bytes = (uint8_t *)mem + CAPTURE_RING_HEADER_SIZE;
	running->capture.size = size;
	return 0;
}

static void destroy_running(struct running *running)
{
	if (!running)
		return;
	if (running->capture.ring)
		(void)munmap(running->capture.ring,
			CAPTURE_RING_HEADER_SIZE + running->capture.size);
	if (running->memory_fd >= 0)
		(void)close(running->memory_fd);
	if (running->capture.event_fd >= 0)
		(void)close(running->capture.event_fd);
	free(running->filter);
	free(running);
}

static struct running *create_running(void)
{
	size_t size = (sizeof(struct running) + 63) / 64 * 64;
	struct running *running = aligned_alloc(64, size);

	if (!running)
		return NULL;
	memset(running, 0, size);
	running->memory_fd = running->capture.event_fd = -1;
	running->capture.queue.ops = &capture_ops;
	running->capture.queue.wake_fd = -1;
	return running;
}

static uint64_t ring_size(uint64_t wanted)
{
	uint64_t size = CAPTURE_RING_MIN;

	while (size < wanted)
		size *= 2;
	return size;
}

static int get_memory(struct running *running, uint64_t size, struct err *err)
{
	int r = map_ring(running, ring_size(size));

	if (r == 0) {
		running->capture.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (running->capture.event_fd < 0)
			r = -errno;
	}
	if (r < 0)
		return err_set(err, r, "capture: no buffer: %s", strerror(-r));
	for (unsigned i = 0; i < DROP_N_REASONS; i++)
		(void)snprintf(running->capture.ring->reasons[i],
			sizeof(running->capture.ring->reasons[i]), "%s", drop_infos[i].name);
	return 0;
}

/* ---- Captures -------------------------------------------------------------------------------- */

static void make_set(struct captures *all)
{
	struct capture_set *set = &all->sets[!all->published];

	all->has_changed = true;
	set->n = 0;
	for (unsigned i = 0; i < all->n; i++)
		set->captures[set->n++] = &all->running[i]->capture;
}

int capture_start(void *state, const struct capture_params *params, struct capture **ret_capture,
	struct err *err)
{
	struct captures *all = state;
	struct running *running;
	int r;

	if (all->n == CAPTURE_MAX)
		return err_set(err, -ENOSPC, "capture: %d run already, the most there can be",
			CAPTURE_MAX);
	running = create_running();
	if (!running)
		return err_set(err, -ENOMEM, "capture: out of memory");
	running->capture.snaplen = params->snaplen;
	running->capture.is_raw = params->is_raw;
	running->capture.takes_drops = params->takes_drops;
	r = params->filter ? filter_create(params->filter, &running->filter, err) : 0;
	running->capture.filter = running->filter;
	if (r == 0)
		r = get_memory(running, params->size, err);
	if (r < 0) {
		destroy_running(running);
		return r;
	}
	all->running[all->n++] = running;
	make_set(all);
	*ret_capture = &running->capture;
	return 0;
}

void capture_stop(void *state, struct capture *capture)
{
	struct captures *all = state;
	struct running *running = of_capture(capture);
	unsigned i = 0;

	while (all->running[i] != running)
		i++;
	all->running[i] = all->running[--all->n];
	running->next = all->gone;
	all->gone = running;
	make_set(all);
}

struct capture_handle capture_handle(const struct capture *capture)
{
	return (struct capture_handle){
		of_capture(capture)->memory_fd, capture->event_fd, capture->size};
}

int capture_cover(struct capture *capture, uint16_t port_id, uint16_t takes, const char *name,
	const char *description)
{
	struct running *running = of_capture(capture);
	struct capture_point *point;

	if (running->n_points == CAPTURE_MAX_POINTS)
		return -ENOSPC;
	point = &capture->ring->points[running->n_points];
	(void)snprintf(point->name, sizeof(point->name), "%s", name);
	(void)snprintf(point->description, sizeof(point->description), "%s", description);
	(void)snprintf(running->names[port_id], sizeof(running->names[port_id]), "%s", name);
	atomic_store_explicit(&capture->points[port_id], (uint16_t)(running->n_points | takes),
		memory_order_release);
	atomic_store_explicit(&capture->ring->n_points, ++running->n_points, memory_order_release);
	return 0;
}

void capture_uncover(struct capture *capture, uint16_t port_id)
{
	atomic_store_explicit(&capture->points[port_id], 0, memory_order_relaxed);
}

const char *capture_covers(const struct capture *capture, uint16_t port_id)
{
	return capture->points[port_id] ? of_capture(capture)->names[port_id] : NULL;
}

/* ---- The feature ----------------------------------------------------------------------------- */

static struct drop_watch *create_watch(void)
{
	return calloc(1, sizeof(struct drop_watch) + DP_MAX_PORTS * sizeof(uint16_t));
}

static void *create(struct hold_budget *budget)
{
	struct captures *all = calloc(1, sizeof(*all));

	(void)budget; /* it holds nothing */
	if (!all)
		return NULL;
	all->watches[0] = create_watch();
	all->watches[1] = create_watch();
	if (all->watches[0] && all->watches[1])
		return all;
	free(all->watches[0]);
	free(all->watches[1]);
	free(all);
	return NULL;
}

static const struct capture_set *next_set(const struct captures *all)
{
	return &all->sets[all->has_changed ? !all->published : all->published];
}

static bool is_watched(const struct capture_set *set, uint16_t port_id)
{
	for (unsigned i = 0; i < set->n; i++) {
		if (set->captures[i]->takes_drops && set->captures[i]->points[port_id])
			return true;
	}
	return false;
}

const struct drop_watch *capture_watch(void *state)
{
	struct captures *all = state;
	struct drop_watch *watch = all->watches[!all->watch_published];

	all->has_watch = true;
	watch->dropped = capture_dropped;
	watch->conf = next_set(all);
	watch->n_ports = 0;
	for (uint16_t id = 0; id < DP_MAX_PORTS; id++) {
		if (is_watched(next_set(all), id))
			watch->ports[watch->n_ports++] = id;
	}
	return watch->n_ports ? watch : NULL;
}

static void published(void *state)
{
	struct captures *all = state;
	struct running *running;

	if (all->has_changed)
		all->published = !all->published;
	all->has_changed = false;
	if (all->has_watch)
		all->watch_published = !all->watch_published;
	all->has_watch = false;
	while ((running = all->gone)) {
		all->gone = running->next;
		destroy_running(running);
	}
}

static void destroy(void *state)
{
	struct captures *all = state;

	while (all->n)
		capture_stop(all, &all->running[0]->capture);
	published(all);
	free(all->watches[0]);
	free(all->watches[1]);
	free(all);
}

static bool part(const void *state, uint16_t port_id, bool is_egress, struct feature_part *ret)
{
	const struct captures *all = state;
	const struct capture_set *set = next_set(all);

	for (unsigned i = 0; i < set->n; i++) {
		uint16_t takes = is_egress ? CAPTURE_TAKES_OUT : CAPTURE_TAKES_IN;

		if (set->captures[i]->takes_drops || !(set->captures[i]->points[port_id] & takes))
			continue;
		*ret = (struct feature_part){.stage = {capture_stage_run, set}};
		return true;
	}
	return false;
}

const struct feature capture_feature = {
	.name = "capture",
	.create = create,
	.destroy = destroy,
	.part = part,
	.published = published,
};
