/**
 * engine: sends the frames of streams at their rates, and accounts for every one that comes in.
 *
 * Data model: the engine has ports and senders. A sender is a stream with its shape, its pace and
 * one flow for each port that it should arrive at; the flow knows what arrived there. Frames that
 * arrive where they should not are kept until it can be told whether they arrived where they should
 * as well (flooded) or not (misrouted).
 *
 * A run numbers the frames of each stream from 0; on the wire the numbers go on from run to run, so
 * that what an earlier run left in a queue is recognized (stale) and not counted.
 *
 * Threads: one for everything; engine_run() polls without a system call but for a look at the ports
 * and the caller's hook once a millisecond. Life cycle: engine_create, engine_add_port and
 * engine_set_streams in any order and number, engine_run, engine_destroy.
 * Limits: below; allocation is per stream, before a run.
 */
#ifndef WEFT_TOOLS_PKTLAB_ENGINE_H
#define WEFT_TOOLS_PKTLAB_ENGINE_H

#include "hist.h"
#include "pace.h"
#include "port.h"
#include "shape.h"
#include "stream.h"
#include "track.h"

#define ENGINE_MAX_PORTS   256u
#define ENGINE_MAX_STREAMS 4096u
#define ENGINE_MAX_FLOWS   8192u /* 40 KB each */
#define ENGINE_MAX_STEPS   64u
#define ENGINE_MAX_TICKS   100000u /* of a timeline */
#define ENGINE_STRAYS      4096u   /* of a stream, in wait */

/** Counted from the start of a run. */
struct engine_counts {
	uint64_t tx, rx;             /* frames */
	uint64_t tx_bytes, rx_bytes; /* without FCS */
	uint64_t foreign;            /* without our signature */
	uint64_t learning;           /* frames that teach addresses */
	uint64_t unknown;            /* signature of a stream that there is not */
	uint64_t down;               /* times the port went down */
};

struct engine_port {
	struct port port;
	struct engine_counts counts;
	uint64_t n_down_before;
	struct pace slow; /* frames received; per_ns 0: all that come */
	bool is_slow;
};

struct flow { /* of one stream at one port that it should arrive at */
	uint16_t port;
	struct track track;
	uint64_t corrupted;
	uint64_t last_ns, gap_ns, gap_at_ns; /* last arrival; the longest pause and its start */
	uint64_t latency_min_ns;
	double latency_sum_ns;
	struct hist latency; /* ns */
};

struct sender {
	struct stream stream; /* owned; `to` included */
	struct shape *shape;
	struct pace pace;
	uint32_t base;    /* number on the wire of the run's frame 0 */
	uint64_t sent;    /* frames; the next one's number */
	uint64_t bytes;   /* with FCS */
	uint64_t refused; /* frames that the port had no room for */
	uint64_t flooded, misrouted;
	uint64_t until_look; /* frames up to the next whose contents are compared */
	struct flow *flows;  /* flows[stream.n_to] */
	uint64_t *strays;    /* ring of ENGINE_STRAYS numbers */
	uint64_t n_strays, n_settled;
	uint8_t flow_of[ENGINE_MAX_PORTS]; /* FLOW_NONE, or index of the port's flow */
};
#define FLOW_NONE 255u

struct engine_step {
	double seconds, scale; /* scale: of every stream's rate */
};

struct engine_tick { /* of a timeline */
	uint64_t sent, received;
	double latency_sum_ns;
};

struct engine_run {
	/* In. */
	struct engine_step steps[ENGINE_MAX_STEPS];
	unsigned n_steps;     /* at least 1; seconds may be 0: until every stream had its count */
	double drain_s;       /* quiet for so long ends the run, less where nothing is awaited */
	unsigned check_every; /* frames from one look at contents to the next; 0: none */
	double interval_s;    /* of the timeline; 0: none */
	/** Called about once a millisecond; true: stop sending now. May be NULL. */
	bool (*hook)(void *ctx, double elapsed_s);
	/** A frame that is not ours; data is borrowed. May be NULL. */
	void (*foreign)(void *ctx, unsigned port, const uint8_t *data, uint32_t len);
	void *ctx;
	/* Out. */
	double seconds; /* that frames were sent for */
	bool stopped;
	double run_share;            /* of the time the thread had its core */
	long voluntary, involuntary; /* context switches */
	unsigned n_ticks;
	struct engine_tick *ticks; /* ticks[n_ticks], owned: engine_run_done() */
};

struct engine {
	struct engine_port *ports; /* ports[n_ports] */
	unsigned n_ports;
	struct sender *senders; /* senders[n_senders] */
	unsigned n_senders;
	/* Private. */
	uint32_t serial;             /* of shapes */
	uint64_t total_tx, total_rx; /* of the run */
	double latency_sum_ns;       /* of the run */
	uint16_t by_id[65536];       /* number of a sender + 1; 0: none */
	uint32_t next_number[65536]; /* of a stream's frames, on the wire */
};

struct err;

/** NULL: no memory. */
struct engine *engine_create(void);
void engine_destroy(struct engine *engine);

/** ret_port: borrowed until ports change. 0 or -errno. */
int engine_add_port(struct engine *engine, const char *name, const char *spec, struct err *err);
/** Removes streams, too, since they name ports by number. */
void engine_remove_ports(struct engine *engine);
/** A port without link; NULL: all have theirs. */
const struct port *engine_find_down(const struct engine *engine);
/** Number of a port, or -1. */
int engine_find_port(const struct engine *engine, const char *name);
/** Look after the ports, and throw away what came in. For the time between runs. */
void engine_tend(struct engine *engine);
/** The latter alone, without a system call. */
void engine_discard(struct engine *engine);

/**
 * Replace all streams. streams[n] are transferred in either case.
 * returns  0 or -errno with err: then there are none
 */
int engine_set_streams(struct engine *engine, struct stream *streams, unsigned n, struct err *err);

/** One run. 0 or -ENOMEM. */
int engine_run(struct engine *engine, struct engine_run *run);
void engine_run_done(struct engine_run *run);

struct engine_learn {
	double pps; /* 0: as many as go */
	double timeout_s;
	bool (*hook)(void *ctx, double elapsed_s); /* as in engine_run */
	void *ctx;
	uint64_t n_frames; /* out */
	double seconds;    /* out */
};
/**
 * Teach a switch where the streams' destinations are: from each port that a stream goes to, one
 * frame with each pair of VLAN and destination address as its source, to the stream's first source.
 * Group addresses are left out.
 * returns  0, -ETIMEDOUT or -ECANCELED, with err
 */
int engine_learn(struct engine *engine, struct engine_learn *learn, struct err *err);

struct engine_frame {
	uint8_t *data; /* owned by whoever made it */
	uint32_t len;
};
/** Send frames[n] as they are, each once, waiting for room. Frames sent; fewer than n after
 *  timeout_s. */
unsigned engine_inject(struct engine *engine, unsigned port, const struct engine_frame *frames,
	unsigned n, double pps, double timeout_s);

#endif
