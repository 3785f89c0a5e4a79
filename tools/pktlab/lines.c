#include "lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_SIZE 4096u

void lines_init(struct lines *lines, int fd)
{
	*lines = (struct lines){.fd = fd};
}

void lines_done(struct lines *lines)
{
	free(lines->buf);
	*lines = (struct lines){.fd = -1};
}

static int make_room(struct lines *lines)
{
	if (lines->taken) {
		lines->len -= lines->taken;
		memmove(lines->buf, lines->buf + lines->taken, lines->len);
		lines->taken = 0;
	}
	if (lines->len < lines->size)
		return 0;
	size_t size = lines->size ? 2 * lines->size : FIRST_SIZE;
	if (size > 2 * (size_t)LINES_MAX)
		return -EMSGSIZE;
	char *buf = realloc(lines->buf, size);
	if (!buf)
		return -ENOMEM;
	lines->buf = buf;
	lines->size = size;
	return 0;
}

static char *take_line(struct lines *lines)
{
	char *line = lines->buf + lines->taken;
	char *end =
		lines->len > lines->taken ? memchr(line, '\n', lines->len - lines->taken) : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	lines->taken = (size_t)(end + 1 - lines->buf);
	return line;
}

int lines_next(struct lines *lines, int timeout_ms, char **ret_line)
{
	struct pollfd pfd = {.fd = lines->fd, .events = POLLIN};

	for (;;) {
		*ret_line = take_line(lines);
		if (*ret_line)
			return 1;
		int n = poll(&pfd, 1, timeout_ms);
		if (n <= 0)
			return n < 0 && errno != EINTR ? -errno : 0;
		int r = make_room(lines);
		if (r)
			return r;
		ssize_t got = read(lines->fd, lines->buf + lines->len, lines->size - lines->len);
		if (got <= 0)
			return got ? -errno : -EPIPE;
		lines->len += (size_t)got;
	}
}
