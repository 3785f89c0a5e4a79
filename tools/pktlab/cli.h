/**
 * cli: what the verbs of the command line have in common: ports, a stream, an end, Ctrl-C.
 *
 * Options make the same JSON that the agent takes, and go through the same reader: there is one
 * description of a stream, not two.
 * Threads: one. Life cycle: cli_parse; cli_up; the verb; cli_done, also after cli_parse() failed.
 */
#ifndef WEFT_TOOLS_PKTLAB_CLI_H
#define WEFT_TOOLS_PKTLAB_CLI_H

#include "engine.h"

#include <jansson.h>

struct cli {
	struct engine *engine;
	json_t *stream; /* what the stream options said */
	double seconds; /* 0: until Ctrl-C */
	uint64_t count; /* frames; 0: no limit */
	bool json, quiet;
	const char *file, *filter, *ip, *mac, *streams; /* of single verbs; argv's */
	double speed; /* of a replay: 1 is as captured; 0: as fast as --rate says */
	unsigned loops;
};

/** Options that a verb takes besides --port, --duration, --json and --quiet. */
enum {
	CLI_STREAM = 1, /* --rate and all that a frame consists of, --count */
	CLI_FILE = 2,   /* an argument: a capture file */
	CLI_FILTER = 4,
	CLI_ANSWER = 8,  /* --ip, --mac */
	CLI_REPLAY = 16, /* --speed, --loop, --rate */
	CLI_COUNT = 32,
};

/**
 * Read arguments (argv[0] is the verb) and open the ports.
 * returns  0, or an exit status after it said why: 1 (a port), 2 (an argument)
 */
int cli_parse(struct cli *cli, int argc, char **argv, unsigned accepts);
/** Once all arguments were found right: wait until the ports are up; 0, or 1 after it said why. */
int cli_up(struct cli *cli);
void cli_done(struct cli *cli);
/** `pktlab: error: ...` and the hint; returns 1. */
int cli_fail(const struct err *err);

/** Was Ctrl-C pressed since the program began? */
bool cli_interrupted(void);

struct cli_loop {
	/** A frame came in; data is borrowed for the call. */
	void (*frame)(void *ctx, unsigned port, const uint8_t *data, uint32_t len);
	/** About once a second, and at the end. May be NULL. */
	void (*second)(void *ctx, double elapsed_s, bool last);
	/** About once a millisecond and whenever frames came; true ends the loop. May be NULL. */
	bool (*turn)(void *ctx);
	void *ctx;
	double seconds; /* 0: until Ctrl-C */
};
/** Take in frames at all ports. Naps when nothing comes. */
void cli_loop(struct engine *engine, const struct cli_loop *loop);

/** Send one frame, waiting up to a millisecond for room; false: there was none. */
bool cli_send(struct engine *engine, unsigned port, const uint8_t *data, uint32_t len);

#endif
