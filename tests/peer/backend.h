/**
 * backend: a small vhost-user network back-end for tests, well behaved or not.
 *
 * It sends every frame of a transmit ring back on the receive ring of the same pair (split rings),
 * and can be told to misbehave once at a given request. Written apart from the VMM's code on
 * purpose: it shares only the channel (vhost_user_chan.h), which has a test that looks at bytes.
 * What no channel sends, it writes itself.
 * Threads: its own; backend_start() and backend_stop() from the test. The settings are fixed while
 * it runs; what it saw is read after backend_stop(), or with the accessors.
 */
#ifndef WEFT_TESTS_PEER_BACKEND_H
#define WEFT_TESTS_PEER_BACKEND_H

#include "vhost_user_chan.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BACKEND_MAX_RINGS 8

enum backend_fault {
	FAULT_NONE,
	FAULT_CLOSE,         /* hang up instead of answering */
	FAULT_SILENT,        /* do not answer this one, nor anything after */
	FAULT_HALF,          /* answer with half a message, then hang up */
	FAULT_SHORT,         /* 4 bytes of payload */
	FAULT_HUGE,          /* a header that promises 1 MiB */
	FAULT_WRONG_REQUEST, /* answer to something else */
	FAULT_NO_REPLY_FLAG,
	FAULT_BAD_VERSION,
	FAULT_NACK,    /* an acknowledgement that says no */
	FAULT_TWICE,   /* answer two times */
	FAULT_DRIBBLE, /* correct, byte by byte */
	FAULT_FDS,     /* correct, with descriptors that nobody asked for */
};

struct backend_ring {
	uint32_t size;
	uint32_t base;
	uint64_t desc, avail, used; /* front-end's addresses */
	int kick_fd, call_fd, err_fd;
	bool has_addr, is_started, is_enabled;
	uint16_t next_avail, next_used;
};

struct backend {
	/* Settings */
	const char *path;
	bool is_server;    /* listen, instead of connecting to the VMM */
	uint64_t features; /* virtio features; PROTOCOL_FEATURES is added unless protocol is 0 */
	uint64_t protocol_features;
	uint32_t max_queue_pairs;
	enum backend_fault fault;
	uint32_t fault_request;
	unsigned n_faulty; /* connections that misbehave; later ones do not */

	/* What it saw */
	atomic_uint n_connections;
	atomic_uint n_looped;       /* frames sent back */
	atomic_ullong first_ns;     /* CLOCK_MONOTONIC when the first of them was seen; 0: none */
	atomic_uint n_unnegotiated; /* messages whose feature was not negotiated */
	atomic_uint n_rarps;
	atomic_uint first_base;  /* last SET_VRING_BASE of ring 1 */
	atomic_uint n_enabled;   /* rings that may run now */
	atomic_uint n_running;   /* rings that were started */
	atomic_uint last_status; /* of SET_STATUS */
	atomic_uint mtu;

	/* Its own */
	pthread_t thread;
	atomic_bool stop;
	atomic_bool drop;     /* hang up now */
	atomic_bool complain; /* say by VRING_ERR that ring 0 is wrong */
	atomic_int carrier;   /* virtio_net_cfg.status bit; changing it tells the front-end */
	struct vhost_chan chan;
	int listen_fd, wake_fd, request_fd;
	uint64_t acked, acked_protocol;
	int told_carrier;
	struct vhost_user_mem_table mem;
	void *maps[VHOST_USER_MAX_REGIONS];
	uint64_t map_sizes[VHOST_USER_MAX_REGIONS];
	struct backend_ring rings[BACKEND_MAX_RINGS];
};

/** Settings are filled in by the caller; the rest is zero. */
void backend_start(struct backend *be);
void backend_stop(struct backend *be);
/** Let its thread look at drop, complain and carrier. */
void backend_wake(struct backend *be);

#endif
