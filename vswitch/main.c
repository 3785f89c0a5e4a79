/* vswitch: read the command line, put the parts together, run, take them apart in reverse. */
#include "ev.h"
#include "options.h"
#include "control/switch.h"
#include "eal/eal.h"
#include "version.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

LOG_MODULE("vswitch");

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

static void stop_on_signal(void *ctx, int signo)
{
	log_info("stopping, signal=%d", signo);
	ev_stop(ctx);
}

/* A connected port holds about a dozen descriptors; the usual soft limit is enough for 80 ports. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	/* Where it is refused, ports beyond the limit fail with that reason. */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(const struct options *options, struct err *err)
{
	const int signals[] = {SIGINT, SIGTERM};
	struct switch_params params = {
		.control_path = options->control,
		.state_dir = options->state,
		.metrics = options->metrics.text[0] ? &options->metrics : NULL,
		.cpus = options->cpus,
		.n_workers = options->n_cpus,
		.rebalance_s = options->rebalance_s,
		.hold_budget = options->hold_memory,
		.busy = options->busy,
	};
	struct vswitch *sw = NULL;
	struct ev *ev;
	int r;

	r = ev_create(&ev);
	if (r < 0)
		return err_set(err, r, "event loop: %s", strerror(-r));
	/* Before any thread starts: they inherit the blocked signals. */
	r = ev_add_signals(ev, signals, 2, stop_on_signal, ev, NULL);
	if (r < 0) {
		(void)err_set(err, r, "signals: %s", strerror(-r));
		goto done_ev;
	}
	r = options_prepare_control(options, err);
	if (r < 0)
		goto done_ev;
	r = switch_create(ev, &params, &sw, err);
	if (r < 0)
		goto done_ev;
	log_notice("ready, version=%s, control=%s, workers=%u", weft_version(), options->control,
		options->n_cpus);
	r = ev_run(ev);
	if (r < 0)
		(void)err_set(err, r, "event loop: %s", strerror(-r));
	switch_destroy(sw);
done_ev:
	eal_stop(); /* which ports started that needed it */
	ev_destroy(ev);
	return r;
}

int main(int argc, char **argv)
{
	struct options options;
	struct err err = {0};

	if (options_parse(argc, argv, &options, &err) < 0) {
		err_print(&err, "vswitch");
		return EXIT_USAGE;
	}
	if (options.help || options.version) {
		if (options.help)
			(void)fputs(options_usage(), stdout);
		else
			(void)printf("vswitch %s\n", weft_version());
		return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
	}
	log_set_level(options.log_level);
	log_set_times(log_wants_times());
	(void)signal(SIGPIPE, SIG_IGN);
	raise_fd_limit();
	if (run(&options, &err) < 0) {
		err_print(&err, "vswitch");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}
