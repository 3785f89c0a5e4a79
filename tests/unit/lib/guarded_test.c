#include "guarded.h"

#include "fake/can_touch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE       4096
#define LARGE_PAGE (2u << 20)

static int memory_file(size_t size)
{
	int fd = memfd_create("guarded", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void nobody_leaves_a_mapping(void **state)
{
	static const struct {
		size_t size;
		off_t offset;
	} cases[] = {{PAGE, 0}, {3 * PAGE, PAGE}, {LARGE_PAGE, 0}, {LARGE_PAGE + PAGE, 5 * PAGE},
		{16u << 20, 3 * PAGE}};
	const unsigned n = sizeof(cases) / sizeof(cases[0]);
	int fd = memory_file(32u << 20);
	uint8_t *maps[sizeof(cases) / sizeof(cases[0])];

	/* Side by side, as the ones of many guests are. */
	for (unsigned i = 0; i < n; i++) {
		maps[i] = guarded_map(cases[i].size, PAGE, MAP_SHARED, fd, cases[i].offset);
		assert_ptr_not_equal(maps[i], MAP_FAILED);
	}
	for (unsigned i = 0; i < n; i++) {
		assert_true(can_touch(maps[i]));
		assert_true(can_touch(maps[i] + cases[i].size - 1));
		if (can_touch(maps[i] - 1) || can_touch(maps[i] + cases[i].size))
			fail_msg("case %u: a byte outside can be read", i);
		guarded_unmap(maps[i], cases[i].size);
	}
	close(fd);
}

static void large_pages_are_possible(void **state)
{
	const off_t offset = LARGE_PAGE + 7 * PAGE;
	int fd = memory_file(8u << 20);

	/* Only where address and offset in the file agree can a large page stand for both. */
	for (unsigned i = 0; i < 8; i++) {
		uint8_t *base = guarded_map(LARGE_PAGE, PAGE, MAP_SHARED, fd, offset);

		assert_ptr_not_equal(base, MAP_FAILED);
		assert_int_equal((uintptr_t)base % LARGE_PAGE, (uintptr_t)offset % LARGE_PAGE);
		guarded_unmap(base, LARGE_PAGE);
	}
	close(fd);
}

static void nothing_is_left_mapped(void **state)
{
	int fd = memory_file(LARGE_PAGE);
	uint8_t *base = guarded_map(LARGE_PAGE, PAGE, MAP_SHARED, fd, 0), *again;

	assert_ptr_not_equal(base, MAP_FAILED);
	guarded_unmap(base, LARGE_PAGE);
	again = mmap(base - PAGE, LARGE_PAGE + 2 * PAGE, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_ptr_equal(again, base - PAGE);
	munmap(again, LARGE_PAGE + 2 * PAGE);
	close(fd);
}

static void a_refusal_is_passed_on(void **state)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_ptr_equal(guarded_map(PAGE, PAGE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_leaves_a_mapping),
		cmocka_unit_test(large_pages_are_possible),
		cmocka_unit_test(nothing_is_left_mapped),
		cmocka_unit_test(a_refusal_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
