/* virtio-net and its vhost-user front-end against our small back-end, over real sockets. */
#include "backend.h"
#include "bus.h"
#include "config.h"
#include "ctl_vmm.h"
#include "dev/virtio_net.h"
#include "dev/virtio_pci.h"
#include "ev.h"
#include "fake_machine.h"
#include "log.h"
#include "pci.h"
#include "vhost_user_fe.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define NET_FEATURES                                                                        \
	(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) |              \
		VIRTIO_BIT(VIRTIO_F_EVENT_IDX) | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) |       \
		VIRTIO_BIT(VIRTIO_NET_F_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) |       \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6) |   \
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6) | \
		VIRTIO_BIT(VIRTIO_NET_F_MQ))
#define P(bit) VIRTIO_BIT(VHOST_USER_PROTOCOL_F_##bit)
#define ALL_PROTOCOL \
	(P(MQ) | P(REPLY_ACK) | P(RARP) | P(NET_MTU) | P(STATUS) | P(CONFIG) | P(BACKEND_REQ))
#define DEVICE_STATUS (VIRTIO_PCI_DEVICE + 6)
#define N_FRAMES      12

struct bench {
	char dir[32];
	char path[64];
	struct config_net config;
	struct dev_env env;
	struct virtio_net *net;
	struct fake_driver drv;
	struct backend be;
	uint64_t rx_gpa, tx_gpa;
	unsigned n_received;
};

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static void bench_create(struct bench *b, bool vmm_listens)
{
	*b = (struct bench){.dir = "/tmp/weft-fe-XXXXXX"};
	assert_non_null(mkdtemp(b->dir));
	(void)snprintf(b->path, sizeof(b->path), "%s/s", b->dir);
	b->config = (struct config_net){
		.server = vmm_listens,
		.n_queue_pairs = 2,
		.queue_size = 64,
		.mtu = 9000,
		.speed_mbps = 10000,
		.offload = true,
		.mac = {{0x52, 0x54, 0, 0, 0, 1}},
	};
	memcpy(b->config.path, b->path, sizeof(b->path));
	b->be = (struct backend){
		.path = b->path,
		.is_server = !vmm_listens,
		.features = NET_FEATURES,
		.protocol_features = ALL_PROTOCOL,
		.max_queue_pairs = 2,
		.carrier = VIRTIO_NET_S_LINK_UP,
	};
	fake_machine_create(&b->env);
	assert_int_equal(virtio_net_create(&b->env, &b->config, &b->net, NULL), 0);
}

static void bench_destroy(struct bench *b)
{
	pci_bus_destroy(b->env.pci);
	virtio_net_destroy(b->net);
	fake_machine_destroy(&b->env);
	(void)unlink(b->path);
	assert_int_equal(rmdir(b->dir), 0);
}

static struct ctl_nic bench_status(struct bench *b)
{
	struct ctl_nic nic = {0};

	virtio_net_status(b->net, &nic);
	return nic;
}

static bool has_seen_backend(void *ctx)
{
	return bench_status(ctx).state == CTL_CONN_NEGOTIATING;
}

static bool is_link_up(void *ctx)
{
	struct bench *b = ctx;

	return fake_read(&b->drv, DEVICE_STATUS, 2) & VIRTIO_NET_S_LINK_UP;
}

static bool is_link_down(void *ctx)
{
	return !is_link_up(ctx);
}

static void start_driver(struct bench *b, uint64_t wanted)
{
	fake_driver_start(&b->drv, &b->env, virtio_net_transport(b->net), wanted);
	b->rx_gpa = fake_driver_alloc(&b->drv, N_FRAMES * 2048);
	b->tx_gpa = fake_driver_alloc(&b->drv, N_FRAMES * 2048);
	b->n_received = 0;
}

static bool has_all_frames(void *ctx)
{
	struct bench *b = ctx;
	struct vring_used_elem elem;

	while (fake_ring_get_used(&b->drv.rings[0], &elem)) {
		assert_int_equal(elem.len, 12 + 60);
		b->n_received++;
	}
	return b->n_received == N_FRAMES;
}

/* N_FRAMES out and back. */
static void exchange_frames(struct bench *b)
{
	b->n_received = 0;
	for (unsigned i = 0; i < N_FRAMES; i++) {
		struct fake_seg rx = {b->rx_gpa + 2048 * i, 2048, VRING_DESC_F_WRITE};

		(void)fake_ring_add(&b->drv.rings[0], &rx, 1);
	}
	fake_driver_kick(&b->drv, 0);
	for (unsigned i = 0; i < N_FRAMES; i++) {
		struct fake_seg tx = {b->tx_gpa + 2048 * i, 12 + 60, 0};

		memset(fake_machine_ram(&b->env, tx.gpa, 12 + 60), (int)i, 12 + 60);
		(void)fake_ring_add(&b->drv.rings[1], &tx, 1);
	}
	fake_driver_kick(&b->drv, 1);
	assert_true(fake_machine_run(&b->env, has_all_frames, b, 3000));
	for (unsigned i = 0; i < N_FRAMES; i++)
		assert_memory_equal(fake_machine_ram(&b->env, b->rx_gpa + 2048 * i, 72),
			fake_machine_ram(&b->env, b->tx_gpa + 2048 * i, 72), 72);
}

static void run_and_stop(struct bench *b)
{
	assert_true(fake_machine_run(&b->env, is_link_up, b, 5000));
	exchange_frames(b);
	fake_driver_reset(&b->drv);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void frames_pass_either_way_round(void **state)
{
	for (int vmm_listens = 0; vmm_listens < 2; vmm_listens++) {
		struct bench b;

		bench_create(&b, vmm_listens);
		backend_start(&b.be);
		start_driver(&b, UINT64_MAX);
		run_and_stop(&b);
		assert_int_equal(b.be.n_running, 0);
		backend_stop(&b.be);
		assert_int_equal(b.be.n_unnegotiated, 0);
		assert_int_equal(b.be.last_status, 0);
		assert_int_equal(b.be.mtu, 9000);
		bench_destroy(&b);
	}
}

static void each_protocol_feature_may_be_missing(void **state)
{
	static const uint64_t sets[] = {
		0,
		P(MQ),
		P(REPLY_ACK),
		ALL_PROTOCOL & ~P(MQ),
		ALL_PROTOCOL & ~P(REPLY_ACK),
		ALL_PROTOCOL & ~P(STATUS),
		ALL_PROTOCOL & ~P(NET_MTU),
		ALL_PROTOCOL & ~P(CONFIG),
		ALL_PROTOCOL & ~P(BACKEND_REQ),
		ALL_PROTOCOL & ~P(RARP),
	};

	for (unsigned i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct bench b;

		bench_create(&b, true);
		b.be.protocol_features = sets[i];
		backend_start(&b.be);
		start_driver(&b, UINT64_MAX);
		run_and_stop(&b);
		backend_stop(&b.be);
		if (b.be.n_unnegotiated)
			fail_msg("protocol features 0x%llx: %u messages that were not negotiated",
				(unsigned long long)sets[i], b.be.n_unnegotiated);
		bench_destroy(&b);
	}
}

static void backend_features_are_what_the_guest_is_offered(void **state)
{
	struct bench b;

	bench_create(&b, true);
	b.be.features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF);
	backend_start(&b.be);
	assert_true(fake_machine_run(&b.env, has_seen_backend, &b, 3000));
	fake_machine_idle(&b.env, 50);
	start_driver(&b, UINT64_MAX);
	assert_false(b.drv.features & VIRTIO_BIT(VIRTIO_NET_F_CSUM));
	assert_false(b.drv.features & VIRTIO_BIT(VIRTIO_NET_F_MQ));
	assert_true(b.drv.features & VIRTIO_BIT(VIRTIO_NET_F_STATUS));
	assert_int_equal(fake_read(&b.drv, VIRTIO_PCI_DEVICE + 8, 2), 1); /* max_virtqueue_pairs */
	run_and_stop(&b);
	backend_stop(&b.be);
	bench_destroy(&b);
}

/* Without a turn of the event loop, as for a guest that asks in its first millisecond. */
static void first_driver_is_offered_what_the_backend_has(void **state)
{
	struct bench b;

	bench_create(&b, false);
	b.be.features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF);
	backend_start(&b.be);
	virtio_net_settle(b.net, ev_now_ns() + 3 * UINT64_C(1000000000));
	assert_int_equal(bench_status(&b).state, CTL_CONN_NEGOTIATING);
	start_driver(&b, UINT64_MAX);
	assert_false(b.drv.features & VIRTIO_BIT(VIRTIO_NET_F_CSUM));
	run_and_stop(&b);
	backend_stop(&b.be);
	assert_int_equal(b.be.n_connections, 1);
	bench_destroy(&b);
}

static void guest_of_a_missing_or_silent_backend_starts(void **state)
{
	struct bench b;

	bench_create(&b, false);
	virtio_net_settle(b.net, ev_now_ns() + 3 * UINT64_C(1000000000));
	assert_int_equal(bench_status(&b).state, CTL_CONN_CONNECTING);
	b.be.fault = FAULT_SILENT;
	b.be.fault_request = VHOST_USER_GET_FEATURES;
	b.be.n_faulty = 1;
	backend_start(&b.be);
	virtio_net_settle(b.net, ev_now_ns() + 10 * UINT64_C(1000000));
	assert_int_equal(bench_status(&b).state, CTL_CONN_NEGOTIATING);
	bench_destroy(&b); /* hangs up, which ends the silence */
	backend_stop(&b.be);
}

static void offload_off_takes_only_the_offloads_away(void **state)
{
	struct bench b;

	bench_create(&b, true);
	pci_bus_destroy(b.env.pci);
	virtio_net_destroy(b.net);
	fake_machine_destroy(&b.env);
	b.config.offload = false;
	fake_machine_create(&b.env);
	assert_int_equal(virtio_net_create(&b.env, &b.config, &b.net, NULL), 0);
	backend_start(&b.be);
	assert_true(fake_machine_run(&b.env, has_seen_backend, &b, 3000));
	fake_machine_idle(&b.env, 50);
	start_driver(&b, UINT64_MAX);
	assert_false(b.drv.features & VIRTIO_BIT(VIRTIO_NET_F_CSUM));
	assert_false(b.drv.features & VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM));
	assert_false(b.drv.features & VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4));
	assert_true(b.drv.features & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF));
	run_and_stop(&b);
	backend_stop(&b.be);
	bench_destroy(&b);
}

static void backend_that_lacks_accepted_features_is_refused(void **state)
{
	struct bench b;
	struct ctl_nic nic;

	bench_create(&b, true);
	start_driver(&b, UINT64_MAX); /* nobody there yet: the common set */
	b.be.features = VIRTIO_BIT(VIRTIO_F_VERSION_1);
	backend_start(&b.be);
	fake_machine_idle(&b.env, 500);
	nic = bench_status(&b);
	assert_non_null(strstr(nic.last_error, "lacks virtio features"));
	assert_false(nic.link);
	backend_stop(&b.be);
	/* A better one is taken at once. */
	b.be.features = NET_FEATURES;
	backend_start(&b.be);
	run_and_stop(&b);
	backend_stop(&b.be);
	bench_destroy(&b);
}

static void rings_go_on_after_the_backend_died(void **state)
{
	struct bench b;

	bench_create(&b, true);
	backend_start(&b.be);
	start_driver(&b, NET_FEATURES | VIRTIO_BIT(VIRTIO_NET_F_STATUS));
	assert_true(fake_machine_run(&b.env, is_link_up, &b, 3000));
	exchange_frames(&b);
	backend_stop(&b.be);
	assert_true(fake_machine_run(&b.env, is_link_down, &b, 3000));
	backend_start(&b.be);
	assert_true(fake_machine_run(&b.env, is_link_up, &b, 3000));
	assert_int_equal(b.be.first_base, N_FRAMES);
	exchange_frames(&b);
	fake_machine_idle(&b.env, 20);
	assert_int_equal(b.be.n_rarps, 1); /* GUEST_ANNOUNCE was not accepted */
	fake_driver_reset(&b.drv);
	start_driver(&b, NET_FEATURES);
	fake_machine_idle(&b.env, 100);
	assert_int_equal(b.be.first_base, 0); /* a new driver begins anew */
	backend_stop(&b.be);
	bench_destroy(&b);
}

static void short_restart_does_not_flap_the_link(void **state)
{
	struct bench b;
	uint64_t until_ns;

	bench_create(&b, true);
	backend_start(&b.be);
	start_driver(&b, UINT64_MAX);
	assert_true(fake_machine_run(&b.env, is_link_up, &b, 3000));
	b.be.drop = true; /* it reconnects at once */
	backend_wake(&b.be);
	until_ns = ev_now_ns() + UINT64_C(200000000);
	while (ev_now_ns() < until_ns) {
		assert_true(is_link_up(&b));
		fake_machine_idle(&b.env, 2);
	}
	assert_int_equal(b.be.n_connections, 2);
	assert_true(fake_read(&b.drv, DEVICE_STATUS, 2) & VIRTIO_NET_S_ANNOUNCE);
	exchange_frames(&b);
	fake_driver_reset(&b.drv);
	backend_stop(&b.be);
	bench_destroy(&b);
}

static void carrier_of_the_backend_reaches_the_guest(void **state)
{
	struct bench b;

	bench_create(&b, true);
	b.be.carrier = 0;
	backend_start(&b.be);
	start_driver(&b, UINT64_MAX);
	fake_machine_idle(&b.env, 200);
	assert_int_equal(b.be.n_enabled, 2);
	assert_true(is_link_down(&b));
	for (int i = 0; i < 3; i++) {
		b.be.carrier = VIRTIO_NET_S_LINK_UP;
		backend_wake(&b.be);
		assert_true(fake_machine_run(&b.env, is_link_up, &b, 1000));
		b.be.carrier = 0;
		backend_wake(&b.be);
		assert_true(fake_machine_run(&b.env, is_link_down, &b, 1000));
	}
	fake_driver_reset(&b.drv);
	backend_stop(&b.be);
	bench_destroy(&b);
}

static void set_link_down_cuts_frames_and_carrier(void **state)
{
	struct bench b;

	bench_create(&b, true);
	backend_start(&b.be);
	start_driver(&b, UINT64_MAX);
	assert_true(fake_machine_run(&b.env, is_link_up, &b, 3000));
	virtio_net_set_link(b.net, false);
	assert_true(is_link_down(&b));
	fake_machine_idle(&b.env, 50);
	assert_int_equal(b.be.n_enabled, 0);
	virtio_net_set_link(b.net, true);
	assert_true(is_link_up(&b));
	run_and_stop(&b);
	backend_stop(&b.be);
	bench_destroy(&b);
}

static bool is_ctrl_done(void *ctx)
{
	struct bench *b = ctx;
	struct vring_used_elem elem;

	return fake_ring_get_used(&b->drv.rings[4], &elem);
}

static uint8_t control(struct bench *b, const void *cmd, uint32_t len)
{
	uint64_t gpa = fake_driver_alloc(&b->drv, 4096);
	struct fake_seg segs[] = {{gpa, len, 0}, {gpa + 2048, 1, VRING_DESC_F_WRITE}};
	uint8_t *ack = fake_machine_ram(&b->env, gpa + 2048, 1);

	memcpy(fake_machine_ram(&b->env, gpa, len), cmd, len);
	*ack = 0xee;
	(void)fake_ring_add(&b->drv.rings[4], segs, 2);
	fake_driver_kick(&b->drv, 4);
	assert_true(fake_machine_run(&b->env, is_ctrl_done, b, 1000));
	return *ack;
}

static void control_queue_sets_pairs_and_address(void **state)
{
	static const uint8_t one_pair[] = {4, 0, 1, 0}, two_pairs[] = {4, 0, 2, 0},
			     three_pairs[] = {4, 0, 3, 0};
	static const uint8_t mac[] = {1, 1, 2, 0, 0, 0, 0, 9}, announce_ack[] = {3, 0};
	uint32_t generation;
	struct bench b;

	bench_create(&b, true);
	backend_start(&b.be);
	assert_true(fake_machine_run(&b.env, has_seen_backend, &b, 3000));
	fake_machine_idle(&b.env, 50);
	start_driver(&b, UINT64_MAX);
	assert_true(fake_machine_run(&b.env, is_link_up, &b, 3000));
	assert_int_equal(b.be.n_enabled, 2);
	for (int i = 0; i < 20; i++) { /* answered once the back-end has done it, not before */
		assert_int_equal(control(&b, two_pairs, sizeof(two_pairs)), 0);
		assert_int_equal(b.be.n_enabled, 4);
		assert_int_equal(control(&b, one_pair, sizeof(one_pair)), 0);
		assert_int_equal(b.be.n_enabled, 2);
	}
	assert_int_equal(control(&b, two_pairs, sizeof(two_pairs)), 0);
	assert_int_equal(control(&b, three_pairs, sizeof(three_pairs)), 1);
	generation = fake_read(&b.drv, 0x15, 1);
	assert_int_equal(control(&b, mac, sizeof(mac)), 0);
	assert_int_not_equal(fake_read(&b.drv, 0x15, 1), generation);
	assert_int_equal(fake_read(&b.drv, VIRTIO_PCI_DEVICE + 5, 1), 9);
	assert_int_equal(control(&b, announce_ack, sizeof(announce_ack)), 0);
	assert_int_equal(bench_status(&b).queue_pairs, 2);
	fake_driver_reset(&b.drv);
	assert_int_equal(fake_read(&b.drv, VIRTIO_PCI_DEVICE + 5, 1), 1);
	backend_stop(&b.be);
	bench_destroy(&b);
}

static bool has_no_rings(void *ctx)
{
	return ((struct bench *)ctx)->be.n_running == 0;
}

static bool has_rings(void *ctx)
{
	return ((struct bench *)ctx)->be.n_running == 4;
}

static bool is_quiet(void *ctx)
{
	return virtio_pci_is_quiet(virtio_net_transport(((struct bench *)ctx)->net));
}

/* The guest notices neither, and frames go on where they stood. */
static void pause_and_bus_mastering_off_take_the_rings_back(void **state)
{
	for (int by_master = 0; by_master < 2; by_master++) {
		struct bench b;

		bench_create(&b, true);
		backend_start(&b.be);
		start_driver(&b, UINT64_MAX);
		assert_true(fake_machine_run(&b.env, is_link_up, &b, 5000));
		exchange_frames(&b);
		for (int i = 0; i < 3; i++) {
			if (by_master)
				fake_machine_set_master(&b.env, false);
			else
				virtio_pci_set_paused(virtio_net_transport(b.net), true);
			assert_true(fake_machine_run(&b.env, has_no_rings, &b, 5000));
			assert_true(fake_machine_run(&b.env, is_quiet, &b, 5000));
			assert_true(is_link_up(&b));
			if (by_master) {
				fake_machine_set_master(&b.env, true);
				fake_machine_idle(&b.env, 20); /* starts nothing */
				assert_int_equal(b.be.n_running, 0);
				fake_driver_kick(&b.drv, 1);
			} else {
				virtio_pci_set_paused(virtio_net_transport(b.net), false);
			}
			assert_true(fake_machine_run(&b.env, has_rings, &b, 5000));
			assert_true(fake_machine_run(&b.env, is_link_up, &b, 5000));
			assert_int_equal(b.be.first_base, N_FRAMES * (i + 1));
			exchange_frames(&b);
		}
		assert_int_equal(b.be.n_connections, 1);
		/* Reset and a new driver while stopped. */
		fake_machine_set_master(&b.env, false);
		fake_driver_reset(&b.drv);
		fake_machine_set_master(&b.env, true);
		start_driver(&b, UINT64_MAX);
		run_and_stop(&b);
		backend_stop(&b.be);
		bench_destroy(&b);
	}
}

static bool is_broken(void *ctx)
{
	struct bench *b = ctx;

	return fake_read(&b->drv, 0x14, 1) & 0x40;
}

static void ring_error_of_the_backend_needs_a_reset(void **state)
{
	struct bench b;

	bench_create(&b, true);
	backend_start(&b.be);
	start_driver(&b, UINT64_MAX);
	assert_true(fake_machine_run(&b.env, is_link_up, &b, 5000));
	b.be.complain = true;
	backend_wake(&b.be);
	assert_true(fake_machine_run(&b.env, is_broken, &b, 5000));
	fake_driver_reset(&b.drv);
	start_driver(&b, UINT64_MAX);
	run_and_stop(&b);
	backend_stop(&b.be);
	bench_destroy(&b);
}

static void machine_reset_takes_the_rings_back(void **state)
{
	struct bench b;

	bench_create(&b, true);
	backend_start(&b.be);
	start_driver(&b, UINT64_MAX);
	assert_true(fake_machine_run(&b.env, is_link_up, &b, 3000));
	assert_int_equal(b.be.n_running, 4);
	fake_machine_reset(&b.env, (struct virtio_pci *[]){virtio_net_transport(b.net)}, 1);
	assert_int_equal(b.be.n_running, 0);
	assert_int_equal(fake_read(&b.drv, 0x14, 1), 0);
	start_driver(&b, UINT64_MAX);
	run_and_stop(&b);
	backend_stop(&b.be);
	bench_destroy(&b);
}

/* The requests of a connection, in order, with those whose answer can be wrong. */
static const uint32_t steps[] = {
	VHOST_USER_SET_OWNER,
	VHOST_USER_GET_FEATURES,
	VHOST_USER_GET_PROTOCOL_FEATURES,
	VHOST_USER_SET_PROTOCOL_FEATURES,
	VHOST_USER_GET_QUEUE_NUM,
	VHOST_USER_SET_BACKEND_REQ_FD,
	VHOST_USER_GET_CONFIG,
	VHOST_USER_SET_FEATURES,
	VHOST_USER_SET_STATUS,
	VHOST_USER_NET_SET_MTU,
	VHOST_USER_SET_MEM_TABLE,
	VHOST_USER_SET_VRING_NUM,
	VHOST_USER_SET_VRING_ADDR,
	VHOST_USER_SET_VRING_BASE,
	VHOST_USER_SET_VRING_CALL,
	VHOST_USER_SET_VRING_ERR,
	VHOST_USER_SET_VRING_KICK,
	VHOST_USER_SET_VRING_ENABLE,
	VHOST_USER_GET_VRING_BASE,
};

/* Misbehaves in its first connection, at request; then not: frames must flow in the end. */
static void one_fault(enum backend_fault fault, uint32_t request)
{
	unsigned fds_before = count_fds();
	struct bench b;

	print_message("fault %d at request %u\n", fault, request);
	bench_create(&b, true);
	b.be.fault = fault;
	b.be.fault_request = request;
	b.be.n_faulty = 1;
	backend_start(&b.be);
	start_driver(&b, UINT64_MAX);
	assert_true(fake_machine_run(&b.env, is_link_up, &b, 5000));
	run_and_stop(&b);
	assert_true(b.be.n_connections >= 1);
	start_driver(&b, UINT64_MAX);
	run_and_stop(&b);
	backend_stop(&b.be);
	bench_destroy(&b);
	/* A thread closes the connections that brought descriptors (closer.h). */
	for (unsigned i = 0; count_fds() > fds_before && i < 10000; i++)
		(void)usleep(1000);
	if (count_fds() != fds_before)
		fail_msg("fault %d at request %u: %u descriptors before, %u after", fault, request,
			fds_before, count_fds());
}

static void survives_disconnect_at_every_step(void **state)
{
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		one_fault(FAULT_CLOSE, steps[i]);
}

static void survives_every_kind_of_wrong_answer(void **state)
{
	static const uint32_t some[] = {
		VHOST_USER_GET_FEATURES,
		VHOST_USER_GET_CONFIG,
		VHOST_USER_SET_MEM_TABLE,
		VHOST_USER_SET_VRING_ENABLE,
		VHOST_USER_GET_VRING_BASE,
	};

	for (int fault = FAULT_HALF; fault <= FAULT_FDS; fault++) {
		for (unsigned i = 0; i < sizeof(some) / sizeof(some[0]); i++)
			one_fault(fault, some[i]);
	}
}

static bool is_front_end_running(void *ctx)
{
	struct vhost_fe_status status;

	vhost_fe_get_status(*(struct vhost_fe **)ctx, &status);
	return status.state == VHOST_FE_IDLE;
}

static bool has_timed_out(void *ctx)
{
	struct vhost_fe_status status;

	vhost_fe_get_status(*(struct vhost_fe **)ctx, &status);
	return strstr(status.last_error, "no answer");
}

static void ignore_change(void *ctx)
{
}

static void silent_backend_is_dropped_in_time(void **state)
{
	struct vhost_fe *fe;
	struct vhost_fe_config config = {.is_server = true, .reply_timeout_ms = 200};
	struct bench b;

	bench_create(&b, false);
	(void)snprintf(b.path, sizeof(b.path), "%s/t", b.dir);
	memcpy(config.path, b.path, sizeof(b.path));
	assert_int_equal(vhost_fe_create(b.env.ev, b.env.mem, &config, ignore_change, NULL, &fe,
				 NULL),
		0);
	b.be.is_server = false;
	b.be.fault = FAULT_SILENT;
	b.be.fault_request = VHOST_USER_GET_PROTOCOL_FEATURES;
	b.be.n_faulty = 1;
	backend_start(&b.be);
	assert_true(fake_machine_run(&b.env, has_timed_out, &fe, 2000));
	assert_true(fake_machine_run(&b.env, is_front_end_running, &fe, 2000));
	vhost_fe_destroy(fe);
	backend_stop(&b.be);
	bench_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_pass_either_way_round),
		cmocka_unit_test(each_protocol_feature_may_be_missing),
		cmocka_unit_test(backend_features_are_what_the_guest_is_offered),
		cmocka_unit_test(first_driver_is_offered_what_the_backend_has),
		cmocka_unit_test(guest_of_a_missing_or_silent_backend_starts),
		cmocka_unit_test(offload_off_takes_only_the_offloads_away),
		cmocka_unit_test(backend_that_lacks_accepted_features_is_refused),
		cmocka_unit_test(rings_go_on_after_the_backend_died),
		cmocka_unit_test(short_restart_does_not_flap_the_link),
		cmocka_unit_test(carrier_of_the_backend_reaches_the_guest),
		cmocka_unit_test(set_link_down_cuts_frames_and_carrier),
		cmocka_unit_test(control_queue_sets_pairs_and_address),
		cmocka_unit_test(pause_and_bus_mastering_off_take_the_rings_back),
		cmocka_unit_test(ring_error_of_the_backend_needs_a_reset),
		cmocka_unit_test(machine_reset_takes_the_rings_back),
		cmocka_unit_test(survives_disconnect_at_every_step),
		cmocka_unit_test(survives_every_kind_of_wrong_answer),
		cmocka_unit_test(silent_backend_is_dropped_in_time),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
