#include "vring_priv.h"

#define FLAG_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define FLAG_USED  (1u << VRING_PACKED_DESC_F_USED)

static bool is_available(uint16_t flags, bool wrap)
{
	return !!(flags & FLAG_AVAIL) == wrap && !!(flags & FLAG_USED) != wrap;
}

/* A position in the ring: slot and wrap counter. */
struct position {
	uint32_t slot;
	bool wrap;
};

/* A position changes in these two functions and nowhere else. Both keep slot below the ring's size
 * for n up to that size: a lap is the most that a burst may cover (slots_left()). */

/* The position n slots after p. */
static inline struct position advance(const struct vring *ring, struct position p, uint32_t n)
{
	p.slot += n;
	if (p.slot >= ring->size) {
		p.slot -= ring->size;
		p.wrap = !p.wrap;
	}
	return p;
}

/* The position n slots before p. */
static inline struct position retreat(const struct vring *ring, struct position p, uint32_t n)
{
	if (n > p.slot) {
		p.slot += ring->size;
		p.wrap = !p.wrap;
	}
	p.slot -= n;
	return p;
}

static inline void step(const struct vring *ring, struct position *p)
{
	*p = advance(ring, *p, 1);
}

static inline struct position avail_position(const struct vring *ring)
{
	return (struct position){ring->next_avail, ring->avail_wrap};
}

static inline struct position used_position(const struct vring *ring)
{
	return (struct position){ring->next_used, ring->used_wrap};
}

static inline void set_avail(struct vring *ring, struct position p)
{
	ring->next_avail = (uint16_t)p.slot;
	ring->avail_wrap = p.wrap;
}

static inline void set_used(struct vring *ring, struct position p)
{
	ring->next_used = (uint16_t)p.slot;
	ring->used_wrap = p.wrap;
}

/* Slots that the driver can have made available while nothing is received but not returned. */
static inline uint32_t slots_left(const struct vring *ring)
{
	return (uint32_t)ring->size - ring->n_unpublished;
}

static uint16_t flags_at(const struct vring *ring, uint32_t slot)
{
	struct vring_packed_desc *descs = ring->desc;

	/* Pairs with the driver's release of flags: the descriptor behind it is there. */
	return __atomic_load_n(&descs[slot].flags, __ATOMIC_ACQUIRE);
}

static int walk_indirect(struct vring *ring, uint64_t addr, uint32_t len, uint16_t direction,
	struct frame_seg *segs, unsigned n, unsigned max, struct vring_chain *chain)
{
	uint32_t count = len / sizeof(struct vring_packed_desc);
	const struct vring_packed_desc *table;

	if (!(ring->features & VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)) || !len ||
		len % sizeof(struct vring_packed_desc) || count > VRING_MAX_SIZE)
		return ring_fault(ring, VRING_BAD_INDIRECT);
	table = vmem_translate(ring->mem, addr, len);
	if (!table)
		return ring_fault(ring, VRING_BAD_ADDRESS);
	if (count > FRAME_MAX_SEGS)
		return ring_fault(ring, VRING_BAD_CHAIN);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t gpa, rest;
		desc_words(&table[i], &gpa, &rest);
		uint32_t size = (uint32_t)rest;
		uint16_t flags = (uint16_t)(rest >> 48);

		/* 2.8.8: only WRITE means something in an indirect table. DPDK's driver leaves it
		 * set on what it sends; reading what might be written is harmless. */
		if (direction && !(flags & VRING_DESC_F_WRITE))
			return ring_fault(ring, VRING_BAD_FLAGS);
		if (!size || size > UINT32_MAX - chain->len)
			return ring_fault(ring, VRING_BAD_LENGTH);
		int got = seg_append(ring->mem, segs, n, max, gpa, size);
		if (got < 0)
			return ring_fault(ring, n >= max ? VRING_BAD_CHAIN : VRING_BAD_ADDRESS);
		n = (unsigned)got;
		chain->len += size;
	}
	return (int)n;
}

/* The chain at p, whose first flags were read, over max_slots > 0 at most. As walk() of the split
 * ring; p moves past it. */
static int walk(struct vring *ring, struct position *p, uint16_t flags, uint32_t max_slots,
	uint16_t direction, struct frame_seg *segs, unsigned n, unsigned max,
	struct vring_chain *chain)
{
	const struct vring_packed_desc *descs = ring->desc;
	unsigned first = n;

	chain->n_desc = 0;
	chain->len = 0;
	for (;;) {
		uint64_t gpa, rest;
		int got;

		desc_words(&descs[p->slot], &gpa, &rest);
		uint32_t size = (uint32_t)rest;
		chain->id = (uint16_t)(rest >> 32);
		if (++chain->n_desc > max_slots)
			return ring_fault(ring, VRING_BAD_CHAIN);
		if (flags & VRING_DESC_F_INDIRECT) {
			/* 2.8.7: not together with NEXT, and alone in its chain. */
			if (flags & VRING_DESC_F_NEXT || chain->n_desc > 1)
				return ring_fault(ring, VRING_BAD_INDIRECT);
			got = walk_indirect(ring, gpa, size, direction, segs, n, max, chain);
			if (got < 0)
				return -1;
		} else {
			if ((flags & VRING_DESC_F_WRITE) != direction)
				return ring_fault(ring, VRING_BAD_FLAGS);
			if (!size || size > UINT32_MAX - chain->len)
				return ring_fault(ring, VRING_BAD_LENGTH);
			got = seg_append(ring->mem, segs, n, max, gpa, size);
			if (got < 0)
				return ring_fault(ring,
					n >= max ? VRING_BAD_CHAIN : VRING_BAD_ADDRESS);
			chain->len += size;
		}
		n = (unsigned)got;
		step(ring, p);
		if (!(flags & VRING_DESC_F_NEXT))
			break;
		flags = flags_at(ring, p->slot);
	}
	chain->n_segs = n - first;
	return (int)n;
}

/* The usual chain: one readable descriptor in one region. False: walk() has to look at it. */
static inline bool rx_simple(struct vring *ring, struct vmem_region near, const struct position *p,
	uint16_t flags, struct frame *frame)
{
	const struct vring_packed_desc *descs = ring->desc;
	uint64_t gpa, rest;

	if (flags & (VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE))
		return false;
	desc_words(&descs[p->slot], &gpa, &rest);
	uint8_t *hva = vmem_translate_near(ring->mem, near, &ring->near, gpa, (uint32_t)rest);
	if (!hva)
		return false;
	__builtin_prefetch(hva);
	__builtin_prefetch(hva + 64);
	frame->seg = (struct frame_seg){hva, (uint32_t)rest};
	frame->n_segs = frame->n_desc = 1;
	frame->id = (uint16_t)(rest >> 32);
	return true;
}

/* Any chain; p moves past it. Returns how many of segs are then in use, or -1: the ring is broken.
 */
static int rx_chain(struct vring *ring, struct position *p, uint16_t flags, uint32_t max_slots,
	struct frame *frame, struct frame_seg *segs, unsigned used)
{
	struct vring_chain chain;
	int got = walk(ring, p, flags, max_slots, 0, segs, used, used + FRAME_MAX_SEGS, &chain);

	if (got < 0)
		return -1;
	frame_refer(frame, &chain, segs + used);
	return got;
}

unsigned packed_rx(struct vring *ring, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs)
{
	const struct vmem_region near = ring->mem->regions[ring->near];
	struct frame *frames = burst->frames;
	struct position p = avail_position(ring);
	struct vring_packed_desc *descs = ring->desc;
	uint32_t left = slots_left(ring);
	unsigned used = 0, n = 0;

	for (; n < max && left; n++) {
		uint16_t flags = flags_at(ring, p.slot);
		if (!is_available(flags, p.wrap))
			break;
		__builtin_prefetch(&descs[p.slot + 8 < ring->size ? p.slot + 8 : 0]);
		if (rx_simple(ring, near, &p, flags, &frames[n])) {
			step(ring, &p);
			left--;
			continue;
		}
		if (n_segs - used < FRAME_MAX_SEGS)
			break;
		struct position next = p;
		int got = rx_chain(ring, &next, flags, left, &frames[n], segs, used);
		if (got < 0)
			break;
		p = next;
		used = (unsigned)got;
		left -= frames[n].n_desc;
	}
	set_avail(ring, p);
	burst_load(burst, n);
	return n;
}

int packed_next(struct vring *ring, uint16_t ahead, struct tx_plan *plan)
{
	struct position p = advance(ring, avail_position(ring), ahead);
	uint32_t left = slots_left(ring);
	uint16_t flags;

	if (ahead >= left)
		return 1;
	flags = flags_at(ring, p.slot);
	if (!is_available(flags, p.wrap))
		return 1;
	int got = walk(ring, &p, flags, left - ahead, VRING_DESC_F_WRITE, plan->segs, plan->n_segs,
		plan->n_segs + TX_MAX_SEGS, &plan->chains[plan->n_chains]);
	if (got < 0)
		return -1;
	plan->n_segs = (unsigned)got;
	plan->n_chains++;
	return 0;
}

void packed_ahead(struct vring *ring, struct tx_plan *plan, unsigned n)
{
	const struct vmem_region near = ring->mem->regions[ring->near];
	struct position p = avail_position(ring);
	const struct vring_packed_desc *descs = ring->desc;
	uint32_t left = slots_left(ring);
	unsigned i = 0;

	for (; i < n && i < left; i++, step(ring, &p)) {
		uint16_t flags = flags_at(ring, p.slot);
		uint64_t gpa, rest;

		if (!is_available(flags, p.wrap) ||
			(flags & (VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT |
					 VRING_DESC_F_WRITE)) != VRING_DESC_F_WRITE)
			break;
		__builtin_prefetch(&descs[p.slot + 8 < ring->size ? p.slot + 8 : 0]);
		desc_words(&descs[p.slot], &gpa, &rest);
		uint8_t *hva =
			vmem_translate_near(ring->mem, near, &ring->near, gpa, (uint32_t)rest);
		if (!hva)
			break;
		prefetch_for_write(hva);
		plan->ahead[i].hva = hva;
		plan->ahead[i].len = (uint32_t)rest;
		plan->ahead[i].id = (uint16_t)(rest >> 32);
	}
	plan->n_ahead = i;
}

/* A chain of n slots from p on is used, in one store; the first of a burst is withheld until
 * packed_publish(): the driver reads in order, so that it hides all behind it. */
static inline void use_slots(struct vring *ring, struct position p, uint32_t n, uint16_t id,
	uint32_t len)
{
	struct vring_packed_desc *desc = (struct vring_packed_desc *)ring->desc + p.slot;
	uint16_t flags = p.wrap ? FLAG_AVAIL | FLAG_USED : 0;
	bool first = !ring->n_unpublished;

	ring->n_unpublished += (uint16_t)n;
	if (first) {
		desc->id = id;
		desc->len = len;
		ring->publish_slot = (uint16_t)p.slot;
		ring->publish_flags = flags;
		return;
	}
	/* len, id and flags share an aligned 64-bit word, which becomes visible as a whole. */
	__atomic_store_n((uint64_t *)(void *)&desc->len,
		len | (uint64_t)id << 32 | (uint64_t)flags << 48, __ATOMIC_RELEASE);
}

static inline uint64_t tx_fast(struct vring *ring, struct tx_plan *plan, const struct tx_burst *tx,
	struct tx_tally *ret_tally, bool all_fast)
{
	struct position p = used_position(ring);
	unsigned at = plan->next_ahead, n_ahead = plan->n_ahead;
	uint64_t todo = tx->todo, tags = tx->tagged;
	struct tx_tally tally = {0};

	for (; todo && at < n_ahead; todo &= todo - 1, at++) {
		unsigned i = (unsigned)__builtin_ctzll(todo);
		const struct frame *frame = &tx->frames[i];
		bool tagged = tags >> i & 1;
		uint32_t need = fast_size(frame, tagged);

		if (!is_fast(frame, need, plan->ahead[at].len, all_fast))
			break;
		fast_store(frame, tagged, plan->ahead[at].hva);
		use_slots(ring, p, 1, plan->ahead[at].id, need);
		step(ring, &p);
		if (all_fast)
			tally.bytes += need - HDR_SIZE;
		else
			tally_add(&tally, frame->header, need - (uint32_t)HDR_SIZE);
	}
	uint16_t n = (uint16_t)(at - plan->next_ahead);
	if (!n)
		return todo;
	plan->next_ahead = at;
	/* Each took one slot, on both sides. */
	set_avail(ring, p);
	set_used(ring, p);
	ret_tally->frames += n;
	ret_tally->bytes += tally.bytes;
	ret_tally->multicast += tally.multicast;
	ret_tally->broadcast += tally.broadcast;
	return todo;
}

uint64_t packed_tx_fast(struct vring *ring, struct tx_plan *plan, const struct tx_burst *tx,
	struct tx_tally *tally)
{
	return tx->is_fast ? tx_fast(ring, plan, tx, tally, true)
			   : tx_fast(ring, plan, tx, tally, false);
}

void packed_use(struct vring *ring, const struct vring_chain *chains, unsigned n)
{
	struct position p = used_position(ring);

	for (unsigned i = 0; i < n; i++) {
		use_slots(ring, p, chains[i].n_desc, chains[i].id, chains[i].len);
		p = advance(ring, p, chains[i].n_desc);
	}
	set_avail(ring, p);
	set_used(ring, p);
}

void packed_return(struct vring *ring, const struct frame *frames, unsigned n)
{
	struct position p = used_position(ring);

	for (unsigned i = 0; i < n; i++) {
		use_slots(ring, p, frames[i].n_desc, frames[i].id, 0);
		p = advance(ring, p, frames[i].n_desc);
	}
	set_used(ring, p);
}

void packed_requeue(struct vring *ring, const struct frame *frames, unsigned n)
{
	uint32_t slots = 0;

	for (unsigned i = 0; i < n; i++)
		slots += frames[i].n_desc;
	set_avail(ring, retreat(ring, avail_position(ring), slots));
}

void packed_publish(struct vring *ring)
{
	struct vring_packed_desc *descs = ring->desc;

	if (!ring->n_unpublished)
		return;
	/* Pairs with the driver's acquire of flags: ids, lengths and buffers are complete. */
	__atomic_store_n(&descs[ring->publish_slot].flags, ring->publish_flags, __ATOMIC_RELEASE);
	ring->published = ring->next_used;
	ring->published_wrap = ring->used_wrap;
	ring->n_unsignalled += ring->n_unpublished;
	ring->n_unpublished = 0;
}

bool packed_pending(const struct vring *ring)
{
	return is_available(flags_at(ring, ring->next_avail), ring->avail_wrap);
}

void packed_notify(struct vring *ring, bool on)
{
	struct vring_packed_event *event = ring->used;
	uint16_t flags = VRING_PACKED_EVENT_F_DISABLE;

	if (on && ring->event_idx) {
		STORE_ONCE(event->off_wrap,
			ring->next_avail | ring->avail_wrap << VRING_PACKED_EVENT_WRAP_SHIFT);
		/* Pairs with the driver reading flags before off_wrap. */
		atomic_thread_fence(memory_order_release);
		flags = VRING_PACKED_EVENT_F_DESC;
	} else if (on) {
		flags = VRING_PACKED_EVENT_F_ENABLE;
	}
	STORE_ONCE(event->flags, flags);
}

bool packed_signal_needed(const struct vring *ring, uint32_t n)
{
	const struct vring_packed_event *event = ring->avail;
	uint16_t flags = LOAD_ONCE(event->flags);

	if (flags != VRING_PACKED_EVENT_F_DESC || !ring->event_idx)
		return flags != VRING_PACKED_EVENT_F_DISABLE;
	uint16_t off_wrap = LOAD_ONCE(event->off_wrap);
	int64_t now = ring->published, at = off_wrap & 0x7fff;

	/* All on one line that ends at `now`: an earlier lap is below zero, and n may be laps. */
	if ((off_wrap >> VRING_PACKED_EVENT_WRAP_SHIFT) != ring->published_wrap)
		at -= ring->size;
	return at >= now - n && at < now;
}
