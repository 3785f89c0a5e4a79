#include "distance.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <x86intrin.h>

#define N_TRIPS 1000
#define N_WARM  100
/* A partner that does not get its core is waited for so long in all. */
#define TIMEOUT_NS 5e8

struct court {
	alignas(64) _Atomic unsigned ball; /* odd: the partner's turn */
	alignas(64) _Atomic bool stop;
	uint32_t trips[N_TRIPS];
};

static void *return_balls(void *arg)
{
	struct court *court = arg;

	/* Where that is permitted: a switch that polls is on the same core. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), -10);
	while (!atomic_load_explicit(&court->stop, memory_order_relaxed)) {
		unsigned ball = atomic_load_explicit(&court->ball, memory_order_acquire);

		if (ball & 1)
			atomic_store_explicit(&court->ball, ball + 1, memory_order_release);
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* False when the partner does not answer until tsc is deadline. */
static bool play(struct court *court, uint64_t deadline)
{
	for (unsigned i = 0; i < N_WARM + N_TRIPS; i++) {
		unsigned ball = 2 * i + 1, polls = 0;
		uint64_t begin = __rdtsc();

		atomic_store_explicit(&court->ball, ball, memory_order_release);
		while (atomic_load_explicit(&court->ball, memory_order_acquire) == ball)
			if (!(++polls % 65536) && __rdtsc() > deadline)
				return false;
		if (i >= N_WARM)
			court->trips[i - N_WARM] = (uint32_t)(__rdtsc() - begin);
	}
	return true;
}

int distance_measure(int cpu, double tsc_per_ns)
{
	struct court *court = aligned_alloc(64, (sizeof(*court) + 63) & ~(size_t)63);
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t cpus;
	int r;

	if (!court)
		return -ENOMEM;
	atomic_init(&court->ball, 0);
	atomic_init(&court->stop, false);
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	pthread_attr_init(&attr);
	r = pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	if (!r)
		r = pthread_create(&thread, &attr, return_balls, court);
	pthread_attr_destroy(&attr);
	if (r) {
		free(court);
		return -r;
	}
	bool played = play(court, __rdtsc() + (uint64_t)(TIMEOUT_NS * tsc_per_ns));
	atomic_store(&court->stop, true);
	pthread_join(thread, NULL);
	qsort(court->trips, N_TRIPS, sizeof(court->trips[0]), compare);
	r = played ? (int)(court->trips[N_TRIPS / 2] / tsc_per_ns) : -ETIMEDOUT;
	free(court);
	return r;
}
