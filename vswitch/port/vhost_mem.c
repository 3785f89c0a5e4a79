#include "vhost_mem.h"

#include "guarded.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* One mapping, as the signal handler needs to know it. base 0 = free. */
struct slot {
	_Atomic uintptr_t base; /* of the whole mapping */
	_Atomic size_t size;
	_Atomic bool lost;
};

static struct slot slots[VHOST_MEM_MAX_SLOTS];
static _Atomic unsigned n_slots;      /* slots ever used */
static _Atomic uint64_t mapped_bytes; /* of all ports, and what closers still have to unmap */
static int lost_fd = -1;

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

/* Zeroes in place of size bytes at base. mmap is not on the list of
 * async-signal-safe functions, but is a plain system call. */
static bool replace_by_zeroes(uintptr_t base, size_t size)
{
	return mmap((void *)base, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		       0) != MAP_FAILED;
}

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	struct slot *slot = find_slot((uintptr_t)info->si_addr);
	const uint64_t one = 1;
	int saved = errno;

	if (slot && replace_by_zeroes(atomic_load_explicit(&slot->base, memory_order_relaxed),
			    atomic_load_explicit(&slot->size, memory_order_relaxed))) {
		atomic_store_explicit(&slot->lost, true, memory_order_relaxed);
		(void)!write(lost_fd, &one, sizeof(one));
		errno = saved;
		return;
	}
	/* Not ours: die of it as without a handler. */
	signal(signo, SIG_DFL);
	raise(signo);
}

int vhost_mem_guard(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};

	if (lost_fd < 0)
		lost_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (lost_fd < 0)
		return -errno;
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) ? -errno : 0;
}

int vhost_mem_lost_fd(void)
{
	return lost_fd;
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

/*
 * Is it a file of tmpfs or hugetlbfs? No other file system is asked anything
 * before this is known: its answer may never come. The kernel knows of seals by
 * itself, for these two only.
 */
static bool is_memory_file(int fd)
{
	return fd >= 0 && fcntl(fd, F_GET_SEALS) >= 0;
}

static int check_region(const struct vmem *mem, const struct vhost_user_region *region, int fd,
	struct err *err)
{
	uint64_t end = region->mmap_offset + region->size;

	if (!region->size || end < region->size || region->gpa + region->size < region->size ||
		region->user_addr + region->size < region->size || end > INT64_MAX)
		return err_set(err, -EPROTO, "memory region of %llu bytes at %#llx cannot be",
			(unsigned long long)region->size, (unsigned long long)region->gpa);
	if (overlaps(mem, region))
		return err_set(err, -EPROTO, "memory region at %#llx overlaps another",
			(unsigned long long)region->gpa);
	if (mem->n_regions == VMEM_MAX_REGIONS)
		return err_set(err, -ENOSPC, "more than %u memory regions", VMEM_MAX_REGIONS);
	if (!is_memory_file(fd))
		return err_set(err, -EPROTO,
			"memory region at %#llx without a file of tmpfs or hugetlbfs",
			(unsigned long long)region->gpa);
	return 0;
}

static uint64_t sum_bytes(const struct vmem *mem)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < mem->n_regions; i++) {
		const struct slot *slot = find_slot((uintptr_t)mem->regions[i].hva);
		sum += slot ? atomic_load_explicit(&slot->size, memory_order_relaxed) : 0;
	}
	return sum;
}

static void give_bytes_back(size_t size)
{
	atomic_fetch_sub_explicit(&mapped_bytes, size, memory_order_relaxed);
}

/* Count size bytes as mapped, if there may be as many. */
static int take_bytes(const struct vmem *mem, uint64_t size, struct err *err)
{
	if (size > VHOST_MEM_PORT_BYTES - sum_bytes(mem))
		return err_set(err, -ENOSPC, "more than %llu GiB of memory at one port",
			(unsigned long long)(VHOST_MEM_PORT_BYTES >> 30));
	/* Only the control thread adds. */
	if (size > VHOST_MEM_ALL_BYTES - atomic_load_explicit(&mapped_bytes, memory_order_relaxed))
		return err_set(err, -ENOSPC, "more than %llu GiB of memory at all ports",
			(unsigned long long)(VHOST_MEM_ALL_BYTES >> 30));
	atomic_fetch_add_explicit(&mapped_bytes, size, memory_order_relaxed);
	return 0;
}

/*
 * What of the file is mapped for a region: from *ret_start on, *ret_size bytes,
 * both multiples of *ret_page, a page of the file. Half a huge page can neither
 * be mapped nor unmapped.
 */
static int find_extent(const struct vhost_user_region *region, int fd, uint64_t *ret_start,
	uint64_t *ret_size, uint64_t *ret_page, struct err *err)
{
	uint64_t end = region->mmap_offset + region->size, page;
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return err_set(err, -EPROTO, "memory region at %#llx without a memory file",
			(unsigned long long)region->gpa);
	if ((uint64_t)st.st_size < end)
		return err_set(err, -EPROTO, "memory file of %llu bytes is too short for %llu",
			(unsigned long long)st.st_size, (unsigned long long)end);
	page = (uint64_t)st.st_blksize;
	*ret_page = page;
	*ret_start = region->mmap_offset & ~(page - 1);
	*ret_size = ((end + page - 1) & ~(page - 1)) - *ret_start;
	return 0;
}

int vhost_mem_add(struct vmem *mem, const struct vhost_user_region *region, int fd, struct err *err)
{
	uint64_t start, size, page;
	int r = check_region(mem, region, fd, err);
	void *base;

	if (!r)
		r = find_extent(region, fd, &start, &size, &page, err);
	if (!r)
		r = take_bytes(mem, size, err);
	if (r)
		return r;
	base = guarded_map(size, page, MAP_SHARED | MAP_NORESERVE, fd, (off_t)start);
	if (base == MAP_FAILED) {
		r = err_set(err, -errno, "mapping %llu bytes of guest memory failed: %s",
			(unsigned long long)size, strerror(errno));
		give_bytes_back(size);
		return r;
	}
	/* A guest's memory has no place in our core dump. */
	(void)madvise(base, size, MADV_DONTDUMP);
	if (!take_slot((uintptr_t)base, size)) {
		guarded_unmap(base, size); /* nobody touched it: there is nothing to free */
		give_bytes_back(size);
		return err_set(err, -ENOSPC, "too many memory regions in all");
	}
	mem->regions[mem->n_regions++] = (struct vmem_region){.gpa = region->gpa,
		.size = region->size,
		.user_addr = region->user_addr,
		.hva = (uint8_t *)base + (region->mmap_offset - start)};
	return 0;
}

static void unmap(const struct vmem_region *region, struct closer *closer)
{
	struct slot *slot = find_slot((uintptr_t)region->hva);

	if (!slot)
		return;
	void *base = (void *)atomic_load_explicit(&slot->base, memory_order_relaxed);
	size_t size = atomic_load_explicit(&slot->size, memory_order_relaxed);
	atomic_store_explicit(&slot->base, 0, memory_order_release);
	closer_unmap(closer, base, size, give_bytes_back);
}

/* Index in mem->regions of the region with these addresses; n_regions: there
 * is none. */
static unsigned find_region(const struct vmem *mem, const struct vhost_user_region *region)
{
	unsigned i = 0;

	for (; i < mem->n_regions; i++) {
		const struct vmem_region *r = &mem->regions[i];
		if (r->gpa == region->gpa && r->size == region->size &&
			r->user_addr == region->user_addr)
			break;
	}
	return i;
}

bool vhost_mem_has(const struct vmem *mem, const struct vhost_user_region *region)
{
	return find_region(mem, region) < mem->n_regions;
}

void vhost_mem_remove(struct vmem *mem, const struct vhost_user_region *region,
	struct closer *closer)
{
	unsigned i = find_region(mem, region);

	if (i == mem->n_regions)
		return;
	unmap(&mem->regions[i], closer);
	mem->regions[i] = mem->regions[--mem->n_regions];
}

void vhost_mem_clear(struct vmem *mem, struct closer *closer)
{
	while (mem->n_regions)
		unmap(&mem->regions[--mem->n_regions], closer);
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
