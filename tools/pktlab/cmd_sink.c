/* pktlab sink, reflect, respond and capture: what begins with frames that come in. */
#include "clock.h"
#include "cmd.h"
#include "err.h"
#include "ether.h"
#include "packet.h"
#include "seen.h"
#include "show.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct sink {
	struct cli cli;
	struct seen seen;
	uint64_t answered, dropped, last_frames;
	uint32_t ip;
	struct ether_addr48 mac;
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	struct bpf_program filter;
	bool has_filter;
	uint8_t buf[PORT_FRAME_MAX];
};

static bool is_enough(void *ctx)
{
	struct sink *sink = ctx;

	return sink->cli.count && sink->seen.frames >= sink->cli.count;
}

static void show_second(void *ctx, double elapsed_s, bool last)
{
	struct sink *sink = ctx;

	if (!sink->cli.quiet && !last)
		show_progress("%.0f s, %llu frames, %llu in the last second", elapsed_s,
			(unsigned long long)sink->seen.frames,
			(unsigned long long)(sink->seen.frames - sink->last_frames));
	sink->last_frames = sink->seen.frames;
}

static void finish(struct sink *sink, const char *done)
{
	const struct seen *seen = &sink->seen;
	json_t *result;

	show_progress_end();
	if (sink->cli.json) {
		result = seen_to_json(seen);
		if (done) {
			(void)json_object_set_new(result, done,
				json_integer((json_int_t)sink->answered));
			(void)json_object_set_new(result, "dropped",
				json_integer((json_int_t)sink->dropped));
		}
		show_json(result);
		return;
	}
	printf("%llu frames, %llu bytes, %llu without our signature",
		(unsigned long long)seen->frames, (unsigned long long)seen->bytes,
		(unsigned long long)seen->foreign);
	if (done)
		printf("; %llu %s, %llu found no room", (unsigned long long)sink->answered, done,
			(unsigned long long)sink->dropped);
	putchar('\n');
	for (unsigned i = 0; i < seen->n_streams; i++) {
		const struct seen_stream *s = seen->streams[i];

		printf("stream %u: %llu received, %llu lost, %llu duplicated, %llu reordered; "
		       "latency "
		       "p50 %.2f us, p99 %.2f us\n",
			s->id, (unsigned long long)s->track.received,
			(unsigned long long)(s->track.next - s->track.received),
			(unsigned long long)s->track.duplicated,
			(unsigned long long)s->track.reordered,
			(double)hist_quantile(&s->latency, 0.5) / 1e3,
			(double)hist_quantile(&s->latency, 0.99) / 1e3);
	}
}

/* When the ports are up; an exit status. */
static int run_loop(struct sink *sink,
	void (*frame)(void *ctx, unsigned port, const uint8_t *data, uint32_t len),
	const char *done)
{
	const struct cli_loop loop = {.frame = frame,
		.second = show_second,
		.turn = is_enough,
		.ctx = sink,
		.seconds = sink->cli.seconds};

	int status = cli_up(&sink->cli);

	if (status)
		return status;
	cli_loop(sink->cli.engine, &loop);
	finish(sink, done);
	return 0;
}

/* ---- sink ---- */

static void sink_frame(void *ctx, unsigned port, const uint8_t *data, uint32_t len)
{
	struct sink *sink = ctx;

	seen_add(&sink->seen, data, len, clock_ns());
}

static struct sink the_sink; /* too large for a stack */

static int sink_main(int argc, char **argv)
{
	int status = cli_parse(&the_sink.cli, argc, argv, CLI_COUNT);

	if (!status)
		status = run_loop(&the_sink, sink_frame, NULL);
	seen_done(&the_sink.seen);
	cli_done(&the_sink.cli);
	return status;
}

const struct cmd cmd_sink = {
	.name = "sink",
	.purpose = "count what comes in, by stream",
	.usage = "--port SPEC... [--count N] [--duration S] [--json]",
	.run = sink_main,
};

/* ---- reflect ---- */

static void send_back(struct sink *sink, unsigned port, uint32_t len)
{
	if (cli_send(sink->cli.engine, port, sink->buf, len))
		sink->answered++;
	else
		sink->dropped++;
}

static void reflect_frame(void *ctx, unsigned port, const uint8_t *data, uint32_t len)
{
	struct sink *sink = ctx;

	seen_add(&sink->seen, data, len, clock_ns());
	/* What is for everybody is not sent back: it would come again. */
	if (len < ETHER_HDR_LEN || len > sizeof(sink->buf) || data[0] & 1)
		return;
	memcpy(sink->buf, data, len);
	packet_swap(sink->buf);
	send_back(sink, port, len);
}

static int reflect_main(int argc, char **argv)
{
	int status = cli_parse(&the_sink.cli, argc, argv, CLI_COUNT);

	if (!status)
		status = run_loop(&the_sink, reflect_frame, "sent back");
	seen_done(&the_sink.seen);
	cli_done(&the_sink.cli);
	return status;
}

const struct cmd cmd_reflect = {
	.name = "reflect",
	.purpose = "send back what comes in, with its addresses exchanged",
	.usage = "--port SPEC... [--count N] [--duration S] [--json]",
	.run = reflect_main,
};

/* ---- respond ---- */

static void respond_frame(void *ctx, unsigned port, const uint8_t *data, uint32_t len)
{
	struct sink *sink = ctx;

	seen_add(&sink->seen, data, len, clock_ns());
	if (len > sizeof(sink->buf))
		return;
	memcpy(sink->buf, data, len);
	if (packet_answer(sink->buf, len, sink->ip, sink->mac.bytes))
		send_back(sink, port, len);
}

static int respond_arguments(struct sink *sink)
{
	struct in_addr addr;
	struct err err = {0};

	(void)ether_addr_parse("02:00:00:00:00:ff", &sink->mac);
	if (!sink->cli.ip || inet_pton(AF_INET, sink->cli.ip, &addr) != 1) {
		(void)err_set(&err, -EINVAL, "respond: --ip: '%s' is no IPv4 address",
			sink->cli.ip ? sink->cli.ip : "");
	} else if (sink->cli.mac && ether_addr_parse(sink->cli.mac, &sink->mac)) {
		(void)err_set(&err, -EINVAL, "respond: --mac: '%s' is no MAC address",
			sink->cli.mac);
	} else {
		sink->ip = ntohl(addr.s_addr);
		return 0;
	}
	(void)cli_fail(&err);
	return 2;
}

static int respond_main(int argc, char **argv)
{
	int status = cli_parse(&the_sink.cli, argc, argv, CLI_COUNT | CLI_ANSWER);

	if (!status)
		status = respond_arguments(&the_sink);
	if (!status)
		status = run_loop(&the_sink, respond_frame, "answered");
	seen_done(&the_sink.seen);
	cli_done(&the_sink.cli);
	return status;
}

const struct cmd cmd_respond = {
	.name = "respond",
	.purpose = "answer ARP and ping for an address",
	.usage = "--port SPEC... --ip ADDRESS [--mac MAC] [--count N] [--duration S] [--json]",
	.run = respond_main,
};

/* ---- capture ---- */

static void capture_frame(void *ctx, unsigned port, const uint8_t *data, uint32_t len)
{
	struct sink *sink = ctx;
	struct pcap_pkthdr header = {.caplen = len, .len = len};
	struct timespec now = {0};

	if (is_enough(sink) ||
		(sink->has_filter && !bpf_filter(sink->filter.bf_insns, data, len, len)))
		return;
	seen_add(&sink->seen, data, len, clock_ns());
	(void)clock_gettime(CLOCK_REALTIME, &now);
	header.ts.tv_sec = now.tv_sec;
	header.ts.tv_usec = now.tv_nsec; /* a file of nanoseconds */
	pcap_dump((u_char *)sink->dumper, &header, data);
}

static int capture_open(struct sink *sink)
{
	struct err err = {0};

	sink->pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, PORT_FRAME_MAX,
		PCAP_TSTAMP_PRECISION_NANO);
	if (!sink->pcap) {
		(void)err_set(&err, -ENOMEM, "capture: out of memory");
	} else if (sink->cli.filter && pcap_compile(sink->pcap, &sink->filter, sink->cli.filter, 1,
					       PCAP_NETMASK_UNKNOWN)) {
		(void)err_set(&err, -EINVAL, "capture: --filter '%s': %s", sink->cli.filter,
			pcap_geterr(sink->pcap));
	} else {
		sink->has_filter = sink->cli.filter != NULL;
		sink->dumper = pcap_dump_open(sink->pcap, sink->cli.file);
		if (sink->dumper)
			return 0;
		(void)err_set(&err, -EIO, "capture: %s", pcap_geterr(sink->pcap));
	}
	(void)cli_fail(&err);
	return err.code == -EINVAL ? 2 : 1;
}

static int capture_main(int argc, char **argv)
{
	int status = cli_parse(&the_sink.cli, argc, argv, CLI_COUNT | CLI_FILE | CLI_FILTER);

	if (!status)
		status = capture_open(&the_sink);
	if (!status)
		status = run_loop(&the_sink, capture_frame, NULL);
	if (the_sink.dumper) {
		if (pcap_dump_flush(the_sink.dumper)) {
			fprintf(stderr, "pktlab: error: capture: '%s' cannot be written\n",
				the_sink.cli.file);
			status = 1;
		}
		pcap_dump_close(the_sink.dumper);
	}
	if (the_sink.has_filter)
		pcap_freecode(&the_sink.filter);
	if (the_sink.pcap)
		pcap_close(the_sink.pcap);
	seen_done(&the_sink.seen);
	cli_done(&the_sink.cli);
	return status;
}

const struct cmd cmd_capture = {
	.name = "capture",
	.purpose = "write what comes in to a capture file",
	.usage = "FILE --port SPEC... [--filter EXPRESSION] [--count N] [--duration S] [--json]",
	.run = capture_main,
};
