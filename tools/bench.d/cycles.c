/*
 * bench-cycles: what one frame costs the data path, without threads, sockets or a switch process.
 *
 * One thread is driver, switch and sink in turn: every port's driver publishes a burst, fwd_burst()
 * forwards them (timed), the receivers collect (timed apart). So nothing waits for another core's
 * cache, and the figure moves only when the code does: for regressions, on a noisy machine, too.
 */
#include "fdb_table.h"
#include "fwd.h"
#include "pump.h"
#include "traffic.h"
#include "turn_on.h"
#include "vring_setup.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#define MAX_PORTS 16
#define RX_BUFFER 2048
#define FIRST_GPA UINT64_C(0x100000000)

enum topology { BRIDGE, LINK, MESH16, FLOOD16, N_TOPOLOGIES };
static const char *const topology_names[N_TOPOLOGIES + 1] = {"bridge", "link", "mesh16", "flood16"};

#define NO_FEATURE UINT_MAX

struct options {
	enum topology topology;
	unsigned feature; /* in turn_on_names */
	struct traffic traffic;
	unsigned ring_size, burst, steps, rounds;
	bool packed, json, want_instructions;
};

struct port {
	struct pump send, receive;
	struct vring rx, tx; /* the switch's halves of send and receive */
	struct queue *tx_list[1];
	struct vlan_set vlans;
	struct vmem vmem;
	uint32_t next_address;
};

struct bench {
	struct options options;
	unsigned n_senders;
	unsigned n_outputs; /* frames that leave for each that comes */
	struct port port[MAX_PORTS];
	struct dp_port ports[MAX_PORTS];
	uint16_t members[MAX_PORTS];
	struct dp_rx rx[MAX_PORTS];
	struct dp_bridge bridge;
	struct dp_snapshot snapshot;
	struct fwd *fwd;
	struct dp_counters *counters;
	struct turned_on on; /* at port 0 and the way to port 1 */
};

/* Cycles a frame, of one round. */
struct sample {
	double fwd, driver;
};

static void fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "bench-cycles: error: %s: %s\n", what, why);
	exit(1);
}

static void *map(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		fail("memory", strerror(errno));
	(void)madvise(mem, size, MADV_HUGEPAGE); /* fewer TLB misses where the host allows it */
	return mem;
}

/* ---- Set-up ---- */

static void attach(struct vring *ring, const struct pump *pump, const struct vmem *vmem)
{
	uint64_t features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) |
			    VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);

	*ring = (struct vring){.desc = pump->desc,
		.avail = pump->avail,
		.used = pump->used,
		.mem = vmem,
		.call_fd = -1,
		.queue = {.wake_fd = -1}};
	if (pump->packed)
		features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	vring_init(ring, pump->packed, features, pump->size, pump->packed ? 1u << 15 : 0);
}

static void set_up_rings(struct bench *bench, unsigned id)
{
	const struct options *options = &bench->options;
	struct port *port = &bench->port[id];
	struct pump_layout send = {.size = (uint16_t)options->ring_size,
		.packed = options->packed,
		.len = (uint32_t)PUMP_HDR_SIZE + options->traffic.size};
	struct pump_layout receive = send;
	receive.receive = true;
	receive.len = send.len > RX_BUFFER ? send.len : RX_BUFFER;
	size_t size = pump_bytes(&send) + pump_bytes(&receive);
	uint8_t *mem = map(size);
	uint64_t gpa = FIRST_GPA;

	pump_init(&port->send, &send, mem, gpa);
	pump_init(&port->receive, &receive, mem + pump_bytes(&send), gpa + pump_bytes(&send));
	for (unsigned slot = 0; slot < options->ring_size; slot++)
		traffic_fill(&options->traffic, id, slot,
			pump_buf(&port->send, slot) + PUMP_HDR_SIZE);
	port->vmem = (struct vmem){1, {{gpa, size, (uintptr_t)mem, mem}}};
	attach(&port->rx, &port->send, &port->vmem);
	attach(&port->tx, &port->receive, &port->vmem);
	port->tx_list[0] = &port->tx.queue;
}

static void set_up_port(struct bench *bench, unsigned id)
{
	struct port *port = &bench->port[id];
	struct dp_port *dp = &bench->ports[id];

	port->vlans.words[0] = UINT64_C(1) << TRAFFIC_VID;
	*dp = (struct dp_port){.tx = port->tx_list,
		.n_tx = 1,
		.vlans = &port->vlans,
		.mtu = 65535,
		.link_peer = DP_NO_PORT,
		.id = (uint16_t)id,
		.flags = DP_PORT_ENABLED};
	if (bench->options.topology == LINK) {
		dp->flags |= DP_PORT_LINK;
		dp->link_peer = (uint16_t)(id ^ 1);
	} else {
		dp->bridge = &bench->bridge;
		dp->pvid = bench->options.traffic.tagged ? 0 : TRAFFIC_VID;
		dp->flags |= bench->options.traffic.tagged ? DP_PORT_TAGGED : DP_PORT_UNTAGGED;
	}
	bench->members[id] = (uint16_t)id;
	bench->rx[id] = (struct dp_rx){.queue = &port->rx.queue, .port_id = (uint16_t)id};
}

/* All addresses of all ports are known, as after a while of traffic both ways. */
static void fill_fdb(struct bench *bench)
{
	const struct traffic *traffic = &bench->options.traffic;
	struct fdb *fdb;

	if (fdb_create(traffic->n_ports * traffic->n_addresses, &fdb))
		fail("address table", "no memory, or more than 1048576 addresses in all");
	for (unsigned id = 0; id < traffic->n_ports; id++)
		for (uint32_t i = 0; i < traffic->n_addresses; i++)
			(void)fdb_learn(fdb, TRAFFIC_VID, traffic_mac48(id, i), (uint16_t)id, 0, 1);
	bench->bridge.fdb = fdb;
	bench->bridge.ports = bench->members;
	bench->bridge.n_ports = (uint16_t)traffic->n_ports;
}

static void set_up_feature(struct bench *bench)
{
	struct err err = {0};

	bench->fwd->punts = map(sizeof(*bench->fwd->punts));
	if (turn_on(&bench->on, bench->options.feature, &bench->ports[0], &bench->ports[1],
		    &bench->rx[0], bench->fwd->punts, &err) < 0)
		fail(turn_on_names[bench->options.feature], err.msg);
	bench->n_outputs += bench->on.n_copies;
}

static struct bench *set_up(const struct options *options)
{
	struct bench *bench = map(sizeof(*bench));

	bench->options = *options;
	bench->n_senders = options->topology == MESH16 ? MAX_PORTS : 1;
	bench->n_outputs = options->topology == FLOOD16 ? MAX_PORTS - 1 : 1;
	for (unsigned id = 0; id < options->traffic.n_ports; id++) {
		set_up_rings(bench, id);
		set_up_port(bench, id);
	}
	fill_fdb(bench);
	bench->counters = map(DP_MAX_PORTS * sizeof(*bench->counters));
	bench->fwd = map(sizeof(*bench->fwd));
	fwd_init(bench->fwd, bench->counters, map(sizeof(struct learn_ring)), UINT64_MAX, 0);
	if (options->feature != NO_FEATURE)
		set_up_feature(bench);
	bench->snapshot = (struct dp_snapshot){.ports = bench->ports,
		.n_ports = (uint16_t)options->traffic.n_ports,
		.n_workers = 1};
	bench->snapshot.workers[0].rx = bench->rx;
	bench->snapshot.workers[0].n_rx = (uint16_t)bench->n_senders;
	return bench;
}

/* ---- Driver ---- */

static void rewrite_addresses(struct bench *bench, unsigned id)
{
	const struct traffic *traffic = &bench->options.traffic;
	struct port *port = &bench->port[id];

	for (unsigned i = 0; i < bench->options.burst; i++) {
		uint64_t n = port->send.n_published + i;
		unsigned slot = n & (port->send.size - 1);

		traffic_address(pump_buf(&port->send, n) + PUMP_HDR_SIZE, id,
			traffic_dst_port(traffic, id, slot), port->next_address);
		if (++port->next_address >= traffic->n_addresses)
			port->next_address = 0;
	}
}

static void publish(struct bench *bench)
{
	for (unsigned id = 0; id < bench->n_senders; id++) {
		if (bench->options.traffic.n_addresses > 1)
			rewrite_addresses(bench, id);
		pump_publish(&bench->port[id].send, bench->options.burst);
	}
}

/* Returns the frames that arrived. */
static unsigned collect(struct bench *bench)
{
	unsigned total = 0;

	for (unsigned id = 0; id < bench->options.traffic.n_ports; id++) {
		unsigned n = pump_collect(&bench->port[id].receive);

		pump_publish(&bench->port[id].receive, n);
		total += n;
		(void)pump_collect(&bench->port[id].send);
	}
	return total;
}

static void complain_about_loss(const struct bench *bench, unsigned got, unsigned expected)
{
	(void)fprintf(stderr, "bench-cycles: error: %u of %u frames arrived\n", got, expected);
	for (unsigned id = 0; id < bench->options.traffic.n_ports; id++)
		for (unsigned r = 0; r < DROP_N_REASONS; r++)
			if (bench->counters[id].drops[r])
				(void)fprintf(stderr, "  port %u: %s: %llu\n", id,
					drop_infos[r].name,
					(unsigned long long)bench->counters[id].drops[r]);
	exit(1);
}

/* ---- Measurement ---- */

/* A loop of its own, so that a profiler can be told to look at it alone. */
static __attribute__((noinline)) void switch_bursts(struct bench *bench)
{
	for (unsigned id = 0; id < bench->n_senders; id++)
		(void)fwd_burst(bench->fwd, &bench->snapshot, &bench->rx[id]);
	fwd_flush(bench->fwd, &bench->snapshot);
	for (unsigned i = 0; i < bench->on.n_held; i++) {
		(void)fwd_burst(bench->fwd, &bench->snapshot, &bench->on.held[i]);
		fwd_flush(bench->fwd, &bench->snapshot);
	}
	if (bench->on.feature)
		turned_on_read(&bench->on);
}

/* Everything that arrives is compared, byte for byte, over one lap of the rings. */
static void prove(struct bench *bench)
{
	const struct options *options = &bench->options;
	unsigned expected = bench->n_senders * bench->n_outputs * options->burst;

	for (unsigned sent = 0; sent < options->ring_size; sent += options->burst) {
		unsigned got = 0;

		publish(bench);
		switch_bursts(bench);
		for (unsigned id = 0; id < options->traffic.n_ports; id++) {
			struct pump *pump = &bench->port[id].receive;
			uint64_t first = pump->n_done;
			unsigned n = pump_collect(pump);

			for (uint64_t at = first; at < first + n; at++) {
				const char *wrong = traffic_check(&options->traffic, id,
					pump_buf(pump, at) + PUMP_HDR_SIZE,
					pump_used_len(pump, at) - (uint32_t)PUMP_HDR_SIZE);
				if (wrong)
					fail("frame that arrived", wrong);
			}
			pump_publish(pump, n);
			got += n;
			(void)pump_collect(&bench->port[id].send);
		}
		if (got != expected)
			complain_about_loss(bench, got, expected);
	}
}

/* The time stamp counter, behind all that came before. Not by RDTSCP, which valgrind does not know:
 * without this it could not count instructions here. */
static inline uint64_t read_clock(void)
{
	_mm_lfence();
	return __rdtsc();
}

/* What reading the clock twice costs. */
static uint64_t clock_cost(void)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 1000; i++) {
		uint64_t begin = read_clock();
		uint64_t cost = read_clock() - begin;

		if (cost < best)
			best = cost;
	}
	return best;
}

static struct sample run_round(struct bench *bench, uint64_t clock)
{
	const struct options *options = &bench->options;
	unsigned per_step = bench->n_senders * options->burst;
	uint64_t fwd = 0, driver = 0, t0, t1, t2, t3;

	for (unsigned i = 0; i < options->steps; i++) {
		t0 = read_clock();
		publish(bench);
		t1 = read_clock();
		switch_bursts(bench);
		t2 = read_clock();
		unsigned got = collect(bench);
		t3 = read_clock();
		if (got != per_step * bench->n_outputs)
			complain_about_loss(bench, got, per_step * bench->n_outputs);
		fwd += t2 - t1 - clock;
		driver += t1 - t0 + t3 - t2 - 2 * clock;
	}
	double frames = (double)per_step * options->steps;
	return (struct sample){(double)fwd / frames, (double)driver / frames};
}

static int open_instruction_counter(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_kernel = 1,
		.exclude_hv = 1};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Instructions a frame in user mode, or a negative number where the machine does not tell. */
static double count_instructions(struct bench *bench)
{
	const struct options *options = &bench->options;
	unsigned steps = 256;
	uint64_t total = 0, before, after;
	int fd = open_instruction_counter();

	if (fd < 0)
		return -1;
	for (unsigned i = 0; i < steps; i++) {
		publish(bench);
		if (read(fd, &before, sizeof(before)) != sizeof(before))
			return -1;
		switch_bursts(bench);
		if (read(fd, &after, sizeof(after)) != sizeof(after))
			return -1;
		(void)collect(bench);
		total += after - before;
	}
	(void)close(fd);
	return (double)total / ((double)steps * bench->n_senders * options->burst);
}

/* ---- Report ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct summary {
	double best, median;
};

static struct summary summarize(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), compare);
	return (struct summary){values[0], values[n / 2]};
}

/* Frames that the switch took from the start. */
static uint64_t n_forwarded(const struct bench *bench)
{
	uint64_t n = 0;

	for (unsigned id = 0; id < bench->options.traffic.n_ports; id++)
		n += bench->counters[id].rx_frames;
	return n;
}

static void report(const struct bench *bench, struct summary fwd, struct summary driver,
	double instructions)
{
	const struct options *o = &bench->options;
	double outputs = bench->n_outputs;
	const char *feature = o->feature == NO_FEATURE ? "none" : turn_on_names[o->feature];
	char number[32] = "null";

	if (instructions >= 0)
		(void)snprintf(number, sizeof(number), "%.1f", instructions);
	if (o->json) {
		printf("{\"bench\": \"cycles\", \"topology\": \"%s\", \"feature\": \"%s\", "
		       "\"ring\": \"%s\", "
		       "\"size\": %u, \"addresses\": %u, \"vlan\": \"%s\", \"burst\": %u, "
		       "\"ring_size\": %u, \"rounds\": %u, \"cycles\": %.2f, "
		       "\"cycles_median\": %.2f, \"cycles_per_copy\": %.2f, "
		       "\"driver_cycles\": %.2f, \"driver_cycles_median\": %.2f, "
		       "\"instructions\": %s, \"copies\": %u, \"frames\": %llu}\n",
			topology_names[o->topology], feature, o->packed ? "packed" : "split",
			o->traffic.size, o->traffic.n_addresses,
			o->traffic.tagged ? "tagged" : "none", o->burst, o->ring_size, o->rounds,
			fwd.best, fwd.median, fwd.best / outputs, driver.best, driver.median,
			number, bench->n_outputs, (unsigned long long)n_forwarded(bench));
		return;
	}
	printf("%-7s %-7s %-6s size %-5u addresses %-7u vlan %-6s burst %-3u: "
	       "%7.1f cycles/frame (median %.1f)",
		topology_names[o->topology], feature, o->packed ? "packed" : "split",
		o->traffic.size, o->traffic.n_addresses, o->traffic.tagged ? "tagged" : "none",
		o->burst, fwd.best, fwd.median);
	if (bench->n_outputs > 1)
		printf(", %.1f/copy", fwd.best / outputs);
	printf(", driver_cycles %.1f, instructions/frame %s\n", driver.best,
		instructions >= 0      ? number
		: o->want_instructions ? "not available"
				       : "not asked for");
}

static const char usage[] =
	"usage: bench-cycles [OPTION]...\n"
	"\n"
	"Cycles of the time stamp counter that forwarding one frame costs, in one thread without "
	"a\n"
	"switch process. The best round is what the code costs; the median tells how noisy it "
	"was.\n"
	"\n"
	"  --size BYTES      frame without virtio header and FCS, 60..65000 (64)\n"
	"  --ring KIND       split or packed (split)\n"
	"  --topology KIND   bridge, link, mesh16 or flood16 (bridge)\n"
	"  --feature NAME    turned on at the first two ports so that it looks at each frame and\n"
	"                    stops none: capture (128 bytes), count (all), delay (a moment),\n"
	"                    mirror (to the second port), pacing, policer, sflow (one in 1000),\n"
	"                    shaper or storm (of floods) (none)\n"
	"  --addresses N     source and destination addresses of each port, in the table (1)\n"
	"  --vlan KIND       none: access ports of VLAN 10; tagged: trunks (none)\n"
	"  --burst N         frames that each sender has ready, 1..64 (64)\n"
	"  --ring-size N     slots of each ring, a power of two from 64 (256)\n"
	"  --rounds N        measured rounds (200)\n"
	"  --steps N         bursts of each sender in a round (256)\n"
	"  --no-instructions do not count instructions\n"
	"  --json            one line of JSON\n"
	"  --help            this text\n"
	"\n"
	"A profile of the switch alone, with a fixed amount of work:\n"
	"  valgrind --tool=callgrind --toggle-collect=switch_bursts \\\n"
	"    bench-cycles --rounds 1 --no-instructions\n";

static unsigned number(const char *name, const char *text, unsigned min, unsigned max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (!*text || *end || v < min || v > max) {
		(void)fprintf(stderr, "bench-cycles: error: --%s: '%s' is not in %u..%u\n", name,
			text, min, max);
		exit(2);
	}
	return (unsigned)v;
}

/* words: NULL at the end. */
static unsigned word(const char *name, const char *text, const char *const *words)
{
	for (unsigned i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	(void)fprintf(stderr, "bench-cycles: error: --%s: '%s' is unknown\n", name, text);
	exit(2);
}

static void parse(int argc, char **argv, struct options *o)
{
	static const char *const rings[] = {"split", "packed", NULL};
	static const char *const vlans[] = {"none", "tagged", NULL};
	static const struct option options[] = {{"size", 1, NULL, 's'}, {"ring", 1, NULL, 'r'},
		{"topology", 1, NULL, 't'}, {"feature", 1, NULL, 'f'}, {"addresses", 1, NULL, 'a'},
		{"vlan", 1, NULL, 'v'}, {"burst", 1, NULL, 'b'}, {"ring-size", 1, NULL, 'z'},
		{"rounds", 1, NULL, 'n'}, {"steps", 1, NULL, 'p'},
		{"no-instructions", 0, NULL, 'i'}, {"json", 0, NULL, 'j'}, {"help", 0, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	int at = 0, c;

	while ((c = getopt_long(argc, argv, "", options, &at)) != -1) {
		const char *name = options[at].name;

		switch (c) {
		case 's':
			o->traffic.size = number(name, optarg, TRAFFIC_MIN_SIZE, 65000);
			break;
		case 'r':
			o->packed = word(name, optarg, rings);
			break;
		case 't':
			o->topology = word(name, optarg, topology_names);
			break;
		case 'f':
			o->feature = word(name, optarg, turn_on_names);
			break;
		case 'a':
			o->traffic.n_addresses = number(name, optarg, 1, 1u << 19);
			break;
		case 'v':
			o->traffic.tagged = word(name, optarg, vlans);
			break;
		case 'b':
			o->burst = number(name, optarg, 1, FRAME_BURST);
			break;
		case 'z':
			o->ring_size = number(name, optarg, 64, 32768);
			break;
		case 'n':
			o->rounds = number(name, optarg, 1, 1000000);
			break;
		case 'p':
			o->steps = number(name, optarg, 1, 1000000);
			break;
		case 'i':
			o->want_instructions = false;
			break;
		case 'j':
			o->json = true;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind < argc || (o->ring_size & (o->ring_size - 1))) {
		(void)fputs("bench-cycles: error: an argument too many, or a ring size that is no "
			    "power of two; see --help\n",
			stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct options options = {.feature = NO_FEATURE,
		.traffic = {.size = 64, .n_addresses = 1},
		.ring_size = 256,
		.burst = 64,
		.steps = 256,
		.rounds = 200,
		.want_instructions = true};
	static const enum traffic_pattern patterns[] = {[BRIDGE] = TRAFFIC_PAIRS,
		[LINK] = TRAFFIC_PAIRS,
		[MESH16] = TRAFFIC_MESH,
		[FLOOD16] = TRAFFIC_FLOOD};

	parse(argc, argv, &options);
	options.traffic.pattern = patterns[options.topology];
	options.traffic.n_ports = options.topology >= MESH16 ? MAX_PORTS : 2;
	struct bench *bench = set_up(&options);
	double *fwd = calloc(options.rounds, sizeof(*fwd));
	double *driver = calloc(options.rounds, sizeof(*driver));
	uint64_t clock = clock_cost();

	if (!fwd || !driver)
		fail("memory", strerror(ENOMEM));
	prove(bench);
	(void)run_round(bench, clock); /* warm */
	for (unsigned i = 0; i < options.rounds; i++) {
		struct sample sample = run_round(bench, clock);

		fwd[i] = sample.fwd;
		driver[i] = sample.driver;
	}
	double instructions = options.want_instructions ? count_instructions(bench) : -1;
	report(bench, summarize(fwd, options.rounds), summarize(driver, options.rounds),
		instructions);
	free(fwd);
	free(driver);
	return 0;
}
