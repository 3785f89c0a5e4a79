#include "cmd.h"

#include <stdio.h>
#include <string.h>

static const struct cmd *const cmds[] = {&cmd_gen, &cmd_sink, &cmd_reflect, &cmd_replay,
	&cmd_capture, &cmd_respond, &cmd_console, &cmd_agent};
#define N_CMDS (sizeof(cmds) / sizeof(cmds[0]))

static void print_help(void)
{
	printf("usage: pktlab VERB [ARGUMENT]...\n\nSends, receives and accounts for frames.\n\n");
	for (unsigned i = 0; i < N_CMDS; i++)
		printf("  %-9s %s\n", cmds[i]->name, cmds[i]->purpose);
	printf("\npktlab VERB --help says more; pktlab(1) says all.\n");
}

int main(int argc, char **argv)
{
	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
		!strcmp(argv[1], "help")) {
		print_help();
		return argc < 2 ? 2 : 0;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("pktlab %s\n", WEFT_VERSION);
		return 0;
	}
	for (unsigned i = 0; i < N_CMDS; i++) {
		if (strcmp(argv[1], cmds[i]->name))
			continue;
		if (argc > 2 && !strcmp(argv[2], "--help")) {
			printf("usage: pktlab %s %s\n\n%s\n", cmds[i]->name, cmds[i]->usage,
				cmds[i]->purpose);
			return 0;
		}
		return cmds[i]->run(argc - 1, argv + 1);
	}
	fprintf(stderr, "pktlab: error: verb '%s' is unknown\npktlab: hint: see pktlab --help\n",
		argv[1]);
	return 2;
}
