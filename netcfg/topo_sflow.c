/* The switch's sFlow agent: what is sampled, and where it is sent. */
#include "topo_priv.h"

#include "ctl_field.h"
#include "sflow/sflow_check.h"
#include "topo_spec.h"

static void complain(struct topo_reader *reader, const struct yaml_value *sflow,
	const struct err *err)
{
	const struct yaml_value *value = topo_yaml_get(sflow, err->field);

	if (!value) /* which is missing */
		value = topo_yaml_get(sflow, topo_yaml_get(sflow, "rate") ? "rate" : "poll");
	diag_hint(diag_add(reader->diag, value ? value->mark : sflow->mark, DIAG_VALUE, "%s",
			  err->msg),
		"%s", err->hint);
}

void topo_read_sflow(struct topo_reader *reader, const struct yaml_value *sflow)
{
	struct ctl_sflow *conf = &reader->topo->sflow;
	unsigned errors = reader->diag->n;
	struct sflow_target target;
	struct sflow_agent agent;
	struct err err = {0};

	if (!sflow)
		return;
	topo_spec_read(&topo_sflow_schema, sflow, conf, reader->diag);
	for (const struct yaml_value *v = sflow->first; v && reader->diag->n == errors;
		v = v->next) {
		struct topo_field key;

		if (topo_schema_find(&topo_sflow_schema, v->key->text, &key) &&
			key.kind == TOPO_TEXT &&
			ctl_field_parse(&ctl_sflow_schema, conf, key.of->name, v->text, &err) < 0)
			complain(reader, sflow, &err);
	}
	if (reader->diag->n == errors && sflow_check(conf, &target, &agent, &err) < 0)
		complain(reader, sflow, &err);
}
