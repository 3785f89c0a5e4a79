/**
 * guarded: memory that others share with us, between two pages that nobody may touch.
 *
 * The kernel puts one mapping right beside the other: whoever went one byte too far in the memory
 * of one guest would read or write that of its neighbour, and nothing would show it. Between guards
 * it ends there, by SIGSEGV.
 *
 * Not for our own memory, which the allocator looks after. Threads: any.
 */
#ifndef WEFT_LIB_GUARDED_H
#define WEFT_LIB_GUARDED_H

#include <stddef.h>
#include <sys/types.h>

/**
 * Map a part of a file, readable and writable, as mmap() does, with an unmapped guard page before
 * and behind it. Address and offset are the same modulo the page of the file, and modulo a large
 * page where one fits, so that the kernel may use those.
 *
 * size, offset  multiples of page
 * page          of the file, a power of two
 * flags         of mmap()
 * returns       MAP_FAILED with errno set; to be given back by guarded_unmap()
 */
void *guarded_map(size_t size, size_t page, int flags, int fd, off_t offset);
/** Unmap it and its guards. */
void guarded_unmap(void *base, size_t size);

#endif
