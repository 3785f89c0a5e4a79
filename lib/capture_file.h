/**
 * capture_file: can a switch replay what a file holds, and how much is that?
 *
 * It can what libpcap reads, if it is frames of Ethernet: pcap of either byte order and resolution,
 * and pcapng by its first interface (libpcap ends at one of another link type). Only headers are
 * read; frames behind them are libpcap's to judge. The same answer for netcfg, before a lab starts,
 * and for the switch.
 *
 * Limits: CAPTURE_FILE_MAX_BLOCKS of pcapng before the first interface; who measures says how many
 * records are looked at. Threads: any; it waits for the file's pages at most.
 */
#ifndef WEFT_LIB_CAPTURE_FILE_H
#define WEFT_LIB_CAPTURE_FILE_H

#include "err.h"

#include <stdint.h>

#define CAPTURE_FILE_MAX_BLOCKS 64

/**
 * returns  0, -EINVAL for a file that holds something else, or what open() says; err has the reason
 *          alone, which the caller puts behind the name of the file, and a hint where there is one
 */
int capture_file_check(const char *path, struct err *err);

/**
 * The number of frames of a file that was checked, counted to max_frames + 1, and the bytes that
 * the longest of them has there. At least what libpcap reads of it: a frame that is cut off, which
 * ends a replay, counts, and so does each block of pcapng. 0 or -errno.
 */
int capture_file_measure(const char *path, uint32_t max_frames, uint32_t *ret_n_frames,
	uint32_t *ret_max_len);

#endif
