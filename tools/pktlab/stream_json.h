/**
 * stream_json: streams as JSON objects say them, which is how the agent, files and the command line
 * give them. pktlab(1) lists the members. Nothing is taken that is not understood.
 * Threads: one.
 */
#ifndef WEFT_TOOLS_PKTLAB_STREAM_JSON_H
#define WEFT_TOOLS_PKTLAB_STREAM_JSON_H

#include "engine.h"

#include <jansson.h>

/**
 * Read a stream; the ports that it names are engine's.
 * ret_stream  stream_done() after 0 only
 * returns     0, -EINVAL, -ENOMEM with err, which names the member
 */
int stream_from_json(const json_t *object, const struct engine *engine, struct stream *ret_stream,
	struct err *err);

#endif
