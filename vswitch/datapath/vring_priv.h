/**
 * vring_priv: what the split and the packed half of vring share.
 *
 * A chain is a list of segments of guest memory; how it is found differs between layouts, what is
 * done with it does not.
 */
#ifndef WEFT_VSWITCH_DATAPATH_VRING_PRIV_H
#define WEFT_VSWITCH_DATAPATH_VRING_PRIV_H

#include "steps.h"
#include "vring.h"

#include <string.h>

/* What the operations of a ring are made of; tests of the ring call them one by one. */

/** As rx, requeue and rx_done; nothing is published. */
unsigned vring_rx(struct vring *ring, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs);
void vring_requeue(struct vring *ring, const struct frame *frames, unsigned n);
void vring_return(struct vring *ring, const struct frame *frames, unsigned n);

/** A chain, read and checked. */
struct vring_chain {
	unsigned n_segs;
	uint32_t len; /* bytes in all segments */
	uint16_t id;  /* what to return it by */
	uint16_t n_desc;
};

/** Working memory of one tx. */
struct tx_plan {
	/* Buffers of one descriptor, looked at ahead of the frames for them; next is the one that
	 * the driver made available first. */
	struct {
		uint8_t *hva;
		uint32_t len;
		uint16_t id;
	} ahead[FRAME_BURST];
	unsigned n_ahead, next_ahead;
	unsigned n_descs; /* read in this delivery */
	/* The chains of a frame that needs more. */
	struct frame_seg segs[2 * TX_MAX_SEGS];
	struct vring_chain chains[TX_MAX_CHAINS];
	unsigned n_chains, n_segs;
};

/**
 * Before n frames: look at the buffers that they will probably take, all at once, so that their
 * cache lines are on the way. plan is valid until the ring is published; its n_descs is set.
 */
void vring_tx_begin(struct vring *ring, struct tx_plan *plan, unsigned n);
/**
 * The fast path for most frames: those that ask for no offload and fit the next buffer. Sends them
 * in order up to the first that does not go this way. returns  those left of tx->todo, that one
 * first; 0 = none
 */
uint64_t vring_tx_fast(struct vring *ring, struct tx_plan *plan, const struct tx_burst *tx,
	struct tx_tally *tally);
/** Any frame, with a VLAN tag if tagged: TX_SENT, or why not: nothing was used then. */
enum drop_reason vring_tx_frame(struct vring *ring, struct tx_plan *plan, const struct frame *frame,
	bool tagged);
/** Make what was sent or returned visible; vring_signal_needed() then covers it. */
void vring_publish(struct vring *ring);

bool vring_pending(const struct vring *ring);
void vring_notify(struct vring *ring, bool on);
/** Must the driver be interrupted for what was published since the last call? After a full fence:
 *  the driver must see what was published before we read whether it wants to know; it does the
 *  reverse, so that one of us sees the other. Without it an interrupt is lost. */
bool vring_signal_needed(struct vring *ring);

#define HDR_SIZE sizeof(struct virtio_net_hdr_v1)

/** Large locals of the hot path are filled before they are read: do not clear them first. */
#define UNINITIALIZED __attribute__((uninitialized))

static inline int ring_fault(struct vring *ring, enum vring_fault fault)
{
	atomic_store_explicit(&ring->broken, fault, memory_order_relaxed);
	atomic_store_explicit(&ring->queue.wants_control, true, memory_order_relaxed);
	return -1;
}

/** Ring memory is written by somebody else at any time: each field is loaded exactly once. */
#define LOAD_ONCE(lvalue)         (*(const volatile __typeof__(lvalue) *)&(lvalue))
#define STORE_ONCE(lvalue, value) (*(volatile __typeof__(lvalue) *)&(lvalue) = (value))

/** A 64-bit word at any address: indirect tables need not be aligned. */
typedef uint64_t unaligned_u64 __attribute__((aligned(1), may_alias));

/** Both halves of a 16-byte descriptor, each loaded once. */
static inline void desc_words(const void *desc, uint64_t *ret_addr, uint64_t *ret_rest)
{
	const unaligned_u64 *words = desc;

	STEP(descriptors, 1);
	*ret_addr = LOAD_ONCE(words[0]);
	*ret_rest = LOAD_ONCE(words[1]);
}

/**
 * Append guest range [gpa, gpa + len), len > 0, to segs, which has room for max segments in all; a
 * range over adjacent regions becomes several. A descriptor of no bytes would be none, and a chain
 * of them as long as its driver likes: callers refuse it, as QEMU does. returns the new count, or
 * -1: outside memory or too many.
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

#define COPY_SMALL_MAX 160
/** Copy n <= COPY_SMALL_MAX bytes: no call, no loop, the last segment overlaps. */
static inline void copy_small(uint8_t *dst, const uint8_t *src, uint32_t n)
{
	if (n >= 64) {
		__builtin_memcpy(dst, src, 64);
		if (n > 128)
			__builtin_memcpy(dst + 64, src + 64, 64);
		else if (n > 96)
			__builtin_memcpy(dst + 64, src + 64, 32);
		__builtin_memcpy(dst + n - 32, src + n - 32, 32);
	} else if (n >= 32) {
		__builtin_memcpy(dst, src, 32);
		__builtin_memcpy(dst + n - 32, src + n - 32, 32);
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
_Static_assert(HDR_SIZE + FRAME_HEADER_SIZE <= COPY_SMALL_MAX, "it copies both headers");

/** Ask for the lines that a frame of unknown size is written to, to own them: the driver read them
 *  last. Processors without PREFETCHW take it for no operation. */
static inline void prefetch_for_write(const uint8_t *hva)
{
	__asm__ volatile("prefetchw %0" : : "m"(hva[0]));
	__asm__ volatile("prefetchw %0" : : "m"(hva[64]));
}

/**
 * Fill a frame from its chain of several segments, frame->segs[frame->n_segs], len bytes in all.
 */
void frame_gather(struct frame *frame, uint32_t len);

/**
 * Fill a frame whose chain is the one segment frame->seg; n_segs is 1. What is shorter than a
 * virtio header comes out as a frame of no bytes.
 */
static inline void frame_load(struct frame *frame)
{
	const uint8_t *src = frame->seg.hva;
	uint32_t size = frame->seg.len;

	frame->rest_off = 12;
	if (__builtin_expect(size <= HDR_SIZE, 0)) {
		frame->len = frame->tail_len = frame->header_len = 0;
		return;
	}
	uint32_t n = size < HDR_SIZE + FRAME_HEADER_SIZE ? size : HDR_SIZE + FRAME_HEADER_SIZE;
	frame->len = size - (uint32_t)HDR_SIZE;
	frame->header_len = (uint16_t)(n - HDR_SIZE);
	frame->tail_len = size - n;
	if (frame->tail_len) {
		frame->segs = &frame->seg;
		frame->skip = (uint16_t)n;
	}
	/* The virtio header and the header bytes are one stretch. */
	copy_small((uint8_t *)frame + offsetof(struct frame, hdr), src, n);
}

/** A frame of any chain, whose segments are segs: what burst_load() needs. */
static inline void frame_refer(struct frame *frame, const struct vring_chain *chain,
	const struct frame_seg *segs)
{
	__builtin_prefetch(segs[0].hva);
	frame->id = chain->id;
	frame->n_desc = chain->n_desc;
	frame->segs = segs;
	frame->n_segs = (uint16_t)chain->n_segs;
	frame->seg = (struct frame_seg){segs[0].hva, chain->len};
}

/** Load the frames of a burst whose chains are known, and sum them up. */
static inline void burst_load(struct burst *ret_burst, unsigned n)
{
	struct burst burst; /* in registers */

	burst_begin(&burst, ret_burst->frames);
	for (unsigned i = 0; i < n; i++) {
		struct frame *frame = &burst.frames[i];

		if (__builtin_expect(frame->n_segs == 1, 1))
			frame_load(frame);
		else
			frame_gather(frame, frame->seg.len);
		burst_add(&burst, frame);
	}
	*ret_burst = burst;
}

/* The fast path (vring_tx_fast()). */

/** Bytes that a frame takes in a buffer. */
static inline uint32_t fast_size(const struct frame *frame, bool tagged)
{
	return (uint32_t)HDR_SIZE + frame->len + (tagged ? 4 : 0);
}

static inline bool is_fast(const struct frame *frame, uint32_t need, uint32_t room, bool all_fast)
{
	return need <= room && (all_fast || frame_needs_no_offload(frame));
}

/** Write a frame into one segment of memory that is large enough. */
static inline void fast_store(const struct frame *frame, bool tagged, uint8_t *dst)
{
	const struct virtio_net_hdr_v1 hdr = {.num_buffers = 1};
	uint32_t n = frame->header_len, cut = frame->rest_off - 12u;

	__builtin_memcpy(dst, &hdr, HDR_SIZE);
	dst += HDR_SIZE;
	if (tagged == !!cut) { /* tagged or untagged, as it came */
		copy_small(dst, frame->header, n);
		if (tagged) {
			dst[14] = (uint8_t)(frame->tci >> 8);
			dst[15] = (uint8_t)frame->tci;
		}
	} else if (tagged) {
		const uint8_t tag[4] = {
			0x81, 0x00, (uint8_t)(frame->tci >> 8), (uint8_t)frame->tci};
		__builtin_memcpy(dst, frame->header, 12);
		__builtin_memcpy(dst + 12, tag, 4);
		copy_small(dst + 16, frame->header + 12, n - 12);
		n += 4;
	} else {
		__builtin_memcpy(dst, frame->header, 12);
		copy_small(dst + 12, frame->header + 16, n - 16);
		n -= 4;
	}
	frame_copy_tail(frame, dst + n);
}

/**
 * Copy a frame, with its tag if tagged, into plan. The plan holds at least that many bytes.
 * Sets chains[i].len to the bytes written into each chain.
 */
void frame_store(const struct frame *frame, bool tagged, uint16_t n_buffers, struct tx_plan *plan);

unsigned split_rx(struct vring *ring, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs);
/** The next chain that the driver made available for writing, after those that were planned over
 *  `ahead` positions. 0, 1 = none, -1 = fault. */
int split_next(struct vring *ring, uint16_t ahead, struct tx_plan *plan);
/** Fill plan->ahead with up to n buffers. */
void split_ahead(struct vring *ring, struct tx_plan *plan, unsigned n);
/** As vring_tx_fast(). */
uint64_t split_tx_fast(struct vring *ring, struct tx_plan *plan, const struct tx_burst *tx,
	struct tx_tally *tally);
void split_return(struct vring *ring, const struct frame *frames, unsigned n);
/** The chains that were planned are taken and used. */
void split_use(struct vring *ring, const struct vring_chain *chains, unsigned n);
void split_publish(struct vring *ring);

unsigned packed_rx(struct vring *ring, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs);
uint64_t packed_tx_fast(struct vring *ring, struct tx_plan *plan, const struct tx_burst *tx,
	struct tx_tally *tally);
/** As split_next(); ahead counts slots, which must be the ring's size at most. */
int packed_next(struct vring *ring, uint16_t ahead, struct tx_plan *plan);
void packed_ahead(struct vring *ring, struct tx_plan *plan, unsigned n);
void packed_requeue(struct vring *ring, const struct frame *frames, unsigned n);
void packed_return(struct vring *ring, const struct frame *frames, unsigned n);
/** The chains that were planned are taken and used. */
void packed_use(struct vring *ring, const struct vring_chain *chains, unsigned n);
void packed_publish(struct vring *ring);
bool packed_pending(const struct vring *ring);
void packed_notify(struct vring *ring, bool on);
/** As vring_signal_needed(), for the last n positions that were published. */
bool packed_signal_needed(const struct vring *ring, uint32_t n);

#endif
