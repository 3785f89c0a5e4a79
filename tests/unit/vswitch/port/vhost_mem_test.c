#include "vhost_mem.h"

#include "fake/can_touch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE       4096
#define N_REGIONS  8
#define FILE_BYTES (N_REGIONS * 16 * PAGE)

static void regions_lie_between_guards(void **state)
{
	/* In the middle of a page, so that what is mapped is a page more than it takes. */
	const struct vhost_user_region whole = {.size = 4 * PAGE, .mmap_offset = 0};
	const struct vhost_user_region part = {.size = 3 * PAGE, .mmap_offset = PAGE / 2};
	struct closer *closer = closer_create(0);
	int fd = memfd_create("guest", MFD_CLOEXEC);
	struct vmem mem = {0};

	assert_non_null(closer);
	assert_true(fd >= 0 && !ftruncate(fd, FILE_BYTES));
	for (unsigned i = 0; i < N_REGIONS; i++) {
		struct vhost_user_region region = i & 1 ? part : whole;

		region.gpa = i * UINT64_C(0x100000);
		region.mmap_offset += i * 16ull * PAGE;
		assert_int_equal(vhost_mem_add(&mem, &region, fd, NULL), 0);
	}
	for (unsigned i = 0; i < N_REGIONS; i++) {
		const uint8_t *hva = mem.regions[i].hva;
		const uint8_t *base = i & 1 ? hva - PAGE / 2 : hva;

		assert_true(can_touch(hva));
		assert_true(can_touch(hva + mem.regions[i].size - 1));
		if (can_touch(base - 1) || can_touch(base + 4 * PAGE))
			fail_msg("region %u: a byte outside of its pages can be read", i);
	}
	vhost_mem_clear(&mem, closer);
	closer_destroy(closer);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_lie_between_guards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
