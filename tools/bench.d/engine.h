/**
 * engine: generator and sink of any number of ports, in one thread.
 *
 * One round publishes up to a burst at every sending port and collects at every port. Between
 * windows nothing is sent and nothing is lost sight of: sent and received count from the start.
 * What is looked at: each frame that the order of a flow needs (order.h), each frame's time stamp
 * where latency is wanted, every frame with every == 1.
 * Threads: one, pinned by the caller.
 */
#ifndef WEFT_TOOLS_BENCH_D_ENGINE_H
#define WEFT_TOOLS_BENCH_D_ENGINE_H

#include "hist.h"
#include "order.h"
#include "traffic.h"
#include "vu.h"

struct engine_config {
	struct traffic traffic;
	bool both;      /* pairs: the odd ports send, too; flood: all ports send */
	bool touch;     /* rewrite addresses in every frame even if there is one only */
	bool latency;   /* stamp every frame, look at every stamp */
	bool kick;      /* kick where the switch asks for it; else it has to poll */
	unsigned burst; /* frames published at once at most */
	unsigned every; /* frames from one look at order and content to the next; a power of two */
	double frames_per_s; /* of each sender; 0 = as many as go */
	double tsc_per_s;
};

/** Per port. */
struct engine_port {
	struct vu_port *vu;                      /* borrowed */
	struct order order;                      /* of what arrives, where it comes from one port */
	uint32_t last_number[TRAFFIC_MAX_PORTS]; /* and where it comes from several */
	bool any_from[TRAFFIC_MAX_PORTS];
	uint64_t sent, received;            /* frames */
	uint64_t base_published, base_done; /* of the pumps when counting began */
	uint64_t next_look;
	uint64_t credit_tsc; /* rate limit: paid up to here */
	uint32_t next_address;
	bool is_sender;
};

struct engine {
	struct engine_config config;
	unsigned bufs_per_frame;   /* receive buffers that a frame takes */
	struct engine_port *ports; /* ports[traffic.n_ports], owned */
	uint8_t *scratch;          /* a frame of several buffers, put together */
	struct hist hist;          /* latency, in TSC ticks */
	uint64_t looked, wrong, disordered;
	const char *first_wrong; /* what was wrong; static */
};

struct engine_totals {
	uint64_t sent, received; /* frames since counting began */
};

/** vu[traffic.n_ports] are started. 0 or -ENOMEM, -EINVAL. */
int engine_create(const struct engine_config *config, struct vu_port *vu,
	struct engine **ret_engine);
void engine_destroy(struct engine *engine);

/**
 * Have the switch learn every address: first wait until frames reach every port, then send one
 * frame from each address, at most rate a second, and begin to count. 0 or -ETIMEDOUT.
 */
int engine_learn(struct engine *engine, double rate, unsigned timeout_ms);
/** Send and receive for so many ticks. */
void engine_run(struct engine *engine, uint64_t ticks);
/** Only receive, until the switch has taken all and nothing came for quiet_ms. 0 or -ETIMEDOUT. */
int engine_drain(struct engine *engine, unsigned quiet_ms, unsigned timeout_ms);
struct engine_totals engine_totals(const struct engine *engine);
/** Lost, repeated and disordered frames as the orders of flows saw them. */
struct order engine_order(const struct engine *engine);

#endif
