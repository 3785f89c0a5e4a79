/**
 * capture_out: the file, or the files one after the other, that a capture is written to.
 *
 * Files are as tcpdump makes them: with max_bytes another one begins when one has become larger,
 * with a number behind its name; with period_s after so many seconds, and strftime() makes its
 * name; with max_files the first is written anew after the last, or with period_s alone, it ends
 * after the last. Bytes wait in a buffer until capture_out_flush().
 *
 * Threads: one. Life cycle: open, close; an error stays, and nothing more is written.
 */
#ifndef WEFT_NETCFG_CAPTURE_OUT_H
#define WEFT_NETCFG_CAPTURE_OUT_H

#include "err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct capture_out_params {
	const char *path; /* "-": standard output, of which there is one */
	uint64_t max_bytes;
	uint64_t period_s;
	unsigned max_files;
	/* 0 = it does not matter */
};

struct capture_out {
	struct capture_out_params params;
	char path[PATH_MAX]; /* of the file that is open */
	int fd;
	uint8_t *buf;
	size_t used;
	uint64_t n_bytes; /* of this file */
	unsigned number;  /* of this file, in its time where there are times */
	unsigned n_times;
	time_t began;
};

/** 0, -EINVAL (a terminal; files that would replace each other), or what open() says; err set. */
int capture_out_open(struct capture_out *out, const struct capture_out_params *params,
	struct err *err);
/** Is it time for another file? Asked before a frame is written. */
bool capture_out_is_full(const struct capture_out *out, time_t now);
/** When it is at the latest; 0 = never. */
time_t capture_out_full_at(const struct capture_out *out);
/** Go on in the next file. 0; 1: there is none any more; -errno, err set. */
int capture_out_next(struct capture_out *out, time_t now, struct err *err);
/** 0, or -errno with err set: -EPIPE, -ENOSPC, ... */
int capture_out_write(struct capture_out *out, const void *bytes, size_t len, struct err *err);
int capture_out_flush(struct capture_out *out, struct err *err);
/** What was not flushed is lost. */
void capture_out_close(struct capture_out *out);

#endif
