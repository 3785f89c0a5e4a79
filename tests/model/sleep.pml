/*
 * sleep: a worker goes to sleep while drivers send and the configuration changes.
 *
 * The worker asks the drivers of its rings for kicks, looks once more and sleeps until a kick or a
 * wake-up; the driver of a ring publishes and reads whether to kick; the control thread publishes a
 * new snapshot and frees the one before after a grace period. Properties: when all is done no frame
 * waits in a ring of the published snapshot, and nobody uses a snapshot that was freed.
 *
 * What stands for what (vswitch/datapath):
 *   worker     worker_main(), run_round() and sleep_awhile() in worker.c
 *   arm        idle_prepare() in idle.c, vring_notify(), vring_pending()
 *   sleep      idle_wait(): an epoll set, edge-triggered
 *   control    worker_publish(), update_watches(), idle_wake()
 *   qs         what rte_rcu_qsbr (DPDK) keeps of a worker: 0 = offline, else the last token it saw
 *   driver     VIRTIO 1.2, 2.7.9 "Available Buffer Notification Suppression" and 2.7.10
 * Snapshot 0 has ring 0, or ring 1, too (HAD_RING); snapshot 1 has ring 1 alone: ring 0 left. Stores
 * wait in a buffer per processor, as in signal.pml.
 *
 * Macros: EVENT_IDX (else a flag), HAD_RING, and the faults that the test wants to be found:
 * NO_ARM_FENCE, the worker looks before its wish for a kick is visible; NO_LOOK, it does not look at
 * all; NO_WAKE, a new snapshot wakes nobody; NO_GRACE, nobody waits before the old one is freed.
 */
#define FRAMES 2
#define WORKER	0
#define DRIVER	1
#define CONTROL 2

/* What lies in memory that several processors see. */
#define SNAPSHOT 0
#define QS	 1
#define EVENT	 2 /* + ring: wish for a kick; EVENT_IDX: behind which frame, 0 = none */
#define AVAIL	 4 /* + ring: the driver's index */
byte mem[6];
chan buffer[3] = [8] of {byte, byte};

#define STORE(cpu, var, value) buffer[cpu]!var, value
#define FENCE(cpu)	       empty(buffer[cpu])

/* The epoll set: an edge stays until epoll_wait() returned it. */
byte watches; /* of which snapshot */
bool kick_edge[2], wake_edge;
bool has_kicked[2]; /* the eventfd's counter, which nobody reads */
bool is_freed[2];
byte token = 1;
byte next_avail[2];
bool notify_on[2];
byte notify_at[2];
bool has_sent, has_published;

#ifdef HAD_RING
#define HAS_RING(snapshot, ring) (ring == 1 || snapshot == 0)
#else
#define HAS_RING(snapshot, ring) (ring == snapshot)
#endif

active [3] proctype drain()
{
	byte var, value;
end:
	do
	:: d_step { buffer[_pid]?var, value -> mem[var] = value }
	od
}

inline notify(ring, on)
{
	if
#ifdef EVENT_IDX
	:: on && (!notify_on[ring] || notify_at[ring] != next_avail[ring]) ->
		STORE(WORKER, EVENT + ring, next_avail[ring] + 1)
#else
	:: notify_on[ring] != on -> STORE(WORKER, EVENT + ring, on)
#endif
	:: else
	fi;
	notify_on[ring] = on;
	notify_at[ring] = next_avail[ring]
}

/* One burst: fwd_burst(). */
inline take(ring)
{
	if
	:: HAS_RING(snapshot, ring) && mem[AVAIL + ring] != next_avail[ring] ->
		assert(!is_freed[snapshot]);
		next_avail[ring] = mem[AVAIL + ring];
		notify(ring, 0);
		n = n + 1
	:: else
	fi
}

active proctype worker()
{
	byte snapshot, n;

	STORE(WORKER, QS, 1);
	FENCE(WORKER);
	do
	:: true ->
		snapshot = mem[SNAPSHOT];
		assert(!is_freed[snapshot]);
		n = 0;
		take(0);
		take(1);
		if
		:: n
		:: else ->
			if
			:: HAS_RING(snapshot, 0) -> notify(0, 1)
			:: else
			fi;
			if
			:: HAS_RING(snapshot, 1) -> notify(1, 1)
			:: else
			fi;
#ifndef NO_ARM_FENCE
			FENCE(WORKER);
#endif
			assert(!is_freed[snapshot]);
			if
#ifdef NO_LOOK
			:: true ->
#else
			:: HAS_RING(snapshot, 0) && mem[AVAIL] != next_avail[0]
			:: HAS_RING(snapshot, 1) && mem[AVAIL + 1] != next_avail[1]
			:: (!HAS_RING(snapshot, 0) || mem[AVAIL] == next_avail[0]) &&
			   (!HAS_RING(snapshot, 1) || mem[AVAIL + 1] == next_avail[1]) ->
#endif
				STORE(WORKER, QS, 0); /* offline */
				if
				:: d_step { wake_edge -> wake_edge = false }
				:: d_step { kick_edge[0] -> kick_edge[0] = false }
				:: d_step { kick_edge[1] -> kick_edge[1] = false }
				:: has_sent && has_published && !wake_edge && !kick_edge[0] && !kick_edge[1] ->
					break
				fi;
				STORE(WORKER, QS, token); /* online: a fence follows the store */
				FENCE(WORKER)
			fi
		fi;
		STORE(WORKER, QS, token) /* quiescent */
	od;
	/* It would sleep for ever from here on. */
	(empty(buffer[DRIVER]) && empty(buffer[CONTROL]));
	assert(next_avail[1] == mem[AVAIL + 1]);
	assert(snapshot == 1)
}

inline write_kick(ring)
{
	d_step {
		has_kicked[ring] = true;
		kick_edge[ring] = kick_edge[ring] || HAS_RING(watches, ring)
	}
}

#ifdef EVENT_IDX
#define WANTS(ring, now) (mem[EVENT + ring] == now)
#else
#define WANTS(ring, now) (mem[EVENT + ring])
#endif

/* Frames to ring 1, or one of them to ring 0, which leaves. */
active proctype driver()
{
	byte sent[2], i, ring;

	do
	:: i < FRAMES ->
		if
		:: ring = 1
		:: i == 0 -> ring = 0
		fi;
		sent[ring] = sent[ring] + 1;
		STORE(DRIVER, AVAIL + ring, sent[ring]);
		FENCE(DRIVER);
		if
		:: WANTS(ring, sent[ring]) -> write_kick(ring)
		:: else
		fi;
		i++
	:: else -> break
	od;
	has_sent = true
}

active proctype control()
{
	byte mine;

	/* atomic_exchange: visible, and after all that was stored before. */
	atomic { FENCE(CONTROL) -> mem[SNAPSHOT] = 1 }
	d_step {
		watches = 1;
		kick_edge[0] = false;
#ifndef HAD_RING
		kick_edge[1] = has_kicked[1] /* adding a descriptor reports what it has */
#endif
	}
#ifndef NO_WAKE
	wake_edge = true;
#endif
#ifndef NO_GRACE
	d_step { token++; mine = token }
	(mem[QS] == 0 || mem[QS] >= mine);
#endif
	is_freed[0] = true;
	has_published = true
}

