/**
 * vring_priv: what the split and the packed half of vring share.
 *
 * A chain is a list of pieces of guest memory; how it is found differs between layouts, what is
 * done with it does not.
 */
#ifndef WEFT_DATAPATH_VRING_PRIV_H
#define WEFT_DATAPATH_VRING_PRIV_H

#include "vring.h"

#include <string.h>

#define HDR_SIZE sizeof(struct virtio_net_hdr_v1)

/** Large locals of the hot path are filled before they are read: do not clear them first. */
#define UNINITIALIZED __attribute__((uninitialized))

static inline int ring_fault(struct vring *ring, enum vring_fault fault)
{
	atomic_store_explicit(&ring->broken, fault, memory_order_relaxed);
	return -1;
}

/** Ring memory is written by somebody else at any time: each field is loaded exactly once. */
#define LOAD_ONCE(lvalue)	  (*(const volatile __typeof__(lvalue) *)&(lvalue))
#define STORE_ONCE(lvalue, value) (*(volatile __typeof__(lvalue) *)&(lvalue) = (value))

/** A 64-bit word at any address: indirect tables need not be aligned. */
typedef uint64_t unaligned_u64 __attribute__((aligned(1), may_alias));

/** Both halves of a 16-byte descriptor, each loaded once. */
static inline void desc_words(const void *desc, uint64_t *ret_addr, uint64_t *ret_rest)
{
	const unaligned_u64 *words = desc;

	*ret_addr = LOAD_ONCE(words[0]);
	*ret_rest = LOAD_ONCE(words[1]);
}

/**
 * Append guest range [gpa, gpa + len) to segs, which has room for max pieces in all; a range over
 * adjacent regions becomes several. returns the new count, or -1: outside memory or too many.
 */
static inline int seg_append(const struct vmem *mem, struct frame_seg *segs, unsigned n,
	unsigned max, uint64_t gpa, uint32_t len)
{
	void *hva = vmem_translate(mem, gpa, len);

	if (__builtin_expect(hva && n < max, 1)) {
		segs[n] = (struct frame_seg){hva, len};
		return (int)n + 1;
	}
	while (len) {
		uint64_t part;
		hva = vmem_translate_part(mem, gpa, len, &part);
		if (!hva || n >= max)
			return -1;
		segs[n++] = (struct frame_seg){hva, (uint32_t)part};
		gpa += part;
		len -= (uint32_t)part;
	}
	return (int)n;
}

/** Copy n <= 128 bytes; branches on few sizes only, no call. */
static inline void copy_small(uint8_t *dst, const uint8_t *src, uint32_t n)
{
	if (n >= 32) {
		for (uint32_t at = 0; at + 32 < n; at += 32)
			__builtin_memcpy(dst + at, src + at, 32);
		__builtin_memcpy(dst + n - 32, src + n - 32, 32); /* the last, overlapping */
	} else if (n >= 16) {
		__builtin_memcpy(dst, src, 16);
		__builtin_memcpy(dst + n - 16, src + n - 16, 16);
	} else if (n >= 8) {
		__builtin_memcpy(dst, src, 8);
		__builtin_memcpy(dst + n - 8, src + n - 8, 8);
	} else if (n >= 4) {
		__builtin_memcpy(dst, src, 4);
		__builtin_memcpy(dst + n - 4, src + n - 4, 4);
	} else {
		for (uint32_t i = 0; i < n; i++)
			dst[i] = src[i];
	}
}

/** Ask for the lines that a frame of unknown size is written to. */
static inline void prefetch_for_write(const uint8_t *hva)
{
	__builtin_prefetch(hva, 1);
	__builtin_prefetch(hva + 64, 1);
}

/** Fill a frame's header and head from its chain. */
void frame_load(struct frame *frame, const struct frame_seg *segs, const struct vring_chain *chain);

/**
 * Copy a frame, with its tag if tagged, into plan. The plan holds at least that many bytes.
 * Sets chains[i].len to the bytes written into each chain.
 */
void frame_store(const struct frame *frame, bool tagged, uint16_t n_buffers, struct put_plan *plan);

unsigned split_take(struct vring *ring, struct frame *frames, unsigned max, struct frame_seg *segs,
	unsigned n_segs);
/** The next chain that the driver made available for writing. 0, 1 = none, -1 = fault. */
int split_next(struct vring *ring, uint16_t ahead, struct put_plan *plan);
/** Fill plan->ahead with up to n buffers. */
void split_ahead(struct vring *ring, struct put_plan *plan, unsigned n);
void split_return(struct vring *ring, const struct frame *frames, unsigned n);
void split_use(struct vring *ring, const struct vring_chain *chains, unsigned n);
void split_publish(struct vring *ring);

unsigned packed_take(struct vring *ring, struct frame *frames, unsigned max, struct frame_seg *segs,
	unsigned n_segs);
/** As split_next(); ahead counts slots. */
int packed_next(struct vring *ring, uint16_t ahead, struct put_plan *plan);
void packed_ahead(struct vring *ring, struct put_plan *plan, unsigned n);
void packed_use(struct vring *ring, const struct vring_chain *chains, unsigned n);
void packed_publish(struct vring *ring);
bool packed_pending(const struct vring *ring);
void packed_notify(struct vring *ring, bool on);
bool packed_signal_needed(struct vring *ring);

#endif
