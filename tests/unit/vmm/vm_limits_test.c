#include "cmocka_all.h"

#include "vm_limits.h"

#include "config.h"
#include "dev/env.h"
#include "dev/virtio_blk.h"
#include "dev/virtio_net.h"
#include "err.h"
#include "fake_machine.h"
#include "log.h"
#include "pci.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned count_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static void a_network_device_has_no_more_files_than_counted(void **state)
{
	for (uint16_t n_pairs = 1; n_pairs <= CONFIG_MAX_QUEUES; n_pairs += 5) {
		struct config_net config = {.n_queue_pairs = n_pairs,
			.server = true,
			.queue_size = 256,
			.mac = {{0x52, 0x54, 0, 0, 0, 1}}};
		struct virtio_net *net;
		struct dev_env env;
		unsigned before, n;

		(void)snprintf(config.path, sizeof(config.path), "/tmp/weft-limits-%d.sock",
			(int)getpid());
		fake_machine_create(&env);
		before = count_files();
		assert_int_equal(virtio_net_create(&env, &config, &net, NULL), 0);
		n = count_files() - before;
		/*
		 * Its back-end: a connection, a channel of two ends, and a descriptor in a message.
		 */
		assert_in_range(n + 4, 1, vm_limits_net_files(&config));
		/* Nor are far fewer counted than there are: the number means something. */
		assert_in_range(vm_limits_net_files(&config), n, n + 12);
		pci_bus_destroy(env.pci);
		virtio_net_destroy(net);
		fake_machine_destroy(&env);
	}
}

/* In a child: what vm_limits_raise() says below a hard limit. */
static int raise_below(const struct config *config, unsigned limit, char *text, size_t size)
{
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		const struct rlimit hard = {limit < 64 ? limit : 64, limit};
		struct err err = {0};
		struct rlimit now;
		int r;

		if (setrlimit(RLIMIT_NOFILE, &hard) < 0)
			_exit(99);
		r = vm_limits_raise(config, &err);
		(void)!write(fds[1], err.msg, strlen(err.msg));
		(void)getrlimit(RLIMIT_NOFILE, &now);
		_exit(r ? -r : now.rlim_cur == limit ? 0 : 98);
	}
	(void)close(fds[1]);
	n = read(fds[0], text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_limit_is_raised_or_the_need_is_told(void **state)
{
	static struct config config = {.n_vcpus = 2, .n_nets = 2, .control = "x"};
	char text[256], expected[128];
	unsigned n;

	config.nets[0].n_queue_pairs = config.nets[1].n_queue_pairs = 16;
	n = vm_limits_files(&config);
	assert_int_equal(raise_below(&config, n, text, sizeof(text)), 0);
	assert_int_equal(raise_below(&config, n - 1, text, sizeof(text)), EMFILE);
	(void)snprintf(expected, sizeof(expected), "needs up to %u, and the limit is %u", n, n - 1);
	assert_non_null(strstr(text, expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_device_has_no_more_files_than_counted),
		cmocka_unit_test(the_limit_is_raised_or_the_need_is_told),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
