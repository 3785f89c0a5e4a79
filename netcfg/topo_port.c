#include "topo_priv.h"

#include "capture_file.h"
#include "ctl_field.h"
#include "port_type.h"
#include "topo_spec.h"

#include <stdio.h>
#include <string.h>

/* The key of a field of ctl_port; NULL = it has none. */
static const char *key_of(const char *field)
{
	const struct ctl_field *row = ctl_field_find(&ctl_port_schema, field);

	return row ? row->lab : NULL;
}

/* Where the value of that field stands in the file; the name of the port where it does not. */
static struct diag_mark mark_of(const struct yaml_value *port, const char *field)
{
	const struct yaml_value *value = key_of(field) ? topo_yaml_get(port, key_of(field)) : NULL;

	return value ? value->mark : port->key->mark;
}

static bool refuse(struct topo_reader *reader, const struct yaml_value *value,
	const struct err *err)
{
	diag_hint(diag_add(reader->diag, mark_of(value, err->field), DIAG_PORT, "port \"%s\": %s",
			  value->key->text, err->msg),
		"%s", err->hint);
	return false;
}

/* Relative paths start where the file is. */
static const char *absolute(struct topo_reader *reader, const char *path)
{
	const char *text = path[0] == '/'
				   ? path
				   : arena_printf(&reader->topo->arena, "%s/%s", reader->dir, path);

	return text ? text : path;
}

static bool read_texts(struct topo_reader *reader, const struct yaml_value *port,
	struct ctl_port *conf)
{
	bool ok = true;

	for (const struct yaml_value *v = port->first; v; v = v->next) {
		struct topo_field key;
		struct err err = {0};

		if (!topo_schema_find(&topo_port_schema, v->key->text, &key) ||
			key.kind != TOPO_TEXT)
			continue;
		if (ctl_field_parse(&ctl_port_schema, conf, key.of->name,
			    key.of->is_path ? absolute(reader, v->text) : v->text, &err) < 0)
			ok = refuse(reader, port, &err);
	}
	return ok;
}

static bool check_file(struct topo_reader *reader, const struct yaml_value *port,
	const struct ctl_port *conf)
{
	const struct yaml_value *file = topo_yaml_get(port, key_of("rx_file"));
	struct err err = {0};

	if (!reader->check_files || !file || !capture_file_check(conf->rx_file, &err))
		return true;
	diag_hint(diag_add(reader->diag, file->mark, DIAG_PORT, "file \"%.80s\": %s", file->text,
			  err.msg),
		"%s", err.hint[0] ? err.hint : topo_path_hint(file->text, -err.code));
	return false;
}

static bool check_others(struct topo_reader *reader, const struct yaml_value *value,
	const struct ctl_port *conf)
{
	const struct topo *topo = reader->topo;

	for (unsigned i = 0; i < topo->n_ports; i++) {
		const char *field = port_type_conflict(conf, &topo->ports[i].conf);

		if (!field)
			continue;
		diag_add(reader->diag, mark_of(value, field), DIAG_PORT,
			"port \"%s\": its %s is in use by port \"%s\", at line %u", conf->name,
			key_of(field), topo->ports[i].name, topo->ports[i].mark.line);
		return false;
	}
	return true;
}

/* false: what is wrong is in diag. */
static bool read_conf(struct topo_reader *reader, const struct yaml_value *value,
	struct ctl_port *conf)
{
	unsigned errors = reader->diag->n;
	struct err err = {0};

	topo_spec_read(&topo_port_schema, value, conf, reader->diag);
	if (!CTL_HAS(conf, ctl_port, type) && reader->diag->n == errors)
		diag_hint(diag_add(reader->diag, value->key->mark, DIAG_MISSING_KEY,
				  "port \"%s\" has no \"type\"", value->key->text),
			"add \"type: tap\", or another type");
	if (reader->diag->n != errors)
		return false;
	CTL_SET_STR(conf, ctl_port, name, value->key->text);
	if (!read_texts(reader, value, conf))
		return false;
	if (port_type_check(conf, &err) < 0)
		return refuse(reader, value, &err);
	port_type_complete(conf);
	return check_file(reader, value, conf) && check_others(reader, value, conf);
}

static bool check_name(struct topo_reader *reader, const struct yaml_value *key)
{
	const struct topo *topo = reader->topo;
	int node = topo_find_node(topo, key->text), bridge = topo_find_bridge(topo, key->text);

	if (topo_is_misplaced(key, "ports", reader->diag) ||
		!topo_name_check("port", key->text, key->mark, TOPO_NAME_MAX, reader->diag))
		return false;
	if (node < 0 && bridge < 0)
		return true;
	diag_add(reader->diag, key->mark, DIAG_NAME_TAKEN,
		"\"%s\" is the name of a %s already, at line %u", key->text,
		node < 0 ? "bridge" : "node",
		node < 0 ? topo->bridges[bridge].mark.line : topo->nodes[node].mark.line);
	return false;
}

void topo_read_ports(struct topo_reader *reader, const struct yaml_value *ports)
{
	struct topo *topo = reader->topo;

	if (!ports || !ports->n)
		return;
	if (ports->n > TOPO_MAX_PORTS) {
		diag_add(reader->diag, ports->mark, DIAG_LIMIT, "more than %d ports",
			TOPO_MAX_PORTS);
		return;
	}
	topo->ports = arena_alloc(&topo->arena, ports->n * sizeof(*topo->ports));
	for (const struct yaml_value *v = topo->ports ? ports->first : NULL; v; v = v->next) {
		struct ctl_port conf = {0};

		if (!check_name(reader, v->key))
			continue;
		/* With errors, too: links to it are not wrong. */
		if (!read_conf(reader, v, &conf))
			conf = (struct ctl_port){0};
		topo->ports[topo->n_ports++] = (struct topo_port){.name = v->key->text,
			.mark = v->key->mark,
			.conf = conf,
			.ip = mark_of(v, "ip")};
	}
}
