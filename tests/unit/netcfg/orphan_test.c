/* Daemons that no run directory knows: found, told apart by lab, and looked for once. */
#include "cmd.h"
#include "orphan.h"
#include "rundir.h"
#include "str.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char base[] = "/tmp/weft-orphan-XXXXXX";
static struct opts opts = {.json = true};
static unsigned n_walks; /* through all processes */
static int idle[2];      /* what daemons wait for: nothing comes */

/* In front of libc's. */
DIR *opendir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	n_walks += !strcmp(path, "/proc");
	return fd < 0 ? NULL : fdopendir(fd);
}

static int set_up(void **state)
{
	opts.run_dir = mkdtemp(base);
	return opts.run_dir && !pipe2(idle, O_CLOEXEC) ? 0 : -1;
}

static int tear_down(void **state)
{
	char path[RUNDIR_PATH_SIZE];

	close(idle[0]);
	close(idle[1]);
	(void)rundir_path(&opts, "", path, NULL);
	(void)rmdir(path);
	return rmdir(base);
}

/* A process whose command line is that of a daemon. */
static pid_t start(const char *lab, const char *name)
{
	char *control = str_dup_printf("%s/labs/%s/%s.sock", base, lab, name), byte;
	int begun[2];
	pid_t pid;

	assert_int_equal(pipe2(begun, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		(void)dup2(idle[0], STDIN_FILENO);
		execl("/bin/sh", "sh", "-c", "read line", "sh", "--control", control, NULL);
		_exit(127);
	}
	close(begun[1]);
	assert_int_equal(read(begun[0], &byte, 1), 0); /* execl() closed its end */
	close(begun[0]);
	free(control);
	return pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void each_lab_has_its_own(void **state)
{
	const pid_t a = start("one", "a"), b = start("two", "b"), c = start("one", "c");
	struct orphans all, its;
	struct err err;
	char names[100];

	assert_int_equal(orphan_find(&opts, NULL, &all, &err), 0);
	assert_int_equal(all.n, 3);
	its = orphan_of_lab(&all, "two");
	assert_int_equal(its.n, 1);
	assert_int_equal(its.list[0].pid, b);
	its = orphan_of_lab(&all, "one");
	assert_int_equal(its.n, 2);
	assert_int_equal(its.list[0].pid + its.list[1].pid, a + c);
	assert_int_equal(orphan_names(&its, 0, names, sizeof(names)), 2);
	assert_int_equal(orphan_of_lab(&all, "three").n, 0);
	orphan_done(&all);
	end(a);
	end(b);
	end(c);
}

static void status_of_all_labs_looks_once(void **state)
{
	static const char *const labs[] = {"one", "two", "three"};
	const struct grammar_request all = {0};
	const pid_t stray = start("lost", "a");
	char dir[RUNDIR_PATH_SIZE];
	struct err err;

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rundir_path(&opts, labs[i], dir, &err), 0);
		assert_int_equal(rundir_create(dir, &err), 0);
	}
	n_walks = 0;
	assert_int_equal(cmd_status(&opts, &all), 0);
	assert_int_equal(n_walks, 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rundir_path(&opts, labs[i], dir, &err), 0);
		assert_int_equal(rundir_remove(dir, &err), 0);
	}
	end(stray);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_lab_has_its_own),
		cmocka_unit_test(status_of_all_labs_looks_once),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
