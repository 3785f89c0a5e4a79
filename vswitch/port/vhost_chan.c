#include "vhost_chan.h"

#include "unix_conn.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define HDR_SIZE sizeof(struct vhost_user_hdr)
/* The most descriptors that the kernel lets a message carry (SCM_MAX_FD).
 * There is room for all: what does not fit is closed within recvmsg(), which
 * may wait. */
#define MSG_MAX_FDS 253

void vhost_chan_init(struct vhost_chan *chan, int fd, struct closer *closer)
{
	chan->fd = fd;
	chan->closer = closer;
	chan->got = 0;
	chan->n_fds = 0;
	unix_conn_receive_inline(fd);
}

void vhost_chan_done(struct vhost_chan *chan)
{
	vhost_chan_next(chan);
	if (chan->fd >= 0)
		closer_close(chan->closer, chan->fd);
	chan->fd = -1;
}

void vhost_chan_next(struct vhost_chan *chan)
{
	for (unsigned i = 0; i < chan->n_fds; i++)
		closer_close(chan->closer, chan->fds[i]);
	chan->n_fds = 0;
	chan->got = 0;
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
			if (chan->n_fds < VHOST_USER_MAX_FDS) {
				chan->fds[chan->n_fds++] = fd;
			} else {
				closer_close(chan->closer, fd);
				fits = false;
			}
		}
	}
	return fits;
}

/*
 * Receive until `want` bytes of the message are here; want ends with the header or with the
 * payload. As vhost_chan_read(); 1 = they are here.
 */
static int receive(struct vhost_chan *chan, size_t want, struct err *err)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * MSG_MAX_FDS)];
		struct cmsghdr align;
	} control;

	while (chan->got < want) {
		/* The payload is aligned in memory, not on the wire: it does not follow the header.
		 */
		uint8_t *to = chan->got < HDR_SIZE
				      ? (uint8_t *)&chan->msg.hdr + chan->got
				      : chan->msg.payload.bytes + (chan->got - HDR_SIZE);
		struct iovec iov = {to, want - chan->got};
		struct msghdr msg = {.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.buf,
			.msg_controllen = sizeof(control.buf)};
		ssize_t n = recvmsg(chan->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return err_set(err, -errno, "reading from the peer failed: %s",
				strerror(errno));
		bool fits = keep_fds(chan, &msg);
		if (n == 0)
			return err_set(err, -ECONNRESET, "the peer closed the connection");
		if (!fits)
			return err_set(err, -EPROTO, "message with more than %u file descriptors",
				VHOST_USER_MAX_FDS);
		chan->got += (size_t)n;
	}
	return 1;
}

int vhost_chan_read(struct vhost_chan *chan, struct err *err)
{
	const struct vhost_user_hdr *hdr = &chan->msg.hdr;
	int ret = receive(chan, chan->got < HDR_SIZE ? HDR_SIZE : chan->got, err);

	if (ret <= 0)
		return ret;
	if ((hdr->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
		return err_set(err, -EPROTO, "message %u with version %u, not %u", hdr->request,
			hdr->flags & VHOST_USER_VERSION_MASK, VHOST_USER_VERSION);
	if (hdr->size > VHOST_USER_MAX_PAYLOAD)
		return err_set(err, -EPROTO, "message %u with %u bytes of payload, more than %u",
			hdr->request, hdr->size, VHOST_USER_MAX_PAYLOAD);
	return receive(chan, HDR_SIZE + hdr->size, err);
}

int vhost_chan_reply(struct vhost_chan *chan, const void *payload, size_t size)
{
	struct vhost_user_hdr hdr = {
		chan->msg.hdr.request, VHOST_USER_VERSION | VHOST_USER_REPLY, (uint32_t)size};
	struct iovec iov[2] = {{&hdr, sizeof(hdr)}, {(void *)(uintptr_t)payload, size}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t n = sendmsg(chan->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	return (size_t)n == sizeof(hdr) + size ? 0 : -EAGAIN;
}
