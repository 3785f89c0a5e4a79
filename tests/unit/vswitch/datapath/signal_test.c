/*
 * Interrupts of a ring that two workers put into: the real code in every order of its steps.
 *
 * Each worker puts a frame into port 0's ring, publishes and signals; the driver of port 0 takes
 * what it sees, asks for an interrupt, looks again and sleeps. Every schedule of these steps is
 * run: what tests/model/signal.pml says about the protocol, here about the code (but for the order
 * of stores, which only the model can turn round).
 */
#include "notify_setup.h"
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum actor { WORKER_A, WORKER_B, DRIVER, N_ACTORS };

enum driver_state { TAKE, ARM, LOOK, SLEEP };

struct world {
	struct rig *rig;
	struct fwd *fwd[2];
	bool packed, event_idx;
	/* What is yet to be done, in steps. */
	unsigned left[N_ACTORS];
	enum driver_state driver;
	unsigned sent, received;
	char schedule[64];
	unsigned long n_schedules;
};

static void world_init(struct world *world, bool packed, bool event_idx)
{
	uint64_t features = RIG_FEATURES | (event_idx ? VIRTIO_BIT(VIRTIO_F_EVENT_IDX) : 0);

	*world = (struct world){.packed = packed, .event_idx = event_idx};
	world->rig = rig_create(3, packed ? 7 : 0, features);
	world->rig->snapshot.n_workers = 2;
	/* Port 0 hears from both others; their own rings are one worker's each. */
	for (unsigned i = 0; i < 3; i++) {
		world->rig->ports[i].bridge = NULL;
		world->rig->ports[i].flags = DP_PORT_ENABLED | DP_PORT_LINK;
		world->rig->ports[i].link_peer = i ? 0 : DP_NO_PORT;
	}
	world->fwd[0] = world->rig->fwd;
	world->fwd[1] = mmap(NULL, sizeof(struct fwd), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(world->fwd[1], MAP_FAILED);
	fwd_init(world->fwd[1], world->rig->counters, world->rig->events, 0, 0);
	assert_int_equal(notify_init(&world->fwd[1]->flush.calls), 0);
}

static void world_done(struct world *world)
{
	notify_done(&world->fwd[1]->flush.calls);
	munmap(world->fwd[1], sizeof(struct fwd));
	rig_destroy(world->rig);
}

/* ---- The driver's steps ---- */

/* Split: asked by a flag; packed: by the event structure. */
static void ask(struct world *world, bool on)
{
	struct fe_ring *ring = &world->rig->port[0].receive;

	if (on && world->event_idx) {
		fe_ring_arm(ring);
	} else if (world->packed) {
		struct vring_packed_event *event = ring->avail;

		event->flags = on ? VRING_PACKED_EVENT_F_ENABLE : VRING_PACKED_EVENT_F_DISABLE;
	} else if (!world->event_idx) {
		struct vring_avail *avail = ring->avail;

		avail->flags = on ? 0 : VRING_AVAIL_F_NO_INTERRUPT;
	}
}

/* Take all that is there; was there anything? */
static bool take(struct world *world)
{
	uint8_t frame[256];
	unsigned n = 0;

	while (rig_receive(world->rig, 0, NULL, frame, sizeof(frame)) >= 0)
		n++;
	world->received += n;
	return n;
}

/* False: it sleeps, and nobody called. */
static bool driver_step(struct world *world)
{
	uint64_t calls;

	switch (world->driver) {
	case TAKE:
		take(world);
		world->driver = ARM;
		return true;
	case ARM:
		ask(world, true);
		world->driver = LOOK;
		return true;
	case LOOK:
		if (take(world)) {
			ask(world, false);
			world->driver = ARM;
		} else {
			world->driver = SLEEP;
		}
		return true;
	default:
		if (read(world->rig->port[0].receive.call_fd, &calls, sizeof(calls)) < 0)
			return false;
		ask(world, false);
		world->driver = TAKE;
		return true;
	}
}

/* ---- The workers' steps ---- */

static void worker_step(struct world *world, unsigned worker)
{
	const struct dp_snapshot *snapshot = &world->rig->snapshot;
	struct fwd *fwd = world->fwd[worker];
	uint8_t frame[64];

	switch (world->left[worker] % 3) {
	case 0:
		rig_send(world->rig, 1 + worker, frame,
			rig_frame(frame, 9, (uint8_t)worker, -1, 0x88b5, 40));
		assert_int_equal(fwd_burst(fwd, snapshot, &world->rig->rx[1 + worker]), 1);
		world->sent++;
		break;
	case 2:
		flush_publish(&fwd->flush, snapshot->n_workers > 1);
		break;
	default:
		flush_notify(&fwd->flush, snapshot->n_workers > 1);
		break;
	}
}

/* ---- Schedules ---- */

/* Do the steps of a schedule; then nothing may wait for a driver that sleeps. */
static void run_schedule(struct world *world)
{
	for (const char *step = world->schedule; *step; step++) {
		unsigned actor = (unsigned)(*step - 'A');

		if (actor == DRIVER) {
			(void)driver_step(world);
			continue;
		}
		worker_step(world, actor);
		world->left[actor]--;
	}
	while (driver_step(world))
		;
	world->n_schedules++;
	if (world->received != world->sent)
		fail_msg("%s ring, %s: the driver sleeps with %u of %u frames (schedule %s)",
			world->packed ? "packed" : "split",
			world->event_idx ? "event index" : "flag", world->received, world->sent,
			world->schedule);
}

/* Every schedule that begins with the first n steps. */
static void run_all(struct world *world, const unsigned left[N_ACTORS], unsigned n)
{
	bool is_leaf = true;

	for (unsigned actor = 0; actor < N_ACTORS; actor++) {
		unsigned rest[N_ACTORS] = {left[0], left[1], left[2]};

		if (!rest[actor])
			continue;
		is_leaf = false;
		rest[actor]--;
		world->schedule[n] = (char)('A' + actor);
		run_all(world, rest, n + 1);
	}
	if (!is_leaf)
		return;
	world->schedule[n] = '\0';
	for (const char *step = world->schedule; *step; step++)
		world->left[*step - 'A']++;
	run_schedule(world);
}

static void no_interrupt_is_lost_between_two_workers(void **state)
{
	/* One round each with a driver that does much, and more rounds with one that does less. */
	static const unsigned steps[][N_ACTORS] = {{3, 3, 6}, {3, 6, 3}, {6, 6, 1}};

	for (unsigned mode = 0; mode < 4; mode++) {
		struct world world;

		world_init(&world, mode & 1, mode & 2);
		while (driver_step(&world))
			;
		for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
			run_all(&world, steps[i], 0);
		assert_true(world.n_schedules > 40000);
		world_done(&world);
	}
}

/* A worker that publishes more than a lap of a packed ring before it signals: the driver took its
 * time, then slept. */
static void interrupt_survives_a_lap(void **state)
{
	struct world world;

	world_init(&world, true, true);
	while (driver_step(&world))
		;
	for (unsigned n = 0; n < 100; n++) {
		world.left[WORKER_A] = 3;
		worker_step(&world, WORKER_A);
		flush_publish(&world.fwd[0]->flush, true);
	}
	while (take(&world))
		;
	ask(&world, true);
	for (unsigned n = 0; n < RIG_RING_SIZE; n++) {
		world.left[WORKER_A] = 3;
		worker_step(&world, WORKER_A);
		flush_publish(&world.fwd[0]->flush, true);
	}
	flush_notify(&world.fwd[0]->flush, true);
	while (driver_step(&world))
		;
	assert_int_equal(world.received, world.sent);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_interrupt_is_lost_between_two_workers),
		cmocka_unit_test(interrupt_survives_a_lap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
