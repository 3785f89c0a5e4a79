#include "guarded.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#define GUARD      4096
#define LARGE_PAGE (2u << 20)

void *guarded_map(size_t size, size_t page, int flags, int fd, off_t offset)
{
	size_t align = size >= LARGE_PAGE && page < LARGE_PAGE ? LARGE_PAGE : page;
	size_t whole = size + align + 2 * GUARD;
	uint8_t *area =
		mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *base, *end;
	int saved;

	if (area == MAP_FAILED)
		return MAP_FAILED;
	base = area + GUARD;
	base += ((uintptr_t)offset - (uintptr_t)base) & (align - 1);
	end = base + size;
	if (mmap(base, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, offset) == MAP_FAILED) {
		saved = errno;
		(void)munmap(area, whole);
		errno = saved;
		return MAP_FAILED;
	}
	/* What the alignment did not need. */
	if (base - GUARD > area)
		(void)munmap(area, (size_t)(base - GUARD - area));
	if (end + GUARD < area + whole)
		(void)munmap(end + GUARD, (size_t)(area + whole - end - GUARD));
	return base;
}

void guarded_unmap(void *base, size_t size)
{
	(void)munmap((uint8_t *)base - GUARD, size + 2 * GUARD);
}
