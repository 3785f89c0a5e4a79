#include "switch_proc.h"

#include "ctl_client.h"
#include "ctl_field.h"
#include "ctl_words.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* A crowded machine, or a sanitizer, may make an answer late; a switch that hangs never answers. */
#define WAIT_MS   60000
#define ANSWER_MS 60000

static void sleep_ms(unsigned ms)
{
	const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	(void)nanosleep(&t, NULL);
}

static const char *program(void)
{
	const char *path = getenv("WEFT_VSWITCH");

	if (!path)
		fail_msg("WEFT_VSWITCH does not name the program");
	return path;
}

static pid_t spawn(const char *log_path, const char *const *argv)
{
	const char *args[16] = {program()};
	pid_t pid;

	for (unsigned i = 0; argv[i]; i++) {
		assert_true(i < 14);
		args[i + 1] = argv[i];
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(126);
	(void)execv(args[0], (char *const *)args);
	_exit(127);
}

void switch_proc_restart(struct switch_proc *proc, bool keep)
{
	char log_path[96], state[96];
	const char *argv[10] = {"--control", proc->control};
	unsigned n_args = 2;
	struct err err = {0};

	(void)snprintf(log_path, sizeof(log_path), "%s/log", proc->dir);
	(void)snprintf(state, sizeof(state), "%s/state", proc->dir);
	if (proc->workers) {
		argv[n_args++] = "--workers";
		argv[n_args++] = proc->workers;
	}
	if (proc->rebalance) {
		argv[n_args++] = "--rebalance";
		argv[n_args++] = proc->rebalance;
	}
	if (keep) {
		argv[n_args++] = "--state";
		argv[n_args++] = state;
	}
	proc->pid = spawn(log_path, argv);
	for (unsigned i = 0; i < WAIT_MS / 10; i++) {
		if (ctl_client_open(proc->control, &ctl_vswitch_interface, ANSWER_MS, &proc->client,
			    &err) == 0)
			return;
		sleep_ms(10);
	}
	fail_msg("vswitch does not answer: %s", err.msg);
}

void switch_proc_start(struct switch_proc *proc, bool keep)
{
	*proc = (struct switch_proc){.dir = "/tmp/weft-peer-XXXXXX",
		.workers = proc->workers,
		.rebalance = proc->rebalance};
	assert_non_null(mkdtemp(proc->dir));
	(void)snprintf(proc->control, sizeof(proc->control), "%s/vs.sock", proc->dir);
	switch_proc_restart(proc, keep);
}

int switch_proc_stop(struct switch_proc *proc, int signo)
{
	int status = 0;

	ctl_client_close(proc->client);
	proc->client = NULL;
	assert_int_equal(kill(proc->pid, signo), 0);
	assert_int_equal(waitpid(proc->pid, &status, 0), proc->pid);
	proc->pid = 0;
	return status;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	(void)remove(path);
	return 0;
}

void switch_proc_destroy(struct switch_proc *proc)
{
	if (proc->pid)
		(void)switch_proc_stop(proc, SIGKILL);
	if (proc->dir[0])
		(void)nftw(proc->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	proc->dir[0] = '\0';
}

const char *switch_proc_cpus(unsigned n)
{
	static char text[128];
	size_t at = 0;
	cpu_set_t set;

	text[0] = '\0';
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return NULL;
	for (int cpu = 0; n > 0 && cpu < CPU_SETSIZE && at < sizeof(text) - 8; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		at += (size_t)snprintf(text + at, sizeof(text) - at, at ? ",%d" : "%d", cpu);
		n--;
	}
	return n > 0 ? NULL : text;
}

int switch_proc_run(const char *const *argv)
{
	int status = 0;
	pid_t pid = spawn("/dev/null", argv);

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const char *switch_proc_path(const struct switch_proc *proc, const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", proc->dir, name);
	return path;
}

static void words_to_msg(const struct switch_proc *proc, const struct ctl_struct *schema, void *msg,
	const char *words)
{
	char text[512], value[640], *save = NULL, *field;
	const char *word;
	struct err err = {0};

	memset(msg, 0, schema->size);
	assert_true(strlen(words) < sizeof(text));
	(void)strcpy(text, words);
	for (field = strtok_r(text, " ", &save); field; field = strtok_r(NULL, " ", &save)) {
		word = strtok_r(NULL, " ", &save);
		assert_non_null(word);
		if (!strcmp(word, "-"))
			word = "";
		(void)snprintf(value, sizeof(value), "%s%s", word[0] == '$' ? proc->dir : "",
			word + (word[0] == '$'));
		if (ctl_word_parse(schema, msg, field, value, &err) < 0)
			fail_msg("'%s': %s", words, err.msg);
	}
}

#define MSG_WORDS 2048 /* of 8 bytes: more than any message has */

int switch_ask(struct switch_proc *proc, const char *method, const char *words, struct err *err)
{
	const struct ctl_method *m = ctl_method_find(&ctl_vswitch_interface, method);
	uint64_t in[MSG_WORDS];

	assert_true(m && m->in->size <= sizeof(in));
	words_to_msg(proc, m->in, in, words);
	err_clear(err);
	return ctl_client_call(proc->client, method, in, NULL, err);
}

void switch_must(struct switch_proc *proc, const char *method, const char *words)
{
	struct err err;

	if (switch_ask(proc, method, words, &err) < 0)
		fail_msg("%s %s: %s", method, words, err.msg);
}

struct row_count {
	unsigned n;
	size_t size;
	void *last;
};

static int count_row(void *ctx, const void *row)
{
	struct row_count *count = ctx;

	count->n++;
	if (count->last)
		memcpy(count->last, row, count->size);
	return 0;
}

unsigned switch_rows(struct switch_proc *proc, const char *method, const char *words, void *ret_row)
{
	const struct ctl_method *m = ctl_method_find(&ctl_vswitch_interface, method);
	struct row_count count = {0, m->out->size, ret_row};
	uint64_t in[MSG_WORDS];
	struct err err = {0};

	assert_true(m->in->size <= sizeof(in));
	words_to_msg(proc, m->in, in, words);
	if (ctl_client_rows(proc->client, method, in, count_row, &count, &err) < 0)
		fail_msg("%s %s: %s", method, words, err.msg);
	return count.n;
}

void switch_wait_port(struct switch_proc *proc, const char *name, enum ctl_conn_state state)
{
	char words[128];
	struct ctl_port row = {0};

	(void)snprintf(words, sizeof(words), "name %s", name);
	for (unsigned i = 0; i < WAIT_MS / 10; i++) {
		assert_int_equal(switch_rows(proc, "PortShow", words, &row), 1);
		if (row.state == state)
			return;
		sleep_ms(10);
	}
	fail_msg("port '%s' is %s, not %s: %s", name, ctl_conn_states[row.state],
		ctl_conn_states[state], row.last_error);
}
