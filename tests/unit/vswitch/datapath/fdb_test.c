#include "fdb_table.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAC(n) (UINT64_C(0x020000000000) + (n))

static uint16_t look(const struct fdb *fdb, uint16_t vid, uint64_t mac, bool mark)
{
	uint64_t key = fdb_key(vid, mac);

	return fdb_lookup(fdb, key, fdb_hash(key), mark);
}

static struct fdb *make(uint32_t max)
{
	struct fdb *fdb;

	assert_int_equal(fdb_create(max, &fdb), 0);
	return fdb;
}

/* Address number i of up to 2^24, all different, in no order. */
static uint64_t scattered_mac(uint32_t i)
{
	return MAC((uint64_t)(i * 0x9e3779u & 0xffffff) << 16 | (i * 0x85ebca6bu >> 16));
}

static void learn_adds_and_moves(void **state)
{
	struct fdb *fdb = make(100);

	assert_int_equal(look(fdb, 1, MAC(1), false), FDB_NONE);
	assert_int_equal(fdb_learn(fdb, 1, MAC(1), 3, 0, 5), FDB_ADDED);
	assert_int_equal(fdb_learn(fdb, 1, MAC(1), 3, 0, 6), FDB_KNOWN);
	assert_int_equal(look(fdb, 1, MAC(1), false), 3);
	assert_int_equal(look(fdb, 2, MAC(1), false), FDB_NONE);
	assert_int_equal(fdb_learn(fdb, 1, MAC(1), 4, 0, 7), FDB_MOVED);
	assert_int_equal(look(fdb, 1, MAC(1), false), 4);
	assert_int_equal(fdb->n_entries, 1);
	assert_int_equal(fdb->per_port[3], 0);
	assert_int_equal(fdb->per_port[4], 1);
	fdb_destroy(fdb);
}

static void static_entry_stays(void **state)
{
	struct fdb *fdb = make(2);
	struct fdb_entry entry;

	assert_int_equal(fdb_add_static(fdb, 0, MAC(1), 7, 0), 0);
	assert_int_equal(fdb_learn(fdb, 0, MAC(1), 2, 0, 1), FDB_IS_STATIC);
	for (unsigned i = 2; i < 50; i++) /* pressure */
		(void)fdb_learn(fdb, 0, MAC(i), 1, 0, i);
	assert_int_equal(fdb_age(fdb, 10, 100000), 1);
	assert_int_equal(fdb_get(fdb, 0, MAC(1), 9, &entry), 0);
	assert_true(entry.is_static);
	assert_int_equal(entry.port_id, 7);
	assert_int_equal(fdb_add_static(fdb, 0, MAC(2), 7, 0), 0);
	assert_int_equal(fdb_add_static(fdb, 0, MAC(3), 7, 0), -ENOSPC);
	fdb_destroy(fdb);
}

static void address_in_use_does_not_age(void **state)
{
	struct fdb *fdb = make(100);
	struct fdb_entry entry;

	(void)fdb_learn(fdb, 0, MAC(1), 1, 0, 0);
	(void)fdb_learn(fdb, 0, MAC(2), 1, 0, 0);
	for (uint32_t now = 1; now < 300; now++) {
		(void)look(fdb, 0, MAC(1), true);
		(void)look(fdb, 0, MAC(2), false); /* as a destination only */
		assert_int_equal(fdb_age(fdb, 300, now), 0);
	}
	assert_int_equal(fdb_get(fdb, 0, MAC(2), 299, &entry), 0);
	assert_int_equal(entry.age_s, 299);
	assert_int_equal(fdb_age(fdb, 300, 300), 1);
	assert_int_equal(look(fdb, 0, MAC(2), false), FDB_NONE);
	assert_int_equal(look(fdb, 0, MAC(1), false), 1);
	assert_int_equal(fdb_age(fdb, 0, 100000), 0); /* 0 = never */
	assert_int_equal(fdb_age(fdb, 300, 100000), 1);
	fdb_destroy(fdb);
}

static void port_limit_holds(void **state)
{
	struct fdb *fdb = make(100);

	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(fdb_learn(fdb, 0, MAC(i), 1, 4, 0),
			i < 4 ? FDB_ADDED : FDB_LIMITED);
	assert_int_equal(fdb_learn(fdb, 0, MAC(20), 2, 4, 0), FDB_ADDED);
	assert_int_equal(fdb_learn(fdb, 0, MAC(20), 1, 4, 0), FDB_LIMITED);
	assert_int_equal(fdb_learn(fdb, 0, MAC(0), 1, 4, 0), FDB_KNOWN);
	assert_int_equal(fdb->per_port[1], 4);
	fdb_destroy(fdb);
}

/* One port sends from a million addresses; the other's few stay known. */
static void flood_of_addresses_spares_the_neighbour(void **state)
{
	struct fdb *fdb = make(2048);

	for (unsigned i = 0; i < 64; i++)
		(void)fdb_learn(fdb, 0, MAC(1000000 + i), 2, 0, 0);
	for (unsigned i = 0; i < 1000000; i++)
		(void)fdb_learn(fdb, 0, (uint64_t)i * 2654435761u & UINT64_C(0xfeffffffffff), 1, 0,
			i / 10000);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(look(fdb, 0, MAC(1000000 + i), false), 2);
	assert_true(fdb->n_entries <= 2048);
	assert_int_equal(fdb->per_port[1] + fdb->per_port[2], fdb->n_entries);
	fdb_destroy(fdb);
}

/* As many addresses as allowed are all found: scattered, and counted up in the low or high bits. */
static void every_address_fits(void **state)
{
	static const uint32_t counts[] = {1, 100, 10000, 100000};

	for (unsigned c = 0; c < 4 * 3; c++) {
		uint32_t n = counts[c / 3];
		struct fdb *fdb = make(n);
		unsigned missing = 0;

		for (unsigned pass = 0; pass < 2; pass++) {
			for (uint32_t i = 0; i < n; i++) {
				uint64_t mac = c % 3 == 0   ? scattered_mac(i)
					       : c % 3 == 1 ? MAC(i)
							    : (uint64_t)i << 24;
				if (!pass)
					(void)fdb_learn(fdb, 1, mac, i % 1000, 0, 0);
				else if (look(fdb, 1, mac, false) != i % 1000)
					missing++;
			}
		}
		if (missing || fdb->n_entries != n)
			fail_msg("pattern %u: %u of %u addresses are missing", c % 3, missing, n);
		fdb_destroy(fdb);
	}
}

static void flush_takes_what_the_filter_says(void **state)
{
	struct fdb *fdb = make(100);

	for (unsigned i = 0; i < 20; i++)
		(void)fdb_learn(fdb, i % 2 ? 10 : 20, MAC(i), i % 5, 0, 0);
	(void)fdb_add_static(fdb, 10, MAC(100), 1, 0);
	assert_int_equal(fdb_flush(fdb, &(struct fdb_filter){.vid = 10, .port_id = 1}), 2);
	assert_int_equal(fdb_flush(fdb, &(struct fdb_filter){.vid = FDB_ANY, .port_id = 2}), 4);
	assert_int_equal(fdb_flush(fdb,
				 &(struct fdb_filter){
					 .vid = 20, .port_id = FDB_ANY, .with_static = true}),
		8);
	assert_int_equal(look(fdb, 10, MAC(100), false), 1 | FDB_STATIC);
	assert_int_equal(fdb_flush(fdb,
				 &(struct fdb_filter){
					 .vid = FDB_ANY, .port_id = FDB_ANY, .only_static = true}),
		1);
	assert_int_equal(fdb_flush(fdb, &(struct fdb_filter){.vid = FDB_ANY, .port_id = FDB_ANY}),
		6);
	assert_int_equal(fdb->n_entries, 0);
	fdb_destroy(fdb);
}

/* ---- Against a naive list ---- */

#define MODEL_MACS  40
#define MODEL_VLANS 3

struct model_entry {
	bool known, is_static;
	uint16_t port;
	uint32_t last;
	bool seen;
};

static int count_entry(void *ctx, const struct fdb_entry *entry)
{
	const struct model_entry(*model)[MODEL_MACS] = ctx;
	uint64_t mac = ether_addr_to_u64(&entry->mac) - MAC(0);

	assert_true(entry->vid < MODEL_VLANS && mac < MODEL_MACS);
	assert_true(model[entry->vid][mac].known);
	assert_int_equal(model[entry->vid][mac].port, entry->port_id);
	return 0;
}

/* Learn, move, pin, delete, look up, age, flush at random: the table and a plain array agree. */
static void model_agrees(void **state)
{
	struct model_entry model[MODEL_VLANS][MODEL_MACS] = {0};
	struct fdb *fdb = make(1024);
	uint32_t now = 0;

	srandom(42);
	for (unsigned step = 0; step < 400000; step++) {
		uint16_t vid = (uint16_t)(random() % MODEL_VLANS), port = (uint16_t)(random() % 6);
		unsigned m = (unsigned)random() % MODEL_MACS;
		struct model_entry *e = &model[vid][m];
		bool mark;
		uint16_t value;

		switch (random() % 16) {
		case 0 ... 4:
			(void)fdb_learn(fdb, vid, MAC(m), port, 0, now);
			if (!e->is_static)
				*e = (struct model_entry){
					true, false, port, now, e->known && e->seen};
			break;
		case 5:
			assert_int_equal(fdb_add_static(fdb, vid, MAC(m), port, now), 0);
			*e = (struct model_entry){
				true, true, port, e->known ? e->last : now, e->known && e->seen};
			break;
		case 6:
			assert_int_equal(fdb_del(fdb, vid, MAC(m)), e->known ? 0 : -ENOENT);
			*e = (struct model_entry){0};
			break;
		case 7:
			now += (uint32_t)random() % 3;
			(void)fdb_age(fdb, 20, now);
			for (unsigned v = 0; v < MODEL_VLANS; v++) {
				for (unsigned i = 0; i < MODEL_MACS; i++) {
					struct model_entry *a = &model[v][i];
					if (a->seen)
						a->last = now;
					else if (a->known && !a->is_static && now >= a->last + 20)
						*a = (struct model_entry){0};
					a->seen = false;
				}
			}
			break;
		case 8:
			if (random() % 20)
				break;
			(void)fdb_flush(fdb, &(struct fdb_filter){.vid = vid, .port_id = port});
			for (unsigned i = 0; i < MODEL_MACS; i++)
				if (model[vid][i].known && !model[vid][i].is_static &&
					model[vid][i].port == port)
					model[vid][i] = (struct model_entry){0};
			break;
		default:
			mark = random() % 2;
			value = look(fdb, vid, MAC(m), mark);
			if (!e->known) {
				assert_int_equal(value, FDB_NONE);
				break;
			}
			assert_int_equal(value & FDB_PORT_MASK, e->port);
			assert_int_equal(!!(value & FDB_STATIC), e->is_static);
			e->seen |= mark;
		}
		if (step % 1000 == 0) {
			unsigned n = 0;
			for (unsigned v = 0; v < MODEL_VLANS; v++)
				for (unsigned i = 0; i < MODEL_MACS; i++)
					n += model[v][i].known;
			assert_int_equal(fdb->n_entries, n);
			assert_int_equal(fdb_walk(fdb, now, count_entry, model), 0);
		}
	}
	fdb_destroy(fdb);
}

/* ---- Beside readers ---- */

#define CROWD 48

struct crowd {
	struct fdb *fdb;
	uint64_t macs[CROWD];
	atomic_bool stop;
	atomic_uint n_wrong, n_found;
};

/* An address is at its port, or unknown; nothing else is ever seen. */
static void *look_on(void *arg)
{
	struct crowd *crowd = arg;

	while (!atomic_load_explicit(&crowd->stop, memory_order_relaxed)) {
		for (uint16_t i = 0; i < CROWD; i++) {
			uint16_t value = look(crowd->fdb, 1, crowd->macs[i], true);

			atomic_fetch_add(&crowd->n_found, value == i);
			atomic_fetch_add(&crowd->n_wrong, value != i && value != FDB_NONE);
		}
	}
	return NULL;
}

/* Addresses that want the same few buckets come, go and push each other to second buckets while
 * another thread looks them up. */
static void reader_sees_no_mixture(void **state)
{
	struct crowd crowd = {.fdb = make(64)};
	unsigned n_second = 0;
	pthread_t reader;

	for (uint32_t i = 0, n = 0; n < CROWD; i++) {
		uint64_t hash = fdb_hash(fdb_key(1, scattered_mac(i)));

		if (fdb_first(crowd.fdb, hash) - crowd.fdb->buckets < 4 &&
			fdb_second(crowd.fdb, hash) - crowd.fdb->buckets < 8)
			crowd.macs[n++] = scattered_mac(i);
	}
	assert_int_equal(pthread_create(&reader, NULL, look_on, &crowd), 0);
	srandom(3);
	for (unsigned step = 0; step < 2000000 || !atomic_load(&crowd.n_found); step++) {
		uint16_t i = (uint16_t)(random() % CROWD);

		if (random() % 4 == 0)
			(void)fdb_del(crowd.fdb, 1, crowd.macs[i]);
		else
			(void)fdb_learn(crowd.fdb, 1, crowd.macs[i], i, 0, 0);
		for (unsigned b = 4; step % 10000 == 0 && b < 8; b++)
			n_second += fdb_bucket_hits(&crowd.fdb->buckets[b], FDB_KEY_EMPTY) != 63;
	}
	atomic_store(&crowd.stop, true);
	assert_int_equal(pthread_join(reader, NULL), 0);
	assert_int_equal(crowd.n_wrong, 0);
	assert_true(n_second > 0); /* or it was no crowd */
	fdb_destroy(crowd.fdb);
}

/* ---- A full table ---- */

#define FULL 1048576u

static int count_at_port(void *ctx, const struct fdb_entry *entry)
{
	((uint32_t *)ctx)[entry->port_id]++;
	return 0;
}

/* As many as the largest bridge may hold, then moved, forgotten and learned again at random: an
 * array of ports and the table agree at each step and in the end. */
static void full_table_agrees(void **state)
{
	uint16_t *model = calloc(FULL, sizeof(*model));
	uint32_t at_port[FDB_MAX_PORTS] = {0}, in_model[FDB_MAX_PORTS] = {0};
	struct fdb *fdb = make(FULL);

	assert_non_null(model);
	srandom(7);
	for (uint32_t i = 0; i < FULL; i++) {
		model[i] = i % 7;
		assert_int_equal(fdb_learn(fdb, 1, scattered_mac(i), model[i], 0, 0), FDB_ADDED);
	}
	for (uint32_t step = 0; step < FULL; step++) {
		uint32_t i = (uint32_t)random() % FULL;
		uint16_t port = (uint16_t)(random() % 7);

		assert_int_equal(look(fdb, 1, scattered_mac(i), false), model[i]);
		if (random() % 4 == 0) {
			assert_int_equal(fdb_del(fdb, 1, scattered_mac(i)),
				model[i] == FDB_NONE ? -ENOENT : 0);
			model[i] = FDB_NONE;
		} else {
			(void)fdb_learn(fdb, 1, scattered_mac(i), port, 0, 0);
			model[i] = port;
		}
	}
	for (uint32_t i = 0; i < FULL; i++) {
		assert_int_equal(look(fdb, 1, scattered_mac(i), false), model[i]);
		if (model[i] != FDB_NONE)
			in_model[model[i]]++;
	}
	assert_int_equal(fdb_walk(fdb, 0, count_at_port, at_port), 0);
	assert_memory_equal(at_port, in_model, sizeof(at_port));
	assert_memory_equal(at_port, fdb->per_port, sizeof(at_port));
	assert_int_equal(fdb_flush(fdb, &(struct fdb_filter){.vid = FDB_ANY, .port_id = 3}),
		at_port[3]);
	fdb_destroy(fdb);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learn_adds_and_moves),
		cmocka_unit_test(static_entry_stays),
		cmocka_unit_test(address_in_use_does_not_age),
		cmocka_unit_test(port_limit_holds),
		cmocka_unit_test(flood_of_addresses_spares_the_neighbour),
		cmocka_unit_test(every_address_fits),
		cmocka_unit_test(flush_takes_what_the_filter_says),
		cmocka_unit_test(model_agrees),
		cmocka_unit_test(reader_sees_no_mixture),
		cmocka_unit_test(full_table_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
