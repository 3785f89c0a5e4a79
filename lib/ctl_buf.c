#include "ctl_buf.h"

#include "unix_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUF_FIRST_SIZE 1024
#define BUF_KEEP_SIZE  16384

void ctl_buf_done(struct ctl_buf *buf)
{
	free(buf->bytes);
	memset(buf, 0, sizeof(*buf));
}

size_t ctl_buf_len(const struct ctl_buf *buf)
{
	return buf->end - buf->at;
}

/* Room for n more bytes at the end. */
static int buf_reserve(struct ctl_buf *buf, size_t n)
{
	size_t size = buf->size ? buf->size : BUF_FIRST_SIZE, len = ctl_buf_len(buf);
	char *bytes;

	if (buf->at && buf->size - buf->end < n) {
		memmove(buf->bytes, buf->bytes + buf->at, len);
		buf->scanned = buf->scanned > buf->at ? buf->scanned - buf->at : 0;
		buf->at = 0;
		buf->end = len;
	}
	while (size - buf->end < n)
		size *= 2;
	if (size == buf->size)
		return 0;
	bytes = realloc(buf->bytes, size);
	if (!bytes)
		return -ENOMEM;
	buf->bytes = bytes;
	buf->size = size;
	return 0;
}

void ctl_buf_consume(struct ctl_buf *buf, size_t n)
{
	buf->at += n;
	if (buf->scanned < buf->at)
		buf->scanned = buf->at;
	if (buf->at < buf->end)
		return;
	buf->at = buf->end = buf->scanned = 0;
	if (buf->size > BUF_KEEP_SIZE)
		ctl_buf_done(buf);
}

int ctl_buf_read(struct ctl_buf *buf, int fd, size_t max_len)
{
	for (;;) {
		size_t len = ctl_buf_len(buf), room;
		ssize_t n;

		if (len >= max_len)
			return 1;
		if (buf->size == buf->end && buf_reserve(buf, 1) < 0)
			return -ENOMEM;
		room = buf->size - buf->end;
		if (room > max_len - len)
			room = max_len - len;
		n = unix_conn_read(fd, buf->bytes + buf->end, room);
		if (!n)
			return 0;
		if (n < 0)
			return n == -EAGAIN ? 1 : (int)n;
		buf->end += (size_t)n;
	}
}

const char *ctl_buf_message(struct ctl_buf *buf, size_t *ret_len)
{
	const char *nul;

	if (buf->scanned == buf->end)
		return NULL;
	nul = memchr(buf->bytes + buf->scanned, '\0', buf->end - buf->scanned);
	if (!nul) {
		buf->scanned = buf->end;
		return NULL;
	}
	buf->scanned = (size_t)(nul - buf->bytes);
	*ret_len = buf->scanned - buf->at;
	return buf->bytes + buf->at;
}

int ctl_buf_append(struct ctl_buf *buf, const char *bytes, size_t n, size_t max_len)
{
	if (n > max_len || ctl_buf_len(buf) > max_len - n)
		return -ENOBUFS;
	if (buf_reserve(buf, n) < 0)
		return -ENOMEM;
	memcpy(buf->bytes + buf->end, bytes, n);
	buf->end += n;
	return 0;
}

int ctl_buf_flush(struct ctl_buf *buf, int fd)
{
	while (ctl_buf_len(buf)) {
		ssize_t n = send(fd, buf->bytes + buf->at, ctl_buf_len(buf),
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		ctl_buf_consume(buf, (size_t)n);
	}
	return 0;
}
