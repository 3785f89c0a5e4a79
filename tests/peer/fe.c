#include "fe.h"

#include "fe_ring.h"
#include "vhost_caller.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct fe {
	struct fe_config config;
	char path[108];
	int listen_fd;
	struct vhost_caller caller;
	int mem_fd;
	uint8_t *mem;
	size_t mem_size;
	uint64_t features;
	uint64_t protocol;
	unsigned n_rings;
	struct fe_ring rings[2 * 16];
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- Messages ---- */

int fe_message(struct fe *fe, uint32_t request, uint32_t flags, const void *payload, uint32_t size,
	const int *fds, unsigned n_fds)
{
	const struct vhost_user_hdr hdr = {request, VHOST_USER_VERSION | flags, size};

	return vhost_caller_send(&fe->caller, &hdr, payload, fds, n_fds);
}

int fe_request(struct fe *fe, uint32_t request, const void *payload, uint32_t size,
	void *ret_payload, uint32_t reply_size)
{
	return vhost_caller_get(&fe->caller, request, payload, size, ret_payload, reply_size);
}

/* ---- Connection ---- */

static int open_listener(struct fe *fe)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	strcpy(addr.sun_path, fe->path);
	fe->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fe->listen_fd < 0)
		return -errno;
	unlink(fe->path);
	if (bind(fe->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fe->listen_fd, 4))
		return -errno;
	return 0;
}

static int connect_once(struct fe *fe)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, fe->path);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		vhost_caller_init(&fe->caller, fd, fe->config.timeout_ms);
		return 0;
	}
	int err = -errno;
	close(fd);
	return err;
}

static int establish(struct fe *fe)
{
	if (fe->config.listen) {
		int err = wait_for_fd(fe->listen_fd, POLLIN, fe->config.timeout_ms);
		if (err)
			return err;
		int fd = accept4(fe->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return -errno;
		vhost_caller_init(&fe->caller, fd, fe->config.timeout_ms);
		return 0;
	}
	uint64_t deadline = now_ms() + fe->config.timeout_ms;
	for (;;) {
		int err = connect_once(fe);
		if (!err || now_ms() >= deadline)
			return err;
		usleep(10000);
	}
}

static int negotiate(struct fe *fe)
{
	uint64_t offered = 0, protocol = 0, pairs = 0;
	int err = fe_message(fe, VHOST_USER_SET_OWNER, 0, NULL, 0, NULL, 0);

	if (!err)
		err = fe_request(fe, VHOST_USER_GET_FEATURES, NULL, 0, &offered, 8);
	if (err)
		return err;
	uint64_t want = fe->config.features ? fe->config.features : FE_DEFAULT_FEATURES;
	if (fe->config.packed)
		want |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	fe->features = want & offered;
	if (!(fe->features & VIRTIO_BIT(VIRTIO_F_VERSION_1)) ||
		(fe->config.packed && !(fe->features & VIRTIO_BIT(VIRTIO_F_RING_PACKED))))
		return -ENOTSUP;
	fe->protocol = 0;
	if (fe->features & VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES)) {
		err = fe_request(fe, VHOST_USER_GET_PROTOCOL_FEATURES, NULL, 0, &protocol, 8);
		if (err)
			return err;
		protocol &= 1u << VHOST_USER_PROTOCOL_F_MQ | 1u << VHOST_USER_PROTOCOL_F_REPLY_ACK |
			    1u << VHOST_USER_PROTOCOL_F_CONFIG;
		err = fe_message(fe, VHOST_USER_SET_PROTOCOL_FEATURES, 0, &protocol, 8, NULL, 0);
		if (err)
			return err;
		fe->protocol = protocol;
		fe->caller.chan.has_reply_ack = protocol >> VHOST_USER_PROTOCOL_F_REPLY_ACK & 1;
	}
	if (fe->n_rings > 2) {
		err = fe_request(fe, VHOST_USER_GET_QUEUE_NUM, NULL, 0, &pairs, 8);
		if (err || pairs < fe->n_rings / 2)
			return err ? err : -ENOTSUP;
	}
	return vhost_caller_set(&fe->caller, VHOST_USER_SET_FEATURES, &fe->features,
		sizeof(fe->features), NULL, 0);
}

static int start_ring(struct fe *fe, unsigned i, uint32_t base)
{
	struct fe_ring *ring = &fe->rings[i];
	const struct vhost_caller_ring call = {
		.index = i,
		.size = ring->size,
		.base = base,
		.desc = ring->desc,
		.avail = ring->avail,
		.used = ring->used,
		.call_fd = ring->call_fd,
		.kick_fd = ring->kick_fd,
		.has_enable = fe->features & VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES),
	};
	int err = vhost_caller_start_ring(&fe->caller, &call);

	return err ? err : fe_ring_kick(ring);
}

int fe_start(struct fe *fe)
{
	for (unsigned i = 0; i < fe->n_rings; i++) {
		int err = start_ring(fe, i, fe_ring_base(&fe->rings[i]));
		if (err)
			return err;
	}
	return 0;
}

int fe_stop(struct fe *fe)
{
	for (unsigned i = 0; i < fe->n_rings; i++) {
		struct vhost_user_vring_state state = {i, 0};
		int err = fe_request(fe, VHOST_USER_GET_VRING_BASE, &state, sizeof(state), &state,
			sizeof(state));
		if (err)
			return err;
	}
	return 0;
}

static int bring_up(struct fe *fe)
{
	int err = establish(fe);

	if (!err)
		err = negotiate(fe);
	if (!err)
		err = vhost_caller_share_memory(&fe->caller, fe->mem_fd, fe->mem, fe->mem_size,
			FE_GPA);
	return err ? err : fe_start(fe);
}

int fe_reconnect(struct fe *fe)
{
	vhost_caller_done(&fe->caller);
	return bring_up(fe);
}

/* ---- Life cycle ---- */

static int lay_out(struct fe *fe)
{
	size_t ring_bytes = fe_ring_bytes(fe->config.ring_size);

	fe->mem_size = (ring_bytes * fe->n_rings + 0x1fffff) & ~(size_t)0x1fffff;
	fe->mem_fd = memfd_create("fe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fe->mem_fd < 0 || ftruncate(fe->mem_fd, (off_t)fe->mem_size))
		return -errno;
	if (!fe->config.unsealed && fcntl(fe->mem_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
		return -errno;
	fe->mem = mmap(NULL, fe->mem_size, PROT_READ | PROT_WRITE, MAP_SHARED, fe->mem_fd, 0);
	if (fe->mem == MAP_FAILED) {
		fe->mem = NULL;
		return -errno;
	}
	for (unsigned i = 0; i < fe->n_rings; i++) {
		uint8_t *at = fe->mem + ring_bytes * i;
		int err = fe_ring_init(&fe->rings[i], at, FE_GPA + (uint64_t)(at - fe->mem),
			fe->config.ring_size, fe->config.packed, i % 2 == 0);
		if (err)
			return err;
	}
	return 0;
}

int fe_create(const struct fe_config *config, struct fe **ret_fe)
{
	struct fe *fe = calloc(1, sizeof(*fe));
	int err = 0;

	if (!fe)
		return -ENOMEM;
	fe->config = *config;
	fe->config.queue_pairs = config->queue_pairs ? config->queue_pairs : 1;
	fe->config.ring_size = config->ring_size ? config->ring_size : 256;
	fe->config.timeout_ms = config->timeout_ms ? config->timeout_ms : 60000;
	fe->listen_fd = fe->caller.chan.fd = fe->mem_fd = -1;
	fe->n_rings = 2u * fe->config.queue_pairs;
	for (unsigned i = 0; i < 32; i++)
		fe->rings[i].kick_fd = fe->rings[i].call_fd = -1;
	if (fe->n_rings > 32 || strlen(config->path) >= sizeof(fe->path))
		err = -EINVAL;
	else
		strcpy(fe->path, config->path);
	if (!err)
		err = lay_out(fe);
	if (!err && config->listen)
		err = open_listener(fe);
	if (!err)
		err = bring_up(fe);
	if (err) {
		fe_destroy(fe);
		return err;
	}
	*ret_fe = fe;
	return 0;
}

void fe_destroy(struct fe *fe)
{
	if (!fe)
		return;
	for (unsigned i = 0; i < 32; i++)
		fe_ring_done(&fe->rings[i]);
	if (fe->listen_fd >= 0) {
		close(fe->listen_fd);
		unlink(fe->path);
	}
	vhost_caller_done(&fe->caller);
	if (fe->mem)
		munmap(fe->mem, fe->mem_size);
	if (fe->mem_fd >= 0)
		close(fe->mem_fd);
	free(fe);
}

uint64_t fe_features(const struct fe *fe)
{
	return fe->features;
}

uint64_t fe_protocol_features(const struct fe *fe)
{
	return fe->protocol;
}

int fe_socket(const struct fe *fe)
{
	return fe->caller.chan.fd;
}

struct fe_ring *fe_ring(struct fe *fe, unsigned i)
{
	return &fe->rings[i];
}

int fe_memory_fd(const struct fe *fe)
{
	return fe->mem_fd;
}

bool fe_is_closed(struct fe *fe)
{
	struct pollfd pfd = {.fd = fe_socket(fe), .events = POLLIN};
	char byte;

	if (poll(&pfd, 1, 0) <= 0)
		return false;
	ssize_t n = recv(fe_socket(fe), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

int fe_link_status(struct fe *fe)
{
	struct vhost_user_config config = {.size = sizeof(struct virtio_net_cfg)};
	struct virtio_net_cfg net;
	uint32_t size = (uint32_t)(offsetof(struct vhost_user_config, data) + config.size);

	if (!(fe->protocol >> VHOST_USER_PROTOCOL_F_CONFIG & 1))
		return -ENOTSUP;
	int err = fe_request(fe, VHOST_USER_GET_CONFIG, &config, size, &config, size);
	if (err)
		return err;
	memcpy(&net, config.data, sizeof(net));
	return net.status & VIRTIO_NET_S_LINK_UP;
}

/* ---- Frames ---- */

int fe_send(struct fe *fe, unsigned queue, const struct virtio_net_hdr_v1 *hdr, const void *frame,
	size_t len)
{
	static const struct virtio_net_hdr_v1 none;
	struct fe_ring *ring = &fe->rings[2 * queue + 1];
	int err = fe_ring_send(ring, hdr ? hdr : &none, frame, len);

	return err ? err : fe_ring_kick(ring);
}

unsigned fe_pending(struct fe *fe, unsigned queue)
{
	return fe_ring_pending(&fe->rings[2 * queue + 1]);
}

int fe_recv(struct fe *fe, unsigned queue, struct virtio_net_hdr_v1 *ret_hdr, void *frame,
	size_t size, unsigned timeout_ms)
{
	struct fe_ring *ring = &fe->rings[2 * queue];
	uint64_t deadline = now_ms() + timeout_ms;
	bool merge = fe->features & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF);
	uint64_t drained;

	for (;;) {
		if (fe->features & VIRTIO_BIT(VIRTIO_F_EVENT_IDX))
			fe_ring_arm(ring);
		int n = fe_ring_recv(ring, merge, ret_hdr, frame, size);
		uint64_t now = now_ms();
		if (n != -EAGAIN || now >= deadline)
			return n;
		if (!wait_for_fd(ring->call_fd, POLLIN, (unsigned)(deadline - now)))
			(void)!read(ring->call_fd, &drained, sizeof(drained)); /* only a wake-up */
	}
}
