#include "cmd_nic.h"

#include "cmd.h"
#include "nic.h"
#include "port_type.h"
#include "show.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct show_column columns[] = {
	{"name", "INTERFACE", false, CTL_SHOW_BRIEF},
	{"pci", "PCI", false, CTL_SHOW_BRIEF},
	{"driver", "DRIVER", false, CTL_SHOW_BRIEF},
	{"iommu_group", "GROUP", true, CTL_SHOW_TABLE},
	{"mac", "MAC", false, CTL_SHOW_TABLE},
	{"speed_mbps", "SPEED", true, CTL_SHOW_TABLE},
	{"carrier", "CARRIER", false, CTL_SHOW_TABLE},
	{"default_route", "DEFAULT-ROUTE", false, CTL_SHOW_TABLE},
	{"can_bind", "BIND", false, CTL_SHOW_BRIEF},
};

/* What the last column says: can the switch have it? */
static const char *bind_text(const struct nic *nic)
{
	if (!nic->is_pci)
		return "no NIC";
	if (pci_bind_is_taken(&nic->pci))
		return "bound";
	return nic->why.code ? nic->why.msg : "can be";
}

static json_t *row_of(const struct nic *nic)
{
	const struct pci_bind_nic *pci = &nic->pci;
	json_t *row = json_object();
	char id[12];

	if (nic->name[0]) {
		json_object_set_new(row, "name", json_string(nic->name));
		json_object_set_new(row, "mac", json_string(nic->mac));
		json_object_set_new(row, "up", json_boolean(nic->up));
		json_object_set_new(row, "carrier", json_boolean(nic->carrier));
	}
	if (nic->speed_mbps)
		json_object_set_new(row, "speed_mbps", json_integer(nic->speed_mbps));
	if (nic->is_pci) {
		(void)snprintf(id, sizeof(id), "%04x:%04x", pci->vendor, pci->device);
		json_object_set_new(row, "pci", json_string(pci->address));
		json_object_set_new(row, "id", json_string(id));
		json_object_set_new(row, "driver", json_string(pci->driver));
		if (pci->group >= 0)
			json_object_set_new(row, "iommu_group", json_integer(pci->group));
		json_object_set_new(row, "default_route", json_boolean(nic->use.default_route));
		json_object_set_new(row, "bound", json_boolean(pci_bind_is_taken(pci)));
	}
	json_object_set_new(row, "can_bind", json_boolean(nic->is_pci && !nic->why.code));
	if (nic->why.code) {
		json_object_set_new(row, "reason", json_string(nic->why.msg));
		json_object_set_new(row, "hint", json_string(nic->why.hint));
	}
	return row;
}

struct listing {
	struct show *show;
	const char *wanted; /* "" = all */
	bool found;
};

static int add_row(void *ctx, const struct nic *nic)
{
	struct listing *listing = ctx;
	const char *texts[ARRAY_LEN(columns)] = {[ARRAY_LEN(columns) - 1] = bind_text(nic)};

	if (listing->wanted[0] && strcmp(listing->wanted, nic->name) &&
		strcmp(listing->wanted, nic->pci.address))
		return 0;
	listing->found = true;
	show_row(listing->show, row_of(nic), texts);
	return 0;
}

static int show_nics(const struct opts *opts, struct grammar_request *req, struct err *err)
{
	struct listing listing = {
		show_begin(stdout, opts, columns, ARRAY_LEN(columns)), NULL, false};

	if (!listing.show)
		return err_set(err, -ENOMEM, "no memory");
	do {
		listing.wanted = req->name;
		listing.found = !req->name[0];
		(void)nic_each(NULL, add_row, &listing);
	} while (listing.found && !grammar_next(req, err));
	if (listing.found)
		return show_end(listing.show, err);
	(void)show_discard(listing.show);
	(void)err_set(err, -ENODEV, "device '%s': no interface and no NIC", req->name);
	err_hint(err, "`netcfg nic show` lists them");
	return -ENODEV;
}

int cmd_nic(const struct opts *opts, struct grammar_request *req)
{
	FILE *out = opts->quiet ? NULL : stdout;
	struct pci_bind_nic pci;
	struct err err = {0};
	int r;

	if (!strcmp(req->verb->name, "show"))
		r = show_nics(opts, req, &err);
	else if (!strcmp(req->verb->name, "bind"))
		r = nic_take(NULL, req->name, opts->force, opts->dry_run, out, &pci, &err);
	else
		r = nic_rebind(NULL, req->name, opts->dry_run, out, &err);
	return r ? cmd_fail(&err) : EXIT_DONE;
}

int cmd_nic_port(const struct opts *opts, struct ctl_port *port, bool *ret_taken, struct err *err)
{
	struct pci_bind_nic pci;
	int r;

	*ret_taken = false;
	if (port->type != CTL_PORT_NIC || !CTL_HAS(port, ctl_port, dev))
		return 0;
	r = pci_bind_find(NULL, port->dev, &pci, err);
	/* Perhaps the name of the NIC that the port has taken: the switch knows. */
	if (r == -ENODEV && port->exist_ok && !port_type_pci_ok(port->dev)) {
		err_clear(err);
		return 0;
	}
	if (!r && !pci_bind_is_taken(&pci) && !pci_bind_is_shared(&pci)) {
		r = nic_take(NULL, port->dev, opts->force, opts->dry_run,
			opts->quiet ? NULL : stdout, &pci, err);
		*ret_taken = !r && !opts->dry_run;
		if (!r && !CTL_HAS(port, ctl_port, rebind))
			CTL_SET(port, ctl_port, rebind, true);
	}
	if (r)
		return err_prefix(err, "port '%s'", port->name);
	CTL_SET_STR(port, ctl_port, dev, pci.address);
	return 0;
}

void cmd_nic_port_failed(const struct ctl_port *port)
{
	struct err err = {0};

	/* The reason of the failure is told by the caller; this one only adds to it. */
	if (pci_bind_rebind(NULL, port->dev, NULL, &err))
		err_print(&err, CMD_PROGRAM);
}
