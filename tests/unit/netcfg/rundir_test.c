/* Run directories: private, found again, removed whole, and nothing outside them. */
#include "proc.h"
#include "rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char base[] = "/tmp/weft-rundir-XXXXXX";
static struct opts opts;

static int set_up(void **state)
{
	opts.run_dir = mkdtemp(base);
	return opts.run_dir ? 0 : -1;
}

static int tear_down(void **state)
{
	char path[RUNDIR_PATH_SIZE];

	(void)rundir_path(&opts, "", path, NULL);
	(void)rmdir(path);
	return rmdir(base);
}

static void touch(const char *dir, const char *name)
{
	char path[RUNDIR_PATH_SIZE];
	int fd;

	assert_int_equal(rundir_file(dir, name, "", path, sizeof(path), NULL), 0);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void a_lab_is_found_by_name_or_alone(void **state)
{
	char one[RUNDIR_PATH_SIZE], two[RUNDIR_PATH_SIZE], name[CTL_NAME_MAX + 1];
	struct opts named = opts;
	struct err err;

	assert_int_equal(rundir_find_lab(&opts, name, &err), -ENOENT);
	assert_int_equal(rundir_path(&opts, "one", one, &err), 0);
	assert_int_equal(rundir_create(one, &err), 0);
	assert_int_equal(rundir_find_lab(&opts, name, &err), 0);
	assert_string_equal(name, "one");
	assert_int_equal(rundir_path(&opts, "two", two, &err), 0);
	assert_int_equal(rundir_create(two, &err), 0);
	assert_int_equal(rundir_find_lab(&opts, name, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "one, two"));
	named.lab = "two";
	assert_int_equal(rundir_find_lab(&named, name, &err), 0);
	assert_string_equal(name, "two");
	named.lab = "three";
	assert_int_equal(rundir_find_lab(&named, name, &err), -ENOENT);
	named.lab = "../one";
	assert_int_equal(rundir_find_lab(&named, name, &err), -EINVAL);
	assert_int_equal(rundir_remove(one, &err), 0);
	assert_int_equal(rundir_remove(two, &err), 0);
}

static void where_nobody_can_look_is_not_taken_for_no_lab(void **state)
{
	char labs[RUNDIR_PATH_SIZE], name[CTL_NAME_MAX + 1];
	struct opts named = opts;
	struct err err = {0};

	assert_int_equal(rundir_labs_path(&opts, labs, &err), 0);
	(void)rmdir(labs);
	touch(base, "labs"); /* stands for a directory of another user, which is open to root */
	assert_int_equal(rundir_find_lab(&opts, name, &err), -ENOTDIR);
	assert_non_null(strstr(err.msg, labs));
	named.lab = "one";
	assert_int_equal(rundir_find_lab(&named, name, &err), -ENOTDIR);
	assert_non_null(strstr(err.msg, labs));
	assert_int_equal(unlink(labs), 0);
}

static void a_directory_that_others_may_enter_is_refused(void **state)
{
	char path[RUNDIR_PATH_SIZE];
	struct err err;
	struct stat st;

	assert_int_equal(rundir_path(&opts, "lab", path, &err), 0);
	assert_int_equal(rundir_create(path, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(rundir_create(path, &err), -EACCES);
	assert_int_equal(rundir_remove(path, &err), -EACCES);
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(chmod(base, 0777), 0);
	assert_int_equal(rundir_check(path, &err), -EACCES);
	assert_int_equal(chmod(base, 0700), 0);
	assert_int_equal(rundir_remove(path, &err), 0);
}

static void removal_follows_no_link(void **state)
{
	char path[RUNDIR_PATH_SIZE], outside[RUNDIR_PATH_SIZE], link_path[RUNDIR_PATH_SIZE + 8];
	struct err err;

	assert_int_equal(rundir_path(&opts, "lab", path, &err), 0);
	assert_int_equal(rundir_path(&opts, "outside", outside, &err), 0);
	assert_int_equal(rundir_create(path, &err), 0);
	assert_int_equal(rundir_create(outside, &err), 0);
	touch(outside, "keep");
	touch(path, "h1.args");
	(void)snprintf(link_path, sizeof(link_path), "%s/link", path);
	assert_int_equal(symlink(outside, link_path), 0);
	assert_int_equal(rundir_remove(path, &err), 0);
	assert_int_equal(access(path, F_OK), -1);
	(void)snprintf(link_path, sizeof(link_path), "%s/keep", outside);
	assert_int_equal(access(link_path, F_OK), 0);
	assert_int_equal(rundir_remove(outside, &err), 0);
}

static void one_at_a_time_changes_a_lab(void **state)
{
	char path[RUNDIR_PATH_SIZE];
	struct err err;
	int first;

	assert_int_equal(rundir_path(&opts, "lab", path, &err), 0);
	assert_int_equal(rundir_create(path, &err), 0);
	first = rundir_lock(path, &err);
	assert_true(first >= 0);
	assert_int_equal(rundir_lock(path, &err), -EAGAIN);
	close(first);
	first = rundir_lock(path, &err);
	assert_true(first >= 0);
	close(first);
	assert_int_equal(rundir_remove(path, &err), 0);
}

static int count_node(void *ctx, const char *node)
{
	char *all = ctx;

	strcat(strcat(all, node), " ");
	return 0;
}

static void nodes_are_listed_in_natural_order(void **state)
{
	char path[RUNDIR_PATH_SIZE], all[64] = "", too_long[300];
	struct err err;

	assert_int_equal(rundir_path(&opts, "lab", path, &err), 0);
	assert_int_equal(rundir_create(path, &err), 0);
	touch(path, "h10.args");
	touch(path, "h2.args");
	touch(path, "h2.log");
	assert_int_equal(rundir_each_node(path, count_node, all), 0);
	assert_string_equal(all, "h2 h10 ");
	assert_int_equal(rundir_remove(path, &err), 0);
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(rundir_path(&opts, too_long, path, &err), -ENAMETOOLONG);
}

/* By its pid file, and only while it is that process which lives. */
static void a_daemon_is_found_by_its_name(void **state)
{
	char path[RUNDIR_PATH_SIZE], file[RUNDIR_PATH_SIZE];
	char *argv[] = {(char *)"/bin/sleep", (char *)"1000", NULL};
	struct err err;
	pid_t pid;

	assert_int_equal(rundir_path(&opts, "lab", path, &err), 0);
	assert_int_equal(rundir_find_daemon(path, "h1"), 0);
	assert_int_equal(rundir_create(path, &err), 0);
	assert_int_equal(rundir_file(path, "h1", ".pid", file, sizeof(file), &err), 0);
	assert_int_equal(proc_start(argv, "/dev/null", file, &pid, &err), 0);
	assert_int_equal(rundir_find_daemon(path, "h1"), pid);
	assert_int_equal(rundir_find_daemon(path, "h2"), 0);
	assert_false(proc_is_stopped(pid));
	proc_signal(file, SIGKILL);
	assert_true(proc_wait_gone(file, 60000));
	assert_int_equal(rundir_find_daemon(path, "h1"), 0);
	assert_int_equal(rundir_remove(path, &err), 0);
}

static void nics_have_sockets_by_number(void **state)
{
	char path[RUNDIR_PATH_SIZE];
	struct err err;

	assert_int_equal(rundir_nic_socket("/run/lab", "h1", 0, path, sizeof(path), &err), 0);
	assert_string_equal(path, "/run/lab/h1:eth1.sock");
	assert_int_equal(rundir_nic_socket("/run/lab", "h1", 0, path, 12, &err), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lab_is_found_by_name_or_alone),
		cmocka_unit_test(where_nobody_can_look_is_not_taken_for_no_lab),
		cmocka_unit_test(a_directory_that_others_may_enter_is_refused),
		cmocka_unit_test(removal_follows_no_link),
		cmocka_unit_test(one_at_a_time_changes_a_lab),
		cmocka_unit_test(nodes_are_listed_in_natural_order),
		cmocka_unit_test(a_daemon_is_found_by_its_name),
		cmocka_unit_test(nics_have_sockets_by_number),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
