/* pktlab replay: send the frames of a capture file, at the times that it has or at a rate. */
#include "clock.h"
#include "cmd.h"
#include "err.h"
#include "rate.h"
#include "show.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>

#define PROGRESS_NS 250000000u

struct replay {
	struct cli cli;
	pcap_t *pcap;
	struct rate rate;
	bool has_rate;
	uint64_t sent, bytes, refused, too_long;
	uint64_t start_ns, next_progress_ns, late_ns; /* late: the most that a frame was */
};

static int replay_open(struct replay *replay)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	struct err err = {0};

	if (replay->pcap)
		pcap_close(replay->pcap);
	replay->pcap = pcap_open_offline_with_tstamp_precision(replay->cli.file,
		PCAP_TSTAMP_PRECISION_NANO, text);
	if (!replay->pcap)
		(void)err_set(&err, -EIO, "replay: %s", text);
	else if (pcap_datalink(replay->pcap) != DLT_EN10MB)
		(void)err_set(&err, -EINVAL, "replay: %s: frames of type %s are not Ethernet",
			replay->cli.file, pcap_datalink_val_to_name(pcap_datalink(replay->pcap)));
	return err.code ? cli_fail(&err) : 0;
}

static int read_rate(struct replay *replay)
{
	const char *text = json_string_value(json_object_get(replay->cli.stream, "rate"));
	struct err err = {0};

	if (!text)
		return 0;
	replay->has_rate = true;
	if (!rate_parse(text, &replay->rate) && replay->rate.unit != RATE_PERCENT)
		return 0;
	(void)err_set(&err, -EINVAL, "replay: --rate: '%s' is not understood", text);
	err_hint(&err, "1000pps, 100Mbps or max; --speed keeps the times of the file");
	(void)cli_fail(&err);
	return 2;
}

/* Until a frame is due; false: Ctrl-C. */
static bool wait_until(struct replay *replay, uint64_t due_ns)
{
	uint64_t now_ns;

	while ((now_ns = clock_ns()) < due_ns && !cli_interrupted())
		engine_discard(replay->cli.engine);
	if (now_ns > due_ns && now_ns - due_ns > replay->late_ns)
		replay->late_ns = now_ns - due_ns;
	if (!replay->cli.quiet && now_ns >= replay->next_progress_ns) {
		replay->next_progress_ns = now_ns + PROGRESS_NS;
		engine_tend(replay->cli.engine);
		show_progress("%.1f s, %llu frames", (double)(now_ns - replay->start_ns) / 1e9,
			(unsigned long long)replay->sent);
	}
	return !cli_interrupted();
}

/* When the frame that follows one of len bytes is due after it, by the rate. */
static double gap_ns(const struct replay *replay, uint32_t len)
{
	double pps = rate_to_pps(&replay->rate, len + STREAM_FCS, 0);

	return pps > 0 ? 1e9 / pps : 0;
}

/* All frames once, the first at start_ns; 0, 1 (the file is broken). *ret_ns: when the next is
 * due. */
static int replay_once(struct replay *replay, uint64_t start_ns, double *ret_ns)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	uint64_t first_ns = 0;
	double due = 0;
	int r;

	for (bool first = true; (r = pcap_next_ex(replay->pcap, &header, &data)) == 1;
		first = false) {
		uint64_t at_ns =
			(uint64_t)header->ts.tv_sec * 1000000000 + (uint64_t)header->ts.tv_usec;

		if (first)
			first_ns = at_ns;
		if (!replay->has_rate && replay->cli.speed > 0 && at_ns > first_ns)
			due = (double)(at_ns - first_ns) / replay->cli.speed;
		if (!wait_until(replay, start_ns + (uint64_t)due))
			return 0;
		if (header->caplen > replay->cli.engine->ports[0].port.frame_max)
			replay->too_long++;
		else if (cli_send(replay->cli.engine, 0, data, header->caplen)) {
			replay->sent++;
			replay->bytes += header->caplen + STREAM_FCS;
		} else {
			replay->refused++;
		}
		if (replay->has_rate)
			due += gap_ns(replay, header->caplen);
	}
	*ret_ns = due;
	if (r != PCAP_ERROR_BREAK && r < 0) {
		fprintf(stderr, "pktlab: error: replay: %s: %s\n", replay->cli.file,
			pcap_geterr(replay->pcap));
		return 1;
	}
	return 0;
}

static int replay_run(struct replay *replay)
{
	uint64_t start_ns = clock_ns();
	int status = 0;

	replay->start_ns = start_ns;
	for (unsigned i = 0;
		!status && (!replay->cli.loops || i < replay->cli.loops) && !cli_interrupted();
		i++) {
		double ns = 0;

		status = replay_open(replay);
		if (!status)
			status = replay_once(replay, start_ns, &ns);
		start_ns += (uint64_t)ns;
	}
	show_progress_end();
	double seconds = (double)(clock_ns() - replay->start_ns) / 1e9;
	/* Until the other end has taken all: at most a second. */
	for (uint64_t end_ns = clock_ns() + 1000000000; clock_ns() < end_ns;) {
		struct port *port = &replay->cli.engine->ports[0].port;

		if (!port->ops->tx_pending(port))
			break;
		engine_discard(replay->cli.engine);
	}
	if (replay->cli.json)
		show_json(json_pack("{s:I,s:I,s:I,s:I,s:f,s:I}", "sent", (json_int_t)replay->sent,
			"bytes", (json_int_t)replay->bytes, "refused", (json_int_t)replay->refused,
			"too_long", (json_int_t)replay->too_long, "seconds", seconds, "late_ns",
			(json_int_t)replay->late_ns));
	else
		printf("%llu frames, %llu bytes in %.3f s; %llu found no room, %llu were too long; "
		       "a "
		       "frame was late by %.1f us at most\n",
			(unsigned long long)replay->sent, (unsigned long long)replay->bytes,
			seconds, (unsigned long long)replay->refused,
			(unsigned long long)replay->too_long, (double)replay->late_ns / 1e3);
	return status ? status : replay->refused + replay->too_long > 0;
}

static int replay_main(int argc, char **argv)
{
	static struct replay replay;
	int status = cli_parse(&replay.cli, argc, argv, CLI_FILE | CLI_REPLAY);

	if (!status)
		status = read_rate(&replay);
	if (!status)
		status = replay_open(&replay);
	if (!status)
		status = cli_up(&replay.cli);
	if (!status)
		status = replay_run(&replay);
	if (replay.pcap)
		pcap_close(replay.pcap);
	cli_done(&replay.cli);
	return status;
}

const struct cmd cmd_replay = {
	.name = "replay",
	.purpose = "send the frames of a capture file, in order, as they were timed",
	.usage = "FILE --port SPEC [--speed FACTOR | --rate RATE] [--loop N] [--json]",
	.run = replay_main,
};
