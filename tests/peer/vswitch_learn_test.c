/* Addresses by the million: learned by a real vswitch from frames, within limits, and read back
 * while the switch goes on answering. They do not age, however long that takes. */
#include "ctl_client.h"
#include "fe.h"
#include "fe_ring.h"
#include "switch_proc.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* A million; with AddressSanitizer fewer, since listing them takes it twenty times as long. */
#ifdef WEFT_ASAN
#define N_MANY 100000u
#else
#define N_MANY 1000000u
#endif
#define RING_SIZE 1024
/* Only what hangs takes so long for one frame, on however crowded a machine. */
#define STUCK_S 120

static struct switch_proc proc;
static struct fe *ports[2];

static double now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Processor time that the control thread has had. */
static double control_ns(void)
{
	char path[64];
	double ns = 0;
	FILE *in;

	(void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)proc.pid);
	in = fopen(path, "r");
	if (in) {
		(void)!fscanf(in, "%lf", &ns);
		(void)fclose(in);
	}
	return ns;
}

static void join(unsigned i, const char *name)
{
	struct fe_config config = {.path = switch_proc_path(&proc, name), .ring_size = RING_SIZE};
	char words[128];

	(void)snprintf(words, sizeof(words), "name %s bridge br0 path $/%s", name, name);
	switch_must(&proc, "PortAdd", words);
	assert_int_equal(fe_create(&config, &ports[i]), 0);
	switch_wait_port(&proc, name, CTL_CONN_RUNNING);
}

static int set_up(void **state)
{
	switch_proc_start(&proc, false);
	return 0;
}

static int tear_down(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		fe_destroy(ports[i]);
		ports[i] = NULL;
	}
	switch_proc_destroy(&proc);
	return 0;
}

static uint32_t n_known(void)
{
	struct ctl_bridge row;

	assert_int_equal(switch_rows(&proc, "BridgeShow", "name br0", &row), 1);
	return row.fdb_entries;
}

/* One frame from each of n addresses, counted up from base, to an address that a port knows. */
static void send_from(struct fe *fe, uint32_t base, uint32_t n)
{
	static const struct virtio_net_hdr_v1 hdr;
	struct fe_ring *ring = fe_ring(fe, 1);
	uint8_t frame[64] = {2, 0xee, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0, 0x88, 0xb5};
	double end_s = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t address = base + i;

		for (unsigned k = 0; k < 4; k++)
			frame[8 + k] = (uint8_t)(address >> 8 * (3 - k));
		for (unsigned spins = 0; fe_ring_send(ring, &hdr, frame, sizeof(frame)); spins++) {
			if (spins == 0) { /* since the last that it took */
				end_s = now_s() + STUCK_S;
				assert_int_equal(fe_ring_kick(ring), 0);
			} else if (spins % 1024 == 0 && now_s() > end_s) {
				fail_msg("the switch does not take frames any more");
			}
		}
		if (i % 64 == 63)
			assert_int_equal(fe_ring_kick(ring), 0);
	}
	assert_int_equal(fe_ring_kick(ring), 0);
}

/* Another client, which reads the whole table. */
static void *read_all(void *arg)
{
	struct switch_proc reader = proc;
	unsigned *ret_n_rows = arg;
	struct err err = {0};

	if (ctl_client_open(proc.control, &ctl_vswitch_interface, 60000, &reader.client, &err) < 0)
		return NULL;
	*ret_n_rows = switch_rows(&reader, "FdbShow", "bridge br0", NULL);
	ctl_client_close(reader.client);
	return NULL;
}

/* Ask for the bridge while the other reads; returns how often before it ended. */
static unsigned answers_meanwhile(pthread_t reader)
{
	unsigned n = 0;

	assert_int_equal(n_known(), N_MANY + 1);
	for (; pthread_tryjoin_np(reader, NULL) == EBUSY; n++) {
		(void)usleep(1000);
		assert_int_equal(n_known(), N_MANY + 1);
	}
	return n;
}

/* What a full ring of learn events lost is learned in a later round. */
static void many_addresses_are_learned_and_read(void **state)
{
	unsigned n_rounds = 0, n_rows = 0, n_answers;
	double begin_s, control_begin_ns;
	pthread_t reader;

	switch_must(&proc, "BridgeAdd", "name br0 fdb_max 1048576 ageing_s 0");
	join(0, "many");
	join(1, "one");
	switch_must(&proc, "FdbAdd", "bridge br0 mac 02:ee:00:00:00:01 port one");
	begin_s = now_s();
	control_begin_ns = control_ns();
	while (n_known() < N_MANY + 1 && n_rounds++ < 50)
		send_from(ports[0], 0, N_MANY);
	assert_int_equal(n_known(), N_MANY + 1);
	print_message("learned in %.2f s and %u rounds, %.0f ns of control each\n",
		now_s() - begin_s, n_rounds, (control_ns() - control_begin_ns) / N_MANY);

	begin_s = now_s();
	assert_int_equal(pthread_create(&reader, NULL, read_all, &n_rows), 0);
	n_answers = answers_meanwhile(reader);
	assert_int_equal(n_rows, N_MANY + 1);
	/* Others do not wait for the end. */
	assert_true(n_answers > 1);
	print_message("read in %.2f s, others got %u answers\n", now_s() - begin_s, n_answers);

	begin_s = now_s();
	switch_must(&proc, "FdbFlush", "bridge br0");
	assert_int_equal(n_known(), 1);
	print_message("flushed in %.1f ms\n", (now_s() - begin_s) * 1e3);
}

/* A bridge and a port with limits of their own forget none of what the other port taught them. */
static void many_addresses_push_nobody_out(void **state)
{
	struct ctl_fdb row;

	switch_must(&proc, "BridgeAdd", "name br0 fdb_max 2000 ageing_s 0");
	join(0, "many");
	join(1, "one");
	switch_must(&proc, "FdbAdd", "bridge br0 mac 02:ee:00:00:00:01 port one");
	send_from(ports[1], N_MANY, 500);
	for (unsigned i = 0; i < 6000 && n_known() < 501; i++)
		(void)usleep(10000);
	send_from(ports[0], 0, N_MANY);
	for (unsigned i = 0; i < 6000 && n_known() < 2000; i++)
		(void)usleep(10000);
	assert_int_equal(n_known(), 2000);
	assert_int_equal(switch_rows(&proc, "FdbShow", "bridge br0 port one", &row), 501);
	switch_must(&proc, "PortSet", "name many fdb_max 100");
	switch_must(&proc, "FdbFlush", "bridge br0 port many");
	send_from(ports[0], 0, N_MANY);
	for (unsigned i = 0; i < 6000 && n_known() < 601; i++)
		(void)usleep(10000);
	assert_int_equal(switch_rows(&proc, "FdbShow", "bridge br0 port many", &row), 100);
	assert_int_equal(switch_rows(&proc, "FdbShow", "bridge br0 port one", &row), 501);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(many_addresses_are_learned_and_read),
		TEST(many_addresses_push_nobody_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
