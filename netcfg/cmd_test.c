/* test: the steps that a lab file lists, one after the other: commands in nodes, and swbench at
 * ports of the lab, which has to run. */
#include "cmd.h"
#include "ev.h"
#include "lab.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WORDS       256
#define INTERRUPTED     130 /* swbench's exit status */
#define SWBENCH_LIMIT_S 86400
#define POLL_MS         20

struct words {
	const char *word[MAX_WORDS + 1]; /* borrowed */
	unsigned n;
};

static void add_word(struct words *words, const char *word)
{
	if (words->n < MAX_WORDS)
		words->word[words->n++] = word;
	words->word[words->n] = NULL;
}

/* ---- Commands in nodes ---- */

static int run_exec(const struct opts *opts, const struct lab *lab, const struct topo_step *step)
{
	const char *args[] = {step->node, "--", "sh", "-c", step->exec};
	struct grammar_request req = {
		.args = (char **)(uintptr_t)args, .n_args = sizeof(args) / sizeof(args[0])};
	struct opts of_step = *opts;

	of_step.lab = lab->topo.name;
	of_step.file = NULL;
	of_step.timeout_s = step->timeout_s;
	return cmd_exec(&of_step, &req);
}

/* ---- Measurements ---- */

/* swbench and its arguments; text is cut into words. */
static int make_words(const struct opts *opts, const struct lab *lab, const struct topo_step *step,
	const char *program, char *text, const char *dir, struct words *words, struct err *err)
{
	char *save = NULL;

	add_word(words, program);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		add_word(words, word);
	add_word(words, "--dut");
	add_word(words, "external");
	for (unsigned i = 0; i < step->n_ports; i++) {
		add_word(words, "--socket");
		add_word(words, lab->topo.ports[step->ports[i]].conf.path);
	}
	add_word(words, "--output");
	add_word(words, dir);
	if (opts->quiet)
		add_word(words, "--quiet");
	if (words->n == MAX_WORDS)
		return err_set(err, -E2BIG, "step '%s': swbench has more than %d words", step->name,
			MAX_WORDS);
	return 0;
}

/* In the child: its report is in its directory; on the terminal only with -v. */
__attribute__((noreturn)) static void run_child(const struct words *words, bool verbose)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	signal(SIGINT, SIG_DFL);
	if (!verbose && null >= 0)
		(void)dup2(null, STDOUT_FILENO);
	execv(words->word[0], (char *const *)(uintptr_t)words->word);
	_exit(127);
}

/* Its exit status. Ctrl-C is its own to handle: it writes what it has. */
static int wait_child(pid_t pid, const struct topo_step *step)
{
	unsigned limit_s = step->timeout_s ? step->timeout_s : SWBENCH_LIMIT_S;
	uint64_t deadline_ns = ev_now_ns() + limit_s * UINT64_C(1000000000);
	bool told = false;
	int status = 0;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (!told && ev_now_ns() >= deadline_ns) {
			told = true;
			fprintf(stderr, "netcfg: error: step '%s': did not end in %u s\n",
				step->name, limit_s);
			(void)kill(pid, SIGINT);
		}
		proc_sleep_ms(POLL_MS);
	}
	return told ? EXIT_TIMEOUT : WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static int run_words(const struct opts *opts, const struct topo_step *step,
	const struct words *words, struct err *err)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	pid_t pid;
	int status;

	(void)sigaction(SIGINT, &ignore, &before);
	fflush(stdout);
	pid = fork();
	if (!pid)
		run_child(words, opts->verbose);
	status =
		pid > 0 ? wait_child(pid, step) : err_set(err, -errno, "fork: %s", strerror(errno));
	(void)sigaction(SIGINT, &before, NULL);
	return status;
}

static int run_swbench(const struct opts *opts, const struct lab *lab, const struct topo_step *step)
{
	char program[4096], dir[TOPO_LAB_NAME_MAX + TOPO_NAME_MAX + 16];
	char *text = strdup(step->swbench);
	struct words words = {.n = 0};
	struct err err = {0};
	int status;

	(void)snprintf(dir, sizeof(dir), "%s-test/%s", lab->topo.name, step->name);
	status = text ? 0 : err_set(&err, -ENOMEM, "out of memory");
	if (!status)
		status =
			proc_find_program(opts->bin_dir, "swbench", program, sizeof(program), &err);
	if (status == -ENOENT)
		err_hint(&err, "it is in the folder tools of the sources: put that into PATH");
	if (!status)
		status = make_words(opts, lab, step, program, text, dir, &words, &err);
	if (!status && opts->dry_run) {
		for (unsigned i = 0; i < words.n; i++)
			printf("%s%s", i ? " " : "  ", words.word[i]);
		printf("\n");
	} else if (!status) {
		status = run_words(opts, step, &words, &err);
	}
	free(text);
	return status < 0 ? cmd_fail(&err) : status;
}

/* ---- All of it ---- */

static void print_result(const struct opts *opts, const struct topo_step *step, int status,
	json_t *all)
{
	if (opts->json)
		(void)json_array_append_new(all, json_pack("{s:s, s:b, s:i}", "name", step->name,
							 "passed", !status, "status", status));
	else if (status)
		printf("FAIL  %s: status %d\n", step->name, status);
	else
		printf("ok    %s\n", step->name);
}

/* returns  how many failed; *ret_interrupted: Ctrl-C ended it before the last */
static unsigned run_steps(const struct opts *opts, const struct lab *lab, json_t *all,
	unsigned *ret_done, bool *ret_interrupted)
{
	const struct topo *topo = &lab->topo;
	unsigned failed = 0;

	for (*ret_done = 0; *ret_done < topo->n_steps && !*ret_interrupted; (*ret_done)++) {
		const struct topo_step *step = &topo->steps[*ret_done];
		int status = 0;

		if (step->swbench)
			status = run_swbench(opts, lab, step);
		else if (opts->dry_run)
			printf("  %s: %s\n", step->node, step->exec);
		else
			status = run_exec(opts, lab, step);
		*ret_interrupted = step->swbench && status == INTERRUPTED;
		failed += status != 0;
		if (!opts->dry_run)
			print_result(opts, step, status, all);
		fflush(stdout);
	}
	return failed;
}

static int check_runs(const struct opts *opts, const struct lab *lab, struct err *err)
{
	char name[CTL_NAME_MAX + 1];
	struct opts of_lab = *opts;
	int r;

	of_lab.lab = lab->topo.name;
	r = lab_find(&of_lab, NULL, name, err);
	return r ? r : rundir_check(lab->run_dir, err);
}

int cmd_test(const struct opts *opts, const struct grammar_request *req)
{
	struct err err = {0};
	unsigned failed, done = 0;
	bool interrupted = false;
	json_t *all = json_array();
	struct lab lab;

	if (req->n_args > 1) {
		(void)err_set(&err, -EINVAL, "test: unexpected word '%s'", req->args[1]);
		json_decref(all);
		return cmd_fail(&err);
	}
	if (lab_load(opts, req->n_args ? req->args[0] : NULL, true, &lab, &err)) {
		json_decref(all);
		return err.code ? cmd_fail(&err) : EXIT_USAGE;
	}
	if (!lab.topo.n_steps) {
		(void)err_set(&err, -ENOENT, "lab '%s': has no test", lab.topo.name);
		err_hint(&err, "list its steps under \"test\", see weft-lab(5)");
	} else if (!opts->dry_run) {
		(void)check_runs(opts, &lab, &err);
	}
	failed = err.code ? 0 : run_steps(opts, &lab, all, &done, &interrupted);
	if (!err.code && opts->json) {
		json_dumpf(all, stdout, opts->pretty ? JSON_INDENT(4) : JSON_COMPACT);
		printf("\n");
	} else if (!err.code && !opts->dry_run && !opts->quiet) {
		printf("%u passed, %u failed%s\n", done - failed, failed,
			interrupted ? ", interrupted" : "");
	}
	lab_done(&lab);
	json_decref(all);
	return err.code      ? cmd_fail(&err)
	       : interrupted ? INTERRUPTED
	       : failed      ? EXIT_FAILED
			     : EXIT_DONE;
}
