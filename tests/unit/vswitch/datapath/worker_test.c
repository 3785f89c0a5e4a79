#include "rig.h"
#include "worker_pool.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static uint8_t sent[2048], got[2048];

static struct worker_pool *make_pool(unsigned n_workers, int control_fd)
{
	const struct worker_config config = {.n_workers = n_workers, .control_fd = control_fd};
	struct worker_pool *pool;

	assert_int_equal(worker_pool_create(&config, &pool), 0);
	return pool;
}

static int receive_soon(struct rig *rig, unsigned port)
{
	for (unsigned i = 0; i < 60000; i++) {
		int n = rig_receive(rig, port, NULL, got, sizeof(got));
		if (n != -EAGAIN)
			return n;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

static void send_and_kick(struct rig *rig, unsigned port, size_t len)
{
	rig_send(rig, port, sent, len);
	assert_int_equal(fe_ring_kick(&rig->port[port].send), 0);
}

static void frame_wakes_a_sleeper(void **state)
{
	for (unsigned n = 1; n < 4; n++) {
		int control_wakeup = eventfd(0, EFD_NONBLOCK);
		struct worker_pool *pool = make_pool(n, control_wakeup);
		struct rig *rig = rig_create(2, 2, RIG_FEATURES);
		struct dp_counters sum;

		rig->snapshot.n_workers = (uint16_t)n;
		for (unsigned w = 0; w < n; w++)
			rig->snapshot.workers[w].n_rx = 0;
		rig->snapshot.workers[0].n_rx = 1;
		rig->snapshot.workers[n - 1].rx = n > 1 ? &rig->rx[1] : rig->rx;
		rig->snapshot.workers[n - 1].n_rx = n > 1 ? 1 : 2;
		assert_null(worker_publish(pool, &rig->snapshot));
		for (unsigned i = 0; i < 20; i++) {
			size_t len = rig_frame(sent, 2, 1, -1, 0x0800, 64 + i);

			usleep(3000); /* asleep by now */
			send_and_kick(rig, 0, len);
			assert_int_equal(receive_soon(rig, 1), len);
			assert_memory_equal(got, sent, len);
			len = rig_frame(sent, 1, 2, -1, 0x0800, 64 + i);
			send_and_kick(rig, 1, len);
			assert_int_equal(receive_soon(rig, 0), len);
		}
		assert_ptr_equal(worker_publish(pool, NULL), &rig->snapshot);
		worker_counters(pool, 0, &sum);
		assert_int_equal(sum.rx_frames, 20);
		assert_int_equal(sum.tx_frames, 20);
		worker_counters_clear(pool, 0);
		worker_counters(pool, 0, &sum);
		assert_int_equal(sum.rx_frames, 0);
		worker_pool_destroy(pool);
		rig_destroy(rig);
		close(control_wakeup);
	}
}

static void learn_events_reach_control(void **state)
{
	int control_wakeup = eventfd(0, EFD_NONBLOCK);
	struct worker_pool *pool = make_pool(1, control_wakeup);
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct pollfd pfd = {.fd = control_wakeup, .events = POLLIN};
	struct learn_event events[4];

	worker_publish(pool, &rig->snapshot);
	for (uint8_t src = 1; src < 10; src++) {
		uint64_t count;
		send_and_kick(rig, 0, rig_frame(sent, 0xff, src, -1, 0x0800, 64));
		assert_int_equal(poll(&pfd, 1, 2000), 1);
		assert_int_equal(read(control_wakeup, &count, sizeof(count)), sizeof(count));
		assert_int_equal(worker_get_learn_events(pool, events, 4), 1);
		assert_int_equal(events[0].mac48, UINT64_C(0x020000000000) + src);
		assert_int_equal(worker_get_learn_events(pool, events, 4), 0);
	}
	assert_int_equal(worker_learn_events_lost(pool), 0);
	worker_publish(pool, NULL);
	worker_pool_destroy(pool);
	rig_destroy(rig);
	close(control_wakeup);
}

static void broken_ring_calls_control(void **state)
{
	int control_wakeup = eventfd(0, EFD_NONBLOCK);
	struct worker_pool *pool = make_pool(1, control_wakeup);
	struct rig *rig = rig_create(1, 0, RIG_FEATURES);
	struct pollfd pfd = {.fd = control_wakeup, .events = POLLIN};
	struct vring_avail *avail = rig->port[0].send.avail;

	worker_publish(pool, &rig->snapshot);
	__atomic_store_n(&avail->idx, 9999, __ATOMIC_RELEASE);
	assert_int_equal(fe_ring_kick(&rig->port[0].send), 0);
	assert_int_equal(poll(&pfd, 1, 2000), 1);
	assert_int_equal(rig->port[0].rx.broken, VRING_BAD_AVAIL);
	worker_publish(pool, NULL);
	worker_pool_destroy(pool);
	rig_destroy(rig);
	close(control_wakeup);
}

/* What publish returns is used by nobody: its rings may go at once. Under ASan or with guard pages
 * a late access would be fatal. */
static void published_rings_can_go(void **state)
{
	int control_wakeup = eventfd(0, EFD_NONBLOCK);
	struct worker_pool *pool = make_pool(2, control_wakeup);

	for (unsigned i = 0; i < 200; i++) {
		struct rig *rig = rig_create(2, i & 3, RIG_FEATURES);

		rig->snapshot.n_workers = 2;
		rig->snapshot.workers[0].n_rx = rig->snapshot.workers[1].n_rx = 1;
		rig->snapshot.workers[1].rx = &rig->rx[1];
		worker_publish(pool, &rig->snapshot);
		for (unsigned k = 0; k < 10; k++)
			send_and_kick(rig, k % 2,
				rig_frame(sent, 0xff, (uint8_t)k, -1, 0x0800, 64));
		if (i % 3 == 0)
			usleep(200);
		worker_publish(pool, NULL);
		rig_destroy(rig);
	}
	worker_pool_destroy(pool);
	close(control_wakeup);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void idle_pool_uses_no_processor(void **state)
{
	struct worker_pool *pool = make_pool(4, -1);
	struct rig *rig = rig_create(8, 0xaa, RIG_FEATURES | VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
	uint64_t used = UINT64_MAX;

	rig->snapshot.n_workers = 4;
	for (unsigned w = 0; w < 4; w++) {
		rig->snapshot.workers[w].rx = &rig->rx[2 * w];
		rig->snapshot.workers[w].n_rx = 2;
	}
	worker_publish(pool, &rig->snapshot);
	/* Until it sleeps: on a busy machine it may not have looked at its rings yet. */
	for (unsigned tries = 0; tries < 50 && used > 3000000; tries++) {
		uint64_t before = cpu_ns();

		usleep(300000);
		used = cpu_ns() - before;
	}
	if (used > 3000000)
		fail_msg("%llu us of processor time in 300 ms", (unsigned long long)used / 1000);
	worker_publish(pool, NULL);
	worker_pool_destroy(pool);
	rig_destroy(rig);
}

/*
 * Time is charged to the worker and the ring that had the frames, and to nobody while nothing
 * comes.
 */
static void load_is_charged_to_the_ring(void **state)
{
	struct worker_pool *pool = make_pool(2, -1);
	struct rig *rig = rig_create(2, 0, RIG_FEATURES);
	struct worker_load first, load;
	uint64_t total_ns = 0;

	rig->snapshot.n_workers = 2;
	rig->snapshot.workers[0].n_rx = rig->snapshot.workers[1].n_rx = 1;
	rig->snapshot.workers[1].rx = &rig->rx[1];
	worker_publish(pool, &rig->snapshot);
	for (unsigned i = 0; i < 30; i++) {
		size_t len = rig_frame(sent, 1, 2, -1, 0x0800, 64 + i);

		if (i % 3 == 0)
			usleep(200);
		send_and_kick(rig, 1, len);
		assert_int_equal(receive_soon(rig, 0), len);
	}
	worker_publish(pool, NULL);
	worker_ring_load(pool, 1, 0, &first);
	assert_int_equal(first.frames, 30);
	assert_in_range(first.busy_ns, 1, UINT64_C(60000000000));
	worker_load(pool, 1, &load);
	assert_int_equal(load.frames, 30);
	assert_int_equal(load.busy_ns, first.busy_ns);
	worker_load(pool, 0, &load);
	assert_int_equal(load.frames + load.busy_ns, 0);
	worker_ring_load(pool, 0, 0, &load);
	assert_int_equal(load.frames + load.busy_ns, 0);
	worker_ring_load(pool, DP_MAX_PORTS, 0, &load);
	assert_int_equal(load.frames, 0);
	worker_ring_load(pool, 1, DP_MAX_QUEUES, &load);
	assert_int_equal(load.frames, 0);
	/* The other worker takes the ring over: the ring's time goes on, the worker's begins. */
	rig->snapshot.workers[0].rx = &rig->rx[1];
	rig->snapshot.workers[1].n_rx = 0;
	worker_publish(pool, &rig->snapshot);
	send_and_kick(rig, 1, rig_frame(sent, 1, 2, -1, 0x0800, 64));
	assert_true(receive_soon(rig, 0) > 0);
	worker_publish(pool, NULL);
	worker_ring_load(pool, 1, 0, &load);
	assert_int_equal(load.frames, 31);
	for (unsigned w = 0; w < 2; w++) {
		struct worker_load of_worker;

		worker_load(pool, w, &of_worker);
		total_ns += of_worker.busy_ns;
	}
	assert_true(load.busy_ns > first.busy_ns);
	assert_in_range(load.busy_ns, total_ns - 1, total_ns + 1);
	/* The next port of that number has received nothing; its ring's time goes on. */
	worker_counters_clear(pool, 1);
	first = load;
	worker_ring_load(pool, 1, 0, &load);
	assert_int_equal(load.frames, 0);
	assert_int_equal(load.busy_ns, first.busy_ns);
	worker_pool_destroy(pool);
	rig_destroy(rig);
}

static void bad_configuration_is_refused(void **state)
{
	const int cpu = 100000;
	struct worker_pool *pool;
	struct worker_config config = {.n_workers = 0, .control_fd = -1};

	assert_int_equal(worker_pool_create(&config, &pool), -EINVAL);
	config.n_workers = DP_MAX_WORKERS + 1;
	assert_int_equal(worker_pool_create(&config, &pool), -EINVAL);
	config.n_workers = 1;
	config.cpus = &cpu;
	assert_int_equal(worker_pool_create(&config, &pool), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_wakes_a_sleeper),
		cmocka_unit_test(learn_events_reach_control),
		cmocka_unit_test(broken_ring_calls_control),
		cmocka_unit_test(published_rings_can_go),
		cmocka_unit_test(idle_pool_uses_no_processor),
		cmocka_unit_test(load_is_charged_to_the_ring),
		cmocka_unit_test(bad_configuration_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
