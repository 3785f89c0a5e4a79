#include "cmd_monitor.h"

#include "cmd.h"
#include "ctl_client.h"
#include "ctl_vswitch.h"
#include "lab.h"
#include "show.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_OBJECTS 16
#define READER_GONE 1

struct filter {
	const struct opts *opts;
	const char *const *objects; /* objects[n_objects]; 0: all */
	unsigned n_objects;
	const char *name; /* "": any */
};

/* That events are missing concerns everybody. */
static bool is_wanted(const struct filter *filter, const struct ctl_event *event)
{
	if (!strcmp(event->object, "monitor"))
		return true;
	if (filter->name[0] && strcmp(event->name, filter->name) != 0)
		return false;
	for (unsigned i = 0; i < filter->n_objects; i++) {
		if (!strcmp(event->object, filter->objects[i]))
			return true;
	}
	return filter->n_objects == 0;
}

static void print_json(const struct ctl_event *event)
{
	json_t *json = show_msg(&ctl_event_schema, event);

	if (json)
		(void)json_dumpf(json, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(json);
	printf("\n");
}

/* "fdb br0 moved: 52:54:00:00:00:01 vlan 10 from p1 to p2" */
static void print_text(const struct ctl_event *event)
{
	const char *before = ": ";
	char mac[ETHER_ADDR_STR_SIZE];

	if (CTL_HAS(event, ctl_event, lost)) {
		printf("monitor lost: %llu events\n", (unsigned long long)event->lost);
		return;
	}
	printf("%s %s %s", event->object, event->name, event->event);
	if (CTL_HAS(event, ctl_event, mac)) {
		printf("%s%s", before, ether_addr_format(&event->mac, mac));
		before = " ";
	}
	if (event->vlan)
		printf("%svlan %u", before, event->vlan);
	if (event->from[0])
		printf(" from %s", event->from);
	if (event->port[0])
		printf(" to %s", event->port);
	if (event->detail[0])
		printf("%s%s", before, event->detail);
	printf("\n");
}

static int print_event(void *ctx, const void *row)
{
	const struct filter *filter = ctx;
	const struct ctl_event *event = row;
	char when[SHOW_TIME_SIZE];

	if (!is_wanted(filter, event))
		return 0;
	if (filter->opts->json) {
		print_json(event);
	} else {
		if (filter->opts->timestamp)
			printf("%s ", show_time(when, (time_t)(event->time_ns / 1000000000)));
		print_text(event);
	}
	return fflush(stdout) || ferror(stdout) ? READER_GONE : 0;
}

int cmd_monitor_print(const struct opts *opts, struct ctl_client *client,
	const char *const *objects, unsigned n_objects, const char *name, struct err *err)
{
	struct filter filter = {opts, objects, n_objects, name};
	struct ctl_empty all = {0};
	int r = ctl_client_rows(client, "Monitor", &all, print_event, &filter, err);

	return r == READER_GONE ? 0 : r;
}

/* Words as objects, which may be shortened. */
static int find_objects(const struct grammar_request *req, const char **objects, struct err *err)
{
	if (req->n_args > MAX_OBJECTS)
		return err_set(err, -EINVAL, "monitor: more than %d objects", MAX_OBJECTS);
	for (unsigned i = 0; i < req->n_args; i++) {
		const struct grammar_command *command;
		const struct grammar_object *object;
		int r = grammar_find_first(req->args[i], &object, &command, err);

		if (r < 0)
			return err_prefix(err, "monitor");
		if (!object) {
			(void)err_set(err, -EINVAL, "monitor: '%s' is no object", req->args[i]);
			err_hint(err, "bridge, port, link or fdb; without one, events of all");
			return -EINVAL;
		}
		objects[i] = object->name;
	}
	return 0;
}

int cmd_monitor(const struct opts *opts, const struct grammar_request *req)
{
	const char *objects[MAX_OBJECTS];
	struct ctl_client *client = NULL;
	struct err err = {0};
	int r = find_objects(req, objects, &err);

	if (r < 0)
		return cmd_fail(&err);
	if (lab_switch_open(opts, &client, &err) < 0)
		return err.code ? cmd_fail(&err)
				: EXIT_USAGE; /* what is wrong with a file is said already */
	r = cmd_monitor_print(opts, client, objects, req->n_args, "", &err);
	ctl_client_close(client);
	return r == 0 ? EXIT_DONE : cmd_fail(&err);
}
