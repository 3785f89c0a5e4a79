/* pktlab gen: send a stream, or those of a file, and account for it at the other ports. */
#include "cmd.h"
#include "err.h"
#include "result_json.h"
#include "show.h"
#include "stream_json.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define DRAIN_S    0.2
#define PROGRESS_S 0.25

struct gen {
	struct cli cli;
	double next_s;
};

static bool gen_hook(void *ctx, double elapsed_s)
{
	struct gen *gen = ctx;

	if (!gen->cli.quiet && elapsed_s >= gen->next_s) {
		double left_s = gen->cli.seconds - elapsed_s;

		gen->next_s = elapsed_s + PROGRESS_S;
		if (gen->cli.seconds > 0)
			show_progress("%.1f s, %llu sent, %llu received, %.0f s left", elapsed_s,
				(unsigned long long)gen->cli.engine->total_tx,
				(unsigned long long)gen->cli.engine->total_rx,
				left_s > 0 ? left_s : 0);
		else
			show_progress("%.1f s, %llu sent, %llu received", elapsed_s,
				(unsigned long long)gen->cli.engine->total_tx,
				(unsigned long long)gen->cli.engine->total_rx);
	}
	return cli_interrupted();
}

/* The streams of a file, or the one of the options: from the first port to the second. */
static json_t *streams_of(struct cli *cli, struct err *err)
{
	json_error_t error;
	json_t *array;

	if (cli->streams) {
		array = json_load_file(cli->streams, JSON_REJECT_DUPLICATES, &error);
		if (!json_is_array(array)) {
			(void)err_set(err, -EINVAL, "%s:%d:%d: %s", cli->streams,
				array ? 1 : error.line, array ? 1 : error.column,
				array ? "not an array of streams" : error.text);
			json_decref(array);
			return NULL;
		}
		return array;
	}
	(void)json_object_set_new(cli->stream, "from",
		json_string(cli->engine->ports[0].port.name));
	if (cli->engine->n_ports > 1)
		(void)json_object_set_new(cli->stream, "to",
			json_string(cli->engine->ports[1].port.name));
	if (cli->count)
		(void)json_object_set_new(cli->stream, "count",
			json_integer((json_int_t)cli->count));
	return json_pack("[O]", cli->stream);
}

static int set_streams(struct cli *cli, struct err *err)
{
	json_t *array = streams_of(cli, err);
	size_t n = json_array_size(array), done = 0;
	int r = array ? 0 : -EINVAL;
	struct stream *streams = calloc(n ? n : 1, sizeof(*streams));

	if (!streams)
		r = err_set(err, -ENOMEM, "out of memory");
	for (; !r && done < n; done += !r)
		r = stream_from_json(json_array_get(array, done), cli->engine, &streams[done], err);
	if (!r) {
		r = engine_set_streams(cli->engine, streams, (unsigned)n, err);
		done = 0; /* transferred */
	}
	while (done)
		stream_done(&streams[--done]);
	free(streams);
	json_decref(array);
	return r;
}

static int gen_main(int argc, char **argv)
{
	struct gen gen = {0};
	struct engine_run run = {.n_steps = 1,
		.steps = {{0, 1}},
		.drain_s = DRAIN_S,
		.check_every = 1,
		.hook = gen_hook,
		.ctx = &gen};
	struct err err = {0};
	int status = cli_parse(&gen.cli, argc, argv, CLI_STREAM);
	bool lost = false;

	if (!status && set_streams(&gen.cli, &err)) {
		(void)err_prefix(&err, "gen");
		(void)cli_fail(&err);
		status = 2;
	}
	if (!status)
		status = cli_up(&gen.cli);
	if (!status) {
		run.steps[0].seconds = gen.cli.seconds;
		status = engine_run(gen.cli.engine, &run) ? 1 : 0;
		show_progress_end();
		if (gen.cli.json)
			show_json(result_to_json(gen.cli.engine, &run, false));
		else
			show_result(gen.cli.engine, &run);
		for (unsigned i = 0; i < gen.cli.engine->n_senders; i++)
			for (unsigned j = 0; j < gen.cli.engine->senders[i].stream.n_to; j++)
				lost |= gen.cli.engine->senders[i].flows[j].track.received <
					gen.cli.engine->senders[i].sent;
		engine_run_done(&run);
	}
	cli_done(&gen.cli);
	return status ? status : lost;
}

const struct cmd cmd_gen = {
	.name = "gen",
	.purpose = "send a stream from the first port and account for it at the second",
	.usage = "--port SPEC [--port SPEC] [--rate RATE] [--size SIZES] [--dst MAC] [--src MAC]\n"
		 "       [--vlan VIDS] [--ip SRC,DST] [--udp SRC,DST] [--vxlan VNI] [--count N]\n"
		 "       [--duration S] [--streams FILE] [--json]",
	.run = gen_main,
};
