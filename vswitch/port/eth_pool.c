#include "eth_pool.h"

#include "log.h"

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_vfio.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

LOG_MODULE("eth");

static void unmap(struct rte_mempool_memhdr *memhdr, void *opaque)
{
	munmap(memhdr->addr, (size_t)(uintptr_t)opaque);
}

/* Whole pages for n objects, on the safe side of alignment. */
static size_t memory_size(const struct rte_mempool *pool, unsigned n, size_t page)
{
	size_t object = pool->header_size + pool->elt_size + pool->trailer_size;

	return (n * object + 2 * page - 1) / page * page;
}

/*
 * Anonymous memory. For a NIC it is at an address below 2^39: a device is told our own addresses,
 * and the IOMMU of many machines takes no longer ones. MAP_FAILED with errno set.
 */
static char *get_memory(size_t size, bool dma)
{
	const uintptr_t first = UINT64_C(1) << 35, step = UINT64_C(1) << 30,
			end = UINT64_C(1) << 39;
	const int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *mem = MAP_FAILED;

	if (!dma)
		return mmap(NULL, size, prot, flags, -1, 0);
	errno = ENOMEM;
	for (uintptr_t at = first; mem == MAP_FAILED && at + size <= end; at += step)
		mem = mmap((void *)at, size, prot, flags | MAP_FIXED_NOREPLACE, -1, 0);
	return mem;
}

static int map_for_dma(void *mem, size_t size, size_t page, struct err *err)
{
	if (rte_extmem_register(mem, size, NULL, (unsigned)(size / page), page) < 0)
		return err_set(err, -rte_errno, "mbufs: registering their memory: %s",
			rte_strerror(rte_errno));
	if (!rte_vfio_container_dma_map(RTE_VFIO_DEFAULT_CONTAINER_FD, (uintptr_t)mem,
		    (uintptr_t)mem, size))
		return 0;
	(void)err_set(err, -rte_errno, "mbufs: mapping %zu KiB for the NIC's DMA: %s", size / 1024,
		rte_strerror(rte_errno));
	err_hint(err,
		"raise the limit of locked memory: 'ulimit -l', or LimitMEMLOCK= of the unit");
	(void)rte_extmem_unregister(mem, size);
	return err->code;
}

static int populate(struct rte_mempool *pool, unsigned n, bool dma, struct err *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = memory_size(pool, n, page);
	char *mem = get_memory(size, dma);
	int r = 0;

	if (mem == MAP_FAILED)
		return err_set(err, -errno, "mbufs: %zu KiB: %s", size / 1024, strerror(errno));
	if (dma)
		r = map_for_dma(mem, size, page, err);
	if (!r) {
		int got = rte_mempool_populate_iova(pool, mem, (uintptr_t)mem, size, unmap,
			(void *)(uintptr_t)size);

		if (got >= 0 && (unsigned)got == n)
			return 0;
		r = got < 0 ? got : -ENOMEM;
		(void)err_set(err, r, "mbufs: %s", strerror(-r));
		if (got > 0)
			return r; /* the pool has the memory */
	}
	munmap(mem, size);
	return r;
}

int eth_pool_create(const char *name, unsigned n, uint16_t data_size, bool dma,
	struct rte_mempool **ret_pool, struct err *err)
{
	struct rte_pktmbuf_pool_private private = {
		.mbuf_data_room_size = RTE_PKTMBUF_HEADROOM + data_size};
	struct rte_mempool *pool;
	int r;

	/* No cache: it would be per DPDK thread, which workers are not. The flag keeps DPDK from
	 * leaving gaps at page borders: for a device, too, an address here is the same as for us,
	 * and AF_XDP wants mbufs one after the other. */
	pool = rte_mempool_create_empty(name, n,
		sizeof(struct rte_mbuf) + RTE_PKTMBUF_HEADROOM + data_size, 0, sizeof(private),
		SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	if (!pool)
		return err_set(err, -rte_errno, "mbufs: %s", rte_strerror(rte_errno));
	r = rte_mempool_set_ops_byname(pool, "ring_mp_mc", NULL);
	if (r < 0)
		(void)err_set(err, r, "mbufs: %s", strerror(-r));
	rte_pktmbuf_pool_init(pool, &private);
	if (!r)
		r = populate(pool, n, dma, err);
	if (r < 0) {
		eth_pool_destroy(pool, dma);
		return r;
	}
	pool->flags &= ~(RTE_MEMPOOL_F_NO_IOVA_CONTIG | RTE_MEMPOOL_F_NON_IO);
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	*ret_pool = pool;
	return 0;
}

void eth_pool_destroy(struct rte_mempool *pool, bool dma)
{
	struct rte_mempool_memhdr *memory;

	if (!pool)
		return;
	memory = STAILQ_FIRST(&pool->mem_list);
	if (dma && memory) {
		size_t size = (size_t)(uintptr_t)memory->opaque;

		(void)rte_vfio_container_dma_unmap(RTE_VFIO_DEFAULT_CONTAINER_FD,
			(uintptr_t)memory->addr, (uintptr_t)memory->addr, size);
		(void)rte_extmem_unregister(memory->addr, size);
	}
	/* One that never got its memory has nothing to count. */
	if (pool->populated_size && rte_mempool_avail_count(pool) != pool->populated_size)
		log_warn("%s: %u of %u buffers did not come back", pool->name,
			pool->populated_size - rte_mempool_avail_count(pool), pool->populated_size);
	rte_mempool_free(pool);
}
