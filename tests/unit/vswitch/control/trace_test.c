/*
 * A trace tells what a worker does: in networks at random, of frames at random, what it says that
 * is delivered, dropped and counted is what the worker that gets the frame afterwards delivers,
 * drops and counts; and it leaves nothing behind.
 */
#include "fdb_table.h"
#include "rig.h"
#include "trace.h"

#include "tag.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N_PORTS   8
#define N_BRIDGES 3
#define N_NETS    300
#define N_FRAMES  30

static const uint16_t vlan_sets[][4] = {{10, 0}, {10, 20, 0}, {10, 20, 30, 0}, {30, 0}};

struct net {
	struct rig *rig;
	struct fdb *fdbs[N_BRIDGES];
	struct dp_bridge bridges[N_BRIDGES];
	uint16_t members[N_BRIDGES][N_PORTS];
};

/* ---- Networks at random ---------------------------------------------------------------------- */

static unsigned below(unsigned n)
{
	return (unsigned)random() % n;
}

static void make_role(struct net *net, unsigned port)
{
	static const uint16_t natives[] = {0, 10, 20};
	unsigned kind = below(4);

	if (kind == 0)
		rig_access(net->rig, port, below(2) ? 10 : 20);
	else if (kind < 3)
		rig_trunk(net->rig, port, vlan_sets[below(4)], natives[below(3)], below(2));
}

static void make_ports(struct net *net)
{
	for (unsigned i = 0; i < N_PORTS; i++) {
		struct dp_bridge *bridge = &net->bridges[below(N_BRIDGES)];

		net->rig->ports[i].bridge = bridge;
		make_role(net, i);
		if (!below(6))
			net->rig->ports[i].mtu = 100 + below(200);
		if (!below(10))
			net->rig->ports[i].n_tx = 0;
		else
			net->members[bridge->id][bridge->n_ports++] = (uint16_t)i;
		if (!below(12))
			net->rig->ports[i].flags &= (uint16_t)~DP_PORT_ENABLED;
		if (!below(20))
			net->rig->ports[i].bridge = NULL;
	}
}

static void make_links(struct net *net)
{
	for (unsigned i = 0; i + 1 < N_PORTS; i += 2) {
		if (!net->rig->ports[i].bridge || !net->rig->ports[i + 1].bridge)
			continue;
		if (!below(3)) {
			rig_patch(net->rig, i, i + 1);
			if (!below(6))
				net->rig->ports[i].link_peer = DP_NO_PORT;
		}
	}
}

static void begin(struct net *net)
{
	*net = (struct net){.rig = rig_create(N_PORTS, 0, RIG_FEATURES)};
	for (unsigned i = 0; i < N_BRIDGES; i++) {
		assert_int_equal(fdb_create(256, &net->fdbs[i]), 0);
		net->bridges[i] = (struct dp_bridge){.fdb = net->fdbs[i],
			.ports = net->members[i],
			.id = (uint16_t)i,
			.keep_reserved = below(2)};
	}
	make_ports(net);
	make_links(net);
	/* Addresses that stay where they are, whatever the port's VLANs. */
	for (unsigned i = 0; i < 4; i++)
		(void)fdb_add_static(net->fdbs[below(N_BRIDGES)], (uint16_t)(10 * (1 + below(3))),
			UINT64_C(0x020000000000) | (1 + below(8)), (uint16_t)below(N_PORTS), 0);
}

static void end(struct net *net)
{
	assert_true(rig_counts_add_up(net->rig));
	for (unsigned i = 0; i < N_BRIDGES; i++)
		fdb_destroy(net->fdbs[i]);
	rig_destroy(net->rig);
}

static size_t make_frame(uint8_t *out)
{
	static const int tags[] = {-1, -1, 0, 10, 20, 30, 0xe00a};
	size_t len =
		rig_frame(out, below(4) ? (uint8_t)(1 + below(8)) : 0xff, (uint8_t)(1 + below(8)),
			tags[below(7)], below(8) ? 0x88b5 : ETHER_TYPE_VLAN, 46 + below(300));

	if (!below(20)) {
		static const uint8_t reserved[] = {0x01, 0x80, 0xc2, 0, 0, 0x0e};

		memcpy(out, reserved, sizeof(reserved));
	}
	if (!below(30))
		out[6] |= 1; /* a group address is no source */
	return below(40) ? len : 13;
}

/* ---- What there is, to be compared ----------------------------------------------------------- */

static uint8_t frame[4096], got[FE_FRAME_MAX];

struct tables {
	struct fdb_bucket buckets[N_BRIDGES][256];
};

static size_t copy_tables(const struct net *net, struct tables *copy)
{
	size_t n = 0;

	memset(copy, 0, sizeof(*copy));
	for (unsigned i = 0; i < N_BRIDGES; i++) {
		n = net->fdbs[i]->mask + 1;
		assert_true(n <= 256);
		memcpy(copy->buckets[i], net->fdbs[i]->buckets, n * sizeof(struct fdb_bucket));
	}
	return n;
}

/* The frames that a port got are those that the steps say. */
static void check_deliveries(struct net *net, unsigned port, const struct trace_step *steps,
	unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int len;

		if (steps[i].port_id != port || steps[i].result != CTL_TRACE_DELIVERED)
			continue;
		len = rig_receive(net->rig, port, NULL, got, sizeof(got));
		assert_int_equal(len, steps[i].len);
		if (steps[i].is_tagged) {
			assert_int_equal(got[12] << 8 | got[13], ETHER_TYPE_VLAN);
			assert_int_equal(got[14] << 8 | got[15], steps[i].tci);
		}
	}
	assert_int_equal(rig_receive(net->rig, port, NULL, got, sizeof(got)), -EAGAIN);
}

/* What was dropped is told, each reason at its port. */
static void check_drops(const struct dp_counters *counters, const struct trace_step *steps,
	unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (steps[i].result == CTL_TRACE_DROPPED)
			assert_true(counters[steps[i].port_id].drops[steps[i].reason] > 0);
}

/* The source is told to be learned where it is. */
static bool says_learned(const struct trace_step *steps, unsigned n, uint16_t port_id)
{
	for (unsigned i = 0; i < n; i++)
		if (steps[i].kind == CTL_TRACE_SOURCE && steps[i].port_id == port_id &&
			(strstr(steps[i].detail, "learned") || strstr(steps[i].detail, "moves")))
			return true;
	return false;
}

static void learn(struct net *net, const struct trace_step *steps, unsigned n, bool is_whole)
{
	struct learn_event event;

	while (learn_ring_get(net->rig->events, &event)) {
		assert_true(!is_whole || says_learned(steps, n, event.port_id));
		(void)fdb_learn(net->fdbs[event.bridge_id], event.vid, event.mac48, event.port_id,
			0, 1);
	}
}

static void trace_then_send(struct net *net, unsigned port, size_t len)
{
	static struct dp_counters counters[DP_MAX_PORTS];
	const struct trace_input input = {.snapshot = &net->rig->snapshot,
		.counters = counters,
		.port_id = (uint16_t)port,
		.bytes = frame,
		.len = (uint32_t)len};
	static struct dp_counters before[N_PORTS];
	static struct tables old, now;
	unsigned n, n_delivered, n_dropped, n_more;
	const struct trace_step *steps;
	struct trace *trace;

	memset(counters, 0, sizeof(counters));
	memcpy(before, net->rig->counters, sizeof(before));
	copy_tables(net, &old);
	assert_int_equal(trace_run(&input, &trace), 0);
	steps = trace_steps(trace, &n);
	n_more = trace_more(trace, &n_delivered, &n_dropped);
	/* It has changed nothing. */
	copy_tables(net, &now);
	assert_memory_equal(&old, &now, sizeof(now));
	assert_memory_equal(before, net->rig->counters, sizeof(before));
	assert_int_equal(net->rig->fwd->flush.n_listed, 0);
	for (unsigned i = 0; i < N_PORTS; i++)
		assert_int_equal(rig_receive(net->rig, i, NULL, got, sizeof(got)), -EAGAIN);

	/* For real. */
	rig_send(net->rig, port, frame, len);
	while (rig_run(net->rig, port))
		;
	for (unsigned i = 0; i < N_PORTS; i++) {
		const uint64_t *a = (const uint64_t *)&before[i];
		const uint64_t *b = (const uint64_t *)&net->rig->counters[i];
		const uint64_t *told = (const uint64_t *)&counters[i];

		for (unsigned w = 0; w < sizeof(before[0]) / sizeof(*a); w++)
			assert_int_equal(b[w] - a[w], told[w]);
		if (!n_more)
			check_deliveries(net, i, steps, n);
		while (n_more && rig_receive(net->rig, i, NULL, got, sizeof(got)) >= 0)
			;
	}
	check_drops(counters, steps, n);
	learn(net, steps, n, !n_more);
	trace_destroy(trace);
}

static void a_trace_tells_what_a_worker_does(void **state)
{
	static uint64_t told[DROP_N_REASONS];

	srandom(1);
	for (unsigned i = 0; i < N_NETS; i++) {
		struct net net;

		begin(&net);
		for (unsigned f = 0; f < N_FRAMES; f++) {
			unsigned port = below(N_PORTS);

			/* No peer sends at a patch port. */
			if (!(net.rig->ports[port].flags & DP_PORT_PATCH))
				trace_then_send(&net, port, make_frame(frame));
		}
		for (unsigned port = 0; port < N_PORTS; port++)
			for (unsigned r = 0; r < DROP_N_REASONS; r++)
				told[r] += net.rig->counters[port].drops[r];
		end(&net);
	}
	/* The networks are worth something. */
	static const enum drop_reason met[] = {DROP_RX_TOO_SHORT, DROP_RX_PORT_DOWN,
		DROP_RX_NO_BRIDGE, DROP_RX_UNTAGGED, DROP_RX_TAGGED, DROP_RX_VLAN, DROP_RX_SOURCE,
		DROP_RX_RESERVED, DROP_RX_SAME_PORT, DROP_RX_NO_MEMBER, DROP_TX_VLAN, DROP_TX_MTU,
		DROP_TX_NOT_RUNNING};

	for (unsigned i = 0; i < sizeof(met) / sizeof(met[0]); i++)
		if (!told[met[i]])
			fail_msg("no frame was dropped as %s", drop_infos[met[i]].name);
}

/* ---- Stages ---------------------------------------------------------------------------------- */

static uint64_t must_not_run(struct stage_ctx *ctx, const void *conf, uint64_t mask)
{
	fail_msg("a stage of the switch was run");
	return mask;
}

static void stages_are_asked_and_not_run(void **state)
{
	static const struct stage list[] = {{must_not_run, NULL}, {NULL, NULL}};
	struct rig *rig = rig_create(3, 0, RIG_FEATURES);
	struct trace_input input = {.snapshot = &rig->snapshot, .bytes = frame};
	const struct trace_step *steps;
	struct trace *trace;
	unsigned n, n_stages = 0;

	rig->ports[0].ingress = rig->ports[0].flood = list;
	rig->ports[1].egress = list;
	input.len = (uint32_t)rig_frame(frame, 0xff, 1, -1, 0x88b5, 60);
	assert_int_equal(trace_run(&input, &trace), 0);
	steps = trace_steps(trace, &n);
	for (unsigned i = 0; i < n; i++)
		n_stages += steps[i].kind == CTL_TRACE_STAGE;
	assert_int_equal(n_stages, 3);
	trace_destroy(trace);
	rig_destroy(rig);
}

/* A circle of bridges makes more steps than are told. */
static void steps_are_bounded(void **state)
{
	struct net net = {.rig = rig_create(N_PORTS, 0, RIG_FEATURES)};
	struct trace_input input = {.snapshot = &net.rig->snapshot, .bytes = frame};
	unsigned n, delivered, dropped;
	struct trace *trace;

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(fdb_create(256, &net.fdbs[i]), 0);
		net.bridges[i] = (struct dp_bridge){
			.fdb = net.fdbs[i], .ports = net.members[i], .id = (uint16_t)i};
	}
	for (unsigned i = 0; i < N_PORTS; i++) {
		struct dp_bridge *bridge = &net.bridges[i % 2];

		net.rig->ports[i].bridge = bridge;
		net.members[bridge->id][bridge->n_ports++] = (uint16_t)i;
	}
	for (unsigned i = 2; i < N_PORTS; i += 2)
		rig_patch(net.rig, i, i + 1);
	input.len = (uint32_t)rig_frame(frame, 0xff, 1, -1, 0x88b5, 60);
	assert_int_equal(trace_run(&input, &trace), 0);
	(void)trace_steps(trace, &n);
	assert_int_equal(n, TRACE_MAX_STEPS);
	assert_true(trace_more(trace, &delivered, &dropped) > 0);
	assert_true(delivered > 0);
	trace_destroy(trace);
	fdb_destroy(net.fdbs[0]);
	fdb_destroy(net.fdbs[1]);
	rig_destroy(net.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trace_tells_what_a_worker_does),
		cmocka_unit_test(stages_are_asked_and_not_run),
		cmocka_unit_test(steps_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
