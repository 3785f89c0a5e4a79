#include "backend.h"

#include "virtio_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PROTOCOL(bit) VIRTIO_BIT(VHOST_USER_PROTOCOL_F_##bit)

/* ---- What the channel does not send ---------------------------------------------------------- */

static void send_bytes(int fd, const void *bytes, size_t size)
{
	(void)!send(fd, bytes, size, MSG_NOSIGNAL); /* a lost peer shows at the next read */
}

static size_t flatten(const struct vhost_user_msg *msg, uint8_t *bytes)
{
	memcpy(bytes, &msg->hdr, sizeof(msg->hdr));
	memcpy(bytes + sizeof(msg->hdr), &msg->payload, msg->hdr.size);
	return sizeof(msg->hdr) + msg->hdr.size;
}

/* ---- Answers, with the fault if this is the request it is for. False: hang up. --------------- */

static bool misbehave(struct backend *be, struct vhost_user_msg *reply)
{
	static const int fds[] = {0, 1};
	int fd = be->chan.fd;
	uint8_t bytes[sizeof(*reply)];
	size_t size;

	switch (be->fault) {
	case FAULT_CLOSE:
		return false;
	case FAULT_SILENT:
		while (!be->stop && !be->drop) /* until the front-end gives up */
			if (recv(fd, bytes, sizeof(bytes), 0) <= 0)
				return false;
		return false;
	case FAULT_SHORT:
		reply->hdr.size = 4;
		break;
	case FAULT_HUGE:
		reply->hdr.size = 1 << 20;
		send_bytes(fd, &reply->hdr, sizeof(reply->hdr));
		return true;
	case FAULT_WRONG_REQUEST:
		reply->hdr.request++;
		break;
	case FAULT_NO_REPLY_FLAG:
		reply->hdr.flags &= ~VHOST_USER_REPLY;
		break;
	case FAULT_BAD_VERSION:
		reply->hdr.flags = (reply->hdr.flags & ~VHOST_USER_VERSION_MASK) | 2;
		break;
	case FAULT_NACK:
		reply->payload.u64 = 1;
		break;
	case FAULT_TWICE:
		(void)vhost_chan_send(&be->chan, &reply->hdr, &reply->payload, NULL, 0);
		break;
	default:
		break;
	}
	size = flatten(reply, bytes);
	if (be->fault == FAULT_HALF) {
		send_bytes(fd, bytes, size / 2);
		return false;
	}
	for (size_t i = 0; be->fault == FAULT_DRIBBLE && i < size; i++) {
		send_bytes(fd, bytes + i, 1);
		(void)usleep(1000);
	}
	if (be->fault != FAULT_DRIBBLE)
		(void)vhost_chan_send(&be->chan, &reply->hdr, &reply->payload, fds,
			be->fault == FAULT_FDS ? 2 : 0);
	return true;
}

static bool answer(struct backend *be, const struct vhost_user_msg *msg, const void *payload,
	uint32_t size)
{
	struct vhost_user_msg reply = {
		.hdr = {msg->hdr.request, VHOST_USER_VERSION | VHOST_USER_REPLY, size},
	};

	memcpy(&reply.payload, payload, size);
	if (be->fault && msg->hdr.request == be->fault_request && be->n_connections <= be->n_faulty)
		return misbehave(be, &reply);
	return !vhost_chan_reply(&be->chan, payload, size);
}

static bool answer_u64(struct backend *be, const struct vhost_user_msg *msg, uint64_t value)
{
	return answer(be, msg, &value, sizeof(value));
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void *translate(const struct backend *be, uint64_t addr, uint64_t size, bool is_gpa)
{
	for (unsigned i = 0; i < be->mem.n_regions; i++) {
		const struct vhost_user_region *r = &be->mem.regions[i];
		uint64_t base = is_gpa ? r->gpa : r->user_addr;

		if (addr >= base && addr - base < r->size && size <= r->size - (addr - base))
			return (uint8_t *)be->maps[i] + r->mmap_offset + (addr - base);
	}
	return NULL;
}

static bool set_mem_table(struct backend *be, const struct vhost_user_msg *msg)
{
	be->mem = msg->payload.mem;
	if (be->mem.n_regions > VHOST_USER_MAX_REGIONS || be->mem.n_regions != be->chan.n_fds)
		return false;
	for (unsigned i = 0; i < be->mem.n_regions; i++) {
		const struct vhost_user_region *r = &be->mem.regions[i];

		be->map_sizes[i] = r->mmap_offset + r->size;
		be->maps[i] = mmap(NULL, be->map_sizes[i], PROT_READ | PROT_WRITE, MAP_SHARED,
			be->chan.fds[i], 0);
		if (be->maps[i] == MAP_FAILED)
			return false;
	}
	return true;
}

static void close_fd(int *slot)
{
	if (*slot >= 0)
		(void)close(*slot);
	*slot = -1;
}

/* The descriptor of the message, or none. */
static void replace_fd(struct backend *be, int *slot)
{
	close_fd(slot);
	*slot = vhost_chan_take_fd(&be->chan, 0);
}

static void count_rings(struct backend *be)
{
	unsigned enabled = 0, running = 0;

	for (unsigned i = 0; i < BACKEND_MAX_RINGS; i++) {
		enabled += be->rings[i].is_started && be->rings[i].is_enabled;
		running += be->rings[i].is_started;
	}
	be->n_enabled = enabled;
	be->n_running = running;
}

static bool handle_ring(struct backend *be, const struct vhost_user_msg *msg, bool *ret_answered)
{
	unsigned i = msg->payload.u64 & VHOST_USER_VRING_IDX_MASK;
	struct vhost_user_vring_state state = msg->payload.state;
	struct backend_ring *ring;

	if (i >= BACKEND_MAX_RINGS)
		return false;
	ring = &be->rings[i];
	switch (msg->hdr.request) {
	case VHOST_USER_SET_VRING_NUM:
		ring->size = state.num;
		break;
	case VHOST_USER_SET_VRING_ADDR:
		ring->desc = msg->payload.addr.desc;
		ring->avail = msg->payload.addr.avail;
		ring->used = msg->payload.addr.used;
		ring->has_addr = translate(be, ring->desc, 16ull * ring->size, false);
		return ring->has_addr;
	case VHOST_USER_SET_VRING_BASE:
		ring->next_avail = ring->next_used = (uint16_t)state.num;
		if (i == 1)
			be->first_base = state.num;
		break;
	case VHOST_USER_SET_VRING_CALL:
		replace_fd(be, &ring->call_fd);
		break;
	case VHOST_USER_SET_VRING_ERR:
		replace_fd(be, &ring->err_fd);
		break;
	case VHOST_USER_SET_VRING_KICK:
		replace_fd(be, &ring->kick_fd);
		ring->is_started = ring->kick_fd >= 0 && ring->has_addr;
		if (!(be->acked & VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
			ring->is_enabled = true;
		break;
	case VHOST_USER_SET_VRING_ENABLE:
		if (!(be->acked & VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
			be->n_unnegotiated++;
		ring->is_enabled = state.num;
		break;
	case VHOST_USER_GET_VRING_BASE:
		state.num = ring->next_avail;
		ring->is_started = false;
		close_fd(&ring->kick_fd); /* kicks are not for us any more */
		*ret_answered = true;
		count_rings(be);
		return answer(be, msg, &state, sizeof(state));
	}
	count_rings(be);
	return true;
}

static void need(struct backend *be, uint64_t protocol)
{
	if (!(be->acked_protocol & protocol))
		be->n_unnegotiated++;
}

static bool send_config(struct backend *be, const struct vhost_user_msg *msg)
{
	struct vhost_user_config config = msg->payload.config;
	struct virtio_net_cfg cfg = {.status = (uint16_t)be->carrier};

	need(be, PROTOCOL(CONFIG));
	if (config.offset || config.size > sizeof(cfg))
		return false;
	memcpy(config.data, &cfg, config.size);
	be->told_carrier = be->carrier;
	return answer(be, msg, &config,
		(uint32_t)(offsetof(struct vhost_user_config, data) + config.size));
}

static bool handle(struct backend *be, const struct vhost_user_msg *msg)
{
	uint64_t protocol_bit =
		be->protocol_features ? VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES) : 0;
	bool answered = false, ok = true;

	switch (msg->hdr.request) {
	case VHOST_USER_SET_OWNER:
		break;
	case VHOST_USER_GET_FEATURES:
		return answer_u64(be, msg, be->features | protocol_bit);
	case VHOST_USER_SET_FEATURES:
		be->acked = msg->payload.u64;
		ok = !(be->acked & ~(be->features | protocol_bit));
		break;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		return answer_u64(be, msg, be->protocol_features);
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		be->acked_protocol = msg->payload.u64;
		return !(be->acked_protocol & ~be->protocol_features);
	case VHOST_USER_GET_QUEUE_NUM:
		need(be, PROTOCOL(MQ));
		return answer_u64(be, msg, be->max_queue_pairs);
	case VHOST_USER_SET_MEM_TABLE:
		ok = set_mem_table(be, msg);
		break;
	case VHOST_USER_NET_SET_MTU:
		need(be, PROTOCOL(NET_MTU));
		be->mtu = (unsigned)msg->payload.u64;
		break;
	case VHOST_USER_SET_STATUS:
		need(be, PROTOCOL(STATUS));
		be->last_status = (unsigned)msg->payload.u64;
		break;
	case VHOST_USER_SEND_RARP:
		need(be, PROTOCOL(RARP));
		be->n_rarps++;
		break;
	case VHOST_USER_SET_BACKEND_REQ_FD:
		need(be, PROTOCOL(BACKEND_REQ));
		replace_fd(be, &be->request_fd);
		break;
	case VHOST_USER_GET_CONFIG:
		return send_config(be, msg);
	default:
		ok = handle_ring(be, msg, &answered);
		break;
	}
	if (!answered && msg->hdr.flags & VHOST_USER_NEED_REPLY) {
		need(be, PROTOCOL(REPLY_ACK));
		return answer_u64(be, msg, !ok);
	}
	if (!answered && be->fault && msg->hdr.request == be->fault_request &&
		be->n_connections <= be->n_faulty)
		return false; /* nothing to answer: the fault is a hang-up */
	return ok;
}

/* ---- Frames ---------------------------------------------------------------------------------- */

static const struct vring_desc *ring_next(struct backend *be, struct backend_ring *ring,
	uint16_t *ret_head)
{
	struct vring_avail *avail = translate(be, ring->avail, 4 + 2ull * ring->size, false);
	struct vring_desc *desc = translate(be, ring->desc, 16ull * ring->size, false);

	if (!avail || !desc || __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE) == ring->next_avail)
		return NULL;
	*ret_head = avail->ring[ring->next_avail % ring->size];
	ring->next_avail++;
	return &desc[*ret_head % ring->size];
}

static void ring_done(struct backend *be, struct backend_ring *ring, uint16_t head, uint32_t len)
{
	static const uint64_t one = 1;
	struct vring_used *used = translate(be, ring->used, 4 + 8ull * ring->size, false);

	used->ring[ring->next_used % ring->size] = (struct vring_used_elem){head, len};
	__atomic_store_n(&used->idx, ++ring->next_used, __ATOMIC_SEQ_CST);
	if (ring->call_fd >= 0)
		(void)!write(ring->call_fd, &one, sizeof(one));
}

static bool can_run(const struct backend_ring *ring)
{
	return ring->is_started && ring->is_enabled && ring->has_addr && ring->size;
}

static unsigned long long now_ns(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned long long)ts.tv_sec * 1000000000 + (unsigned long long)ts.tv_nsec;
}

/* Single-descriptor frames only: that is what the tests send. */
static void loop_frames(struct backend *be, struct backend_ring *rx, struct backend_ring *tx)
{
	const struct vring_desc *from, *to;
	uint16_t from_head, to_head;

	while (can_run(rx) && can_run(tx) && (from = ring_next(be, tx, &from_head))) {
		void *src = translate(be, from->addr, from->len, true);
		uint32_t len = 0;

		to = ring_next(be, rx, &to_head);
		if (to && src && to->len >= from->len && translate(be, to->addr, from->len, true)) {
			memcpy(translate(be, to->addr, from->len, true), src, from->len);
			len = from->len;
		}
		if (to)
			ring_done(be, rx, to_head, len);
		ring_done(be, tx, from_head, 0);
		if (!be->n_looped++)
			be->first_ns = now_ns();
	}
}

/* ---- Connection ------------------------------------------------------------------------------ */

static void open_rings(struct backend *be)
{
	be->acked = be->acked_protocol = 0;
	be->request_fd = -1;
	be->told_carrier = be->carrier;
	memset(&be->mem, 0, sizeof(be->mem));
	memset(be->maps, 0, sizeof(be->maps));
	for (unsigned i = 0; i < BACKEND_MAX_RINGS; i++)
		be->rings[i] = (struct backend_ring){.kick_fd = -1, .call_fd = -1, .err_fd = -1};
}

static void close_rings(struct backend *be)
{
	for (unsigned i = 0; i < BACKEND_MAX_RINGS; i++) {
		close_fd(&be->rings[i].kick_fd);
		close_fd(&be->rings[i].call_fd);
		close_fd(&be->rings[i].err_fd);
		be->rings[i].is_started = false;
	}
	close_fd(&be->request_fd);
	for (unsigned i = 0; i < VHOST_USER_MAX_REGIONS; i++) {
		if (be->maps[i] && be->maps[i] != MAP_FAILED)
			(void)munmap(be->maps[i], be->map_sizes[i]);
	}
	count_rings(be);
}

static void tell_carrier(struct backend *be)
{
	const struct vhost_user_hdr hdr = {
		VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, VHOST_USER_VERSION, 0};

	if (be->told_carrier != be->carrier && be->request_fd >= 0)
		send_bytes(be->request_fd, &hdr, sizeof(hdr));
	be->told_carrier = be->carrier;
}

static void complain(struct backend *be)
{
	static const uint64_t one = 1;

	if (atomic_exchange(&be->complain, false) && be->rings[0].err_fd >= 0)
		(void)!write(be->rings[0].err_fd, &one, sizeof(one));
}

static bool serve_message(struct backend *be)
{
	int r = vhost_chan_recv(&be->chan, NULL);

	if (!r) /* the rest will come */
		return true;
	if (r > 0 && !handle(be, &be->chan.msg))
		r = -EPROTO;
	vhost_chan_next(&be->chan);
	return r > 0;
}

static void drain_eventfd(int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
}

static void serve(struct backend *be)
{
	bool ok = true;

	open_rings(be);
	while (ok && !be->stop && !be->drop) {
		struct pollfd fds[2 + BACKEND_MAX_RINGS] = {
			{be->chan.fd, POLLIN, 0}, {be->wake_fd, POLLIN, 0}};

		for (unsigned i = 0; i < BACKEND_MAX_RINGS; i++)
			fds[2 + i] = (struct pollfd){be->rings[i].kick_fd, POLLIN, 0};
		(void)poll(fds, 2 + BACKEND_MAX_RINGS, 1000);
		if (fds[1].revents)
			drain_eventfd(be->wake_fd);
		tell_carrier(be);
		complain(be);
		for (unsigned i = 0; i < BACKEND_MAX_RINGS; i++) {
			if (fds[2 + i].revents)
				drain_eventfd(be->rings[i].kick_fd);
		}
		if (fds[0].revents)
			ok = serve_message(be);
		for (unsigned i = 0; ok && i < BACKEND_MAX_RINGS; i += 2)
			loop_frames(be, &be->rings[i], &be->rings[i + 1]);
	}
	close_rings(be);
}

static struct sockaddr_un address(const struct backend *be)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	memcpy(addr.sun_path, be->path, strlen(be->path));
	return addr;
}

static void start_listening(struct backend *be)
{
	struct sockaddr_un addr = address(be);

	be->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)unlink(be->path);
	if (bind(be->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		listen(be->listen_fd, 1) < 0)
		abort();
}

static int dial(struct backend *be)
{
	struct sockaddr_un addr = address(be);
	int fd;

	if (be->is_server) {
		struct pollfd pfd = {be->listen_fd, POLLIN, 0};

		return poll(&pfd, 1, 20) > 0 ? accept4(be->listen_fd, NULL, NULL, SOCK_CLOEXEC)
					     : -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	(void)close(fd);
	(void)usleep(10000);
	return -1;
}

static void *backend_main(void *ctx)
{
	struct backend *be = ctx;

	while (!be->stop) {
		int fd = dial(be);

		if (fd < 0)
			continue;
		vhost_chan_init(&be->chan, fd, NULL, VHOST_USER_MAX_FDS);
		be->drop = false;
		be->n_connections++;
		serve(be);
		vhost_chan_done(&be->chan);
	}
	if (be->listen_fd >= 0) {
		(void)close(be->listen_fd);
		(void)unlink(be->path);
	}
	return NULL;
}

void backend_start(struct backend *be)
{
	be->stop = false;
	be->listen_fd = be->chan.fd = -1;
	be->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (be->is_server)
		start_listening(be);
	if (pthread_create(&be->thread, NULL, backend_main, be))
		abort();
}

void backend_wake(struct backend *be)
{
	static const uint64_t one = 1;

	(void)!write(be->wake_fd, &one, sizeof(one));
}

void backend_stop(struct backend *be)
{
	be->stop = true;
	backend_wake(be);
	(void)pthread_join(be->thread, NULL);
	(void)close(be->wake_fd);
}
