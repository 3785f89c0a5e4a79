#include "vring_priv.h"

static uint16_t avail_idx(const struct vring *ring)
{
	struct vring_avail *avail = ring->avail;

	/* Pairs with the driver's release of idx: the entries and descriptors behind it are there.
	 */
	return __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE);
}

static struct vring_desc desc_load(const struct vring_desc *desc)
{
	struct vring_desc copy;
	uint64_t rest;

	desc_words(desc, &copy.addr, &rest);
	copy.len = (uint32_t)rest;
	copy.flags = (uint16_t)(rest >> 32);
	copy.next = (uint16_t)(rest >> 48);
	return copy;
}

/*
 * Read the chain that begins at head. direction: VRING_DESC_F_WRITE or 0. segs holds max segments,
 * n of them in use. returns how many of segs are then in use, or -1 with the ring broken.
 */
static int walk(struct vring *ring, uint16_t head, uint16_t direction, struct frame_seg *segs,
	unsigned n, unsigned max, struct vring_chain *chain)
{
	const struct vring_desc *table = ring->desc;
	uint32_t table_len = ring->size, left = ring->size;
	struct vring_desc desc;
	uint16_t at = head;
	unsigned first = n;
	bool indirect = false; /* not table != desc: a table may lie on the ring itself */

	chain->id = head;
	chain->n_desc = 1;
	chain->len = 0;
	for (;; at = desc.next) {
		if (at >= table_len)
			return ring_fault(ring, VRING_BAD_HEAD);
		if (!left--)
			return ring_fault(ring, VRING_BAD_CHAIN);
		desc = desc_load(&table[at]);
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			/* 2.7.5.3: one table, at the end of the chain, not nested; WRITE is
			 * ignored. */
			if (!(ring->features & VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)) || indirect ||
				desc.flags & VRING_DESC_F_NEXT || !desc.len ||
				desc.len % sizeof(desc) || desc.len / sizeof(desc) > VRING_MAX_SIZE)
				return ring_fault(ring, VRING_BAD_INDIRECT);
			indirect = true;
			table = vmem_translate(ring->mem, desc.addr, desc.len);
			if (!table)
				return ring_fault(ring, VRING_BAD_ADDRESS);
			table_len = desc.len / sizeof(desc);
			left = table_len < FRAME_MAX_SEGS ? table_len : FRAME_MAX_SEGS;
			desc.next = 0;
			continue;
		}
		if ((desc.flags & VRING_DESC_F_WRITE) != direction)
			return ring_fault(ring, VRING_BAD_FLAGS);
		if (!desc.len || desc.len > UINT32_MAX - chain->len)
			return ring_fault(ring, VRING_BAD_LENGTH);
		int got = seg_append(ring->mem, segs, n, max, desc.addr, desc.len);
		if (got < 0)
			return ring_fault(ring, n >= max ? VRING_BAD_CHAIN : VRING_BAD_ADDRESS);
		n = (unsigned)got;
		chain->len += desc.len;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			break;
	}
	chain->n_segs = n - first;
	return (int)n;
}

/* The usual chain: one readable descriptor in one region. False: walk() has to look at it. */
static inline bool rx_simple(struct vring *ring, struct vmem_region near, uint16_t head,
	struct frame *frame)
{
	const struct vring_desc *table = ring->desc;

	if (head >= ring->size)
		return false;
	struct vring_desc desc = desc_load(&table[head]);
	uint8_t *hva = vmem_translate_near(ring->mem, near, &ring->near, desc.addr, desc.len);
	if (desc.flags || !hva)
		return false;
	__builtin_prefetch(hva);
	__builtin_prefetch(hva + 64);
	frame->seg = (struct frame_seg){hva, desc.len};
	frame->n_segs = 1;
	frame->id = head;
	return true;
}

/* Any chain. Returns how many of segs are then in use, or -1 with the ring broken. */
static int rx_chain(struct vring *ring, uint16_t head, struct frame *frame, struct frame_seg *segs,
	unsigned used)
{
	struct vring_chain chain;
	int got = walk(ring, head, 0, segs, used, used + FRAME_MAX_SEGS, &chain);

	if (got < 0)
		return -1;
	frame_refer(frame, &chain, segs + used);
	return got;
}

/* Heads made available and not taken, max at most; -1: the ring is broken. */
static int available(struct vring *ring, unsigned max)
{
	uint16_t ready = (uint16_t)(ring->avail_seen - ring->next_avail);

	/* The driver writes the line of its index all the time: look only when it is needed. */
	if (ready < max) {
		ring->avail_seen = avail_idx(ring);
		ready = (uint16_t)(ring->avail_seen - ring->next_avail);
	}
	/* What is used and not published is still the device's. */
	if (ready + ring->n_unpublished > ring->size)
		return ring_fault(ring, VRING_BAD_AVAIL);
	return ready < max ? ready : (int)max;
}

/* Read the next n heads and have their descriptors fetched. */
static inline void load_heads(const struct vring *ring, uint16_t *heads, unsigned n)
{
	const struct vring_avail *avail = ring->avail;
	const struct vring_desc *table = ring->desc;

	for (unsigned i = 0; i < n; i++) {
		heads[i] =
			LOAD_ONCE(avail->ring[(uint16_t)(ring->next_avail + i) & (ring->size - 1)]);
		if (heads[i] < ring->size)
			__builtin_prefetch(&table[heads[i]]);
	}
}

unsigned split_rx(struct vring *ring, struct burst *burst, unsigned max, struct frame_seg *segs,
	unsigned n_segs)
{
	struct vmem_region near = ring->mem->regions[ring->near];
	struct frame *frames = burst->frames;
	uint16_t heads[FRAME_BURST] UNINITIALIZED;
	unsigned used = 0, n = 0;
	int ready = available(ring, max);

	if (ready <= 0)
		return 0;
	load_heads(ring, heads, (unsigned)ready);
	for (; n < (unsigned)ready; n++) {
		if (rx_simple(ring, near, heads[n], &frames[n]))
			continue;
		if (n_segs - used < FRAME_MAX_SEGS)
			break;
		int got = rx_chain(ring, heads[n], &frames[n], segs, used);
		if (got < 0)
			break;
		used = (unsigned)got;
	}
	burst_load(burst, n);
	ring->next_avail += n;
	return n;
}

int split_next(struct vring *ring, uint16_t ahead, struct tx_plan *plan)
{
	const struct vring_avail *avail = ring->avail;
	uint16_t at = (uint16_t)(ring->next_avail + ahead);
	int ready = available(ring, ahead + 1u);

	if (ready < 0)
		return -1;
	if ((unsigned)ready <= ahead)
		return 1;
	uint16_t head = LOAD_ONCE(avail->ring[at & (ring->size - 1)]);
	int got = walk(ring, head, VRING_DESC_F_WRITE, plan->segs, plan->n_segs,
		plan->n_segs + TX_MAX_SEGS, &plan->chains[plan->n_chains]);
	if (got < 0)
		return -1;
	plan->n_segs = (unsigned)got;
	plan->n_chains++;
	return 0;
}

void split_ahead(struct vring *ring, struct tx_plan *plan, unsigned n)
{
	const struct vmem_region near = ring->mem->regions[ring->near];
	const struct vring_desc *table = ring->desc;
	uint16_t heads[FRAME_BURST] UNINITIALIZED;
	int ready = available(ring, n);
	unsigned i = 0;

	if (ready <= 0)
		return;
	n = (unsigned)ready;
	load_heads(ring, heads, n);
	for (; i < n && heads[i] < ring->size; i++) {
		struct vring_desc desc = desc_load(&table[heads[i]]);
		uint8_t *hva =
			vmem_translate_near(ring->mem, near, &ring->near, desc.addr, desc.len);

		if (desc.flags != VRING_DESC_F_WRITE || !hva)
			break;
		prefetch_for_write(hva);
		plan->ahead[i].hva = hva;
		plan->ahead[i].len = desc.len;
		plan->ahead[i].id = heads[i];
	}
	plan->n_ahead = i;
}

/* One entry of the used ring, in one store. */
static inline void used_store(struct vring_used_elem *elem, uint32_t id, uint32_t len)
{
	const uint64_t both = id | (uint64_t)len << 32;

	memcpy(elem, &both, sizeof(both));
}

static inline uint64_t tx_fast(struct vring *ring, struct tx_plan *plan, const struct tx_burst *tx,
	struct tx_tally *ret_tally, bool all_fast)
{
	struct vring_used *used = ring->used;
	unsigned at = plan->next_ahead, n_ahead = plan->n_ahead, mask = ring->size - 1u;
	uint64_t todo = tx->todo, tags = tx->tagged;
	uint16_t slot = ring->next_used;
	struct tx_tally tally = {0};

	for (; todo && at < n_ahead; todo &= todo - 1, at++) {
		unsigned i = (unsigned)__builtin_ctzll(todo);
		const struct frame *frame = &tx->frames[i];
		bool tagged = tags >> i & 1;
		uint32_t need = fast_size(frame, tagged);

		if (!is_fast(frame, need, plan->ahead[at].len, all_fast))
			break;
		fast_store(frame, tagged, plan->ahead[at].hva);
		used_store(&used->ring[slot++ & mask], plan->ahead[at].id, need);
		if (all_fast)
			tally.bytes += need - HDR_SIZE;
		else
			tally_add(&tally, frame->header, need - (uint32_t)HDR_SIZE);
	}
	uint16_t n = (uint16_t)(at - plan->next_ahead);
	if (!n)
		return todo;
	plan->next_ahead = at;
	ring->next_avail += n;
	ring->next_used = slot;
	ring->n_unpublished += n;
	ret_tally->frames += n;
	ret_tally->bytes += tally.bytes;
	ret_tally->multicast += tally.multicast;
	ret_tally->broadcast += tally.broadcast;
	return todo;
}

uint64_t split_tx_fast(struct vring *ring, struct tx_plan *plan, const struct tx_burst *tx,
	struct tx_tally *tally)
{
	return tx->is_fast ? tx_fast(ring, plan, tx, tally, true)
			   : tx_fast(ring, plan, tx, tally, false);
}

void split_return(struct vring *ring, const struct frame *frames, unsigned n)
{
	struct vring_used *used = ring->used;
	unsigned mask = ring->size - 1u;

	for (unsigned i = 0; i < n; i++)
		used->ring[(ring->next_used + i) & mask] =
			(struct vring_used_elem){.id = frames[i].id};
	ring->next_used += n;
	ring->n_unpublished += n;
}

void split_use(struct vring *ring, const struct vring_chain *chains, unsigned n)
{
	struct vring_used *used = ring->used;

	for (unsigned i = 0; i < n; i++) {
		struct vring_used_elem *elem = &used->ring[ring->next_used++ & (ring->size - 1)];
		elem->id = chains[i].id;
		elem->len = chains[i].len;
	}
	ring->next_avail += n;
	ring->n_unpublished += n;
}

void split_publish(struct vring *ring)
{
	struct vring_used *used = ring->used;

	if (!ring->n_unpublished)
		return;
	/* Pairs with the driver's acquire of idx: entries and buffers are complete before they
	 * count. */
	__atomic_store_n(&used->idx, ring->next_used, __ATOMIC_RELEASE);
	ring->published = ring->next_used;
	ring->n_unsignalled += ring->n_unpublished;
	ring->n_unpublished = 0;
}
