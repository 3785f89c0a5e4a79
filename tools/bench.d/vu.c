#include "vu.h"

#include "vhost_user.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define HUGE_PAGE (2u << 20)
#define FIRST_GPA UINT64_C(0x100000000)
#define RETRY_MS  20

enum { RECEIVE, SEND }; /* ring numbers, VIRTIO 1.2, 5.1.2 */

/* ---- Messages ---- */

static int send_message(struct vu_port *port, uint32_t request, uint32_t flags, const void *payload,
	uint32_t size, int fd)
{
	struct vhost_user_hdr hdr = {request, VHOST_USER_VERSION | flags, size};
	struct iovec iov[2] = {{&hdr, sizeof(hdr)}, {(void *)(uintptr_t)payload, size}};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = size ? 2 : 1};

	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	ssize_t n = sendmsg(port->fd, &msg, MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return (size_t)n == sizeof(hdr) + size ? 0 : -EIO;
}

static int wait_readable(int fd, unsigned timeout_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	int n = poll(&pfd, 1, (int)timeout_ms);

	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

static int read_all(struct vu_port *port, void *buf, size_t size)
{
	for (size_t got = 0; got < size;) {
		int r = wait_readable(port->fd, port->config.timeout_ms);

		if (r)
			return r;
		ssize_t n = recv(port->fd, (char *)buf + got, size - got, 0);
		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		got += (size_t)n;
	}
	return 0;
}

static int read_u64(struct vu_port *port, uint32_t request, uint64_t *ret_value)
{
	struct vhost_user_hdr hdr;
	int r = read_all(port, &hdr, sizeof(hdr));

	if (r)
		return r;
	if (hdr.request != request || !(hdr.flags & VHOST_USER_REPLY) ||
		hdr.size != sizeof(*ret_value))
		return -EPROTO;
	return read_all(port, ret_value, sizeof(*ret_value));
}

static int get_u64(struct vu_port *port, uint32_t request, uint64_t *ret_value)
{
	int r = send_message(port, request, 0, NULL, 0, -1);

	return r ? r : read_u64(port, request, ret_value);
}

/* Change something and wait until it is done, where the switch tells. */
static int change(struct vu_port *port, uint32_t request, const void *payload, uint32_t size,
	int fd)
{
	bool ack = port->protocol >> VHOST_USER_PROTOCOL_F_REPLY_ACK & 1;
	int r = send_message(port, request, ack ? VHOST_USER_NEED_REPLY : 0, payload, size, fd);
	uint64_t refused = 0;

	if (r || !ack)
		return r;
	r = read_u64(port, request, &refused);
	return r ? r : refused ? -EIO : 0;
}

/* ---- Connection ---- */

static int open_listener(struct vu_port *port)
{
	return unix_listen(port->config.path, 0, 1, "socket", &port->listener, NULL);
}

static int connect_to_switch(struct vu_port *port)
{
	struct sockaddr_un addr;
	int r = unix_address(port->config.path, &addr);

	for (unsigned waited_ms = 0; !r; waited_ms += RETRY_MS) {
		port->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (port->fd < 0)
			return -errno;
		if (!connect(port->fd, (struct sockaddr *)&addr, sizeof(addr)))
			return 0;
		r = errno == ENOENT || errno == ECONNREFUSED ? 0 : -errno;
		close(port->fd);
		port->fd = -1;
		if (!r && (port->config.once || waited_ms >= port->config.timeout_ms))
			r = -ETIMEDOUT;
		if (!r)
			usleep(RETRY_MS * 1000);
	}
	return r;
}

static int establish(struct vu_port *port)
{
	int r;

	if (!port->config.listen)
		return connect_to_switch(port);
	r = wait_readable(port->listener.fd, port->config.once ? 0 : port->config.timeout_ms);
	if (r)
		return r;
	port->fd = accept4(port->listener.fd, NULL, NULL, SOCK_CLOEXEC);
	return port->fd < 0 ? -errno : 0;
}

static uint64_t required_features(const struct vu_port *port)
{
	uint64_t features =
		VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES);

	if (port->config.send.packed)
		features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	if (port->config.offloads)
		features |= VIRTIO_BIT(VIRTIO_NET_F_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) |
			    VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) |
			    VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4);
	return features;
}

static int negotiate(struct vu_port *port)
{
	uint64_t offered = 0, protocol = 0, need = required_features(port);
	int r = send_message(port, VHOST_USER_SET_OWNER, 0, NULL, 0, -1);

	if (!r)
		r = get_u64(port, VHOST_USER_GET_FEATURES, &offered);
	if (r)
		return r;
	if (need & ~offered)
		return -ENOTSUP;
	port->features = need | (offered & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF));
	r = get_u64(port, VHOST_USER_GET_PROTOCOL_FEATURES, &protocol);
	if (r)
		return r;
	protocol &= 1u << VHOST_USER_PROTOCOL_F_REPLY_ACK;
	r = send_message(port, VHOST_USER_SET_PROTOCOL_FEATURES, 0, &protocol, sizeof(protocol),
		-1);
	port->protocol = protocol;
	return r ? r
		 : change(port, VHOST_USER_SET_FEATURES, &port->features, sizeof(port->features),
			   -1);
}

static int share_memory(struct vu_port *port)
{
	struct vhost_user_mem_table table = {.n_regions = 1,
		.regions = {{.gpa = FIRST_GPA,
			.size = port->mem_size,
			.user_addr = (uintptr_t)port->mem}}};

	return change(port, VHOST_USER_SET_MEM_TABLE, &table,
		offsetof(struct vhost_user_mem_table, regions) + sizeof(table.regions[0]),
		port->mem_fd);
}

static int start_ring(struct vu_port *port, uint32_t i, const struct pump *pump)
{
	struct vhost_user_vring_state num = {i, pump->size}, enable = {i, 1};
	struct vhost_user_vring_state base = {i,
		pump->packed ? VHOST_USER_PACKED_BASE_WRAP | VHOST_USER_PACKED_BASE_WRAP << 16 : 0};
	struct vhost_user_vring_addr addr = {.index = i,
		.desc = (uintptr_t)pump->desc,
		.avail = (uintptr_t)pump->avail,
		.used = (uintptr_t)pump->used};
	uint64_t index = i, one = 1;
	int r = change(port, VHOST_USER_SET_VRING_NUM, &num, sizeof(num), -1);

	if (!r)
		r = change(port, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), -1);
	if (!r)
		r = change(port, VHOST_USER_SET_VRING_BASE, &base, sizeof(base), -1);
	if (!r)
		r = change(port, VHOST_USER_SET_VRING_CALL, &index, sizeof(index),
			port->call_fds[i]);
	if (!r)
		r = change(port, VHOST_USER_SET_VRING_KICK, &index, sizeof(index),
			port->kick_fds[i]);
	if (!r)
		r = change(port, VHOST_USER_SET_VRING_ENABLE, &enable, sizeof(enable), -1);
	if (!r && write(port->kick_fds[i], &one, sizeof(one)) != sizeof(one))
		r = -errno;
	return r;
}

int vu_start(struct vu_port *port)
{
	int r = establish(port);

	if (!r)
		r = negotiate(port);
	if (!r)
		r = share_memory(port);
	if (!r)
		r = start_ring(port, RECEIVE, &port->receive);
	return r ? r : start_ring(port, SEND, &port->send);
}

void vu_kick(const struct vu_port *port)
{
	const uint64_t one = 1;

	/* It fails when 2^64 - 2 kicks are pending: then the switch knows already. */
	(void)!write(port->kick_fds[SEND], &one, sizeof(one));
}

bool vu_is_closed(const struct vu_port *port)
{
	char byte;

	return recv(port->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* ---- Memory ---- */

static int map_memory(struct vu_port *port, unsigned flags)
{
	port->mem_fd = memfd_create("bench-fe", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
	if (port->mem_fd < 0)
		return -errno;
	/* The switch may refuse memory that could be cut off under it. */
	if (ftruncate(port->mem_fd, (off_t)port->mem_size) ||
		fcntl(port->mem_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
		goto fail;
	port->mem = mmap(NULL, port->mem_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		port->mem_fd, 0);
	if (port->mem != MAP_FAILED)
		return 0;
	port->mem = NULL;
fail:;
	int r = -errno;
	close(port->mem_fd);
	port->mem_fd = -1;
	return r;
}

static int lay_out(struct vu_port *port)
{
	const struct vu_config *config = &port->config;
	size_t send_bytes = pump_bytes(&config->send);
	int r;

	port->mem_size = (send_bytes + pump_bytes(&config->receive) + HUGE_PAGE - 1) &
			 ~(size_t)(HUGE_PAGE - 1);
	port->huge = true;
	r = map_memory(port, MFD_HUGETLB);
	if (r) {
		port->huge = false;
		r = map_memory(port, 0);
	}
	if (r)
		return r;
	pump_init(&port->send, &config->send, port->mem, FIRST_GPA);
	pump_init(&port->receive, &config->receive, port->mem + send_bytes, FIRST_GPA + send_bytes);
	return 0;
}

int vu_open(struct vu_port *port, const struct vu_config *config)
{
	int r;

	*port = (struct vu_port){.config = *config, .listener.fd = -1, .fd = -1, .mem_fd = -1};
	for (unsigned i = 0; i < 2; i++)
		port->kick_fds[i] = port->call_fds[i] = -1;
	for (unsigned i = 0; i < 2; i++) {
		port->kick_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		port->call_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (port->kick_fds[i] < 0 || port->call_fds[i] < 0)
			return -errno;
	}
	r = lay_out(port);
	return r || !config->listen ? r : open_listener(port);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void empty_ring(struct pump *pump, const struct pump_layout *layout, uint8_t *mem,
	uint64_t gpa)
{
	uint32_t *lens = pump->lens;

	memset(mem, 0, pump_ring_bytes(layout));
	pump_init(pump, layout, mem, gpa);
	if (lens)
		pump_use_lens(pump, lens);
}

void vu_reset(struct vu_port *port)
{
	size_t send_bytes = pump_bytes(&port->config.send);

	close_fd(port->fd);
	port->fd = -1;
	port->protocol = 0;
	empty_ring(&port->send, &port->config.send, port->mem, FIRST_GPA);
	empty_ring(&port->receive, &port->config.receive, port->mem + send_bytes,
		FIRST_GPA + send_bytes);
}

void vu_close(struct vu_port *port)
{
	if (port->mem)
		munmap(port->mem, port->mem_size);
	for (unsigned i = 0; i < 2; i++) {
		close_fd(port->kick_fds[i]);
		close_fd(port->call_fds[i]);
	}
	if (port->config.path)
		unix_listener_close(&port->listener, port->config.path, NULL);
	close_fd(port->fd);
	close_fd(port->mem_fd);
	*port = (struct vu_port){.listener.fd = -1,
		.fd = -1,
		.mem_fd = -1,
		.kick_fds = {-1, -1},
		.call_fds = {-1, -1}};
}
