#include "engine.h"

#include "err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct engine *engine_create(void)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	engine->ports = calloc(ENGINE_MAX_PORTS, sizeof(*engine->ports));
	if (!engine->ports) {
		free(engine);
		return NULL;
	}
	return engine;
}

static void sender_done(struct sender *sender)
{
	stream_done(&sender->stream);
	shape_destroy(sender->shape);
	free(sender->flows);
	free(sender->strays);
}

static void remove_senders(struct engine *engine)
{
	for (unsigned i = 0; i < engine->n_senders; i++) {
		engine->by_id[engine->senders[i].stream.id] = 0;
		sender_done(&engine->senders[i]);
	}
	free(engine->senders);
	engine->senders = NULL;
	engine->n_senders = 0;
}

void engine_remove_ports(struct engine *engine)
{
	remove_senders(engine);
	while (engine->n_ports)
		port_close(&engine->ports[--engine->n_ports].port);
}

void engine_destroy(struct engine *engine)
{
	if (!engine)
		return;
	engine_remove_ports(engine);
	free(engine->ports);
	free(engine);
}

/* ---- Ports ---- */

int engine_find_port(const struct engine *engine, const char *name)
{
	for (unsigned i = 0; i < engine->n_ports; i++)
		if (!strcmp(engine->ports[i].port.name, name))
			return (int)i;
	return -1;
}

int engine_add_port(struct engine *engine, const char *name, const char *spec, struct err *err)
{
	if (engine_find_port(engine, name) >= 0)
		return err_set(err, -EEXIST, "port '%s' exists already", name);
	if (engine->n_ports == ENGINE_MAX_PORTS)
		return err_set(err, -ENOSPC, "port '%s': there are %u already", name,
			ENGINE_MAX_PORTS);
	struct engine_port *port = &engine->ports[engine->n_ports];
	*port = (struct engine_port){0};
	int r = port_open(&port->port, name, spec, err);
	if (!r)
		engine->n_ports++;
	return r;
}

const struct port *engine_find_down(const struct engine *engine)
{
	for (unsigned i = 0; i < engine->n_ports; i++)
		if (!engine->ports[i].port.is_up)
			return &engine->ports[i].port;
	return NULL;
}

void engine_discard(struct engine *engine)
{
	struct port_frame frames[PORT_BURST];

	for (unsigned i = 0; i < engine->n_ports; i++) {
		struct port *port = &engine->ports[i].port;
		unsigned n = 1;

		/* At most what may lie there: another may send without end. */
		for (unsigned taken = 0; n && taken < 2 * port->ring; taken += n) {
			n = port->ops->rx_begin(port, PORT_BURST, frames);
			if (n)
				port->ops->rx_end(port, n);
		}
	}
}

void engine_tend(struct engine *engine)
{
	for (unsigned i = 0; i < engine->n_ports; i++)
		engine->ports[i].port.ops->tend(&engine->ports[i].port);
	engine_discard(engine);
}

/* ---- Streams ---- */

static int sender_init(struct engine *engine, struct sender *sender, struct err *err)
{
	const struct stream *stream = &sender->stream;

	sender->shape = shape_create(stream, ++engine->serial);
	sender->flows = calloc(stream->n_to ? stream->n_to : 1, sizeof(*sender->flows));
	sender->strays = calloc(ENGINE_STRAYS, sizeof(*sender->strays));
	if (!sender->shape || !sender->flows || !sender->strays)
		return err_set(err, -ENOMEM, "stream %u: out of memory", stream->id);
	memset(sender->flow_of, FLOW_NONE, sizeof(sender->flow_of));
	for (unsigned i = 0; i < stream->n_to; i++) {
		sender->flows[i].port = stream->to[i];
		sender->flow_of[stream->to[i]] = (uint8_t)i;
	}
	return 0;
}

static int check_streams(const struct engine *engine, const struct stream *streams, unsigned n,
	struct err *err)
{
	unsigned n_flows = 0;

	if (n > ENGINE_MAX_STREAMS)
		return err_set(err, -E2BIG, "%u streams are more than %u", n, ENGINE_MAX_STREAMS);
	for (unsigned i = 0; i < n; i++) {
		const struct stream *stream = &streams[i];
		int r = stream_check(stream, engine->ports[stream->from].port.frame_max, err);

		if (r)
			return r;
		if (stream->n_to > FLOW_NONE)
			return err_set(err, -E2BIG, "stream %u goes to more than %u ports",
				stream->id, FLOW_NONE);
		n_flows += stream->n_to;
	}
	if (n_flows > ENGINE_MAX_FLOWS)
		return err_set(err, -E2BIG, "%u pairs of a stream and a port are more than %u",
			n_flows, ENGINE_MAX_FLOWS);
	return 0;
}

int engine_set_streams(struct engine *engine, struct stream *streams, unsigned n, struct err *err)
{
	int r = check_streams(engine, streams, n, err);

	remove_senders(engine);
	if (!r) {
		engine->senders = calloc(n ? n : 1, sizeof(*engine->senders));
		if (!engine->senders)
			r = err_set(err, -ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < n; i++) {
		if (r) {
			stream_done(&streams[i]);
			continue;
		}
		uint16_t id = streams[i].id;
		struct sender *sender = &engine->senders[engine->n_senders];

		sender->stream = streams[i];
		if (engine->by_id[id]) {
			r = err_set(err, -EEXIST, "stream %u is there twice", id);
			sender_done(sender);
			continue;
		}
		engine->by_id[id] = (uint16_t)++engine->n_senders;
		r = sender_init(engine, sender, err);
	}
	if (r)
		remove_senders(engine);
	return r;
}
