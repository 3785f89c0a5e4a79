/**
 * vhost_mem: mapping a peer's memory, and surviving a peer that takes it away.
 *
 * Regions come as file descriptors, of tmpfs (a memfd, /dev/shm) or hugetlbfs
 * only: the file systems whose pages the kernel finds by itself. Another, FUSE
 * for one, asks its server, which may never answer: whoever touched such a page
 * would wait for ever. Which file system it is is asked of the kernel alone
 * (F_GET_SEALS), before anything that a file system answers.
 *
 * A memfd sealed by F_SEAL_SHRINK cannot shrink; other files can, and huge
 * pages can run out. Then touching a page raises SIGBUS. So every mapping is
 * registered, and a SIGBUS inside one replaces the mapping by zero pages and
 * marks it lost: the worker goes on, and vhost_mem_lost_fd() wakes control,
 * which drops the peer (vhost_mem_is_lost()).
 *
 * What is mapped is the region, rounded to pages of its file, between guard
 * pages (guarded.h): whoever goes too far there meets no other guest's memory.
 * Sizes are bounded, for what they cost us: a mapping of 1 TiB whose pages are
 * touched here and there takes 2 GiB of page tables.
 *
 * Threads: the control thread maps; the port's closer unmaps; the handler runs
 * in whichever thread touched the page and uses only memory, mmap and write.
 * Invariant: a slot's range is set before it is in use and cleared after no
 * ring can reach it. Limits: VMEM_MAX_REGIONS and VHOST_MEM_PORT_BYTES a port,
 * VHOST_MEM_MAX_SLOTS and VHOST_MEM_ALL_BYTES in all, what is still to be
 * unmapped included. Source: "Vhost-user Protocol", "Memory region
 * description"; fcntl(2), "File Sealing".
 */
#ifndef WEFT_VSWITCH_PORT_VHOST_MEM_H
#define WEFT_VSWITCH_PORT_VHOST_MEM_H

#include "closer.h"
#include "vmem.h"

#include "err.h"
#include "vhost_user.h"

#include <stdbool.h>

#define VHOST_MEM_MAX_SLOTS  8192
#define VHOST_MEM_PORT_BYTES (UINT64_C(1) << 40)  /* 1 TiB */
#define VHOST_MEM_ALL_BYTES  (UINT64_C(16) << 40) /* of the 128 TiB that a process may address */

/** Install the SIGBUS handler. Once, before the first mapping. 0 or -errno. */
int vhost_mem_guard(void);
/** Non-blocking eventfd that the handler writes to; borrowed, lives as long as
 * the process. Readable: look whose memory is lost. */
int vhost_mem_lost_fd(void);

/** Map one region more and append it to mem. fd is borrowed. 0, -EPROTO,
 * -ENOSPC, -errno. */
int vhost_mem_add(struct vmem *mem, const struct vhost_user_region *region, int fd,
	struct err *err);
/** Is there a region with these addresses? */
bool vhost_mem_has(const struct vmem *mem, const struct vhost_user_region *region);
/** Unmap the region with these addresses, if there is one. No ring uses mem
 * now. */
void vhost_mem_remove(struct vmem *mem, const struct vhost_user_region *region,
	struct closer *closer);
/** Unmap all. No ring uses mem any more. */
void vhost_mem_clear(struct vmem *mem, struct closer *closer);
/** Did a mapping of mem lose its file? */
bool vhost_mem_is_lost(const struct vmem *mem);

#endif
