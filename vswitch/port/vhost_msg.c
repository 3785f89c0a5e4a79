#include "vhost_priv.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

LOG_MODULE("vhost");

/*
 * What we understand. CSUM and the TSOs mean: we take such frames, and finish them where a receiver
 * does not. Not offered: LOG_ALL (nobody migrates yet), ACCESS_PLATFORM (no IOTLB), UFO (gone from
 * kernels; USO does its work).
 */
#define FEATURES                                                                                   \
	(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_RING_PACKED) |                       \
		VIRTIO_BIT(VIRTIO_F_IN_ORDER) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |                   \
		VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT) |             \
		VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM) | VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES) | \
		VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) | VIRTIO_BIT(VIRTIO_NET_F_MQ) |                 \
		VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) |              \
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | VIRTIO_BIT(VIRTIO_NET_F_MTU) |           \
		VIRTIO_BIT(VIRTIO_NET_F_STATUS) | VIRTIO_BIT(VIRTIO_NET_F_CSUM) |                  \
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) |         \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6) | VIRTIO_BIT(VIRTIO_NET_F_HOST_ECN) |           \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_USO) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) |          \
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN) |         \
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_USO4) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_USO6))

#define PROTOCOL_BIT(name) (UINT64_C(1) << VHOST_USER_PROTOCOL_F_##name)
#define PROTOCOL                                                                                   \
	(PROTOCOL_BIT(MQ) | PROTOCOL_BIT(RARP) | PROTOCOL_BIT(REPLY_ACK) | PROTOCOL_BIT(NET_MTU) | \
		PROTOCOL_BIT(BACKEND_REQ) | PROTOCOL_BIT(CONFIG) |                                 \
		PROTOCOL_BIT(CONFIGURE_MEM_SLOTS) | PROTOCOL_BIT(STATUS))

static struct vhost_ring *get_ring(struct vhost_port *vp, uint32_t index, struct err *err)
{
	if (index < 2u * vp->max_pairs)
		return &vp->rings[index];
	(void)err_set(err, -EPROTO, "ring %u does not exist; the port has %u", index,
		2u * vp->max_pairs);
	return NULL;
}

static int reply_u64(struct vhost_port *vp, uint64_t value)
{
	return vhost_chan_reply(&vp->chan, &value, sizeof(value));
}

/* ---- Negotiation ---- */

static int get_features(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	return reply_u64(vp, FEATURES);
}

static int set_features(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	if (p->u64 & ~FEATURES)
		return err_set(err, -EPROTO, "features %#llx were not offered",
			(unsigned long long)(p->u64 & ~FEATURES));
	/* Older drivers put a shorter header before frames. 0 is a device that was reset. */
	if (p->u64 & ~VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES) &&
		!(p->u64 & VIRTIO_BIT(VIRTIO_F_VERSION_1)))
		return err_set(err, -EPROTO, "legacy driver: VIRTIO_F_VERSION_1 is required");
	vhost_withdraw(vp);
	vp->features = p->u64;
	vp->features_set = true;
	/* Without protocol features rings have no enable message: they are on. */
	if (!(p->u64 & VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
		for (unsigned i = 0; i < VHOST_MAX_RINGS; i++)
			vp->rings[i].enabled = true;
	vhost_offer(vp);
	return 0;
}

static int get_protocol_features(struct vhost_port *vp, const union vhost_user_payload *p,
	struct err *err)
{
	return reply_u64(vp, PROTOCOL);
}

static int set_protocol_features(struct vhost_port *vp, const union vhost_user_payload *p,
	struct err *err)
{
	if (p->u64 & ~PROTOCOL)
		return err_set(err, -EPROTO, "protocol features %#llx were not offered",
			(unsigned long long)(p->u64 & ~PROTOCOL));
	vp->protocol = p->u64;
	vp->chan.has_reply_ack = p->u64 & PROTOCOL_BIT(REPLY_ACK);
	return 0;
}

static int get_queue_num(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	return reply_u64(vp, vp->max_pairs);
}

static int set_owner(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	return 0;
}

static int reset_owner(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	vhost_withdraw(vp);
	for (unsigned i = 0; i < VHOST_MAX_RINGS; i++)
		vp->rings[i].kicked = false;
	return 0;
}

/* ---- Memory ---- */

static int set_mem_table(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	uint32_t n = p->mem.n_regions;
	struct vmem mem = {0}; /* all of it, or the old one stays */
	int r = 0;

	if (!n || n > VHOST_USER_MAX_REGIONS || vp->chan.n_fds != n ||
		vp->chan.msg.hdr.size < 8 + n * sizeof(struct vhost_user_region))
		return err_set(err, -EPROTO, "memory table with %u regions, %u bytes and %u files",
			n, vp->chan.msg.hdr.size, vp->chan.n_fds);
	for (uint32_t i = 0; i < n && !r; i++)
		r = vhost_mem_add(&mem, &p->mem.regions[i], vp->chan.fds[i], err);
	if (r) {
		vhost_mem_clear(&mem, vp->closer);
		return r;
	}
	/* Workers read the table: it changes only while they do not. */
	vhost_withdraw(vp);
	vhost_mem_clear(&vp->mem, vp->closer);
	vp->mem = mem;
	vhost_offer(vp);
	return 0;
}

static int get_max_mem_slots(struct vhost_port *vp, const union vhost_user_payload *p,
	struct err *err)
{
	return reply_u64(vp, VMEM_MAX_REGIONS);
}

/*
 * QEMU 7.2 sends each region once per queue pair, and takes it away as often.
 * What is there is there, what is not needs not be removed.
 */

static int add_mem_reg(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	int r;

	if (vp->chan.n_fds != 1)
		return err_set(err, -EPROTO, "memory region with %u files, not 1", vp->chan.n_fds);
	if (vhost_mem_has(&vp->mem, &p->mem_reg.region))
		return 0;
	/* Workers read the table: it changes only while they do not. */
	vhost_withdraw(vp);
	r = vhost_mem_add(&vp->mem, &p->mem_reg.region, vp->chan.fds[0], err);
	vhost_offer(vp);
	return r;
}

static int rem_mem_reg(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	if (!vhost_mem_has(&vp->mem, &p->mem_reg.region))
		return 0;
	vhost_withdraw(vp);
	vhost_mem_remove(&vp->mem, &p->mem_reg.region, vp->closer);
	vhost_offer(vp);
	return 0;
}

/* ---- Rings ---- */

static int set_vring_num(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	struct vhost_ring *ring = get_ring(vp, p->state.index, err);
	bool packed = vp->features & VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	uint32_t num = p->state.num;

	if (!ring)
		return -EPROTO;
	if (!num || num > VRING_MAX_SIZE || (!packed && num & (num - 1)))
		return err_set(err, -EPROTO, "ring %u with %u entries", p->state.index, num);
	vhost_withdraw_pair(vp, p->state.index);
	ring->size = (uint16_t)num;
	vhost_offer(vp);
	return 0;
}

static int set_vring_addr(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	struct vhost_ring *ring = get_ring(vp, p->addr.index, err);

	if (!ring)
		return -EPROTO;
	if (p->addr.desc & 15 || p->addr.avail & 1 || p->addr.used & 3)
		return err_set(err, -EPROTO, "ring %u at unaligned addresses", p->addr.index);
	vhost_withdraw_pair(vp, p->addr.index);
	ring->desc_uva = p->addr.desc;
	ring->avail_uva = p->addr.avail;
	ring->used_uva = p->addr.used;
	ring->has_addr = true;
	vhost_offer(vp);
	return 0;
}

static int set_vring_base(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	struct vhost_ring *ring = get_ring(vp, p->state.index, err);

	if (!ring)
		return -EPROTO;
	vhost_withdraw_pair(vp, p->state.index);
	ring->base = p->state.num;
	vhost_offer(vp);
	return 0;
}

static int get_vring_base(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	struct vhost_ring *ring = get_ring(vp, p->state.index, err);
	struct vhost_user_vring_state state = {.index = p->state.index};

	if (!ring)
		return -EPROTO;
	vhost_withdraw_pair(vp, p->state.index); /* writes the position back to base */
	ring->kicked = false;
	state.num = ring->base;
	vhost_offer(vp);
	return vhost_chan_reply(&vp->chan, &state, sizeof(state));
}

static int set_vring_enable(struct vhost_port *vp, const union vhost_user_payload *p,
	struct err *err)
{
	struct vhost_ring *ring = get_ring(vp, p->state.index, err);
	bool on = p->state.num == 1;

	if (!ring)
		return -EPROTO;
	if (ring->enabled == on && ring->disabled == !on)
		return 0;
	vhost_withdraw_pair(vp, p->state.index);
	ring->enabled = on;
	ring->disabled = !on;
	vhost_offer(vp);
	return 0;
}

/* An eventfd that we may write to without ever waiting for the peer. */
static int check_eventfd(int fd, struct err *err)
{
	char link[64], target[64];
	int flags = fcntl(fd, F_GETFL);
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	if (strcmp(target, "anon_inode:[eventfd]") != 0)
		return err_set(err, -EPROTO, "notification descriptor is %s, not an eventfd",
			n > 0 ? target : "unknown");
	/* The flag belongs to the open file, so the peer has it, too; eventfd users expect either.
	 */
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return err_set(err, -errno, "eventfd cannot be made non-blocking: %s",
			strerror(errno));
	return 0;
}

/* The ring and the descriptor of a SET_VRING_KICK, CALL or ERR. ret_fd is owned, -1 = none. */
static struct vhost_ring *take_ring_fd(struct vhost_port *vp, const union vhost_user_payload *p,
	int *ret_fd, struct err *err)
{
	struct vhost_ring *ring = get_ring(vp, p->u64 & VHOST_USER_VRING_IDX_MASK, err);

	*ret_fd = -1;
	if (!ring || p->u64 & VHOST_USER_VRING_NOFD)
		return ring;
	if (vp->chan.n_fds != 1) {
		(void)err_set(err, -EPROTO, "ring notification with %u descriptors, not 1",
			vp->chan.n_fds);
		return NULL;
	}
	if (check_eventfd(vp->chan.fds[0], err))
		return NULL;
	*ret_fd = vhost_chan_take_fd(&vp->chan, 0);
	return ring;
}

/* Of eventfds, which are closed at once: check_eventfd() knows that they are.
 */
static void replace_fd(int *fd, int new_fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = new_fd;
}

static int set_vring_kick(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	int fd;
	struct vhost_ring *ring = take_ring_fd(vp, p, &fd, err);

	if (!ring)
		return -EPROTO;
	if (fd < 0) {
		return err_set(err, -EPROTO, "ring %u without a kick: polling is not offered",
			(unsigned)(p->u64 & VHOST_USER_VRING_IDX_MASK));
	}
	vhost_withdraw_pair(vp, p->u64 & VHOST_USER_VRING_IDX_MASK);
	replace_fd(&ring->ring.queue.wake_fd, fd);
	ring->kicked = true;
	vhost_offer(vp);
	return 0;
}

/*
 * QEMU sends this whenever the guest masks or unmasks a vector, so a ring that runs goes on: the
 * new eventfd takes the number of the old one. Who signals that number reaches either of the two.
 */
static int set_vring_call(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	int fd;
	struct vhost_ring *ring = take_ring_fd(vp, p, &fd, err);

	if (!ring)
		return -EPROTO;
	if (fd >= 0 && ring->ring.call_fd >= 0 && dup3(fd, ring->ring.call_fd, O_CLOEXEC) >= 0) {
		close(fd);
		return 0;
	}
	vhost_withdraw_pair(vp, p->u64 & VHOST_USER_VRING_IDX_MASK);
	replace_fd(&ring->ring.call_fd, fd);
	vhost_offer(vp);
	return 0;
}

static int set_vring_err(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	int fd;

	if (!take_ring_fd(vp, p, &fd, err))
		return -EPROTO;
	if (fd >= 0)
		close(fd); /* a broken ring ends the connection, which says more */
	return 0;
}

/* ---- Device ---- */

static int send_rarp(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	struct ether_addr48 mac;

	memcpy(mac.bytes, p->bytes, sizeof(mac.bytes));
	if (vp->port.events->announce)
		vp->port.events->announce(vp->port.ctx, &vp->port, &mac);
	return 0;
}

static int net_set_mtu(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	if (p->u64 < ETHER_MIN_MTU || p->u64 > ETHER_MAX_MTU)
		return err_set(err, -EPROTO, "MTU %llu is not in %u..%u",
			(unsigned long long)p->u64, ETHER_MIN_MTU, ETHER_MAX_MTU);
	return 0; /* the guest's own limit; ours is the port's */
}

/* Asks the kernel alone: fstat() would ask a file system. */
static bool is_unix_stream(int fd)
{
	int domain = 0, type = 0;
	socklen_t size = sizeof(int);

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) &&
	       !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && domain == AF_UNIX &&
	       type == SOCK_STREAM;
}

static int set_backend_req_fd(struct vhost_port *vp, const union vhost_user_payload *p,
	struct err *err)
{
	if (vp->chan.n_fds != 1 || !is_unix_stream(vp->chan.fds[0]))
		return err_set(err, -EPROTO, "back-end channel is not one Unix stream socket");
	closer_close(vp->closer, vp->backend_fd);
	vp->backend_fd = vhost_chan_take_fd(&vp->chan, 0);
	return 0;
}

static int get_config(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	struct virtio_net_cfg net = {
		.status = vp->carrier ? VIRTIO_NET_S_LINK_UP : 0,
		.max_virtqueue_pairs = vp->max_pairs,
		.mtu = (uint16_t)vp->mtu,
		.speed = 10000,
		.duplex = 1,
	};
	struct vhost_user_config config = {
		.offset = p->config.offset, .size = p->config.size, .flags = p->config.flags};
	size_t head = offsetof(struct vhost_user_config, data);

	if (config.size > VHOST_USER_CONFIG_SIZE ||
		config.offset > VHOST_USER_CONFIG_SIZE - config.size)
		return err_set(err, -EPROTO, "configuration bytes %u..%u+%u do not exist",
			config.offset, config.offset, config.size);
	if (config.offset < sizeof(net)) {
		size_t n = sizeof(net) - config.offset;
		memcpy(config.data, (uint8_t *)&net + config.offset,
			n < config.size ? n : config.size);
	}
	return vhost_chan_reply(&vp->chan, &config, head + config.size);
}

static int set_config(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	return 0; /* nothing in it is for a driver to write; the MAC is the VMM's business */
}

static int set_status(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	vp->status = (uint8_t)p->u64;
	return 0;
}

static int get_status(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err)
{
	return reply_u64(vp, vp->status);
}

/* ---- Dispatch ---- */

#define ANY_SIZE UINT32_MAX

static const struct handler {
	int (*fn)(struct vhost_port *vp, const union vhost_user_payload *p, struct err *err);
	const char *name;
	uint32_t size; /* payload bytes; ANY_SIZE: the handler checks, at least min_size */
	uint32_t min_size;
	uint64_t protocol; /* protocol features it needs */
} handlers[] = {
	[VHOST_USER_GET_FEATURES] = {get_features, "GET_FEATURES", 0, 0, 0},
	[VHOST_USER_SET_FEATURES] = {set_features, "SET_FEATURES", 8, 8, 0},
	[VHOST_USER_SET_OWNER] = {set_owner, "SET_OWNER", 0, 0, 0},
	[VHOST_USER_RESET_OWNER] = {reset_owner, "RESET_OWNER", 0, 0, 0},
	[VHOST_USER_SET_MEM_TABLE] = {set_mem_table, "SET_MEM_TABLE", ANY_SIZE, 8, 0},
	[VHOST_USER_SET_VRING_NUM] = {set_vring_num, "SET_VRING_NUM", 8, 8, 0},
	[VHOST_USER_SET_VRING_ADDR] = {set_vring_addr, "SET_VRING_ADDR", 40, 40, 0},
	[VHOST_USER_SET_VRING_BASE] = {set_vring_base, "SET_VRING_BASE", 8, 8, 0},
	[VHOST_USER_GET_VRING_BASE] = {get_vring_base, "GET_VRING_BASE", 8, 8, 0},
	[VHOST_USER_SET_VRING_KICK] = {set_vring_kick, "SET_VRING_KICK", 8, 8, 0},
	[VHOST_USER_SET_VRING_CALL] = {set_vring_call, "SET_VRING_CALL", 8, 8, 0},
	[VHOST_USER_SET_VRING_ERR] = {set_vring_err, "SET_VRING_ERR", 8, 8, 0},
	[VHOST_USER_GET_PROTOCOL_FEATURES] = {get_protocol_features, "GET_PROTOCOL_FEATURES", 0, 0,
		0},
	[VHOST_USER_SET_PROTOCOL_FEATURES] = {set_protocol_features, "SET_PROTOCOL_FEATURES", 8, 8,
		0},
	[VHOST_USER_GET_QUEUE_NUM] = {get_queue_num, "GET_QUEUE_NUM", 0, 0, PROTOCOL_BIT(MQ)},
	[VHOST_USER_SET_VRING_ENABLE] = {set_vring_enable, "SET_VRING_ENABLE", 8, 8, 0},
	[VHOST_USER_SEND_RARP] = {send_rarp, "SEND_RARP", 8, 8, PROTOCOL_BIT(RARP)},
	[VHOST_USER_NET_SET_MTU] = {net_set_mtu, "NET_SET_MTU", 8, 8, PROTOCOL_BIT(NET_MTU)},
	[VHOST_USER_SET_BACKEND_REQ_FD] = {set_backend_req_fd, "SET_BACKEND_REQ_FD", ANY_SIZE, 0,
		PROTOCOL_BIT(BACKEND_REQ)},
	[VHOST_USER_GET_CONFIG] = {get_config, "GET_CONFIG", ANY_SIZE, 12, PROTOCOL_BIT(CONFIG)},
	[VHOST_USER_SET_CONFIG] = {set_config, "SET_CONFIG", ANY_SIZE, 12, PROTOCOL_BIT(CONFIG)},
	[VHOST_USER_GET_MAX_MEM_SLOTS] = {get_max_mem_slots, "GET_MAX_MEM_SLOTS", 0, 0,
		PROTOCOL_BIT(CONFIGURE_MEM_SLOTS)},
	[VHOST_USER_ADD_MEM_REG] = {add_mem_reg, "ADD_MEM_REG", 40, 40,
		PROTOCOL_BIT(CONFIGURE_MEM_SLOTS)},
	[VHOST_USER_REM_MEM_REG] = {rem_mem_reg, "REM_MEM_REG", 40, 40,
		PROTOCOL_BIT(CONFIGURE_MEM_SLOTS)},
	[VHOST_USER_SET_STATUS] = {set_status, "SET_STATUS", 8, 8, PROTOCOL_BIT(STATUS)},
	[VHOST_USER_GET_STATUS] = {get_status, "GET_STATUS", 0, 0, PROTOCOL_BIT(STATUS)},
};

static const struct handler *find_handler(const struct vhost_port *vp, struct err *err)
{
	const struct vhost_user_hdr *hdr = &vp->chan.msg.hdr;
	const struct handler *h;

	if (hdr->request >= sizeof(handlers) / sizeof(handlers[0]) || !handlers[hdr->request].fn) {
		(void)err_set(err, -EPROTO, "message %u is unknown", hdr->request);
		return NULL;
	}
	h = &handlers[hdr->request];
	if ((vp->protocol & h->protocol) != h->protocol) {
		(void)err_set(err, -EPROTO, "%s was not negotiated", h->name);
		return NULL;
	}
	/* Two front-ends put a dummy payload on messages that have none; it is ignored. */
	if (h->size != ANY_SIZE && h->size != hdr->size && h->size) {
		(void)err_set(err, -EPROTO, "%s with %u bytes of payload, not %u", h->name,
			hdr->size, h->size);
		return NULL;
	}
	if (hdr->size < h->min_size) {
		(void)err_set(err, -EPROTO, "%s with only %u bytes of payload", h->name, hdr->size);
		return NULL;
	}
	return h;
}

int vhost_msg_handle(struct vhost_port *vp, struct err *err)
{
	const struct handler *h = find_handler(vp, err);
	bool has_answer = vhost_user_has_answer(vp->chan.msg.hdr.request);
	int r;

	if (!h)
		return err->code;
	log_debug("port '%s': %s", vp->name, h->name);
	r = h->fn(vp, &vp->chan.msg.payload, err);
	if (!r) /* a ring that this message started may be broken from the start */
		r = vhost_find_fault(vp, err);
	if (r < 0) {
		if (!err->code)
			return err_set(err, r, "%s could not be answered: %s", h->name,
				strerror(-r));
		if (!has_answer)
			(void)vhost_chan_ack(&vp->chan, 1); /* the connection ends anyhow */
		return err_prefix(err, "%s", h->name);
	}
	r = has_answer ? 0 : vhost_chan_ack(&vp->chan, 0);
	return r ? err_set(err, r, "%s could not be acknowledged: %s", h->name, strerror(-r)) : 0;
}
