#include "vhost_user_chan.h"

#include "closer.h"
#include "err.h"
#include "unix_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HDR_SIZE sizeof(struct vhost_user_hdr)
/* The most descriptors that the kernel lets a message carry (SCM_MAX_FD). There is room for all:
 * what does not fit is closed within recvmsg(), which may wait. */
#define MSG_MAX_FDS 253

struct vhost_chan_out {
	struct vhost_chan_out *next;
	unsigned n_fds; /* 0 once they are gone */
	int fds[VHOST_USER_MAX_FDS];
	size_t size, sent;
	uint8_t bytes[];
};

bool vhost_user_has_answer(uint32_t request)
{
	switch (request) {
	case VHOST_USER_GET_FEATURES:
	case VHOST_USER_GET_VRING_BASE:
	case VHOST_USER_GET_PROTOCOL_FEATURES:
	case VHOST_USER_GET_QUEUE_NUM:
	case VHOST_USER_GET_CONFIG:
	case VHOST_USER_GET_MAX_MEM_SLOTS:
	case VHOST_USER_GET_STATUS:
		return true;
	default:
		return false;
	}
}

/* ---- Life cycle ------------------------------------------------------------------------------ */

void vhost_chan_init(struct vhost_chan *chan, int fd, struct closer *closer, unsigned max_fds)
{
	*chan = (struct vhost_chan){.fd = fd, .closer = closer, .max_fds = max_fds};
	unix_conn_receive_inline(fd);
}

static void close_fd(struct vhost_chan *chan, int fd)
{
	if (chan->closer)
		closer_close(chan->closer, fd);
	else if (fd >= 0)
		(void)close(fd);
}

static void drop_first(struct vhost_chan *chan)
{
	struct vhost_chan_out *out = chan->out_first;

	chan->out_first = out->next;
	if (!chan->out_first)
		chan->out_last = NULL;
	chan->n_out--;
	free(out);
}

void vhost_chan_done(struct vhost_chan *chan)
{
	vhost_chan_next(chan);
	if (chan->fd >= 0 && chan->closer)
		unix_conn_end(chan->fd, chan->closer);
	else if (chan->fd >= 0)
		(void)close(chan->fd);
	while (chan->out_first)
		drop_first(chan);
	chan->fd = -1;
}

/* ---- Receiving ------------------------------------------------------------------------------- */

void vhost_chan_next(struct vhost_chan *chan)
{
	for (unsigned i = 0; i < chan->n_fds; i++)
		close_fd(chan, chan->fds[i]);
	chan->n_fds = 0;
	chan->n_in = 0;
}

int vhost_chan_take_fd(struct vhost_chan *chan, unsigned i)
{
	int fd = -1;

	if (i < chan->n_fds) {
		fd = chan->fds[i];
		chan->fds[i] = -1;
	}
	return fd;
}

/* Keep what the peer sent along; false when there was more than a message may carry. */
static bool keep_fds(struct vhost_chan *chan, struct msghdr *msg)
{
	bool fits = !(msg->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (chan->n_fds < chan->max_fds) {
				chan->fds[chan->n_fds++] = fd;
			} else {
				close_fd(chan, fd);
				fits = false;
			}
		}
	}
	return fits;
}

/* Bytes read, 0 = the peer has closed, -EBADMSG = there are too many descriptors, or -errno. */
static ssize_t read_with_fds(struct vhost_chan *chan, void *dst, size_t size)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * MSG_MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {dst, size};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf)};
	ssize_t n;

	do {
		n = recvmsg(chan->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return keep_fds(chan, &msg) ? n : -EBADMSG;
}

/*
 * Receive until `want` bytes of the message are here; want ends with the header or with the
 * payload. As vhost_chan_recv(); 1 = they are here.
 */
static int receive(struct vhost_chan *chan, size_t want, struct err *err)
{
	while (chan->n_in < want) {
		/* Only in memory is the payload aligned, and may lie apart from the header. */
		uint8_t *to = chan->n_in < HDR_SIZE
				      ? (uint8_t *)&chan->msg.hdr + chan->n_in
				      : chan->msg.payload.bytes + (chan->n_in - HDR_SIZE);
		size_t left = want - chan->n_in;
		ssize_t n = chan->max_fds ? read_with_fds(chan, to, left)
					  : unix_conn_read(chan->fd, to, left);

		if (n > 0)
			chan->n_in += (size_t)n;
		else if (!n)
			return err_set(err, -ECONNRESET, "the peer closed the connection");
		else if (n == -EAGAIN)
			return 0;
		else if (n == -EBADMSG)
			return err_set(err, -EPROTO, "message with more than %u file descriptors",
				chan->max_fds);
		else if (n != -EINTR)
			return err_set(err, (int)n, "reading from the peer failed: %s",
				strerror((int)-n));
	}
	return 1;
}

int vhost_chan_recv(struct vhost_chan *chan, struct err *err)
{
	const struct vhost_user_hdr *hdr = &chan->msg.hdr;
	int r = receive(chan, chan->n_in < HDR_SIZE ? HDR_SIZE : chan->n_in, err);

	if (r <= 0)
		return r;
	if ((hdr->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
		return err_set(err, -EPROTO, "message %u with version %u, not %u", hdr->request,
			hdr->flags & VHOST_USER_VERSION_MASK, VHOST_USER_VERSION);
	if (hdr->size > VHOST_USER_MAX_PAYLOAD)
		return err_set(err, -EPROTO, "message %u with %u bytes of payload, more than %u",
			hdr->request, hdr->size, VHOST_USER_MAX_PAYLOAD);
	if (chan->n_in == HDR_SIZE)
		memset(&chan->msg.payload, 0, sizeof(chan->msg.payload));
	chan->is_ack_due = hdr->flags & VHOST_USER_NEED_REPLY && chan->has_reply_ack;
	return receive(chan, HDR_SIZE + hdr->size, err);
}

/* ---- Sending --------------------------------------------------------------------------------- */

/* Descriptors go with the first byte. Returns bytes sent or -errno. */
static ssize_t send_some(int fd, struct iovec *iov, size_t n_iov, const int *fds, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * VHOST_USER_MAX_FDS)];
	} control = {0};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n_iov};
	ssize_t n;

	if (n_fds) {
		control.align = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int) * n_fds)};
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * n_fds);
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
	}
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t send_message(int fd, const struct vhost_user_hdr *hdr, const void *payload,
	const int *fds, unsigned n_fds)
{
	struct iovec iov[2] = {
		{(void *)(uintptr_t)hdr, HDR_SIZE}, {(void *)(uintptr_t)payload, hdr->size}};

	return send_some(fd, iov, hdr->size ? 2 : 1, fds, n_fds);
}

/* Let the rest of a message wait, of which some bytes, and then its descriptors, are sent. */
static int queue_rest(struct vhost_chan *chan, const struct vhost_user_hdr *hdr,
	const void *payload, const int *fds, unsigned n_fds, size_t sent)
{
	struct vhost_chan_out *out;

	if (chan->n_out >= VHOST_CHAN_MAX_QUEUED)
		return -ENOBUFS;
	out = malloc(sizeof(*out) + HDR_SIZE + hdr->size);
	if (!out)
		return -ENOMEM;
	*out = (struct vhost_chan_out){
		.n_fds = sent ? 0 : n_fds, .size = HDR_SIZE + hdr->size, .sent = sent};
	memcpy(out->bytes, hdr, HDR_SIZE);
	if (hdr->size)
		memcpy(out->bytes + HDR_SIZE, payload, hdr->size);
	if (n_fds)
		memcpy(out->fds, fds, sizeof(int) * n_fds);
	if (chan->out_last)
		chan->out_last->next = out;
	else
		chan->out_first = out;
	chan->out_last = out;
	chan->n_out++;
	return 0;
}

int vhost_chan_send(struct vhost_chan *chan, const struct vhost_user_hdr *hdr, const void *payload,
	const int *fds, unsigned n_fds)
{
	ssize_t n = 0;
	int r;

	if (n_fds > VHOST_USER_MAX_FDS)
		return -ENOBUFS;
	r = vhost_chan_flush(chan);
	if (r)
		return r;
	if (!chan->out_first)
		n = send_message(chan->fd, hdr, payload, fds, n_fds);
	if (n < 0 && n != -EAGAIN)
		return (int)n;
	if (n == (ssize_t)(HDR_SIZE + hdr->size))
		return 0;
	return queue_rest(chan, hdr, payload, fds, n_fds, n > 0 ? (size_t)n : 0);
}

int vhost_chan_flush(struct vhost_chan *chan)
{
	while (chan->out_first) {
		struct vhost_chan_out *out = chan->out_first;
		struct iovec iov = {out->bytes + out->sent, out->size - out->sent};
		ssize_t n = send_some(chan->fd, &iov, 1, out->fds, out->n_fds);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)n;
		out->n_fds = 0;
		out->sent += (size_t)n;
		if (out->sent == out->size)
			drop_first(chan);
	}
	return 0;
}

bool vhost_chan_is_blocked(const struct vhost_chan *chan)
{
	return chan->out_first;
}

int vhost_chan_request(struct vhost_chan *chan, uint32_t request, const void *payload,
	uint32_t size, const int *fds, unsigned n_fds)
{
	bool has_answer = vhost_user_has_answer(request);
	bool is_acked = !has_answer && chan->has_reply_ack;
	const struct vhost_user_hdr hdr = {
		request, VHOST_USER_VERSION | (is_acked ? VHOST_USER_NEED_REPLY : 0), size};
	int r = vhost_chan_send(chan, &hdr, payload, fds, n_fds);

	return r ? r : has_answer || is_acked;
}

int vhost_chan_reply(struct vhost_chan *chan, const void *payload, size_t size)
{
	const struct vhost_user_hdr hdr = {
		chan->msg.hdr.request, VHOST_USER_VERSION | VHOST_USER_REPLY, (uint32_t)size};
	ssize_t n = chan->out_first ? -EAGAIN : send_message(chan->fd, &hdr, payload, NULL, 0);

	if (n < 0)
		return (int)n;
	return (size_t)n == HDR_SIZE + size ? 0 : -EAGAIN;
}

int vhost_chan_ack(struct vhost_chan *chan, uint64_t result)
{
	return chan->is_ack_due ? vhost_chan_reply(chan, &result, sizeof(result)) : 0;
}
