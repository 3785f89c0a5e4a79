/**
 * vring: the device's side of one virtqueue, split or packed.
 *
 * Data model. A ring lies in the peer's memory and is never trusted: indices, descriptors and
 * indirect tables are read once into locals and checked there. The device's own positions are kept
 * here and never read back. What cannot be right marks the ring broken, with a reason; it is then
 * not touched again until the control thread has reset it.
 *
 * A ring is used in one direction: frames are taken from the guest's transmit ring (vring_take,
 * vring_return) or put into its receive ring (vring_put, vring_publish). Both work on bursts and
 * leave publishing to the end of the burst.
 *
 * Positions. next_avail is where to receive from, next_used where to return to; between bursts they
 * are the same. Of a packed ring both are slots below size, with a wrap counter each; of a split
 * ring free-running 16-bit indices. Entries that a burst received and has not returned and those
 * that are returned and not published yet (n_unpublished) are together at most size: a driver has
 * no more to make available, and what looks like more was written by one that lies. Every function
 * keeps this, whatever stands in the ring, and vring_is_sound() says whether it holds.
 *
 * Threads. While a ring is in the published snapshot, one worker takes from it and, under tx_lock
 * where there are several, workers put into it. The control thread changes a ring only after it
 * left the snapshot and a grace period went by. broken is set by workers and read by control.
 * Limits: size a power of two up to VRING_MAX_SIZE (packed: any size); FRAME_MAX_SEGS descriptors
 * in a chain to transmit, PUT_MAX_SEGS in one to receive, the ring's size at most; none without
 * bytes. Source: VIRTIO 1.2, 2.7 "Split Virtqueues", 2.8 "Packed Virtqueues".
 */
#ifndef WEFT_DATAPATH_VRING_H
#define WEFT_DATAPATH_VRING_H

#include "frame.h"
#include "vmem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum vring_fault {
	VRING_OK,
	VRING_BAD_AVAIL,    /* more available than the ring holds */
	VRING_BAD_HEAD,	    /* descriptor index out of range */
	VRING_BAD_CHAIN,    /* chain too long or looping */
	VRING_BAD_ADDRESS,  /* outside guest memory */
	VRING_BAD_INDIRECT, /* nested, empty, odd-sized or not negotiated */
	VRING_BAD_FLAGS,    /* a readable buffer where a writable one must be, or the reverse */
	VRING_BAD_LENGTH,   /* shorter than the virtio header, or no bytes at all */
	VRING_BAD_POSITION, /* to start at a slot that the ring does not have */
	VRING_N_FAULTS
};

/** For people; static. */
const char *vring_fault_text(enum vring_fault fault);

struct vring {
	/* Read for every frame. */
	void *desc;  /* split: descriptor table; packed: descriptor ring */
	void *avail; /* split: driver area; packed: driver event structure */
	void *used;  /* split: device area; packed: device event structure */
	const struct vmem *mem;
	uint64_t features; /* negotiated */
	uint32_t near;	   /* region of mem that the last buffer lay in */
	uint16_t size;
	uint16_t next_avail; /* split: free-running index; packed: slot */
	uint16_t next_used;
	bool packed;
	bool avail_wrap, used_wrap; /* packed */
	bool mergeable;		    /* VIRTIO_NET_F_MRG_RXBUF */
	bool event_idx;
	bool notify_on;	     /* the driver was asked to kick, */
	bool fault_told;     /* workers: control knows that the ring is broken */
	uint16_t notify_at;  /* EVENT_IDX: at this position */
	uint64_t full_tsc;   /* a large frame has found it full since then; 0 = it has not */
	bool is_listed;	     /* by a worker, to be published and signalled; under tx_lock */
	uint16_t avail_seen; /* split: the driver's index when last read */
	uint16_t n_unpublished; /* positions used, and not yet visible */
	/* What the driver can see: an interrupt is decided about for that alone, since another
	 * worker may have put more and signals it itself. */
	uint16_t published;	 /* next_used when it was last published, */
	bool published_wrap;	 /* packed: and its lap */
	uint32_t n_unsignalled;	 /* positions published since the last vring_signal_needed() */
	uint16_t publish_slot;	/* packed: the first of them, */
	uint16_t publish_flags; /* and the flags that make it visible */
	_Atomic uint8_t broken; /* enum vring_fault */
	_Atomic bool tx_lock;
	int call_fd, kick_fd; /* owned by the port; -1 = none */
	/* The worker pool's, control only. */
	uint32_t publish_mark;
	bool is_watched;
};

static inline bool vring_is_broken(const struct vring *ring)
{
	return atomic_load_explicit(&ring->broken, memory_order_relaxed) != VRING_OK;
}

/**
 * Take over a ring whose desc, avail, used, mem and fds are set, and ask its driver not to kick.
 * Work begins where the last device returned to, so that what it received and did not return is
 * received again. Of a split ring the used index in its memory says where that is, and base, the
 * position as in SET_VRING_BASE, counts for nothing; of a packed ring it is base's lower half,
 * since not every front-end fills in the upper one.
 *
 * size     1..VRING_MAX_SIZE; split: a power of two
 * returns  0; -EINVAL: base is no slot of the ring, which is then broken (VRING_BAD_POSITION)
 */
int vring_init(struct vring *ring, bool packed, uint64_t features, uint16_t size, uint32_t base);
/** Does the invariant of positions hold? For tests; between bursts. During them the counted library
 *  (steps.h) checks the part of it that holds at any time, after every call. */
bool vring_is_sound(const struct vring *ring);
/** Position to tell the peer (GET_VRING_BASE). */
uint32_t vring_base(const struct vring *ring);

/**
 * Take up to max frames (<= FRAME_BURST) that the guest sent into burst->frames and sum them up in
 * burst. segs[n_segs] is room for their pieces; frames[i].segs point into it. Frames whose own
 * content is bad (length) are still returned, for the caller to count. returns  number of frames; a
 * fault marks the ring broken and ends the burst
 */
unsigned vring_take(struct vring *ring, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs);
/** Undo the taking of the last frames, frames[n]: they are taken again next time. */
void vring_untake(struct vring *ring, const struct frame *frames, unsigned n);
/** Give the chains of frames[n] back, in order. Not visible to the guest before vring_publish(). */
void vring_return(struct vring *ring, const struct frame *frames, unsigned n);

/** A chain, read and checked. */
struct vring_chain {
	unsigned n_segs;
	uint32_t len; /* bytes in all segments */
	uint16_t id;  /* what to return it by */
	uint16_t n_desc;
};

/* What one frame may be put into: pieces of a chain, chains, and pieces after which no other chain
 * is added. 64 KiB need 44 buffers of 1.5 KiB. */
#define PUT_MAX_SEGS   256
#define PUT_MAX_CHAINS 256
/** Descriptors of a ring that one burst reads to put its frames; then the ring counts as full. */
#define PUT_MAX_DESCS 16384

struct put_plan {
	/* Buffers of one descriptor, looked at ahead of the frames for them; next is the one that
	 * the driver made available first. */
	struct {
		uint8_t *hva;
		uint32_t len;
		uint16_t id;
	} ahead[FRAME_BURST];
	unsigned n_ahead, next_ahead;
	unsigned n_descs; /* read since vring_put_begin() */
	/* The chains of a frame that needs more. */
	struct frame_seg segs[2 * PUT_MAX_SEGS];
	struct vring_chain chains[PUT_MAX_CHAINS];
	unsigned n_chains, n_segs;
};

enum vring_put {
	VRING_PUT_OK,
	VRING_PUT_FULL,	   /* no buffer: try again later or drop */
	VRING_PUT_NO_ROOM, /* the frame does not fit the buffer; the buffer stays */
	VRING_PUT_BROKEN,
};

/**
 * Before a burst of n frames: look at the buffers that they will probably take, all at once, so
 * that their cache lines are on the way. plan is working memory, valid until vring_publish().
 */
void vring_put_begin(struct vring *ring, struct put_plan *plan, unsigned n);
/** Frames of one burst for one ring. */
struct put_burst {
	const struct frame *frames; /* frames[FRAME_BURST] */
	uint64_t todo;		    /* bit i: frames[i] is to be put, */
	uint64_t tagged;	    /* and with a tag */
	uint32_t max_len;	    /* of frames that fit the receiver's MTU for sure */
	bool is_easy;		    /* none is longer, asks for an offload or has a group address */
};

/** What was put. */
struct put_tally {
	uint64_t frames, bytes, multicast, broadcast;
};

/**
 * The short way for most frames: those that ask for no offload, are not too long and fit the next
 * buffer. Puts them in order up to the first that does not go this way. returns  those left of
 * burst->todo, that one first; 0 = none
 */
uint64_t vring_put_plain(struct vring *ring, struct put_plan *plan, const struct put_burst *burst,
	struct put_tally *tally);
/** Count a frame of len bytes to the address at mac. */
static inline void put_count(struct put_tally *tally, const uint8_t *mac, uint32_t len)
{
	tally->frames++;
	tally->bytes += len;
	if (!(mac[0] & 1))
		return;
	if ((mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xff)
		tally->broadcast++;
	else
		tally->multicast++;
}
/**
 * Deliver one frame, with a VLAN tag if tagged. Not visible to the guest before vring_publish().
 * plan was prepared by vring_put_begin() on this ring.
 */
enum vring_put vring_put(
	struct vring *ring, struct put_plan *plan, const struct frame *frame, bool tagged);
/** Make what was put visible; vring_signal_needed() then covers it. */
void vring_publish(struct vring *ring);

/** Is there something to take? Cheap; for deciding whether to sleep. */
bool vring_pending(const struct vring *ring);
/** Ask the driver to kick, or not to. After switching on, look at vring_pending() again. */
void vring_notify(struct vring *ring, bool on);
/**
 * Between publishing and vring_signal_needed(), for any number of rings: the driver must see what
 * was published before we read whether it wants to know; it does the reverse, so that one of us
 * sees the other. Without it an interrupt is lost.
 */
static inline void vring_signal_fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}
/** Must the driver be interrupted for what was published since the last call? */
bool vring_signal_needed(struct vring *ring);

#endif
