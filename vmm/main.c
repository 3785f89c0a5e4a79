/* vmm: parse, wire, run, tear down in reverse. */
#include "args.h"
#include "err.h"
#include "ev.h"
#include "kvm.h"
#include "log.h"
#include "machine.h"
#include "version.h"

#include <signal.h>
#include <stdlib.h>

LOG_MODULE("main");

#define EXIT_USAGE 2
#define STOP_TIMEOUT_S 10

static void main_on_signal(void *ctx, int signo)
{
	struct machine *machine = ctx;

	// The second one is meant.
	machine_stop(machine, machine_is_stopping(machine), STOP_TIMEOUT_S);
}

static int main_run_machine(const struct config *config, struct ev *ev, struct err *err)
{
	static const int signos[] = { SIGTERM, SIGINT, SIGHUP };
	struct machine *machine = NULL;
	int kvm_fd, code, status = EXIT_FAILURE;

	if (kvm_open(&kvm_fd, err) < 0)
		return status;
	if (machine_create(config, kvm_fd, ev, &machine, err) < 0)
		return status;
	code = ev_add_signals(ev, signos, sizeof(signos) / sizeof(signos[0]), main_on_signal, machine, NULL);
	if (code < 0)
		(void)err_set(err, code, "cannot watch signals");
	if (!code && machine_start(machine, err) == 0 && ev_run(ev) == 0)
		status = machine_failed(machine) ? EXIT_FAILURE : EXIT_SUCCESS;
	machine_destroy(machine);
	return status;
}

static int main_run(const struct config *config)
{
	struct err err = { 0 };
	struct ev *ev = NULL;
	int status;

	(void)signal(SIGPIPE, SIG_IGN); // writes report it
	if (ev_create(&ev) < 0)
		return EXIT_FAILURE;
	status = main_run_machine(config, ev, &err);
	ev_destroy(ev);
	if (err.code)
		err_print(&err, "vmm");
	return status;
}

int main(int argc, char **argv)
{
	struct args *args = malloc(sizeof(*args));
	struct err err = { 0 };
	int status = EXIT_SUCCESS;

	if (!args)
		return EXIT_FAILURE;
	if (args_parse(argc, argv, args, &err) < 0) {
		err_print(&err, "vmm");
		free(args);
		return EXIT_USAGE;
	}
	log_set_level(args->log_level);
	switch (args->command) {
	case ARGS_RUN:
		status = main_run(&args->config);
		break;
	case ARGS_CHECK:
		break;
	case ARGS_HELP:
		args_print_usage(stdout);
		break;
	case ARGS_VERSION:
		(void)printf("vmm %s\n", WEFT_VERSION);
		break;
	}
	free(args);
	return status;
}
