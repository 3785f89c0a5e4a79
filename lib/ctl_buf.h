/**
 * ctl_buf: bytes on their way from or to a control socket; for ctl_server.c and ctl_client.c only.
 *
 * Data model: a queue of bytes. Used for input it yields NUL-terminated messages, used for output
 * it is written as the socket takes it. Nothing here blocks, and a queue never outgrows its cap.
 * Threads: the owner's.
 */
#ifndef WEFT_LIB_CTL_BUF_H
#define WEFT_LIB_CTL_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct ctl_buf {
	char *bytes;
	size_t at;  /* first byte that is still wanted */
	size_t end; /* first free byte */
	size_t size;
	size_t scanned; /* input: no NUL before this */
};

void ctl_buf_done(struct ctl_buf *buf);
size_t ctl_buf_len(const struct ctl_buf *buf);

/**
 * Read what fd has, up to max_len bytes in the buffer.
 * returns  1 more may come, 0 at end of file, -errno; -EAGAIN is 1
 */
int ctl_buf_read(struct ctl_buf *buf, int fd, size_t max_len);
/** The first complete message (borrowed until buf changes), or NULL. ret_len excludes the NUL. */
const char *ctl_buf_message(struct ctl_buf *buf, size_t *ret_len);
/** Drop the first n bytes. */
void ctl_buf_consume(struct ctl_buf *buf, size_t n);

/** 0, -ENOMEM, -ENOBUFS (more than max_len would wait). */
int ctl_buf_append(struct ctl_buf *buf, const char *bytes, size_t n, size_t max_len);
/** Write what fd takes. 0 or -errno; a full socket is 0. */
int ctl_buf_flush(struct ctl_buf *buf, int fd);

#endif
