/* Attacks by what a guest can write, its rings and buffers, and by the positions that its VMM says
 * they start at (attack.h says what they may not do). */
#include "attack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define AVAIL     (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED      (1u << VRING_PACKED_DESC_F_USED)
#define RING_SIZE 256
#define OFFLOADS                                               \
	(FE_DEFAULT_FEATURES | VIRTIO_BIT(VIRTIO_NET_F_CSUM) | \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_HOST_USO))

/* A descriptor outside guest memory puts its own port down, and only that. */
static void a_descriptor_outside_memory_breaks_its_own_port(struct attack *attack)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct fe *evil = attack_join(attack, "evil", (struct fe_config){.packed = packed});
		struct fe_ring *ring = fe_ring(evil, 1);

		if (packed) {
			struct vring_packed_desc *desc = ring->desc;
			desc[0] = (struct vring_packed_desc){
				UINT64_MAX - 4, 100, 0, 1 << VRING_PACKED_DESC_F_AVAIL};
		} else {
			struct vring_desc *desc = ring->desc;
			struct vring_avail *avail = ring->avail;
			desc[0] = (struct vring_desc){UINT64_MAX - 4, 100, 0, 0};
			avail->ring[0] = 0;
			__atomic_store_n(&avail->idx, 1, __ATOMIC_RELEASE);
		}
		assert_int_equal(fe_ring_kick(ring), 0);
		attack_expect(attack, "evil", CTL_CONN_BROKEN, "outside guest memory");
		fe_destroy(evil);
	}
}

/* ---- Positions ---- */

static void set_state(struct fe *fe, uint32_t request, unsigned i, uint32_t num)
{
	const struct vhost_user_vring_state state = {i, num};

	(void)fe_message(fe, request, 0, &state, sizeof(state), NULL, 0);
}

/* Start both rings of a front-end that was stopped, ring i at bases[i]. */
static void start_at(struct fe *fe, const uint32_t bases[2])
{
	for (uint64_t i = 0; i < 2; i++) {
		set_state(fe, VHOST_USER_SET_VRING_BASE, (unsigned)i, bases[i]);
		(void)fe_message(fe, VHOST_USER_SET_VRING_KICK, 0, &i, sizeof(i),
			&fe_ring(fe, (unsigned)i)->kick_fd, 1);
	}
}

/* A packed ring does not start at a slot that it does not have, whether the base was too large or
 * the ring became smaller afterwards, and whichever of the two rings it is. */
static void a_position_outside_the_ring_is_refused(struct attack *attack)
{
	for (unsigned kind = 0; kind < 6; kind++) {
		struct fe *evil = attack_join(attack, "evil", (struct fe_config){.packed = true});
		unsigned ring = kind & 1;
		uint32_t bases[2] = {1u << 15, 1u << 15};

		assert_int_equal(fe_stop(evil), 0);
		if (kind < 2)
			bases[ring] = 0xffff;
		else if (kind < 4)
			bases[ring] = RING_SIZE;
		else
			bases[ring] |= RING_SIZE - 1;
		if (kind >= 4)
			set_state(evil, VHOST_USER_SET_VRING_NUM, ring, 64);
		start_at(evil, bases);
		attack_expect(attack, "evil", CTL_CONN_BROKEN, "outside the ring");
		fe_destroy(evil);
	}
	attack_settle(attack);
}

/* Lay a chain around the whole ring of a driver that stopped: its last slot holds `len` bytes
 * alone, and what begins in the first slot comes round to it. */
static void lay_lap(struct fe_ring *ring, uint32_t len)
{
	struct vring_packed_desc *desc = ring->desc;
	unsigned write = ring->receive ? VRING_DESC_F_WRITE : 0;

	for (unsigned i = 0; i < RING_SIZE - 1; i++)
		desc[i] = (struct vring_packed_desc){ring->bufs_gpa + 64 * i, 16, (uint16_t)i,
			(uint16_t)(write | VRING_DESC_F_NEXT | (i ? 0 : USED))};
	desc[RING_SIZE - 1] =
		(struct vring_packed_desc){ring->bufs_gpa, len, 7, (uint16_t)(write | AVAIL)};
}

/* Neither the chains of a merged frame nor those of a burst go round a ring more than once. */
static void chains_that_cover_more_than_the_ring_break_it(struct attack *attack)
{
	for (unsigned ring = 0; ring < 2; ring++) {
		struct fe *evil = attack_join(attack, "evil", (struct fe_config){.packed = true});
		uint32_t bases[2] = {1u << 15, 1u << 15};

		assert_int_equal(fe_stop(evil), 0);
		lay_lap(fe_ring(evil, ring), 12);
		bases[ring] |= RING_SIZE - 1;
		start_at(evil, bases);
		(void)fe_ring_kick(fe_ring(evil, ring)); /* frames to receive are the neighbours' */
		attack_expect(attack, "evil", CTL_CONN_BROKEN, "too long");
		fe_destroy(evil);
	}
	attack_settle(attack);
}

/* What looks like more than the ring holds was written by a driver that lies. */
static void an_index_that_runs_ahead_breaks_the_ring(struct attack *attack)
{
	for (unsigned ring = 0; ring < 2; ring++) {
		struct fe *evil = attack_join(attack, "evil", (struct fe_config){.packed = false});
		struct vring_avail *avail = fe_ring(evil, ring)->avail;
		struct vring_used *used = fe_ring(evil, ring)->used;

		__atomic_store_n(&avail->idx,
			(uint16_t)(__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) + 32768),
			__ATOMIC_RELEASE);
		(void)fe_ring_kick(fe_ring(evil, ring));
		attack_expect(attack, "evil", CTL_CONN_BROKEN, "more descriptors available");
		fe_destroy(evil);
	}
	attack_settle(attack);
}

/* ---- Work ---- */

/* Fill a ring with chains of n_descs descriptors of len bytes, all over it, while the switch
 * uses it. */
static void fill(struct fe_ring *ring, uint64_t gpa, uint32_t len, unsigned n_descs)
{
	unsigned write = ring->receive ? VRING_DESC_F_WRITE : 0;
	struct vring_avail *avail = ring->avail;

	for (unsigned i = 0; i < RING_SIZE; i++) {
		unsigned flags = write | ((i + 1) % n_descs ? VRING_DESC_F_NEXT : 0);

		if (ring->packed)
			((struct vring_packed_desc *)ring->desc)[i] = (struct vring_packed_desc){
				gpa, len, (uint16_t)i, (uint16_t)(flags | AVAIL)};
		else
			((struct vring_desc *)ring->desc)[i] = (struct vring_desc){
				gpa, len, (uint16_t)flags, (uint16_t)((i + 1) % RING_SIZE)};
		if (!ring->packed)
			avail->ring[i] = (uint16_t)(i / n_descs * n_descs);
	}
	if (!ring->packed && !ring->receive)
		__atomic_store_n(&avail->idx, RING_SIZE, __ATOMIC_RELEASE);
	(void)fe_ring_kick(ring);
}

/*
 * Descriptors of no bytes are refused before they can be walked, in both directions. The switch has
 * let go of the ring meanwhile: on a slow machine the neighbours' broadcasts would have used up all
 * that it was given to receive into, and it would never look at the ring again.
 */
static void chains_without_bytes_break_the_ring(struct attack *attack)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		struct fe *evil =
			attack_join(attack, "evil", (struct fe_config){.packed = kind & 1});
		struct fe_ring *ring = fe_ring(evil, kind / 2);
		struct vring_avail *avail = ring->avail;
		uint32_t bases[2];

		assert_int_equal(fe_stop(evil), 0);
		for (unsigned i = 0; i < 2; i++)
			bases[i] = fe_ring_base(fe_ring(evil, i));
		fill(ring, UINT64_MAX - 8, 0, 128);
		if (ring->packed)
			bases[kind / 2] = 1u << 15;
		else
			__atomic_store_n(&avail->idx, (uint16_t)(bases[kind / 2] + RING_SIZE),
				__ATOMIC_RELEASE);
		start_at(evil, bases);
		(void)fe_ring_kick(ring);
		attack_expect(attack, "evil", CTL_CONN_BROKEN, "lengths");
		fe_destroy(evil);
	}
	attack_settle(attack);
}

/* Receive buffers of a byte each cost their owner its frames, and nobody else anything. */
static void buffers_of_a_byte_hold_nobody_up(struct attack *attack)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct fe *evil = attack_join(attack, "evil", (struct fe_config){.packed = packed});
		struct fe_ring *ring = fe_ring(evil, 0);

		fill(ring, ring->bufs_gpa, 1, 16);
		attack_settle(attack);
		attack_settle(attack);
		fe_destroy(evil);
	}
}

/* Have evil send a large TCP frame to the accomplice, cut into gso_size bytes. */
static bool send_large(struct fe *evil, uint16_t gso_size)
{
	static const uint8_t dst[6] = ATTACK_MAC(4), src[6] = ATTACK_MAC(3);
	static uint8_t frame[65000];
	const struct virtio_net_hdr_v1 hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = gso_size,
		.hdr_len = 54,
		.csum_start = 34,
		.csum_offset = 16};

	memcpy(frame, dst, 6);
	memcpy(frame + 6, src, 6);
	frame[12] = 0x08;
	frame[14] = 0x45;
	frame[23] = 6;
	frame[46] = 5 << 4;
	return !fe_send(evil, 0, &hdr, frame, sizeof(frame));
}

/* Frames that ask for very many segments, to a receiver that takes none undone and never reads. */
static void tiny_segments_hold_nobody_up(struct attack *attack)
{
	static const uint8_t hello[60] = {
		[0] = 2, [5] = 3, [6] = 2, [11] = 4, [12] = 0x88, [13] = 0xb5};
	struct fe *evil = attack_join(attack, "evil", (struct fe_config){.features = OFFLOADS});
	struct fe *accomplice =
		attack_join(attack, "accomplice", (struct fe_config){.packed = true});
	unsigned refused = 0, cut = 0;

	/* Where its address is has to be known, or the frames are everybody's. */
	assert_int_equal(fe_send(accomplice, 0, NULL, hello, sizeof(hello)), 0);
	do
		attack_settle(attack);
	while (!attack_is_learned(attack, 4));
	while (refused < 200 || cut < 200) {
		if (refused < 200)
			refused += send_large(evil, (uint16_t)(1 + refused % 7));
		if (cut < 200)
			cut += send_large(evil, 8);
		if (fe_pending(evil, 0) > RING_SIZE / 2)
			attack_settle(attack);
	}
	attack_settle(attack);
	while (attack_drops(attack, "evil", "too-many-segments") < 200)
		attack_settle(attack);
	while (attack_drops(attack, "accomplice", "ring-full") < 100)
		attack_settle(attack);
	fe_destroy(accomplice);
	fe_destroy(evil);
}

static const struct attack_case cases[] = {
	{"a_descriptor_outside_memory_breaks_its_own_port",
		a_descriptor_outside_memory_breaks_its_own_port},
	{"a_position_outside_the_ring_is_refused", a_position_outside_the_ring_is_refused},
	{"chains_that_cover_more_than_the_ring_break_it",
		chains_that_cover_more_than_the_ring_break_it},
	{"an_index_that_runs_ahead_breaks_the_ring", an_index_that_runs_ahead_breaks_the_ring},
	{"chains_without_bytes_break_the_ring", chains_without_bytes_break_the_ring},
	{"buffers_of_a_byte_hold_nobody_up", buffers_of_a_byte_hold_nobody_up},
	{"tiny_segments_hold_nobody_up", tiny_segments_hold_nobody_up},
};

int main(void)
{
	return attack_main("ring", cases, sizeof(cases) / sizeof(cases[0]));
}
