/**
 * fdb: the filtering database of one bridge: which port an address was last seen at.
 *
 * Data model. Key = VLAN (12 bits) and MAC (48 bits) in one 64-bit word, so that VLANs learn
 * independently. A bucket is one cache line: six keys, six values and their book-keeping; an
 * address lives in one of two buckets, and the second is looked at only where the first says that
 * something overflowed. A value is a port id and a static flag. Sized for twice max_entries, so
 * that the rate does not depend on how many addresses are known. Where both buckets are full, one
 * of the twelve addresses in them moves to its other one, so that max_entries do fit. Memory: 34 to
 * 68 bytes per address of max_entries, mapped as it is touched up to 2 MiB and at once above.
 *
 * Threads. Workers look up without locks; one writer, the control thread, changes. Each bucket has
 * a sequence number, odd while the writer is inside; a reader that saw it change, or that missed an
 * address on its way from one bucket to the other, takes it for unknown, which floods one frame.
 * Workers also set `seen` bits, and only where they are not set, so that a busy address costs no
 * store. The writer turns seen bits into ages (fdb_age()). Its functions are those of
 * control/fdb_table.h.
 *
 * Life cycle: fdb_create, ..., fdb_destroy after a grace period without readers.
 * Limits: max_entries learned or static addresses, and max_per_port learned ones at one port; a
 * full table forgets an old address of the port that holds the most, so that one noisy port cannot
 * push its neighbours out. Source: IEEE 802.1Q-2018, 8.8 "The Filtering Database", 8.7 "The
 * Learning Process".
 */
#ifndef WEFT_VSWITCH_DATAPATH_FDB_H
#define WEFT_VSWITCH_DATAPATH_FDB_H

#include "ether.h"

#include <nmmintrin.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FDB_SLOTS     6
#define FDB_MAX_PORTS 1024
#define FDB_NONE      0xffff /* value: unknown address */
#define FDB_PORT_MASK 0x3fff
#define FDB_STATIC    0x4000
#define FDB_KEY_EMPTY 0

struct fdb_bucket {
	_Alignas(64) _Atomic uint64_t keys[FDB_SLOTS];
	_Atomic uint16_t values[FDB_SLOTS];
	_Atomic uint16_t seq;
	_Atomic uint8_t seen; /* bit i: slot i was used as a source since the last sweep */
	_Atomic uint8_t
		overflow; /* addresses whose first choice this was live elsewhere (saturating) */
};
_Static_assert(sizeof(struct fdb_bucket) == 64, "a bucket is a cache line");

struct fdb {
	struct fdb_bucket *buckets;
	uint32_t mask; /* buckets - 1 */
	/* control only */
	uint32_t max_entries;
	uint32_t n_entries;
	uint32_t *last_s; /* [bucket * FDB_SLOTS + slot] when last seen */
	uint32_t n_static;
	uint32_t per_port[FDB_MAX_PORTS]; /* learned addresses at a port */
	uint32_t ports_end;               /* above every port that ever had one */
	uint16_t moved_from;              /* port of the address that moved last, before that */
	uint32_t evict_at;                /* where the next search for a victim begins */
	uint32_t age_at; /* the bucket where the sweep goes on; 0 = none is under way */
};

static inline uint64_t fdb_key(uint16_t vid, uint64_t mac48)
{
	return (uint64_t)(vid & 0xfff) << 48 | mac48 | UINT64_C(1) << 63; /* never FDB_KEY_EMPTY */
}

/** One round of a mixing function: keys that differ in few bits land far apart. */
static inline uint64_t fdb_hash(uint64_t key)
{
	key ^= key >> 32;
	key *= UINT64_C(0x9e3779b97f4a7c15);
	key ^= key >> 29;
	return key;
}

static inline struct fdb_bucket *fdb_first(const struct fdb *fdb, uint64_t hash)
{
	return &fdb->buckets[hash & fdb->mask];
}

static inline struct fdb_bucket *fdb_second(const struct fdb *fdb, uint64_t hash)
{
	return &fdb->buckets[(hash >> 32 ^ hash >> 60) & fdb->mask];
}

/* Lookup: workers. */

/** Which slots hold key, bit i = slot i: one at most, but for FDB_KEY_EMPTY. All six are compared
 *  and no branch depends on which it is: that cannot be predicted once a bucket holds several. */
static inline unsigned fdb_bucket_hits(const struct fdb_bucket *b, uint64_t key)
{
	const __m128i *pairs = (const __m128i *)(const void *)b->keys;
	const __m128i want = _mm_set1_epi64x((long long)key);
	unsigned hits = 0;

	for (unsigned i = 0; i < FDB_SLOTS / 2; i++) { /* two keys at a time */
		__m128i equal = _mm_cmpeq_epi64(_mm_load_si128(&pairs[i]), want);
		hits |= (unsigned)_mm_movemask_pd(_mm_castsi128_pd(equal)) << 2 * i;
	}
	return hits;
}

/** The same with two bits for each slot, in fewer steps. */
static inline unsigned fdb_bucket_pairs(const struct fdb_bucket *b, uint64_t key)
{
	const __m128i *pairs = (const __m128i *)(const void *)b->keys;
	const __m128i want = _mm_set1_epi64x((long long)key);
	__m128i low = _mm_packs_epi32(_mm_cmpeq_epi64(_mm_load_si128(&pairs[0]), want),
		_mm_cmpeq_epi64(_mm_load_si128(&pairs[1]), want));
	__m128i high = _mm_packs_epi32(_mm_cmpeq_epi64(_mm_load_si128(&pairs[2]), want),
		_mm_setzero_si128());

	return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(low, high));
}

static inline uint16_t fdb_lookup_bucket(struct fdb_bucket *b, uint64_t key, bool mark)
{
	uint16_t seq = atomic_load_explicit(&b->seq, memory_order_acquire);
	unsigned pairs = fdb_bucket_pairs(b, key);

	if (!pairs)
		return FDB_NONE;
	unsigned slot = (unsigned)__builtin_ctz(pairs) / 2;
	uint16_t value = atomic_load_explicit(&b->values[slot], memory_order_relaxed);
	/* Pairs with the writer's release of seq: key and value belong together. */
	atomic_thread_fence(memory_order_acquire);
	if ((seq & 1) | (atomic_load_explicit(&b->seq, memory_order_relaxed) ^ seq))
		return FDB_NONE;
	if (mark) {
		unsigned seen = atomic_load_explicit(&b->seen, memory_order_relaxed);
		if (!(seen >> slot & 1)) /* a lost bit only makes the address look older */
			atomic_store_explicit(&b->seen, (uint8_t)(seen | 1u << slot),
				memory_order_relaxed);
	}
	return value;
}

/** As fdb_lookup(), where the bucket of the first choice is known already. */
static inline uint16_t fdb_lookup_from(const struct fdb *fdb, struct fdb_bucket *first,
	uint64_t key, bool mark)
{
	uint16_t value = fdb_lookup_bucket(first, key, mark);

	if (__builtin_expect(value != FDB_NONE, 1) ||
		!atomic_load_explicit(&first->overflow, memory_order_relaxed))
		return value;
	return fdb_lookup_bucket(fdb_second(fdb, fdb_hash(key)), key, mark);
}

/** Value of key or FDB_NONE; mark = it was seen as a source. hash = fdb_hash(key). */
static inline uint16_t fdb_lookup(const struct fdb *fdb, uint64_t key, uint64_t hash, bool mark)
{
	return fdb_lookup_from(fdb, fdb_first(fdb, hash), key, mark);
}

#endif
