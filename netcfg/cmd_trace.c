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
	printf(": %u bytes", row->length);
	print_tag(row);
	printf("\n");
}

static void print_end(const struct ctl_trace_step *row)
{
	switch ((enum ctl_trace_result)row->result) {
	case CTL_TRACE_DELIVERED:
		printf("  delivered to %s: %u bytes", row->port, row->length);
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

static int trace(const struct opts *opts, const struct ctl_trace *request, struct err *err)
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
		r = ctl_client_rows(client, "Trace", request, take_row, &output, err);
	if (output.show)
		r = r ? (show_discard(output.show), r) : show_end(output.show, err);
	ctl_client_close(client);
	return r;
}

/* --dry-run */
static int print_request(const struct ctl_trace *request, struct err *err)
{
	char *text;

	if (ctl_encode(&ctl_trace_schema, request, &text) < 0)
		return err_set(err, -ENOMEM, "trace: out of memory");
	printf("%s.Trace %s\n", ctl_vswitch_interface.name, text);
	free(text);
	return 0;
}

int cmd_trace(const struct opts *opts, const struct grammar_request *req)
{
	struct ctl_trace *request = calloc(1, sizeof(*request));
	struct opts all = *opts;
	struct err err = {0};
	int r = request ? 0 : err_set(&err, -ENOMEM, "trace: out of memory");

	if (!r)
		r = trace_opts_parse(request, &all, req->args, req->n_args, &err);
	if (!r && all.help) {
		char *word = (char *)(uintptr_t) "trace";
		const struct grammar_request help = {.args = &word, .n_args = 1};

		free(request);
		return cmd_help(&all, &help);
	}
	if (!r)
		r = all.dry_run ? print_request(request, &err) : trace(&all, request, &err);
	free(request);
	return r ? cmd_fail(&err) : EXIT_DONE;
}
