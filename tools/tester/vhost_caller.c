#include "vhost_caller.h"

#include "wait.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

void vhost_caller_init(struct vhost_caller *caller, int fd, unsigned timeout_ms)
{
	vhost_chan_init(&caller->chan, fd, NULL, 0);
	caller->timeout_ms = timeout_ms;
}

void vhost_caller_done(struct vhost_caller *caller)
{
	vhost_chan_done(&caller->chan);
}

/* ---- Waiting ---- */

static int wait_for(struct vhost_caller *caller, short events)
{
	return wait_for_fd(caller->chan.fd, events, caller->timeout_ms);
}

static int wait_sent(struct vhost_caller *caller)
{
	int r = 0;

	while (!r && vhost_chan_is_blocked(&caller->chan)) {
		r = wait_for(caller, POLLOUT);
		if (!r)
			r = vhost_chan_flush(&caller->chan);
	}
	return r;
}

/* The reply to request, of size bytes. */
static int wait_reply(struct vhost_caller *caller, uint32_t request, void *ret_payload,
	uint32_t size)
{
	struct vhost_chan *chan = &caller->chan;
	const struct vhost_user_hdr *hdr = &chan->msg.hdr;
	int r;

	while (!(r = vhost_chan_recv(chan, NULL))) {
		r = wait_for(caller, POLLIN);
		if (r)
			return r;
	}
	if (r < 0)
		return r;
	if (hdr->request != request || !(hdr->flags & VHOST_USER_REPLY) || hdr->size != size)
		return -EPROTO;
	memcpy(ret_payload, &chan->msg.payload, size);
	vhost_chan_next(chan);
	return 0;
}

/* ---- Requests ---- */

/* 1: a reply will come. */
static int ask(struct vhost_caller *caller, uint32_t request, const void *payload, uint32_t size,
	const int *fds, unsigned n_fds)
{
	int is_due = vhost_chan_request(&caller->chan, request, payload, size, fds, n_fds);
	int r = is_due < 0 ? is_due : wait_sent(caller);

	return r ? r : is_due;
}

int vhost_caller_get(struct vhost_caller *caller, uint32_t request, const void *payload,
	uint32_t size, void *ret_payload, uint32_t ret_size)
{
	int r = ask(caller, request, payload, size, NULL, 0);

	return r < 0 ? r : wait_reply(caller, request, ret_payload, ret_size);
}

int vhost_caller_set(struct vhost_caller *caller, uint32_t request, const void *payload,
	uint32_t size, const int *fds, unsigned n_fds)
{
	int r = ask(caller, request, payload, size, fds, n_fds);
	uint64_t refused = 0;

	if (r > 0)
		r = wait_reply(caller, request, &refused, sizeof(refused));
	return r ? r : refused ? -EIO : 0;
}

int vhost_caller_send(struct vhost_caller *caller, const struct vhost_user_hdr *hdr,
	const void *payload, const int *fds, unsigned n_fds)
{
	int r = vhost_chan_send(&caller->chan, hdr, payload, fds, n_fds);

	return r ? r : wait_sent(caller);
}

/* ---- Memory and rings ---- */

int vhost_caller_share_memory(struct vhost_caller *caller, int memory_fd, const void *base,
	size_t size, uint64_t gpa)
{
	const struct vhost_user_mem_table table = {
		.n_regions = 1,
		.regions = {{.gpa = gpa, .size = size, .user_addr = (uintptr_t)base}},
	};

	return vhost_caller_set(caller, VHOST_USER_SET_MEM_TABLE, &table,
		offsetof(struct vhost_user_mem_table, regions) + sizeof(table.regions[0]),
		&memory_fd, 1);
}

int vhost_caller_start_ring(struct vhost_caller *caller, const struct vhost_caller_ring *ring)
{
	const struct vhost_user_vring_state num = {ring->index, ring->size};
	const struct vhost_user_vring_state base = {ring->index, ring->base};
	const struct vhost_user_vring_state on = {ring->index, 1};
	const struct vhost_user_vring_addr addr = {.index = ring->index,
		.desc = (uintptr_t)ring->desc,
		.avail = (uintptr_t)ring->avail,
		.used = (uintptr_t)ring->used};
	const uint64_t index = ring->index;
	const struct {
		uint32_t request, size;
		const void *payload;
		const int *fd; /* or NULL */
	} steps[] = {
		{VHOST_USER_SET_VRING_NUM, sizeof(num), &num, NULL},
		{VHOST_USER_SET_VRING_ADDR, sizeof(addr), &addr, NULL},
		{VHOST_USER_SET_VRING_BASE, sizeof(base), &base, NULL},
		{VHOST_USER_SET_VRING_CALL, sizeof(index), &index, &ring->call_fd},
		{VHOST_USER_SET_VRING_KICK, sizeof(index), &index, &ring->kick_fd},
		{VHOST_USER_SET_VRING_ENABLE, sizeof(on), &on, NULL},
	};
	size_t n = sizeof(steps) / sizeof(steps[0]) - !ring->has_enable; /* the last */
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = vhost_caller_set(caller, steps[i].request, steps[i].payload, steps[i].size,
			steps[i].fd, !!steps[i].fd);
	return r;
}
