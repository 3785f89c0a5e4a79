#include "cmd.h"
#include "cmd_nic.h"
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX_WORDS 64

int cmd_fail(const struct err *err)
{
	fflush(stdout);
	err_print(err, CMD_PROGRAM);
	switch (err->code) {
	case -EINVAL:
	case -ERANGE:
		return EXIT_USAGE;
	case -ETIMEDOUT:
		return EXIT_TIMEOUT;
	default:
		return EXIT_FAILED;
	}
}

static const struct {
	const char *name;
	int (*run)(const struct opts *opts, const struct grammar_request *req);
} commands[] = {
	{"validate", cmd_validate},
	{"plan", cmd_plan},
	{"apply", cmd_apply},
	{"destroy", cmd_destroy},
	{"status", cmd_status},
	{"wait", cmd_wait},
	{"capture", cmd_capture},
	{"console", cmd_console},
	{"exec", cmd_exec},
	{"test", cmd_test},
	{"trace", cmd_trace},
	{"monitor", cmd_monitor},
	{"explain", cmd_explain},
	{"help", cmd_help},
	{"completion", cmd_completion},
};

static int run_object(const struct opts *opts, struct grammar_request *req)
{
	if (!strcmp(req->object->name, "node"))
		return cmd_node(opts, req);
	if (!strcmp(req->object->name, "nic"))
		return cmd_nic(opts, req);
	return cmd_object(opts, req);
}

/* About one name after the other; what fails for one does not keep the others from it. */
static int run_each(const struct opts *opts, struct grammar_request *req)
{
	int status = run_object(opts, req);

	while (req->n_more) {
		struct err err = {0};
		int r = grammar_next(req, &err) < 0 ? cmd_fail(&err) : run_object(opts, req);

		status = status ? status : r;
	}
	return status;
}

/* Does -w make sense: is there something to be seen, that ends? */
static int check_watch(const struct opts *opts, const struct grammar_request *req, struct err *err)
{
	static const char *const shown[] = {"validate", "plan", "status", "explain", "help", "show",
		"stats", "sizes", "rx-queues", "vlans", "drops", "nics"};
	const char *word = req->command ? req->command->name : req->verb->name;

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		if (!strcmp(shown[i], word))
			return 0;
	}
	if (!opts->watch)
		return 0;
	(void)err_set(err, -EINVAL, "-w: '%s' is nothing to show again", word);
	if (!strcmp(word, "watch") || !strcmp(word, "monitor"))
		err_hint(err, "it prints events as they come, without -w");
	return -EINVAL;
}

static int run_once(const struct opts *opts, char **words, unsigned n)
{
	struct grammar_request req;
	struct err err = {0};

	if (grammar_parse(words, n, opts, &req, &err) < 0 || check_watch(opts, &req, &err) < 0) {
		(void)cmd_fail(&err);
		return EXIT_USAGE;
	}
	for (size_t i = 0; req.command && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].name, req.command->name))
			return commands[i].run(opts, &req);
	}
	return run_each(opts, &req);
}

int cmd_run(const struct opts *opts, char **words, unsigned n)
{
	int r;

	if (!n || opts->help) {
		struct grammar_request req = {.args = words, .n_args = n};

		r = cmd_help(opts, &req);
		return n || opts->help ? r : EXIT_USAGE;
	}
	if (!opts->watch)
		return run_once(opts, words, n);
	return watch(opts, words, n, run_once);
}

/* Words of a line, in place; quotes hold blanks together, # begins a comment. -E2BIG. */
static int split(char *line, char **words, unsigned max)
{
	unsigned n = 0;
	char *out = line;

	for (;;) {
		char quote = 0;

		line += strspn(line, " \t\r\n");
		if (!*line || *line == '#')
			return (int)n;
		if (n == max)
			return -E2BIG;
		words[n++] = out;
		for (; *line && (quote || !strchr(" \t\r\n", *line)); line++) {
			if (!quote && (*line == '\'' || *line == '"'))
				quote = *line;
			else if (quote && *line == quote)
				quote = 0;
			else
				*out++ = *line;
		}
		if (quote)
			return -EINVAL;
		if (*line)
			line++;
		*out++ = '\0';
	}
}

static int batch_line(const struct opts *opts, char *line, unsigned number)
{
	char *words[BATCH_MAX_WORDS];
	struct opts line_opts = *opts;
	struct err err = {0};
	unsigned left = 0;
	int r, n = split(line, words, BATCH_MAX_WORDS);

	if (n == 0)
		return EXIT_DONE;
	if (n < 0)
		(void)err_set(&err, -EINVAL,
			n == -E2BIG ? "too many words" : "quote is not closed");
	else
		n = opts_parse(&line_opts, words, (unsigned)n, &left, &err);
	if (n < 0) {
		(void)err_prefix(&err, "%s:%u", opts->batch, number);
		return cmd_fail(&err);
	}
	r = left ? cmd_run(&line_opts, words, left) : EXIT_DONE;
	if (r != EXIT_DONE)
		fprintf(stderr, CMD_PROGRAM ": %s:%u: failed\n", opts->batch, number);
	return r;
}

int cmd_batch(const struct opts *opts)
{
	bool is_stdin = !strcmp(opts->batch, "-");
	FILE *in = is_stdin ? stdin : fopen(opts->batch, "re");
	struct err err = {0};
	char *line = NULL;
	size_t size = 0;
	unsigned number = 0;
	int result = EXIT_DONE;

	if (!in) {
		(void)err_set(&err, -errno, "batch file '%s': %s", opts->batch, strerror(errno));
		(void)cmd_fail(&err);
		return EXIT_USAGE;
	}
	while (getline(&line, &size, in) >= 0) {
		int r = batch_line(opts, line, ++number);

		if (r != EXIT_DONE && result == EXIT_DONE)
			result = r;
		if (r != EXIT_DONE && !opts->keep_going)
			break;
	}
	free(line);
	if (!is_stdin)
		fclose(in);
	return result;
}
