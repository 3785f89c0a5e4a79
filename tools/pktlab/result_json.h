/**
 * result_json: what a run counted, as the JSON object that the agent answers with.
 * pktlab(1) explains the members. Threads: one.
 */
#ifndef WEFT_TOOLS_PKTLAB_RESULT_JSON_H
#define WEFT_TOOLS_PKTLAB_RESULT_JSON_H

#include "engine.h"

#include <jansson.h>

/** Owned by the caller; NULL: no memory. hist: with whole histograms of latency. */
json_t *result_to_json(const struct engine *engine, const struct engine_run *run, bool hist);
/** Ports and how they are: for an answer to "open" and "wait". */
json_t *ports_to_json(const struct engine *engine);

#endif
