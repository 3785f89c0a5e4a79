/**
 * eth_pool: memory for the frames of one port's device (mbufs).
 *
 * Ordinary memory of its own, outside DPDK's heap: it is there while the port is, costs nothing
 * when there is none, and two ports cannot take each other's buffers. For a NIC that does DMA it
 * is mapped into the IOMMU, which pins it (RLIMIT_MEMLOCK).
 *
 * Threads: made and freed by the control thread while no worker uses the device.
 */
#ifndef WEFT_VSWITCH_PORT_ETH_POOL_H
#define WEFT_VSWITCH_PORT_ETH_POOL_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_mempool;

/**
 * n mbufs with room for data_size bytes each. dma: for a NIC under vfio, which is probed already.
 * 0, or -errno with err set.
 */
int eth_pool_create(const char *name, unsigned n, uint16_t data_size, bool dma,
	struct rte_mempool **ret_pool, struct err *err);
/** All mbufs are back in it. NULL is accepted. dma as it was given. */
void eth_pool_destroy(struct rte_mempool *pool, bool dma);

#endif
