#include "vhost_mem.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/** One mapping, as the signal handler needs to know it. base 0 = free. */
struct slot {
	_Atomic uintptr_t base; /* of the whole mapping */
	_Atomic size_t size;
	_Atomic bool lost;
};

static struct slot slots[VHOST_MEM_MAX_SLOTS];
static _Atomic unsigned n_slots; /* slots ever used */

static struct slot *find_slot(uintptr_t addr)
{
	unsigned n = atomic_load_explicit(&n_slots, memory_order_acquire);

	for (unsigned i = 0; i < n; i++) {
		uintptr_t base = atomic_load_explicit(&slots[i].base, memory_order_acquire);
		if (base &&
			addr - base < atomic_load_explicit(&slots[i].size, memory_order_relaxed))
			return &slots[i];
	}
	return NULL;
}

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	struct slot *slot = find_slot((uintptr_t)info->si_addr);
	int saved = errno;

	if (slot) {
		uintptr_t base = atomic_load_explicit(&slot->base, memory_order_relaxed);
		size_t size = atomic_load_explicit(&slot->size, memory_order_relaxed);
		/* mmap is not on the list of async-signal-safe functions, but is a plain system
		 * call. */
		void *mem = mmap((void *)base, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
		if (mem != MAP_FAILED) {
			atomic_store_explicit(&slot->lost, true, memory_order_relaxed);
			errno = saved;
			return;
		}
	}
	/* Not ours: die of it as without a handler. */
	signal(signo, SIG_DFL);
	raise(signo);
}

int vhost_mem_guard(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) ? -errno : 0;
}

static struct slot *take_slot(uintptr_t base, size_t size)
{
	unsigned n = atomic_load_explicit(&n_slots, memory_order_relaxed);

	for (unsigned i = 0; i < VHOST_MEM_MAX_SLOTS; i++) {
		if (atomic_load_explicit(&slots[i].base, memory_order_relaxed))
			continue;
		atomic_store_explicit(&slots[i].size, size, memory_order_relaxed);
		atomic_store_explicit(&slots[i].lost, false, memory_order_relaxed);
		atomic_store_explicit(&slots[i].base, base, memory_order_release);
		if (i >= n)
			atomic_store_explicit(&n_slots, i + 1, memory_order_release);
		return &slots[i];
	}
	return NULL;
}

static bool overlaps(const struct vmem *mem, const struct vhost_user_region *region)
{
	for (unsigned i = 0; i < mem->n_regions; i++) {
		const struct vmem_region *r = &mem->regions[i];
		if (region->gpa < r->gpa + r->size && r->gpa < region->gpa + region->size)
			return true;
	}
	return false;
}

static int check_region(
	const struct vmem *mem, const struct vhost_user_region *region, int fd, struct err *err)
{
	uint64_t end = region->mmap_offset + region->size;
	struct stat st;

	if (!region->size || end < region->size || region->gpa + region->size < region->size ||
		region->user_addr + region->size < region->size || end > INT64_MAX)
		return err_set(err, -EPROTO, "memory region of %llu bytes at %#llx cannot be",
			(unsigned long long)region->size, (unsigned long long)region->gpa);
	if (overlaps(mem, region))
		return err_set(err, -EPROTO, "memory region at %#llx overlaps another",
			(unsigned long long)region->gpa);
	if (mem->n_regions == VMEM_MAX_REGIONS)
		return err_set(err, -ENOSPC, "more than %u memory regions", VMEM_MAX_REGIONS);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return err_set(err, -EPROTO, "memory region at %#llx without a memory file",
			(unsigned long long)region->gpa);
	if ((uint64_t)st.st_size < end)
		return err_set(err, -EPROTO, "memory file of %llu bytes is too short for %llu",
			(unsigned long long)st.st_size, (unsigned long long)end);
	return 0;
}

int vhost_mem_add(struct vmem *mem, const struct vhost_user_region *region, int fd, struct err *err)
{
	size_t size = region->mmap_offset + region->size;
	int ret = check_region(mem, region, fd, err);
	void *base;

	if (ret)
		return ret;
	/* From the file's start: an offset need not be a multiple of a huge page. */
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (base == MAP_FAILED)
		return err_set(err, -errno, "mapping %zu bytes of guest memory failed: %s", size,
			strerror(errno));
	(void)madvise(
		base, size, MADV_DONTDUMP); /* a guest's memory has no place in our core dump */
	if (!take_slot((uintptr_t)base, size)) {
		munmap(base, size);
		return err_set(err, -ENOSPC, "too many memory regions in all");
	}
	mem->regions[mem->n_regions++] = (struct vmem_region){.gpa = region->gpa,
		.size = region->size,
		.user_addr = region->user_addr,
		.hva = (uint8_t *)base + region->mmap_offset};
	return 0;
}

static void unmap(const struct vmem_region *region)
{
	struct slot *slot = find_slot((uintptr_t)region->hva);

	if (!slot)
		return;
	void *base = (void *)atomic_load_explicit(&slot->base, memory_order_relaxed);
	size_t size = atomic_load_explicit(&slot->size, memory_order_relaxed);
	atomic_store_explicit(&slot->base, 0, memory_order_release);
	munmap(base, size);
}

int vhost_mem_remove(struct vmem *mem, const struct vhost_user_region *region)
{
	for (unsigned i = 0; i < mem->n_regions; i++) {
		struct vmem_region *r = &mem->regions[i];
		if (r->gpa != region->gpa || r->size != region->size ||
			r->user_addr != region->user_addr)
			continue;
		unmap(r);
		*r = mem->regions[--mem->n_regions];
		return 0;
	}
	return -ENOENT;
}

void vhost_mem_clear(struct vmem *mem)
{
	while (mem->n_regions)
		unmap(&mem->regions[--mem->n_regions]);
}

bool vhost_mem_is_lost(const struct vmem *mem)
{
	for (unsigned i = 0; i < mem->n_regions; i++) {
		const struct slot *slot = find_slot((uintptr_t)mem->regions[i].hva);
		if (slot && atomic_load_explicit(&slot->lost, memory_order_relaxed))
			return true;
	}
	return false;
}
