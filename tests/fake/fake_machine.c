#include "fake_machine.h"

#include "bus.h"
#include "dev/virtio_pci.h"
#include "err.h"
#include "ev.h"
#include "irq.h"
#include "layout.h"
#include "mem.h"
#include "pci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What a busy machine is given of the time that one at ease needs: a limit ends what hangs. */
#define FAKE_SLOW_FACTOR 30

static int fake_set_routes(void *ctx, const struct irq_route *routes, unsigned n_routes)
{
	return 0;
}

static int fake_irqfd(void *ctx, int fd, uint32_t gsi, bool assign)
{
	return 0;
}

static bool fake_lines[LAYOUT_N_LINES];

static int fake_line(void *ctx, uint32_t gsi, bool level)
{
	fake_lines[gsi] = level;
	return 0;
}

bool fake_machine_line(uint32_t gsi)
{
	return fake_lines[gsi];
}

void fake_machine_create_bare(struct dev_env *ret_env)
{
	static const struct irq_ops irq_ops = {fake_set_routes, fake_irqfd, fake_line};
	struct dev_env *env = ret_env;

	*env = (struct dev_env){0};
	memset(fake_lines, 0, sizeof(fake_lines));
	assert_int_equal(mem_create(FAKE_RAM_BYTES, false, &env->mem, NULL), 0);
	assert_int_equal(bus_create("pio", 0x10000, &env->pio), 0);
	assert_int_equal(bus_create("mmio", UINT64_MAX, &env->mmio), 0);
	assert_int_equal(irq_create(&irq_ops, NULL, &env->irq), 0);
	assert_int_equal(ev_create(&env->ev), 0);
}

void fake_machine_create(struct dev_env *ret_env)
{
	struct dev_env *env = ret_env;

	fake_machine_create_bare(env);
	assert_int_equal(pci_bus_create(env->pio, env->mmio, env->irq, &env->pci), 0);
}

void fake_machine_destroy(struct dev_env *env)
{
	ev_destroy(env->ev);
	irq_destroy(env->irq);
	bus_destroy(env->mmio);
	bus_destroy(env->pio);
	mem_destroy(env->mem);
}

static bool fake_never(void *ctx)
{
	return false;
}

bool fake_machine_run(struct dev_env *env, bool (*done)(void *ctx), void *ctx, unsigned timeout_ms)
{
	unsigned factor = done == fake_never ? 1 : FAKE_SLOW_FACTOR;
	uint64_t deadline_ns = ev_now_ns() + timeout_ms * factor * UINT64_C(1000000);
	bool is_done;

	while (!(is_done = done(ctx)) && ev_now_ns() < deadline_ns)
		assert_true(ev_run_once(env->ev, 5) >= 0);
	return is_done;
}

void fake_machine_idle(struct dev_env *env, unsigned ms)
{
	(void)fake_machine_run(env, fake_never, NULL, ms);
}

void fake_machine_set_master(struct dev_env *env, bool is_on)
{
	for (unsigned slot = 1; slot < PCI_MAX_SLOTS; slot++) {
		uint32_t command;

		bus_write(env->pio, 0xcf8, 4, 0x80000000u | slot << 11 | PCI_CFG_COMMAND);
		command = (uint32_t)bus_read(env->pio, 0xcfc, 2) & ~(uint32_t)PCI_COMMAND_MASTER;
		bus_write(env->pio, 0xcfc, 2, command | (is_on ? PCI_COMMAND_MASTER : 0));
	}
}

struct fake_devices {
	struct virtio_pci *const *devices;
	unsigned n_devices;
};

static bool fake_are_quiet(void *ctx)
{
	const struct fake_devices *all = ctx;

	for (unsigned i = 0; i < all->n_devices; i++) {
		if (!virtio_pci_is_quiet(all->devices[i]))
			return false;
	}
	return true;
}

void fake_machine_reset(struct dev_env *env, struct virtio_pci *const *devices, unsigned n_devices)
{
	struct fake_devices all = {devices, n_devices};

	for (unsigned i = 0; i < n_devices; i++)
		virtio_pci_begin_reset(devices[i]);
	assert_true(fake_machine_run(env, fake_are_quiet, &all, 60000));
	pci_bus_reset(env->pci);
}

void *fake_machine_ram(struct dev_env *env, uint64_t gpa, size_t size)
{
	void *hva;

	assert_int_equal(mem_gpa_to_hva(env->mem, gpa, size, &hva), 0);
	return hva;
}

/* ---- Driver ---------------------------------------------------------------------------------- */

uint32_t fake_read(struct fake_driver *drv, unsigned offset, unsigned size)
{
	return (uint32_t)virtio_pci_bar_read(drv->vp, offset, size);
}

void fake_write(struct fake_driver *drv, unsigned offset, unsigned size, uint64_t value)
{
	virtio_pci_bar_write(drv->vp, offset, size, value);
}

uint64_t fake_driver_offered(struct fake_driver *drv)
{
	uint64_t features;

	fake_write(drv, 0x00, 4, 0);
	features = fake_read(drv, 0x04, 4);
	fake_write(drv, 0x00, 4, 1);
	return features | (uint64_t)fake_read(drv, 0x04, 4) << 32;
}

uint64_t fake_driver_alloc(struct fake_driver *drv, size_t size)
{
	uint64_t gpa = (drv->next_gpa + 4095) & ~UINT64_C(4095);

	drv->next_gpa = gpa + size;
	assert_true(drv->next_gpa < FAKE_RAM_BYTES);
	memset(fake_machine_ram(drv->env, gpa, size), 0, size);
	return gpa;
}

static void fake_ring_setup(struct fake_driver *drv, unsigned queue)
{
	struct fake_ring *ring = &drv->rings[queue];

	fake_write(drv, 0x16, 2, queue);
	ring->size = (uint16_t)fake_read(drv, 0x18, 2);
	if (ring->size > FAKE_RING_SIZE)
		ring->size = FAKE_RING_SIZE;
	fake_write(drv, 0x18, 2, ring->size);
	ring->gpa = fake_driver_alloc(drv, 3 * 4096);
	ring->desc = fake_machine_ram(drv->env, ring->gpa, 4096);
	ring->avail = fake_machine_ram(drv->env, ring->gpa + 4096, 4096);
	ring->used = fake_machine_ram(drv->env, ring->gpa + 8192, 4096);
	ring->next_avail = ring->seen_used = 0;
	fake_write(drv, 0x20, 8, ring->gpa);
	fake_write(drv, 0x28, 4, ring->gpa + 4096);
	fake_write(drv, 0x2c, 4, 0);
	fake_write(drv, 0x30, 8, ring->gpa + 8192);
	fake_write(drv, 0x1a, 2, queue);
	fake_write(drv, 0x1c, 2, 1);
	assert_int_equal(fake_read(drv, 0x1c, 2), 1);
}

static bool fake_is_reset(void *ctx)
{
	return fake_read(ctx, 0x14, 1) == 0;
}

void fake_driver_reset(struct fake_driver *drv)
{
	fake_write(drv, 0x14, 1, 0);
	assert_true(fake_machine_run(drv->env, fake_is_reset, drv, 5000));
}

void fake_driver_start(struct fake_driver *drv, struct dev_env *env, struct virtio_pci *vp,
	uint64_t wanted)
{
	fake_driver_start_at(drv, env, vp, wanted, FAKE_DRIVER_BASE);
}

void fake_driver_start_at(struct fake_driver *drv, struct dev_env *env, struct virtio_pci *vp,
	uint64_t wanted, uint64_t gpa)
{
	*drv = (struct fake_driver){.env = env, .vp = vp, .next_gpa = gpa};
	fake_machine_set_master(env, true);
	fake_driver_reset(drv);
	fake_write(drv, 0x14, 1, 1);
	fake_write(drv, 0x14, 1, 3);
	drv->features = fake_driver_offered(drv) & wanted;
	fake_write(drv, 0x08, 4, 0);
	fake_write(drv, 0x0c, 4, (uint32_t)drv->features);
	fake_write(drv, 0x08, 4, 1);
	fake_write(drv, 0x0c, 4, drv->features >> 32);
	fake_write(drv, 0x14, 1, 3 | 8);
	assert_int_equal(fake_read(drv, 0x14, 1), 3 | 8);
	drv->n_queues = fake_read(drv, 0x12, 2);
	assert_in_range(drv->n_queues, 1, FAKE_MAX_QUEUES);
	for (unsigned i = 0; i < drv->n_queues; i++)
		fake_ring_setup(drv, i);
	fake_write(drv, 0x14, 1, 3 | 8 | 4);
	assert_int_equal(fake_read(drv, 0x14, 1), 3 | 8 | 4);
}

uint16_t fake_ring_add(struct fake_ring *ring, const struct fake_seg *segs, unsigned n)
{
	/* Four descriptors a chain, round robin: a test keeps at most ring->size / 4 in flight. */
	uint16_t head = ring->next_avail * 4 % ring->size;

	assert_in_range(n, 1, 4);
	for (unsigned i = 0; i < n; i++) {
		ring->desc[(head + i) % ring->size] = (struct vring_desc){
			.addr = segs[i].gpa,
			.len = segs[i].len,
			.flags = (uint16_t)(segs[i].flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0)),
			.next = (uint16_t)((head + i + 1) % ring->size),
		};
	}
	ring->avail->ring[ring->next_avail % ring->size] = head;
	ring->next_avail++;
	__atomic_store_n(&ring->avail->idx, ring->next_avail, __ATOMIC_SEQ_CST);
	return head;
}

void fake_driver_kick(struct fake_driver *drv, unsigned queue)
{
	fake_write(drv, VIRTIO_PCI_NOTIFY + queue * VIRTIO_PCI_NOTIFY_STRIDE, 2, queue);
}

bool fake_ring_get_used(struct fake_ring *ring, struct vring_used_elem *ret_elem)
{
	if (__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE) == ring->seen_used)
		return false;
	*ret_elem = ring->used->ring[ring->seen_used++ % ring->size];
	return true;
}
