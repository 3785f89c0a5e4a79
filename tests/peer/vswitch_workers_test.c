/* A real vswitch with two workers: four guests send to a fifth while load shifts, so that rings go
 * from worker to worker, and while ports come and go. The receiver keeps up: every frame arrives,
 * once, in its sender's order.
 *
 * Load that costs the test little and the switch much: large TCP frames, flooded in a VLAN of their
 * own to sinks that never read and for which the switch has to cut them up. */
#include "ctl_client.h"
#include "fe.h"
#include "switch_proc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define N_SENDERS 4
#define RECEIVER  N_SENDERS
#define N_GUESTS  (N_SENDERS + 1)
#define N_SINKS   4
#define LOAD_LEN  (3 * FE_BUF_SIZE)
#define RING_SIZE 256
#define IN_FLIGHT (RING_SIZE / N_SENDERS)
#define ROUNDS    4096 /* of sending between two questions */
/* In a phase: the first look sees the end of the one before, the second nothing but this one. */
#define LOOKS      3
#define MIN_MOVES  2
#define MAX_PHASES 150 /* in which rings do not move: they never will */
#define WAIT_MS    60000
#define HEADER     14

static struct switch_proc proc;
static struct fe *guests[N_GUESTS], *sinks[N_SINKS];
static uint64_t n_sent[N_SENDERS], n_got[N_SENDERS], n_load[N_SENDERS];

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct fe *connect_guest(char kind, unsigned number, const char *vlans)
{
	const char name[] = {kind, (char)('0' + number), '\0'};
	struct fe_config config = {.ring_size = RING_SIZE, .packed = number % 2};
	char words[128];
	struct fe *fe;

	if (kind == 'g')
		config.features = FE_DEFAULT_FEATURES | VIRTIO_BIT(VIRTIO_NET_F_CSUM) |
				  VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4);
	(void)snprintf(words, sizeof(words), "name %s bridge br0 path $/%s %s", name, name, vlans);
	switch_must(&proc, "PortAdd", words);
	config.path = switch_proc_path(&proc, name);
	assert_int_equal(fe_create(&config, &fe), 0);
	switch_wait_port(&proc, name, CTL_CONN_RUNNING);
	return fe;
}

static size_t make_frame(uint8_t *frame, unsigned to, unsigned from, uint64_t number)
{
	size_t len = HEADER + 46 + number % 1400;

	memset(frame, 0, len);
	frame[0] = frame[6] = 2;
	frame[5] = (uint8_t)(to + 1);
	frame[11] = (uint8_t)(from + 1);
	frame[12] = 0x88;
	frame[13] = 0xb5;
	memcpy(frame + HEADER, &number, sizeof(number));
	return len;
}

/* Broadcast in VLAN 99: IPv4 and TCP, to be cut into segments of 1000 bytes. */
static void send_load(unsigned from)
{
	static uint8_t frame[LOAD_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x55,
		0x81, 0x00, 0, 99, 0x08, 0x00, 0x45, 0, (LOAD_LEN - 18) >> 8,
		(LOAD_LEN - 18) & 0xff, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
	const struct virtio_net_hdr_v1 hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = 18 + 20 + 20,
		.gso_size = 1000,
		.csum_start = 18 + 20,
		.csum_offset = 16};

	frame[18 + 20 + 12] = 5 << 4;
	if (fe_send(guests[from], 0, &hdr, frame, sizeof(frame)) == 0)
		n_load[from]++;
}

static bool receive_one(unsigned timeout_ms)
{
	uint8_t frame[4096];
	unsigned from;
	uint64_t number;
	int n = fe_recv(guests[RECEIVER], 0, NULL, frame, sizeof(frame), timeout_ms);

	if (n < 0)
		return false;
	assert_true(n >= HEADER + 46);
	from = frame[11] - 1u;
	assert_in_range(from, 0, N_SENDERS - 1);
	memcpy(&number, frame + HEADER, sizeof(number));
	if (number != n_got[from])
		fail_msg("guest %u: frame %llu came when %llu was next", from,
			(unsigned long long)number, (unsigned long long)n_got[from]);
	assert_int_equal(n, HEADER + 46 + number % 1400);
	n_got[from]++;
	return true;
}

/* Senders a and b send all the time, and load, too; the others now and then. */
static void send_rounds(unsigned a, unsigned b)
{
	uint8_t frame[2048];

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned s = 0; s < N_SENDERS; s++) {
			unsigned n = s == a || s == b ? 16 : round % 64 == s;

			for (; n > 0 && n_sent[s] - n_got[s] < IN_FLIGHT; n--) {
				size_t len = make_frame(frame, RECEIVER, s, n_sent[s]);

				if (fe_send(guests[s], 0, NULL, frame, len) < 0)
					break; /* sent frames are not all returned yet */
				n_sent[s]++;
			}
			if (s == a || s == b)
				send_load(s);
		}
		while (receive_one(0))
			;
	}
}

static void drain(void)
{
	for (unsigned s = 0; s < N_SENDERS; s++) {
		while (n_got[s] < n_sent[s]) {
			if (!receive_one(WAIT_MS))
				fail_msg("guest %u: %llu of %llu frames came", s,
					(unsigned long long)n_got[s],
					(unsigned long long)n_sent[s]);
		}
	}
}

/* The receiver's address is learned before anything is counted on: nothing floods later. */
static void introduce_receiver(void)
{
	uint8_t frame[2048];
	struct ctl_fdb row;
	size_t len = make_frame(frame, 0x7e, RECEIVER, 0);

	assert_int_equal(fe_send(guests[RECEIVER], 0, NULL, frame, len), 0);
	for (unsigned i = 0; switch_rows(&proc, "FdbShow", "bridge br0", &row) == 0; i++) {
		assert_true(i < WAIT_MS / 10);
		usleep(10000);
	}
	for (unsigned s = 0; s < N_SENDERS; s++)
		assert_int_equal(fe_recv(guests[s], 0, NULL, frame, sizeof(frame), WAIT_MS), len);
}

struct worker_sums {
	uint64_t frames, moves, n_rings;
	uint64_t rate; /* another after each look of the switch at its workers */
};

static int add_worker(void *ctx, const void *row)
{
	const struct ctl_worker *worker = row;
	struct worker_sums *sums = ctx;

	sums->frames += worker->frames;
	sums->moves += worker->moves;
	sums->n_rings += worker->rings;
	sums->rate += worker->frames_per_s;
	return 0;
}

static struct worker_sums worker_sums(void)
{
	struct ctl_empty none = {0};
	struct worker_sums sums = {0};
	struct err err = {0};

	assert_int_equal(ctl_client_rows(proc.client, "WorkerShow", &none, add_worker, &sums, &err),
		0);
	return sums;
}

/* Load on a and b until rings move, or the switch has looked at it and found no reason. */
static void send_until_judged(unsigned a, unsigned b)
{
	struct worker_sums before = worker_sums(), now;
	uint64_t looked_ms = now_ms();
	unsigned n_looks = 0;

	do {
		send_rounds(a, b);
		now = worker_sums();
		if (now.rate != before.rate) {
			n_looks++;
			looked_ms = now_ms();
		}
		before.rate = now.rate;
		if (now_ms() - looked_ms > WAIT_MS)
			fail_msg("the switch no longer looks at its workers");
	} while (n_looks < LOOKS && now.moves == before.moves);
}

static int add_frames(void *ctx, const void *row)
{
	const struct ctl_port_stats *stats = row;
	uint64_t *sums = ctx;

	sums[0] += stats->rx_frames + stats->copies;
	sums[1] += stats->tx_frames + stats->rx_dropped + stats->tx_dropped;
	sums[2] += stats->rx_frames;
	return 0;
}

static void check_counts(void)
{
	uint64_t n_numbered = 0, sums[3] = {0};
	struct ctl_port_stats stats;
	struct ctl_ref all = {0};
	struct err err = {0};
	char words[32];

	for (unsigned s = 0; s < N_SENDERS; s++) {
		(void)snprintf(words, sizeof(words), "name g%u", s);
		assert_int_equal(switch_rows(&proc, "PortStats", words, &stats), 1);
		assert_int_equal(stats.rx_frames, n_sent[s] + n_load[s]);
		assert_int_equal(stats.rx_dropped, 0);
		n_numbered += n_sent[s];
	}
	(void)snprintf(words, sizeof(words), "name g%u", RECEIVER);
	assert_int_equal(switch_rows(&proc, "PortStats", words, &stats), 1);
	assert_int_equal(stats.tx_frames, n_numbered);
	assert_int_equal(stats.rx_dropped + stats.tx_dropped, 0);
	assert_int_equal(ctl_client_rows(proc.client, "PortStats", &all, add_frames, sums, &err),
		0);
	/* Visitors, in a VLAN of their own, sent and got nothing. */
	assert_int_equal(sums[0], sums[1]);
	assert_int_equal(worker_sums().frames, sums[2]);
	assert_int_equal(worker_sums().n_rings, N_GUESTS + N_SINKS);
}

/* All that was sent was taken. */
static void wait_until_taken(void)
{
	for (unsigned s = 0; s < N_SENDERS; s++) {
		for (unsigned i = 0; fe_pending(guests[s], 0) > 0; i++) {
			assert_true(i < WAIT_MS);
			usleep(1000);
		}
	}
}

static void rings_move_with_the_load(void **state)
{
	static const uint8_t pairs[][2] = {{0, 2}, {1, 3}, {0, 1}, {2, 3}, {0, 3}, {1, 2}};
	unsigned phase = 0;

	switch_must(&proc, "BridgeAdd", "name br0");
	for (unsigned i = 0; i < N_SENDERS; i++)
		guests[i] = connect_guest('g', i, "trunks 10,99 native 10");
	guests[RECEIVER] = connect_guest('g', RECEIVER, "tag 10");
	for (unsigned i = 0; i < N_SINKS; i++)
		sinks[i] = connect_guest('s', i, "tag 99");
	introduce_receiver();
	for (; phase < MAX_PHASES && worker_sums().moves < MIN_MOVES; phase++) {
		const uint8_t *pair = pairs[phase % (sizeof(pairs) / sizeof(pairs[0]))];
		/* The frames under way must not mind who comes and goes. */
		struct fe *visitor = connect_guest('v', 0, "tag 98");

		send_until_judged(pair[0], pair[1]);
		switch_must(&proc, "PortDel", "name v0");
		fe_destroy(visitor);
	}
	drain();
	wait_until_taken();
	check_counts();
	(void)printf("%llu frames, %llu moves in %u phases\n",
		(unsigned long long)worker_sums().frames, (unsigned long long)worker_sums().moves,
		phase);
	if (worker_sums().moves < MIN_MOVES)
		fail_msg("rings moved %llu times in %u phases",
			(unsigned long long)worker_sums().moves, phase);
	for (unsigned i = 0; i < N_GUESTS; i++)
		fe_destroy(guests[i]);
	for (unsigned i = 0; i < N_SINKS; i++)
		fe_destroy(sinks[i]);
}

static int set_up(void **state)
{
	proc.workers = switch_proc_cpus(2);
	proc.rebalance = "1";
	switch_proc_start(&proc, false);
	return 0;
}

static int tear_down(void **state)
{
	switch_proc_destroy(&proc);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rings_move_with_the_load, set_up, tear_down),
	};

	if (!switch_proc_cpus(2)) {
		(void)printf("skipped: there is one CPU, and each worker wants its own\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
