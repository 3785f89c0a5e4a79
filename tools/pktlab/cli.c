#include "cli.h"

#include "clock.h"
#include "err.h"
#include "str.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXIT_USAGE   2
#define UP_S         30
#define NAP_NS       50000
#define IDLE_NS      1000000u
#define SEND_WAIT_NS 1000000u

static volatile sig_atomic_t interrupted;

static void on_signal(int signo)
{
	interrupted = 1;
}

bool cli_interrupted(void)
{
	return interrupted;
}

int cli_fail(const struct err *err)
{
	err_print(err, "pktlab");
	return 1;
}

/* ---- Values of stream options ---- */

/* "FIRST+COUNT" or "FIRST", with ~ in place of + for a random one, as a range in JSON. */
static json_t *range_of(const char *text, bool number)
{
	size_t len = strcspn(text, "+~");
	const char *rest = text + len;
	uint64_t count = 1, value = 0;
	char first[64];

	if (len >= sizeof(first) || (*rest && str_parse_u64(rest + 1, &count)))
		return NULL;
	memcpy(first, text, len);
	first[len] = '\0';
	if (number && str_parse_u64(first, &value))
		return NULL;
	json_t *json = number ? json_integer((json_int_t)value) : json_string(first);
	if (!*rest)
		return json;
	return json_pack("{s:o,s:I,s:s}", "first", json, "count", (json_int_t)count, "mode",
		*rest == '~' ? "random" : "inc");
}

static json_t *pair_of(const char *text, bool number)
{
	const char *comma = strchr(text, ',');
	char src[80];

	if (!comma || (size_t)(comma - text) >= sizeof(src))
		return NULL;
	memcpy(src, text, (size_t)(comma - text));
	src[comma - text] = '\0';
	return json_pack("{s:o,s:o}", "src", range_of(src, number), "dst",
		range_of(comma + 1, number));
}

static json_t *tags_of(const char *text)
{
	json_t *tags = json_array();
	char buf[128], *save = NULL;

	if (strlen(text) >= sizeof(buf))
		return NULL;
	(void)str_copy(buf, sizeof(buf), text);
	for (char *word = strtok_r(buf, ",", &save); word; word = strtok_r(NULL, ",", &save))
		(void)json_array_append_new(tags, json_pack("{s:o}", "vid", range_of(word, true)));
	return tags;
}

static json_t *sizes_of(const char *text)
{
	char buf[128], *save = NULL;
	uint64_t from = 0, to = 0;
	const char *dash = strchr(text, '-');
	json_t *sizes;

	if (!strcmp(text, "imix"))
		return json_string(text);
	if (strlen(text) >= sizeof(buf))
		return NULL;
	(void)str_copy(buf, sizeof(buf), text);
	if (dash) {
		buf[dash - text] = '\0';
		if (str_parse_u64(buf, &from) || str_parse_u64(dash + 1, &to))
			return NULL;
		return json_pack("{s:I,s:I}", "from", (json_int_t)from, "to", (json_int_t)to);
	}
	sizes = json_array();
	for (char *word = strtok_r(buf, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (str_parse_u64(word, &from)) {
			json_decref(sizes);
			return NULL;
		}
		(void)json_array_append_new(sizes, json_integer((json_int_t)from));
	}
	return sizes;
}

static json_t *text_of(const char *text)
{
	return json_string(text);
}

static json_t *mac_of(const char *text)
{
	return range_of(text, false);
}

static json_t *ips_of(const char *text)
{
	return pair_of(text, false);
}

static json_t *udp_of(const char *text)
{
	return pair_of(text, true);
}

static json_t *vxlan_of(const char *text)
{
	uint64_t vni = 0;

	return str_parse_u64(text, &vni) ? NULL : json_pack("{s:I}", "vni", (json_int_t)vni);
}

static json_t *number_of(const char *text)
{
	uint64_t n = 0;

	return str_parse_u64(text, &n) || n > INT64_MAX ? NULL : json_integer((json_int_t)n);
}

static const struct {
	const char *option, *member;
	json_t *(*read)(const char *text);
} stream_options[] = {
	{"--rate", "rate", text_of},
	{"--line", "line", text_of},
	{"--size", "size", sizes_of},
	{"--burst", "burst", number_of},
	{"--dst", "dst", mac_of},
	{"--src", "src", mac_of},
	{"--vlan", "vlan", tags_of},
	{"--ip", "ip", ips_of},
	{"--udp", "udp", udp_of},
	{"--vxlan", "vxlan", vxlan_of},
};

/* ---- Arguments ---- */

static int wrong(struct err *err, const char *option, const char *value)
{
	return err_set(err, -EINVAL, "%s: '%.80s' is not understood", option, value);
}

static int add_stream_option(struct cli *cli, const char *option, const char *value,
	struct err *err)
{
	for (unsigned i = 0; i < sizeof(stream_options) / sizeof(stream_options[0]); i++) {
		if (strcmp(option, stream_options[i].option))
			continue;
		json_t *json = stream_options[i].read(value);
		if (!json || json_object_set_new(cli->stream, stream_options[i].member, json))
			return wrong(err, option, value);
		return 0;
	}
	return -ENOENT;
}

static int add_number(const char *option, const char *value, double max, double *ret,
	struct err *err)
{
	char *end = NULL;

	*ret = strtod(value, &end);
	if (end == value || *end || !isfinite(*ret) || *ret < 0 || *ret > max)
		return wrong(err, option, value);
	return 0;
}

/* "SPEC" or "NAME=SPEC", where a name has no colon. */
static int add_port(struct cli *cli, const char *value, struct err *err)
{
	const char *equals = strchr(value, '='), *colon = strchr(value, ':');
	char name[PORT_MAX_NAME];

	(void)snprintf(name, sizeof(name), "%u", cli->engine->n_ports);
	if (equals && colon && equals < colon) {
		if ((size_t)(equals - value) >= sizeof(name))
			return wrong(err, "--port", value);
		memcpy(name, value, (size_t)(equals - value));
		name[equals - value] = '\0';
		value = equals + 1;
	}
	return engine_add_port(cli->engine, name, value, err);
}

static int take_option(struct cli *cli, const char *option, const char *value, unsigned accepts,
	struct err *err)
{
	double n = 0;
	int r;

	if (!strcmp(option, "--port"))
		return add_port(cli, value, err);
	if (!strcmp(option, "--duration"))
		return add_number(option, value, 1e7, &cli->seconds, err);
	if (!strcmp(option, "--count") && accepts & (CLI_STREAM | CLI_COUNT)) {
		r = add_number(option, value, 1e18, &n, err);
		cli->count = (uint64_t)n;
		return r;
	}
	if (!strcmp(option, "--filter") && accepts & CLI_FILTER) {
		cli->filter = value;
		return 0;
	}
	if (!strcmp(option, "--ip") && accepts & CLI_ANSWER) {
		cli->ip = value;
		return 0;
	}
	if (!strcmp(option, "--mac") && accepts & CLI_ANSWER) {
		cli->mac = value;
		return 0;
	}
	if (!strcmp(option, "--speed") && accepts & CLI_REPLAY)
		return add_number(option, value, 1e6, &cli->speed, err);
	if (!strcmp(option, "--loop") && accepts & CLI_REPLAY) {
		r = add_number(option, value, 1e9, &n, err);
		cli->loops = (unsigned)n;
		return r;
	}
	if (!strcmp(option, "--streams") && accepts & CLI_STREAM) {
		cli->streams = value;
		return 0;
	}
	if (accepts & CLI_STREAM || (accepts & CLI_REPLAY && !strcmp(option, "--rate"))) {
		r = add_stream_option(cli, option, value, err);
		if (r != -ENOENT)
			return r;
	}
	(void)err_set(err, -EINVAL, "option '%s' is unknown", option);
	err_hint(err, "see pktlab VERB --help and pktlab(1)");
	return -EINVAL;
}

static int take_arguments(struct cli *cli, int argc, char **argv, unsigned accepts, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		int r;

		if (!strcmp(argv[i], "--json")) {
			cli->json = true;
			continue;
		}
		if (!strcmp(argv[i], "--quiet") || !strcmp(argv[i], "-q")) {
			cli->quiet = true;
			continue;
		}
		if (argv[i][0] != '-') {
			if (!(accepts & CLI_FILE) || cli->file)
				return err_set(err, -EINVAL, "argument '%s' is not understood",
					argv[i]);
			cli->file = argv[i];
			continue;
		}
		if (i + 1 == argc)
			return err_set(err, -EINVAL, "option '%s' is unknown, or lacks a value",
				argv[i]);
		r = take_option(cli, argv[i], argv[i + 1], accepts, err);
		if (r)
			return r;
		i++;
	}
	if (!cli->engine->n_ports) {
		(void)err_set(err, -EINVAL, "no port is named");
		err_hint(err,
			"--port vhost:PATH, tap:NAME, packet:INTERFACE, loop:LINK or dpdk:DEVICE");
		return -EINVAL;
	}
	if (accepts & CLI_FILE && !cli->file)
		return err_set(err, -EINVAL, "no capture file is named");
	return 0;
}

int cli_parse(struct cli *cli, int argc, char **argv, unsigned accepts)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct err err = {0};
	int r;

	*cli = (struct cli){
		.engine = engine_create(), .stream = json_object(), .speed = 1, .loops = 1};
	if (!cli->engine || !cli->stream) {
		(void)err_set(&err, -ENOMEM, "out of memory");
		return cli_fail(&err);
	}
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	clock_init();
	r = take_arguments(cli, argc, argv, accepts, &err);
	if (r) {
		(void)err_prefix(&err, "%s", argv[0]);
		(void)cli_fail(&err);
		return r == -EINVAL ? EXIT_USAGE : 1;
	}
	return 0;
}

int cli_up(struct cli *cli)
{
	uint64_t end_ns = clock_ns() + UP_S * UINT64_C(1000000000);
	const struct port *down;
	struct err err = {0};

	while ((down = engine_find_down(cli->engine))) {
		struct timespec nap = {.tv_nsec = 20000000};

		if (interrupted || clock_ns() > end_ns) {
			(void)err_set(&err, -ETIMEDOUT, "port '%s' is not up: nobody is there",
				down->name);
			return cli_fail(&err);
		}
		(void)nanosleep(&nap, NULL);
		engine_tend(cli->engine);
	}
	return 0;
}

void cli_done(struct cli *cli)
{
	json_decref(cli->stream);
	engine_destroy(cli->engine);
	*cli = (struct cli){0};
}

/* ---- Frames ---- */

static unsigned receive_burst(struct engine *engine, const struct cli_loop *loop)
{
	struct port_frame frames[PORT_BURST];
	unsigned total = 0;

	for (unsigned i = 0; i < engine->n_ports; i++) {
		struct port *port = &engine->ports[i].port;
		unsigned n = port->ops->rx_begin(port, PORT_BURST, frames);

		for (unsigned j = 0; j < n; j++)
			loop->frame(loop->ctx, i, frames[j].data, frames[j].len);
		if (n)
			port->ops->rx_end(port, n);
		total += n;
	}
	return total;
}

void cli_loop(struct engine *engine, const struct cli_loop *loop)
{
	uint64_t start_ns = clock_ns(), now_ns = start_ns, last_ns = start_ns;
	uint64_t next_tend_ns = start_ns, next_second_ns = start_ns + 1000000000;
	bool over = false;

	while (!over && !interrupted) {
		unsigned n = receive_burst(engine, loop);

		now_ns = clock_ns();
		if (n)
			last_ns = now_ns;
		if (now_ns >= next_tend_ns) {
			for (unsigned i = 0; i < engine->n_ports; i++)
				engine->ports[i].port.ops->tend(&engine->ports[i].port);
			next_tend_ns = now_ns + IDLE_NS;
		}
		if (loop->turn)
			over = loop->turn(loop->ctx);
		if (loop->second && now_ns >= next_second_ns) {
			loop->second(loop->ctx, (double)(now_ns - start_ns) / 1e9, false);
			next_second_ns += 1000000000;
		}
		if (loop->seconds > 0 && (double)(now_ns - start_ns) >= loop->seconds * 1e9)
			over = true;
		if (now_ns - last_ns > IDLE_NS) {
			struct timespec nap = {.tv_nsec = NAP_NS};

			(void)nanosleep(&nap, NULL);
		}
	}
	if (loop->second)
		loop->second(loop->ctx, (double)(now_ns - start_ns) / 1e9, true);
}

bool cli_send(struct engine *engine, unsigned port_no, const uint8_t *data, uint32_t len)
{
	struct port *port = &engine->ports[port_no].port;
	uint64_t end_ns = clock_ns() + SEND_WAIT_NS;
	struct port_slot slot;

	if (len > port->frame_max)
		return false;
	do {
		if (!port->ops->tx_begin(port, 1, &slot))
			continue;
		memcpy(slot.data, data, len);
		*slot.tag = 0;
		slot.len = len;
		if (port->ops->tx_end(port, 1, &slot))
			return true;
	} while (clock_ns() < end_ns && !interrupted);
	return false;
}
