#include "rig.h"

#include "fdb_table.h"
#include "notify_setup.h"
#include "offload.h"
#include "vring_setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GUARD 4096

/* Zeroes, a page multiple, between two pages that may not be touched. */
static void *map(size_t size)
{
	size_t whole = (size + GUARD - 1) / GUARD * GUARD;
	uint8_t *mem = mmap(NULL, whole + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED || mprotect(mem + GUARD, whole, PROT_READ | PROT_WRITE))
		abort();
	return mem + GUARD;
}

static void unmap(void *mem, size_t size)
{
	munmap((uint8_t *)mem - GUARD, (size + GUARD - 1) / GUARD * GUARD + 2 * GUARD);
}

/* Kept from one rig to the next: io_destroy() waits until the kernel's readers are through, which
 * takes a hundred times as long as all else that a rig does. */
static struct fwd *spare_worker;

static struct fwd *create_worker(void)
{
	struct fwd *fwd = spare_worker;

	if (fwd) {
		spare_worker = NULL;
		memset(fwd, 0, offsetof(struct fwd, flush.calls));
		memset(&fwd->flush.calls + 1, 0,
			sizeof(*fwd) - offsetof(struct fwd, flush.calls) -
				sizeof(fwd->flush.calls));
		return fwd;
	}
	fwd = map(sizeof(*fwd));
	if (notify_init(&fwd->flush.calls))
		abort();
	return fwd;
}

static void destroy_worker(struct fwd *fwd)
{
	if (!spare_worker) {
		spare_worker = fwd;
		return;
	}
	notify_done(&fwd->flush.calls);
	unmap(fwd, sizeof(*fwd));
}

static int attach(struct rig_port *port, struct fe_ring *driver, struct vring *ring,
	uint64_t features, uint16_t size, uint32_t base)
{
	*ring = (struct vring){.desc = driver->desc,
		.avail = driver->avail,
		.used = driver->used,
		.mem = &port->vmem,
		.call_fd = driver->call_fd,
		.queue = {.wake_fd = driver->kick_fd}};
	return vring_init(ring, driver->packed, features, size, base);
}

struct rig *rig_create(unsigned n_ports, unsigned packed, uint64_t features)
{
	struct rig *rig = map(sizeof(*rig));
	size_t ring_bytes = fe_ring_bytes(RIG_RING_SIZE);

	rig->n_ports = n_ports;
	rig->ring_bytes = ring_bytes;
	rig->counters = map(DP_MAX_PORTS * sizeof(struct dp_counters));
	rig->events = map(sizeof(*rig->events));
	rig->fwd = create_worker();
	fwd_init(rig->fwd, rig->counters, rig->events, 0, 0);
	if (fdb_create(1024, &rig->bridge.fdb))
		abort();
	rig->bridge.ports = rig->members;
	rig->bridge.n_ports = (uint16_t)n_ports;
	rig->snapshot = (struct dp_snapshot){
		.ports = rig->ports, .n_ports = (uint16_t)n_ports, .n_workers = 1};
	rig->snapshot.workers[0].rx = rig->rx;
	rig->snapshot.workers[0].n_rx = (uint16_t)n_ports;
	for (unsigned i = 0; i < n_ports; i++) {
		struct rig_port *port = &rig->port[i];
		uint64_t gpa = RIG_GPA + 2 * i * ring_bytes;

		for (unsigned r = 0; r < 2; r++) {
			port->mem[r] = map(ring_bytes);
			port->vmem.regions[r] = (struct vmem_region){gpa + r * ring_bytes,
				ring_bytes, (uintptr_t)port->mem[r], port->mem[r]};
		}
		port->vmem.n_regions = 2;
		if (fe_ring_init(&port->send, port->mem[0], gpa, RIG_RING_SIZE, packed >> i & 1,
			    false) ||
			fe_ring_init(&port->receive, port->mem[1], gpa + ring_bytes, RIG_RING_SIZE,
				packed >> i & 1, true))
			abort();
		rig_set_features(rig, i, features);
		port->tx_list[0] = &port->tx.queue;
		rig->members[i] = (uint16_t)i;
		rig->rx[i] = (struct dp_rx){.queue = &port->rx.queue, .port_id = (uint16_t)i};
		memset(&port->vlans, 0xff, sizeof(port->vlans));
		port->vlans.words[63] &= ~(UINT64_C(1) << 63);
		rig->ports[i] = (struct dp_port){.tx = port->tx_list,
			.n_tx = 1,
			.bridge = &rig->bridge,
			.vlans = &port->vlans,
			.mtu = 65535,
			.link_peer = DP_NO_PORT,
			.id = (uint16_t)i,
			.flags = DP_PORT_ENABLED | DP_PORT_TAGGED | DP_PORT_UNTAGGED};
	}
	return rig;
}

void rig_destroy(struct rig *rig)
{
	for (unsigned i = 0; i < rig->n_ports; i++) {
		fe_ring_done(&rig->port[i].send);
		fe_ring_done(&rig->port[i].receive);
		for (unsigned r = 0; r < 2; r++)
			unmap(rig->port[i].mem[r], rig->ring_bytes);
	}
	fdb_destroy(rig->bridge.fdb);
	unmap(rig->counters, DP_MAX_PORTS * sizeof(struct dp_counters));
	unmap(rig->events, sizeof(*rig->events));
	destroy_worker(rig->fwd);
	unmap(rig, sizeof(*rig));
}

int rig_restart(struct rig *rig, unsigned port, uint64_t features, uint16_t size, uint32_t base)
{
	struct rig_port *p = &rig->port[port];
	int r = attach(p, &p->send, &p->rx, features, size, base);
	int other = attach(p, &p->receive, &p->tx, features, size, base);

	return r ? r : other;
}

void rig_set_features(struct rig *rig, unsigned port, uint64_t features)
{
	if (rig_restart(rig, port, features, RIG_RING_SIZE,
		    rig->port[port].send.packed ? 1u << 15 : 0))
		abort();
}

static void set_vlans(struct rig *rig, unsigned port, const uint16_t *vids)
{
	struct vlan_set *set = &rig->port[port].vlans;

	memset(set, 0, sizeof(*set));
	for (; *vids; vids++)
		set->words[*vids >> 6] |= UINT64_C(1) << (*vids & 63);
}

/* A role has flags of its own; a patch port remains one. */
static void set_flags(struct dp_port *port, uint16_t flags)
{
	port->flags = (uint16_t)((port->flags & DP_PORT_PATCH) | flags);
}

void rig_access(struct rig *rig, unsigned port, uint16_t vid)
{
	set_vlans(rig, port, (const uint16_t[]){vid, 0});
	rig->ports[port].pvid = vid;
	set_flags(&rig->ports[port], DP_PORT_ENABLED | DP_PORT_UNTAGGED);
}

void rig_trunk(struct rig *rig, unsigned port, const uint16_t *vids, uint16_t native,
	bool native_tagged)
{
	set_vlans(rig, port, vids);
	rig->port[port].vlans.words[native >> 6] |= native ? UINT64_C(1) << (native & 63) : 0;
	rig->ports[port].pvid = native;
	set_flags(&rig->ports[port], DP_PORT_ENABLED | DP_PORT_TAGGED);
	if (native)
		rig->ports[port].flags |= DP_PORT_UNTAGGED;
	if (native_tagged)
		rig->ports[port].flags |= DP_PORT_PVID_TAGGED;
}

void rig_link(struct rig *rig, unsigned a, unsigned b)
{
	unsigned ends[2] = {a, b};

	for (unsigned i = 0; i < 2; i++) {
		rig->ports[ends[i]].bridge = NULL;
		rig->ports[ends[i]].flags = DP_PORT_ENABLED | DP_PORT_LINK;
		rig->ports[ends[i]].link_peer = (uint16_t)ends[!i];
	}
}

void rig_patch(struct rig *rig, unsigned a, unsigned b)
{
	unsigned ends[2] = {a, b};

	for (unsigned i = 0; i < 2; i++) {
		rig->ports[ends[i]].n_tx = 0;
		rig->ports[ends[i]].flags |= DP_PORT_PATCH;
		rig->ports[ends[i]].link_peer = (uint16_t)ends[!i];
	}
}

void rig_send_hdr(struct rig *rig, unsigned port, const struct virtio_net_hdr_v1 *hdr,
	const void *frame, size_t len)
{
	static const struct virtio_net_hdr_v1 none;

	if (fe_ring_send(&rig->port[port].send, hdr ? hdr : &none, frame, len))
		abort();
}

void rig_send(struct rig *rig, unsigned port, const void *frame, size_t len)
{
	rig_send_hdr(rig, port, NULL, frame, len);
}

static void check_rings(const struct rig *rig)
{
	for (unsigned i = 0; i < rig->n_ports; i++)
		if (!vring_is_sound(&rig->port[i].rx) || !vring_is_sound(&rig->port[i].tx))
			abort();
}

_Thread_local struct steps steps_taken;

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Did the last burst cost no more than fwd.h says, and than its frames account for? */
static void check_steps(const struct rig *rig, unsigned port)
{
	const uint64_t frame_descs = 2 * TX_MAX_SEGS + TX_MAX_CHAINS, header_bytes = 512;
	uint64_t frames = steps_taken.frames;
	/* No frame goes back to where it came from. */
	uint64_t receivers = rig->ports[port].flags & DP_PORT_LINK ? 1 : rig->n_ports - 1;
	uint64_t puts = frames + steps_taken.segments;
	uint64_t descs = least(FWD_MAX_TX_DESCS, FRAME_BURST + puts * frame_descs);
	uint64_t segments = least(FWD_MAX_SEGMENTS,
		frames * OFFLOAD_MAX_DATAGRAMS + steps_taken.frame_bytes / OFFLOAD_MIN_SEGMENT);
	uint64_t bytes =
		least(FWD_MAX_BYTES, 4 * steps_taken.frame_bytes + frames * header_bytes +
					     3 * steps_taken.segments * OFFLOAD_MAX_HEADERS);

	/* A frame ends with the segments of which one finds no buffer, a burst where it gets long.
	 */
	segments = least(segments, frames * DELIVER_SEGMENTS + RIG_RING_SIZE);
	if (steps_taken.rx_descs > FWD_MAX_RX_DESCS ||
		steps_taken.descriptors - steps_taken.rx_descs > receivers * descs ||
		steps_taken.segments > receivers * segments ||
		steps_taken.bytes > FRAME_BURST * header_bytes + receivers * bytes ||
		(frames > 1 && steps_taken.frame_bytes > FWD_BURST_BYTES))
		abort();
}

unsigned rig_burst(struct rig *rig, struct fwd *fwd, unsigned port)
{
	unsigned n;

	steps_taken = (struct steps){0};
	n = fwd_burst(fwd, &rig->snapshot, &rig->rx[port]);
	check_steps(rig, port);
	check_rings(rig);
	return n;
}

unsigned rig_run(struct rig *rig, unsigned port)
{
	unsigned n = rig_burst(rig, rig->fwd, port);

	fwd_flush(rig->fwd, &rig->snapshot);
	check_rings(rig);
	return n;
}

int rig_receive(struct rig *rig, unsigned port, struct virtio_net_hdr_v1 *ret_hdr, void *frame,
	size_t size)
{
	return fe_ring_recv(&rig->port[port].receive, rig->port[port].tx.mergeable, ret_hdr, frame,
		size);
}

void rig_learn(struct rig *rig)
{
	struct learn_event event;

	while (learn_ring_get(rig->events, &event))
		(void)fdb_learn(rig->bridge.fdb, event.vid, event.mac48, event.port_id, 0, 1);
}

bool rig_counts_add_up(const struct rig *rig)
{
	uint64_t in = 0, out = 0;

	for (unsigned i = 0; i < rig->n_ports; i++) {
		const struct dp_counters *c = &rig->counters[i];

		in += c->rx_frames + c->copies + c->released;
		out += c->tx_frames + c->held;
		for (unsigned r = 0; r < DROP_N_REASONS; r++)
			out += c->drops[r];
	}
	return in == out;
}

uint64_t rig_drops(const struct rig *rig, unsigned port, enum drop_reason reason)
{
	return rig->counters[port].drops[reason];
}

size_t rig_frame(uint8_t *out, uint8_t dst, uint8_t src, int tci, uint16_t type, size_t payload)
{
	const uint8_t mac[6] = {2};
	size_t at = 12;

	memcpy(out, mac, 6);
	memcpy(out + 6, mac, 6);
	out[5] = dst;
	out[11] = src;
	if (dst == 0xff)
		memset(out, 0xff, 6);
	if (tci >= 0) {
		const uint8_t tag[4] = {0x81, 0, (uint8_t)(tci >> 8), (uint8_t)tci};
		memcpy(out + at, tag, 4);
		at += 4;
	}
	out[at++] = (uint8_t)(type >> 8);
	out[at++] = (uint8_t)type;
	for (size_t i = 0; i < payload; i++)
		out[at + i] = (uint8_t)(i * 7 + i / 251 + src);
	return at + payload;
}
