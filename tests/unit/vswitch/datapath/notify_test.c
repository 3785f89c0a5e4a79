/* Calls to drivers: each eventfd gets what was added, and none of them can hold the caller. */
#include "notify_setup.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define N_FDS (NOTIFY_BATCH + 3)

static uint64_t count_of(int fd)
{
	uint64_t count = 0;

	(void)!read(fd, &count, sizeof(count));
	return count;
}

static void each_call_counts_once(void **state)
{
	struct notify notify;
	int fds[N_FDS];

	assert_int_equal(notify_init(&notify), 0);
	for (unsigned i = 0; i < N_FDS; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* More than a batch, and far more than the kernel keeps results of. */
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < N_FDS; i++)
			notify_add(&notify, fds[i]);
		notify_submit(&notify);
	}
	for (unsigned i = 0; i < N_FDS; i++)
		assert_int_equal(count_of(fds[i]), 50);
	/* Nothing was added: nobody is called. */
	notify_submit(&notify);
	for (unsigned i = 0; i < N_FDS; i++) {
		assert_int_equal(count_of(fds[i]), 0);
		close(fds[i]);
	}
	notify_done(&notify);
}

/* A write() to it would never return: nobody reads. */
static void full_and_blocking_holds_nobody(void **state)
{
	const uint64_t full = UINT64_MAX - 1;
	struct notify notify;
	int fds[3];

	assert_int_equal(notify_init(&notify), 0);
	for (unsigned i = 0; i < 3; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC | (i == 1 ? 0 : EFD_NONBLOCK));
	assert_int_equal(write(fds[1], &full, sizeof(full)), sizeof(full));
	for (unsigned round = 0; round < 2 * NOTIFY_EVENTS; round++) {
		for (unsigned i = 0; i < 3; i++)
			notify_add(&notify, fds[i]);
		notify_submit(&notify);
	}
	assert_int_equal(count_of(fds[0]), 2 * NOTIFY_EVENTS);
	assert_int_equal(count_of(fds[2]), 2 * NOTIFY_EVENTS);
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
	notify_done(&notify);
}

/* Whatever is no eventfd is left out, and those behind it are called. */
static void others_are_called_all_the_same(void **state)
{
	struct notify notify;
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_int_equal(notify_init(&notify), 0);
	notify_add(&notify, null_fd);
	notify_add(&notify, fd);
	notify_add(&notify, -1);
	notify_add(&notify, fd);
	notify_submit(&notify);
	assert_int_equal(count_of(fd), 2);
	close(null_fd);
	close(fd);
	notify_done(&notify);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_counts_once),
		cmocka_unit_test(full_and_blocking_holds_nobody),
		cmocka_unit_test(others_are_called_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
