/**
 * vhost_user_fe: the front-end half of vhost-user for a network device: one back-end connection
 * that is made, negotiated, lost and made again for as long as the VM lives.
 *
 *   LISTENING/CONNECTING --connected--> NEGOTIATING --> IDLE --start--> STARTING --> RUNNING
 *          ^                                             ^    resume                    |
 *          |                                             +---------- STOPPING <--stop---+
 *          |                                           every GET_VRING_BASE  pause
 *          |                                           is answered
 *          +-- hang-up, wrong or late reply, abandon, from any connected state (BROKEN: waits
 *          longer)
 *
 * Nothing here waits, but for settle: messages are sent ahead, replies come by the event loop in
 * the order of the requests, and a reply later than VHOST_FE_REPLY_TIMEOUT_MS while starting or
 * VHOST_FE_STOP_TIMEOUT_MS later (where a guest waits) ends the connection, as does any reply that
 * is not the one expected. Any number of front-ends stop at the same time, each in its own state;
 * who wants a common deadline calls abandon when it has passed. Only this device suffers;
 * last_error says why.
 *
 * A session is what the guest's driver asked for (features, rings). It outlives connections: when
 * the back-end comes back the session is replayed and each ring goes on where its used index
 * stands, because network back-ends finish buffers in order; then every ring is kicked once. After
 * a pause they go on where the back-end itself said (GET_VRING_BASE). A
 * packed ring has no used index: its place is read from the ring itself, exact for drivers whose
 * chains take one slot each (INDIRECT_DESC, as Linux and DPDK use it).
 * A back-end gets RAM with its first session and keeps it until the connection closes.
 *
 * File descriptors of a back-end, which none has a reason to send, end the connection, and are
 * closed where nobody waits (unix_conn.h); while the loop's closer is behind, there is no other
 * connection.
 *
 * Messages whose feature bit was not negotiated are never sent. With REPLY_ACK every change is
 * acknowledged; without, GET_FEATURES after the last one stands in for it.
 * VRING_ERR: the session's err_fd is handed over for every ring; whoever gave it watches it.
 * Carrier: back-ends that know CONFIG and BACKEND_REQ tell theirs (virtio_net_cfg.status, fetched
 * anew after each CONFIG_CHANGE_MSG); of others it is taken to be up.
 *
 * Threads: the event loop's, all of it; ops as well.
 * Life cycle: vhost_fe_create() begins to connect; vhost_fe_destroy() closes and removes the
 * socket.
 * Limits: VHOST_FE_MAX_RINGS rings, one back-end at a time (further ones wait in the backlog).
 * Source: "Vhost-user Protocol" of QEMU's interoperability specifications, by message name.
 */
#ifndef WEFT_VMM_VHOST_USER_FE_H
#define WEFT_VMM_VHOST_USER_FE_H

#include "ether.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct ev;
struct mem;
struct vhost_fe;

#define VHOST_FE_MAX_RINGS        32
#define VHOST_FE_RETRY_MS         100
#define VHOST_FE_RETRY_MAX_MS     5000
#define VHOST_FE_REPLY_TIMEOUT_MS 10000 /* nobody else waits for it; mapping much RAM takes time */
#define VHOST_FE_STOP_TIMEOUT_MS  2000  /* running or stopping: the guest may wait for it */

enum vhost_fe_state {
	VHOST_FE_LISTENING,
	VHOST_FE_CONNECTING,
	VHOST_FE_BROKEN, /* the last back-end misbehaved; waiting before the next try */
	VHOST_FE_NEGOTIATING,
	VHOST_FE_IDLE,
	VHOST_FE_STARTING,
	VHOST_FE_RUNNING,
	VHOST_FE_STOPPING,
};

struct vhost_fe_config {
	char path[108];
	bool is_server;
	unsigned reply_timeout_ms; /* 0 = VHOST_FE_REPLY_TIMEOUT_MS */
};

struct vhost_fe_ring {
	bool is_used;    /* the driver set it up */
	bool is_enabled; /* the back-end may process it */
	uint16_t size;
	uint64_t desc_gpa, driver_gpa, device_gpa; /* lie in RAM */
	int kick_fd;                               /* borrowed until vhost_fe_destroy() */
	int call_fd;                               /* borrowed likewise; -1 = none */
	bool has_base; /* the front-end's own: the back-end gave the ring back here */
	uint32_t base;
};

struct vhost_fe_session {
	uint64_t features; /* accepted by the driver */
	uint64_t required; /* of these, what the back-end must know; the rest is ours */
	uint16_t mtu;      /* 0 = not told to the back-end */
	int err_fd;        /* borrowed likewise: counted up when a ring is wrong; -1 = none */
	unsigned n_rings;
	struct vhost_fe_ring rings[VHOST_FE_MAX_RINGS];
};

struct vhost_fe_status {
	enum vhost_fe_state state;
	bool has_features; /* a back-end was connected since the start; the next three are its */
	uint64_t features;
	uint64_t protocol_features;
	unsigned max_queue_pairs; /* 0 = it did not say */
	bool carrier;
	uint64_t connects;
	char last_error[256];
};

/** State, carrier or features changed, or all changes of a running session were acknowledged. */
typedef void vhost_fe_changed_fn(void *ctx);

/** Life cycle. ev and mem are borrowed. -EADDRINUSE: a living process listens there. */
int vhost_fe_create(struct ev *ev, const struct mem *mem, const struct vhost_fe_config *config,
	vhost_fe_changed_fn *changed, void *ctx, struct vhost_fe **ret_fe, struct err *err);
void vhost_fe_destroy(struct vhost_fe *fe);

/**
 * Before the guest runs: if a back-end listens, wait until it was asked what it can do, so that a
 * guest of milliseconds is offered that too. Until deadline_ns (ev_now_ns) at most; not at all for
 * a server, whose back-end comes when it likes.
 */
void vhost_fe_settle(struct vhost_fe *fe, uint64_t deadline_ns);

/** Run the rings, now or as soon as there is a back-end. session is copied. */
void vhost_fe_start(struct vhost_fe *fe, const struct vhost_fe_session *session);
/** End the session. The rings are given back once the state is not STOPPING. */
void vhost_fe_stop(struct vhost_fe *fe);
/** Take the rings back and keep the session, or go on with it. Stopped as after vhost_fe_stop(). */
void vhost_fe_set_paused(struct vhost_fe *fe, bool is_paused);
/** Drop a back-end that is still STOPPING: somebody has waited long enough. */
void vhost_fe_abandon(struct vhost_fe *fe);
/** Does no back-end have the rings, or one that is stopping? */
bool vhost_fe_has_stopped(const struct vhost_fe *fe);

/** Change a running session. */
void vhost_fe_set_ring_enabled(struct vhost_fe *fe, unsigned ring, bool is_enabled);
void vhost_fe_set_call_fd(struct vhost_fe *fe, unsigned ring, int call_fd);

/**
 * What was changed so far is carried out once vhost_fe_is_settled(), at once or after a later
 * changed(): every answer that is due has come, or there is no back-end.
 */
void vhost_fe_sync(struct vhost_fe *fe);
bool vhost_fe_is_settled(const struct vhost_fe *fe);

/** Let the back-end announce mac to the network. False: it cannot. */
bool vhost_fe_send_rarp(struct vhost_fe *fe, const struct ether_addr48 *mac);

void vhost_fe_get_status(const struct vhost_fe *fe, struct vhost_fe_status *ret_status);

/**
 * Where a back-end that died left a split ring (used index) or packed ring (slot, wrap bit 15), as
 * SET_VRING_BASE wants it. Pure.
 */
uint32_t vhost_fe_split_base(const void *used_ring);
uint32_t vhost_fe_packed_base(const void *desc_ring, uint16_t size);

#endif
