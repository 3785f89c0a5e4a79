/**
 * vmem: a peer's guest memory as the switch has mapped it.
 *
 * Data model: up to VMEM_MAX_REGIONS mapped ranges. Immutable once rings use it; a change is a new
 * vmem, swapped while no worker uses the port.
 * Threads: any, read only.
 */
#ifndef WEFT_VSWITCH_DATAPATH_VMEM_H
#define WEFT_VSWITCH_DATAPATH_VMEM_H

#include <stddef.h>
#include <stdint.h>

#define VMEM_MAX_REGIONS 32

struct vmem_region {
	uint64_t gpa;       /* guest-physical start */
	uint64_t size;      /* bytes */
	uint64_t user_addr; /* the front-end's address of the start (ring addresses use these) */
	uint8_t *hva;       /* where it is mapped here */
};

struct vmem {
	unsigned n_regions;
	struct vmem_region regions[VMEM_MAX_REGIONS];
};

/**
 * Host address of guest-physical [gpa, gpa + size), or NULL unless all of it lies in one region.
 * The sum may not wrap: every test is a subtraction of checked values.
 */
static inline void *vmem_translate(const struct vmem *mem, uint64_t gpa, uint64_t size)
{
	for (unsigned i = 0; i < mem->n_regions; i++) {
		const struct vmem_region *r = &mem->regions[i];
		uint64_t off = gpa - r->gpa;

		if (off < r->size && size <= r->size - off)
			return r->hva + off;
	}
	return NULL;
}

/**
 * The same for many ranges in a row: most lie in the region that the last one lay in. The caller
 * keeps a copy of it in registers (near = mem->regions[*hint]) while it works on a burst.
 */
static inline void *vmem_translate_near(const struct vmem *mem, struct vmem_region near,
	uint32_t *hint, uint64_t gpa, uint64_t size)
{
	uint64_t off = gpa - near.gpa;

	if (__builtin_expect(off < near.size && size <= near.size - off, 1))
		return near.hva + off;
	for (unsigned i = 0; i < mem->n_regions; i++) {
		off = gpa - mem->regions[i].gpa;
		if (off < mem->regions[i].size && size <= mem->regions[i].size - off) {
			*hint = i;
			return mem->regions[i].hva + off;
		}
	}
	return NULL;
}

/** As vmem_translate(), and how many bytes follow in the region (at most size). */
static inline void *vmem_translate_part(const struct vmem *mem, uint64_t gpa, uint64_t size,
	uint64_t *ret_size)
{
	for (unsigned i = 0; i < mem->n_regions; i++) {
		const struct vmem_region *r = &mem->regions[i];
		uint64_t off = gpa - r->gpa;

		if (off < r->size) {
			*ret_size = size < r->size - off ? size : r->size - off;
			return r->hva + off;
		}
	}
	return NULL;
}

/** The same for a front-end's own address. */
static inline void *vmem_translate_user(const struct vmem *mem, uint64_t addr, uint64_t size)
{
	for (unsigned i = 0; i < mem->n_regions; i++) {
		const struct vmem_region *r = &mem->regions[i];
		uint64_t off = addr - r->user_addr;

		if (off < r->size && size <= r->size - off)
			return r->hva + off;
	}
	return NULL;
}

#endif
