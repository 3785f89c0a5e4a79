#include "dev/virtio_rng.h"

#include "dev/virtio_pci.h"
#include "ev.h"
#include "fake_machine.h"
#include "log.h"
#include "pci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct rig {
	struct dev_env env;
	struct virtio_rng *rng;
	struct fake_driver drv;
	uint64_t gpa;
	struct vring_used_elem elem;
};

static void rig_create(struct rig *rig)
{
	log_set_level(LOG_ERR);
	fake_machine_create(&rig->env);
	assert_int_equal(virtio_rng_create(&rig->env, &rig->rng, NULL), 0);
	fake_driver_start(&rig->drv, &rig->env, virtio_rng_transport(rig->rng), UINT64_MAX);
	rig->gpa = fake_driver_alloc(&rig->drv, 1 << 20);
}

static void rig_destroy(struct rig *rig)
{
	pci_bus_destroy(rig->env.pci);
	virtio_rng_destroy(rig->rng);
	fake_machine_destroy(&rig->env);
}

static bool is_done(void *ctx)
{
	struct rig *rig = ctx;

	return fake_ring_get_used(&rig->drv.rings[0], &rig->elem);
}

static void ask(struct rig *rig, uint32_t len, uint16_t flags)
{
	struct fake_seg seg = {rig->gpa, len, flags};

	(void)fake_ring_add(&rig->drv.rings[0], &seg, 1);
	fake_driver_kick(&rig->drv, 0);
}

static void bytes_are_random(void **state)
{
	static const uint8_t zero[64];
	struct rig rig;

	rig_create(&rig);
	ask(&rig, 64, VRING_DESC_F_WRITE);
	assert_true(fake_machine_run(&rig.env, is_done, &rig, 1000));
	assert_int_equal(rig.elem.len, 64);
	assert_memory_not_equal(fake_machine_ram(&rig.env, rig.gpa, 64), zero, 64);
	rig_destroy(&rig);
}

static void rate_is_bounded(void **state)
{
	struct rig rig;
	uint64_t start_ns, total = 0;

	rig_create(&rig);
	start_ns = ev_now_ns();
	for (int i = 0; i < 8; i++) {
		ask(&rig, 1 << 20, VRING_DESC_F_WRITE);
		assert_true(fake_machine_run(&rig.env, is_done, &rig, 1000));
		assert_in_range(rig.elem.len, 1, VIRTIO_RNG_BURST_BYTES);
		total += rig.elem.len;
	}
	/* One burst at once, the others a tick each. */
	assert_true(total > VIRTIO_RNG_BURST_BYTES);
	assert_true(ev_now_ns() - start_ns >=
		    (total / VIRTIO_RNG_BURST_BYTES - 1) * VIRTIO_RNG_TICK_MS * UINT64_C(1000000));
	rig_destroy(&rig);
}

static void buffer_to_read_breaks_the_device(void **state)
{
	struct rig rig;

	rig_create(&rig);
	ask(&rig, 64, 0);
	fake_machine_idle(&rig.env, 20);
	assert_int_equal(fake_read(&rig.drv, 0x14, 1), 15 | 0x40);
	rig_destroy(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_random),
		cmocka_unit_test(rate_is_bounded),
		cmocka_unit_test(buffer_to_read_breaks_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
