/* trace: what would become of a frame, step by step. */
#include "cmd.h"
#include "ctl_client.h"
#include "ctl_codec.h"
#include "lab.h"
#include "show.h"
#include "trace_opts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct output {
	struct show *show; /* of JSON; NULL: lines of text */
};

static void print_tag(const struct ctl_trace_step *row)
{
	if (!CTL_HAS(row, ctl_trace_step, vlan))
		return;
	if (!row->tagged) {
		printf(", untagged");
		return;
	}
	printf(", tagged VLAN %u", row->vlan);
	if (row->pcp)
		printf(" priority %u", row->pcp);
}

/* "p1 in, on bridge br0: 64 bytes, untagged" */
static void print_in(const struct ctl_trace_step *row)
{
	printf("%s in", row->port);
	if (row->bridge[0])
		printf(", on bridge %s", row->bridge);
	printf(": %u byte%s", row->length, row->length == 1 ? "" : "s");
	print_tag(row);
	printf("\n");
}

static void print_end(const struct ctl_trace_step *row)
{
	switch ((enum ctl_trace_result)row->result) {
	case CTL_TRACE_DELIVERED:
		printf("  delivered to %s: %u byte%s", row->port, row->length,
			row->length == 1 ? "" : "s");
		print_tag(row);
		break;
	case CTL_TRACE_CROSSES:
		printf("  crosses from %s to %s", row->port, row->at);
		break;
	case CTL_TRACE_DROPPED:
		printf("  dropped at %s: %s (%s)", row->port, row->reason, row->detail);
		break;
	case CTL_TRACE_GOES_ON:
	case CTL_TRACE_HELD:
		break;
	}
	printf("\n");
}

static void print_stage(const struct ctl_trace_step *row)
{
	printf("  %-10s ", row->stage);
	if (row->result == CTL_TRACE_DROPPED)
		printf("dropped: %s, ", row->reason);
	else if (row->result == CTL_TRACE_HELD)
		printf("held: ");
	printf("%s\n", row->detail);
}

static void print_row(const struct ctl_trace_step *row)
{
	switch ((enum ctl_trace_step_kind)row->step) {
	case CTL_TRACE_IN:
		print_in(row);
		break;
	case CTL_TRACE_STAGE:
		print_stage(row);
		break;
	case CTL_TRACE_VLAN:
		printf("  vlan       %u, %s\n", row->vlan, row->detail);
		break;
	case CTL_TRACE_SOURCE:
	case CTL_TRACE_LOOKUP:
		printf("  %-10s %s%s%s\n", row->step == CTL_TRACE_SOURCE ? "source" : "look-up",
			row->detail, row->at[0] ? ", " : "", row->at);
		break;
	case CTL_TRACE_OUT:
		printf("%s out, %s\n", row->port, row->detail);
		break;
	case CTL_TRACE_END:
		print_end(row);
		break;
	case CTL_TRACE_MORE:
		printf("%s\n", row->detail);
		break;
	case CTL_TRACE_SENT:
		printf("sent: %u bytes, in at %s\n", row->length, row->port);
		break;
	}
}

static int take_row(void *ctx, const void *row)
{
	struct output *output = ctx;

	if (output->show)
		show_row(output->show, show_msg(&ctl_trace_step_schema, row), NULL);
	else
		print_row(row);
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

static int print_requests(const struct trace_what *what, struct err *err)
{
	int r = print_request("Trace", &ctl_trace_schema, &what->request, err);
	struct ctl_inject inject;

	if (r || !what->sends)
		return r;
	make_inject(&what->request, &inject);
	return print_request("Inject", &ctl_inject_schema, &inject, err);
}

int cmd_trace(const struct opts *opts, const struct grammar_request *req)
{
	struct trace_what *what = calloc(1, sizeof(*what));
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
	if (!r)
		r = all.dry_run ? print_requests(what, &err) : trace(&all, what, &err);
	free(what);
	return r ? cmd_fail(&err) : EXIT_DONE;
}
