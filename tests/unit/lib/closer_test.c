/* Letting go of what a stranger shared: in a thread of its own, never in the caller's. */
#include "closer.h"

#include "odd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE 4096
#define SIZE 65536

static _Atomic pid_t unmapped_by;

static void on_unmapped(size_t size)
{
	assert_int_equal(size, SIZE);
	unmapped_by = gettid();
}

/* Memory with room around it, as there is around that of guests. */
static void unmap_something(struct closer *closer)
{
	uint8_t *base = mmap(NULL, SIZE + 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(base != MAP_FAILED);
	unmapped_by = 0;
	closer_unmap(closer, base + PAGE, SIZE, on_unmapped);
}

/* To free a large memory takes seconds: it is not the control thread that does. */
static void another_thread_unmaps(void **state)
{
	struct closer *closer = closer_create(0);

	for (unsigned i = 0; i < 10; i++) {
		unmap_something(closer);
		while (!unmapped_by) /* the time limit ends one that never is */
			usleep(100);
		assert_int_not_equal(unmapped_by, gettid());
	}
	closer_destroy(closer);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* A close() that waits holds up what its own peer sent, which has to wait, too, and nobody else. */
static void nobody_waits_for_a_close_but_its_peer(void **state)
{
	struct closer *slow = closer_create(0), *other = closer_create(0);
	int reader, fds[100];
	int odd = odd_socket(&reader);

	assert_true(odd >= 0);
	closer_close(slow, odd);
	for (unsigned i = 0; i < 100; i++) {
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(fds[i] >= 0);
		assert_int_equal(closer_is_behind(slow), i > 63); /* and the odd one */
		if (i < 99)
			closer_close(slow, fds[i]);
	}
	closer_close(other, fds[99]);
	while (is_open(fds[99]))
		usleep(100);
	assert_true(is_open(fds[0]));
	assert_true(closer_is_behind(slow));
	unmap_something(slow);
	/* Its port may be deleted: what is left is done all the same. */
	closer_destroy(slow);
	assert_int_equal(unmapped_by, 0);
	(void)close(reader);
	while (!unmapped_by)
		usleep(100);
	for (unsigned i = 0; i < 99; i++)
		assert_false(is_open(fds[i]));
	closer_destroy(other);
}

/* As many as there are: sockets that linger, and connections full of them. */
static void waits_are_cut_short(void **state)
{
	struct closer *closer = closer_create(1);
	int readers[16], ends[2], last, n = 0;

	for (unsigned i = 0; i < 4; i++) {
		int fd = odd_socket(&readers[n++]);

		assert_true(fd >= 0);
		closer_close(closer, fd);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		for (unsigned j = 0; j < 3; j++)
			assert_int_equal(odd_socket_send(ends[0], "x", 1, &readers[n++]), 1);
		closer_close(closer, ends[1]);
		(void)close(ends[0]);
	}
	last = open("/dev/null", O_RDONLY | O_CLOEXEC);
	closer_close(closer, last);
	while (is_open(last)) /* for an hour, if they waited */
		usleep(100);
	closer_destroy(closer);
	while (n)
		(void)close(readers[--n]);
}

struct entry {
	int code;
	_Atomic pid_t thread;
};

static int enter(void *ctx)
{
	struct entry *entry = ctx;

	entry->thread = gettid();
	return entry->code;
}

/* Where a sandbox allows no thread any more, there is one before, which is confined. */
static void thread_may_be_made_before(void **state)
{
	struct closer *closer = closer_create(1);
	struct entry entry = {0};

	assert_int_equal(closer_start(closer, enter, &entry), 0);
	assert_int_not_equal(entry.thread, 0);
	assert_int_not_equal(entry.thread, gettid());
	for (unsigned i = 0; i < 10; i++) {
		unmap_something(closer);
		while (!unmapped_by)
			usleep(100);
		assert_int_equal(unmapped_by, entry.thread);
	}
	assert_int_equal(closer_start(closer, enter, &entry), -EBUSY);
	closer_destroy(closer);
}

/* Rather is nothing closed than by one that could not be confined. */
static void thread_that_cannot_enter_does_nothing(void **state)
{
	struct closer *closer = closer_create(1);
	struct entry entry = {.code = -EPERM};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(closer_start(closer, enter, &entry), -EPERM);
	closer_close(closer, fd);
	assert_false(closer_is_behind(closer));
	assert_true(is_open(fd));
	(void)close(fd);
	closer_destroy(closer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_thread_unmaps),
		cmocka_unit_test(nobody_waits_for_a_close_but_its_peer),
		cmocka_unit_test(waits_are_cut_short),
		cmocka_unit_test(thread_may_be_made_before),
		cmocka_unit_test(thread_that_cannot_enter_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
