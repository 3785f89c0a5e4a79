/* The packet engine as a program that another drives: one JSON object a line each way. pktlab(1)
 * describes the requests. The driver is trusted like the user, but nothing that it sends
 * makes the agent end, wait or allocate without bound. */
#include "clock.h"
#include "cmd.h"
#include "distance.h"
#include "engine.h"
#include "err.h"
#include "lines.h"
#include "pin.h"
#include "result_json.h"
#include "stream_json.h"
#include "str.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGENT_SCHEMA    1
#define TEND_MS         5
#define PROGRESS_S      0.25
#define MAX_SECONDS     1e6
#define DEFAULT_WAIT_S  10.0
#define DEFAULT_DRAIN_S 0.2
#define MAX_INJECTED    65536u

struct agent {
	struct engine *engine;
	struct lines lines;
	json_int_t id; /* of the request that is worked on */
	double total_s, next_progress_s;
	char *waiting; /* a request that came during a run, owned; it is next */
	bool quit;
};

/* ---- Answers ---- */

static void send_json(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	if (text) {
		(void)puts(text);
		(void)fflush(stdout); /* when nobody reads any more, the end of stdin says so */
	}
	free(text);
	json_decref(object);
}

static void answer(json_int_t id, json_t *result)
{
	send_json(json_pack("{s:I,s:b,s:o}", "id", id, "ok", true, "result",
		result ? result : json_object()));
}

static void refuse(json_int_t id, const struct err *err)
{
	send_json(json_pack("{s:I,s:b,s:{s:s,s:s}}", "id", id, "ok", false, "error", "message",
		err->msg, "hint", err->hint));
}

/* ---- Members of a request ---- */

static int get_real(const json_t *request, const char *key, double min, double max, double *value,
	struct err *err)
{
	const json_t *member = json_object_get(request, key);

	if (!member)
		return 0;
	*value = json_is_number(member) ? json_number_value(member) : NAN;
	if (*value >= min && *value <= max)
		return 0;
	return err_set(err, -EINVAL, "%s is not a number from %g to %g", key, min, max);
}

/* ---- What goes on while frames do ---- */

static void send_progress(struct agent *agent, double elapsed_s)
{
	agent->next_progress_s = elapsed_s + PROGRESS_S;
	send_json(json_pack("{s:I,s:s,s:f,s:f,s:I,s:I}", "id", agent->id, "event", "progress",
		"elapsed", elapsed_s, "total", agent->total_s, "tx",
		(json_int_t)agent->engine->total_tx, "rx", (json_int_t)agent->engine->total_rx));
}

/* Called by the engine once a millisecond: shall it stop? Only "stop" is obeyed at once; another
 * request waits for the end of the run, and with it all that follow. */
static bool agent_hook(void *ctx, double elapsed_s)
{
	struct agent *agent = ctx;
	char *line;

	if (elapsed_s >= agent->next_progress_s)
		send_progress(agent, elapsed_s);
	if (agent->waiting || agent->quit)
		return agent->quit;
	int r = lines_next(&agent->lines, 0, &line);
	agent->quit = r < 0;
	if (r <= 0)
		return r < 0;
	json_t *request = json_loads(line, 0, NULL);
	const char *op = json_string_value(json_object_get(request, "op"));
	bool stop = op && !strcmp(op, "stop");
	if (stop)
		answer(json_integer_value(json_object_get(request, "id")), NULL);
	else
		agent->waiting = strdup(line);
	json_decref(request);
	return stop;
}

/* ---- Operations: each returns 0 with a result (or NULL for none), or -errno with err ---- */

static int op_hello(struct agent *agent, const json_t *request, json_t **ret_result,
	struct err *err)
{
	json_t *types = json_array();

	for (unsigned i = 0; port_types[i]; i++)
		(void)json_array_append_new(types, json_string(port_types[i]->type));
	*ret_result = json_pack("{s:s,s:i,s:o,s:f,s:{s:i,s:i}}", "version", WEFT_VERSION, "schema",
		AGENT_SCHEMA, "types", types, "tsc_hz", clock_base.ticks_per_s, "limits", "streams",
		(int)ENGINE_MAX_STREAMS, "ports", (int)ENGINE_MAX_PORTS);
	return 0;
}

static int op_open(struct agent *agent, const json_t *request, json_t **ret_result, struct err *err)
{
	const json_t *ports = json_object_get(request, "ports");

	if (!json_array_size(ports))
		return err_set(err, -EINVAL, "ports is not an array of ports");
	for (size_t i = 0; i < json_array_size(ports); i++) {
		const json_t *port = json_array_get(ports, i);
		const char *name = json_string_value(json_object_get(port, "name"));
		const char *spec = json_string_value(json_object_get(port, "spec"));
		if (!name || !spec)
			return err_set(err, -EINVAL, "port %zu lacks name or spec", i);
		int r = engine_add_port(agent->engine, name, spec, err);
		if (r)
			return r;
	}
	*ret_result = ports_to_json(agent->engine);
	return 0;
}

static int op_close(struct agent *agent, const json_t *request, json_t **ret_result,
	struct err *err)
{
	engine_remove_ports(agent->engine);
	return 0;
}

static int op_wait(struct agent *agent, const json_t *request, json_t **ret_result, struct err *err)
{
	double timeout_s = DEFAULT_WAIT_S;
	int r = get_real(request, "timeout", 0, MAX_SECONDS, &timeout_s, err);
	uint64_t end_ns = clock_ns() + (uint64_t)(timeout_s * 1e9);
	const struct port *down;

	if (r)
		return r;
	while ((down = engine_find_down(agent->engine))) {
		char *line;

		engine_tend(agent->engine);
		if (clock_ns() >= end_ns)
			return err_set(err, -ETIMEDOUT, "port '%s' is not up after %g s",
				down->name, timeout_s);
		/* A line that comes now waits for its turn: only the end of the file matters. */
		if (agent->lines.taken == agent->lines.len &&
			lines_next(&agent->lines, TEND_MS, &line) == -EPIPE)
			return err_set(err, -EPIPE, "the other end has gone");
	}
	*ret_result = ports_to_json(agent->engine);
	return 0;
}

static int op_streams(struct agent *agent, const json_t *request, json_t **ret_result,
	struct err *err)
{
	const json_t *array = json_object_get(request, "streams");
	size_t n = json_array_size(array), done = 0;
	int r = 0;

	if (!json_is_array(array) || n > ENGINE_MAX_STREAMS)
		return err_set(err, -EINVAL, "streams is not an array of at most %u streams",
			ENGINE_MAX_STREAMS);
	struct stream *streams = calloc(n ? n : 1, sizeof(*streams));
	if (!streams)
		return err_set(err, -ENOMEM, "out of memory");
	for (; !r && done < n; done += !r)
		r = stream_from_json(json_array_get(array, done), agent->engine, &streams[done],
			err);
	if (!r) {
		r = engine_set_streams(agent->engine, streams, (unsigned)n, err);
		done = 0; /* transferred */
	}
	while (done)
		stream_done(&streams[--done]);
	free(streams);
	if (!r)
		*ret_result = json_pack("{s:I}", "streams", (json_int_t)n);
	return r;
}

static int op_learn(struct agent *agent, const json_t *request, json_t **ret_result,
	struct err *err)
{
	struct engine_learn learn = {.timeout_s = 60, .hook = agent_hook, .ctx = agent};
	int r = get_real(request, "rate", 1, RATE_MAX_PPS, &learn.pps, err);

	if (!r)
		r = get_real(request, "timeout", 0, MAX_SECONDS, &learn.timeout_s, err);
	if (r)
		return r;
	agent->total_s = learn.timeout_s;
	r = engine_learn(agent->engine, &learn, err);
	if (!r)
		*ret_result = json_pack("{s:I,s:f}", "frames", (json_int_t)learn.n_frames,
			"seconds", learn.seconds);
	return r;
}

static int get_steps(const json_t *request, struct engine_run *run, struct err *err)
{
	const json_t *steps = json_object_get(request, "steps");
	double seconds = 0, scale = 1;
	int r = get_real(request, "seconds", 0, MAX_SECONDS, &seconds, err);

	if (!r)
		r = get_real(request, "scale", 0, 1e6, &scale, err);
	if (r)
		return r;
	run->n_steps = 1;
	run->steps[0] = (struct engine_step){seconds, scale};
	if (!steps)
		return 0;
	run->n_steps = (unsigned)json_array_size(steps);
	if (!run->n_steps || run->n_steps > ENGINE_MAX_STEPS)
		return err_set(err, -EINVAL, "steps is not an array of 1 to %u", ENGINE_MAX_STEPS);
	for (unsigned i = 0; !r && i < run->n_steps; i++) {
		struct engine_step *step = &run->steps[i];
		const json_t *object = json_array_get(steps, i);

		step->scale = 1;
		r = get_real(object, "seconds", 1e-3, MAX_SECONDS, &step->seconds, err);
		if (!r)
			r = get_real(object, "scale", 1e-9, 1e6, &step->scale, err);
		if (!r && step->seconds <= 0)
			r = err_set(err, -EINVAL, "step %u lacks seconds", i);
	}
	return r;
}

static int get_slow(struct engine *engine, const json_t *request, struct err *err)
{
	const char *name;
	json_t *value;

	for (unsigned i = 0; i < engine->n_ports; i++)
		engine->ports[i].is_slow = false;
	json_object_foreach(json_object_get(request, "slow"), name, value)
	{
		int port = engine_find_port(engine, name);

		if (port < 0 || !json_is_number(value) || json_number_value(value) < 0 ||
			json_number_value(value) > RATE_MAX_PPS)
			return err_set(err, -EINVAL, "slow: '%.40s' is no port, or no rate", name);
		/* Nothing at all is a rate that never comes to a frame. */
		double pps = json_number_value(value) > 0 ? json_number_value(value) : 1e-9;
		pace_set(&engine->ports[port].slow, pps, 1000000);
		engine->ports[port].is_slow = true;
	}
	return 0;
}

static bool ends_by_itself(const struct engine *engine)
{
	for (unsigned i = 0; i < engine->n_senders; i++)
		if (!engine->senders[i].stream.count)
			return false;
	return engine->n_senders;
}

static int op_run(struct agent *agent, const json_t *request, json_t **ret_result, struct err *err)
{
	struct engine_run run = {.drain_s = DEFAULT_DRAIN_S, .hook = agent_hook, .ctx = agent};
	double interval_ms = 0, every = 1;
	int r = get_steps(request, &run, err);

	if (!r)
		r = get_real(request, "drain", 0, 60, &run.drain_s, err);
	if (!r)
		r = get_real(request, "interval_ms", 0.1, 1e6, &interval_ms, err);
	if (!r)
		r = get_real(request, "check_every", 0, 1e6, &every, err);
	if (!r)
		r = get_slow(agent->engine, request, err);
	if (r)
		return r;
	run.check_every = (unsigned)every;
	run.interval_s = interval_ms / 1e3;
	agent->total_s = 0;
	for (unsigned i = 0; i < run.n_steps; i++)
		agent->total_s += run.steps[i].seconds;
	if (agent->total_s <= 0 && !ends_by_itself(agent->engine))
		return err_set(err, -EINVAL, "a run without seconds needs a count in every stream");
	if (run.interval_s > 0 && agent->total_s / run.interval_s > ENGINE_MAX_TICKS)
		return err_set(err, -EINVAL, "interval_ms %g makes more than %u intervals",
			interval_ms, ENGINE_MAX_TICKS);
	r = engine_run(agent->engine, &run);
	if (r)
		return err_set(err, r, "out of memory");
	*ret_result =
		result_to_json(agent->engine, &run, json_is_true(json_object_get(request, "hist")));
	engine_run_done(&run);
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Bytes of a frame written in hexadecimal, into owned memory. 0 or -errno. */
static int parse_frame(const char *text, uint32_t max, struct engine_frame *frame)
{
	size_t len = text ? strlen(text) : 0;

	if (!len || len % 2 || len / 2 > max)
		return -EINVAL;
	frame->data = malloc(len / 2);
	if (!frame->data)
		return -ENOMEM;
	frame->len = (uint32_t)(len / 2);
	for (size_t i = 0; i < frame->len; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		frame->data[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int op_inject(struct agent *agent, const json_t *request, json_t **ret_result,
	struct err *err)
{
	const json_t *hex = json_object_get(request, "frames");
	const char *name = json_string_value(json_object_get(request, "port"));
	int port = name ? engine_find_port(agent->engine, name) : -1;
	size_t n = json_array_size(hex);
	double pps = 10000, timeout_s = 10;
	int r = get_real(request, "rate", 1, RATE_MAX_PPS, &pps, err);

	if (!r)
		r = get_real(request, "timeout", 0, 600, &timeout_s, err);
	if (r)
		return r;
	if (port < 0)
		return err_set(err, -EINVAL, "port is none that is open");
	if (!n || n > MAX_INJECTED)
		return err_set(err, -EINVAL, "frames is not an array of 1 to %u", MAX_INJECTED);
	struct engine_frame *frames = calloc(n, sizeof(*frames));
	if (!frames)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; !r && i < n; i++) {
		r = parse_frame(json_string_value(json_array_get(hex, i)),
			agent->engine->ports[port].port.frame_max, &frames[i]);
		if (r)
			(void)err_set(err, r, "frame %zu is not hexadecimal, or too long", i);
	}
	if (!r)
		*ret_result = json_pack("{s:I}", "sent",
			(json_int_t)engine_inject(agent->engine, (unsigned)port, frames,
				(unsigned)n, pps, timeout_s));
	for (size_t i = 0; i < n; i++)
		free(frames[i].data);
	free(frames);
	return r;
}

static int op_distance(struct agent *agent, const json_t *request, json_t **ret_result,
	struct err *err)
{
	const json_t *cpu = json_object_get(request, "cpu");
	int ns;

	if (!json_is_integer(cpu) || json_integer_value(cpu) < 0 ||
		json_integer_value(cpu) >= CPU_SETSIZE)
		return err_set(err, -EINVAL, "cpu is no core");
	ns = distance_measure((int)json_integer_value(cpu), clock_base.ticks_per_s / 1e9);
	if (ns < 0)
		return err_set(err, ns, "core %d does not answer: %s", (int)json_integer_value(cpu),
			strerror(-ns));
	*ret_result = json_pack("{s:i,s:b}", "ns", ns, "same_cache", ns < DISTANCE_SAME_CACHE_NS);
	return 0;
}

static int op_stop(struct agent *agent, const json_t *request, json_t **ret_result, struct err *err)
{
	return 0; /* nothing runs */
}

static int op_quit(struct agent *agent, const json_t *request, json_t **ret_result, struct err *err)
{
	agent->quit = true;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct agent *agent, const json_t *request, json_t **ret_result,
		struct err *err);
} ops[] = {
	{"hello", op_hello},
	{"open", op_open},
	{"wait", op_wait},
	{"close", op_close},
	{"streams", op_streams},
	{"learn", op_learn},
	{"run", op_run},
	{"inject", op_inject},
	{"distance", op_distance},
	{"stop", op_stop},
	{"quit", op_quit},
};

static void handle(struct agent *agent, const char *line)
{
	struct err err = {0};
	json_error_t error;
	json_t *request = json_loads(line, JSON_REJECT_DUPLICATES, &error), *result = NULL;
	const char *op = json_string_value(json_object_get(request, "op"));
	int r = -EINVAL;

	agent->id = json_integer_value(json_object_get(request, "id"));
	agent->next_progress_s = PROGRESS_S;
	if (!request)
		(void)err_set(&err, r, "the request is not JSON: %.100s", error.text);
	else
		(void)err_set(&err, r, "op '%.40s' is unknown", op ? op : "");
	for (unsigned i = 0; op && i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(op, ops[i].name)) {
			err_clear(&err);
			r = ops[i].run(agent, request, &result, &err);
		}
	if (r)
		refuse(agent->id, &err);
	else
		answer(agent->id, result);
	json_decref(request);
}

static int pin_by_text(const char *text)
{
	uint64_t cpu;

	return str_parse_u64(text, &cpu) || cpu > UINT_MAX ? -EINVAL : pin_thread((unsigned)cpu);
}

static int agent_main(int argc, char **argv)
{
	struct agent agent = {0};
	char *line;
	int r = 0;

	if (argc == 3 && !strcmp(argv[1], "--cpu")) {
		r = pin_by_text(argv[2]);
		if (r) {
			fprintf(stderr, "pktlab: error: agent: --cpu '%s': %s\n", argv[2],
				strerror(-r));
			return 2;
		}
	} else if (argc != 1) {
		fprintf(stderr, "pktlab: error: agent: unknown argument '%s'\n", argv[1]);
		return 2;
	}
	/* Ctrl-C in a terminal reaches the driver as well, which says what to do about it. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	clock_init();
	agent.engine = engine_create();
	if (!agent.engine) {
		fprintf(stderr, "pktlab: error: agent: out of memory\n");
		return 1;
	}
	lines_init(&agent.lines, 0);
	while (!agent.quit) {
		char *waited = agent.waiting;

		if (waited) {
			agent.waiting = NULL;
			handle(&agent, waited);
			free(waited);
			continue;
		}
		r = lines_next(&agent.lines, agent.engine->n_ports ? TEND_MS : -1, &line);
		if (r > 0)
			handle(&agent, line);
		else if (r < 0)
			agent.quit = true;
		else
			engine_tend(agent.engine);
	}
	free(agent.waiting);
	lines_done(&agent.lines);
	engine_destroy(agent.engine);
	return r == -EPIPE || r >= 0 ? 0 : 1;
}

const struct cmd cmd_agent = {
	.name = "agent",
	.purpose = "do what another program asks for, in JSON on stdin and stdout",
	.usage = "[--cpu CPU]",
	.run = agent_main,
};
