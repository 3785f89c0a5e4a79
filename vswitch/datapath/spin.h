/**
 * spin: the lock of a ring that several workers put into. Taken once per burst, held for the time
 * of some copies; nobody sleeps with it.
 */
#ifndef WEFT_VSWITCH_DATAPATH_SPIN_H
#define WEFT_VSWITCH_DATAPATH_SPIN_H

#include <stdatomic.h>
#include <stdbool.h>

static inline void spin_acquire(_Atomic bool *lock)
{
	while (atomic_exchange_explicit(lock, true, memory_order_acquire))
		while (atomic_load_explicit(lock, memory_order_relaxed))
			__builtin_ia32_pause();
}

static inline void spin_release(_Atomic bool *lock)
{
	atomic_store_explicit(lock, false, memory_order_release);
}

#endif
