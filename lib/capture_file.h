/**
 * capture_file: can a switch replay what a file holds?
 *
 * It can what libpcap reads, if it is frames of Ethernet: pcap of either byte order and resolution,
 * and pcapng by its first interface (libpcap ends at one of another link type). Only the headers
 * are read; records behind them are libpcap's to judge. The same answer for netcfg, before a lab
 * starts, and for the switch.
 *
 * Limits: CAPTURE_FILE_MAX_BLOCKS of pcapng before the first interface. Threads: any; nothing
 * blocks.
 */
#ifndef WEFT_LIB_CAPTURE_FILE_H
#define WEFT_LIB_CAPTURE_FILE_H

#include "err.h"

#define CAPTURE_FILE_MAX_BLOCKS 64

/**
 * returns  0, -EINVAL for a file that holds something else, or what open() says; err has the reason
 *          alone, which the caller puts behind the name of the file, and a hint where there is one
 */
int capture_file_check(const char *path, struct err *err);

#endif
