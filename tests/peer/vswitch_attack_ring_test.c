/* Attacks by what a guest can write: its rings and buffers (attack.h says what they may not do). */
#include "attack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

static const struct attack_case cases[] = {
	{"a_descriptor_outside_memory_breaks_its_own_port",
		a_descriptor_outside_memory_breaks_its_own_port},
};

int main(void)
{
	return attack_main("ring", cases, sizeof(cases) / sizeof(cases[0]));
}
