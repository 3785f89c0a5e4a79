#include "options.h"

#include "measure.h"
#include "runtime_dir.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *options_usage(void)
{
	return "usage: vswitch [OPTION...]\n"
	       "\n"
	       "A managed layer-2 switch for virtual machines. Runs as an ordinary user, without "
	       "huge\n"
	       "pages; bridges, ports and links are added at run time, with netcfg.\n"
	       "\n"
	       "  --control PATH      socket that netcfg talks to (default\n"
	       "                      $XDG_RUNTIME_DIR/weft/vswitch.sock, or "
	       "/tmp/weft-UID/vswitch.sock)\n"
	       "  --workers CPU-LIST  one packet thread on each CPU, e.g. 2,4-5 (default: one, not "
	       "pinned)\n"
	       "  --rebalance SECONDS|off\n"
	       "                      even out the load of packet threads, no more often (default "
	       "5)\n"
	       "  --hold-memory SIZE  frames that are delayed take no more than this in all "
	       "(default "
	       "1G)\n"
	       "  --state DIR         keep the configuration and addresses in DIR and restore "
	       "them\n"
	       "  --metrics unix:PATH|127.0.0.1:PORT\n"
	       "                      serve counters by HTTP, as OpenMetrics text for Prometheus\n"
	       "  --busy              packet threads poll without ever sleeping\n"
	       "  --log-level LEVEL   err, warn, notice, info or debug (default info)\n"
	       "  --version           print the version\n"
	       "  --help              print this\n";
}

static int bad_cpus(struct err *err, int r, const char *text, const char *why)
{
	(void)err_set(err, r, "--workers '%s': %s", text, why);
	err_hint(err, "give CPU numbers and ranges, as in 2,4-5");
	return r;
}

static int parse_cpu(const char *text, const char **ret_end)
{
	char *end;
	long cpu;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	cpu = strtol(text, &end, 10);
	*ret_end = end;
	return errno || cpu >= CPU_SETSIZE ? -ERANGE : (int)cpu;
}

/* "1", "0,2-3" into cpus[max]. Returns how many, or -EINVAL, -ERANGE (err set). */
static int parse_cpus(const char *text, int *cpus, unsigned max, struct err *err)
{
	const char *at = text;
	unsigned n = 0;

	do {
		int first = parse_cpu(at, &at), last = first;

		if (first >= 0 && *at == '-')
			last = parse_cpu(at + 1, &at);
		if (first == -ERANGE || last == -ERANGE)
			return bad_cpus(err, -ERANGE, text, "no such CPU number");
		if (first < 0 || last < first || (*at && *at != ','))
			return bad_cpus(err, -EINVAL, text, "is no list of CPUs");
		for (; first <= last; first++) {
			for (unsigned i = 0; i < n; i++) {
				if (cpus[i] == first)
					return bad_cpus(err, -EINVAL, text, "names a CPU twice");
			}
			if (n == max)
				return bad_cpus(err, -ERANGE, text, "too many workers");
			cpus[n++] = first;
		}
	} while (*at++ == ',');
	return (int)n;
}

static int default_control(struct options *options, struct err *err)
{
	char dir[sizeof(options->control)];
	int r = runtime_dir_path(dir, sizeof(dir));

	options->control_is_default = true;
	if (r < 0 || snprintf(options->control, sizeof(options->control), "%s/vswitch.sock", dir) >=
			     (int)sizeof(options->control))
		return err_set(err, -EINVAL, "XDG_RUNTIME_DIR is too long");
	return 0;
}

enum {
	OPT_CONTROL = 256,
	OPT_WORKERS,
	OPT_REBALANCE,
	OPT_HOLD_MEMORY,
	OPT_STATE,
	OPT_METRICS,
	OPT_BUSY,
	OPT_LOG_LEVEL,
	OPT_VERSION,
	OPT_HELP
};

static int parse_rebalance(struct options *options, const char *text, struct err *err)
{
	unsigned long s;
	char *end;

	if (!strcmp(text, "off")) {
		options->rebalance_s = 0;
		return 0;
	}
	errno = 0;
	s = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || s < 1 || s > OPTIONS_REBALANCE_MAX_S) {
		(void)err_set(err, -EINVAL, "--rebalance '%.64s': is no time", text);
		err_hint(err, "seconds, 1 to %u, or off", OPTIONS_REBALANCE_MAX_S);
		return -EINVAL;
	}
	options->rebalance_s = (unsigned)s;
	return 0;
}

static int parse_hold_memory(struct options *options, const char *text, struct err *err)
{
	int r = measure_parse(MEASURE_SIZE, text, 0, OPTIONS_HOLD_MEMORY_MAX, &options->hold_memory,
		err);

	return r < 0 ? err_prefix(err, "--hold-memory") : 0;
}

static int apply_option(struct options *options, int opt, const char *arg, struct err *err)
{
	int n;

	switch (opt) {
	case OPT_CONTROL:
		if (!arg[0] || strlen(arg) >= sizeof(options->control))
			return err_set(err, -EINVAL, "--control '%.64s': no usable path", arg);
		(void)snprintf(options->control, sizeof(options->control), "%s", arg);
		return 0;
	case OPT_WORKERS:
		n = parse_cpus(arg, options->cpus, OPTIONS_MAX_WORKERS, err);
		options->n_cpus = n > 0 ? (unsigned)n : 0;
		return n < 0 ? -EINVAL : 0;
	case OPT_REBALANCE:
		return parse_rebalance(options, arg, err);
	case OPT_HOLD_MEMORY:
		return parse_hold_memory(options, arg, err);
	case OPT_STATE:
		if (!arg[0])
			return err_set(err, -EINVAL, "--state: directory missing");
		options->state = arg;
		return 0;
	case OPT_METRICS:
		n = metrics_address_parse(arg, &options->metrics, err);
		return n < 0 ? err_prefix(err, "--metrics") : 0;
	case OPT_BUSY:
		options->busy = true;
		return 0;
	case OPT_LOG_LEVEL:
		if (log_level_parse(arg, &options->log_level) == 0)
			return 0;
		(void)err_set(err, -EINVAL, "--log-level '%.64s': no such level", arg);
		err_hint(err, "err, warn, notice, info or debug");
		return -EINVAL;
	case OPT_VERSION:
		options->version = true;
		return 0;
	case OPT_HELP:
		options->help = true;
		return 0;
	default:
		return -EINVAL;
	}
}

int options_parse(int argc, char *const argv[], struct options *ret_options, struct err *err)
{
	static const struct option longs[] = {
		{"control", required_argument, NULL, OPT_CONTROL},
		{"workers", required_argument, NULL, OPT_WORKERS},
		{"rebalance", required_argument, NULL, OPT_REBALANCE},
		{"hold-memory", required_argument, NULL, OPT_HOLD_MEMORY},
		{"state", required_argument, NULL, OPT_STATE},
		{"metrics", required_argument, NULL, OPT_METRICS},
		{"busy", no_argument, NULL, OPT_BUSY},
		{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
		{"version", no_argument, NULL, OPT_VERSION},
		{"help", no_argument, NULL, OPT_HELP},
		{0},
	};
	struct options *options = ret_options;
	int opt, r = 0;

	*options = (struct options){.cpus = {OPTIONS_CPU_ANY},
		.n_cpus = 1,
		.rebalance_s = OPTIONS_REBALANCE_S,
		.hold_memory = OPTIONS_HOLD_MEMORY,
		.log_level = LOG_INFO};
	optind = 0; /* glibc: start over, whoever parsed before */
	while (r == 0 && (opt = getopt_long(argc, argv, "+:h", longs, NULL)) != -1) {
		if (opt == ':')
			r = err_set(err, -EINVAL, "option '%s' needs a value", argv[optind - 1]);
		else if (opt == '?')
			r = err_set(err, -EINVAL, "option '%s' is unknown or takes no value",
				argv[optind - 1]);
		else
			r = apply_option(options, opt == 'h' ? OPT_HELP : opt, optarg, err);
	}
	if (r == 0 && optind < argc)
		r = err_set(err, -EINVAL, "argument '%.64s': none is expected", argv[optind]);
	if (r == 0 && !options->control[0])
		r = default_control(options, err);
	if (r < 0 && err && !err->hint[0])
		err_hint(err, "see `vswitch --help`");
	return r;
}

int options_prepare_control(const struct options *options, struct err *err)
{
	char dir[OPTIONS_PATH_SIZE];
	struct stat st;

	if (!options->control_is_default)
		return 0;
	(void)snprintf(dir, sizeof(dir), "%s", options->control);
	*strrchr(dir, '/') = '\0';
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, -errno, "directory '%s': cannot create: %s", dir,
			strerror(errno));
	/* In /tmp somebody else may have been first. */
	if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
		(st.st_mode & 022)) {
		(void)err_set(err, -EACCES, "directory '%s': is not this user's alone", dir);
		err_hint(err, "remove it, or choose another socket with `--control PATH`");
		return -EACCES;
	}
	return 0;
}
