/*
 * bench-fe: generator and sink of a vhost-user switch, at next to no cost of its own.
 *
 * All ports in one thread on one core; the switch's worker has the other. Frames lie ready, sending
 * is an index bump (pump.h), so that the rate measured is the switch's. Result: one line of JSON.
 */
#include "clock.h"
#include "distance.h"
#include "engine.h"
#include "pin.h"
#include "share.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <x86intrin.h>

#define MAX_WINDOWS 600

struct options {
	struct engine_config engine;
	const char *paths[TRAFFIC_MAX_PORTS];
	bool listen, packed, strict, any_order;
	unsigned ring_size, rx_buffer, cpu, peer_cpu, windows, timeout_ms;
	double window_s, learn_rate, rate;
	const char *when_learned; /* NULL: nothing */
	int switch_pid;           /* 0: unknown */
};

struct window {
	double seconds;
	uint64_t sent, received;
	int before_ns, after_ns;        /* distance of the cores */
	double own_share, switch_share; /* of their cores; negative: not watched */
	uint64_t p50, p99, p999, max, timed;
};

static void fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "bench-fe: error: %s: %s\n", what, why);
	exit(1);
}

static struct vu_port *open_ports(const struct options *options)
{
	unsigned n_ports = options->engine.traffic.n_ports;
	struct vu_port *ports = calloc(n_ports, sizeof(*ports));

	if (!ports)
		fail("memory", strerror(ENOMEM));
	for (unsigned i = 0; i < n_ports; i++) {
		struct vu_config config = {.path = options->paths[i],
			.listen = options->listen,
			.offloads = options->engine.traffic.tcp,
			.send = {.size = (uint16_t)options->ring_size,
				.packed = options->packed,
				.len = options->engine.traffic.size + (uint32_t)PUMP_HDR_SIZE},
			.receive = {.size = (uint16_t)options->ring_size,
				.packed = options->packed,
				.receive = true,
				.len = options->rx_buffer},
			.timeout_ms = options->timeout_ms};
		int r = vu_open(&ports[i], &config);

		if (r)
			fail(options->paths[i], strerror(-r));
	}
	for (unsigned i = 0; i < n_ports; i++) {
		int r = vu_start(&ports[i]);

		if (r)
			fail(options->paths[i], r == -ENOTSUP ? "the switch lacks packed rings, "
								"VIRTIO 1 or an offload"
							      : strerror(-r));
	}
	return ports;
}

static int distance(const struct options *options)
{
	if (options->peer_cpu == options->cpu)
		return -1;
	return distance_measure((int)options->peer_cpu, options->engine.tsc_per_s / 1e9);
}

static struct window run_window(struct engine *engine, const struct options *options,
	const struct share *share)
{
	struct engine_totals before = engine_totals(engine), after;
	struct window window = {0};
	double to_ns = 1e9 / options->engine.tsc_per_s;
	uint64_t begin = __rdtsc(), own = share_own_run_ns(), other = share_run_ns(share);

	hist_clear(&engine->hist);
	engine_run(engine, (uint64_t)(options->window_s * options->engine.tsc_per_s));
	after = engine_totals(engine);
	window.seconds = (double)(__rdtsc() - begin) / options->engine.tsc_per_s;
	window.own_share = (double)(share_own_run_ns() - own) / 1e9 / window.seconds;
	window.switch_share =
		share->tid ? (double)(share_run_ns(share) - other) / 1e9 / window.seconds : -1;
	window.sent = after.sent - before.sent;
	window.received = after.received - before.received;
	window.timed = engine->hist.count;
	window.p50 = (uint64_t)((double)hist_quantile(&engine->hist, 0.5) * to_ns);
	window.p99 = (uint64_t)((double)hist_quantile(&engine->hist, 0.99) * to_ns);
	window.p999 = (uint64_t)((double)hist_quantile(&engine->hist, 0.999) * to_ns);
	window.max = (uint64_t)((double)engine->hist.max * to_ns);
	return window;
}

static const char *place(const struct window *window)
{
	if (window->own_share < SHARE_MIN ||
		(window->switch_share >= 0 && window->switch_share < SHARE_MIN))
		return "disturbed";
	if (window->before_ns < 0 || window->after_ns < 0)
		return "unknown";
	bool before = window->before_ns < DISTANCE_SAME_CACHE_NS;
	bool after = window->after_ns < DISTANCE_SAME_CACHE_NS;

	return before != after ? "mixed" : before ? "same cache" : "different cache";
}

static void print_window(const struct options *options, const struct window *window)
{
	double pps = (double)window->received / window->seconds;

	printf("{\"seconds\": %.4f, \"sent\": %llu, \"received\": %llu, \"pps\": %.0f, "
	       "\"bits_per_s\": %.0f, \"rtt_ns\": [%d, %d], \"shares\": [%.3f, %.3f], "
	       "\"place\": \"%s\"",
		window->seconds, (unsigned long long)window->sent,
		(unsigned long long)window->received, pps, pps * options->engine.traffic.size * 8,
		window->before_ns, window->after_ns, window->own_share, window->switch_share,
		place(window));
	if (options->engine.latency)
		printf(", \"p50_ns\": %llu, \"p99_ns\": %llu, \"p999_ns\": %llu, \"max_ns\": %llu, "
		       "\"timed\": %llu",
			(unsigned long long)window->p50, (unsigned long long)window->p99,
			(unsigned long long)window->p999, (unsigned long long)window->max,
			(unsigned long long)window->timed);
	printf("}");
}

/* Frames that should have arrived of those sent. */
static uint64_t expected(const struct engine *engine, uint64_t sent)
{
	const struct traffic *traffic = &engine->config.traffic;

	return traffic->pattern == TRAFFIC_FLOOD ? sent * (traffic->n_ports - 1) : sent;
}

static void report(const struct options *options, const struct engine *engine,
	const struct vu_port *ports, const struct window *windows)
{
	static const char *const patterns[] = {"pairs", "mesh", "flood"};
	const struct traffic *traffic = &options->engine.traffic;
	struct engine_totals totals = engine_totals(engine);
	struct order order = engine_order(engine);
	uint64_t due = expected(engine, totals.sent);

	printf("{\"bench\": \"rate\", \"ports\": %u, \"pattern\": \"%s\", \"both\": %s, "
	       "\"ring\": \"%s\", \"ring_size\": %u, \"size\": %u, \"addresses\": %u, "
	       "\"vlan\": \"%s\", \"tso\": %s, \"rate_limit\": %.0f, \"huge_pages\": %s, "
	       "\"sent\": %llu, \"received\": %llu, \"lost\": %lld, \"looked\": %llu, "
	       "\"wrong\": %llu, \"repeated\": %llu, \"disordered\": %llu, \"windows\": [",
		traffic->n_ports, patterns[traffic->pattern],
		options->engine.both ? "true" : "false", options->packed ? "packed" : "split",
		options->ring_size, traffic->size, traffic->n_addresses,
		traffic->tagged ? "tagged" : "none", traffic->tcp ? "true" : "false", options->rate,
		ports[0].huge ? "true" : "false", (unsigned long long)totals.sent,
		(unsigned long long)totals.received, (long long)(due - totals.received),
		(unsigned long long)order.looked, (unsigned long long)engine->wrong,
		(unsigned long long)order.repeated, (unsigned long long)order.disordered);
	for (unsigned i = 0; i < options->windows; i++) {
		if (i)
			printf(", ");
		print_window(options, &windows[i]);
	}
	printf("]}\n");
}

/* Exit code: did all arrive right, and where that was asked for, at all? */
static int judge(const struct options *options, const struct engine *engine)
{
	struct engine_totals totals = engine_totals(engine);
	struct order order = engine_order(engine);
	int bad = 0;

	if (engine->wrong) {
		(void)fprintf(stderr, "bench-fe: error: %llu wrong frames of %llu looked at: %s\n",
			(unsigned long long)engine->wrong, (unsigned long long)order.looked,
			engine->first_wrong);
		bad = 1;
	}
	bool one_flow = engine->config.traffic.n_addresses == 1;
	bool ordered = !order.repeated && !order.disordered;
	if ((!ordered && (one_flow || !options->any_order)) ||
		totals.received > expected(engine, totals.sent)) {
		(void)fputs("bench-fe: error: frames came twice or in another order\n", stderr);
		bad = 1;
	}
	if (!totals.received) {
		(void)fputs("bench-fe: error: nothing arrived\n", stderr);
		bad = 1;
	} else if (options->strict && totals.received != expected(engine, totals.sent)) {
		(void)fprintf(stderr, "bench-fe: error: %llu of %llu frames were lost\n",
			(unsigned long long)(expected(engine, totals.sent) - totals.received),
			(unsigned long long)expected(engine, totals.sent));
		bad = 1;
	}
	return bad;
}

/* ---- Options ---- */

static const char usage[] =
	"usage: bench-fe [OPTION]... SOCKET SOCKET...\n"
	"\n"
	"Connects to the vhost-user sockets of a switch, sends frames through it and counts them.\n"
	"\n"
	"  --pattern KIND    pairs: port 0 to 1, 2 to 3...; mesh; flood: broadcasts (pairs)\n"
	"  --both            pairs: both ways; flood: from every port\n"
	"  --listen          create the sockets; the switch connects\n"
	"  --ring KIND       split or packed (split)\n"
	"  --ring-size N     slots of each ring, a power of two from 64 (1024)\n"
	"  --size BYTES      frame without virtio header and FCS, 60..65549 (64)\n"
	"  --rx-buffer BYTES of each receive buffer; larger frames are merged (2048)\n"
	"  --addresses N     addresses of each port; each frame's are rewritten (1)\n"
	"  --touch           rewrite addresses even if there is one: to compare with more\n"
	"  --vlan KIND       none or tagged, with VLAN 10 (none)\n"
	"  --any-order       frames of different addresses may overtake each other\n"
	"  --rewritten       the switch writes addresses of its own: do not check them\n"
	"  --tso             frames are large TCP segments with a segmentation header\n"
	"  --burst N         frames published at once (64)\n"
	"  --rate PPS        of each sending port; 0: as many as go (0)\n"
	"  --kick            kick when the switch asks for it: for one that sleeps\n"
	"  --latency         stamp every frame and report quantiles of its age at arrival\n"
	"  --every N         look at the content and order of each Nth frame, a power of two "
	"(256)\n"
	"  --no-loss         fail when a frame is lost\n"
	"  --windows N       measured windows (3)\n"
	"  --window SECONDS  length of each (1)\n"
	"  --warm SECONDS    load before the first window (0.2)\n"
	"  --learn-rate N    addresses announced a second, for the switch to learn (50000)\n"
	"  --when-learned CMD  shell command to run then; it has to succeed\n"
	"  --cpu N           this thread's core (0)\n"
	"  --peer-cpu N      the switch's core, to measure the distance to (1)\n"
	"  --switch-pid PID  the switch, to notice when its packet thread is disturbed\n"
	"  --timeout SECONDS for the switch to come up (10)\n"
	"  --help            this text\n"
	"\n"
	"Each window says whether the two cores shared a cache (round trip below 200 ns), and\n"
	"whether the two threads had them for themselves.\n"
	"Exit code 0: what arrived was right; 1: it was not, or nothing did; 2: usage.\n";

static double number(const char *name, const char *text, double min, double max)
{
	char *end;
	double v = strtod(text, &end);

	if (!*text || *end || !(v >= min && v <= max)) {
		(void)fprintf(stderr, "bench-fe: error: --%s: '%s' is not in %.10g..%.10g\n", name,
			text, min, max);
		exit(2);
	}
	return v;
}

static unsigned power_of_two(const char *name, const char *text, unsigned min, unsigned max)
{
	unsigned v = (unsigned)number(name, text, min, max);

	if (v & (v - 1)) {
		(void)fprintf(stderr, "bench-fe: error: --%s: '%s' is no power of two\n", name,
			text);
		exit(2);
	}
	return v;
}

static unsigned word(const char *name, const char *text, const char *const *words, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(text, words[i]))
			return i;
	(void)fprintf(stderr, "bench-fe: error: --%s: '%s' is unknown\n", name, text);
	exit(2);
}

static void set_option(struct options *o, const char *name, int c, const char *text)
{
	static const char *const patterns[] = {"pairs", "mesh", "flood"};
	static const char *const rings[] = {"split", "packed"}, *const vlans[] = {"none", "tagged"};
	struct engine_config *engine = &o->engine;

	switch (c) {
	case 'p':
		engine->traffic.pattern = word(name, text, patterns, 3);
		break;
	case 'r':
		o->packed = word(name, text, rings, 2);
		break;
	case 'z':
		o->ring_size = power_of_two(name, text, 64, 32768);
		break;
	case 's':
		engine->traffic.size =
			(uint32_t)number(name, text, TRAFFIC_MIN_SIZE, TRAFFIC_MAX_SIZE);
		break;
	case 'x':
		o->rx_buffer = (unsigned)number(name, text, 128, 131072);
		break;
	case 'a':
		engine->traffic.n_addresses = (uint32_t)number(name, text, 1, TRAFFIC_MAX_ADDRS);
		break;
	case 'v':
		engine->traffic.tagged = word(name, text, vlans, 2);
		break;
	case 'b':
		engine->burst = (unsigned)number(name, text, 1, 32768);
		break;
	case 'f':
		o->rate = number(name, text, 0, 1e9);
		break;
	case 'e':
		engine->every = power_of_two(name, text, 1, 32768);
		break;
	case 'w':
		o->windows = (unsigned)number(name, text, 1, MAX_WINDOWS);
		break;
	case 'W':
		o->window_s = number(name, text, 0.001, 3600);
		break;
	case 'g':
		o->learn_rate = number(name, text, 1, 1e8);
		break;
	case 'c':
		o->cpu = (unsigned)number(name, text, 0, CPU_SETSIZE - 1);
		break;
	case 'C':
		o->peer_cpu = (unsigned)number(name, text, 0, CPU_SETSIZE - 1);
		break;
	case 'q':
		o->when_learned = text;
		break;
	case 'P':
		o->switch_pid = (int)number(name, text, 1, 1 << 30);
		break;
	case 'o':
		o->timeout_ms = (unsigned)(number(name, text, 0.1, 3600) * 1000);
		break;
	}
}

static void parse(int argc, char **argv, struct options *o, double *ret_warm_s)
{
	static const struct option options[] = {{"pattern", 1, NULL, 'p'}, {"both", 0, NULL, 'B'},
		{"listen", 0, NULL, 'l'}, {"ring", 1, NULL, 'r'}, {"ring-size", 1, NULL, 'z'},
		{"size", 1, NULL, 's'}, {"rx-buffer", 1, NULL, 'x'}, {"addresses", 1, NULL, 'a'},
		{"touch", 0, NULL, 't'}, {"vlan", 1, NULL, 'v'}, {"any-order", 0, NULL, 'O'},
		{"rewritten", 0, NULL, 'R'}, {"tso", 0, NULL, 'T'}, {"burst", 1, NULL, 'b'},
		{"rate", 1, NULL, 'f'}, {"latency", 0, NULL, 'L'}, {"kick", 0, NULL, 'k'},
		{"every", 1, NULL, 'e'}, {"no-loss", 0, NULL, 'n'}, {"windows", 1, NULL, 'w'},
		{"window", 1, NULL, 'W'}, {"warm", 1, NULL, 'm'}, {"learn-rate", 1, NULL, 'g'},
		{"when-learned", 1, NULL, 'q'}, {"cpu", 1, NULL, 'c'}, {"peer-cpu", 1, NULL, 'C'},
		{"switch-pid", 1, NULL, 'P'}, {"timeout", 1, NULL, 'o'}, {"help", 0, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int at = 0, c;

	while ((c = getopt_long(argc, argv, "", options, &at)) != -1) {
		switch (c) {
		case 'B':
			o->engine.both = true;
			break;
		case 'l':
			o->listen = true;
			break;
		case 't':
			o->engine.touch = true;
			break;
		case 'O':
			o->any_order = true;
			break;
		case 'R':
			o->engine.traffic.rewritten = true;
			break;
		case 'T':
			o->engine.traffic.tcp = true;
			break;
		case 'L':
			o->engine.latency = true;
			break;
		case 'k':
			o->engine.kick = true;
			break;
		case 'n':
			o->strict = true;
			break;
		case 'm':
			*ret_warm_s = number("warm", optarg, 0, 3600);
			break;
		case 'h':
			(void)fputs(usage, stdout);
			exit(0);
		case '?':
			exit(2);
		default:
			set_option(o, options[at].name, c, optarg);
		}
	}
	for (; optind < argc && o->engine.traffic.n_ports < TRAFFIC_MAX_PORTS; optind++)
		o->paths[o->engine.traffic.n_ports++] = argv[optind];
}

/* What the options forbid together, or NULL. */
static const char *contradiction(const struct options *o)
{
	const struct engine_config *engine = &o->engine;

	if (engine->traffic.n_ports < 2)
		return "two sockets at least";
	if (engine->traffic.pattern == TRAFFIC_PAIRS && engine->traffic.n_ports % 2)
		return "pairs need an even number of sockets";
	if (engine->every > o->ring_size || engine->burst > o->ring_size)
		return "--every and --burst are at most the ring's size";
	if (engine->traffic.pattern == TRAFFIC_FLOOD &&
		(engine->traffic.n_addresses > 1 || engine->touch))
		return "--pattern flood has one address, which is not rewritten";
	if (engine->traffic.tcp && engine->traffic.tagged)
		return "--tso frames are untagged";
	return NULL;
}

int main(int argc, char **argv)
{
	struct options options = {
		.engine = {.traffic = {.size = 64, .n_addresses = 1}, .burst = 64, .every = 256},
		.ring_size = 1024,
		.rx_buffer = 2048,
		.peer_cpu = 1,
		.windows = 3,
		.window_s = 1,
		.learn_rate = 50000,
		.timeout_ms = 10000};
	static struct window windows[MAX_WINDOWS];
	struct engine *engine;
	double warm_s = 0.2;
	int r;

	parse(argc, argv, &options, &warm_s);
	const char *wrong = contradiction(&options);
	if (wrong) {
		(void)fprintf(stderr, "bench-fe: error: %s; see --help\n", wrong);
		return 2;
	}
	r = pin_thread(options.cpu);
	if (r)
		fail("--cpu", strerror(-r));
	clock_init();
	options.engine.tsc_per_s = clock_base.ticks_per_s;
	options.engine.frames_per_s = options.rate;
	struct vu_port *ports = open_ports(&options);
	if (engine_create(&options.engine, ports, &engine))
		fail("memory", strerror(ENOMEM));
	if (engine_learn(engine, options.learn_rate, options.timeout_ms))
		fail("switch", "frames do not pass between the ports");
	if (options.when_learned && system(options.when_learned))
		fail("--when-learned", options.when_learned);
	struct share share = {0};
	if (options.switch_pid && share_begin(&share, options.switch_pid))
		fail("--switch-pid", "no such process");
	engine_run(engine, (uint64_t)(warm_s * options.engine.tsc_per_s));
	share_pick(&share);
	for (unsigned i = 0; i < options.windows; i++) {
		int before_ns = i ? windows[i - 1].after_ns : distance(&options);

		windows[i] = run_window(engine, &options, &share);
		windows[i].before_ns = before_ns;
		windows[i].after_ns = distance(&options);
	}
	if (engine_drain(engine, 100, options.timeout_ms))
		fail("switch", "it does not take what was sent");
	for (unsigned i = 0; i < options.engine.traffic.n_ports; i++)
		if (vu_is_closed(&ports[i]))
			fail(options.paths[i], "the switch closed the connection");
	report(&options, engine, ports, windows);
	int result = judge(&options, engine);
	engine_destroy(engine);
	for (unsigned i = 0; i < options.engine.traffic.n_ports; i++)
		vu_close(&ports[i]);
	free(ports);
	return result;
}
