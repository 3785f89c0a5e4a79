#include "vhost_user_fe_priv.h"

#include "err.h"
#include "ev.h"
#include "log.h"
#include "mem.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

LOG_MODULE("vhost-user");

/* Of virtio_net_cfg: the address, which we do not look at, and the status. */
#define FE_CONFIG_SIZE (offsetof(struct virtio_net_cfg, status) + sizeof(uint16_t))

#define FE_PROTOCOL_FEATURES                                                             \
	(VIRTIO_BIT(VHOST_USER_PROTOCOL_F_MQ) | VIRTIO_BIT(VHOST_USER_PROTOCOL_F_RARP) | \
		VIRTIO_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |                            \
		VIRTIO_BIT(VHOST_USER_PROTOCOL_F_NET_MTU) |                              \
		VIRTIO_BIT(VHOST_USER_PROTOCOL_F_STATUS))
#define FE_PROTOCOL_CARRIER \
	(VIRTIO_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | VIRTIO_BIT(VHOST_USER_PROTOCOL_F_CONFIG))

static void fe_on_backend_chan(void *ctx, int fd, uint32_t events);

/* ---- Sending --------------------------------------------------------------------------------- */

static void fe_watch(struct vhost_fe *fe)
{
	(void)ev_set_events(fe->chan_source,
		vhost_chan_is_blocked(&fe->chan) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static uint64_t fe_reply_timeout_ms(const struct vhost_fe *fe)
{
	uint64_t ms = fe->config.reply_timeout_ms ? fe->config.reply_timeout_ms
						  : VHOST_FE_REPLY_TIMEOUT_MS;

	return fe->state >= VHOST_FE_RUNNING && ms > VHOST_FE_STOP_TIMEOUT_MS
		       ? VHOST_FE_STOP_TIMEOUT_MS
		       : ms;
}

static void fe_expect(struct vhost_fe *fe, uint32_t request, unsigned ring)
{
	unsigned at = (fe->first_expected + fe->n_expected) % FE_MAX_EXPECTED;

	if (!fe->n_expected)
		ev_timer_set(fe->reply_timer, fe_reply_timeout_ms(fe) * FE_NS_PER_MS, 0);
	fe->expected[at] = (struct fe_expected){(uint16_t)request, (uint16_t)ring};
	fe->n_expected++;
}

/*
 * Send, and remember the reply that is due: the request's own, an acknowledgement, or none. When
 * the connection breaks here it is closed, so that the messages after it find no connection and do
 * nothing.
 */
static void fe_send_fds(struct vhost_fe *fe, uint32_t request, unsigned ring, const void *payload,
	uint32_t size, const int *fds, unsigned n_fds)
{
	int r;

	if (!vhost_fe_is_connected(fe))
		return;
	if (fe->n_expected == FE_MAX_EXPECTED) {
		vhost_fe_fail(fe, "answers too slowly: %u requests are waiting", fe->n_expected);
		return;
	}
	r = vhost_chan_request(&fe->chan, request, payload, size, fds, n_fds);
	if (r < 0) {
		vhost_fe_lose(fe, "connection lost: %s", strerror(-r));
		return;
	}
	if (r)
		fe_expect(fe, request, ring);
	fe_watch(fe);
}

static void fe_send(struct vhost_fe *fe, uint32_t request, unsigned ring, const void *payload,
	uint32_t size)
{
	fe_send_fds(fe, request, ring, payload, size, NULL, 0);
}

static void fe_send_u64(struct vhost_fe *fe, uint32_t request, uint64_t value)
{
	fe_send(fe, request, 0, &value, sizeof(value));
}

static void fe_send_get(struct vhost_fe *fe, uint32_t request)
{
	fe_send(fe, request, 0, NULL, 0);
}

static void fe_send_state(struct vhost_fe *fe, uint32_t request, unsigned ring, uint32_t value)
{
	const struct vhost_user_vring_state state = {.index = ring, .num = value};

	fe_send(fe, request, ring, &state, sizeof(state));
}

static void fe_set_status(struct vhost_fe *fe, uint8_t status)
{
	if (vhost_fe_has_protocol(fe, VHOST_USER_PROTOCOL_F_STATUS))
		fe_send_u64(fe, VHOST_USER_SET_STATUS, status);
}

static void fe_set_mtu(struct vhost_fe *fe)
{
	if (fe->session.mtu && vhost_fe_has_protocol(fe, VHOST_USER_PROTOCOL_F_NET_MTU))
		fe_send_u64(fe, VHOST_USER_NET_SET_MTU, fe->session.mtu);
}

/* RAM never changes: once per connection. */
static void fe_set_mem_table(struct vhost_fe *fe)
{
	struct vhost_user_mem_table table = {0};
	const struct mem_region *regions;
	int fds[VHOST_USER_MAX_REGIONS];

	if (fe->is_mem_sent || !vhost_fe_is_connected(fe))
		return;
	table.n_regions = mem_regions(fe->mem, &regions);
	for (unsigned i = 0; i < table.n_regions; i++) {
		table.regions[i] = (struct vhost_user_region){
			.gpa = regions[i].gpa,
			.size = regions[i].size_bytes,
			.user_addr = (uintptr_t)regions[i].hva,
			.mmap_offset = regions[i].fd_offset,
		};
		fds[i] = regions[i].fd;
	}
	fe_send_fds(fe, VHOST_USER_SET_MEM_TABLE, 0, &table,
		(uint32_t)(offsetof(struct vhost_user_mem_table, regions) +
			   table.n_regions * sizeof(table.regions[0])),
		fds, table.n_regions);
	fe->is_mem_sent = vhost_fe_is_connected(fe);
}

static void fe_set_vring_addr(struct vhost_fe *fe, unsigned i)
{
	const struct vhost_fe_ring *ring = &fe->session.rings[i];
	struct vhost_user_vring_addr addr = {.index = i};
	void *desc, *driver, *device;

	/* The session's addresses were checked by the transport; sizes were, too. */
	if (mem_gpa_to_hva(fe->mem, ring->desc_gpa, 1, &desc) < 0 ||
		mem_gpa_to_hva(fe->mem, ring->driver_gpa, 1, &driver) < 0 ||
		mem_gpa_to_hva(fe->mem, ring->device_gpa, 1, &device) < 0)
		return;
	addr.desc = (uintptr_t)desc;
	addr.avail = (uintptr_t)driver;
	addr.used = (uintptr_t)device;
	fe_send(fe, VHOST_USER_SET_VRING_ADDR, i, &addr, sizeof(addr));
}

uint32_t vhost_fe_split_base(const void *used_ring)
{
	const struct vring_used *used = used_ring;

	return __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE);
}

/*
 * A device flips the USED bit of each slot it gives back, once a lap, whatever the driver did to
 * the slot since. So the slots before the device's place show its wrap bit, the ones from there on
 * the opposite (VIRTIO 1.2, 2.8.1 "Driver and Device Ring Wrap Counters").
 */
uint32_t vhost_fe_packed_base(const void *desc_ring, uint16_t size)
{
	const struct vring_packed_desc *desc = desc_ring;
	unsigned slot = 0;
	bool first = desc[0].flags >> VRING_PACKED_DESC_F_USED & 1;
	bool wrap;

	while (slot < size && (bool)(desc[slot].flags >> VRING_PACKED_DESC_F_USED & 1) == first)
		slot++;
	wrap = first;
	if (slot == size) { /* a whole lap is done, or none */
		slot = 0;
		wrap = !first;
	}
	return slot | (wrap ? VHOST_USER_PACKED_BASE_WRAP : 0);
}

static uint32_t fe_ring_base(const struct vhost_fe *fe, const struct vhost_fe_ring *ring)
{
	bool is_packed = fe->session.features & VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	uint32_t base = is_packed ? VHOST_USER_PACKED_BASE_WRAP : 0;
	void *hva;

	if (ring->has_base)
		return ring->base;
	if (fe->is_resumed && is_packed &&
		!mem_gpa_to_hva(fe->mem, ring->desc_gpa, 16ull * ring->size, &hva))
		base = vhost_fe_packed_base(hva, ring->size);
	else if (fe->is_resumed && !is_packed &&
		 !mem_gpa_to_hva(fe->mem, ring->device_gpa, sizeof(struct vring_used), &hva))
		base = vhost_fe_split_base(hva);
	/* Packed: the avail position in the low half, the used position in the high one. */
	return is_packed ? base | base << 16 : base;
}

static void fe_set_vring_fd(struct vhost_fe *fe, uint32_t request, unsigned ring, int fd)
{
	uint64_t value = ring | (fd < 0 ? VHOST_USER_VRING_NOFD : 0);

	fe_send_fds(fe, request, ring, &value, sizeof(value), &fd, fd >= 0);
}

void vhost_fe_set_vring_enable(struct vhost_fe *fe, unsigned ring)
{
	/* Without protocol features rings are enabled by their kick fd. */
	if (fe->features & VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES))
		fe_send_state(fe, VHOST_USER_SET_VRING_ENABLE, ring,
			fe->session.rings[ring].is_enabled);
}

/* The back-end's channel to us; fd is its end. */
static void fe_set_backend_req_fd(struct vhost_fe *fe)
{
	int fds[2], r;

	if ((fe->protocol_features & FE_PROTOCOL_CARRIER) != FE_PROTOCOL_CARRIER)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
		vhost_fe_fail(fe, "cannot make a channel for it: %s", strerror(errno));
		return;
	}
	vhost_chan_init(&fe->backend_chan, fds[0], ev_closer(fe->ev), 0);
	fe->backend_chan.has_reply_ack = fe->chan.has_reply_ack;
	fe->backend_peer_fd = fds[1];
	r = ev_add_io(fe->ev, fds[0], EPOLLIN, fe_on_backend_chan, fe, &fe->backend_source);
	if (r < 0) {
		vhost_fe_fail(fe, "cannot watch its channel: %s", strerror(-r));
		return;
	}
	fe_send_fds(fe, VHOST_USER_SET_BACKEND_REQ_FD, 0, NULL, 0, &fds[1], 1);
}

static void fe_get_config(struct vhost_fe *fe)
{
	const struct vhost_user_config config = {.offset = 0, .size = FE_CONFIG_SIZE};

	fe->is_config_stale = false;
	fe_send(fe, VHOST_USER_GET_CONFIG, 0, &config,
		offsetof(struct vhost_user_config, data) + FE_CONFIG_SIZE);
}

void vhost_fe_negotiate(struct vhost_fe *fe)
{
	fe_send(fe, VHOST_USER_SET_OWNER, 0, NULL, 0);
	fe_send_get(fe, VHOST_USER_GET_FEATURES);
}

void vhost_fe_set_vring_call(struct vhost_fe *fe, unsigned ring)
{
	fe_set_vring_fd(fe, VHOST_USER_SET_VRING_CALL, ring, fe->session.rings[ring].call_fd);
}

void vhost_fe_send_barrier(struct vhost_fe *fe)
{
	fe_send_get(fe, VHOST_USER_GET_FEATURES);
}

void vhost_fe_send_rarp_msg(struct vhost_fe *fe, const struct ether_addr48 *mac)
{
	uint64_t value = 0;

	memcpy(&value, mac->bytes, sizeof(mac->bytes));
	fe_send_u64(fe, VHOST_USER_SEND_RARP, value);
}

/* ---- Session --------------------------------------------------------------------------------- */

static void fe_kick(const struct vhost_fe_ring *ring)
{
	static const uint64_t one = 1;

	(void)!write(ring->kick_fd, &one, sizeof(one)); /* full = kicked already */
}

static bool fe_check_session(struct vhost_fe *fe)
{
	uint64_t lacking = fe->session.required & ~fe->features;

	if (lacking) {
		vhost_fe_fail(fe,
			"lacks virtio features 0x%llx that the guest's driver has accepted: "
			"reset the guest, which is then offered what there is, or give the device "
			"offload=off or a back-end that has them",
			(unsigned long long)lacking);
		return false;
	}
	return true;
}

static void fe_start_rings(struct vhost_fe *fe)
{
	const struct vhost_fe_session *s = &fe->session;

	/* All sizes first: some back-ends count their rings by them. */
	for (unsigned i = 0; i < s->n_rings; i++) {
		if (s->rings[i].is_used)
			fe_send_state(fe, VHOST_USER_SET_VRING_NUM, i, s->rings[i].size);
	}
	for (unsigned i = 0; i < s->n_rings; i++) {
		const struct vhost_fe_ring *ring = &s->rings[i];

		if (!ring->is_used)
			continue;
		fe_set_vring_addr(fe, i);
		fe_send_state(fe, VHOST_USER_SET_VRING_BASE, i, fe_ring_base(fe, ring));
		fe->session.rings[i].has_base = false; /* moves on from here */
		fe_set_vring_fd(fe, VHOST_USER_SET_VRING_CALL, i, ring->call_fd);
		if (s->err_fd >= 0)
			fe_set_vring_fd(fe, VHOST_USER_SET_VRING_ERR, i, s->err_fd);
		fe_set_vring_fd(fe, VHOST_USER_SET_VRING_KICK, i, ring->kick_fd);
	}
	for (unsigned i = 0; i < s->n_rings; i++) {
		if (s->rings[i].is_used)
			vhost_fe_set_vring_enable(fe, i);
	}
}

void vhost_fe_begin_session(struct vhost_fe *fe)
{
	uint64_t protocol_bit = VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES);

	if (!fe_check_session(fe))
		return;
	vhost_fe_set_state(fe, VHOST_FE_STARTING);
	fe_send_u64(fe, VHOST_USER_SET_FEATURES,
		(fe->session.features & fe->features) | (fe->features & protocol_bit));
	fe_set_status(fe, 1 | 2 | 8); /* ACKNOWLEDGE, DRIVER, FEATURES_OK */
	fe_set_mtu(fe);
	fe_set_mem_table(fe);
	fe_start_rings(fe);
	fe_set_status(fe, 1 | 2 | 4 | 8); /* and DRIVER_OK */
	if (!vhost_fe_has_protocol(fe, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		vhost_fe_send_barrier(fe);
	fe->is_resumed = true;
}

static void fe_session_is_running(struct vhost_fe *fe)
{
	fe->retry_ms = VHOST_FE_RETRY_MS;
	/*
	 * A kick that the last back-end took and did not serve would be lost; one too many does no
	 * harm.
	 */
	for (unsigned i = 0; i < fe->session.n_rings; i++) {
		if (fe->session.rings[i].is_used)
			fe_kick(&fe->session.rings[i]);
	}
	vhost_fe_set_state(fe, VHOST_FE_RUNNING);
}

/* Every answer that was due has come: take the step that the state waited for. */
static void fe_advance(struct vhost_fe *fe)
{
	switch (fe->state) {
	case VHOST_FE_NEGOTIATING:
	case VHOST_FE_STOPPING:
		vhost_fe_set_state(fe, VHOST_FE_IDLE);
		if (fe->has_session && !fe->is_paused && fe->state == VHOST_FE_IDLE)
			vhost_fe_begin_session(fe);
		break;
	case VHOST_FE_STARTING:
		fe_session_is_running(fe);
		break;
	case VHOST_FE_RUNNING:
		fe->changed(fe->ctx); /* what was changed is done */
		break;
	default:
		break;
	}
}

void vhost_fe_end_session(struct vhost_fe *fe)
{
	vhost_fe_set_state(fe, VHOST_FE_STOPPING);
	if (fe->n_expected) /* what is due from before is now due sooner, too */
		ev_timer_set(fe->reply_timer, fe_reply_timeout_ms(fe) * FE_NS_PER_MS, 0);
	for (unsigned i = 0; i < fe->session.n_rings; i++) {
		if (fe->session.rings[i].is_used)
			fe_send_state(fe, VHOST_USER_GET_VRING_BASE, i, 0);
	}
	fe_set_status(fe, 0);
	if (fe->state == VHOST_FE_STOPPING && !fe->n_expected)
		fe_advance(fe); /* no ring was in use */
}

/* Where the back-end gave a ring back; what cannot be a place in it is not passed on. */
static void fe_on_vring_base(struct vhost_fe *fe, unsigned i, uint32_t base)
{
	struct vhost_fe_ring *ring = &fe->session.rings[i];
	bool is_packed = fe->session.features & VIRTIO_BIT(VIRTIO_F_RING_PACKED);

	if (!fe->is_resumed)
		return; /* of a session that is over; the present one has not begun */
	ring->base = base;
	ring->has_base =
		is_packed ? (base & 0x7fff) < ring->size && (base >> 16 & 0x7fff) < ring->size
			  : base <= UINT16_MAX;
}

/* ---- Replies --------------------------------------------------------------------------------- */

static void fe_on_features(struct vhost_fe *fe, uint64_t features)
{
	if (fe->state != VHOST_FE_NEGOTIATING)
		return; /* the barrier of a back-end without REPLY_ACK */
	fe->features = features;
	fe->has_features = true;
	fe->max_queue_pairs = 0;
	fe->carrier = true;
	if (features & VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES))
		fe_send_get(fe, VHOST_USER_GET_PROTOCOL_FEATURES);
}

static void fe_on_protocol_features(struct vhost_fe *fe, uint64_t theirs)
{
	uint64_t ours = theirs & FE_PROTOCOL_FEATURES;

	/* The carrier needs both; one alone is of no use to us. */
	if ((theirs & FE_PROTOCOL_CARRIER) == FE_PROTOCOL_CARRIER)
		ours |= FE_PROTOCOL_CARRIER;
	fe_send_u64(fe, VHOST_USER_SET_PROTOCOL_FEATURES, ours);
	fe->protocol_features = ours;
	fe->chan.has_reply_ack = vhost_fe_has_protocol(fe, VHOST_USER_PROTOCOL_F_REPLY_ACK);
	if (vhost_fe_has_protocol(fe, VHOST_USER_PROTOCOL_F_MQ))
		fe_send_get(fe, VHOST_USER_GET_QUEUE_NUM);
	fe_set_backend_req_fd(fe);
	if (vhost_fe_is_connected(fe) && vhost_fe_has_protocol(fe, VHOST_USER_PROTOCOL_F_CONFIG))
		fe_get_config(fe);
}

/* A back-end answers an error with size 0 here, or sends the bytes that were asked for. */
static void fe_on_config(struct vhost_fe *fe, const struct vhost_user_msg *msg)
{
	const struct vhost_user_config *config = &msg->payload.config;
	uint16_t status;
	bool carrier = true;

	if (msg->hdr.size >= offsetof(struct vhost_user_config, data) && config->size) {
		if (config->offset || config->size != FE_CONFIG_SIZE ||
			msg->hdr.size !=
				offsetof(struct vhost_user_config, data) + FE_CONFIG_SIZE) {
			vhost_fe_fail(fe, "GET_CONFIG: %u bytes at %u, asked for %zu at 0",
				config->size, config->offset, FE_CONFIG_SIZE);
			return;
		}
		memcpy(&status, config->data + offsetof(struct virtio_net_cfg, status),
			sizeof(status));
		carrier = status & VIRTIO_NET_S_LINK_UP;
	}
	if (carrier != fe->carrier) {
		fe->carrier = carrier;
		fe->changed(fe->ctx);
	}
	if (fe->is_config_stale)
		fe_get_config(fe);
}

/* Size in bytes of an answer or acknowledgement; GET_CONFIG's is checked by its handler. */
static bool fe_reply_size_ok(uint32_t request, uint32_t size)
{
	return request == VHOST_USER_GET_CONFIG ||
	       size == (request == VHOST_USER_GET_VRING_BASE ? sizeof(struct vhost_user_vring_state)
							     : sizeof(uint64_t));
}

static void fe_on_reply(struct vhost_fe *fe, const struct fe_expected *e,
	const struct vhost_user_msg *msg)
{
	if (!vhost_user_has_answer(e->request)) {
		if (msg->payload.u64)
			vhost_fe_fail(fe, "refused request %u of ring %u", e->request, e->ring);
		return;
	}
	switch (e->request) {
	case VHOST_USER_GET_FEATURES:
		fe_on_features(fe, msg->payload.u64);
		break;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		fe_on_protocol_features(fe, msg->payload.u64);
		break;
	case VHOST_USER_GET_QUEUE_NUM:
		fe->max_queue_pairs =
			msg->payload.u64 < UINT16_MAX ? (unsigned)msg->payload.u64 : UINT16_MAX;
		break;
	case VHOST_USER_GET_CONFIG:
		fe_on_config(fe, msg);
		break;
	case VHOST_USER_GET_VRING_BASE:
		if (msg->payload.state.index != e->ring)
			vhost_fe_fail(fe, "GET_VRING_BASE: answer for ring %u, asked for ring %u",
				msg->payload.state.index, e->ring);
		else
			fe_on_vring_base(fe, e->ring, msg->payload.state.num);
		break;
	}
}

static void fe_on_msg(struct vhost_fe *fe, const struct vhost_user_msg *msg)
{
	struct fe_expected e;

	if (!(msg->hdr.flags & VHOST_USER_REPLY) || !fe->n_expected) {
		vhost_fe_fail(fe, "sent message %u unasked", msg->hdr.request);
		return;
	}
	e = fe->expected[fe->first_expected];
	if (msg->hdr.request != e.request || !fe_reply_size_ok(e.request, msg->hdr.size)) {
		vhost_fe_fail(fe, "answered request %u with message %u of %u bytes", e.request,
			msg->hdr.request, msg->hdr.size);
		return;
	}
	fe->first_expected = (fe->first_expected + 1) % FE_MAX_EXPECTED;
	if (--fe->n_expected)
		ev_timer_set(fe->reply_timer, fe_reply_timeout_ms(fe) * FE_NS_PER_MS, 0);
	else
		ev_timer_stop(fe->reply_timer);
	fe_on_reply(fe, &e, msg);
	if (vhost_fe_is_connected(fe) && !fe->n_expected)
		fe_advance(fe);
}

void vhost_fe_on_reply_timeout(void *ctx)
{
	struct vhost_fe *fe = ctx;

	vhost_fe_fail(fe, "no answer to request %u within %llu ms",
		fe->expected[fe->first_expected].request,
		(unsigned long long)fe_reply_timeout_ms(fe));
}

/* At most as many messages as can be due, so that a flood cannot hold the loop. */
void vhost_fe_on_chan(void *ctx, int fd, uint32_t events)
{
	struct vhost_fe *fe = ctx;
	struct err err = {0};
	int r = vhost_chan_flush(&fe->chan);

	(void)fd;
	(void)events;
	if (r < 0)
		(void)err_set(&err, r, "connection lost: %s", strerror(-r));
	for (unsigned i = 0; r >= 0 && i < FE_MAX_EXPECTED; i++) {
		r = vhost_chan_recv(&fe->chan, &err);
		if (r <= 0)
			break;
		fe_on_msg(fe, &fe->chan.msg);
		vhost_chan_next(&fe->chan);
		if (!vhost_fe_is_connected(fe))
			return;
	}
	if (r == -EPROTO)
		vhost_fe_fail(fe, "%s", err.msg);
	else if (r < 0)
		vhost_fe_lose(fe, "%s", err.msg);
	else
		fe_watch(fe);
}

/* ---- Requests of the back-end ---------------------------------------------------------------- */

static void fe_on_config_change(struct vhost_fe *fe)
{
	for (unsigned i = 0; i < fe->n_expected; i++) {
		if (fe->expected[(fe->first_expected + i) % FE_MAX_EXPECTED].request ==
			VHOST_USER_GET_CONFIG) {
			fe->is_config_stale = true;
			return;
		}
	}
	fe_get_config(fe);
}

static void fe_on_backend_chan(void *ctx, int fd, uint32_t events)
{
	struct vhost_fe *fe = ctx;
	struct vhost_chan *chan = &fe->backend_chan;
	bool is_news;
	int r;

	(void)fd;
	(void)events;
	/* One a round: the channel is the back-end's to fill, the loop is everybody's. */
	r = vhost_chan_recv(chan, NULL);
	if (!r)
		return;
	is_news = r > 0 && chan->msg.hdr.request == VHOST_USER_BACKEND_CONFIG_CHANGE_MSG;
	if (r > 0)
		r = vhost_chan_ack(chan, !is_news);
	vhost_chan_next(chan);
	/* A back-end that does not read its answers does without this channel. */
	if (r < 0)
		vhost_fe_drop_backend_chan(fe);
	if (is_news)
		fe_on_config_change(fe);
}
