/* vmm: parse, wire, run, tear down in reverse. */
#include "args.h"
#include "check.h"
#include "err.h"
#include "ev.h"
#include "kvm.h"
#include "vm_limits.h"
#include "log.h"
#include "machine.h"
#include "machine_ctl.h"
#include "machine_metrics.h"
#include "version.h"

#include <signal.h>
#include <stdlib.h>

LOG_MODULE("main");

#define EXIT_USAGE     2
#define STOP_TIMEOUT_S 10

static void on_signal(void *ctx, int signo)
{
	struct machine *machine = ctx;

	/* The second one is meant. */
	machine_stop(machine, machine_is_stopping(machine), STOP_TIMEOUT_S);
}

static int run_machine(const struct config *config, struct ev *ev, struct err *err)
{
	static const int signos[] = {SIGTERM, SIGINT, SIGHUP};
	struct machine_metrics *metrics = NULL;
	struct machine_ctl *ctl = NULL;
	struct machine *machine = NULL;
	int kvm_fd, r, status = EXIT_FAILURE;

	if (vm_limits_raise(config, err) < 0 || (!config->slow_kvm && check_kvm_quick(err) < 0) ||
		kvm_open(&kvm_fd, err) < 0)
		return status;
	if (machine_create(config, kvm_fd, ev, &machine, err) < 0)
		return status;
	if (config->control[0] && machine_ctl_create(machine, ev, config->control, &ctl, err) < 0)
		goto done;
	if (config->metrics.text[0] && machine_metrics_create(machine, ev, &metrics, err) < 0)
		goto done;
	r = ev_add_signals(ev, signos, sizeof(signos) / sizeof(signos[0]), on_signal, machine,
		NULL);
	if (r < 0)
		(void)err_set(err, r, "cannot watch signals");
	if (!r && machine_start(machine, err) == 0 && ev_run(ev) == 0)
		status = machine_failed(machine) ? EXIT_FAILURE
			 : config->exit_status   ? (int)machine_exit_status(machine)
						 : EXIT_SUCCESS;
done:
	machine_metrics_destroy(metrics);
	machine_ctl_destroy(ctl);
	machine_destroy(machine);
	return status;
}

static int run_command(const struct config *config)
{
	struct err err = {0};
	struct ev *ev = NULL;
	int status;

	(void)signal(SIGPIPE, SIG_IGN); /* writes report it */
	(void)signal(SIGXFSZ, SIG_IGN); /* as they do a file that may not grow (ulimit -f) */
	if (ev_create(&ev) < 0)
		return EXIT_FAILURE;
	status = run_machine(config, ev, &err);
	ev_destroy(ev);
	if (err.code)
		err_print(&err, "vmm");
	return status;
}

static int run_check(bool json)
{
	struct check_result result;
	struct err err = {0};
	int r = check_kvm(&result, &err);

	check_print(stdout, &result, &err, json);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct args *args = malloc(sizeof(*args));
	struct err err = {0};
	int status = EXIT_SUCCESS;

	if (!args)
		return EXIT_FAILURE;
	if (args_parse(argc, argv, args, &err) < 0) {
		err_print(&err, "vmm");
		free(args);
		return EXIT_USAGE;
	}
	log_set_level(args->log_level);
	log_set_times(log_wants_times());
	switch (args->command) {
	case ARGS_RUN:
		status = run_command(&args->config);
		break;
	case ARGS_CHECK:
		status = run_check(args->json);
		break;
	case ARGS_HELP:
		args_print_usage(stdout);
		break;
	case ARGS_VERSION:
		(void)printf("vmm %s\n", weft_version());
		break;
	}
	free(args);
	return status;
}
