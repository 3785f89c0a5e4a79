/**
 * disk_threads: a disk's operations by threads that wait for the kernel, where there is no
 * io_uring.
 *
 * DISK_THREADS threads a disk take what is queued in order, and finish in any order.
 * Threads: see disk_engine.h. Life cycle: disk_threads_engine(), start, ..., destroy, which waits
 * for the threads.
 */
#ifndef WEFT_VMM_DEV_DISK_THREADS_H
#define WEFT_VMM_DEV_DISK_THREADS_H

#include "disk_engine.h"

#define DISK_THREADS 4

disk_engine_open_fn disk_threads_engine;

#endif
