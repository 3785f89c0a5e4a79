#include "cmocka_all.h"

#include "args.h"
#include "err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 80

static struct args args;
static struct err err;

/* Split a line at blanks, as a shell would without quotes. */
static int parse(const char *line)
{
	static char text[2000];
	char *words[MAX_WORDS] = {(char *)"vmm"};
	int n = 1;

	memset(&err, 0, sizeof(err));
	(void)strncpy(text, line, sizeof(text) - 1);
	for (char *word = strtok(text, " "); word && n < MAX_WORDS - 1; word = strtok(NULL, " "))
		words[n++] = word;
	return args_parse(n, words, &args, &err);
}

static void errors_name_option_value_and_reason(void **state)
{
	static const struct {
		const char *line, *msg;
	} cases[] = {
		{"", "a command is needed"},
		{"walk", "unknown command 'walk'"},
		{"run", "--kernel: a kernel is needed"},
		{"run --kernal k", "unknown option '--kernal'"},
		{"run k", "unexpected word 'k'"},
		{"run --kernel", "--kernel: value FILE missing"},
		{"run --kernel=", "--kernel: value is empty"},
		{"run --kernel k --kernel k", "--kernel: given twice"},
		{"run --kernel k --vcpus 0", "--vcpus: '0' is not a number in 1..64"},
		{"run --kernel k --vcpus 65", "'65' is not a number in 1..64"},
		{"run --kernel k --vcpus -1", "'-1' is not a number"},
		{"run --kernel k --vcpus 2x", "'2x' is not a number"},
		{"run --kernel k --memory 256Q", "--memory: '256Q' is not a size"},
		{"run --kernel k --memory 1M", "'1M' is not a size in 16M"},
		{"run --kernel k --memory 99999999999999T", "is not a size"},
		{"run --kernel k --memory M", "is not a size"},
		{"run --kernel k --name a/b", "--name: 'a/b' has a character"},
		{"run --kernel k --metrics 10.0.0.1:9100",
			"--metrics: address '10.0.0.1:9100': is no address of this host alone"},
		{"run --kernel k --slow-kvm=1", "--slow-kvm: takes no value"},
		{"run --kernel k --rng maybe", "--rng: 'maybe' is neither on nor off"},
		{"run --kernel k --log-level loud", "--log-level: 'loud' is none of"},
		{"run --kernel k --net mode=client", "--net: no back-end"},
		{"run --kernel k --net vhost-user=s,mode=both", "mode 'both' is neither"},
		{"run --kernel k --net vhost-user=s,mac=01:00:00:00:00:01", "not a unicast MAC"},
		{"run --kernel k --net vhost-user=s,mac=hello", "not a unicast MAC"},
		{"run --kernel k --net vhost-user=s,queues=17",
			"queues: '17' is not a number in 1..16"},
		{"run --kernel k --net vhost-user=s,queue-size=100", "not a power of two"},
		{"run --kernel k --net vhost-user=s,mtu=67",
			"mtu: '67' is not a number in 68..65535"},
		{"run --kernel k --net vhost-user=s,colour=red", "unknown setting 'colour'"},
		{"run --kernel k --net vhost-user=s,mtu", "setting 'mtu' has no value"},
		{"run --kernel k --net vhost-user=s,mac=52:54:00:00:00:01 --net "
		 "vhost-user=t,mac=52:54:00:00:00:01",
			"devices 0 and 1 have the same MAC"},
		{"run --kernel k --disk d.raw,rw", "--disk: unknown setting 'rw'"},
		{"run --kernel k --disk file=d", "does not begin with a file name"},
		{"run --kernel k --disk d,serial=", "1 to 20 characters are needed"},
		{"run --kernel k --disk d,serial=123456789012345678901", "1 to 20 characters"},
		{"run --kernel k --disk d,serial=a\tb", "'a\tb' has a character that is no"},
		{"run --kernel k --disk d,aio=native", "aio is neither auto nor threads"},
		{"run --kernel k --disk d,serial=x --disk e,serial=x",
			"two disks have the serial 'x'"},
		{"run --kernel k --serial tape", "--serial: unknown setting 'tape'"},
		{"run --kernel k --serial file", "--serial: file needs a path"},
		{"run --kernel k --serial stdio=x", "--serial: stdio takes no value"},
		{"check -x", "unknown option '-x'"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (parse(cases[i].line) != -EINVAL || !strstr(err.msg, cases[i].msg))
			fail_msg("'%s': got '%s'", cases[i].line, err.msg);
	}
}

static void too_long_a_path_is_refused(void **state)
{
	char line[400] = "run --kernel k --control ";

	memset(line + strlen(line), 'x', 200);
	assert_int_equal(parse(line), -EINVAL);
	assert_non_null(strstr(err.msg, "--control: value of 200 characters is longer than 107"));
}

static void a_full_line_is_understood(void **state)
{
	assert_int_equal(
		parse("run --name h1 --vcpus 2 --memory 1G --kernel K --initrd=I --control C "
		      "--metrics unix:M --net "
		      "vhost-user=S,mode=server,mac=52:54:00:00:00:01,queues=4,mtu=9000,"
		      "offload=off --disk D,ro"),
		0);
	assert_int_equal(args.command, ARGS_RUN);
	assert_string_equal(args.config.name, "h1");
	assert_int_equal(args.config.n_vcpus, 2);
	assert_int_equal(args.config.memory_bytes, 1u << 30);
	assert_string_equal(args.config.initrd, "I");
	assert_string_equal(args.config.metrics.path, "M");
	assert_true(args.config.rng);
	assert_true(args.config.seccomp);
	assert_int_equal(args.config.n_nets, 1);
	assert_true(args.config.nets[0].server);
	assert_int_equal(args.config.nets[0].n_queue_pairs, 4);
	assert_int_equal(args.config.nets[0].mtu, 9000);
	assert_false(args.config.nets[0].offload);
	assert_true(args.config.nets[0].packed);
	assert_int_equal(args.config.nets[0].mac.bytes[5], 1);
	assert_true(args.config.disks[0].read_only);
	assert_string_equal(args.config.disks[0].path, "D");
}

static void no_two_disks_have_one_serial(void **state)
{
	static const char line[] =
		"run --kernel k --disk a/disk.raw --disk b/disk.raw --disk b/disk.raw,ro "
		"--disk c,serial=d --disk d --disk a-name-of-more-than-20-bytes.raw "
		"--disk a-name-of-more-than-20-bytes.img,aio=threads";
	char before[CONFIG_MAX_DISKS][CONFIG_SERIAL_SIZE];

	assert_int_equal(parse(line), 0);
	assert_int_equal(args.config.n_disks, 7);
	assert_string_equal(args.config.disks[0].serial, "disk.raw");
	assert_string_equal(args.config.disks[3].serial, "d");
	assert_true(args.config.disks[6].threads);
	for (unsigned i = 0; i < 7; i++) {
		const char *serial = args.config.disks[i].serial;

		assert_in_range(strlen(serial), 1, 20);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(serial, args.config.disks[j].serial);
		memcpy(before[i], serial, sizeof(before[i]));
	}
	assert_int_equal(parse(line), 0); /* the same at every start */
	for (unsigned i = 0; i < 7; i++)
		assert_string_equal(before[i], args.config.disks[i].serial);
}

static void a_path_of_a_disk_may_hold_an_equals_sign(void **state)
{
	assert_int_equal(parse("run --kernel k --disk /home/a=b/c=d.raw,ro --disk ./e=f"), 0);
	assert_string_equal(args.config.disks[0].path, "/home/a=b/c=d.raw");
	assert_string_equal(args.config.disks[0].serial, "c=d.raw");
	assert_true(args.config.disks[0].read_only);
	assert_string_equal(args.config.disks[1].path, "./e=f");
	assert_int_equal(parse("run --kernel k --disk ro=on"), -EINVAL);
}

static void too_many_devices_are_counted(void **state)
{
	char line[2000] = "run --kernel k --console stdio";

	for (unsigned i = 0; i < CONFIG_MAX_NETS; i++)
		(void)snprintf(line + strlen(line), sizeof(line) - strlen(line),
			" --net vhost-user=s%u", i);
	(void)strcat(line, " --disk a --disk b --disk c");
	assert_int_equal(parse(line), 0); /* 31 of them */
	(void)strcat(line, " --disk d");
	assert_int_equal(parse(line), -EINVAL);
	assert_non_null(strstr(err.msg, "32 PCI devices (26 network devices, 4 disks, a console, "
					"random numbers), and there are 31 slots"));
}

static void consoles_combine_outputs(void **state)
{
	assert_int_equal(parse("run --kernel k --serial stdio,log=a.log --serial unix=s,pty"), 0);
	assert_int_equal(args.config.serial.n_sinks, 4);
	assert_int_equal(args.config.serial.sinks[0].kind, CONSOLE_STDIO);
	assert_string_equal(args.config.serial.sinks[1].path, "a.log");
	assert_int_equal(args.config.serial.sinks[2].kind, CONSOLE_UNIX);
	assert_int_equal(args.config.serial.sinks[3].kind, CONSOLE_PTY);
	assert_int_equal(args.config.console.n_sinks, 0);
	assert_int_equal(parse("run --kernel k --serial none"), 0);
	assert_int_equal(args.config.serial.n_sinks, 0);
}

static void a_mac_is_derived_from_name_and_number(void **state)
{
	struct ether_addr48 first, second;

	assert_int_equal(parse("run --kernel k --name a --net vhost-user=s --net vhost-user=t"), 0);
	first = args.config.nets[0].mac;
	second = args.config.nets[1].mac;
	assert_memory_not_equal(&first, &second, sizeof(first));
	assert_int_equal(first.bytes[0], 0x52);
	assert_int_equal(parse("run --kernel k --name a --net vhost-user=s"), 0);
	assert_memory_equal(&first, &args.config.nets[0].mac, sizeof(first));
	assert_int_equal(parse("run --kernel k --name b --net vhost-user=s"), 0);
	assert_memory_not_equal(&first, &args.config.nets[0].mac, sizeof(first));
}

static void help_version_and_check_are_commands(void **state)
{
	assert_int_equal(parse("--help"), 0);
	assert_int_equal(args.command, ARGS_HELP);
	assert_int_equal(parse("run --help"), 0);
	assert_int_equal(args.command, ARGS_HELP);
	assert_int_equal(parse("--version"), 0);
	assert_int_equal(args.command, ARGS_VERSION);
	assert_int_equal(parse("check -j"), 0);
	assert_int_equal(args.command, ARGS_CHECK);
	assert_true(args.json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_name_option_value_and_reason),
		cmocka_unit_test(too_long_a_path_is_refused),
		cmocka_unit_test(a_full_line_is_understood),
		cmocka_unit_test(no_two_disks_have_one_serial),
		cmocka_unit_test(a_path_of_a_disk_may_hold_an_equals_sign),
		cmocka_unit_test(too_many_devices_are_counted),
		cmocka_unit_test(consoles_combine_outputs),
		cmocka_unit_test(a_mac_is_derived_from_name_and_number),
		cmocka_unit_test(help_version_and_check_are_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
