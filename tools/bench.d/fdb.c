/* usage: bench-fdb [FDB_MAX]
 *
 * What the forwarding database costs by itself, without rings or frames, for 1 to 1,000,000
 * addresses: to look one up, to learn one, to sweep and to flush them all; and the memory that they
 * take. Look-ups come as the data path makes them: the sources and the destinations of a burst of
 * 64, all asked for first. FDB_MAX is what the table is sized for (default 1048576; 1 = for what it
 * holds). Compare lines of one run: `ratio` is the look-up against that of one address.
 */
#include "fdb_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BURST   64
#define N_LOOKS (UINT32_C(1) << 24)
#define N_PORTS 16

/* Of this thread's processor time: others who want the processor do not count. */
static double now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t resident_kib(void)
{
	unsigned long size = 0, resident = 0;
	FILE *in = fopen("/proc/self/statm", "r");

	if (in && fscanf(in, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	if (in)
		(void)fclose(in);
	return resident * ((uint64_t)sysconf(_SC_PAGESIZE) / 1024);
}

/* VLAN and address number i: as scattered as random ones, but not looked up in a table of their
 * own, which would be a cache miss, too. */
static uint16_t nth_vid(uint32_t i)
{
	return (uint16_t)(i % 4094 + 1);
}

static uint64_t nth_mac(uint32_t i)
{
	return i * UINT64_C(0x9e3779b97f4a7c15) >> 16 & UINT64_C(0xfeffffffffff);
}

/* ns per look-up among the first n addresses. Every one has to be found. */
static double look(const struct fdb *fdb, uint32_t n)
{
	uint64_t key[2][BURST], hash[2][BURST], random = 42;
	double begin_ns = now_ns(), took_ns;
	uint32_t n_missing = 0;

	for (uint32_t done = 0; done < N_LOOKS; done += 2 * BURST) {
		for (unsigned i = 0; i < BURST; i++) {
			uint64_t picks = next_random(&random);

			for (unsigned k = 0; k < 2; k++, picks <<= 32) {
				uint32_t pick = (uint32_t)((picks >> 32) * n >> 32);

				key[k][i] = fdb_key(nth_vid(pick), nth_mac(pick));
				hash[k][i] = fdb_hash(key[k][i]);
				__builtin_prefetch(fdb_first(fdb, hash[k][i]));
			}
		}
		for (unsigned k = 0; k < 2; k++) {
			for (unsigned i = 0; i < BURST; i++)
				n_missing += fdb_lookup(fdb, key[k][i], hash[k][i], !k) == FDB_NONE;
		}
	}
	took_ns = now_ns() - begin_ns;
	if (n_missing > 0) {
		(void)fprintf(stderr, "bench-fdb: %u look-ups found nothing\n", n_missing);
		exit(1);
	}
	return took_ns / N_LOOKS;
}

static void measure(uint32_t n, uint32_t fdb_max)
{
	const struct fdb_filter all = {.vid = FDB_ANY, .port_id = FDB_ANY};
	uint64_t before_kib = resident_kib();
	static double one_ns;
	double learn_ns, look_ns, sweep_ns, flush_ns;
	struct fdb *fdb;

	if (fdb_create(fdb_max > n ? fdb_max : n, &fdb) < 0) {
		(void)fprintf(stderr, "bench-fdb: no memory\n");
		exit(1);
	}
	learn_ns = now_ns();
	for (uint32_t i = 0; i < n; i++)
		(void)fdb_learn(fdb, nth_vid(i), nth_mac(i), (uint16_t)(i % N_PORTS), 0, 0);
	learn_ns = now_ns() - learn_ns;
	before_kib = resident_kib() - before_kib;
	(void)look(fdb, n); /* warm */
	look_ns = look(fdb, n);
	if (one_ns == 0)
		one_ns = look_ns;
	sweep_ns = now_ns();
	(void)fdb_age(fdb, 300, 1);
	sweep_ns = now_ns() - sweep_ns;
	flush_ns = now_ns();
	(void)fdb_flush(fdb, &all);
	flush_ns = now_ns() - flush_ns;
	printf("%9u  %7.2f  %5.2f  %8.1f  %8.2f  %8.2f  %11llu\n", n, look_ns, one_ns / look_ns,
		learn_ns / n, sweep_ns / 1e6, flush_ns / 1e6, (unsigned long long)before_kib);
	fdb_destroy(fdb);
}

int main(int argc, char **argv)
{
	static const uint32_t counts[] = {1, 1000, 10000, 100000, 1000000};
	unsigned long fdb_max = argc == 2 ? strtoul(argv[1], NULL, 10) : 1048576;

	if (argc > 2 || fdb_max < 1 || fdb_max > 1048576) {
		(void)fprintf(stderr, "usage: bench-fdb [FDB_MAX]\n");
		return 2;
	}
	printf("ADDRESSES  LOOK ns  RATIO  LEARN ns  SWEEP ms  FLUSH ms  RESIDENT KiB\n");
	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		measure(counts[i], (uint32_t)fdb_max);
	return 0;
}
