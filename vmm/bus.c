#include "bus.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bus_range {
	const char *name;
	uint64_t base; /* BUS_UNMAPPED = answers nothing */
	uint64_t size;
	const struct bus_ops *ops;
	void *ctx;
};

struct bus_ioeventfd {
	uint64_t addr;
	unsigned len;
	int fd;
};

/*
 * ranges[0..n_mapped) are mapped and sorted by base; ranges[n_mapped..n_ranges) are unmapped. A
 * lookup searches the first part; moving a range takes it out and puts it back.
 */
struct bus {
	const char *name;
	uint64_t size;
	pthread_rwlock_t lock;
	struct bus_range **ranges;
	unsigned n_ranges;
	unsigned n_mapped;
	struct bus_ioeventfd *ioeventfds;
	unsigned n_ioeventfds;
	bus_ioeventfd_fn *ioeventfd_fn;
	void *ioeventfd_ctx;
};

int bus_create(const char *name, uint64_t size, struct bus **ret_bus)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return -ENOMEM;
	bus->name = name;
	bus->size = size;
	(void)pthread_rwlock_init(&bus->lock,
		NULL); /* cannot fail with default attributes on Linux */
	*ret_bus = bus;
	return 0;
}

void bus_destroy(struct bus *bus)
{
	if (!bus)
		return;
	for (unsigned i = 0; i < bus->n_ranges; i++)
		free(bus->ranges[i]);
	free(bus->ranges);
	free(bus->ioeventfds);
	(void)pthread_rwlock_destroy(&bus->lock);
	free(bus);
}

/* The number of mapped ranges that start at or below addr: the last of them may hold addr. */
static unsigned rank_of(const struct bus *bus, uint64_t addr)
{
	unsigned low = 0, high = bus->n_mapped;

	while (low < high) {
		unsigned mid = low + (high - low) / 2;

		if (bus->ranges[mid]->base <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static unsigned find_index(const struct bus *bus, const struct bus_range *range)
{
	unsigned i = 0;

	while (bus->ranges[i] != range)
		i++;
	return i;
}

static void unmap_locked(struct bus *bus, struct bus_range *range)
{
	unsigned at;

	if (range->base == BUS_UNMAPPED)
		return;
	at = find_index(bus, range);
	memmove(&bus->ranges[at], &bus->ranges[at + 1],
		(bus->n_mapped - at - 1) * sizeof(bus->ranges[0]));
	bus->ranges[--bus->n_mapped] = range;
	range->base = BUS_UNMAPPED;
}

/* range is among the unmapped ones. */
static int map_locked(struct bus *bus, struct bus_range *range, uint64_t base)
{
	unsigned from, to;

	if (base >= bus->size || range->size > bus->size - base)
		return -ERANGE;
	to = rank_of(bus, base);
	if (to && base - bus->ranges[to - 1]->base < bus->ranges[to - 1]->size)
		return -EEXIST;
	if (to < bus->n_mapped && bus->ranges[to]->base - base < range->size)
		return -EEXIST;
	from = find_index(bus, range);
	bus->ranges[from] = bus->ranges[bus->n_mapped];
	memmove(&bus->ranges[to + 1], &bus->ranges[to],
		(bus->n_mapped - to) * sizeof(bus->ranges[0]));
	bus->ranges[to] = range;
	bus->n_mapped++;
	range->base = base;
	return 0;
}

int bus_register(struct bus *bus, const char *name, uint64_t base, uint64_t size,
	const struct bus_ops *ops, void *ctx, struct bus_range **ret_range)
{
	struct bus_range *range = calloc(1, sizeof(*range));
	struct bus_range **grown;
	int r = 0;

	if (!range)
		return -ENOMEM;
	*range = (struct bus_range){
		.name = name,
		.base = BUS_UNMAPPED,
		.size = size,
		.ops = ops,
		.ctx = ctx,
	};
	(void)pthread_rwlock_wrlock(&bus->lock);
	grown = reallocarray(bus->ranges, bus->n_ranges + 1, sizeof(bus->ranges[0]));
	if (!grown) {
		r = -ENOMEM;
	} else {
		bus->ranges = grown;
		bus->ranges[bus->n_ranges++] = range;
		if (base != BUS_UNMAPPED)
			r = map_locked(bus, range, base);
		if (r < 0)
			bus->n_ranges--; /* it is still the last one */
	}
	(void)pthread_rwlock_unlock(&bus->lock);
	if (r < 0) {
		free(range);
		return r;
	}
	if (ret_range)
		*ret_range = range;
	return 0;
}

void bus_unregister(struct bus *bus, struct bus_range *range)
{
	if (!range)
		return;
	(void)pthread_rwlock_wrlock(&bus->lock);
	unmap_locked(bus, range);
	bus->ranges[find_index(bus, range)] = bus->ranges[bus->n_ranges - 1];
	bus->n_ranges--;
	(void)pthread_rwlock_unlock(&bus->lock);
	free(range);
}

int bus_move(struct bus *bus, struct bus_range *range, uint64_t base)
{
	int r;

	(void)pthread_rwlock_wrlock(&bus->lock);
	unmap_locked(bus, range);
	r = map_locked(bus, range, base);
	(void)pthread_rwlock_unlock(&bus->lock);
	return r;
}

void bus_unmap(struct bus *bus, struct bus_range *range)
{
	(void)pthread_rwlock_wrlock(&bus->lock);
	unmap_locked(bus, range);
	(void)pthread_rwlock_unlock(&bus->lock);
}

/* A copy of what to call, so that the handler runs without the lock. */
static bool find_range(struct bus *bus, uint64_t addr, unsigned size, struct bus_range *ret)
{
	bool found = false;
	unsigned rank;

	(void)pthread_rwlock_rdlock(&bus->lock);
	rank = rank_of(bus, addr);
	if (rank) {
		const struct bus_range *r = bus->ranges[rank - 1];
		uint64_t offset = addr - r->base;

		found = offset < r->size && size <= r->size - offset;
		if (found)
			*ret = *r;
	}
	(void)pthread_rwlock_unlock(&bus->lock);
	return found;
}

uint64_t bus_read(struct bus *bus, uint64_t addr, unsigned size)
{
	uint64_t mask = size >= 8 ? UINT64_MAX : (1ull << (8 * size)) - 1;
	struct bus_range r;

	if (!find_range(bus, addr, size, &r) || !r.ops->read)
		return mask;
	return r.ops->read(r.ctx, addr - r.base, size) & mask;
}

/* Stands in for the kernel when no hook is set. */
static bool signal_ioeventfd(struct bus *bus, uint64_t addr, unsigned size)
{
	static const uint64_t one = 1;
	int fd = -1;

	(void)pthread_rwlock_rdlock(&bus->lock);
	for (unsigned i = 0; !bus->ioeventfd_fn && fd < 0 && i < bus->n_ioeventfds; i++) {
		const struct bus_ioeventfd *e = &bus->ioeventfds[i];

		if (e->addr == addr && (!e->len || e->len == size))
			fd = e->fd;
	}
	if (fd >= 0)
		(void)!write(fd, &one, sizeof(one)); /* a full counter is already signalled */
	(void)pthread_rwlock_unlock(&bus->lock);
	return fd >= 0;
}

void bus_write(struct bus *bus, uint64_t addr, unsigned size, uint64_t value)
{
	struct bus_range r;

	if (signal_ioeventfd(bus, addr, size))
		return;
	if (find_range(bus, addr, size, &r) && r.ops->write)
		r.ops->write(r.ctx, addr - r.base, size, value);
}

void bus_set_ioeventfd_hook(struct bus *bus, bus_ioeventfd_fn *fn, void *ctx)
{
	(void)pthread_rwlock_wrlock(&bus->lock);
	bus->ioeventfd_fn = fn;
	bus->ioeventfd_ctx = ctx;
	(void)pthread_rwlock_unlock(&bus->lock);
}

static int add_ioeventfd_locked(struct bus *bus, uint64_t addr, unsigned len, int fd)
{
	struct bus_ioeventfd *grown;
	int r;

	for (unsigned i = 0; i < bus->n_ioeventfds; i++) {
		if (bus->ioeventfds[i].addr == addr)
			return -EEXIST;
	}
	grown = reallocarray(bus->ioeventfds, bus->n_ioeventfds + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	bus->ioeventfds = grown;
	if (bus->ioeventfd_fn) {
		r = bus->ioeventfd_fn(bus->ioeventfd_ctx, addr, len, fd, true);
		if (r < 0)
			return r;
	}
	grown[bus->n_ioeventfds++] = (struct bus_ioeventfd){.addr = addr, .len = len, .fd = fd};
	return 0;
}

int bus_ioeventfd_assign(struct bus *bus, uint64_t addr, unsigned len, int fd)
{
	int r;

	(void)pthread_rwlock_wrlock(&bus->lock);
	r = add_ioeventfd_locked(bus, addr, len, fd);
	(void)pthread_rwlock_unlock(&bus->lock);
	return r;
}

void bus_ioeventfd_release(struct bus *bus, uint64_t addr, unsigned len, int fd)
{
	(void)pthread_rwlock_wrlock(&bus->lock);
	for (unsigned i = 0; i < bus->n_ioeventfds; i++) {
		struct bus_ioeventfd *e = &bus->ioeventfds[i];

		if (e->addr != addr || e->len != len || e->fd != fd)
			continue;
		if (bus->ioeventfd_fn)
			(void)bus->ioeventfd_fn(bus->ioeventfd_ctx, addr, len, fd, false);
		*e = bus->ioeventfds[--bus->n_ioeventfds];
		break;
	}
	(void)pthread_rwlock_unlock(&bus->lock);
}
