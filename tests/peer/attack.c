#include "attack.h"

#include "ctl_client.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define RING_SIZE     1024
#define WINDOW        32  /* far below the ring: attackers may have frames flooded to it */
#define STALL_S       120 /* a hang, whatever the machine is busy with */
#define ANSWER_MS     (STALL_S * 1000)
#define SETTLE_FRAMES 100
#define SETTLE_CALLS  10
#define MAGIC         0x6e6569676862ull

struct numbered {
	uint8_t dst[6], src[6], type[2], pad[2];
	uint64_t magic, number, check;
	uint8_t rest[24];
} __attribute__((packed));

/* One direction of the neighbours' traffic. */
struct flow {
	struct fe *from, *to;
	uint8_t from_id, to_id;
	uint64_t n_sent;
	_Atomic uint64_t n_got;
};

struct attack_neighbours {
	struct flow flows[2];
	pthread_t pump, caller;
	atomic_bool stop;
	struct switch_proc control; /* the switch, with a client of the caller's own */
	_Atomic uint64_t n_answers;
	atomic_bool is_faulty;
	char fault[256]; /* the first; valid once is_faulty */
	pthread_mutex_t lock;
};

static time_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* The threads of this file may not fail a test themselves: cmocka jumps. */
__attribute__((format(printf, 2, 3))) static void note_fault(struct attack_neighbours *n,
	const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pthread_mutex_lock(&n->lock);
	if (!n->is_faulty)
		(void)vsnprintf(n->fault, sizeof(n->fault), format, args);
	n->is_faulty = true;
	pthread_mutex_unlock(&n->lock);
	va_end(args);
}

/* ---- Frames ---- */

static void fill(const struct flow *flow, struct numbered *ret_frame)
{
	*ret_frame = (struct numbered){
		.dst = ATTACK_MAC(flow->to_id),
		.src = ATTACK_MAC(flow->from_id),
		.type = {0x88, 0xb5},
		.magic = MAGIC + flow->from_id,
		.number = flow->n_sent,
		.check = ~flow->n_sent,
	};
	if (flow->n_sent % 16 == 15)
		memset(ret_frame->dst, 0xff, sizeof(ret_frame->dst));
}

static void send_window(struct attack_neighbours *n, struct flow *flow)
{
	struct numbered frame;

	while (flow->n_sent - flow->n_got < WINDOW) {
		fill(flow, &frame);
		int r = fe_send(flow->from, 0, NULL, &frame, sizeof(frame));
		if (r == -ENOSPC)
			return; /* an attacker's flood is being received first */
		if (r)
			note_fault(n, "n%u cannot send: %s", flow->from_id, strerror(-r));
		if (r)
			return;
		flow->n_sent++;
	}
}

/* Receive what arrived for flow->to. Frames of others are not looked at. */
static void receive_window(struct attack_neighbours *n, struct flow *flow)
{
	static uint8_t bytes[2][FE_FRAME_MAX];
	uint8_t *buf = bytes[flow->to_id - 1];
	struct numbered frame;

	for (;;) {
		int len = fe_recv(flow->to, 0, NULL, buf, FE_FRAME_MAX, 1);
		if (len == -EAGAIN)
			return;
		if (len < 0)
			note_fault(n, "n%u cannot receive: %s", flow->to_id, strerror(-len));
		if (len < 0)
			return;
		if ((size_t)len != sizeof(frame))
			continue;
		memcpy(&frame, buf, sizeof(frame));
		if (frame.magic != MAGIC + flow->from_id || frame.check != ~frame.number)
			continue;
		if (frame.number != flow->n_got)
			note_fault(n, "n%u expected frame %llu of n%u and received %llu",
				flow->to_id, (unsigned long long)flow->n_got, flow->from_id,
				(unsigned long long)frame.number);
		flow->n_got++;
		send_window(n, flow);
	}
}

static void *pump(void *arg)
{
	struct attack_neighbours *n = arg;

	while (!n->stop && !n->is_faulty)
		for (unsigned i = 0; i < 2; i++) {
			send_window(n, &n->flows[i]);
			receive_window(n, &n->flows[i]);
		}
	return NULL;
}

/* Rows, and changes that wait for every worker. */
static void *call(void *arg)
{
	static const char *const calls[][2] = {
		{"BridgeAdd", "name probe"}, {"SwitchShow", ""}, {"BridgeDel", "name probe"}};
	struct attack_neighbours *n = arg;
	struct err err;

	for (unsigned i = 0; !n->stop && !n->is_faulty; i = (i + 1) % 3) {
		if (switch_ask(&n->control, calls[i][0], calls[i][1], &err))
			note_fault(n, "%s %s: %s", calls[i][0], calls[i][1], err.msg);
		else
			n->n_answers++;
		usleep(1000);
	}
	return NULL;
}

/* ---- What cases use ---- */

const char *attack_port(struct attack *attack, const char *name, const char *words)
{
	char all[256];

	(void)snprintf(all, sizeof(all), "name %s bridge br0 path $/%s exist_ok true %s", name,
		name, words);
	switch_must(&attack->proc, "PortAdd", all);
	return switch_proc_path(&attack->proc, name);
}

struct fe *attack_join(struct attack *attack, const char *name, struct fe_config config)
{
	struct fe *fe;

	config.path = attack_port(attack, name, "");
	config.timeout_ms = ANSWER_MS;
	assert_int_equal(fe_create(&config, &fe), 0);
	attack_expect(attack, name, CTL_CONN_RUNNING, "");
	return fe;
}

static void check(struct attack *attack)
{
	struct attack_neighbours *n = attack->neighbours;

	if (n->is_faulty)
		fail_msg("%s", n->fault);
	if (waitpid(attack->proc.pid, NULL, WNOHANG)) {
		attack->proc.pid = 0;
		fail_msg("the switch ended");
	}
}

static int print_stats(void *ctx, const void *row)
{
	const struct ctl_port_stats *stats = row;

	(void)ctx;
	print_error("%s: rx %llu, dropped %llu; tx %llu, dropped %llu; copies %llu\n", stats->name,
		(unsigned long long)stats->rx_frames, (unsigned long long)stats->rx_dropped,
		(unsigned long long)stats->tx_frames, (unsigned long long)stats->tx_dropped,
		(unsigned long long)stats->copies);
	return 0;
}

static int print_drops(void *ctx, const void *row)
{
	const struct ctl_drop *drop = row;

	(void)ctx;
	if (drop->frames)
		print_error("%s: %s %s %llu\n", drop->port, drop->direction, drop->reason,
			(unsigned long long)drop->frames);
	return 0;
}

static int print_worker(void *ctx, const void *row)
{
	const struct ctl_worker *worker = row;

	(void)ctx;
	print_error("worker %u: busy %u %%, rings %u, frames %llu, moves %llu\n", worker->worker,
		worker->busy, worker->rings, (unsigned long long)worker->frames,
		(unsigned long long)worker->moves);
	return 0;
}

/* Say where the frames of a stall are: in a ring, with a worker, or dropped. */
static void print_stall(struct attack *attack)
{
	struct attack_neighbours *n = attack->neighbours;
	struct ctl_client *client = attack->proc.client;
	struct err err;

	n->stop = true; /* the rings are the pump's until it ended */
	pthread_join(n->pump, NULL);
	n->pump = 0;
	for (unsigned i = 0; i < 2; i++)
		print_error("n%u to n%u: %llu sent, %u of them not fetched; %llu received\n",
			n->flows[i].from_id, n->flows[i].to_id,
			(unsigned long long)n->flows[i].n_sent, fe_pending(n->flows[i].from, 0),
			(unsigned long long)n->flows[i].n_got);
	if (ctl_client_rows(client, "PortStats", &(struct ctl_ref){0}, print_stats, NULL, &err) <
			0 ||
		ctl_client_rows(client, "PortDrops", &(struct ctl_ref){0}, print_drops, NULL,
			&err) < 0 ||
		ctl_client_rows(client, "WorkerShow", NULL, print_worker, NULL, &err) < 0)
		print_error("the switch does not say more: %s\n", err.msg);
}

void attack_settle(struct attack *attack)
{
	struct attack_neighbours *n = attack->neighbours;
	uint64_t got[2] = {n->flows[0].n_got, n->flows[1].n_got}, answers = n->n_answers, sum = 0;
	time_t since = now_s();

	while (n->flows[0].n_got < got[0] + SETTLE_FRAMES ||
		n->flows[1].n_got < got[1] + SETTLE_FRAMES ||
		n->n_answers < answers + SETTLE_CALLS) {
		uint64_t now = n->flows[0].n_got + n->flows[1].n_got;

		check(attack);
		/* Frames alone are no progress while no request is answered, and the reverse. */
		if (now - got[0] - got[1] < SETTLE_FRAMES)
			now += n->n_answers;
		else if (n->n_answers < answers + SETTLE_CALLS)
			now = n->n_answers;
		if (now != sum)
			since = now_s();
		sum = now;
		if (now_s() - since > STALL_S) {
			print_stall(attack);
			fail_msg(
				"stalled: n1 received %llu frames, n2 %llu, %llu requests answered",
				(unsigned long long)n->flows[1].n_got,
				(unsigned long long)n->flows[0].n_got,
				(unsigned long long)n->n_answers);
		}
		usleep(1000);
	}
	check(attack);
}

void attack_expect(struct attack *attack, const char *name, enum ctl_conn_state state,
	const char *text)
{
	struct ctl_port port = {0};
	time_t since = now_s();
	char words[80];

	(void)snprintf(words, sizeof(words), "name %s", name);
	for (;;) {
		assert_int_equal(switch_rows(&attack->proc, "PortShow", words, &port), 1);
		if (port.state == state && strstr(port.last_error, text))
			return;
		check(attack);
		if (now_s() - since > STALL_S)
			fail_msg("port '%s' is %s, not %s; its last error is '%s', not about '%s'",
				name, ctl_conn_states[port.state], ctl_conn_states[state],
				port.last_error, text);
		usleep(1000);
	}
}

struct drop_sum {
	const char *reason;
	uint64_t frames;
};

static int add_drops(void *ctx, const void *row)
{
	const struct ctl_drop *drop = row;
	struct drop_sum *sum = ctx;

	if (!strcmp(drop->reason, sum->reason))
		sum->frames += drop->frames;
	return 0;
}

uint64_t attack_drops(struct attack *attack, const char *name, const char *reason)
{
	struct drop_sum sum = {reason, 0};
	struct ctl_ref ref = {0};
	struct err err = {0};

	CTL_SET_STR(&ref, ctl_ref, name, name);
	if (ctl_client_rows(attack->proc.client, "PortDrops", &ref, add_drops, &sum, &err) < 0)
		fail_msg("PortDrops %s: %s", name, err.msg);
	return sum.frames;
}

struct wanted_address {
	struct ether_addr48 mac;
	bool found;
};

static int find_address(void *ctx, const void *row)
{
	struct wanted_address *wanted = ctx;
	const struct ctl_fdb *fdb = row;

	wanted->found |= !memcmp(&fdb->mac, &wanted->mac, sizeof(fdb->mac));
	return 0;
}

bool attack_is_learned(struct attack *attack, uint8_t n)
{
	struct wanted_address wanted = {{ATTACK_MAC(n)}, false};
	struct ctl_fdb all = {0};
	struct err err = {0};

	CTL_SET_STR(&all, ctl_fdb, bridge, "br0");
	if (ctl_client_rows(attack->proc.client, "FdbShow", &all, find_address, &wanted, &err) < 0)
		fail_msg("FdbShow: %s", err.msg);
	return wanted.found;
}

/* ---- Cases ---- */

static void start(struct attack *attack, const char *workers)
{
	struct attack_neighbours *n = calloc(1, sizeof(*n));
	struct err err = {0};
	struct fe *a, *b;

	assert_non_null(n);
	pthread_mutex_init(&n->lock, NULL);
	*attack = (struct attack){.proc = {.workers = workers}, .neighbours = n};
	switch_proc_start(&attack->proc, false);
	switch_must(&attack->proc, "BridgeAdd", "name br0");
	a = attack_join(attack, "n1", (struct fe_config){.ring_size = RING_SIZE});
	b = attack_join(attack, "n2", (struct fe_config){.ring_size = RING_SIZE, .packed = true});
	n->flows[0] = (struct flow){.from = a, .to = b, .from_id = 1, .to_id = 2};
	n->flows[1] = (struct flow){.from = b, .to = a, .from_id = 2, .to_id = 1};
	n->control = attack->proc;
	n->control.client = NULL;
	assert_int_equal(ctl_client_open(attack->proc.control, &ctl_vswitch_interface, ANSWER_MS,
				 &n->control.client, &err),
		0);
	assert_int_equal(pthread_create(&n->pump, NULL, pump, n), 0);
	assert_int_equal(pthread_create(&n->caller, NULL, call, n), 0);
	attack_settle(attack);
}

static void stop(struct attack *attack)
{
	struct attack_neighbours *n = attack->neighbours;

	n->stop = true;
	/* A switch that hangs answers nobody: the caller's wait ends with it. */
	if (n->is_faulty && attack->proc.pid) {
		(void)kill(attack->proc.pid, SIGKILL);
		(void)waitpid(attack->proc.pid, NULL, 0);
		attack->proc.pid = 0;
	}
	if (n->pump)
		pthread_join(n->pump, NULL);
	if (n->caller)
		pthread_join(n->caller, NULL);
	ctl_client_close(n->control.client);
	if (!attack->proc.pid)
		ctl_client_close(attack->proc.client);
	switch_proc_destroy(&attack->proc);
	fe_destroy(n->flows[0].from);
	fe_destroy(n->flows[1].from);
	pthread_mutex_destroy(&n->lock);
	free(n);
	attack->neighbours = NULL;
}

static struct attack current;
static const char *current_workers;

static int set_up(void **state)
{
	start(&current, current_workers);
	return 0;
}

static int tear_down(void **state)
{
	if (current.neighbours)
		stop(&current);
	return 0;
}

static void run_case(void **state)
{
	const struct attack_case *test = *state;

	test->run(&current);
	attack_settle(&current);
	/* What the switch left undone shows when it ends: sanitizers speak then. */
	pid_t pid = current.proc.pid;
	assert_true(pid > 0);
	int status = switch_proc_stop(&current.proc, SIGTERM);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("the switch ended with status %#x", status);
}

int attack_main(const char *group, const struct attack_case *cases, unsigned n)
{
	struct CMUnitTest *tests = calloc(n, sizeof(*tests));
	char(*names)[128] = calloc(n, sizeof(*names));
	int failed = !tests || !names;

	for (unsigned workers = 1; workers <= 2 && tests && names; workers++) {
		current_workers = workers == 1 ? NULL : switch_proc_cpus(workers);
		if (workers > 1 && !current_workers)
			break; /* one processor: workers are pinned to one each */
		for (unsigned i = 0; i < n; i++) {
			(void)snprintf(names[i], sizeof(names[i]), "%s (%u worker%s)",
				cases[i].name, workers, workers > 1 ? "s" : "");
			tests[i] = (struct CMUnitTest){.name = names[i],
				.test_func = run_case,
				.setup_func = set_up,
				.teardown_func = tear_down,
				.initial_state = (void *)(uintptr_t)&cases[i]};
		}
		failed += _cmocka_run_group_tests(group, tests, n, NULL, NULL);
	}
	free(names);
	free(tests);
	return failed;
}
