#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_clear(struct err *err)
{
	if (err)
		memset(err, 0, sizeof(*err));
}

/* Through a scratch buffer: the arguments may point into err itself. */
static void set_msg(struct err *err, int code, const char *fmt, va_list args)
{
	char msg[ERR_MSG_SIZE];

	(void)vsnprintf(msg, sizeof(msg), fmt, args);
	err_clear(err);
	err->code = code;
	memcpy(err->msg, msg, sizeof(msg));
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, fmt);
	set_msg(err, code, fmt, args);
	va_end(args);
	return code;
}

int err_set_field(struct err *err, int code, const char *field, const char *fmt, ...)
{
	char copy[sizeof(err->field)];
	va_list args;

	if (!err)
		return code;
	(void)snprintf(copy, sizeof(copy), "%s", field ? field : "");
	va_start(args, fmt);
	set_msg(err, code, fmt, args);
	va_end(args);
	memcpy(err->field, copy, sizeof(copy));
	return code;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	char msg[ERR_MSG_SIZE];
	va_list args;
	size_t len, room;

	if (!err)
		return -EIO;
	va_start(args, fmt);
	(void)vsnprintf(msg, sizeof(msg) - 2, fmt, args);
	va_end(args);
	if (err->msg[0]) {
		len = strlen(msg);
		memcpy(msg + len, ": ", 3);
		len += 2;
		room = strnlen(err->msg, sizeof(msg) - 1 - len);
		memcpy(msg + len, err->msg, room);
		msg[len + room] = '\0';
	}
	memcpy(err->msg, msg, sizeof(msg));
	return err->code;
}

void err_hint(struct err *err, const char *fmt, ...)
{
	char hint[sizeof(err->hint)];
	va_list args;

	if (!err)
		return;
	va_start(args, fmt);
	(void)vsnprintf(hint, sizeof(hint), fmt, args);
	va_end(args);
	memcpy(err->hint, hint, sizeof(hint));
}

void err_name(struct err *err, const char *name)
{
	if (err)
		(void)snprintf(err->name, sizeof(err->name), "%s", name);
}

void err_print(const struct err *err, const char *program)
{
	if (!err || !err->code)
		return;
	(void)fprintf(stderr, "%s: error: %s\n", program,
		err->msg[0] ? err->msg : strerror(-err->code));
	if (err->hint[0])
		(void)fprintf(stderr, "%s: hint: %s\n", program, err->hint);
}

/* The line that ends at end (not in it), not before text. */
static const char *line_before(const char *text, const char *end)
{
	while (end > text && end[-1] != '\n')
		end--;
	return end;
}

/* Copy what follows `PROGRAM: WORD: ` at the beginning of a line; false: it begins otherwise. */
static bool copy_said(const char *line, const char *end, const char *word, char *buf, size_t size)
{
	const char *colon = memchr(line, ':', (size_t)(end - line));
	size_t len = strlen(word), n;

	if (!colon || memchr(line, ' ', (size_t)(colon - line)) ||
		(size_t)(end - colon) < len + 4 || strncmp(colon + 2, word, len) != 0 ||
		colon[len + 2] != ':')
		return false;
	colon += len + 4;
	n = (size_t)(end - colon) < size ? (size_t)(end - colon) : size - 1;
	for (size_t i = 0; i < n; i++)
		buf[i] = (unsigned char)colon[i] < ' ' || colon[i] == 0x7f ? ' ' : colon[i];
	buf[n] = '\0';
	return true;
}

bool err_read_last(const char *text, struct err *ret_err)
{
	const char *end = text + strlen(text), *line;

	err_clear(ret_err);
	while (end > text && (unsigned char)end[-1] <= ' ')
		end--;
	line = line_before(text, end);
	if (copy_said(line, end, "hint", ret_err->hint, sizeof(ret_err->hint))) {
		end = line > text ? line - 1 : line;
		line = line_before(text, end);
	}
	if (copy_said(line, end, "error", ret_err->msg, sizeof(ret_err->msg))) {
		ret_err->code = -EIO;
		return true;
	}
	err_clear(ret_err);
	return false;
}
