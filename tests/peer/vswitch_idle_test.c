/* An idle switch costs nothing: 20 connected ports, no traffic, processor time over 10 s. */
#include "fe.h"
#include "switch_proc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define N_PORTS   20
#define SECONDS   10
#define MAX_TICKS (SECONDS * 100 / 100) /* 1 % of a core, in ticks of 10 ms */

static struct switch_proc proc;

/* User and system time of the switch, in ticks. */
static unsigned long cpu_ticks(void)
{
	unsigned long user, sys;
	char path[64], line[1024];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)proc.pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	(void)fclose(file);
	/* proc(5): fields 14 and 15; the name in field 2 has no blank. */
	assert_int_equal(sscanf(line, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				 &user, &sys), 2);
	return user + sys;
}

static void idle_switch_sleeps(void **state)
{
	struct fe *fes[N_PORTS];
	unsigned long ticks;
	char words[96], name[16];

	assert_int_equal(sysconf(_SC_CLK_TCK), 100);
	switch_must(&proc, "BridgeAdd", "name br0");
	for (unsigned i = 0; i < N_PORTS; i++) {
		struct fe_config config = {.packed = i % 2};

		(void)snprintf(name, sizeof(name), "p%u", i);
		(void)snprintf(words, sizeof(words), "name %s bridge br0 path $/%s", name, name);
		switch_must(&proc, "PortAdd", words);
		config.path = switch_proc_path(&proc, name);
		assert_int_equal(fe_create(&config, &fes[i]), 0);
		switch_wait_port(&proc, name, CTL_CONN_RUNNING);
	}
	(void)sleep(1);
	ticks = cpu_ticks();
	(void)sleep(SECONDS);
	ticks = cpu_ticks() - ticks;
	(void)printf("%d idle ports: %lu.%02lu %% of a core\n", N_PORTS, ticks / SECONDS,
		ticks * 100 / SECONDS % 100);
	if (ticks >= MAX_TICKS)
		fail_msg("%lu ticks in %d s, at most %d allowed", ticks, SECONDS, MAX_TICKS - 1);
	for (unsigned i = 0; i < N_PORTS; i++)
		fe_destroy(fes[i]);
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
		cmocka_unit_test_setup_teardown(idle_switch_sleeps, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
