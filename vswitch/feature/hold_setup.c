#include "hold_setup.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE (2u << 20)

uint64_t hold_footprint(uint64_t size)
{
	uint64_t ring = HOLD_MIN_SIZE;

	while (ring < size)
		ring *= 2;
	return ring;
}

static void *map(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

int hold_create(uint64_t size, struct hold **ret_hold)
{
	struct hold *hold = map(sizeof(*hold));

	if (!hold)
		return -ENOMEM;
	hold->in.ops = &hold_in_ops;
	hold->out.ops = &hold_out_ops;
	hold->in.wake_fd = -1;
	hold->size = hold_footprint(size);
	hold->max_frames = UINT64_MAX;
	hold->out.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	hold->bytes = map(hold->size);
	if (!hold->bytes || hold->out.wake_fd < 0) {
		int r = hold->bytes ? -errno : -ENOMEM;

		hold_destroy(hold);
		return r;
	}
	/* Large pages where there are any to have; without them it is slower and not wrong. */
	if (hold->size >= HUGE_PAGE)
		(void)madvise(hold->bytes, hold->size, MADV_HUGEPAGE);
	*ret_hold = hold;
	return 0;
}

void hold_destroy(struct hold *hold)
{
	if (!hold)
		return;
	if (hold->out.wake_fd >= 0)
		(void)close(hold->out.wake_fd);
	if (hold->bytes)
		(void)munmap(hold->bytes, hold->size);
	(void)munmap(hold, sizeof(*hold));
}

uint64_t hold_n_frames(const struct hold *hold)
{
	/* In this order: there are never more than were added, and with none it was empty. */
	uint64_t n_released = atomic_load_explicit(&hold->n_released, memory_order_acquire);

	return atomic_load_explicit(&hold->n_added, memory_order_relaxed) - n_released;
}
