#include "fdb_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* How many slots a search for a victim looks at: enough to meet every port that fills a table. */
#define EVICT_SCAN_BUCKETS 256
#define HUGE_PAGE          (UINT64_C(2) << 20)

/* ---- Life cycle ---- */

static size_t n_buckets(const struct fdb *fdb)
{
	return (size_t)fdb->mask + 1;
}

/*
 * Zeroed memory. More than a huge page of it is in huge pages, or random look-ups in a large table
 * would miss the TLB as well as the cache. A small table stays small while it holds little.
 */
static void *pages_create(size_t size)
{
	size_t slack = size > HUGE_PAGE ? HUGE_PAGE : 0, before;
	uint8_t *mem = mmap(NULL, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	if (!slack)
		return mem;
	before = -(uintptr_t)mem & (HUGE_PAGE - 1);
	if (before)
		(void)munmap(mem, before);
	(void)munmap(mem + before + size, slack - before);
	/* Refused: small pages do as well. There now, so that learning does not wait for them. */
	(void)madvise(mem + before, size, MADV_HUGEPAGE);
	(void)madvise(mem + before, size, MADV_POPULATE_WRITE);
	return mem + before;
}

int fdb_create(uint32_t max_entries, struct fdb **ret_fdb)
{
	struct fdb *fdb = calloc(1, sizeof(*fdb));
	uint32_t buckets = 1;

	if (!fdb)
		return -ENOMEM;
	while ((uint64_t)buckets * FDB_SLOTS < 2 * (uint64_t)max_entries)
		buckets *= 2;
	fdb->mask = buckets - 1;
	fdb->max_entries = max_entries;
	/* Mapped, not allocated: pages of buckets that are never used cost nothing. */
	fdb->buckets = pages_create(n_buckets(fdb) * sizeof(struct fdb_bucket));
	fdb->last_s = pages_create(n_buckets(fdb) * FDB_SLOTS * sizeof(uint32_t));
	if (!fdb->buckets || !fdb->last_s) {
		fdb_destroy(fdb);
		return -ENOMEM;
	}
	*ret_fdb = fdb;
	return 0;
}

void fdb_destroy(struct fdb *fdb)
{
	if (!fdb)
		return;
	if (fdb->buckets)
		munmap(fdb->buckets, n_buckets(fdb) * sizeof(struct fdb_bucket));
	if (fdb->last_s)
		munmap(fdb->last_s, n_buckets(fdb) * FDB_SLOTS * sizeof(uint32_t));
	free(fdb);
}

/* ---- Slots ---- */

/* Where an entry is; bucket NULL = nowhere. */
struct place {
	struct fdb_bucket *bucket;
	unsigned slot;
};

static uint64_t key_at(const struct place *at)
{
	return atomic_load_explicit(&at->bucket->keys[at->slot], memory_order_relaxed);
}

static uint16_t value_at(const struct place *at)
{
	return atomic_load_explicit(&at->bucket->values[at->slot], memory_order_relaxed);
}

static uint32_t *last_at(const struct fdb *fdb, const struct place *at)
{
	return &fdb->last_s[(size_t)(at->bucket - fdb->buckets) * FDB_SLOTS + at->slot];
}

static void clear_seen(const struct place *at)
{
	uint8_t seen = atomic_load_explicit(&at->bucket->seen, memory_order_relaxed);

	/* A bit that a worker sets in between may be lost: that address looks a sweep older. */
	if (seen >> at->slot & 1)
		atomic_store_explicit(&at->bucket->seen, (uint8_t)(seen & ~(1u << at->slot)),
			memory_order_relaxed);
}

/* Is a the better one to forget? Of the port that holds more; then, unused for longer. */
static bool is_better_victim(const struct fdb *fdb, const struct place *a, const struct place *b)
{
	uint32_t a_port = fdb->per_port[value_at(a) & FDB_PORT_MASK & (FDB_MAX_PORTS - 1)];
	uint32_t b_port = fdb->per_port[value_at(b) & FDB_PORT_MASK & (FDB_MAX_PORTS - 1)];

	return a_port != b_port ? a_port > b_port : *last_at(fdb, a) < *last_at(fdb, b);
}

/* Write a slot under the bucket's sequence number (invariant: odd while inside). */
static void write_slot(const struct place *at, uint64_t key, uint16_t value)
{
	struct fdb_bucket *b = at->bucket;
	uint16_t seq = atomic_load_explicit(&b->seq, memory_order_relaxed);

	atomic_store_explicit(&b->seq, seq + 1, memory_order_relaxed);
	/* Pairs with the acquire in fdb_lookup_bucket(): new contents are not seen with the old
	 * seq. */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&b->keys[at->slot], key, memory_order_relaxed);
	atomic_store_explicit(&b->values[at->slot], value, memory_order_relaxed);
	atomic_store_explicit(&b->seq, seq + 2, memory_order_release);
}

static struct place find_in(struct fdb_bucket *b, uint64_t key)
{
	unsigned hits = fdb_bucket_hits(b, key);

	return hits ? (struct place){b, (unsigned)__builtin_ctz(hits)} : (struct place){NULL, 0};
}

static struct place find(const struct fdb *fdb, uint64_t key)
{
	uint64_t hash = fdb_hash(key);
	struct fdb_bucket *first = fdb_first(fdb, hash);
	struct place at = find_in(first, key);

	if (at.bucket || !atomic_load_explicit(&first->overflow, memory_order_relaxed))
		return at;
	return find_in(fdb_second(fdb, hash), key);
}

static void count_port(struct fdb *fdb, uint16_t value, int by)
{
	uint32_t port_id = value & FDB_PORT_MASK & (FDB_MAX_PORTS - 1);

	if (value & FDB_STATIC)
		fdb->n_static += (uint32_t)by;
	else
		fdb->per_port[port_id] += (uint32_t)by;
	if (port_id >= fdb->ports_end)
		fdb->ports_end = port_id + 1;
}

static void change_overflow(struct fdb_bucket *first, int by)
{
	uint8_t n = atomic_load_explicit(&first->overflow, memory_order_relaxed);

	if (n != UINT8_MAX) /* saturated: stays, and only costs a second look */
		atomic_store_explicit(&first->overflow, (uint8_t)(n + by), memory_order_relaxed);
}

static void forget(struct fdb *fdb, const struct place *at)
{
	struct fdb_bucket *first = fdb_first(fdb, fdb_hash(key_at(at)));

	count_port(fdb, value_at(at), -1);
	write_slot(at, FDB_KEY_EMPTY, 0);
	clear_seen(at);
	if (first != at->bucket)
		change_overflow(first, -1);
	fdb->n_entries--;
}

/* A learned entry of port (any port when -1) in one of n buckets from evict_at on; oldest first.
 */
static struct place find_victim(struct fdb *fdb, int port_id, unsigned n)
{
	struct place best = {NULL, 0};

	for (unsigned i = 0; i < n; i++) {
		struct fdb_bucket *b = &fdb->buckets[(fdb->evict_at + i) & fdb->mask];
		for (unsigned slot = 0; slot < FDB_SLOTS; slot++) {
			struct place at = {b, slot};
			if (key_at(&at) == FDB_KEY_EMPTY || value_at(&at) & FDB_STATIC)
				continue;
			if (port_id >= 0 && (value_at(&at) & FDB_PORT_MASK) != port_id)
				continue;
			if (!best.bucket || is_better_victim(fdb, &at, &best))
				best = at;
		}
		if (best.bucket && i % 8 == 7)
			break;
	}
	fdb->evict_at += 8;
	return best;
}

static int busiest_port(const struct fdb *fdb)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < fdb->ports_end; i++)
		if (fdb->per_port[i] > fdb->per_port[best])
			best = i;
	return fdb->per_port[best] ? (int)best : -1;
}

/* Make room for one entry by forgetting one of the port that holds the most. */
static bool evict_fairly(struct fdb *fdb)
{
	int port_id = busiest_port(fdb);
	unsigned n =
		EVICT_SCAN_BUCKETS < n_buckets(fdb) ? EVICT_SCAN_BUCKETS : (unsigned)n_buckets(fdb);
	struct place at = {NULL, 0};

	if (port_id >= 0)
		at = find_victim(fdb, port_id, n);
	if (!at.bucket)
		at = find_victim(fdb, -1, (unsigned)n_buckets(fdb));
	if (!at.bucket)
		return false;
	forget(fdb, &at);
	return true;
}

/* The other bucket that the address of a slot may be in; may be the same one. */
static struct fdb_bucket *other_bucket(const struct fdb *fdb, const struct place *at)
{
	uint64_t hash = fdb_hash(key_at(at));
	struct fdb_bucket *first = fdb_first(fdb, hash);

	return first == at->bucket ? fdb_second(fdb, hash) : first;
}

/* Put the address of a slot into the free slot `to` of its other bucket, then free the slot. */
static void move(struct fdb *fdb, const struct place *from, const struct place *to)
{
	struct fdb_bucket *first = fdb_first(fdb, fdb_hash(key_at(from)));
	uint8_t seen = atomic_load_explicit(&to->bucket->seen, memory_order_relaxed);

	if (to->bucket != first)
		change_overflow(first, 1); /* before it is needed */
	*last_at(fdb, to) = *last_at(fdb, from);
	if (atomic_load_explicit(&from->bucket->seen, memory_order_relaxed) >> from->slot & 1)
		atomic_store_explicit(&to->bucket->seen, (uint8_t)(seen | 1u << to->slot),
			memory_order_relaxed);
	write_slot(to, key_at(from), value_at(from));
	write_slot(from, FDB_KEY_EMPTY, 0);
	clear_seen(from);
	if (to->bucket == first)
		change_overflow(first, -1);
}

/* Free a slot of b, which is full, by moving an address to its other bucket. */
static struct place make_slot_by_moving(struct fdb *fdb, struct fdb_bucket *b)
{
	for (unsigned slot = 0; slot < FDB_SLOTS; slot++) {
		struct place from = {b, slot};
		struct place to = find_in(other_bucket(fdb, &from), FDB_KEY_EMPTY);

		if (!to.bucket)
			continue;
		move(fdb, &from, &to);
		return from;
	}
	return (struct place){NULL, 0};
}

/* Free a slot of one of two full buckets by forgetting a learned address. */
static struct place make_slot_by_forgetting(struct fdb *fdb, struct fdb_bucket *const buckets[2])
{
	struct place victim = {NULL, 0};

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned slot = 0; slot < FDB_SLOTS; slot++) {
			struct place at = {buckets[i], slot};
			if (value_at(&at) & FDB_STATIC)
				continue;
			if (!victim.bucket || is_better_victim(fdb, &at, &victim))
				victim = at;
		}
	}
	if (victim.bucket)
		forget(fdb, &victim);
	return victim;
}

/* A free slot in one of the two buckets of a hash. Bucket NULL: all are static, and stay. */
static struct place make_slot(struct fdb *fdb, uint64_t hash)
{
	struct fdb_bucket *const buckets[2] = {fdb_first(fdb, hash), fdb_second(fdb, hash)};
	struct place at;

	for (unsigned i = 0; i < 2; i++) {
		at = find_in(buckets[i], FDB_KEY_EMPTY);
		if (at.bucket)
			return at;
	}
	for (unsigned i = 0; i < 2; i++) {
		at = make_slot_by_moving(fdb, buckets[i]);
		if (at.bucket)
			return at;
	}
	return make_slot_by_forgetting(fdb, buckets);
}

static int insert(struct fdb *fdb, uint64_t key, uint16_t value, uint32_t now_s)
{
	uint64_t hash = fdb_hash(key);
	struct place at;

	if (fdb->n_entries >= fdb->max_entries && !evict_fairly(fdb))
		return -ENOSPC;
	at = make_slot(fdb, hash);
	if (!at.bucket)
		return -ENOSPC;
	if (at.bucket != fdb_first(fdb, hash))
		change_overflow(fdb_first(fdb, hash), 1); /* before the entry can be looked for */
	*last_at(fdb, &at) = now_s;
	write_slot(&at, key, value);
	count_port(fdb, value, 1);
	fdb->n_entries++;
	return 0;
}

/* ---- Changes ---- */

static void set_value(struct fdb *fdb, const struct place *at, uint16_t value)
{
	count_port(fdb, value_at(at), -1);
	write_slot(at, key_at(at), value);
	count_port(fdb, value, 1);
}

void fdb_prefetch(const struct fdb *fdb, uint16_t vid, uint64_t mac48)
{
	const struct place at = {fdb_first(fdb, fdb_hash(fdb_key(vid, mac48))), 0};

	__builtin_prefetch(at.bucket, 1);
	__builtin_prefetch(last_at(fdb, &at), 1);
}

enum fdb_learned fdb_learn(struct fdb *fdb, uint16_t vid, uint64_t mac48, uint16_t port_id,
	uint32_t max_per_port, uint32_t now_s)
{
	uint64_t key = fdb_key(vid, mac48);
	struct place at = find(fdb, key);

	if (port_id >= FDB_MAX_PORTS)
		return FDB_LIMITED;
	if (at.bucket && value_at(&at) & FDB_STATIC)
		return FDB_IS_STATIC;
	if (at.bucket && value_at(&at) == port_id) {
		*last_at(fdb, &at) = now_s;
		return FDB_KNOWN;
	}
	if (max_per_port && fdb->per_port[port_id] >= max_per_port)
		return FDB_LIMITED;
	if (at.bucket) {
		fdb->moved_from = value_at(&at) & FDB_PORT_MASK;
		set_value(fdb, &at, port_id);
		*last_at(fdb, &at) = now_s;
		return FDB_MOVED;
	}
	return insert(fdb, key, port_id, now_s) ? FDB_LIMITED : FDB_ADDED;
}

int fdb_add_static(struct fdb *fdb, uint16_t vid, uint64_t mac48, uint16_t port_id, uint32_t now_s)
{
	uint64_t key = fdb_key(vid, mac48);
	struct place at = find(fdb, key);

	if (port_id >= FDB_MAX_PORTS)
		return -EINVAL;
	if (at.bucket) {
		set_value(fdb, &at, port_id | FDB_STATIC);
		return 0;
	}
	return insert(fdb, key, port_id | FDB_STATIC, now_s);
}

int fdb_del(struct fdb *fdb, uint16_t vid, uint64_t mac48)
{
	struct place at = find(fdb, fdb_key(vid, mac48));

	if (!at.bucket)
		return -ENOENT;
	forget(fdb, &at);
	return 0;
}

/* ---- Walks ---- */

static unsigned full_slots(const struct fdb_bucket *b)
{
	return ~fdb_bucket_hits(b, FDB_KEY_EMPTY) & ((1u << FDB_SLOTS) - 1);
}

static void describe(const struct fdb *fdb, const struct place *at, uint32_t now_s,
	struct fdb_entry *ret_entry)
{
	uint64_t key = key_at(at);
	uint8_t seen = atomic_load_explicit(&at->bucket->seen, memory_order_relaxed);
	uint32_t last = *last_at(fdb, at);

	ret_entry->vid = key >> 48 & 0xfff;
	ret_entry->mac = ether_addr_from_u64(key & UINT64_C(0xffffffffffff));
	ret_entry->port_id = value_at(at) & FDB_PORT_MASK;
	ret_entry->is_static = value_at(at) & FDB_STATIC;
	ret_entry->age_s = seen >> at->slot & 1 || now_s < last ? 0 : now_s - last;
}

int fdb_get(struct fdb *fdb, uint16_t vid, uint64_t mac48, uint32_t now_s,
	struct fdb_entry *ret_entry)
{
	struct place at = find(fdb, fdb_key(vid, mac48));

	if (!at.bucket)
		return -ENOENT;
	describe(fdb, &at, now_s, ret_entry);
	return 0;
}

/* Age the addresses of one bucket; returns how many were forgotten. */
static unsigned age_bucket(struct fdb *fdb, struct fdb_bucket *b, unsigned full, uint32_t ageing_s,
	uint32_t now_s)
{
	uint8_t seen = atomic_load_explicit(&b->seen, memory_order_relaxed);
	unsigned n = 0;

	/* A bit that a worker sets in between may be lost: that address looks a sweep older. */
	if (seen)
		atomic_store_explicit(&b->seen, 0, memory_order_relaxed);
	for (; full; full &= full - 1) {
		struct place at = {b, (unsigned)__builtin_ctz(full)};

		if (seen >> at.slot & 1) {
			*last_at(fdb, &at) = now_s;
		} else if (ageing_s && !(value_at(&at) & FDB_STATIC) &&
			   now_s >= *last_at(fdb, &at) + ageing_s) {
			forget(fdb, &at);
			n++;
		}
	}
	return n;
}

unsigned fdb_age_slice(struct fdb *fdb, uint32_t ageing_s, uint32_t now_s, uint32_t *budget)
{
	unsigned n = 0;

	while (fdb->n_entries && *budget > 0) {
		struct fdb_bucket *b = &fdb->buckets[fdb->age_at];
		unsigned full = full_slots(b);

		if (full)
			n += age_bucket(fdb, b, full, ageing_s, now_s);
		--*budget;
		fdb->age_at = (fdb->age_at + 1) & fdb->mask;
		if (!fdb->age_at)
			break;
	}
	if (!fdb->n_entries) /* nothing is left to look at */
		fdb->age_at = 0;
	return n;
}

unsigned fdb_age(struct fdb *fdb, uint32_t ageing_s, uint32_t now_s)
{
	uint32_t budget = UINT32_MAX;

	return fdb_age_slice(fdb, ageing_s, now_s, &budget);
}

static bool passes(const struct fdb_filter *filter, const struct place *at)
{
	bool is_static = value_at(at) & FDB_STATIC;

	if (filter->vid != FDB_ANY && (key_at(at) >> 48 & 0xfff) != filter->vid)
		return false;
	if (filter->port_id != FDB_ANY && (value_at(at) & FDB_PORT_MASK) != filter->port_id)
		return false;
	return is_static ? filter->with_static || filter->only_static : !filter->only_static;
}

/* No more entries than these can pass a filter. */
static uint32_t most_that_pass(const struct fdb *fdb, const struct fdb_filter *filter)
{
	uint32_t n_static = filter->with_static || filter->only_static ? fdb->n_static : 0;

	if (filter->only_static)
		return n_static;
	if (filter->port_id == FDB_ANY)
		return fdb->n_entries - fdb->n_static + n_static;
	return n_static + (filter->port_id < FDB_MAX_PORTS ? fdb->per_port[filter->port_id] : 0);
}

unsigned fdb_flush(struct fdb *fdb, const struct fdb_filter *filter)
{
	uint32_t most = most_that_pass(fdb, filter);
	unsigned n = 0;

	/* A port that taught nothing, as most that come and go, costs nothing. */
	for (size_t i = 0; n < most && i < n_buckets(fdb); i++) {
		struct fdb_bucket *b = &fdb->buckets[i];

		for (unsigned full = full_slots(b); full; full &= full - 1) {
			struct place at = {b, (unsigned)__builtin_ctz(full)};

			if (!passes(filter, &at))
				continue;
			forget(fdb, &at);
			n++;
		}
	}
	return n;
}

bool fdb_next(const struct fdb *fdb, uint32_t now_s, uint64_t *at, uint32_t *budget,
	struct fdb_entry *ret_entry)
{
	while (*at<n_buckets(fdb) * FDB_SLOTS && * budget> 0) {
		struct fdb_bucket *b = &fdb->buckets[*at / FDB_SLOTS];
		unsigned left = full_slots(b) >> *at % FDB_SLOTS;

		if (left) {
			struct place place = {b, (unsigned)(*at % FDB_SLOTS)};

			place.slot += (unsigned)__builtin_ctz(left);
			*at = (uint64_t)(b - fdb->buckets) * FDB_SLOTS + place.slot + 1;
			describe(fdb, &place, now_s, ret_entry);
			return true;
		}
		*at += FDB_SLOTS - *at % FDB_SLOTS;
		--*budget;
	}
	return false;
}

int fdb_walk(const struct fdb *fdb, uint32_t now_s, fdb_walk_fn *fn, void *ctx)
{
	uint32_t budget = UINT32_MAX;
	struct fdb_entry entry;

	for (uint64_t at = 0; fdb_next(fdb, now_s, &at, &budget, &entry);) {
		int r = fn(ctx, &entry);
		if (r)
			return r;
	}
	return 0;
}
