/* An idle switch costs nothing: 100 connected ports, no traffic, processor time over 5 s. */
#include "fe.h"
#include "switch_proc.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define N_PORTS   100
#define SECONDS   5
#define TRIES     10
#define MAX_TICKS (SECONDS * 100 / 100) /* 1 % of a core, in ticks of 10 ms */

static struct switch_proc proc;

/* User and system time of a process or a thread, in ticks. */
static unsigned long cpu_ticks(const char *path)
{
	unsigned long user, sys;
	char line[1024];
	FILE *file;

	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	(void)fclose(file);
	/* proc(5): fields 14 and 15; the name in field 2 has no blank. */
	assert_int_equal(sscanf(line, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				 &user, &sys),
		2);
	return user + sys;
}

static unsigned long switch_ticks(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)proc.pid);
	return cpu_ticks(path);
}

/* Of all workers together; how many there are in ret_n. */
static unsigned long worker_ticks(unsigned *ret_n)
{
	char path[64], name[32];
	unsigned long ticks = 0;
	struct dirent *entry;
	DIR *dir;

	*ret_n = 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)proc.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/%d/task/%.15s/comm", (int)proc.pid,
			entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(name, sizeof(name), file) && !strncmp(name, "worker-", 7)) {
			(void)snprintf(path, sizeof(path), "/proc/%d/task/%.15s/stat",
				(int)proc.pid, entry->d_name);
			ticks += cpu_ticks(path);
			++*ret_n;
		}
		(void)fclose(file);
	}
	(void)closedir(dir);
	return ticks;
}

static void check_idle_switch_sleeps(unsigned n_workers)
{
	struct fe *fes[N_PORTS];
	unsigned long ticks = MAX_TICKS, of_workers = 0;
	char words[96], name[16];
	unsigned n;

	proc.workers = n_workers > 1 ? switch_proc_cpus(n_workers) : NULL;
	if (n_workers > 1 && !proc.workers)
		skip();
	switch_proc_start(&proc, false);
	assert_int_equal(sysconf(_SC_CLK_TCK), 100);
	switch_must(&proc, "BridgeAdd", "name br0");
	for (unsigned i = 0; i < N_PORTS; i++) {
		struct fe_config config = {.packed = i % 2, .ring_size = 64};

		(void)snprintf(name, sizeof(name), "p%u", i);
		(void)snprintf(words, sizeof(words), "name %s bridge br0 path $/%s", name, name);
		switch_must(&proc, "PortAdd", words);
		config.path = switch_proc_path(&proc, name);
		assert_int_equal(fe_create(&config, &fes[i]), 0);
		switch_wait_port(&proc, name, CTL_CONN_RUNNING);
	}
	/* Until it sleeps: it may still have been at work when the ports were connected. */
	for (unsigned tries = 0; tries < TRIES && (of_workers > 0 || ticks >= MAX_TICKS); tries++) {
		unsigned long before = switch_ticks(), of_workers_before = worker_ticks(&n);

		assert_int_equal(n, n_workers);
		(void)sleep(SECONDS);
		ticks = switch_ticks() - before;
		of_workers = worker_ticks(&n) - of_workers_before;
	}
	(void)printf("%d idle ports, %u workers: %lu.%02lu %% of a core\n", N_PORTS, n_workers,
		ticks / SECONDS, ticks * 100 / SECONDS % 100);
	if (of_workers > 0)
		fail_msg("workers woke up: %lu ticks in %d s", of_workers, SECONDS);
	if (ticks >= MAX_TICKS)
		fail_msg("%lu ticks in %d s, at most %d allowed", ticks, SECONDS, MAX_TICKS - 1);
	for (unsigned i = 0; i < N_PORTS; i++)
		fe_destroy(fes[i]);
}

static void one_worker_sleeps(void **state)
{
	check_idle_switch_sleeps(1);
}

/* Loads are looked at each second, and wake nobody. */
static void two_workers_sleep(void **state)
{
	check_idle_switch_sleeps(2);
}

static int tear_down(void **state)
{
	switch_proc_destroy(&proc);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_worker_sleeps, tear_down),
		cmocka_unit_test_teardown(two_workers_sleep, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
