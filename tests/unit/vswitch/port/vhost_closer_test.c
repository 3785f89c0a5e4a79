/* Letting go of what a peer shared: in a thread of the port's own, never in the caller's. */
#include "vhost_closer.h"

#include "odd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
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

/** Memory with room around it, as there is around that of guests. */
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
	struct closer *closer = closer_create();

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
	struct closer *slow = closer_create(), *other = closer_create();
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_thread_unmaps),
		cmocka_unit_test(nobody_waits_for_a_close_but_its_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
