/* How the lab's switch is started. */
#include "topo_priv.h"

#include "metrics_server.h"
#include "topo_spec.h"

#include <string.h>

#define UNIX_PREFIX "unix:"

/* A relative path starts where the file is. */
static const char *complete(struct topo_reader *reader, const char *address)
{
	const size_t len = strlen(UNIX_PREFIX);
	const char *text;

	if (strncmp(address, UNIX_PREFIX, len) != 0 || address[len] == '/' || !address[len])
		return address;
	text = arena_printf(&reader->topo->arena, UNIX_PREFIX "%s/%s", reader->dir, address + len);
	return text ? text : address;
}

void topo_read_switch(struct topo_reader *reader, const struct yaml_value *sw)
{
	struct topo_switch_spec spec = {0};
	struct metrics_address address;
	struct err err = {0};

	topo_spec_read(&topo_switch_schema, sw, &spec, reader->diag);
	reader->topo->sw.hold_memory_bytes = spec.hold_memory;
	if (!spec.metrics.text)
		return;
	reader->topo->sw.metrics = complete(reader, spec.metrics.text);
	if (metrics_address_parse(reader->topo->sw.metrics, &address, &err) < 0)
		diag_hint(diag_add(reader->diag, spec.metrics.mark, DIAG_VALUE, "metrics: %s",
				  err.msg),
			"%s", err.hint);
}
