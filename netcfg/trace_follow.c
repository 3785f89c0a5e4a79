#include "trace_follow.h"

#include "capture_run.h"
#include "ctl_client.h"
#include "frame_text.h"
#include "lab.h"
#include "show.h"
#include "trace_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct follow {
	const struct opts *opts;
	struct ctl_client *client; /* that traces; another one captures */
	struct ctl_trace request;
	json_t *steps; /* of the frame, owned; NULL: lines of text */
	uint64_t n_traced;
};

static int take_step(void *ctx, const void *row)
{
	struct follow *follow = ctx;

	if (!follow->steps)
		trace_text_print(row);
	else if (json_array_append_new(follow->steps, show_msg(&ctl_trace_step_schema, row)) < 0)
		return -ENOMEM;
	return 0;
}

/* What the switch says of the frame; of one that is too long for it nothing. */
static int trace_frame(struct follow *follow, const struct capture_record *record,
	const uint8_t *bytes, struct err *err)
{
	int r;

	if (record->len > CTL_TRACE_MAX_FRAME || record->n_bytes < record->len) {
		if (!follow->steps)
			printf("  not traced: longer than %d bytes\n", CTL_TRACE_MAX_FRAME);
		return 0;
	}
	for (uint32_t i = 0; i < record->n_bytes; i++)
		(void)snprintf(follow->request.frame + (size_t)2 * i, 3, "%02x", bytes[i]);
	CTL_MARK(&follow->request, ctl_trace, frame);
	r = ctl_client_rows(follow->client, "Trace", &follow->request, take_step, follow, err);
	return r == -ENOMEM && !err->code ? err_set(err, r, "trace: out of memory") : r;
}

/* {"time_ns": ..., "length": ..., "steps": [...]} in a line. */
static int print_object(struct follow *follow, const struct capture_record *record,
	uint64_t time_ns, struct err *err)
{
	json_t *object = json_pack("{s:I, s:I, s:O}", "time_ns", (json_int_t)time_ns, "length",
		(json_int_t)record->len, "steps", follow->steps);
	int r = object ? json_dumpf(object, stdout, JSON_COMPACT) : -1;

	json_decref(object);
	if (r < 0)
		return err_set(err, -EIO, "trace: a frame's object cannot be written");
	printf("\n");
	return 0;
}

static int take_frame(void *ctx, const struct capture_record *record, const uint8_t *bytes,
	uint64_t time_ns, struct err *err)
{
	struct follow *follow = ctx;
	char when[CAPTURE_TIME_SIZE], text[FRAME_TEXT_SIZE];
	int r;

	if (follow->opts->json) {
		follow->steps = json_array();
		if (!follow->steps)
			return err_set(err, -ENOMEM, "trace: out of memory");
	} else {
		printf("%s%s %s\n", follow->n_traced ? "\n" : "", capture_run_time(time_ns, when),
			frame_text(bytes, record->n_bytes, record->len, true, text));
	}
	r = trace_frame(follow, record, bytes, err);
	if (!r && follow->steps)
		r = print_object(follow, record, time_ns, err);
	json_decref(follow->steps);
	follow->steps = NULL;
	if (!r && (fflush(stdout) || ferror(stdout)))
		r = err_set(err, -errno, "standard output: %s", strerror(errno));
	follow->n_traced += !r;
	return r;
}

int trace_follow_request(const struct trace_what *what, struct ctl_capture *ret,
	struct pcap_filter_mark *ret_mark, struct err *err)
{
	int r;

	*ret = (struct ctl_capture){0};
	r = pcap_filter_compile(what->expression, ret->filter, ret_mark, err);
	if (r)
		return r;
	if (ret->filter[0])
		CTL_MARK(ret, ctl_capture, filter);
	CTL_SET_STR(ret, ctl_capture, names, what->request.port);
	CTL_SET(ret, ctl_capture, dir, CTL_CAPTURE_IN);
	CTL_SET(ret, ctl_capture, snaplen, CTL_TRACE_MAX_FRAME);
	return 0;
}

static int ignore_row(void *ctx, const void *row)
{
	return 0;
}

/* Names of links and bridges can be captured, too, but not traced. */
static int check_port(struct ctl_client *client, const char *port, struct err *err)
{
	struct ctl_ref ref = {0};

	CTL_SET_STR(&ref, ctl_ref, name, port);
	return ctl_client_rows(client, "PortShow", &ref, ignore_row, NULL, err);
}

static int run(struct follow *follow, const struct trace_what *what, struct ctl_client *client,
	struct pcap_filter_mark *ret_mark, struct err *err)
{
	const struct capture_sink sink = {take_frame, follow};
	const struct capture_opts o = {.max_frames = what->n_follow};
	struct capture_totals totals;
	struct capture_source source;
	struct ctl_capture *request = calloc(1, sizeof(*request));
	int r = request ? trace_follow_request(what, request, ret_mark, err)
			: err_set(err, -ENOMEM, "trace: out of memory");

	if (!r)
		r = capture_source_open(&source, client, request, err);
	free(request);
	if (r)
		return r;
	if (!follow->opts->quiet)
		fprintf(stderr, "following %s, Ctrl-C ends\n", what->request.port);
	r = capture_run(&source, &o, NULL, &sink, &totals, err);
	if (!follow->opts->quiet)
		fprintf(stderr, "%llu frame%s traced\n%llu frame%s lost\n",
			(unsigned long long)follow->n_traced, follow->n_traced == 1 ? "" : "s",
			(unsigned long long)totals.lost, totals.lost == 1 ? "" : "s");
	capture_source_close(&source);
	return r;
}

int trace_follow(const struct opts *opts, const struct trace_what *what,
	struct pcap_filter_mark *ret_mark, struct err *err)
{
	struct follow *follow = calloc(1, sizeof(*follow));
	struct ctl_client *client = NULL;
	int r = follow ? 0 : err_set(err, -ENOMEM, "trace: out of memory");

	if (!r) {
		follow->opts = opts;
		CTL_SET_STR(&follow->request, ctl_trace, port, what->request.port);
		r = lab_switch_open(opts, &follow->client, err);
	}
	if (!r)
		r = check_port(follow->client, what->request.port, err);
	if (!r)
		r = lab_switch_open(opts, &client, err);
	if (!r)
		r = run(follow, what, client, ret_mark, err);
	ctl_client_close(client);
	if (follow)
		ctl_client_close(follow->client);
	free(follow);
	return r;
}
