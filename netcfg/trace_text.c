#include "trace_text.h"

#include <stdio.h>

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

void trace_text_print(const struct ctl_trace_step *step)
{
	switch ((enum ctl_trace_step_kind)step->step) {
	case CTL_TRACE_IN:
		print_in(step);
		break;
	case CTL_TRACE_STAGE:
		print_stage(step);
		break;
	case CTL_TRACE_VLAN:
		printf("  vlan       %u, %s\n", step->vlan, step->detail);
		break;
	case CTL_TRACE_SOURCE:
	case CTL_TRACE_LOOKUP:
		printf("  %-10s %s%s%s\n", step->step == CTL_TRACE_SOURCE ? "source" : "look-up",
			step->detail, step->at[0] ? ", " : "", step->at);
		break;
	case CTL_TRACE_OUT:
		printf("%s out, %s\n", step->port, step->detail);
		break;
	case CTL_TRACE_END:
		print_end(step);
		break;
	case CTL_TRACE_MORE:
		printf("%s\n", step->detail);
		break;
	case CTL_TRACE_SENT:
		printf("sent: %u bytes, in at %s\n", step->length, step->port);
		break;
	}
}
