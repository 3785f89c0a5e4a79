/*
 * A vhost-user back-end that answers wrongly, to the VMM's front-end. The peer here reads each
 * request and answers as a good one would; input bytes decide where it deviates: 0..0xbf is a good
 * answer, others change value, size, flags or request, drop, double or add messages, attach a
 * socket whose close() waits for an hour, also to a byte out of band, or hang up. The session is
 * started, paused and stopped meanwhile. No round may make the front-end send more than
 * MAX_REQUESTS, no connection outlives more answers than it asked for, and every place in a ring
 * that it hands on lies in the ring. It waits for nothing (FUZZ_MAX_WAIT_NS) and leaves nothing
 * open but a connection, and its other channel, that descriptors lie in.
 */
#include "fuzz.h"

#include "ev.h"
#include "fds.h"
#include "log.h"
#include "mem.h"
#include "odd.h"
#include "vhost_user_chan.h"
#include "vhost_user_fe.h"
#include "virtio_wire.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/sockios.h>

#define MAX_ROUNDS   200
#define RING_SIZE    8
#define N_RINGS      4
#define MAX_REQUESTS (N_RINGS * 10 + 20) /* a session taken back, and one begun */
#define MAX_SENT_FDS 4

struct input {
	const uint8_t *data;
	size_t left;
};

static uint8_t next(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->data++;
}

static void ignore(void *ctx)
{
}

static int readers[MAX_SENT_FDS]; /* of the sockets that were sent; closing them ends the waiting */
static unsigned n_readers;

/* Bytes of a message, and with them a socket whose last close(), by whoever it is, waits. */
static void put_fd(int to, const void *bytes, size_t size)
{
	if (n_readers == MAX_SENT_FDS)
		return;
	readers[n_readers] = -1;
	(void)odd_socket_send(to, bytes, size, &readers[n_readers++]); /* or it has hung up */
}

static void put_urgent(int to)
{
	if (n_readers == MAX_SENT_FDS)
		return;
	readers[n_readers] = -1;
	(void)odd_socket_send_urgent(to, &readers[n_readers++]);
}

/* The messages of one connection, as long as it is told where each of them ends. */
static struct {
	unsigned n_asked, n_answers;
	bool is_cut;
} count;

/* False: not all; the front-end may have hung up. */
static bool put(int fd, const void *bytes, size_t size)
{
	return send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

static void put_msg(int fd, const struct vhost_user_hdr *hdr, const void *payload, size_t size)
{
	if (!put(fd, hdr, sizeof(*hdr)) || !put(fd, payload, size) || size != hdr->size)
		count.is_cut = true;
	count.n_answers++;
}

/* An answer, though nothing may have been asked. */
static void put_unasked(int fd, uint8_t request)
{
	const struct vhost_user_hdr hdr = {request, VHOST_USER_VERSION | VHOST_USER_REPLY, 8};
	const uint64_t value = 0;

	put_msg(fd, &hdr, &value, sizeof(value));
}

static uint32_t good_answer(const struct vhost_user_msg *msg, struct input *in, uint8_t *payload)
{
	uint64_t value = 0;

	switch (msg->hdr.request) {
	case VHOST_USER_GET_FEATURES:
		value = next(in) % 8 ? UINT64_MAX : 0;
		break;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		value = ~(uint64_t)next(in);
		value ^= (uint64_t)next(in) << 8;
		break;
	case VHOST_USER_GET_QUEUE_NUM:
		value = next(in);
		break;
	case VHOST_USER_GET_VRING_BASE:
	case VHOST_USER_GET_CONFIG:
		memcpy(payload, msg->payload.bytes, msg->hdr.size);
		return msg->hdr.size;
	}
	memcpy(payload, &value, sizeof(value));
	return sizeof(value);
}

/* False: hang up. */
static bool answer(int fd, const struct vhost_user_msg *msg, struct input *in)
{
	uint8_t payload[VHOST_USER_MAX_PAYLOAD] = {0};
	struct vhost_user_hdr hdr = {msg->hdr.request, VHOST_USER_VERSION | VHOST_USER_REPLY, 0};
	uint8_t deviation = next(in);
	uint32_t size;

	hdr.size = size = good_answer(msg, in, payload);
	switch (deviation) {
	case 0xc0 ... 0xc3:
		return false;
	case 0xc4 ... 0xc7:
		count.is_cut = true;
		put_fd(fd, &hdr, sizeof(hdr));
		(void)put(fd, payload, size);
		return deviation & 1;
	case 0xc8 ... 0xcf:
		return true; /* no answer */
	case 0xd0 ... 0xd7:
		hdr.size = next(in) | (uint32_t)next(in) << 8 | (uint32_t)next(in) << 24;
		break;
	case 0xd8 ... 0xdf:
		hdr.flags = next(in);
		break;
	case 0xe0 ... 0xe7:
		hdr.request = next(in);
		break;
	case 0xe8 ... 0xef:
		payload[next(in) % 32] ^= next(in);
		break;
	case 0xf0 ... 0xf7:
		put_msg(fd, &hdr, payload, size);
		break;
	case 0xf8 ... 0xff:
		size = next(in) % (size + 1);
		break;
	}
	put_msg(fd, &hdr, payload, size);
	return true;
}

/* The next request of the front-end, in chan->msg; the channel to it stays open if it came along.
 * 1, 0, or -errno. */
static int take(struct vhost_chan *chan, int *channel)
{
	int r;

	vhost_chan_next(chan);
	r = vhost_chan_recv(chan, NULL);
	if (r > 0 && chan->msg.hdr.request == VHOST_USER_SET_BACKEND_REQ_FD && *channel < 0)
		*channel = vhost_chan_take_fd(chan, 0);
	return r;
}

static void disturb(struct vhost_fe *fe, const struct vhost_fe_session *session, int fd,
	int channel, struct input *in)
{
	static const struct ether_addr48 mac = {{2, 0, 0, 0, 0, 1}};
	struct vhost_user_hdr hdr = {VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, VHOST_USER_VERSION, 0};

	switch (next(in) % 16) {
	case 1:
		vhost_fe_start(fe, session);
		break;
	case 2:
		vhost_fe_stop(fe);
		break;
	case 3:
		vhost_fe_set_ring_enabled(fe, next(in) % 4, next(in) & 1);
		break;
	case 4:
		vhost_fe_set_call_fd(fe, next(in) % 4, -1);
		break;
	case 8:
		vhost_fe_set_paused(fe, true);
		break;
	case 9:
		vhost_fe_set_paused(fe, false);
		break;
	case 10:
		vhost_fe_abandon(fe);
		break;
	case 11:
		vhost_fe_sync(fe);
		break;
	case 5:
		(void)vhost_fe_send_rarp(fe, &mac);
		break;
	case 6:
		hdr.flags |= next(in);
		(void)put(channel, &hdr, sizeof(hdr));
		break;
	case 7:
		hdr.request = next(in);
		hdr.size = next(in);
		(void)put(channel, &hdr, sizeof(hdr));
		(void)put(channel, &hdr, next(in) % sizeof(hdr));
		break;
	case 12:
		if (channel >= 0)
			put_fd(channel, &hdr, 1 + next(in) % sizeof(hdr));
		break;
	case 13:
		put_unasked(fd, next(in));
		break;
	case 14:
		put_urgent(fd);
		break;
	case 15:
		if (channel >= 0)
			put_urgent(channel);
		break;
	}
}

/* What a back-end said of a ring comes to the next one: never a place outside. */
static void check_base(const struct vhost_fe_session *session, const struct vhost_user_msg *msg)
{
	uint32_t base = msg->payload.state.num;

	if (msg->hdr.request != VHOST_USER_SET_VRING_BASE)
		return;
	if (session->features & VIRTIO_BIT(VIRTIO_F_RING_PACKED)
			? (base & 0x7fff) >= RING_SIZE || (base >> 16 & 0x7fff) >= RING_SIZE
			: base > UINT16_MAX)
		abort();
}

/* Of the answers that were sent, how many has the front-end read? 0 = not all, or nobody knows. */
static unsigned n_answers_read(int fd)
{
	int n_unread;

	if (count.is_cut || ioctl(fd, SIOCOUTQ, &n_unread) < 0 || n_unread)
		return 0;
	return count.n_answers;
}

/* Whoever took more answers than it asked for has taken one unasked. */
static void check_answers(const struct vhost_fe *fe, unsigned n_answers)
{
	struct vhost_fe_status status;

	vhost_fe_get_status(fe, &status);
	if (status.state >= VHOST_FE_NEGOTIATING && n_answers > count.n_asked)
		abort();
}

static int dial(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		abort();
	return fd;
}

static void converse(struct ev *ev, struct vhost_fe *fe, const struct vhost_fe_session *session,
	struct vhost_chan *chan, struct input *in)
{
	const struct vhost_user_msg *msg = &chan->msg;
	int fd = chan->fd, channel = -1;
	bool is_open = true;

	memset(&count, 0, sizeof(count));
	for (unsigned round = 0; is_open && in->left && round < MAX_ROUNDS; round++) {
		unsigned n_requests = 0, n_read;
		int r;

		(void)ev_run_once(ev, 0);
		n_read = n_answers_read(fd);
		disturb(fe, session, fd, channel, in);
		while ((r = take(chan, &channel)) > 0 && is_open) {
			check_base(session, msg);
			if (++n_requests > MAX_REQUESTS)
				abort();
			if (!vhost_user_has_answer(msg->hdr.request) &&
				!(msg->hdr.flags & VHOST_USER_NEED_REPLY))
				continue;
			count.n_asked++;
			is_open = answer(fd, msg, in);
		}
		is_open = is_open && r == 0;
		if (is_open)
			check_answers(fe, n_read);
	}
	(void)ev_run_once(ev, 0);
	if (channel >= 0)
		(void)close(channel);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ev *ev;
	static struct mem *mem;
	static int kick = -1;
	struct vhost_fe_config config = {.is_server = true};
	struct vhost_fe_session session = {
		.features = VIRTIO_BIT(VIRTIO_F_VERSION_1) |
			    (size & 1 ? VIRTIO_BIT(VIRTIO_F_RING_PACKED) : 0),
		.mtu = 1500,
		.err_fd = kick,
		.n_rings = N_RINGS,
	};
	uint64_t begin_ns = ev_now_ns();
	struct vhost_fe_status status;
	struct input in = {data, size};
	struct vhost_chan chan;
	struct vhost_fe *fe;

	if (!ev) {
		log_set_level(LOG_ERR);
		kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (ev_create(&ev) < 0 || mem_create(MEM_MIN_BYTES, false, &mem, NULL) < 0)
			abort();
	}
	for (unsigned i = 0; i < session.n_rings; i++)
		session.rings[i] = (struct vhost_fe_ring){
			.is_used = true,
			.is_enabled = true,
			.size = RING_SIZE,
			.desc_gpa = 0x1000,
			.driver_gpa = 0x2000,
			.device_gpa = 0x3000,
			.kick_fd = kick,
			.call_fd = kick,
		};
	fds_note();
	(void)snprintf(config.path, sizeof(config.path), "/tmp/weft-fuzz-fe-%d", (int)getpid());
	if (vhost_fe_create(ev, mem, &config, ignore, NULL, &fe, NULL) < 0)
		abort();
	vhost_chan_init(&chan, dial(config.path), NULL, VHOST_USER_MAX_FDS);
	converse(ev, fe, &session, &chan, &in);
	vhost_chan_done(&chan);
	for (int i = 0; i < 4; i++)
		(void)ev_run_once(ev, 0);
	vhost_fe_get_status(fe, &status);
	if (status.state >= VHOST_FE_NEGOTIATING)
		abort(); /* the peer is gone: so must be the connection */
	vhost_fe_destroy(fe);
	for (unsigned i = 0; i < n_readers; i++)
		(void)close(readers[i]);
	fds_wait_closed();
	n_readers = 0;
	if (ev_now_ns() - begin_ns > FUZZ_MAX_WAIT_NS)
		abort();
	return 0;
}
