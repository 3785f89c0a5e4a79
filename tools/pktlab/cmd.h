/**
 * cmd: the verbs of pktlab. Each takes its arguments, argv[0] being the verb, and returns the
 * program's exit status: 0, 1 (it failed), 2 (wrong arguments).
 */
#ifndef WEFT_TOOLS_PKTLAB_CMD_H
#define WEFT_TOOLS_PKTLAB_CMD_H

struct cmd {
	const char *name;
	const char *purpose; /* one line */
	const char *usage;   /* the rest */
	int (*run)(int argc, char **argv);
};

extern const struct cmd cmd_gen, cmd_sink, cmd_reflect, cmd_replay, cmd_capture, cmd_respond,
	cmd_console, cmd_agent;

#endif
