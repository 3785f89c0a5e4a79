#include "vu.h"

#include "vhost_user.h"
#include "wait.h"

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
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0)
			return -errno;
		if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
			vhost_caller_init(&port->caller, fd, port->config.timeout_ms);
			return 0;
		}
		r = errno == ENOENT || errno == ECONNREFUSED ? 0 : -errno;
		close(fd);
		if (!r && (port->config.once || waited_ms >= port->config.timeout_ms))
			r = -ETIMEDOUT;
		if (!r)
			usleep(RETRY_MS * 1000);
	}
	return r;
}

static int establish(struct vu_port *port)
{
	int r, fd;

	if (!port->config.listen)
		return connect_to_switch(port);
	r = wait_for_fd(port->listener.fd, POLLIN, port->config.once ? 0 : port->config.timeout_ms);
	if (r)
		return r;
	fd = accept4(port->listener.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	vhost_caller_init(&port->caller, fd, port->config.timeout_ms);
	return 0;
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
	struct vhost_caller *caller = &port->caller;
	int r = vhost_caller_set(caller, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0);

	if (!r)
		r = vhost_caller_get(caller, VHOST_USER_GET_FEATURES, NULL, 0, &offered,
			sizeof(offered));
	if (r)
		return r;
	if (need & ~offered)
		return -ENOTSUP;
	port->features = need | (offered & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF));
	r = vhost_caller_get(caller, VHOST_USER_GET_PROTOCOL_FEATURES, NULL, 0, &protocol,
		sizeof(protocol));
	if (r)
		return r;
	protocol &= 1u << VHOST_USER_PROTOCOL_F_REPLY_ACK;
	r = vhost_caller_set(caller, VHOST_USER_SET_PROTOCOL_FEATURES, &protocol, sizeof(protocol),
		NULL, 0);
	caller->chan.has_reply_ack = protocol;
	return r ? r
		 : vhost_caller_set(caller, VHOST_USER_SET_FEATURES, &port->features,
			   sizeof(port->features), NULL, 0);
}

static int start_ring(struct vu_port *port, uint32_t i, const struct pump *pump)
{
	const struct vhost_caller_ring ring = {
		.index = i,
		.size = pump->size,
		.base = pump->packed
				? VHOST_USER_PACKED_BASE_WRAP | VHOST_USER_PACKED_BASE_WRAP << 16
				: 0,
		.desc = pump->desc,
		.avail = pump->avail,
		.used = pump->used,
		.call_fd = port->call_fds[i],
		.kick_fd = port->kick_fds[i],
		.has_enable = true,
	};
	const uint64_t one = 1;
	int r = vhost_caller_start_ring(&port->caller, &ring);

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
		r = vhost_caller_share_memory(&port->caller, port->mem_fd, port->mem,
			port->mem_size, FIRST_GPA);
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

	return recv(port->caller.chan.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
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

	*port = (struct vu_port){
		.config = *config, .listener.fd = -1, .caller.chan.fd = -1, .mem_fd = -1};
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

	vhost_caller_done(&port->caller);
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
	vhost_caller_done(&port->caller);
	close_fd(port->mem_fd);
	*port = (struct vu_port){.listener.fd = -1,
		.caller.chan.fd = -1,
		.mem_fd = -1,
		.kick_fds = {-1, -1},
		.call_fds = {-1, -1}};
}
