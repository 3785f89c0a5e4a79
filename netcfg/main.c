/* netcfg: labs, bridges, VLANs, ports and links from the command line. */
#include "cmd.h"

#include "version.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct opts opts = {0};
	struct err err = {0};
	unsigned n = 0;

	(void)setlocale(LC_CTYPE,
		"C.UTF-8");       /* names are UTF-8, and tables aligned by what they look like */
	signal(SIGPIPE, SIG_IGN); /* a daemon that goes away is an error to report, not a death */
	if (opts_parse(&opts, argv + 1, (unsigned)argc - 1, &n, &err) < 0)
		return cmd_fail(&err);
	if (opts.version) {
		printf("netcfg %s\n", WEFT_VERSION);
		return EXIT_DONE;
	}
	if (opts.batch)
		return cmd_batch(&opts);
	return cmd_run(&opts, argv + 1, n);
}
