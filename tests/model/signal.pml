/*
 * signal: who interrupts a driver for what was put into its ring.
 *
 * Workers put frames into one ring, publish them at the end of a round and read behind a fence whether
 * the driver wants an interrupt; the driver takes what it sees, asks for an interrupt, looks once more
 * and sleeps. Property: when all is done nothing that was published waits for a driver that sleeps.
 *
 * What stands for what (vswitch/datapath):
 *   put()      deliver(), tx_fast() and flush_add(), under tx_lock
 *   publish()  publish() in flush.c, split_publish(), packed_publish()
 *   fence      in flush_publish()
 *   signal()   notify() in flush.c, vring_signal_needed()
 *   driver     VIRTIO 1.2, 2.7.7 "Used Buffer Notification Suppression", 2.7.10; the ring's own half
 *              is in tests/peer/fe_ring.c: fe_ring_arm()
 * Positions are free-running and so few that none wraps. Stores wait in a buffer per processor and
 * become visible in order (x86, total store order); an exchange and a fence wait for the buffer.
 *
 * Macros: WORKERS (1 = nobody takes a lock), EVENT_IDX (else a flag), and the faults that the test
 * wants to be found: SIGNAL_COVERS_PUT, an interrupt that is decided about for frames which another
 * worker has put and not published; NO_SIGNAL_FENCE; NO_DRIVER_FENCE.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#define ROUNDS 2
#define DRIVER WORKERS

/* What lies in memory that several processors see. */
#define USED  0	/* the ring's used index: workers write it */
#define EVENT 1	/* wish for an interrupt: the driver writes it */
#define LOCK  2	/* tx_lock */
byte mem[3];
chan buffer[WORKERS + 1] = [4] of {byte, byte};

#define STORE(cpu, var, value) buffer[cpu]!var, value
#define FENCE(cpu)	       empty(buffer[cpu])

/* struct vring: under the lock. */
byte next_used, published, n_unsignalled;
bool is_listed;
#ifdef SIGNAL_COVERS_PUT
bool dirty;
byte signalled;
#endif

bool call; /* the eventfd */
byte n_done;

#if WORKERS > 1
#define ACQUIRE(cpu) atomic { empty(buffer[cpu]) && !mem[LOCK] -> mem[LOCK] = 1 }
#define RELEASE(cpu) STORE(cpu, LOCK, 0)
#else
#define ACQUIRE(cpu) skip
#define RELEASE(cpu) skip
#endif

/* The store buffer of a processor. */
active [WORKERS + 1] proctype drain()
{
	byte var, value;
end:
	do
	:: d_step { buffer[_pid]?var, value -> mem[var] = value }
	od
}

inline publish_locked()
{
	d_step {
		if
		:: next_used != published ->
			n_unsignalled = n_unsignalled + next_used - published;
			published = next_used;
			is_new = true
		:: else -> is_new = false
		fi
	}
	if
	:: is_new -> STORE(cpu, USED, published)
	:: else
	fi
}

inline put()
{
	ACQUIRE(cpu);
	d_step {
		next_used++;
#ifdef SIGNAL_COVERS_PUT
		dirty = true;
#endif
		if
		:: !is_listed -> is_listed = true; has_listed = true
		:: else
		fi
	}
	if /* publish_if_small() in vring.c: a small ring may not wait */
	:: publish_locked()
	:: skip
	fi;
	RELEASE(cpu)
}

inline publish()
{
	ACQUIRE(cpu);
	is_listed = false;
	publish_locked();
	RELEASE(cpu)
}

#ifdef EVENT_IDX
#define WANTS(event, before, now) (before <= event && event < now)
#else
#define WANTS(event, before, now) event
#endif

inline signal()
{
	ACQUIRE(cpu);
	event = mem[EVENT];
	d_step {
#ifdef SIGNAL_COVERS_PUT
		needed = dirty && WANTS(event, signalled, next_used);
		if
		:: dirty -> signalled = next_used; dirty = false
		:: else
		fi;
#else
		needed = n_unsignalled && WANTS(event, published - n_unsignalled, published);
#endif
		n_unsignalled = 0
	}
	RELEASE(cpu);
	if
	:: needed -> call = true
	:: else
	fi
}

active [WORKERS] proctype worker()
{
	byte cpu = _pid - (WORKERS + 1), round, event;
	bool has_listed, needed, is_new;

	do
	:: round < ROUNDS ->
		put();
		if
		:: has_listed ->
			has_listed = false;
			publish();
#ifndef NO_SIGNAL_FENCE
			FENCE(cpu);
#endif
			signal()
		:: else /* whoever listed it does all that */
		fi;
		round++
	:: else -> break
	od;
	n_done++
}

active proctype driver()
{
	byte seen;

	do
	:: seen != mem[USED] -> seen = mem[USED]
	:: else ->
#ifdef EVENT_IDX
		STORE(DRIVER, EVENT, seen);
#else
		STORE(DRIVER, EVENT, 1);
#endif
#ifndef NO_DRIVER_FENCE
		FENCE(DRIVER);
#endif
		if
		:: seen != mem[USED]
		:: else ->
			if
			:: call -> call = false
			:: !call && n_done == WORKERS && empty(buffer[DRIVER]) ->
				break
			fi
		fi;
#ifndef EVENT_IDX
		STORE(DRIVER, EVENT, 0)
#endif
	od;
	/* It would sleep for ever from here on. */
	(len(buffer[0]) + len(buffer[WORKERS - 1]) == 0);
	assert(call || seen == WORKERS * ROUNDS)
}
