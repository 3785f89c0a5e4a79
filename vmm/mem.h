/**
 * mem: the guest's RAM.
 *
 * One memfd holds all RAM. It is sealed against shrinking and growing once it has its size, so that
 * neither we nor a back-end that maps it can be hit by SIGBUS. Pages are populated on first touch
 * and advised for transparent huge pages; explicit huge pages on request. Guard pages stand before
 * and behind each region (guarded.h).
 *
 * Data model: one or two regions (below 3 GiB, above 4 GiB) that share the memfd at different
 * offsets; a region is what vhost-user SET_MEM_TABLE calls one. Regions never change after
 * mem_create().
 * Threads: immutable after creation, so every function here may be called from any thread. What the
 * bytes hold belongs to the guest: read once into a local, then check.
 * Life cycle: the VM owns it; pointers into it are borrowed and valid until mem_destroy().
 * Limits: MEM_MIN_BYTES..MEM_MAX_BYTES, a multiple of 4 KiB (2 MiB with huge pages).
 */
#ifndef WEFT_VMM_MEM_H
#define WEFT_VMM_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct mem;

#define MEM_MAX_REGIONS 2
#define MEM_MIN_BYTES   (16ull << 20)
#define MEM_MAX_BYTES   (1ull << 40)

struct mem_region {
	uint64_t gpa;
	uint64_t size_bytes;
	uint8_t *hva;       /* borrowed */
	int fd;             /* borrowed; the same memfd in every region */
	uint64_t fd_offset; /* of this region's first byte in fd */
};

/** Life cycle. ret_mem owned by the caller. mem_destroy() accepts NULL. */
int mem_create(uint64_t size_bytes, bool hugepages, struct mem **ret_mem, struct err *err);
void mem_destroy(struct mem *mem);

uint64_t mem_size_bytes(const struct mem *mem);

/** regions[n_regions], ascending by gpa, borrowed. Returns n_regions (1..MEM_MAX_REGIONS). */
unsigned mem_regions(const struct mem *mem, const struct mem_region **ret_regions);

/**
 * Translate a guest-physical range to host memory.
 *
 * gpa, size_bytes   the range must lie in one RAM region; size_bytes > 0
 * returns           0, -ERANGE if any byte is outside RAM (ret_hva untouched)
 * source            VIRTIO 1.2, 2.7.5 "The Virtqueue Descriptor Table"
 */
int mem_gpa_to_hva(const struct mem *mem, uint64_t gpa, uint64_t size_bytes, void **ret_hva);

/** Copy to and from guest RAM; -ERANGE, and nothing copied, if any byte is outside one region. */
int mem_write(struct mem *mem, uint64_t gpa, const void *src, size_t size_bytes);
int mem_read(const struct mem *mem, uint64_t gpa, void *dst, size_t size_bytes);

#endif
