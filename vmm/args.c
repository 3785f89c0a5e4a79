#include "args.h"

#include "err.h"
#include "mem.h"
#include "pci.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_DEFAULT_MEMORY     (256ull << 20)
#define ARGS_DEFAULT_SPEED      10000
#define ARGS_DEFAULT_QUEUE_SIZE 256
#define ARGS_MAX_PARTS          16

typedef int args_parse_fn(struct args *args, const char *value, struct err *err);

struct args_option {
	const char *name;
	const char *value; /* what to print for the value; NULL = none */
	args_parse_fn *parse;
	const char *help;
	bool repeats;
};

/* Values */

static int parse_number(const char *what, const char *text, uint64_t min, uint64_t max,
	uint64_t *ret_value, struct err *err)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno || value < min || value > max)
		return err_set_field(err, -EINVAL, what, "%s: '%s' is not a number in %llu..%llu",
			what, text, (unsigned long long)min, (unsigned long long)max);
	*ret_value = value;
	return 0;
}

static int copy_text(const char *what, const char *value, char *dst, size_t size, struct err *err)
{
	size_t len = strlen(value);

	if (!len)
		return err_set_field(err, -EINVAL, what, "%s: value is empty", what);
	if (len >= size)
		return err_set_field(err, -EINVAL, what,
			"%s: value of %zu characters is longer than %zu", what, len, size - 1);
	memcpy(dst, value, len + 1);
	return 0;
}

static int parse_bool(const char *what, const char *value, bool *ret, struct err *err)
{
	if (!strcmp(value, "on") || !strcmp(value, "off")) {
		*ret = value[1] == 'n';
		return 0;
	}
	return err_set_field(err, -EINVAL, what, "%s: '%s' is neither on nor off", what, value);
}

/* "key=value,key,..." taken apart in a copy; parts point into it. */
struct args_parts {
	char text[CONFIG_PATH_SIZE];
	unsigned n;
	struct {
		char *key;
		char *value; /* NULL = none */
	} parts[ARGS_MAX_PARTS];
};

static int split_parts(const char *what, const char *value, struct args_parts *parts,
	struct err *err)
{
	int r = copy_text(what, value, parts->text, sizeof(parts->text), err);
	char *at = parts->text, *part;

	if (r < 0)
		return r;
	parts->n = 0;
	while ((part = strsep(&at, ","))) {
		if (parts->n == ARGS_MAX_PARTS)
			return err_set_field(err, -EINVAL, what, "%s: more than %u settings", what,
				ARGS_MAX_PARTS);
		parts->parts[parts->n].key = strsep(&part, "=");
		parts->parts[parts->n].value = part;
		parts->n++;
	}
	return 0;
}

static int refuse_setting(const char *what, const char *key, const char *known, struct err *err)
{
	(void)err_set_field(err, -EINVAL, what, "%s: unknown setting '%s'", what, key);
	err_hint(err, "settings are %s", known);
	return -EINVAL;
}

/* Options of `run` */

static int set_name(struct args *args, const char *value, struct err *err)
{
	for (const char *c = value; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return err_set_field(err, -EINVAL, "--name",
				"--name: '%s' has a character other than letters, digits, '.', '_' "
				"and '-'",
				value);
	}
	return copy_text("--name", value, args->config.name, sizeof(args->config.name), err);
}

static int set_vcpus(struct args *args, const char *value, struct err *err)
{
	uint64_t n = 0;
	int r = parse_number("--vcpus", value, 1, CONFIG_MAX_VCPUS, &n, err);

	args->config.n_vcpus = (unsigned)n;
	return r;
}

static int set_memory(struct args *args, const char *value, struct err *err)
{
	static const char units[] = "KMGT";
	uint64_t number = 0, unit = 1ull << 20;
	char digits[24];
	size_t len = strspn(value, "0123456789");
	const char *suffix = value + len, *found;

	if (len && len < sizeof(digits) && (!*suffix || !suffix[1])) {
		found = *suffix ? strchr(units, toupper((unsigned char)*suffix)) : units + 1;
		memcpy(digits, value, len);
		digits[len] = '\0';
		if (found) {
			unit = 1024ull << (10 * (found - units));
			if (parse_number("--memory", digits, 1, MEM_MAX_BYTES, &number, NULL) ==
					0 &&
				number <= MEM_MAX_BYTES / unit && number * unit >= MEM_MIN_BYTES) {
				args->config.memory_bytes = number * unit;
				return 0;
			}
		}
	}
	(void)err_set_field(err, -EINVAL, "--memory",
		"--memory: '%s' is not a size in %lluM..%lluG", value, MEM_MIN_BYTES >> 20,
		MEM_MAX_BYTES >> 30);
	err_hint(err, "write a number with K, M, G or T, for example 256M");
	return -EINVAL;
}

static int set_kernel(struct args *args, const char *value, struct err *err)
{
	return copy_text("--kernel", value, args->config.kernel, sizeof(args->config.kernel), err);
}

static int set_initrd(struct args *args, const char *value, struct err *err)
{
	return copy_text("--initrd", value, args->config.initrd, sizeof(args->config.initrd), err);
}

static int set_cmdline(struct args *args, const char *value, struct err *err)
{
	if (!*value)
		return 0; /* an empty command line is one */
	return copy_text("--cmdline", value, args->config.cmdline, sizeof(args->config.cmdline),
		err);
}

static int set_control(struct args *args, const char *value, struct err *err)
{
	return copy_text("--control", value, args->config.control, sizeof(args->config.control),
		err);
}

static int set_metrics(struct args *args, const char *value, struct err *err)
{
	int r = metrics_address_parse(value, &args->config.metrics, err);

	return r < 0 ? err_prefix(err, "--metrics") : 0;
}

static int set_digest(struct args *args, const char *value, struct err *err)
{
	return copy_text("--config-digest", value, args->config.digest, sizeof(args->config.digest),
		err);
}

static int set_rng(struct args *args, const char *value, struct err *err)
{
	return parse_bool("--rng", value, &args->config.rng, err);
}

static int set_hugepages(struct args *args, const char *value, struct err *err)
{
	args->config.hugepages = true;
	return 0;
}

static int set_slow_kvm(struct args *args, const char *value, struct err *err)
{
	args->config.slow_kvm = true;
	return 0;
}

static int set_exit_status(struct args *args, const char *value, struct err *err)
{
	args->config.exit_status = true;
	return 0;
}

static int set_no_seccomp(struct args *args, const char *value, struct err *err)
{
	args->config.seccomp = false;
	return 0;
}

static int set_log_level(struct args *args, const char *value, struct err *err)
{
	if (log_level_parse(value, &args->log_level) < 0)
		return err_set_field(err, -EINVAL, "--log-level",
			"--log-level: '%s' is none of err, warn, notice, info, debug", value);
	return 0;
}

static int set_json(struct args *args, const char *value, struct err *err)
{
	args->json = true;
	return 0;
}

/* --net */

static int parse_net_setting(struct config_net *net, const char *key, const char *value,
	struct err *err)
{
	uint64_t n = 0;
	int r = 0;

	if (!value)
		return err_set_field(err, -EINVAL, "--net", "--net: setting '%s' has no value",
			key);
	if (!strcmp(key, "vhost-user"))
		return copy_text("--net vhost-user", value, net->path, sizeof(net->path), err);
	if (!strcmp(key, "mode")) {
		if (strcmp(value, "client") && strcmp(value, "server"))
			return err_set_field(err, -EINVAL, "--net",
				"--net: mode '%s' is neither client nor server", value);
		net->server = value[0] == 's';
	} else if (!strcmp(key, "mac")) {
		if (ether_addr_parse(value, &net->mac) < 0 || ether_addr_is_zero(&net->mac) ||
			ether_addr_is_multicast(&net->mac))
			return err_set_field(err, -EINVAL, "--net",
				"--net: '%s' is not a unicast MAC address", value);
	} else if (!strcmp(key, "queues")) {
		r = parse_number("--net queues", value, 1, CONFIG_MAX_QUEUES, &n, err);
		net->n_queue_pairs = (uint16_t)n;
	} else if (!strcmp(key, "queue-size")) {
		r = parse_number("--net queue-size", value, 64, 1024, &n, err);
		if (!r && n & (n - 1))
			r = err_set_field(err, -EINVAL, "--net",
				"--net queue-size: %s is not a power of two", value);
		net->queue_size = (uint16_t)n;
	} else if (!strcmp(key, "mtu")) {
		r = parse_number("--net mtu", value, ETHER_MIN_MTU, ETHER_MAX_MTU, &n, err);
		net->mtu = (uint16_t)n;
	} else if (!strcmp(key, "speed")) {
		r = parse_number("--net speed", value, 1, INT32_MAX, &n, err);
		net->speed_mbps = (uint32_t)n;
	} else if (!strcmp(key, "packed")) {
		r = parse_bool("--net packed", value, &net->packed, err);
	} else if (!strcmp(key, "offload")) {
		r = parse_bool("--net offload", value, &net->offload, err);
	} else {
		r = refuse_setting("--net", key,
			"vhost-user, mode, mac, queues, queue-size, mtu, speed, packed, offload",
			err);
	}
	return r;
}

/* FNV-1a, folded into the lower half: the same for the same text and number at every start. */
static uint64_t hash_text(const char *text, unsigned number)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (const char *c = text; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 0x100000001b3ull;
	hash = (hash ^ number) * 0x100000001b3ull;
	return hash ^ hash >> 32;
}

/* Locally administered. */
static void derive_mac(const char *name, unsigned idx, struct ether_addr48 *mac)
{
	uint64_t hash = hash_text(name, idx);

	*mac = (struct ether_addr48){
		{0x52, 0x54, 0x00, (uint8_t)(hash >> 16), (uint8_t)(hash >> 8), (uint8_t)hash}};
}

static int add_net(struct args *args, const char *value, struct err *err)
{
	struct args_parts parts;
	struct config_net *net;
	int r = split_parts("--net", value, &parts, err);

	if (r < 0)
		return r;
	if (args->config.n_nets == CONFIG_MAX_NETS)
		return err_set_field(err, -EINVAL, "--net", "--net: more than %u network devices",
			CONFIG_MAX_NETS);
	net = &args->config.nets[args->config.n_nets++];
	*net = (struct config_net){
		.n_queue_pairs = 1,
		.queue_size = ARGS_DEFAULT_QUEUE_SIZE,
		.speed_mbps = ARGS_DEFAULT_SPEED,
		.packed = true,
		.offload = true,
	};
	for (unsigned i = 0; !r && i < parts.n; i++)
		r = parse_net_setting(net, parts.parts[i].key, parts.parts[i].value, err);
	if (!r && !net->path[0]) {
		r = err_set_field(err, -EINVAL, "--net", "--net: no back-end in '%s'", value);
		err_hint(err, "write --net vhost-user=SOCKET,mode=client|server");
	}
	return r;
}

static int parse_disk_serial(const char *value, struct config_disk *disk, struct err *err)
{
	size_t len = value ? strlen(value) : 0;

	if (!len || len >= sizeof(disk->serial))
		return err_set_field(err, -EINVAL, "--disk",
			"--disk serial: 1 to %zu characters are needed", sizeof(disk->serial) - 1);
	for (size_t i = 0; i < len; i++) {
		if (value[i] <= ' ' || value[i] > '~')
			return err_set_field(err, -EINVAL, "--disk",
				"--disk serial: '%s' has a character that is no letter, digit or "
				"sign",
				value);
	}
	return copy_text("--disk serial", value, disk->serial, sizeof(disk->serial), err);
}

static int parse_disk_setting(struct config_disk *disk, const char *key, const char *value,
	struct err *err)
{
	if (!strcmp(key, "ro") && !value) {
		disk->read_only = true;
	} else if (!strcmp(key, "serial")) {
		return parse_disk_serial(value, disk, err);
	} else if (!strcmp(key, "aio")) {
		if (!value || (strcmp(value, "auto") && strcmp(value, "threads")))
			return err_set_field(err, -EINVAL, "--disk",
				"--disk: aio is neither auto nor threads");
		disk->threads = value[0] == 't';
	} else {
		return refuse_setting("--disk", key, "ro, serial, aio", err);
	}
	return 0;
}

/* --disk: a path may not hold a comma, and an equals sign only behind a slash: before one it is a
 * setting whose file was forgotten. */
static int add_disk(struct args *args, const char *value, struct err *err)
{
	struct config_disk *disk;
	struct args_parts parts;
	int r = split_parts("--disk", value, &parts, err);

	if (r < 0)
		return r;
	if (args->config.n_disks == CONFIG_MAX_DISKS)
		return err_set_field(err, -EINVAL, "--disk", "--disk: more than %u disks",
			CONFIG_MAX_DISKS);
	disk = &args->config.disks[args->config.n_disks++];
	if (parts.parts[0].value && !strchr(parts.parts[0].key, '/')) {
		(void)err_set_field(err, -EINVAL, "--disk",
			"--disk: '%s' does not begin with a file name", value);
		err_hint(err, "the file stands first; one in whose name is a '=' is ./NAME");
		return -EINVAL;
	}
	if (parts.parts[0].value)
		parts.parts[0].value[-1] = '='; /* the path goes on */
	r = copy_text("--disk", parts.parts[0].key, disk->path, sizeof(disk->path), err);
	for (unsigned i = 1; !r && i < parts.n; i++)
		r = parse_disk_setting(disk, parts.parts[i].key, parts.parts[i].value, err);
	return r;
}

/* --serial and --console */

static const struct {
	const char *key;
	enum console_sink_kind kind;
	bool needs_path, takes_path;
} args_sinks[] = {
	{"stdio", CONSOLE_STDIO, false, false},
	{"file", CONSOLE_FILE, true, true},
	{"log", CONSOLE_LOG, true, true},
	{"pty", CONSOLE_PTY, false, true},
	{"unix", CONSOLE_UNIX, true, true},
};

static int parse_sink(const char *what, const char *key, const char *path,
	struct config_console *console, struct err *err)
{
	struct console_sink_config *sink;

	for (size_t i = 0; i < sizeof(args_sinks) / sizeof(args_sinks[0]); i++) {
		if (strcmp(args_sinks[i].key, key))
			continue;
		if (args_sinks[i].needs_path && (!path || !*path))
			return err_set_field(err, -EINVAL, what, "%s: %s needs a path: %s=PATH",
				what, key, key);
		if (path && !args_sinks[i].takes_path)
			return err_set_field(err, -EINVAL, what, "%s: %s takes no value", what,
				key);
		if (console->n_sinks == CONFIG_MAX_SINKS)
			return err_set_field(err, -EINVAL, what, "%s: more than %u outputs", what,
				CONFIG_MAX_SINKS);
		sink = &console->sinks[console->n_sinks++];
		sink->kind = args_sinks[i].kind;
		return path && *path ? copy_text(what, path, sink->path, sizeof(sink->path), err)
				     : 0;
	}
	return refuse_setting(what, key, "stdio, file=PATH, log=PATH, pty[=LINK], unix=PATH, none",
		err);
}

static int parse_sinks(const char *what, const char *value, struct config_console *console,
	struct err *err)
{
	struct args_parts parts;
	int r = split_parts(what, value, &parts, err);

	if (!strcmp(value, "none"))
		return 0;
	for (unsigned i = 0; !r && i < parts.n; i++)
		r = parse_sink(what, parts.parts[i].key, parts.parts[i].value, console, err);
	return r;
}

static int set_serial(struct args *args, const char *value, struct err *err)
{
	return parse_sinks("--serial", value, &args->config.serial, err);
}

static int set_console(struct args *args, const char *value, struct err *err)
{
	return parse_sinks("--console", value, &args->config.console, err);
}

/* Tables */

static const struct args_option args_run_options[] = {
	{"--name", "NAME", set_name, "name of the VM (default vm)", false},
	{"--vcpus", "N", set_vcpus, "virtual CPUs, 1..64 (default 1)", false},
	{"--memory", "SIZE", set_memory, "guest RAM, for example 256M or 2G (default 256M)", false},
	{"--hugepages", NULL, set_hugepages, "take the RAM from reserved 2 MiB pages", false},
	{"--kernel", "FILE", set_kernel, "Linux bzImage, or ELF with a PVH entry point (required)",
		false},
	{"--initrd", "FILE", set_initrd, "initial RAM file system", false},
	{"--cmdline", "TEXT", set_cmdline, "kernel command line", false},
	{"--net", "vhost-user=SOCKET[,SETTING]...", add_net,
		"network device: mode=client|server, mac=MAC, queues=N, queue-size=N, mtu=N, "
		"speed=MBPS, packed=on|off, offload=on|off",
		true},
	{"--disk", "FILE[,SETTING]...", add_disk, "virtio-blk disk on a raw file", true},
	{"--serial", "SINK[,SINK]...", set_serial,
		"first serial port: stdio, file=PATH, log=PATH, pty[=LINK], unix=PATH, none", true},
	{"--console", "SINK[,SINK]...", set_console, "virtio-console, same outputs as --serial",
		true},
	{"--rng", "on|off", set_rng, "virtio-rng device (default on)", false},
	{"--control", "SOCKET", set_control, "control socket", false},
	{"--metrics", METRICS_ADDRESS_WORDS, set_metrics,
		"serve counters by HTTP, as OpenMetrics text for Prometheus", false},
	{"--config-digest", "TEXT", set_digest, "kept and reported in the status", false},
	{"--slow-kvm", NULL, set_slow_kvm, "run even where `vmm check` says that KVM is unfit",
		false},
	{"--exit-status", NULL, set_exit_status,
		"end with the status that the guest leaves at port 0x60c", false},
	{"--no-seccomp", NULL, set_no_seccomp, "do not confine the process (for debugging)", false},
	{"--log-level", "LEVEL", set_log_level, "err, warn, notice, info (default) or debug",
		false},
};

static const struct args_option args_check_options[] = {
	{"-j", NULL, set_json, "JSON output", false},
};

static const struct {
	const char *name;
	enum args_command command;
	const struct args_option *options;
	size_t n_options;
} args_commands[] = {
	{"run", ARGS_RUN, args_run_options, sizeof(args_run_options) / sizeof(args_run_options[0])},
	{"check", ARGS_CHECK, args_check_options,
		sizeof(args_check_options) / sizeof(args_check_options[0])},
};

static void print_options(FILE *out, const struct args_option *options, size_t n_options)
{
	for (size_t i = 0; i < n_options; i++) {
		(void)fprintf(out, "  %s%s%s%s\n        %s\n", options[i].name,
			options[i].value ? " " : "", options[i].value ? options[i].value : "",
			options[i].repeats ? "  (repeats)" : "", options[i].help);
	}
}

void args_print_usage(FILE *out)
{
	(void)fputs("usage: vmm run --kernel FILE [OPTION]...   run one virtual machine\n"
		    "       vmm check [-j]                     is KVM on this machine fit for it?\n"
		    "       vmm --help | --version\n\noptions of run:\n",
		out);
	print_options(out, args_commands[0].options, args_commands[0].n_options);
	(void)fputs("\noptions of check:\n", out);
	print_options(out, args_commands[1].options, args_commands[1].n_options);
	(void)fputs(
		"\nexit status: 0 the guest powered off, or KVM is fit; 1 failure, or KVM is unfit;"
		" 2 wrong usage\n",
		out);
}

/* Parsing: "--opt value" and "--opt=value". */

static const struct args_option *args_find(const struct args_option *options, size_t n_options,
	const char *word, size_t len)
{
	for (size_t i = 0; i < n_options; i++) {
		if (strlen(options[i].name) == len && !strncmp(options[i].name, word, len))
			return &options[i];
	}
	return NULL;
}

static int parse_options(int argc, char *const *argv, const struct args_option *options,
	size_t n_options, struct args *args, struct err *err)
{
	uint64_t seen = 0;

	for (int i = 0; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');
		size_t len =
			equals && argv[i][0] == '-' ? (size_t)(equals - argv[i]) : strlen(argv[i]);
		const struct args_option *o = args_find(options, n_options, argv[i], len);
		const char *value = argv[i][len] ? argv[i] + len + 1 : NULL;
		int r;

		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			args->command = ARGS_HELP;
			return 0;
		}
		if (!o) {
			(void)err_set(err, -EINVAL,
				argv[i][0] == '-' ? "unknown option '%.*s'"
						  : "unexpected word '%.*s'",
				(int)len, argv[i]);
			err_hint(err, "`vmm --help` lists the options");
			return -EINVAL;
		}
		if (!o->repeats && seen >> (o - options) & 1)
			return err_set_field(err, -EINVAL, o->name, "%s: given twice", o->name);
		seen |= 1ull << (o - options);
		if (!o->value && value)
			return err_set_field(err, -EINVAL, o->name, "%s: takes no value", o->name);
		if (o->value && !value && ++i == argc)
			return err_set_field(err, -EINVAL, o->name, "%s: value %s missing", o->name,
				o->value);
		r = o->parse(args, o->value && !value ? argv[i] : value, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool has_serial(const struct config *config, unsigned but_disk, const char *serial)
{
	for (unsigned i = 0; i < config->n_disks; i++) {
		if (i != but_disk && !strcmp(config->disks[i].serial, serial))
			return true;
	}
	return false;
}

/* The file's name; where it is too long, or taken, its beginning and a hash of the path. */
static void derive_serial(struct config *config, unsigned disk)
{
	const char *path = config->disks[disk].path;
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char serial[CONFIG_SERIAL_SIZE];
	int len = snprintf(serial, sizeof(serial), "%s", name);

	for (unsigned i = 0; !i || has_serial(config, disk, serial); i++) {
		if (i || len >= (int)sizeof(serial))
			(void)snprintf(serial, sizeof(serial), "%.11s-%08x", name,
				(uint32_t)hash_text(path, i));
	}
	memcpy(config->disks[disk].serial, serial, sizeof(serial));
}

static int finish_disks(struct config *config, struct err *err)
{
	for (unsigned i = 0; i < config->n_disks; i++) {
		if (config->disks[i].serial[0] && has_serial(config, i, config->disks[i].serial))
			return err_set_field(err, -EINVAL, "--disk",
				"--disk: two disks have the serial '%s'", config->disks[i].serial);
	}
	for (unsigned i = 0; i < config->n_disks; i++) {
		if (!config->disks[i].serial[0])
			derive_serial(config, i);
	}
	return 0;
}

/* One function a slot, and the first slot is the host bridge's. */
static int check_slots(const struct config *config, struct err *err)
{
	unsigned n = config->n_nets + config->n_disks + !!config->console.n_sinks + config->rng;

	if (n < PCI_MAX_SLOTS)
		return 0;
	(void)err_set(err, -EINVAL,
		"this VM has %u PCI devices (%u network devices, %u disks%s%s), and there are %u "
		"slots",
		n, config->n_nets, config->n_disks, config->console.n_sinks ? ", a console" : "",
		config->rng ? ", random numbers" : "", PCI_MAX_SLOTS - 1);
	err_hint(err, "leave some out");
	return -EINVAL;
}

static int finish_run(struct args *args, struct err *err)
{
	struct config *config = &args->config;
	int r;

	if (!config->kernel[0]) {
		(void)err_set_field(err, -EINVAL, "--kernel", "--kernel: a kernel is needed");
		err_hint(err, "give a Linux bzImage, for example --kernel /boot/vmlinuz-VERSION");
		return -EINVAL;
	}
	for (unsigned i = 0; i < config->n_nets; i++) {
		if (ether_addr_is_zero(&config->nets[i].mac))
			derive_mac(config->name, i, &config->nets[i].mac);
		for (unsigned j = 0; j < i; j++) {
			if (!memcmp(&config->nets[i].mac, &config->nets[j].mac,
				    sizeof(config->nets[i].mac)))
				return err_set_field(err, -EINVAL, "--net",
					"--net: devices %u and %u have the same MAC address", j, i);
		}
	}
	r = finish_disks(config, err);
	return r ? r : check_slots(config, err);
}

int args_parse(int argc, char *const *argv, struct args *args, struct err *err)
{
	memset(args, 0, sizeof(*args));
	args->log_level = LOG_INFO;
	args->config.n_vcpus = 1;
	args->config.memory_bytes = ARGS_DEFAULT_MEMORY;
	args->config.rng = args->config.seccomp = true;
	memcpy(args->config.name, "vm", sizeof("vm"));
	if (argc < 2) {
		(void)err_set(err, -EINVAL, "a command is needed: run or check");
		err_hint(err, "`vmm --help` explains them");
		return -EINVAL;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		args->command = ARGS_HELP;
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		args->command = ARGS_VERSION;
		return 0;
	}
	for (size_t i = 0; i < sizeof(args_commands) / sizeof(args_commands[0]); i++) {
		int r;

		if (strcmp(argv[1], args_commands[i].name))
			continue;
		args->command = args_commands[i].command;
		r = parse_options(argc - 2, argv + 2, args_commands[i].options,
			args_commands[i].n_options, args, err);
		return r || args->command != ARGS_RUN ? r : finish_run(args, err);
	}
	(void)err_set(err, -EINVAL, "unknown command '%s'", argv[1]);
	err_hint(err, "commands are run and check");
	return -EINVAL;
}
