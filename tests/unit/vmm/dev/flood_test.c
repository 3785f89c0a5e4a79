/*
 * Guests that put as much on their rings as a ring can hold, and never stop: what the loop does for
 * them in one turn is counted in descriptors, and the control socket is answered meanwhile.
 */
#include "config.h"
#include "console.h"
#include "dev/virtio_blk.h"
#include "dev/virtio_console.h"
#include "dev/virtio_net.h"
#include "dev/virtio_pci.h"
#include "dev/virtio_rng.h"
#include "dev/virtq.h"
#include "ev.h"
#include "fake_machine.h"
#include "log.h"
#include "pci.h"
#include "ping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { RNG, BLK, CONSOLE_RX, CONSOLE_TX, NET_CTRL, N_FLOODS };
#define N_DRIVERS    4
#define DRIVER_BYTES (4u << 20) /* of RAM for each */

/* Descriptors that one callback may read: a turn, and what its last chain has beyond it. */
#define MOST_STEPS     (VIRTQ_TURN_STEPS + 2 * FAKE_RING_SIZE)
#define NET_CTRL_QUEUE 2

struct rig {
	struct dev_env env;
	struct virtio_rng *rng;
	struct virtio_blk *blk;
	struct console *console;
	struct virtio_console *virtio_console;
	struct virtio_net *net;
	struct fake_driver drivers[N_DRIVERS];
	int disk_fd;
};

/* The ring that each flood fills, and the first and last bytes of its chains. */
static const struct flood {
	const char *name;
	unsigned driver, queue;
	uint32_t n_out; /* bytes at the chain's head that the device reads */
	uint8_t out[16];
	uint32_t n_in; /* bytes at its end that the device writes */
} floods[N_FLOODS] = {
	[RNG] = {"rng", 0, 0, 0, {0}, 1},
	[BLK] = {"disk", 1, 0, 16, {8}, 1}, /* GET_ID, with room for the status only */
	[CONSOLE_RX] = {"console input", 2, 0, 0, {0}, 1},
	[CONSOLE_TX] = {"console output", 2, 1, 1, {'x'}, 0},
	[NET_CTRL] = {"network control", 3, NET_CTRL_QUEUE, 3, {0, 0, 0}, 1}, /* promiscuous */
};

static void rig_create(struct rig *rig)
{
	struct config_disk disk = {0};
	struct config_net net = {
		.path = "/nonexistent/weft-flood",
		.n_queue_pairs = 1,
		.queue_size = FAKE_RING_SIZE,
		.mac = {{2, 0, 0, 0, 0, 1}},
	};

	*rig = (struct rig){.disk_fd = memfd_create("disk", MFD_CLOEXEC)};
	assert_int_equal(ftruncate(rig->disk_fd, 65536), 0);
	(void)snprintf(disk.path, sizeof(disk.path), "/proc/self/fd/%d", rig->disk_fd);
	log_set_level(LOG_ERR);
	fake_machine_create(&rig->env);
	assert_int_equal(virtio_rng_create(&rig->env, &rig->rng, NULL), 0);
	assert_int_equal(virtio_blk_create(&rig->env, &disk, &rig->blk, NULL), 0);
	assert_int_equal(virtio_blk_start(rig->blk, NULL, NULL), 0);
	assert_int_equal(console_create(rig->env.ev, "test", &rig->console), 0);
	assert_int_equal(virtio_console_create(&rig->env, rig->console, &rig->virtio_console, NULL),
		0);
	assert_int_equal(virtio_net_create(&rig->env, &net, &rig->net, NULL), 0);
	struct virtio_pci *const transports[N_DRIVERS] = {virtio_rng_transport(rig->rng),
		virtio_blk_transport(rig->blk), virtio_console_transport(rig->virtio_console),
		virtio_net_transport(rig->net)};

	for (unsigned i = 0; i < N_DRIVERS; i++)
		fake_driver_start_at(&rig->drivers[i], &rig->env, transports[i],
			~VIRTIO_BIT(VIRTIO_F_EVENT_IDX), FAKE_DRIVER_BASE + i * DRIVER_BYTES);
	fake_machine_idle(&rig->env, 10); /* the network device watches its queue from here on */
}

static void rig_destroy(struct rig *rig)
{
	pci_bus_destroy(rig->env.pci);
	virtio_rng_destroy(rig->rng);
	virtio_blk_destroy(rig->blk);
	virtio_console_destroy(rig->virtio_console);
	console_destroy(rig->console);
	virtio_net_destroy(rig->net);
	fake_machine_destroy(&rig->env);
	(void)close(rig->disk_fd);
}

static struct fake_ring *flood_ring(struct rig *rig, const struct flood *f)
{
	return &rig->drivers[f->driver].rings[f->queue];
}

/* Every entry of the ring: the longest chain there may be, of descriptors without a byte. */
static void fill_ring(struct rig *rig, const struct flood *f)
{
	struct fake_driver *drv = &rig->drivers[f->driver];
	struct fake_ring *ring = flood_ring(rig, f);
	uint64_t table_gpa = fake_driver_alloc(drv, 16 * ring->size);
	uint64_t data_gpa = fake_driver_alloc(drv, 4096);
	struct vring_desc *table = fake_machine_ram(&rig->env, table_gpa, 16 * ring->size);

	assert_true(drv->features & VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
	memcpy(fake_machine_ram(&rig->env, data_gpa, sizeof(f->out)), f->out, sizeof(f->out));
	for (unsigned i = 0; i < ring->size; i++)
		table[i] = (struct vring_desc){data_gpa, 0, VRING_DESC_F_NEXT, (uint16_t)(i + 1)};
	table[0].len = f->n_out;
	table[ring->size - 1] =
		(struct vring_desc){data_gpa + 512, f->n_in, f->n_in ? VRING_DESC_F_WRITE : 0, 0};
	for (unsigned i = 0; i + 1u < ring->size; i++)
		ring->desc[i] =
			(struct vring_desc){data_gpa, 0, VRING_DESC_F_NEXT, (uint16_t)(i + 1)};
	ring->desc[ring->size - 1] =
		(struct vring_desc){table_gpa, 16u * ring->size, VRING_DESC_F_INDIRECT, 0};
	for (unsigned i = 0; i < ring->size; i++)
		ring->avail->ring[i] = 0;
}

/* As full as a ring can be, and kicked. */
static void offer_all(struct rig *rig, const struct flood *f)
{
	struct fake_ring *ring = flood_ring(rig, f);
	uint16_t used = __atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE);

	__atomic_store_n(&ring->avail->idx, (uint16_t)(used + ring->size), __ATOMIC_SEQ_CST);
	fake_driver_kick(&rig->drivers[f->driver], f->queue);
}

/* One round of the loop; fails when a callback took more than its steps. */
static void run_round(struct rig *rig, const char *what)
{
	uint64_t before = virtq_steps();
	int n_calls = ev_run_once(rig->env.ev, 0);
	uint64_t steps = virtq_steps() - before;

	assert_true(n_calls >= 0);
	if (steps > (unsigned)n_calls * (uint64_t)MOST_STEPS)
		fail_msg("%s: %llu descriptors in %d callbacks", what, (unsigned long long)steps,
			n_calls);
}

static void turn_of_each_device_is_bounded(void **state)
{
	for (unsigned i = 0; i < N_FLOODS; i++) {
		const struct flood *f = &floods[i];
		uint16_t served = 0, before;
		struct fake_ring *ring;
		struct rig rig;

		if (i == CONSOLE_RX)
			continue; /* served as input comes; the next test has it */
		rig_create(&rig);
		fill_ring(&rig, f);
		ring = flood_ring(&rig, f);
		/* More than a ring's worth is served in the end, however many turns it takes. */
		for (unsigned round = 0; served < 3 * FAKE_RING_SIZE; round++) {
			before = ring->used->idx;
			offer_all(&rig, f);
			run_round(&rig, f->name);
			served += (uint16_t)(ring->used->idx - before);
			if (round > 1000000)
				fail_msg("%s: not served", f->name);
		}
		assert_int_equal(fake_read(&rig.drivers[f->driver], 0x14, 1), 15);
		rig_destroy(&rig);
	}
}

/* ---- A control request meanwhile ------------------------------------------------------------- */

static void control_request_is_answered_under_a_flood(void **state)
{
	char dir[] = "/tmp/weft-flood-XXXXXX", path[64];
	struct ping ping;
	struct rig rig;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/ctl", dir);
	rig_create(&rig);
	ping_create(&ping, rig.env.ev, path);
	for (unsigned i = 0; i < N_FLOODS; i++)
		fill_ring(&rig, &floods[i]);
	for (unsigned n = 0; n < 50; n++) {
		bool is_answered = false;

		ping_ask(&ping);
		/* Accepting takes a round, reading the request one, and the reply may take one. */
		for (unsigned round = 0; round < 4 && !is_answered; round++) {
			for (unsigned i = 0; i < N_FLOODS; i++)
				offer_all(&rig, &floods[i]);
			run_round(&rig, "all");
			is_answered = ping_is_answered(&ping);
		}
		assert_true(is_answered);
	}
	for (unsigned i = 0; i < N_FLOODS; i++) {
		if (i != CONSOLE_RX && !flood_ring(&rig, &floods[i])->used->idx)
			fail_msg("%s: not served", floods[i].name);
	}
	ping_destroy(&ping);
	rig_destroy(&rig);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turn_of_each_device_is_bounded),
		cmocka_unit_test(control_request_is_answered_under_a_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
