#include "mem.h"

#include "err.h"
#include "guarded.h"
#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mem {
	struct mem_region regions[MEM_MAX_REGIONS];
	unsigned n_regions;
	uint64_t size_bytes;
	int fd;
};

static int check_size(uint64_t size_bytes, bool hugepages, struct err *err)
{
	uint64_t unit = hugepages ? 2ull << 20 : 4096;

	if (size_bytes < MEM_MIN_BYTES || size_bytes > MEM_MAX_BYTES)
		return err_set_field(err, -EINVAL, "memory",
			"memory size %llu MiB is not in %llu MiB..%llu MiB",
			(unsigned long long)(size_bytes >> 20), MEM_MIN_BYTES >> 20,
			MEM_MAX_BYTES >> 20);
	if (size_bytes % unit)
		return err_set_field(err, -EINVAL, "memory",
			"memory size %llu bytes is not a multiple of %llu KiB",
			(unsigned long long)size_bytes, (unsigned long long)(unit >> 10));
	return 0;
}

static int open_fd(struct mem *mem, bool hugepages, struct err *err)
{
	unsigned flags =
		MFD_CLOEXEC | MFD_ALLOW_SEALING | (hugepages ? MFD_HUGETLB | MFD_HUGE_2MB : 0);
	int r;

	mem->fd = memfd_create("guest-ram", flags);
	if (mem->fd < 0) {
		r = -errno;
		return err_set(err, r, "guest memory: cannot make a memfd: %s", strerror(-r));
	}
	if (ftruncate(mem->fd, (off_t)mem->size_bytes) < 0) {
		r = -errno;
		return err_set(err, r, "guest memory: cannot size it to %llu MiB: %s",
			(unsigned long long)(mem->size_bytes >> 20), strerror(-r));
	}
	/* From here a mapping of it, ours or a back-end's, can never lose its pages. */
	if (fcntl(mem->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		r = -errno;
		return err_set(err, r, "guest memory: cannot seal its size: %s", strerror(-r));
	}
	return 0;
}

static int map_region(struct mem *mem, uint64_t gpa, uint64_t size_bytes, uint64_t fd_offset,
	bool hugepages, struct err *err)
{
	/*
	 * With lazy population nothing is reserved; huge pages are reserved now, or fail here and
	 * not by SIGBUS under a running guest.
	 */
	int flags = MAP_SHARED | (hugepages ? 0 : MAP_NORESERVE);
	size_t page = hugepages ? 2u << 20 : 4096;
	void *hva = guarded_map(size_bytes, page, flags, mem->fd, (off_t)fd_offset);

	if (hva == MAP_FAILED) {
		int r = -errno;

		(void)err_set(err, r, "guest memory: cannot map %llu MiB: %s",
			(unsigned long long)(size_bytes >> 20), strerror(-r));
		if (hugepages)
			err_hint(err, "reserve enough 2 MiB pages in /proc/sys/vm/nr_hugepages, or "
				      "leave --hugepages out");
		return r;
	}
	/*
	 * Advice only: without THP for shared memory the guest runs on small pages. Secrets of the
	 * guest do not belong into a core file of ours.
	 */
	(void)madvise(hva, size_bytes, MADV_HUGEPAGE);
	(void)madvise(hva, size_bytes, MADV_DONTDUMP);
	mem->regions[mem->n_regions++] = (struct mem_region){
		.gpa = gpa,
		.size_bytes = size_bytes,
		.hva = hva,
		.fd = mem->fd,
		.fd_offset = fd_offset,
	};
	return 0;
}

int mem_create(uint64_t size_bytes, bool hugepages, struct mem **ret_mem, struct err *err)
{
	uint64_t low = size_bytes < LAYOUT_LOW_RAM_END ? size_bytes : LAYOUT_LOW_RAM_END;
	struct mem *mem;
	int r = check_size(size_bytes, hugepages, err);

	if (r < 0)
		return r;
	mem = calloc(1, sizeof(*mem));
	if (!mem)
		return err_set(err, -ENOMEM, "guest memory: out of memory");
	mem->size_bytes = size_bytes;
	mem->fd = -1;
	r = open_fd(mem, hugepages, err);
	if (!r)
		r = map_region(mem, 0, low, 0, hugepages, err);
	if (!r && size_bytes > low)
		r = map_region(mem, LAYOUT_HIGH_RAM_BASE, size_bytes - low, low, hugepages, err);
	if (r < 0) {
		mem_destroy(mem);
		return r;
	}
	*ret_mem = mem;
	return 0;
}

void mem_destroy(struct mem *mem)
{
	if (!mem)
		return;
	for (unsigned i = 0; i < mem->n_regions; i++)
		guarded_unmap(mem->regions[i].hva, mem->regions[i].size_bytes);
	if (mem->fd >= 0)
		(void)close(mem->fd);
	free(mem);
}

uint64_t mem_size_bytes(const struct mem *mem)
{
	return mem->size_bytes;
}

unsigned mem_regions(const struct mem *mem, const struct mem_region **ret_regions)
{
	*ret_regions = mem->regions;
	return mem->n_regions;
}

int mem_gpa_to_hva(const struct mem *mem, uint64_t gpa, uint64_t size_bytes, void **ret_hva)
{
	for (unsigned i = 0; i < mem->n_regions; i++) {
		const struct mem_region *r = &mem->regions[i];
		uint64_t offset = gpa - r->gpa;

		/* Subtractions only: no sum that a guest could make overflow. */
		if (gpa < r->gpa || offset >= r->size_bytes)
			continue;
		if (!size_bytes || size_bytes > r->size_bytes - offset)
			return -ERANGE;
		*ret_hva = r->hva + offset;
		return 0;
	}
	return -ERANGE;
}

int mem_write(struct mem *mem, uint64_t gpa, const void *src, size_t size_bytes)
{
	void *hva;
	int r;

	if (!size_bytes)
		return 0;
	r = mem_gpa_to_hva(mem, gpa, size_bytes, &hva);
	if (!r)
		memcpy(hva, src, size_bytes);
	return r;
}

int mem_read(const struct mem *mem, uint64_t gpa, void *dst, size_t size_bytes)
{
	void *hva;
	int r;

	if (!size_bytes)
		return 0;
	r = mem_gpa_to_hva(mem, gpa, size_bytes, &hva);
	if (!r)
		memcpy(dst, hva, size_bytes);
	return r;
}
