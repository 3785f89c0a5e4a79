#include "hist.h"
#include "order.h"
#include "pin.h"
#include "pump.h"
#include "share.h"
#include "traffic.h"
#include "wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- hist ---- */

static void quantiles_are_right_to_a_bucket(void **state)
{
	static struct hist hist;

	hist_clear(&hist);
	assert_int_equal(hist_quantile(&hist, 0.5), 0);
	for (uint64_t v = 1; v <= 100000; v++)
		hist_add(&hist, v);
	for (unsigned q = 1; q <= 1000; q++) {
		uint64_t exact = q * UINT64_C(100), got = hist_quantile(&hist, q / 1000.0);

		if (got < exact || got > exact + exact / HIST_SUB + 1)
			fail_msg("quantile %u/1000 is %lu instead of %lu", q, (unsigned long)got,
				(unsigned long)exact);
	}
	assert_int_equal(hist_quantile(&hist, 1), 100000);
}

static void buckets_cover_every_value_in_order(void **state)
{
	unsigned last = 0;

	for (unsigned bit = 0; bit < 64; bit++) {
		for (int around = -1; around <= 1; around++) {
			unsigned i = hist_bucket((UINT64_C(1) << bit) + (uint64_t)(int64_t)around);

			assert_true(i < HIST_N);
			assert_true(bit < 2 || i >= last);
			last = i;
		}
	}
	assert_int_equal(hist_bucket(UINT64_MAX), HIST_N - 1);
}

/* ---- order ---- */

#define RING 64

/* What a receiver that looks as it is told sees of frames[n] with these numbers. */
static struct order watch(const uint32_t *numbers, unsigned n, uint32_t every)
{
	struct order order;

	order_init(&order, every);
	while (order.next < n) {
		uint32_t number = numbers[order.next];
		unsigned slot = number % RING;

		/* Between numbered frames lies one that was written a lap or more ago. */
		order_see(&order, order.next, slot, slot % every ? 0xdead : number);
	}
	return order;
}

static unsigned sequence(uint32_t *numbers, uint32_t first, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		numbers[i] = first + i;
	return n;
}

static void undisturbed_flow_is_clean(void **state)
{
	uint32_t numbers[1000];
	const uint32_t firsts[] = {0, 1, 63, UINT32_MAX - 500};

	for (unsigned i = 0; i < 4; i++) {
		for (uint32_t every = 1; every <= RING; every *= 2) {
			struct order order =
				watch(numbers, sequence(numbers, firsts[i], 1000), every);

			assert_int_equal(order.lost + order.repeated + order.disordered, 0);
			assert_true(order.looked >= 1000 / every - 1);
		}
	}
}

static void loss_is_counted_exactly(void **state)
{
	uint32_t numbers[1000];

	for (uint32_t every = 1; every <= RING; every *= 2) {
		for (unsigned lost = 1; lost < 200; lost++) {
			unsigned n = sequence(numbers, 0, 301);

			n += sequence(numbers + n, n + lost, 400);
			struct order order = watch(numbers, n, every);
			if (order.lost != lost || order.repeated || order.disordered)
				fail_msg(
					"every %u, lost %u: %lu lost, %lu repeated, %lu disordered",
					every, lost, (unsigned long)order.lost,
					(unsigned long)order.repeated,
					(unsigned long)order.disordered);
		}
	}
}

static void repetition_is_seen(void **state)
{
	uint32_t numbers[1000];

	for (uint32_t every = 1; every <= RING; every *= 2) {
		unsigned n = sequence(numbers, 0, 300);

		n += sequence(numbers + n, 290, 400); /* the last ten again */
		struct order order = watch(numbers, n, every);
		if (!order.repeated && !order.disordered)
			fail_msg("every %u: nothing seen", every);
	}
}

static void exchange_of_neighbours_is_seen_where_every_frame_is_looked_at(void **state)
{
	uint32_t numbers[500];
	unsigned n = sequence(numbers, 0, 500);

	numbers[250] = 251;
	numbers[251] = 250;
	struct order order = watch(numbers, n, 1);
	assert_int_equal(order.disordered, 1);
}

/* ---- traffic ---- */

static const struct traffic kinds[] = {
	{TRAFFIC_PAIRS, 2, 64, 1},
	{TRAFFIC_PAIRS, 2, 60, 1000, .tagged = true},
	{TRAFFIC_MESH, 16, 1518, 100},
	{TRAFFIC_FLOOD, 16, 64, 1, .tagged = true},
	{TRAFFIC_PAIRS, 2, TRAFFIC_MAX_SIZE, 1, .tcp = true},
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static unsigned receiver(const struct traffic *traffic, unsigned port, unsigned slot)
{
	return traffic->pattern == TRAFFIC_FLOOD ? !port : traffic_dst_port(traffic, port, slot);
}

static void frame_as_it_was_sent_is_right(void **state)
{
	uint8_t *frame = malloc(TRAFFIC_MAX_SIZE);

	for (unsigned k = 0; k < N_KINDS; k++) {
		for (unsigned slot = 0; slot < 40; slot++) {
			unsigned to = receiver(&kinds[k], 0, slot);

			traffic_fill(&kinds[k], 0, slot, frame);
			traffic_set_number(&kinds[k], frame, 77, 88);
			if (kinds[k].n_addresses > 1)
				traffic_address(frame, 0, to, slot);
			const char *wrong = traffic_check(&kinds[k], to, frame, kinds[k].size);
			if (wrong)
				fail_msg("kind %u, slot %u: %s", k, slot, wrong);
			struct traffic_mark mark = traffic_mark(&kinds[k], frame);
			assert_int_equal(mark.slot, slot);
			assert_int_equal(mark.number, 77);
			assert_int_equal(mark.tsc, 88);
		}
	}
	free(frame);
}

/* Bytes that may differ: the number and the time stamp, the TCP and IPv4 headers' own fields. */
static bool is_free(const struct traffic *traffic, unsigned at)
{
	unsigned mark_at = traffic_mark_at(traffic);

	return (at >= mark_at + offsetof(struct traffic_mark, number) &&
		       at < mark_at + sizeof(struct traffic_mark)) ||
	       at == mark_at + offsetof(struct traffic_mark, reserved) ||
	       (traffic->tcp && at >= 14 && at < mark_at) ||
	       (traffic->tagged && at == 14); /* priority */
}

static void every_changed_byte_is_found(void **state)
{
	uint8_t *frame = malloc(TRAFFIC_MAX_SIZE);

	for (unsigned k = 0; k < N_KINDS; k++) {
		unsigned to = receiver(&kinds[k], 0, 5), step = kinds[k].size > 2000 ? 97 : 1;

		traffic_fill(&kinds[k], 0, 5, frame);
		for (unsigned at = 0; at < kinds[k].size; at += step) {
			frame[at] ^= 0x11;
			if (!is_free(&kinds[k], at) &&
				!traffic_check(&kinds[k], to, frame, kinds[k].size))
				fail_msg("kind %u: byte %u", k, at);
			frame[at] ^= 0x11;
		}
		assert_non_null(traffic_check(&kinds[k], to, frame, kinds[k].size - 1));
		assert_null(traffic_check(&kinds[k], to, frame, kinds[k].size));
	}
	free(frame);
}

static void frame_at_the_wrong_port_is_found(void **state)
{
	const struct traffic *traffic = &kinds[2];
	uint8_t frame[1518];

	traffic_fill(traffic, 3, 9, frame);
	for (unsigned port = 0; port < 16; port++) {
		bool right = port == traffic_dst_port(traffic, 3, 9);

		assert_int_equal(!traffic_check(traffic, port, frame, traffic->size), right);
	}
}

static void mesh_reaches_every_other_port(void **state)
{
	for (unsigned port = 0; port < 16; port++) {
		uint32_t reached = 0;

		for (unsigned slot = 0; slot < 15; slot++)
			reached |= 1u << traffic_dst_port(&kinds[2], port, slot);
		assert_int_equal(reached, 0xffff & ~(1u << port));
	}
}

/* ---- pump ---- */

/* What a device does to slot i of a packed ring. */
static void use_packed(struct pump *pump, uint64_t n, uint16_t id)
{
	struct vring_packed_desc *desc =
		&((struct vring_packed_desc *)pump->desc)[n & (pump->size - 1)];

	desc->id = id;
	desc->len = 99;
	desc->flags = pump_packed_flags(pump, n, true);
}

static void use_split(struct pump *pump, uint64_t n, uint16_t id)
{
	struct vring_used *used = pump->used;

	used->ring[n & (pump->size - 1)] = (struct vring_used_elem){id, 99};
	used->idx = (uint16_t)(n + 1);
}

static void rings_go_round(void **state)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		const struct pump_layout layout = {.size = 64, .packed = packed, .len = 100};
		uint8_t *mem = calloc(1, pump_bytes(&layout));
		struct pump pump;
		uint64_t used = 0;

		pump_init(&pump, &layout, mem, 0x1000);
		assert_int_equal(pump_room(&pump), 64);
		/* Far enough for the 16-bit indices to wrap, in steps that do not divide 64. */
		for (unsigned i = 0; i < 70000 / 24; i++) {
			pump_publish(&pump, 24);
			assert_int_equal(pump_collect(&pump), 0);
			for (unsigned k = 0; k < 24; k++, used++) {
				if (packed)
					use_packed(&pump, used, used % 64);
				else
					use_split(&pump, used, used % 64);
				assert_true(pump_is_in_order(&pump, used));
				assert_int_equal(pump_used_len(&pump, used), 99);
			}
			assert_int_equal(pump_collect(&pump), 24);
			assert_int_equal(pump_room(&pump), 64);
		}
		pump_publish(&pump, 1);
		(packed ? use_packed : use_split)(&pump, used, (uint16_t)((used + 1) % 64));
		assert_int_equal(pump_collect(&pump), 1);
		assert_false(pump_is_in_order(&pump, used));
		free(mem);
	}
}

/* ---- share ---- */

static void *spin(void *arg)
{
	_Atomic int *tid = arg;

	atomic_store(tid, gettid());
	while (atomic_load(tid))
		;
	return NULL;
}

/* This thread sleeps while the other runs, however slowly. */
static void thread_that_runs_is_picked(void **state)
{
	struct share share;
	pthread_t thread;
	_Atomic int tid = 0;
	uint64_t before;

	assert_int_equal(pthread_create(&thread, NULL, spin, &tid), 0);
	while (!atomic_load(&tid))
		usleep(1000);
	assert_int_equal(share_begin(&share, getpid()), 0);
	assert_int_equal(share.n_threads, 2);
	for (share.tid = atomic_load(&tid), before = share_run_ns(&share);
		share_run_ns(&share) < before + 50000000;)
		usleep(20000);
	share_pick(&share);
	assert_int_equal(share.tid, atomic_load(&tid));
	atomic_store(&tid, 0);
	(void)pthread_join(thread, NULL);
	assert_int_equal(share_begin(&share, 0x7fffffff), -ENOENT);
	share_pick(&share);
	assert_int_equal(share_run_ns(&share), 0);
}

/* ---- pin, wait ---- */

static void thread_is_kept_on_a_core(void **state)
{
	cpu_set_t before, after;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(pin_thread((unsigned)sched_getcpu()), 0);
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_int_equal(CPU_COUNT(&after), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(pin_thread(CPU_SETSIZE), -EINVAL);
	assert_int_equal(pin_thread(UINT_MAX), -EINVAL);
}

static _Atomic unsigned n_signals;

static void count_signal(int signo)
{
	atomic_fetch_add(&n_signals, 1);
}

static void signals_end_no_wait(void **state)
{
	const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = count_signal}, saved;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(sigaction(SIGALRM, &action, &saved), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	do {
		assert_int_equal(wait_for_fd(fds[0], POLLIN, 20), -ETIMEDOUT);
	} while (n_signals < 10);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(wait_for_fd(fds[0], POLLIN, UINT_MAX / 2), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &saved, NULL), 0);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_right_to_a_bucket),
		cmocka_unit_test(buckets_cover_every_value_in_order),
		cmocka_unit_test(undisturbed_flow_is_clean),
		cmocka_unit_test(loss_is_counted_exactly),
		cmocka_unit_test(repetition_is_seen),
		cmocka_unit_test(exchange_of_neighbours_is_seen_where_every_frame_is_looked_at),
		cmocka_unit_test(frame_as_it_was_sent_is_right),
		cmocka_unit_test(every_changed_byte_is_found),
		cmocka_unit_test(frame_at_the_wrong_port_is_found),
		cmocka_unit_test(mesh_reaches_every_other_port),
		cmocka_unit_test(rings_go_round),
		cmocka_unit_test(thread_that_runs_is_picked),
		cmocka_unit_test(thread_is_kept_on_a_core),
		cmocka_unit_test(signals_end_no_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
