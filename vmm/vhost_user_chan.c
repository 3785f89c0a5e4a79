#include "vhost_user_chan.h"

#include "unix_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct vhost_chan_out {
	struct vhost_chan_out *next;
	unsigned n_fds; /* 0 once they are gone */
	int fds[VHOST_USER_MAX_FDS];
	size_t size, sent;
	uint8_t bytes[];
};

void vhost_chan_init(struct vhost_chan *chan, int fd)
{
	*chan = (struct vhost_chan){.fd = fd};
}

static void vhost_chan_drop_first(struct vhost_chan *chan)
{
	struct vhost_chan_out *out = chan->out_first;

	chan->out_first = out->next;
	if (!chan->out_first)
		chan->out_last = NULL;
	chan->n_out--;
	free(out);
}

void vhost_chan_done(struct vhost_chan *chan, struct closer *closer)
{
	if (chan->fd >= 0)
		unix_conn_end(chan->fd, closer);
	while (chan->out_first)
		vhost_chan_drop_first(chan);
	chan->fd = -1;
	chan->n_in = 0;
}

/* Descriptors go with the first byte. Returns bytes sent or -errno. */
static ssize_t vhost_chan_sendmsg(int fd, const struct vhost_chan_out *out)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * VHOST_USER_MAX_FDS)];
	} control = {0};
	struct iovec iov = {
		.iov_base = (void *)(uintptr_t)(out->bytes + out->sent),
		.iov_len = out->size - out->sent,
	};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (out->n_fds) {
		struct cmsghdr *cmsg;

		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * out->n_fds);
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * out->n_fds);
		memcpy(CMSG_DATA(cmsg), out->fds, sizeof(int) * out->n_fds);
	}
	do {
		n = sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int vhost_chan_flush(struct vhost_chan *chan)
{
	while (chan->out_first) {
		struct vhost_chan_out *out = chan->out_first;
		ssize_t n = vhost_chan_sendmsg(chan->fd, out);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)n;
		out->n_fds = 0;
		out->sent += (size_t)n;
		if (out->sent == out->size)
			vhost_chan_drop_first(chan);
	}
	return 0;
}

int vhost_chan_send(struct vhost_chan *chan, const struct vhost_user_hdr *hdr, const void *payload,
	const int *fds, unsigned n_fds)
{
	struct vhost_chan_out *out;

	if (chan->n_out >= VHOST_CHAN_MAX_QUEUED || n_fds > VHOST_USER_MAX_FDS)
		return -ENOBUFS;
	out = malloc(sizeof(*out) + sizeof(*hdr) + hdr->size);
	if (!out)
		return -ENOMEM;
	*out = (struct vhost_chan_out){.n_fds = n_fds, .size = sizeof(*hdr) + hdr->size};
	memcpy(out->bytes, hdr, sizeof(*hdr));
	if (hdr->size)
		memcpy(out->bytes + sizeof(*hdr), payload, hdr->size);
	if (n_fds)
		memcpy(out->fds, fds, sizeof(int) * n_fds);
	if (chan->out_last)
		chan->out_last->next = out;
	else
		chan->out_first = out;
	chan->out_last = out;
	chan->n_out++;
	return vhost_chan_flush(chan);
}

bool vhost_chan_is_blocked(const struct vhost_chan *chan)
{
	return chan->out_first;
}

/*
 * Read until the part dst[size_bytes], which begins at byte `begin` of the message, is here. 1 when
 * it is, 0 when the socket is empty.
 */
static int vhost_chan_fill(struct vhost_chan *chan, void *dst, size_t begin, size_t size_bytes)
{
	while (chan->n_in < begin + size_bytes) {
		size_t done = chan->n_in - begin;
		ssize_t n = unix_conn_read(chan->fd, (uint8_t *)dst + done, size_bytes - done);

		if (n > 0)
			chan->n_in += (size_t)n;
		else if (!n)
			return -ECONNRESET;
		else if (n == -EAGAIN)
			return 0;
		else if (n != -EINTR)
			return (int)n;
	}
	return 1;
}

int vhost_chan_recv(struct vhost_chan *chan, struct vhost_user_msg *ret_msg)
{
	struct vhost_user_hdr *hdr = &chan->in.hdr;
	int code = vhost_chan_fill(chan, hdr, 0, sizeof(*hdr));

	if (code <= 0)
		return code;
	if ((hdr->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION ||
		hdr->size > VHOST_USER_MAX_PAYLOAD)
		return -EPROTO;
	code = vhost_chan_fill(chan, chan->in.payload.bytes, sizeof(*hdr), hdr->size);
	if (code <= 0)
		return code;
	*ret_msg = (struct vhost_user_msg){.hdr = *hdr};
	memcpy(ret_msg->payload.bytes, chan->in.payload.bytes, hdr->size);
	chan->n_in = 0;
	return 1;
}
