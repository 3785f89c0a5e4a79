#include "show_switch.h"

#include "ctl_client.h"
#include "ctl_field.h"
#include "ctl_vswitch.h"
#include "impairment.h"
#include "names.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Words of people */

static const char *state_word(bool enabled, bool carrier)
{
	return !enabled ? "disabled" : carrier ? "up" : "down";
}

const char *show_port_vlans(const struct ctl_port *port, char *buf, size_t size)
{
	char trunks[160];
	size_t used;

	if (port->vlan_mode == CTL_VLAN_ACCESS) {
		if (port->tag)
			(void)snprintf(buf, size, "access %u", port->tag);
		else
			(void)str_copy(buf, size,
				CTL_HAS(port, ctl_port, vlan_mode) ? "access" : "-");
		return buf;
	}
	used = (size_t)snprintf(buf, size, "%s %s",
		port->vlan_mode == CTL_VLAN_NATIVE_TAGGED ? ctl_vlan_modes[port->vlan_mode]
							  : "trunk",
		vlan_set_format_short(&port->trunks, trunks, sizeof(trunks)));
	if (port->native && used < size)
		(void)snprintf(buf + used, size - used, " native %u", port->native);
	return buf;
}

/* Files by their last part: the paths are long, and -d shows them. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int describe_end(const struct ctl_port *port, char *buf, size_t size)
{
	switch ((enum ctl_port_type)port->type) {
	case CTL_PORT_VHOST_USER:
		break;
	case CTL_PORT_NIC:
	case CTL_PORT_AF_XDP:
	case CTL_PORT_AF_PACKET:
		return snprintf(buf, size, "%s", port->dev);
	case CTL_PORT_TAP:
		return snprintf(buf, size, "%s%s%s", port->dev, port->ip[0] ? " " : "", port->ip);
	case CTL_PORT_VETH:
		return snprintf(buf, size, "%s -- %s:%s%s%s", port->dev, base_name(port->netns),
			port->peer, port->ip[0] ? " " : "", port->ip);
	case CTL_PORT_PCAP:
		return snprintf(buf, size, "%s%s%s%s%s", port->rx_file[0] ? "from " : "",
			base_name(port->rx_file), port->rx_file[0] && port->tx_file[0] ? ", " : "",
			port->tx_file[0] ? "to " : "", base_name(port->tx_file));
	case CTL_PORT_MEMIF:
		return snprintf(buf, size, "%s #%u", port->path, port->memif_id);
	case CTL_PORT_DPDK:
		return snprintf(buf, size, "%s", port->devargs);
	case CTL_PORT_PATCH:
		return snprintf(buf, size, "link %s", port->link);
	}
	return snprintf(buf, size, "%s", port->path);
}

const char *show_port_end(const struct ctl_port *port, char *buf, size_t size)
{
	size_t used = (size_t)describe_end(port, buf, size);

	if (port->driver[0] && used < size)
		used += (size_t)snprintf(buf + used, size - used, " (%s)", port->driver);
	if (!buf[0])
		(void)str_copy(buf, size, "-");
	return buf;
}

const char *show_port_speed(const struct ctl_port *port, char *buf, size_t size)
{
	if (!port->speed)
		return "-";
	if (port->speed % 1000)
		(void)snprintf(buf, size, "%uM", port->speed);
	else
		(void)snprintf(buf, size, "%uG", port->speed / 1000);
	return buf;
}

/* VIRTIO 1.2, 5.1.3 "Feature bits" and 6 "Reserved Feature Bits"; 30 is vhost-user's own. */
static const char *const feature_names[64] = {[0] = "csum",
	[1] = "guest-csum",
	[3] = "mtu",
	[5] = "mac",
	[7] = "guest-tso4",
	[8] = "guest-tso6",
	[9] = "guest-ecn",
	[10] = "guest-ufo",
	[11] = "tso4",
	[12] = "tso6",
	[13] = "ecn",
	[14] = "ufo",
	[15] = "mrg-rxbuf",
	[16] = "status",
	[17] = "ctrl-vq",
	[18] = "ctrl-rx",
	[19] = "ctrl-vlan",
	[21] = "guest-announce",
	[22] = "mq",
	[23] = "ctrl-mac",
	[26] = "log-all",
	[27] = "any-layout",
	[28] = "indirect-desc",
	[29] = "event-idx",
	[30] = "protocol-features",
	[32] = "version-1",
	[33] = "access-platform",
	[34] = "ring-packed",
	[35] = "in-order",
	[36] = "order-platform",
	[38] = "notification-data",
	[40] = "ring-reset",
	[54] = "guest-uso4",
	[55] = "guest-uso6",
	[56] = "uso"};

const char *show_features(uint64_t features, char *buf, size_t size)
{
	size_t used = 0;

	(void)str_copy(buf, size, "none");
	for (unsigned i = 0; i < 64 && used < size; i++) {
		if (!(features >> i & 1))
			continue;
		if (feature_names[i])
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? " " : "",
				feature_names[i]);
		else
			used += (size_t)snprintf(buf + used, size - used, "%sbit-%u",
				used ? " " : "", i);
	}
	return buf;
}

/* JSON of the shape that iproute2 prints */

json_t *show_fdb_json(const struct ctl_fdb *fdb)
{
	char mac[ETHER_ADDR_STR_SIZE];
	bool is_static = fdb->type == CTL_FDB_STATIC;
	json_t *row = json_pack("{s:s, s:s, s:[], s:s, s:s}", "mac",
		ether_addr_format(&fdb->mac, mac), "ifname", fdb->port, "flags", "master",
		fdb->bridge, "state", is_static ? "static" : "");

	if (row && fdb->vlan)
		json_object_set_new(row, "vlan", json_integer(fdb->vlan));
	if (row && !is_static)
		json_object_set_new(row, "age", json_integer(fdb->age_s));
	return row;
}

int show_vlan_add(json_t *rows, const struct ctl_vlan *vlan)
{
	const char *ifname = vlan->port[0] ? vlan->port : vlan->bridge;
	json_t *row = NULL, *item, *vlans;
	uint16_t vid = VLAN_MIN, first, last;
	size_t i;

	json_array_foreach(rows, i, item)
	{
		if (!strcmp(json_string_value(json_object_get(item, "ifname")), ifname))
			row = item;
	}
	if (!row) {
		row = json_pack("{s:s, s:[]}", "ifname", ifname, "vlans");
		if (!row || json_array_append_new(rows, row))
			return -1;
		if (vlan->port[0] && vlan->bridge[0])
			json_object_set_new(row, "master", json_string(vlan->bridge));
	}
	vlans = json_object_get(row, "vlans");
	while (vlan_set_next_range(&vlan->vlans, &vid, &first, &last)) {
		json_t *flags = json_array(), *range = json_pack("{s:i}", "vlan", first);

		if (last != first)
			json_object_set_new(range, "vlanEnd", json_integer(last));
		if (vlan->pvid)
			json_array_append_new(flags, json_string("PVID"));
		if (vlan->port[0] && !vlan->tagged)
			json_array_append_new(flags, json_string("Egress Untagged"));
		if (vlan->name[0])
			json_object_set_new(range, "name", json_string(vlan->name));
		json_object_set_new(range, "flags", flags);
		if (json_array_append_new(vlans, range))
			return -1;
	}
	return 0;
}

json_t *show_attachment_json(const struct ctl_port *port)
{
	char vlans[256];
	json_t *row;

	if (!port->bridge[0])
		return NULL;
	row = json_pack("{s:s, s:s, s:s, s:b, s:b, s:s}", "name", port->name, "a", port->name, "b",
		port->bridge, "enabled", (int)port->enabled, "carrier", (int)port->carrier, "mode",
		ctl_vlan_modes[port->vlan_mode]);
	if (row && CTL_HAS(port, ctl_port, mtu))
		json_object_set_new(row, "mtu", json_integer(port->mtu));
	if (row)
		json_object_set_new(row, "vlans",
			json_string(show_port_vlans(port, vlans, sizeof(vlans))));
	/* As of a link whose end b is the bridge. */
	if (row && CTL_HAS(port, ctl_port, in))
		json_object_set_new(row, "a_to_b", show_msg(&ctl_impair_schema, &port->in));
	if (row && CTL_HAS(port, ctl_port, out))
		json_object_set_new(row, "b_to_a", show_msg(&ctl_impair_schema, &port->out));
	return row;
}

/* Tables */

static int bridge_row(void *ctx, const void *row)
{
	const struct ctl_bridge *bridge = row;
	char ageing[STR_DURATION_SIZE];
	const char *texts[SHOW_MAX_COLUMNS] = {NULL};

	if (CTL_HAS(bridge, ctl_bridge, ageing_s))
		texts[SHOW_COLUMN(ctl_bridge, ageing_s)] =
			bridge->ageing_s ? str_format_duration(ageing, bridge->ageing_s) : "never";
	show_row(ctx, show_msg(&ctl_bridge_schema, bridge), texts);
	return 0;
}

static int port_row(void *ctx, const void *row)
{
	const struct ctl_port *port = row;
	char vlans[256], bridge[96], end[512], speed[16], features[512];
	const char *texts[SHOW_MAX_COLUMNS] = {NULL};
	json_t *json = show_msg(&ctl_port_schema, port);

	texts[SHOW_COLUMN(ctl_port, carrier)] =
		state_word(port->enabled || !CTL_HAS(port, ctl_port, enabled), port->carrier);
	if (port->link[0]) {
		(void)snprintf(bridge, sizeof(bridge), "link %s", port->link);
		texts[SHOW_COLUMN(ctl_port, bridge)] = bridge;
	}
	texts[SHOW_COLUMN(ctl_port, vlan_mode)] =
		port->bridge[0] ? show_port_vlans(port, vlans, sizeof(vlans)) : "-";
	texts[SHOW_COLUMN(ctl_port, speed)] = show_port_speed(port, speed, sizeof(speed));
	texts[SHOW_COLUMN(ctl_port, path)] = show_port_end(port, end, sizeof(end));
	/*
	 * How an earlier guest left is no news while the next one runs; of a device it is what is
	 * wrong.
	 */
	if (port->type == CTL_PORT_VHOST_USER && port->state == CTL_CONN_RUNNING)
		texts[SHOW_COLUMN(ctl_port, last_error)] = "-";
	if (json && show_is_text(ctx) && CTL_HAS(port, ctl_port, features))
		json_object_set_new(json, "features",
			json_string(show_features(port->features, features, sizeof(features))));
	show_row(ctx, json, texts);
	return 0;
}

/* A link joins two ports, or a port and a bridge. */
static const struct show_column link_columns[] = {
	{"name", "LINK", false, CTL_SHOW_BRIEF},
	{"carrier", "STATE", false, CTL_SHOW_BRIEF},
	{"mode", "MODE", false, CTL_SHOW_BRIEF},
	{"vlans", "VLANS", false, CTL_SHOW_BRIEF},
	{"mtu", "MTU", true, CTL_SHOW_TABLE},
	{"impair", "IMPAIR", false, CTL_SHOW_IF_ANY},
};

static int port_link_row(void *ctx, const void *row)
{
	const struct ctl_link *link = row;
	char ends[160], impair[80];
	const char *texts[ARRAY_LEN(link_columns)] = {NULL};
	json_t *json = show_msg(&ctl_link_schema, link);

	if (json)
		json_object_set_new(json, "mode", json_string("link"));
	(void)snprintf(ends, sizeof(ends), "%s -- %s", link->a, link->b);
	texts[0] = ends;
	texts[1] = state_word(link->enabled || !CTL_HAS(link, ctl_link, enabled), link->carrier);
	texts[5] = impairment_brief(link, impair, sizeof(impair));
	show_row(ctx, json, texts);
	return 0;
}

static int attachment_row(void *ctx, const void *row)
{
	const struct ctl_port *port = row;
	const struct ctl_link link = impairment_of_port(port);
	char ends[160], impair[80];
	const char *texts[ARRAY_LEN(link_columns)] = {NULL};

	if (!port->bridge[0])
		return 0;
	texts[5] = impairment_brief(&link, impair, sizeof(impair));
	(void)snprintf(ends, sizeof(ends), "%s -- %s", port->name, port->bridge);
	texts[0] = ends;
	texts[1] = state_word(port->enabled || !CTL_HAS(port, ctl_port, enabled), port->carrier);
	show_row(ctx, show_attachment_json(port), texts);
	return 0;
}

/* Links first, then ports on bridges. A name may be that of either. */
static int link_rows(struct ctl_client *client, const struct ctl_ref *ref, struct show *show,
	struct err *err)
{
	struct err second = {0};
	int r = ctl_client_rows(client, "LinkShow", ref, port_link_row, show, err);
	int port_code;

	if (r < 0 && (r != -ENOENT || !ref->name[0]))
		return r;
	port_code = ctl_client_rows(client, "PortShow", ref, attachment_row, show, &second);
	if (!r && port_code == -ENOENT)
		return 0;
	if (r && !port_code)
		err_clear(err);
	else if (!r && port_code)
		*err = second;
	return port_code && r ? r : port_code;
}

/* Cisco's column order, Open vSwitch's words. */
static const struct show_column fdb_columns[] = {
	{"vlan", "VLAN", true, CTL_SHOW_BRIEF},
	{"mac", "MAC", false, CTL_SHOW_BRIEF},
	{"state", "TYPE", false, CTL_SHOW_BRIEF},
	{"ifname", "PORT", false, CTL_SHOW_BRIEF},
	{"age", "AGE", true, CTL_SHOW_BRIEF},
};

static int fdb_row(void *ctx, const void *row)
{
	const struct ctl_fdb *fdb = row;
	char age[STR_DURATION_SIZE];
	const char *texts[ARRAY_LEN(fdb_columns)] = {NULL};

	(void)str_format_duration(age, fdb->age_s);
	texts[2] = ctl_fdb_types[fdb->type];
	texts[4] = fdb->type == CTL_FDB_DYNAMIC ? age : "-";
	show_row(ctx, show_fdb_json(fdb), texts);
	return 0;
}

static int add_bridge(void *ctx, const void *row)
{
	return names_add(ctx, ((const struct ctl_bridge *)row)->name);
}

/* The request names one bridge; without a name, ask for each. */
static int fdb_rows(struct ctl_client *client, const struct ctl_fdb *filter, struct show *show,
	struct err *err)
{
	struct names bridges = {0};
	struct ctl_fdb one = *filter;
	struct ctl_ref all = {0};
	int r;

	if (filter->bridge[0])
		return ctl_client_rows(client, "FdbShow", filter, fdb_row, show, err);
	r = ctl_client_rows(client, "BridgeShow", &all, add_bridge, &bridges, err);
	for (unsigned i = 0; !r && i < bridges.n; i++) {
		CTL_SET_STR(&one, ctl_fdb, bridge, bridges.list[i]);
		r = ctl_client_rows(client, "FdbShow", &one, fdb_row, show, err);
	}
	names_done(&bridges);
	return r;
}

static const struct show_column vlan_columns[] = {
	{"ifname", "PORT", false, CTL_SHOW_BRIEF},
	{"vlan", "VLAN", false, CTL_SHOW_BRIEF},
	{"flags", "FLAGS", false, CTL_SHOW_BRIEF},
	{"name", "NAME", false, CTL_SHOW_TABLE},
};

static int vlan_row(void *ctx, const void *row)
{
	return show_vlan_add(ctx, row) ? -ENOMEM : 0;
}

/* `vlan show NAME` is about a bridge, or else about a port. */
static int ask_for_vlans(struct ctl_client *client, const struct ctl_vlan *filter, json_t *rows,
	struct err *err)
{
	struct ctl_vlan of_port = *filter;
	struct err second = {0};
	int r = ctl_client_rows(client, "VlanShow", filter, vlan_row, rows, err);

	if (r != -ENOENT || !CTL_HAS(filter, ctl_vlan, bridge) || CTL_HAS(filter, ctl_vlan, port))
		return r;
	CTL_SET_STR(&of_port, ctl_vlan, port, filter->bridge);
	of_port.bridge[0] = '\0';
	CTL_UNMARK(&of_port, ctl_vlan, bridge);
	r = ctl_client_rows(client, "VlanShow", &of_port, vlan_row, rows, &second);
	if (!r) {
		err_clear(err);
	} else if (r == -ENOENT) {
		(void)err_set_field(err, r, "bridge", "there is neither a bridge nor a port '%s'",
			filter->bridge);
		err_hint(err, "`netcfg vlan show` lists all");
	} else {
		*err = second;
	}
	return r;
}

/* JSON is nested as iproute2's; the table has a line per range. */
static int vlan_rows(const struct opts *opts, struct ctl_client *client, const void *filter,
	struct show *show, struct err *err)
{
	json_t *rows = json_array(), *row, *range;
	size_t i, j;
	int r = ask_for_vlans(client, filter, rows, err);

	json_array_foreach(rows, i, row)
	{
		if (opts->json) {
			show_row(show, json_incref(row), NULL);
			continue;
		}
		json_array_foreach(json_object_get(row, "vlans"), j, range)
		{
			json_t *line = json_deep_copy(range),
			       *end = json_object_get(range, "vlanEnd");
			char text[32];
			const char *texts[ARRAY_LEN(vlan_columns)] = {NULL, text};

			json_object_set(line, "ifname", json_object_get(row, "ifname"));
			(void)snprintf(text, sizeof(text), end ? "%d-%d" : "%d",
				(int)json_integer_value(json_object_get(range, "vlan")),
				(int)json_integer_value(end));
			show_row(show, line, texts);
		}
	}
	json_decref(rows);
	return r;
}

static int worker_row(void *ctx, const void *row)
{
	const struct ctl_worker *worker = row;
	char busy[16];
	const char *texts[SHOW_MAX_COLUMNS] = {NULL};

	(void)snprintf(busy, sizeof(busy), "%u%%", worker->busy);
	texts[SHOW_COLUMN(ctl_worker, busy)] = busy;
	show_row(ctx, show_msg(&ctl_worker_schema, worker), texts);
	return 0;
}

const char *show_rate(uint64_t number, char *buf, size_t size)
{
	static const char powers[] = "kMGTPE";
	double value = (double)number;
	int power = -1;

	for (; value >= 999.5 && power + 1 < (int)strlen(powers); power++)
		value /= 1000;
	if (power < 0)
		(void)snprintf(buf, size, "%llu", (unsigned long long)number);
	else
		(void)snprintf(buf, size, "%.*f%c", value < 9.995 ? 2 : value < 99.95, value,
			powers[power]);
	return buf;
}

static int rates_row(void *ctx, const void *row)
{
	const struct ctl_struct *schema = &ctl_port_rates_schema;
	const char *texts[SHOW_MAX_COLUMNS] = {NULL};
	char numbers[SHOW_MAX_COLUMNS][16];

	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];
		unsigned column = field->column.place - 1;

		if (field->kind == CTL_KIND_U64 && ctl_field_is_set(row, field->idx))
			texts[column] =
				show_rate(*(const uint64_t *)(const void *)((const char *)row +
									    field->offset),
					numbers[column], sizeof(numbers[column]));
	}
	show_row(ctx, show_msg(schema, row), texts);
	return 0;
}

/* Tables that have texts for people, or another shape than the messages in them. */
static const struct table {
	const char *method;
	ctl_row_fn *row;
	const struct show_column *columns; /* NULL: those of the messages */
	unsigned n_columns;
} tables[] = {
	{"BridgeShow", bridge_row, NULL, 0},
	{"PortShow", port_row, NULL, 0},
	{"WorkerShow", worker_row, NULL, 0},
	{"PortRates", rates_row, NULL, 0},
	{"LinkShow", port_link_row, link_columns, ARRAY_LEN(link_columns)},
	{"VlanShow", vlan_row, vlan_columns, ARRAY_LEN(vlan_columns)},
	{"FdbShow", fdb_row, fdb_columns, ARRAY_LEN(fdb_columns)},
};

static const struct table *find_table(const char *method)
{
	static const struct table plain = {NULL, NULL, NULL, 0};

	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		if (!strcmp(tables[i].method, method))
			return &tables[i];
	}
	return &plain;
}

unsigned show_switch_columns(const char *method, struct show_column columns[SHOW_MAX_COLUMNS])
{
	const struct ctl_method *asked = ctl_method_find(&ctl_vswitch_interface, method);
	const struct table *table = find_table(method);

	if (!asked || asked->reply != CTL_ROWS)
		return 0;
	if (!table->columns)
		return show_columns(asked->out, columns);
	memcpy(columns, table->columns, table->n_columns * sizeof(*columns));
	return table->n_columns;
}

/* Messages as they are. */
struct plain_rows {
	struct show *show;
	const struct ctl_struct *schema;
};

static int plain_row(void *ctx, const void *row)
{
	struct plain_rows *rows = ctx;

	show_row(rows->show, show_msg(rows->schema, row), NULL);
	return 0;
}

int show_switch(const struct opts *opts, struct ctl_client *client, const char *method,
	const void *const *msgs, unsigned n_msgs, struct err *err)
{
	const struct ctl_method *asked = ctl_method_find(&ctl_vswitch_interface, method);
	const struct table *table = find_table(method);
	struct show_column columns[SHOW_MAX_COLUMNS];
	unsigned n_columns = show_switch_columns(method, columns);
	struct plain_rows plain;
	struct err draw = {0};
	int r = 0, drawn;

	if (!asked || asked->reply != CTL_ROWS)
		return err_set(err, -EINVAL, "method '%s' shows nothing", method);
	plain.show = show_begin(stdout, opts, columns, n_columns);
	plain.schema = asked->out;
	if (!plain.show)
		return err_set(err, -ENOMEM, "out of memory");
	show_rows_of(plain.show, asked->out);
	for (unsigned m = 0; !r && m < n_msgs; m++) {
		if (table->row == port_link_row)
			r = link_rows(client, msgs[m], plain.show, err);
		else if (table->row == fdb_row)
			r = fdb_rows(client, msgs[m], plain.show, err);
		else if (table->row == vlan_row)
			r = vlan_rows(opts, client, msgs[m], plain.show, err);
		else if (table->row)
			r = ctl_client_rows(client, method, msgs[m], table->row, plain.show, err);
		else
			r = ctl_client_rows(client, method, msgs[m], plain_row, &plain, err);
	}
	drawn = r ? show_discard(plain.show) : show_end(plain.show, &draw);
	if (!r && drawn < 0)
		*err = draw;
	return r ? r : drawn;
}
