/* Daemons: started detached, found again only while they are the same process, ended. */
#include "err.h"
#include "proc.h"
#include "small_fs.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[] = "/tmp/weft-proc-XXXXXX";
static char log_file[64], pid_file[64];

static int set_up(void **state)
{
	if (small_fs_setup(state) || !mkdtemp(dir))
		return -1;
	(void)snprintf(log_file, sizeof(log_file), "%s/log", dir);
	(void)snprintf(pid_file, sizeof(pid_file), "%s/pid", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)unlink(log_file);
	(void)unlink(pid_file);
	return rmdir(dir) || small_fs_teardown(state);
}

static void a_daemon_lives_and_ends(void **state)
{
	char *argv[] = {(char *)"/bin/sh", (char *)"-c",
		(char *)"echo; echo hello; echo; exec sleep 30", NULL};
	struct err err;
	char line[64];
	pid_t pid;

	assert_int_equal(proc_start(argv, log_file, pid_file, &pid, &err), 0);
	assert_int_equal(proc_find(pid_file), pid);
	assert_int_equal(getsid(pid), pid); /* a session of its own */
	assert_false(proc_wait_gone(pid_file, 30));
	for (int i = 0; i < 200 && (proc_last_line(log_file, line, sizeof(line)), !line[0]); i++)
		proc_sleep_ms(10);
	assert_string_equal(line, "hello");
	proc_signal(pid_file, SIGTERM);
	assert_true(proc_wait_gone(pid_file, 5000));
	assert_int_equal(proc_find(pid_file), 0);
}

static void a_program_that_is_missing_is_an_error(void **state)
{
	char *argv[] = {(char *)"/nonexistent/program", NULL};
	struct err err;
	pid_t pid;

	assert_int_equal(proc_start(argv, log_file, pid_file, &pid, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/nonexistent/program"));
}

/* On a disk without room: a process that no file names could never be ended. */
static void what_cannot_be_noted_does_not_run(void **state)
{
	char ran[64], command[128], full[64];
	char *argv[] = {(char *)"/bin/sh", (char *)"-c", command, NULL};
	struct err err;
	pid_t pid;

	(void)snprintf(full, sizeof(full), "%s/pid", small_fs_folder());
	(void)snprintf(ran, sizeof(ran), "%s/ran", dir);
	(void)snprintf(command, sizeof(command), ": >%s; exec sleep 30", ran);
	small_fs_fill();
	assert_int_equal(proc_start(argv, log_file, full, &pid, &err), -ENOSPC);
	assert_int_equal(access(full, F_OK), -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child of ours */
	assert_int_equal(access(ran, F_OK), -1);
	small_fs_make_room();
	assert_int_equal(proc_start(argv, log_file, full, &pid, &err), 0);
	assert_int_equal(proc_find(full), pid);
	proc_signal(full, SIGKILL);
	assert_true(proc_wait_gone(full, 5000));
	assert_int_equal(unlink(full), 0);
	(void)unlink(ran);
}

/* A build directory holds a directory of the program's name, with the program in it. */
static void programs_are_files(void **state)
{
	char path[128], sub[64];
	struct err err;

	(void)snprintf(sub, sizeof(sub), "%s/tool", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(proc_find_program(dir, "tool", path, sizeof(path), &err), -ENOENT);
	(void)snprintf(path, sizeof(path), "%s/tool", sub);
	assert_int_equal(symlink("/bin/sh", path), 0);
	assert_int_equal(proc_find_program(dir, "tool", path, sizeof(path), &err), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(sub), 0);
}

/* A process id that was used again has another start time: it is not ours to signal. */
static void a_reused_process_id_is_not_found(void **state)
{
	FILE *out = fopen(pid_file, "w");

	assert_non_null(out);
	fprintf(out, "%d 1\n", (int)getpid());
	fclose(out);
	assert_int_equal(proc_find(pid_file), 0);
	proc_signal(pid_file, SIGKILL); /* would end this test */
	out = fopen(pid_file, "w");
	assert_non_null(out);
	fprintf(out, "1 0\n");
	fclose(out);
	assert_int_equal(proc_find(pid_file), 0);
}

static void *wait_for_ever(void *arg)
{
	(void)pause();
	return arg;
}

/* Started anew with this as its argument, this program has its first thread end, and no other. */
#define END_FIRST_THREAD "end-first-thread"
static int end_first_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, wait_for_ever, NULL))
		return 1;
	return (int)syscall(SYS_exit, 0);
}

static bool is_zombie(pid_t pid)
{
	char path[48], state = '?';
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
	assert_int_equal(fclose(file), 0);
	return state == 'Z';
}

/* One that is killed has its files, locks and sockets until the last of its threads has ended. */
static void a_process_lives_as_long_as_a_thread(void **state)
{
	char *argv[] = {(char *)"/proc/self/exe", (char *)END_FIRST_THREAD, NULL};
	struct err err;
	pid_t pid;

	assert_int_equal(proc_start(argv, log_file, pid_file, &pid, &err), 0);
	for (int i = 0; i < 2000 && !is_zombie(pid); i++)
		proc_sleep_ms(10);
	assert_true(is_zombie(pid));
	assert_int_equal(proc_find(pid_file), pid);
	assert_false(proc_wait_gone(pid_file, 30));
	proc_signal(pid_file, SIGKILL);
	assert_true(proc_wait_gone(pid_file, 20000));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_daemon_lives_and_ends),
		cmocka_unit_test(a_program_that_is_missing_is_an_error),
		cmocka_unit_test(what_cannot_be_noted_does_not_run),
		cmocka_unit_test(programs_are_files),
		cmocka_unit_test(a_reused_process_id_is_not_found),
		cmocka_unit_test(a_process_lives_as_long_as_a_thread),
	};

	if (argc > 1 && !strcmp(argv[1], END_FIRST_THREAD))
		return end_first_thread();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
