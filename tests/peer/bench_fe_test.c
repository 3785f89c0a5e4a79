/*
 * bench-fe and a real vswitch: frames pass without loss, their content and order are checked, and
 * what goes wrong on the way is told. No figure is judged: fewer frames than a ring has slots are
 * under way in all, so that however slow this machine is, none may be lost.
 */
#include "switch_proc.h"

#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define PACED                                                                               \
	"--kick --ring-size 8192 --rate 5000 --every 1 --no-loss --windows 1 --window 0.3 " \
	"--warm 0.1 --cpu 0 --peer-cpu 0 "

static struct switch_proc proc;

/* Run bench-fe on ports p0.. of the switch; returns its exit code, its result in *ret_result
 * (owned; NULL: none). */
static int run(const char *options, unsigned n_ports, json_t **ret_result)
{
	const char *program = getenv("WEFT_BENCH_FE");
	char command[2048];
	size_t at;

	if (!program) {
		fail_msg("WEFT_BENCH_FE does not name the program");
		return -1;
	}
	at = (size_t)snprintf(command, sizeof(command), "%s %s", program, options);
	for (unsigned i = 0; i < n_ports; i++)
		at += (size_t)snprintf(command + at, sizeof(command) - at, " %s/p%u", proc.dir, i);
	assert_true(at < sizeof(command));
	FILE *out = popen(command, "r");
	assert_non_null(out);
	*ret_result = json_loadf(out, 0, NULL);
	int status = pclose(out);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static json_int_t get(const json_t *result, const char *name)
{
	const json_t *value = json_object_get(result, name);

	if (!json_is_integer(value))
		fail_msg("%s is missing", name);
	return json_integer_value(value);
}

static void add_ports(unsigned n_ports)
{
	char words[96];

	switch_must(&proc, "BridgeAdd", "name br0");
	for (unsigned i = 0; i < n_ports; i++) {
		(void)snprintf(words, sizeof(words), "name p%u bridge br0 tag 10 path $/p%u", i, i);
		switch_must(&proc, "PortAdd", words);
	}
}

static void expect_clean(const char *options, unsigned n_ports, unsigned copies)
{
	json_t *result;
	int r = run(options, n_ports, &result);

	if (r || !result)
		fail_msg("%s: exit code %d", options, r);
	assert_true(get(result, "sent") > 0);
	assert_int_equal(get(result, "received"), get(result, "sent") * copies);
	assert_int_equal(get(result, "looked"), get(result, "received"));
	assert_int_equal(get(result, "lost"), 0);
	assert_int_equal(get(result, "wrong"), 0);
	assert_int_equal(get(result, "repeated"), 0);
	assert_int_equal(get(result, "disordered"), 0);
	json_decref(result);
}

static void paced_frames_all_arrive(void **state)
{
	add_ports(4);
	expect_clean(PACED, 2, 1);
	expect_clean(PACED "--both --ring packed --latency", 2, 1);
	expect_clean(PACED "--addresses 500 --size 1518 --rx-buffer 1024", 2, 1);
	expect_clean(PACED "--pattern mesh --rate 1000 --addresses 20", 4, 1);
	expect_clean(PACED "--pattern flood --rate 2000 --ring packed", 4, 3);
}

static void frames_with_another_tag_are_missed(void **state)
{
	json_t *result;

	add_ports(2);
	assert_int_equal(run(PACED "--vlan tagged --timeout 0.5", 2, &result), 1);
	assert_null(result);
}

static int set_up(void **state)
{
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
		cmocka_unit_test_setup_teardown(paced_frames_all_arrive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(frames_with_another_tag_are_missed, set_up,
			tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
