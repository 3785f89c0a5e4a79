#include "capture_out.h"

#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUF_SIZE (256u << 10)
#define STDOUT   "-"

static bool is_stdout(const struct capture_out *out)
{
	return !strcmp(out->params.path, STDOUT);
}

/* Digits of the number behind a file's name, so that names sort. */
static int n_digits(unsigned max_files)
{
	int n = 0;

	for (unsigned left = max_files ? max_files - 1 : 0; left; left /= 10)
		n++;
	return n;
}

static int make_path(struct capture_out *out, time_t now, struct err *err)
{
	const struct capture_out_params *params = &out->params;
	char path[PATH_MAX];
	struct tm tm;
	int len;

	(void)localtime_r(&now, &tm);
	if (!params->period_s)
		(void)str_copy(path, sizeof(path), params->path);
	else if (!strftime(path, sizeof(path), params->path, &tm))
		return err_set(err, -ENAMETOOLONG, "file '%s': its name is too long", params->path);
	if (params->max_bytes && (out->number || params->max_files > 1))
		len = snprintf(out->path, sizeof(out->path), "%s%0*u", path,
			n_digits(params->max_files), out->number);
	else
		len = snprintf(out->path, sizeof(out->path), "%s", path);
	if (len < 0 || (size_t)len >= sizeof(out->path))
		return err_set(err, -ENAMETOOLONG, "file '%s': its name is too long", params->path);
	return 0;
}

static int open_file(struct capture_out *out, time_t now, struct err *err)
{
	int r = make_path(out, now, err);

	if (r < 0)
		return r;
	out->n_bytes = 0;
	out->fd = is_stdout(out) ? dup(STDOUT_FILENO)
				 : open(out->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out->fd < 0)
		return err_set(err, -errno, "file '%s': %s", out->path, strerror(errno));
	return 0;
}

static int check(const struct capture_out *out, struct err *err)
{
	const struct capture_out_params *params = &out->params;

	if (is_stdout(out) && isatty(STDOUT_FILENO)) {
		(void)err_set(err, -EINVAL, "-w -: standard output is a terminal");
		err_hint(err, "pipe it to a program such as tshark -r -, or leave -w out for text");
		return -EINVAL;
	}
	if (is_stdout(out) && (params->max_bytes || params->period_s))
		return err_set(err, -EINVAL, "-w -: -C and -G need a file");
	if (params->period_s && !params->max_bytes && !strchr(params->path, '%')) {
		(void)err_set(err, -EINVAL, "-G: each file would replace the one before it");
		err_hint(err, "put the time into their name: 'f-%%Y%%m%%d-%%H%%M%%S.pcapng'");
		return -EINVAL;
	}
	return 0;
}

int capture_out_open(struct capture_out *out, const struct capture_out_params *params,
	struct err *err)
{
	int r;

	*out = (struct capture_out){.params = *params, .fd = -1, .began = time(NULL)};
	r = check(out, err);
	if (r < 0)
		return r;
	out->buf = malloc(BUF_SIZE);
	if (!out->buf)
		return err_set(err, -ENOMEM, "file '%s': out of memory", params->path);
	r = open_file(out, out->began, err);
	if (r < 0)
		capture_out_close(out);
	return r;
}

time_t capture_out_full_at(const struct capture_out *out)
{
	return out->params.period_s ? out->began + (time_t)out->params.period_s : 0;
}

bool capture_out_is_full(const struct capture_out *out, time_t now)
{
	return (out->params.max_bytes && out->n_bytes >= out->params.max_bytes) ||
	       (out->params.period_s && now >= capture_out_full_at(out));
}

int capture_out_next(struct capture_out *out, time_t now, struct err *err)
{
	const struct capture_out_params *params = &out->params;
	int r = capture_out_flush(out, err);

	if (r < 0)
		return r;
	if (params->period_s && now >= capture_out_full_at(out)) {
		out->began = now;
		out->number = 0;
		out->n_times++;
		if (params->max_files && !params->max_bytes && out->n_times >= params->max_files)
			return 1;
	} else {
		out->number++;
		if (params->max_files && out->number >= params->max_files)
			out->number = 0;
	}
	(void)close(out->fd);
	return open_file(out, now, err);
}

int capture_out_flush(struct capture_out *out, struct err *err)
{
	size_t at = 0;

	while (at < out->used) {
		ssize_t n = write(out->fd, out->buf + at, out->used - at);

		if (n >= 0) {
			at += (size_t)n;
		} else if (errno != EINTR) {
			out->used = 0;
			return err_set(err, -errno, "file '%s': %s",
				is_stdout(out) ? "standard output" : out->path, strerror(errno));
		}
	}
	out->used = 0;
	return 0;
}

int capture_out_write(struct capture_out *out, const void *bytes, size_t len, struct err *err)
{
	int r = 0;

	if (len > BUF_SIZE - out->used)
		r = capture_out_flush(out, err);
	if (r < 0)
		return r;
	memcpy(out->buf + out->used, bytes, len);
	out->used += len;
	out->n_bytes += len;
	return 0;
}

void capture_out_close(struct capture_out *out)
{
	if (out->fd >= 0)
		(void)close(out->fd);
	out->fd = -1;
	free(out->buf);
	out->buf = NULL;
}
