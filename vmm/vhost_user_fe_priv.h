/**
 * vhost_user_fe_priv: what the two halves of the front-end share: the connection (vhost_user_fe.c)
 * and the conversation on it (vhost_user_fe_proto.c).
 */
#ifndef WEFT_VMM_VHOST_USER_FE_PRIV_H
#define WEFT_VMM_VHOST_USER_FE_PRIV_H

#include "unix_socket.h"
#include "vhost_user_chan.h"
#include "vhost_user_fe.h"
#include "virtio_wire.h"

/* Per ring: NUM, ADDR, BASE, CALL, ERR, KICK, ENABLE, later BASE; and what comes once. */
#define FE_MAX_EXPECTED (VHOST_FE_MAX_RINGS * 8 + 16)
#define FE_NS_PER_MS    UINT64_C(1000000)

/* A reply that must come next: the answer to request, or its acknowledgement. */
struct fe_expected {
	uint16_t request;
	uint16_t ring;
};

struct vhost_fe {
	struct ev *ev;
	const struct mem *mem;
	struct vhost_fe_config config;
	vhost_fe_changed_fn *changed;
	void *ctx;
	enum vhost_fe_state state;

	struct unix_listener listener; /* server only; else its fd is -1 */
	struct ev_source *listen_source;
	struct vhost_chan chan;
	struct ev_source *chan_source;
	struct vhost_chan backend_chan; /* requests of the back-end */
	struct ev_source *backend_source;
	int backend_peer_fd; /* the back-end's end, until the connection closes */
	struct ev_source *retry_timer;
	struct ev_source *reply_timer;
	uint64_t retry_ms;

	struct fe_expected expected[FE_MAX_EXPECTED]; /* ring buffer */
	unsigned first_expected, n_expected;

	bool has_features;
	uint64_t features;
	uint64_t protocol_features;
	unsigned max_queue_pairs;
	bool carrier;
	bool is_config_stale; /* changed again while GET_CONFIG was under way */
	bool is_mem_sent;

	bool has_session;
	bool is_paused;  /* the session waits */
	bool is_resumed; /* a back-end had the session's rings before */
	struct vhost_fe_session session;

	uint64_t connects;
	char last_error[256];
};

static inline bool vhost_fe_has_protocol(const struct vhost_fe *fe,
	enum vhost_user_protocol_feature bit)
{
	return fe->protocol_features & VIRTIO_BIT(bit);
}

static inline bool vhost_fe_is_connected(const struct vhost_fe *fe)
{
	return fe->state >= VHOST_FE_NEGOTIATING;
}

/* ---- The connection -------------------------------------------------------------------------- */

void vhost_fe_set_state(struct vhost_fe *fe, enum vhost_fe_state state);
/** The connection ended without anybody's fault: be ready for the next one soon. */
void vhost_fe_lose(struct vhost_fe *fe, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** The back-end is wrong or too slow: drop it and wait ever longer before the next try. */
void vhost_fe_fail(struct vhost_fe *fe, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void vhost_fe_drop_backend_chan(struct vhost_fe *fe);

/* ---- The conversation ------------------------------------------------------------------------ */

/** The first messages of a connection. */
void vhost_fe_negotiate(struct vhost_fe *fe);
/** IDLE: give the session's rings to the back-end. */
void vhost_fe_begin_session(struct vhost_fe *fe);
/** STARTING or RUNNING: take them back. */
void vhost_fe_end_session(struct vhost_fe *fe);
void vhost_fe_set_vring_enable(struct vhost_fe *fe, unsigned ring);
void vhost_fe_set_vring_call(struct vhost_fe *fe, unsigned ring);
/** A message whose answer says that those before it are done. */
void vhost_fe_send_barrier(struct vhost_fe *fe);
void vhost_fe_send_rarp_msg(struct vhost_fe *fe, const struct ether_addr48 *mac);

/** Callbacks of the event loop. */
void vhost_fe_on_chan(void *ctx, int fd, uint32_t events);
void vhost_fe_on_reply_timeout(void *ctx);

#endif
