/* Rings that go from worker to worker while frames pass: several workers deliver into one ring,
 * each ring has one consumer at a time, nothing is lost, counted twice or overtaken. */
#include "fdb_table.h"
#include "rig.h"
#include "worker_pool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define N_WORKERS  4
#define N_SENDERS  4
#define RECEIVER   N_SENDERS
#define N_PORTS    (N_SENDERS + 1)
#define RESTS      N_WORKERS                   /* no worker has it */
#define IN_FLIGHT  (RIG_RING_SIZE / N_SENDERS) /* of a sender: the receiver keeps up */
#define PAYLOAD_AT 14

struct layout {
	struct dp_snapshot snapshot;
	struct dp_rx rx[N_WORKERS][N_PORTS];
};

static struct layout layouts[2];
static unsigned worker_of[N_PORTS], current;
static uint64_t n_sent[N_SENDERS], n_got[N_SENDERS];

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* As control does: two snapshots take turns. */
static void publish(struct worker_pool *pool, const struct rig *rig)
{
	struct layout *layout = &layouts[current ^= 1];
	uint16_t n[RESTS + 1] = {0};

	layout->snapshot = rig->snapshot;
	layout->snapshot.n_workers = N_WORKERS;
	for (unsigned w = 0; w < N_WORKERS; w++)
		layout->snapshot.workers[w].rx = layout->rx[w];
	for (unsigned p = 0; p < N_PORTS; p++) {
		unsigned w = worker_of[p];

		if (w != RESTS)
			layout->rx[w][n[w]++] = rig->rx[p];
	}
	for (unsigned w = 0; w < N_WORKERS; w++)
		layout->snapshot.workers[w].n_rx = n[w];
	(void)worker_publish(pool, &layout->snapshot);
}

static void move_ring(struct worker_pool *pool, const struct rig *rig, unsigned port, unsigned to)
{
	worker_of[port] = RESTS;
	publish(pool, rig);
	worker_of[port] = to;
	publish(pool, rig);
}

static void send_numbered(struct rig *rig, unsigned sender)
{
	uint8_t frame[256];
	size_t len = rig_frame(frame, RECEIVER + 1, (uint8_t)(sender + 1), -1, 0x88b5,
		46 + n_sent[sender] % 100);

	memcpy(frame + PAYLOAD_AT, &n_sent[sender], sizeof(n_sent[sender]));
	rig_send(rig, sender, frame, len);
	assert_int_equal(fe_ring_kick(&rig->port[sender].send), 0);
	n_sent[sender]++;
}

static bool receive_numbered(struct rig *rig)
{
	uint8_t frame[2048];
	unsigned sender;
	uint64_t number;
	int n = rig_receive(rig, RECEIVER, NULL, frame, sizeof(frame));

	if (n == -EAGAIN)
		return false;
	assert_true(n >= PAYLOAD_AT + 46);
	sender = frame[11] - 1u;
	assert_in_range(sender, 0, N_SENDERS - 1);
	memcpy(&number, frame + PAYLOAD_AT, sizeof(number));
	if (number != n_got[sender])
		fail_msg("sender %u: frame %llu came when %llu was next", sender,
			(unsigned long long)number, (unsigned long long)n_got[sender]);
	assert_int_equal(n, PAYLOAD_AT + 46 + number % 100);
	n_got[sender]++;
	return true;
}

/* Every sender has some frames under way, the receiver takes what comes. */
static void pass_frames(struct rig *rig, unsigned rounds)
{
	for (unsigned r = 0; r < rounds; r++) {
		for (unsigned s = 0; s < N_SENDERS; s++) {
			if (n_sent[s] - n_got[s] < IN_FLIGHT)
				send_numbered(rig, s);
		}
		while (receive_numbered(rig))
			;
	}
}

static void drain(struct rig *rig)
{
	uint64_t begin = now_ms();

	for (unsigned s = 0; s < N_SENDERS;) {
		if (n_got[s] == n_sent[s])
			s++;
		else if (!receive_numbered(rig) && now_ms() - begin > 5000)
			fail_msg("sender %u: %llu of %llu frames came", s,
				(unsigned long long)n_got[s], (unsigned long long)n_sent[s]);
	}
}

static void check_counts(const struct worker_pool *pool)
{
	struct dp_counters counters;
	struct worker_load load;
	uint64_t n_all = 0, n_received = 0;

	for (uint16_t p = 0; p < N_PORTS; p++) {
		worker_counters(pool, p, &counters);
		for (unsigned r = 0; r < DROP_N_REASONS; r++)
			assert_int_equal(counters.drops[r], 0);
		if (p != RECEIVER)
			assert_int_equal(counters.rx_frames, n_sent[p]);
		n_all += counters.rx_frames;
	}
	worker_counters(pool, RECEIVER, &counters);
	assert_int_equal(counters.tx_frames, n_all);
	for (unsigned w = 0; w < N_WORKERS; w++) {
		worker_load(pool, w, &load);
		n_received += load.frames;
	}
	assert_int_equal(n_received, n_all);
}

/* packed: of ports, a bit mask. */
static void run(unsigned packed, uint64_t features)
{
	const struct worker_config config = {.n_workers = N_WORKERS, .control_fd = -1};
	struct rig *rig = rig_create(N_PORTS, packed, features);
	uint64_t begin = now_ms();
	struct worker_pool *pool;
	unsigned n_moves = 0;

	memset(n_sent, 0, sizeof(n_sent));
	memset(n_got, 0, sizeof(n_got));
	for (unsigned p = 0; p < N_PORTS; p++) {
		worker_of[p] = p % N_WORKERS;
		assert_int_equal(fdb_add_static(rig->bridge.fdb, 0,
					 UINT64_C(0x020000000000) + p + 1, (uint16_t)p, 0),
			0);
	}
	assert_int_equal(worker_pool_create(&config, &pool), 0);
	publish(pool, rig);
	while (n_moves < 200 || now_ms() - begin < 150) {
		/* Now and then long enough that everybody sleeps. */
		if (n_moves % 50 == 49)
			usleep(1000);
		pass_frames(rig, n_moves % 7);
		move_ring(pool, rig, n_moves % N_PORTS, (n_moves * 5 + n_moves / 3) % N_WORKERS);
		n_moves++;
		if (now_ms() - begin > 300000)
			break;
	}
	drain(rig);
	(void)worker_publish(pool, NULL);
	check_counts(pool);
	assert_true(n_moves >= 200);
	worker_pool_destroy(pool);
	rig_destroy(rig);
}

static void split_rings_move(void **state)
{
	run(0, RIG_FEATURES);
}

static void packed_rings_move(void **state)
{
	run((1u << N_PORTS) - 1, RIG_FEATURES);
}

static void mixed_rings_with_event_idx_move(void **state)
{
	run(0x15, RIG_FEATURES | VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_rings_move),
		cmocka_unit_test(packed_rings_move),
		cmocka_unit_test(mixed_rings_with_event_idx_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
