/** show: results as lines for people, and JSON for programs. Threads: one. */
#ifndef WEFT_TOOLS_PKTLAB_SHOW_H
#define WEFT_TOOLS_PKTLAB_SHOW_H

#include "cli.h"

/** Print and release. */
void show_json(json_t *object);
/** A finished run: a line for each stream and port that it goes to. */
void show_result(const struct engine *engine, const struct engine_run *run);
/** One line on a terminal that is written over; nothing elsewhere. */
void show_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void show_progress_end(void);

#endif
