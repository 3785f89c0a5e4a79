/* pktlab console: start, change and stop traffic by hand, while it runs. */
#include "cmd.h"
#include "err.h"
#include "lines.h"
#include "result_json.h"
#include "show.h"
#include "stream_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG_NS 2000000u
#define DRAIN_S    0.2
#define MAX_WORDS  16

struct console {
	struct cli cli;
	struct lines lines;
	bool running, stop, quit, tty;
	double elapsed_s;
	uint64_t tx_before, rx_before;
	double before_s; /* of the last "stats" */
};

static const char help_text[] =
	"start [-m RATE] [-d SECONDS]   send; RATE as 100kpps, 1Gbps, 10%, max\n"
	"update -m RATE                 change the rate while frames are sent\n"
	"stop                           end sending, and show what arrived\n"
	"stats                          frames so far, and a second since the last time\n"
	"portattr                       ports, and whether they are up\n"
	"clear                          begin rates of \"stats\" anew\n"
	"help, quit\n";

static void prompt(const struct console *console)
{
	if (!console->tty)
		return;
	(void)fputs(console->running ? "pktlab (sending)> " : "pktlab> ", stdout);
	(void)fflush(stdout);
}

static int set_rate(struct console *console, const char *text)
{
	struct sender *sender = &console->cli.engine->senders[0];
	struct rate rate;

	if (rate_parse(text, &rate)) {
		printf("rate '%s' is not understood: 100kpps, 1Gbps, 1GbpsL1, 10%% or max\n", text);
		return -EINVAL;
	}
	sender->stream.rate = rate;
	pace_set(&sender->pace, stream_pps(&sender->stream), BACKLOG_NS);
	return 0;
}

static void show_stats(struct console *console)
{
	const struct engine *engine = console->cli.engine;
	double seconds = console->elapsed_s - console->before_s;

	if (seconds <= 0)
		seconds = 1e-3;
	printf("%.1f s: sent %llu (%.4g frames/s), received %llu (%.4g frames/s)\n",
		console->elapsed_s, (unsigned long long)engine->total_tx,
		(double)(engine->total_tx - console->tx_before) / seconds,
		(unsigned long long)engine->total_rx,
		(double)(engine->total_rx - console->rx_before) / seconds);
	console->tx_before = engine->total_tx;
	console->rx_before = engine->total_rx;
	console->before_s = console->elapsed_s;
}

static void show_ports(const struct console *console)
{
	for (unsigned i = 0; i < console->cli.engine->n_ports; i++) {
		const struct port *port = &console->cli.engine->ports[i].port;

		printf("%-8s %-7s %-4s ring %u %s\n", port->name, port->ops->type,
			port->is_up ? "up" : "down", port->ring, port->features);
	}
}

static bool hook(void *ctx, double elapsed_s);

static const char *option_of(char **words, unsigned n, const char *name)
{
	for (unsigned i = 1; i + 1 < n; i++)
		if (!strcmp(words[i], name))
			return words[i + 1];
	return NULL;
}

static void start(struct console *console, char **words, unsigned n)
{
	const char *rate = option_of(words, n, "-m"), *seconds = option_of(words, n, "-d");
	struct engine_run run = {.n_steps = 1,
		.steps = {{0, 1}},
		.drain_s = DRAIN_S,
		.check_every = 1,
		.hook = hook,
		.ctx = console};
	char *end = NULL;

	if (console->running) {
		puts("frames are being sent: \"update -m RATE\" changes the rate, \"stop\" ends "
		     "it");
		return;
	}
	if (seconds) {
		run.steps[0].seconds = strtod(seconds, &end);
		if (end == seconds || *end || !(run.steps[0].seconds > 0)) {
			printf("duration '%s' is not a number of seconds\n", seconds);
			return;
		}
	}
	if (rate && set_rate(console, rate))
		return;
	console->running = true;
	console->stop = false;
	console->tx_before = console->rx_before = 0;
	console->before_s = 0;
	prompt(console);
	if (engine_run(console->cli.engine, &run))
		puts("out of memory");
	console->running = false;
	if (console->tty)
		putchar('\n');
	show_result(console->cli.engine, &run);
	engine_run_done(&run);
}

static void handle(struct console *console, char *line)
{
	char *words[MAX_WORDS], *save = NULL;
	unsigned n = 0;

	for (char *word = strtok_r(line, " \t\r", &save); word && n < MAX_WORDS;
		word = strtok_r(NULL, " \t\r", &save))
		words[n++] = word;
	if (!n)
		return;
	if (!strcmp(words[0], "start")) {
		start(console, words, n);
	} else if (!strcmp(words[0], "update")) {
		const char *rate = option_of(words, n, "-m");

		if (rate)
			(void)set_rate(console, rate);
		else
			puts("update -m RATE");
	} else if (!strcmp(words[0], "stop")) {
		console->stop = true;
		if (!console->running)
			puts("nothing is being sent");
	} else if (!strcmp(words[0], "stats")) {
		show_stats(console);
	} else if (!strcmp(words[0], "portattr")) {
		show_ports(console);
	} else if (!strcmp(words[0], "clear")) {
		console->tx_before = console->cli.engine->total_tx;
		console->rx_before = console->cli.engine->total_rx;
		console->before_s = console->elapsed_s;
	} else if (!strcmp(words[0], "help")) {
		(void)fputs(help_text, stdout);
	} else if (!strcmp(words[0], "quit") || !strcmp(words[0], "exit")) {
		console->quit = console->stop = true;
	} else {
		printf("'%s' is unknown; \"help\" lists what there is\n", words[0]);
	}
	(void)fflush(stdout);
}

static bool hook(void *ctx, double elapsed_s)
{
	struct console *console = ctx;
	char *line;
	int r;

	console->elapsed_s = elapsed_s;
	if (console->stop || cli_interrupted())
		return true;
	r = lines_next(&console->lines, 0, &line);
	if (r > 0) {
		handle(console, line);
		if (!console->stop)
			prompt(console);
	} else if (r < 0 && console->tty) {
		console->quit = console->stop = true;
	} /* else: a script has ended, and what it started goes on for its time */
	return console->stop;
}

static int set_stream(struct console *console)
{
	struct cli *cli = &console->cli;
	struct stream *stream = calloc(1, sizeof(*stream));
	struct err err = {0};
	int r;

	if (!stream)
		return 1;
	(void)json_object_set_new(cli->stream, "from",
		json_string(cli->engine->ports[0].port.name));
	if (cli->engine->n_ports > 1)
		(void)json_object_set_new(cli->stream, "to",
			json_string(cli->engine->ports[1].port.name));
	r = stream_from_json(cli->stream, cli->engine, stream, &err);
	if (!r)
		r = engine_set_streams(cli->engine, stream, 1, &err);
	free(stream);
	return r ? (void)cli_fail(&err), 2 : 0;
}

static int console_main(int argc, char **argv)
{
	static struct console console;
	int status = cli_parse(&console.cli, argc, argv, CLI_STREAM);

	lines_init(&console.lines, 0);
	console.tty = isatty(0);
	if (!status)
		status = set_stream(&console);
	if (!status)
		status = cli_up(&console.cli);
	while (!status && !console.quit && !cli_interrupted()) {
		char *line;
		int r;

		prompt(&console);
		do {
			r = lines_next(&console.lines, 20, &line);
			engine_tend(console.cli.engine);
		} while (!r && !cli_interrupted());
		if (r < 0)
			break;
		if (r > 0)
			handle(&console, line);
	}
	lines_done(&console.lines);
	cli_done(&console.cli);
	return status;
}

const struct cmd cmd_console = {
	.name = "console",
	.purpose = "start, change and stop a stream by hand",
	.usage = "--port SPEC [--port SPEC] [the stream options of gen]",
	.run = console_main,
};
