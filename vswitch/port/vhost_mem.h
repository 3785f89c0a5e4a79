/**
 * vhost_mem: mapping a peer's memory, and surviving a peer that takes it away.
 *
 * Regions come as file descriptors. A sealed memfd cannot shrink; other files can, and touching a
 * page behind their end raises SIGBUS. So every mapping is registered, and a SIGBUS inside one
 * replaces the mapping by zero pages and marks it lost: the worker goes on, and the port is reset
 * when control looks (vhost_mem_is_lost()).
 *
 * Threads: the control thread maps and unmaps; the handler runs in whichever thread touched the
 * page and uses only memory, mmap and write. Invariant: a slot's range is set before it is in use
 * and cleared after no ring can reach it. Limits: VMEM_MAX_REGIONS a port, VHOST_MEM_MAX_SLOTS in
 * all. Source: "Vhost-user Protocol", "Memory region description".
 */
#ifndef WEFT_PORT_VHOST_MEM_H
#define WEFT_PORT_VHOST_MEM_H

#include "err.h"
#include "vhost_user.h"
#include "vmem.h"

#include <stdbool.h>

#define VHOST_MEM_MAX_SLOTS 8192

/** Install the SIGBUS handler. Once, before the first mapping. 0 or -errno. */
int vhost_mem_guard(void);

/** Map one region more and append it to mem. fd is borrowed. 0, -EPROTO, -ENOSPC, -errno. */
int vhost_mem_add(
	struct vmem *mem, const struct vhost_user_region *region, int fd, struct err *err);
/** Unmap the region with these addresses. 0 or -ENOENT. */
int vhost_mem_remove(struct vmem *mem, const struct vhost_user_region *region);
/** Unmap all. No ring uses mem any more. */
void vhost_mem_clear(struct vmem *mem);
/** Did a mapping of mem lose its file? */
bool vhost_mem_is_lost(const struct vmem *mem);

#endif
