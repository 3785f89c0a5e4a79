/* Taps of the host, where it lets us make them. */
#include "host_tap.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Whoever closes what it was given, as a port does, closes nobody else's descriptors. */
static void failed_open_leaves_no_descriptors(void **state)
{
	const struct host_tap_conf conf = {
		.n_queues = 4, .vnet_hdr_size = 10, .offloads = UINT32_MAX};
	char name[HOST_LINK_NAME_SIZE];
	int fds[4] = {-1, -1, -1, -1};
	struct err err = {0};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		skip();
	close(fd);
	assert_true(host_tap_open(&conf, fds, name, &err) < 0);
	assert_true(err.msg[0]);
	for (unsigned i = 0; i < 4; i++)
		assert_true(fds[i] < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_open_leaves_no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
