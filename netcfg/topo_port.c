#include "topo_priv.h"

#include "capture_file.h"
#include "ctl_field.h"
#include "port_type.h"
#include "str.h"

#include <stdio.h>
#include <string.h>

static bool has(const struct topo_port_spec *spec, const char *key)
{
	return topo_schema_has(&topo_port_schema, spec, key);
}

/* The key of a field of ctl_port. */
static const char *key_of(const char *field, char *buf, size_t size)
{
	(void)str_copy(buf, size, field);
	for (char *c = buf; *c; c++) {
		if (*c == '_')
			*c = '-';
	}
	return buf;
}

/* Where the value of that field stands in the file; the name of the port where it does not. */
static struct diag_mark mark_of(const struct yaml_value *port, const char *field)
{
	char key[64];
	const struct yaml_value *value = topo_yaml_get(port, key_of(field, key, sizeof(key)));

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

static bool read_texts(struct topo_reader *reader, const struct yaml_value *value,
	const struct topo_port_spec *spec, struct ctl_port *conf)
{
	const struct {
		const char *field;
		const struct topo_text *text;
		bool is_file;
	} texts[] = {
		{"dev", &spec->dev, false},
		{"ip", &spec->ip, false},
		{"mac", &spec->mac, false},
		{"owner", &spec->owner, false},
		{"netns", &spec->netns, false},
		{"peer", &spec->peer, false},
		{"devargs", &spec->devargs, false},
		{"path", &spec->path, true},
		{"rx_file", &spec->rx_file, true},
		{"tx_file", &spec->tx_file, true},
	};
	bool ok = true;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err err = {0};
		const char *text = texts[i].text->text;

		if (!text)
			continue;
		if (texts[i].is_file)
			text = absolute(reader, text);
		if (ctl_field_parse(&ctl_port_schema, conf, texts[i].field, text, &err) < 0) {
			(void)str_copy(err.field, sizeof(err.field), texts[i].field);
			ok = refuse(reader, value, &err);
		}
	}
	return ok;
}

static void read_others(const struct topo_port_spec *spec, struct ctl_port *conf)
{
	if (has(spec, "mode"))
		CTL_SET(conf, ctl_port, mode, (uint32_t)spec->mode);
	if (has(spec, "memif-id"))
		CTL_SET(conf, ctl_port, memif_id, (uint32_t)spec->memif_id);
	if (has(spec, "queues"))
		CTL_SET(conf, ctl_port, queues, (uint16_t)spec->queues);
	if (has(spec, "loop"))
		CTL_SET(conf, ctl_port, loop, spec->loop);
	if (has(spec, "rebind"))
		CTL_SET(conf, ctl_port, rebind, spec->rebind);
}

static bool check_file(struct topo_reader *reader, const struct topo_port_spec *spec,
	const struct ctl_port *conf)
{
	struct err err = {0};

	if (!reader->check_files || !conf->rx_file[0] || !capture_file_check(conf->rx_file, &err))
		return true;
	diag_hint(diag_add(reader->diag, spec->rx_file.mark, DIAG_PORT, "file \"%.80s\": %s",
			  spec->rx_file.text, err.msg),
		"%s", err.hint[0] ? err.hint : topo_path_hint(spec->rx_file.text, -err.code));
	return false;
}

static bool check_others(struct topo_reader *reader, const struct yaml_value *value,
	const struct ctl_port *conf)
{
	const struct topo *topo = reader->topo;

	for (unsigned i = 0; i < topo->n_ports; i++) {
		const char *field = port_type_conflict(conf, &topo->ports[i].conf);
		char key[64];

		if (!field)
			continue;
		diag_add(reader->diag, mark_of(value, field), DIAG_PORT,
			"port \"%s\": its %s is in use by port \"%s\", at line %u", conf->name,
			key_of(field, key, sizeof(key)), topo->ports[i].name,
			topo->ports[i].mark.line);
		return false;
	}
	return true;
}

/* false: what is wrong is in diag. */
static bool read_conf(struct topo_reader *reader, const struct yaml_value *value,
	struct ctl_port *conf)
{
	struct topo_port_spec spec = {0};
	unsigned errors = reader->diag->n;
	struct err err = {0};

	topo_schema_read(&topo_port_schema, value, &spec, reader->diag);
	if (!has(&spec, "type") && reader->diag->n == errors)
		diag_hint(diag_add(reader->diag, value->key->mark, DIAG_MISSING_KEY,
				  "port \"%s\" has no \"type\"", value->key->text),
			"add \"type: tap\", or another kind");
	if (reader->diag->n != errors)
		return false;
	CTL_SET_STR(conf, ctl_port, name, value->key->text);
	CTL_SET(conf, ctl_port, type, (uint32_t)spec.type);
	read_others(&spec, conf);
	if (!read_texts(reader, value, &spec, conf))
		return false;
	if (port_type_check(conf, &err) < 0)
		return refuse(reader, value, &err);
	port_type_complete(conf);
	return check_file(reader, &spec, conf) && check_others(reader, value, conf);
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
		topo->ports[topo->n_ports++] = (struct topo_port){
			.name = v->key->text, .mark = v->key->mark, .conf = conf};
	}
}
