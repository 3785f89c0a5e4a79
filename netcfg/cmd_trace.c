/* trace: what would become of a frame, step by step. */
#include "cmd.h"
#include "ctl_client.h"
#include "ctl_codec.h"
#include "lab.h"
#include "show.h"
#include "trace_follow.h"
#include "trace_opts.h"
#include "trace_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct output {
	struct show *show; /* of JSON; NULL: lines of text */
};

static int take_row(void *ctx, const void *row)
{
	struct output *output = ctx;

	if (output->show)
		show_row(output->show, show_msg(&ctl_trace_step_schema, row), NULL);
	else
		trace_text_print(row);
	return 0;
}

/* The frame that was traced, as if it had come in there. */
static void make_inject(const struct ctl_trace *request, struct ctl_inject *ret)
{
	*ret = (struct ctl_inject){0};
	CTL_SET_STR(ret, ctl_inject, port, request->port);
	CTL_SET_STR(ret, ctl_inject, frame, request->frame);
}

static int send_frame(struct ctl_client *client, const struct trace_what *what,
	struct output *output, struct err *err)
{
	struct ctl_inject inject;
	struct ctl_trace_step row = {0};
	int r;

	make_inject(&what->request, &inject);
	r = ctl_client_call(client, "Inject", &inject, NULL, err);
	if (r)
		return r;
	CTL_SET(&row, ctl_trace_step, step, CTL_TRACE_SENT);
	CTL_SET_STR(&row, ctl_trace_step, port, what->request.port);
	CTL_SET(&row, ctl_trace_step, length, (uint32_t)strlen(what->request.frame) / 2);
	return take_row(output, &row);
}

static int trace(const struct opts *opts, const struct trace_what *what, struct err *err)
{
	static const struct show_column no_columns[1];
	struct ctl_client *client = NULL;
	struct output output = {0};
	int r = lab_switch_open(opts, &client, err);

	if (!r && opts->json) {
		output.show = show_begin(stdout, opts, no_columns, 0);
		r = output.show ? 0 : err_set(err, -ENOMEM, "out of memory");
	}
	if (!r)
		r = ctl_client_rows(client, "Trace", &what->request, take_row, &output, err);
	if (!r && what->sends)
		r = send_frame(client, what, &output, err);
	if (output.show)
		r = r ? (show_discard(output.show), r) : show_end(output.show, err);
	ctl_client_close(client);
	return r;
}

/* --dry-run */
static int print_request(const char *method, const struct ctl_struct *schema, const void *request,
	struct err *err)
{
	char *text;

	if (ctl_encode(schema, request, &text) < 0)
		return err_set(err, -ENOMEM, "trace: out of memory");
	printf("%s.%s %s\n", ctl_vswitch_interface.name, method, text);
	free(text);
	return 0;
}

static int print_requests(const struct trace_what *what, struct pcap_filter_mark *ret_mark,
	struct err *err)
{
	struct ctl_capture capture;
	struct ctl_inject inject;
	int r;

	if (what->n_follow) {
		r = trace_follow_request(what, &capture, ret_mark, err);
		return r ? r : print_request("Capture", &ctl_capture_schema, &capture, err);
	}
	r = print_request("Trace", &ctl_trace_schema, &what->request, err);
	if (r || !what->sends)
		return r;
	make_inject(&what->request, &inject);
	return print_request("Inject", &ctl_inject_schema, &inject, err);
}

int cmd_trace(const struct opts *opts, const struct grammar_request *req)
{
	struct trace_what *what = calloc(1, sizeof(*what));
	struct pcap_filter_mark mark = {0};
	struct opts all = *opts;
	struct err err = {0};
	int r = what ? 0 : err_set(&err, -ENOMEM, "trace: out of memory");

	if (!r)
		r = trace_opts_parse(what, &all, req->args, req->n_args, &err);
	if (!r && all.help) {
		char *word = (char *)(uintptr_t) "trace";
		const struct grammar_request help = {.args = &word, .n_args = 1};

		free(what);
		return cmd_help(&all, &help);
	}
	if (!r && all.dry_run)
		r = print_requests(what, &mark, &err);
	else if (!r)
		r = what->n_follow ? trace_follow(&all, what, &mark, &err)
				   : trace(&all, what, &err);
	if (r) {
		r = cmd_fail(&err);
		if (what && what->expression[0] && !strcmp(err.field, "filter"))
			pcap_filter_print_mark(what->expression, mark);
	} else {
		r = EXIT_DONE;
	}
	free(what);
	return r;
}
