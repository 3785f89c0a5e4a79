#include "term.h"

#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int term_connect(const char *path, const char *node, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), code;

	if (fd < 0)
		return err_set(err, -errno, "socket: %s", strerror(errno));
	(void)str_copy(address.sun_path, sizeof(address.sun_path), path);
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	code = -errno;
	close(fd);
	(void)err_set(err, code, "node '%s': console is not there: %s", node, strerror(-code));
	err_hint(err, "see `netcfg status`");
	return code;
}

int term_write(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {fd, POLLOUT, 0};

			(void)poll(&p, 1, 1000);
			continue;
		}
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static void pass(struct term_filter *f, size_t n)
{
	if (n && f->started)
		f->output(f->ctx, f->held, n);
	memmove(f->held, f->held + n, f->n_held - n);
	f->n_held -= n;
}

/* held is END with digits after it; the first byte that is none says that they are all. */
static void read_status(struct term_filter *f, size_t marker_len)
{
	size_t at = marker_len;

	while (at < f->n_held && isdigit((unsigned char)f->held[at]))
		at++;
	if (at == f->n_held)
		return;
	f->status = atoi(f->held + marker_len);
	f->done = true;
}

/* Take what is certain out of held. */
static void settle(struct term_filter *f)
{
	while (f->n_held && !f->done) {
		const char *marker = f->started ? f->end : f->begin;
		size_t len = strlen(marker), common = f->n_held < len ? f->n_held : len;

		if (!memcmp(f->held, marker, common)) {
			if (f->n_held < len)
				return;
			if (f->started) {
				read_status(f, len);
				return;
			}
			pass(f, len);
			f->started = true;
			f->done = !f->end;
			continue;
		}
		if (f->held[0] == '\r' && f->n_held == 1)
			return;
		if (f->held[0] == '\r' && f->held[1] == '\n') {
			memmove(f->held, f->held + 1, --f->n_held);
			continue;
		}
		pass(f, 1);
	}
}

bool term_filter_feed(struct term_filter *filter, const char *data, size_t len)
{
	for (size_t i = 0; i < len && !filter->done; i++) {
		filter->held[filter->n_held++] = data[i];
		settle(filter);
		if (filter->n_held == sizeof(filter->held))
			pass(filter, 1); /* cannot happen while markers are shorter than held */
	}
	return filter->done;
}

char *term_quote(char *const *words, unsigned n)
{
	size_t size = 1;
	char *line, *out;

	if (n == 1)
		return strdup(words[0]);
	for (unsigned i = 0; i < n; i++)
		size += 4 * strlen(words[i]) + 3;
	line = out = malloc(size);
	for (unsigned i = 0; line && i < n; i++) {
		if (i)
			*out++ = ' ';
		*out++ = '\'';
		for (const char *c = words[i]; *c; c++) {
			if (*c == '\'')
				out = stpcpy(out, "'\\''");
			else
				*out++ = *c;
		}
		*out++ = '\'';
	}
	if (line)
		*out = '\0';
	return line;
}

static bool is_plain(char c)
{
	return (unsigned char)c >= ' ' && c != 0x7f && c != '!';
}

char *term_typed(const char *line)
{
	static const char begin[] = "eval \"$(printf '%b' '", end[] = "')\"";
	const char *c = line;
	char *typed, *out;

	while (*c && is_plain(*c))
		c++;
	if (!*c)
		return strdup(line);
	out = typed = malloc(sizeof(begin) + 5 * strlen(line) + sizeof(end));
	if (!typed)
		return NULL;
	out = stpcpy(out, begin);
	for (c = line; *c; c++) {
		if (is_plain(*c) && *c != '\\' && *c != '\'')
			*out++ = *c;
		else
			out += sprintf(out, "\\0%03o", (unsigned char)*c);
	}
	(void)stpcpy(out, end);
	return typed;
}
