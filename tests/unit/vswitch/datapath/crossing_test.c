/*
 * Links between bridges, by patch ports. The measure of one is a cable between two ports of the
 * same VLAN settings: what comes out at the edges must be the same to the byte.
 */
#include "fdb_table.h"
#include "hold_setup.h"
#include "rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_BRIDGES 3

static uint8_t sent[FE_FRAME_MAX], got[FE_FRAME_MAX], want[FE_FRAME_MAX];

/* A rig whose ports are in several bridges. */
struct net {
	struct rig *rig;
	struct fdb *fdbs[MAX_BRIDGES];
	struct dp_bridge bridges[MAX_BRIDGES];
	uint16_t members[MAX_BRIDGES][RIG_MAX_PORTS];
};

static void join(struct net *net, unsigned port, unsigned bridge)
{
	struct dp_bridge *to = &net->bridges[bridge];

	net->members[bridge][to->n_ports++] = (uint16_t)port;
	net->rig->ports[port].bridge = to;
}

/* bridges[n_ports]: the bridge that each port is in. */
static void begin(struct net *net, unsigned n_ports, const uint8_t *bridges, unsigned packed,
	uint64_t features)
{
	*net = (struct net){.rig = rig_create(n_ports, packed, features)};
	for (unsigned i = 0; i < MAX_BRIDGES; i++) {
		assert_int_equal(fdb_create(256, &net->fdbs[i]), 0);
		net->bridges[i] = (struct dp_bridge){
			.fdb = net->fdbs[i], .ports = net->members[i], .id = (uint16_t)i};
	}
	for (unsigned i = 0; i < n_ports; i++)
		join(net, i, bridges[i]);
}

static void end(struct net *net)
{
	assert_true(rig_counts_add_up(net->rig));
	for (unsigned i = 0; i < MAX_BRIDGES; i++)
		fdb_destroy(net->fdbs[i]);
	rig_destroy(net->rig);
}

static void learn(struct net *net)
{
	struct learn_event event;

	while (learn_ring_get(net->rig->events, &event))
		(void)fdb_learn(net->fdbs[event.bridge_id], event.vid, event.mac48, event.port_id,
			0, 1);
}

static void run(struct net *net, unsigned port)
{
	while (rig_run(net->rig, port))
		learn(net);
	learn(net);
}

static void expect_frame(struct net *net, unsigned port, const uint8_t *frame, size_t len)
{
	assert_int_equal(rig_receive(net->rig, port, NULL, got, sizeof(got)), len);
	assert_memory_equal(got, frame, len);
}

static void expect_nothing(struct net *net, unsigned port)
{
	assert_int_equal(rig_receive(net->rig, port, NULL, got, sizeof(got)), -EAGAIN);
}

/* Ports 0 and 1 at the edge of one bridge, 4 and 5 at that of another; 2 and 3 join them. */
static const uint8_t two_bridges[] = {0, 0, 0, 1, 1, 1};

static void frames_cross_and_both_sides_learn(void **state)
{
	struct net net;
	size_t len;

	begin(&net, 6, two_bridges, 0, RIG_FEATURES);
	rig_patch(net.rig, 2, 3);
	len = rig_frame(sent, 9, 1, -1, 0x88b5, 300);
	rig_send(net.rig, 0, sent, len);
	run(&net, 0);
	for (unsigned port = 1; port < 6; port++)
		if (port != 2 && port != 3)
			expect_frame(&net, port, sent, len);
	/* Back to an address that both bridges know now. */
	len = rig_frame(sent, 1, 9, -1, 0x88b5, 60);
	rig_send(net.rig, 5, sent, len);
	run(&net, 5);
	expect_frame(&net, 0, sent, len);
	expect_nothing(&net, 1);
	expect_nothing(&net, 4);
	assert_int_equal(net.rig->counters[2].tx_frames, 1);
	assert_int_equal(net.rig->counters[3].rx_frames, 1);
	assert_int_equal(net.rig->counters[3].tx_frames, 1);
	assert_int_equal(net.rig->counters[2].rx_frames, 1);
	assert_int_equal(net.rig->counters[3].tx_bytes, len);
	assert_int_equal(net.rig->counters[2].rx_bytes, len);
	end(&net);
}

/* The other end is disabled or gone: nothing crosses, and what was to is counted. */
static void a_link_that_is_down_takes_nothing(void **state)
{
	struct net net;
	size_t len = rig_frame(sent, 0xff, 1, -1, 0x88b5, 60);

	begin(&net, 6, two_bridges, 0, RIG_FEATURES);
	rig_patch(net.rig, 2, 3);
	net.rig->ports[2].link_peer = DP_NO_PORT;
	rig_send(net.rig, 0, sent, len);
	run(&net, 0);
	expect_frame(&net, 1, sent, len);
	expect_nothing(&net, 4);
	assert_int_equal(rig_drops(net.rig, 2, DROP_TX_NOT_RUNNING), 1);
	end(&net);
}

/* What one bridge does to a frame is not what the next one gets: each crossing begins with the
 * frame as it left. */
static void each_bridge_gets_the_frame_as_it_left(void **state)
{
	/* 0 at the edge of bridge 0; 1-2 joins it to bridge 1, 3-4 to bridge 2, where 5 and 6
	 * are. */
	static const uint8_t bridges[] = {0, 0, 1, 0, 2, 1, 2};
	static const uint16_t all[] = {10, 20, 0};
	struct net net;
	size_t len;

	begin(&net, 7, bridges, 0, RIG_FEATURES);
	rig_patch(net.rig, 1, 2);
	rig_patch(net.rig, 3, 4);
	rig_access(net.rig, 0, 10);
	rig_trunk(net.rig, 1, all, 0, false);
	rig_trunk(net.rig, 2, all, 0, false);
	rig_access(net.rig, 3, 10);
	rig_access(net.rig, 4, 20); /* VLAN 10 goes on as 20 */
	rig_trunk(net.rig, 5, all, 0, false);
	rig_trunk(net.rig, 6, all, 0, false);
	for (size_t payload = 46; payload < 1500; payload += 97) {
		len = rig_frame(sent, 0xff, 1, -1, 0x88b5, payload);
		rig_send(net.rig, 0, sent, len);
		run(&net, 0);
		len = rig_frame(want, 0xff, 1, 10, 0x88b5, payload);
		expect_frame(&net, 5, want, len);
		len = rig_frame(want, 0xff, 1, 20, 0x88b5, payload);
		expect_frame(&net, 6, want, len);
	}
	end(&net);
}

/* Bridges in a circle: a flood ends, and what ends it is counted. */
static void a_circle_ends(void **state)
{
	static const uint8_t bridges[] = {0, 0, 0, 1, 1, 2, 2};
	struct net net;
	size_t len = rig_frame(sent, 0xff, 1, -1, 0x88b5, 200);
	uint64_t drops = 0;

	begin(&net, 7, bridges, 0, RIG_FEATURES);
	rig_patch(net.rig, 1, 3);
	rig_patch(net.rig, 4, 5);
	rig_patch(net.rig, 6, 2);
	for (unsigned i = 0; i < 40; i++)
		rig_send(net.rig, 0, sent, len);
	run(&net, 0);
	for (unsigned port = 1; port < 7; port++)
		drops += rig_drops(net.rig, port, DROP_TX_HOPS);
	/* Both ways round, each eight bridges far. */
	assert_int_equal(drops, 2 * 40);
	assert_int_equal(net.rig->fwd->crossings.n, 0);
	end(&net);
}

/* Every bridge joined to every other one twice: the number of crossings ends it. */
static void a_thick_circle_ends(void **state)
{
	static const uint8_t bridges[] = {0, 1, 0, 1, 0, 1, 0};
	struct net net;
	size_t len = rig_frame(sent, 0xff, 1, -1, 0x88b5, 200);
	uint64_t crossed = 0;

	begin(&net, 7, bridges, 0, RIG_FEATURES);
	rig_patch(net.rig, 0, 1);
	rig_patch(net.rig, 2, 3);
	rig_patch(net.rig, 4, 5);
	rig_send(net.rig, 6, sent, len);
	run(&net, 6);
	for (unsigned port = 0; port < 6; port++)
		crossed += net.rig->counters[port].rx_frames;
	assert_in_range(crossed, CROSSING_HOPS, CROSSING_MAX);
	end(&net);
}

/* Ports 0 and 4 in VLAN 10, whose frames cross with a tag. */
static void begin_tagged(struct net *net)
{
	static const uint16_t all[] = {10, 0};

	begin(net, 6, two_bridges, 0, RIG_FEATURES);
	rig_patch(net->rig, 2, 3);
	rig_trunk(net->rig, 2, all, 0, false);
	rig_trunk(net->rig, 3, all, 0, false);
	rig_access(net->rig, 0, 10);
	rig_access(net->rig, 4, 10);
}

static uint64_t note(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	uint64_t *tagged = (uint64_t *)(uintptr_t)conf;

	*tagged = ctx->tagged & mask;
	return mask;
}

/* Stages stand in the way at both ends. What is held there keeps its tag. */
static void stages_of_both_ends_see_the_tag(void **state)
{
	struct net net;
	uint64_t out = 0, in = 0;
	const struct stage egress[] = {{note, &out}, {NULL, NULL}};
	const struct stage ingress[] = {{note, &in}, {NULL, NULL}};
	size_t len;

	begin_tagged(&net);
	net.rig->ports[2].egress = egress;
	net.rig->ports[3].ingress = ingress;
	len = rig_frame(sent, 9, 1, -1, 0x88b5, 60);
	rig_send(net.rig, 0, sent, len);
	run(&net, 0);
	assert_int_equal(out, 1);
	assert_int_equal(in, 1);
	expect_frame(&net, 4, sent, len);
	end(&net);
}

static struct hold *held_in;

static uint64_t hold_all(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	for (; mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctzll(mask);

		assert_true(hold_has_room(held_in, &ctx->frames[i]));
		hold_add(held_in, &ctx->frames[i], ctx->tagged >> i & 1, 0);
		ctx->counters->held++;
	}
	held_in->in.ops->flush(&held_in->in);
	return 0;
}

static void what_is_held_on_its_way_in_keeps_its_tag(void **state)
{
	struct net net;
	const struct stage ingress[] = {{hold_all, NULL}, {NULL, NULL}};
	struct dp_rx rx = {.resume = &ingress[1], .port_id = 3, .pair = DP_MAX_QUEUES};
	size_t len;

	begin_tagged(&net);
	net.rig->ports[3].ingress = ingress;
	assert_int_equal(hold_create(HOLD_MIN_SIZE, &held_in), 0);
	rx.queue = &held_in->out;
	len = rig_frame(sent, 9, 1, -1, 0x88b5, 600);
	rig_send(net.rig, 0, sent, len);
	run(&net, 0);
	expect_nothing(&net, 4);
	assert_int_equal(fwd_burst(net.rig->fwd, &net.rig->snapshot, &rx), 1);
	fwd_flush(net.rig->fwd, &net.rig->snapshot);
	expect_frame(&net, 4, sent, len);
	end(&net);
	hold_destroy(held_in);
}

/* ---- A cable is the measure ---- */

static void random_role(struct rig *a, struct rig *b, unsigned port)
{
	static const uint16_t vids[][4] = {{10, 20, 30, 0}, {10, 20, 0}, {30, 10, 0}, {20, 0}};
	long role = random() % 5;
	uint16_t vid = (uint16_t)(10 + 10 * (random() % 3)), native = random() % 2 ? vid : 0;
	const uint16_t *trunk = vids[random() % 4];
	bool native_tagged = random() % 2;

	for (unsigned i = 0; i < 2; i++) {
		struct rig *rig = i ? b : a;

		if (role == 0)
			continue; /* all VLANs */
		if (role < 3)
			rig_access(rig, port, vid);
		else
			rig_trunk(rig, port, trunk, native, native && native_tagged);
	}
}

/* Tags as senders may write them: none to three, also for priority only. */
static size_t random_frame(uint8_t *out)
{
	size_t len = rig_frame(out, random() % 6 ? (uint8_t)(random() % 5) : 0xff,
		(uint8_t)(1 + random() % 4), -1, 0x0800, 46 + (size_t)random() % 1500);

	for (long tags = random() % 4; tags > 0; tags--) {
		const uint8_t tag[4] = {
			0x81, 0, (uint8_t)(random() % 8 << 5), (uint8_t)(random() % 5 * 10)};

		memmove(out + 16, out + 12, len - 12);
		memcpy(out + 12, tag, 4);
		len += 4;
	}
	return len;
}

/* What came out of one end of the cable goes into the other. */
static bool carry(struct net *net, unsigned from, unsigned to)
{
	struct virtio_net_hdr_v1 hdr;
	bool any = false;
	int len;

	while ((len = rig_receive(net->rig, from, &hdr, got, sizeof(got))) > 0) {
		hdr.num_buffers = 0;
		rig_send_hdr(net->rig, to, &hdr, got, (size_t)len);
		any = true;
	}
	run(net, to);
	return any;
}

/* Until nothing moves any more. */
static void carry_all(struct net *net)
{
	static const uint8_t cables[][2] = {{2, 3}, {3, 2}, {5, 6}, {6, 5}};
	bool any = true;

	while (any) {
		any = false;
		for (unsigned i = 0; i < 4; i++)
			any |= carry(net, cables[i][0], cables[i][1]);
	}
}

static void compare_edges(struct net *patched, struct net *cabled, const unsigned *edges,
	unsigned n_edges)
{
	for (unsigned i = 0; i < n_edges; i++) {
		struct virtio_net_hdr_v1 hdr, other;
		int len, n;

		do {
			n = rig_receive(cabled->rig, edges[i], &hdr, want, sizeof(want));
			len = rig_receive(patched->rig, edges[i], &other, got, sizeof(got));
			assert_int_equal(len, n);
			if (n <= 0)
				break;
			assert_memory_equal(got, want, (size_t)n);
			assert_int_equal(other.flags, hdr.flags);
			assert_int_equal(other.csum_start, hdr.csum_start);
			assert_int_equal(other.gso_size, hdr.gso_size);
		} while (n > 0);
	}
}

static void a_patch_does_what_a_cable_does(void **state)
{
	/* Two edges each at the ends of a row of three bridges, one in the middle. */
	static const uint8_t bridges[] = {0, 0, 0, 1, 1, 1, 2, 2};
	static const unsigned edges[] = {0, 1, 4, 7};
	const uint64_t features = RIG_FEATURES | RIG_OFFLOADS;

	srandom(11);
	for (unsigned round = 0; round < 150; round++) {
		struct net patched, cabled;
		unsigned packed = (unsigned)random() & 255;

		begin(&patched, 8, bridges, packed, features);
		begin(&cabled, 8, bridges, packed, features);
		rig_patch(patched.rig, 2, 3);
		rig_patch(patched.rig, 5, 6);
		for (unsigned port = 0; port < 8; port++) {
			random_role(patched.rig, cabled.rig, port);
			patched.rig->ports[port].mtu = cabled.rig->ports[port].mtu =
				random() % 4 ? 9000 : 700;
		}
		for (unsigned step = 0; step < 60; step++) {
			unsigned edge = edges[random() % 4];

			for (long n = random() % 12; n > 0; n--) {
				struct virtio_net_hdr_v1 hdr = {0};
				size_t len = random_frame(sent);

				if (random() % 3 == 0)
					hdr = (struct virtio_net_hdr_v1){
						.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						.csum_start = (uint16_t)(34 + random() % 30),
						.csum_offset = (uint16_t)(random() % 16)};
				rig_send_hdr(patched.rig, edge, &hdr, sent, len);
				rig_send_hdr(cabled.rig, edge, &hdr, sent, len);
			}
			run(&patched, edge);
			run(&cabled, edge);
			carry_all(&cabled);
			compare_edges(&patched, &cabled, edges, 4);
		}
		end(&patched);
		end(&cabled);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_cross_and_both_sides_learn),
		cmocka_unit_test(a_link_that_is_down_takes_nothing),
		cmocka_unit_test(each_bridge_gets_the_frame_as_it_left),
		cmocka_unit_test(a_circle_ends),
		cmocka_unit_test(a_thick_circle_ends),
		cmocka_unit_test(stages_of_both_ends_see_the_tag),
		cmocka_unit_test(what_is_held_on_its_way_in_keeps_its_tag),
		cmocka_unit_test(a_patch_does_what_a_cable_does),
	};

	return cmocka_run_group_tests_name("datapath crossing", tests, NULL, NULL);
}
