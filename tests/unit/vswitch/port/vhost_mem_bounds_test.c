/* What of a peer's memory is mapped, and what is not: regions and files that cannot be. */
#include "vhost_mem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE      UINT64_C(4096)
#define FILE_SIZE UINT64_C(0x100000)
#define HUGE_SIZE UINT64_C(0x200000)

static struct closer *closer;

static int memory_file(uint64_t size, unsigned flags)
{
	int fd = memfd_create("guest", MFD_CLOEXEC | flags);

	if (fd >= 0 && ftruncate(fd, (off_t)size)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void regions_that_cannot_be_are_refused(void **state)
{
	/* There is one of 64 KiB at 1 MiB already. */
	static const struct {
		struct vhost_user_region region;
		int code;
	} rows[] = {
		{{.gpa = 0, .size = 0}, -EPROTO},
		{{.gpa = 0, .size = PAGE, .mmap_offset = UINT64_MAX - PAGE + 1}, -EPROTO},
		{{.gpa = 0, .size = UINT64_MAX, .mmap_offset = PAGE}, -EPROTO},
		{{.gpa = 0, .size = PAGE, .mmap_offset = INT64_MAX}, -EPROTO},
		{{.gpa = UINT64_MAX - PAGE + 1, .size = PAGE}, -EPROTO},
		{{.gpa = UINT64_MAX, .size = 2}, -EPROTO},
		{{.gpa = 0, .size = PAGE, .user_addr = UINT64_MAX - PAGE + 1}, -EPROTO},
		{{.gpa = 0, .size = PAGE, .user_addr = UINT64_MAX - 1}, -EPROTO},
		/* Of a file that ends before: by a byte, and by all of it. */
		{{.gpa = 0, .size = FILE_SIZE + 1}, -EPROTO},
		{{.gpa = 0, .size = 1, .mmap_offset = FILE_SIZE}, -EPROTO},
		/* Over the other: its beginning, its end, all around, inside, the same. */
		{{.gpa = 0xff000, .size = PAGE + 1}, -EPROTO},
		{{.gpa = 0x10ffff, .size = PAGE}, -EPROTO},
		{{.gpa = 0xf0000, .size = 0x30000}, -EPROTO},
		{{.gpa = 0x101000, .size = PAGE}, -EPROTO},
		{{.gpa = 0x100000, .size = 0x10000}, -EPROTO},
		/* Beside it, and as far up as there is anything. */
		{{.gpa = 0xff000, .size = PAGE}, 0},
		{{.gpa = 0x110000, .size = PAGE}, 0},
		{{.gpa = UINT64_MAX - PAGE, .size = PAGE, .user_addr = UINT64_MAX - PAGE}, 0},
		{{.gpa = 0, .size = 1, .mmap_offset = FILE_SIZE - 1}, 0},
	};
	const struct vhost_user_region first = {.gpa = 0x100000, .size = 0x10000};
	int fd = memory_file(FILE_SIZE, 0);
	struct vmem mem = {0};
	struct err err = {0};

	assert_int_equal(vhost_mem_add(&mem, &first, fd, &err), 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = vhost_mem_add(&mem, &rows[i].region, fd, &err);

		if (r != rows[i].code)
			fail_msg("row %u: %d, not %d", i, r, rows[i].code);
		assert_int_equal(mem.n_regions, r ? 1 : 2);
		if (!r)
			vhost_mem_remove(&mem, &rows[i].region, closer);
	}
	vhost_mem_clear(&mem, closer);
	(void)close(fd);
}

/* Whose pages another process or a disk would have to bring is no memory. */
static void only_files_in_memory_are_mapped(void **state)
{
	const struct vhost_user_region region = {.size = PAGE};
	int fds[] = {-1, open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
		open("/dev/zero", O_RDWR | O_CLOEXEC),
		open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), eventfd(0, EFD_CLOEXEC),
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	struct vmem mem = {0};

	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		struct err err = {0};

		assert_true(!i || fds[i] >= 0);
		if (i == 1 && fcntl(fds[i], F_GET_SEALS) >= 0)
			continue; /* built in memory */
		assert_int_equal(vhost_mem_add(&mem, &region, fds[i], &err), -EPROTO);
		if (!strstr(err.msg, "without a file of tmpfs or hugetlbfs"))
			fail_msg("row %u: '%s'", i, err.msg);
	}
	for (unsigned i = 1; i < sizeof(fds) / sizeof(fds[0]); i++)
		(void)close(fds[i]);
}

/* Is addr mapped, of a file of memory? */
static bool is_mapped(const uint8_t *addr)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	bool is = false;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long long from, to;

		if (sscanf(line, "%llx-%llx", &from, &to) == 2 && (uintptr_t)addr >= from &&
			(uintptr_t)addr < to)
			is = !!strstr(line, "memfd:guest");
	}
	if (maps)
		(void)fclose(maps);
	return is;
}

/* A region need not begin or end with a page; what is mapped does, of the file's own size, or it
 * could be neither replaced nor unmapped. */
static void whole_pages_of_the_file_are_mapped(void **state)
{
	for (unsigned huge = 0; huge < 2; huge++) {
		const uint64_t page = huge ? HUGE_SIZE : PAGE;
		const struct vhost_user_region region = {
			.gpa = 0x10000, .size = page + 8, .mmap_offset = page - 4};
		int fd = memory_file(4 * page, huge ? MFD_HUGETLB : 0);
		struct vmem mem = {0};
		struct err err = {0};
		uint8_t *at;

		if (fd < 0 && huge)
			return; /* a kernel without them */
		if (!huge)
			assert_int_equal(pwrite(fd, "x", 1, (off_t)page - 4), 1);
		if (vhost_mem_add(&mem, &region, fd, &err))
			fail_msg("%s", err.msg);
		at = mem.regions[0].hva;
		assert_int_equal((uintptr_t)at % page, page - 4);
		assert_true(is_mapped(at + 4 - page) && is_mapped(at + 4 + 2 * page - 1));
		if (!huge)
			assert_int_equal(*at, 'x');
		vhost_mem_clear(&mem, closer);
		while (is_mapped(at)) /* else the time limit says so */
			usleep(1000);
		(void)close(fd);
	}
}

/* Sparse files cost nothing, but page tables of mappings do. */
static void bytes_of_a_port_and_of_all_are_bounded(void **state)
{
	const unsigned n_ports = VHOST_MEM_ALL_BYTES / VHOST_MEM_PORT_BYTES;
	const struct vhost_user_region all = {.size = VHOST_MEM_PORT_BYTES},
				       page = {.gpa = VHOST_MEM_PORT_BYTES, .size = PAGE};
	int fd = memory_file(VHOST_MEM_PORT_BYTES, 0);
	static struct vmem ports[VHOST_MEM_ALL_BYTES / VHOST_MEM_PORT_BYTES + 1];
	struct err err = {0};

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < n_ports; i++) {
			/* What an earlier port had is given back when it is unmapped. */
			while (vhost_mem_add(&ports[i], &all, fd, &err))
				usleep(1000);
			assert_int_equal(vhost_mem_add(&ports[i], &page, fd, &err), -ENOSPC);
			assert_non_null(strstr(err.msg, "1024 GiB of memory at one port"));
		}
		assert_int_equal(vhost_mem_add(&ports[n_ports], &page, fd, &err), -ENOSPC);
		assert_non_null(strstr(err.msg, "16384 GiB of memory at all ports"));
		for (unsigned i = 0; i < n_ports; i++)
			vhost_mem_clear(&ports[i], closer);
	}
	(void)close(fd);
}

static int set_up(void **state)
{
	closer = closer_create(0);
	return closer ? 0 : -1;
}

static int tear_down(void **state)
{
	closer_destroy(closer);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_that_cannot_be_are_refused),
		cmocka_unit_test(only_files_in_memory_are_mapped),
		cmocka_unit_test(whole_pages_of_the_file_are_mapped),
		cmocka_unit_test(bytes_of_a_port_and_of_all_are_bounded),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
