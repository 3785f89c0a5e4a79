/* Objects of the switch: bridge, port, link, vlan, fdb. */
#include "cmd.h"
#include "cmd_monitor.h"
#include "cmd_nic.h"
#include "ctl_client.h"
#include "ctl_codec.h"
#include "ctl_field.h"
#include "ctl_vswitch.h"
#include "lab.h"
#include "mirror.h"
#include "names.h"
#include "rundir.h"
#include "show.h"
#include "show_switch.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The switch may run in another directory: sockets and files are named from the root. */
static int absolute_paths(struct ctl_port *port, struct err *err)
{
	int r = ctl_make_absolute(&ctl_port_schema, port, err);

	return r < 0 ? err_prefix(err, "port '%s'", port->name) : 0;
}

/* With set, 0 takes a VLAN away; a new port has none that could be taken. */
static int check_new_port(const struct ctl_port *port, struct err *err)
{
	bool tag = CTL_HAS(port, ctl_port, tag) && !port->tag;

	if (!tag && (!CTL_HAS(port, ctl_port, native) || port->native))
		return 0;
	return err_set_field(err, -ERANGE, tag ? "tag" : "native", "%s: 0 is not in 1..4094",
		tag ? "tag" : "native");
}

/* What is wrong with a filter has been said when this is not 0. */
static int compile_filter(struct ctl_mirror *mirror)
{
	struct pcap_filter_mark mark;
	struct err err = {0};
	int status;

	if (mirror_compile(mirror, &mark, &err) == 0)
		return EXIT_DONE;
	status = cmd_fail(&err);
	if (err.code == -EINVAL)
		pcap_filter_print_mark(mirror->filter, mark);
	return status;
}

static bool is_show(const struct grammar_verb *verb)
{
	return ctl_method_find(&ctl_vswitch_interface, verb->method)->reply == CTL_ROWS;
}

/* `port -s` means the counters, and with --rate what they grow by. */
static const char *show_method(const struct opts *opts, const struct grammar_request *req)
{
	bool is_port = !strcmp(req->verb->method, "PortShow");

	if (opts->rate && (is_port || !strcmp(req->verb->method, "PortStats")))
		return "PortRates";
	if (opts->stats && is_port)
		return "PortStats";
	return req->verb->method;
}

static int dry_run(const struct grammar_request *req)
{
	char *text;

	if (ctl_encode(req->verb->schema, &req->msg, &text) < 0)
		return EXIT_FAILED;
	printf("%s.%s %s\n", ctl_vswitch_interface.name, req->verb->method, text);
	free(text);
	return EXIT_DONE;
}

/*
 * A link that the switch does not know may be a port on a bridge: then its port is what goes up or
 * down.
 */
static int link_set(struct ctl_client *client, const struct ctl_link *link, struct err *err)
{
	struct ctl_port port = {0};
	struct err second = {0};
	int r = ctl_client_call(client, "LinkSet", link, NULL, err);

	if (r != -ENOENT)
		return r;
	CTL_SET_STR(&port, ctl_port, name, link->name);
	if (CTL_HAS(link, ctl_link, enabled))
		CTL_SET(&port, ctl_port, enabled, link->enabled);
	if (CTL_HAS(link, ctl_link, mtu))
		CTL_SET(&port, ctl_port, mtu, link->mtu);
	if (!ctl_client_call(client, "PortSet", &port, NULL, &second)) {
		err_clear(err);
		return 0;
	}
	if (second.code != -ENOENT)
		*err = second;
	return r;
}

/* The rows of all names of the request, as one table. */
static int show_all(const struct opts *opts, struct ctl_client *client, struct grammar_request *req,
	struct err *err)
{
	union grammar_msg *copies = calloc(req->n_more + 1, sizeof(*copies));
	const void **msgs = calloc(req->n_more + 1, sizeof(*msgs));
	const char *method = show_method(opts, req);
	unsigned n = 0;
	int r = copies && msgs ? 0 : err_set(err, -ENOMEM, "out of memory");

	while (!r) {
		copies[n] = req->msg;
		msgs[n] = &copies[n];
		n++;
		r = grammar_next(req, err);
	}
	if (r == -ENOENT)
		r = show_switch(opts, client, method, msgs, n, err);
	free(copies);
	free(msgs);
	return r;
}

struct bridge_ports {
	const char *bridge;
	struct names names;
};

static int add_port(void *ctx, const void *row)
{
	const struct ctl_port *port = row;
	struct bridge_ports *ports = ctx;

	return strcmp(port->bridge, ports->bridge) ? 0 : names_add(&ports->names, port->name);
}

static int del_ports(struct ctl_client *client, const char *bridge, struct err *err)
{
	struct bridge_ports ports = {.bridge = bridge};
	const struct ctl_ref all = {0};
	int r = ctl_client_rows(client, "PortShow", &all, add_port, &ports, err);

	for (unsigned i = 0; !r && i < ports.names.n; i++) {
		struct ctl_ref port = {0};

		CTL_SET_STR(&port, ctl_ref, name, ports.names.list[i]);
		CTL_SET(&port, ctl_ref, missing_ok, true);
		r = ctl_client_call(client, "PortDel", &port, NULL, err);
	}
	names_done(&ports.names);
	return r;
}

static int change(const struct opts *opts, struct ctl_client *client,
	const struct grammar_request *req, struct err *err)
{
	struct ctl_count count = {0};
	int r;

	if (!strcmp(req->verb->method, "FdbFlush")) {
		r = ctl_client_call(client, req->verb->method, &req->msg, &count, err);
		if (!r && opts->json)
			printf("{\"count\":%llu}\n", (unsigned long long)count.count);
		else if (!r && !opts->quiet)
			printf("%llu flushed\n", (unsigned long long)count.count);
		return r;
	}
	if (!strcmp(req->verb->method, "BridgeDel") && opts->force) {
		r = del_ports(client, req->name, err);
		if (r < 0)
			return r;
	}
	if (!strcmp(req->verb->method, "LinkSet"))
		return link_set(client, (const void *)&req->msg, err);
	return ctl_client_call(client, req->verb->method, &req->msg, NULL, err);
}

int cmd_object(const struct opts *opts, struct grammar_request *req)
{
	struct ctl_client *client = NULL;
	bool adds_port = !strcmp(req->verb->method, "PortAdd"), took_nic = false;
	bool dry = opts->dry_run && !is_show(req->verb);
	struct err err = {0};
	int r, status;

	if (req->verb->schema == &ctl_port_schema && absolute_paths((void *)&req->msg, &err) < 0)
		return cmd_fail(&err);
	if (adds_port && check_new_port((void *)&req->msg, &err) < 0)
		return cmd_fail(&err);
	if (req->verb->schema == &ctl_mirror_schema) {
		status = compile_filter((void *)&req->msg);
		if (status != EXIT_DONE)
			return status;
	}
	/* Without a switch there is no reason to touch a NIC. */
	if (!dry && lab_switch_open(opts, &client, &err) < 0)
		return err.code ? cmd_fail(&err)
				: EXIT_USAGE; /* what is wrong with a file is said already */
	if (adds_port && cmd_nic_port(opts, (void *)&req->msg, &took_nic, &err) < 0) {
		ctl_client_close(client);
		return cmd_fail(&err);
	}
	if (dry)
		return dry_run(req);
	if (is_show(req->verb)) {
		r = show_all(opts, client, req, &err);
	} else if (!strcmp(req->verb->method, "Monitor")) {
		r = cmd_monitor_print(opts, client, &req->object->name, 1, req->name, &err);
	} else {
		r = change(opts, client, req, &err);
	}
	ctl_client_close(client);
	if (r == 0)
		return EXIT_DONE;
	/* A switch that is late may still make the port, and rebinds the NIC by itself. */
	if (took_nic && r != -ETIMEDOUT)
		cmd_nic_port_failed((void *)&req->msg);
	status = cmd_fail(&err);
	/* The words were right, or nobody would have been asked: what the switch says of a change
	 * is no usage. */
	return status == EXIT_USAGE && !is_show(req->verb) ? EXIT_FAILED : status;
}
