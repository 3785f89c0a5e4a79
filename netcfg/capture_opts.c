#include "capture_opts.h"

#include "ctl_field.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FLAG(n, a, member, h)                                                     \
	{                                                                         \
		n, a, OPT_FLAG, offsetof(struct capture_opts, member), 0, NULL, h \
	}
#define TEXT(n, a, member, v, h)                                               \
	{                                                                      \
		n, a, OPT_TEXT, offsetof(struct capture_opts, member), 0, v, h \
	}

const struct opt capture_opts_table[CAPTURE_OPTS_N] = {
	TEXT("-w", "--write", write, "FILE",
		"write pcapng instead of a line per frame; - is standard output"),
	TEXT("-c", "--count", count, "COUNT", "end after so many frames"),
	TEXT("-s", "--snaplen", snaplen, "SNAPLEN", "keep so many bytes of each frame (0: all)"),
	TEXT("--dir", NULL, dir, "in|out|both",
		"what the switch gets from a port (in), sends to it (out), or both"),
	FLAG("--drops", NULL, drops, "frames that are dropped, with the reason, and no others"),
	FLAG("--raw", NULL, raw, "leave checksums that are unfinished as they are"),
	TEXT("-C", NULL, size, "SIZE",
		"begin another file when one is larger: millions of bytes, or k, m, g"),
	TEXT("-G", NULL, seconds, "SECONDS", "begin another file after so long; FILE has %H%M%S"),
	TEXT("-W", NULL, files, "FILES", "with -C, write the first anew after so many; or end"),
	TEXT("-B", "--buffer", buffer, "KIB", "room for frames that are not written yet (32768)"),
	FLAG("-e", NULL, with_macs, "print the addresses of Ethernet, too"),
	FLAG("-n", NULL, no_names, "for habit: names are never looked up"),
};

/* NULL stays 0. */
static int number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *ret,
	struct err *err)
{
	char *end;

	*ret = 0;
	if (!text)
		return 0;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (errno || end == text || *end || !isdigit((unsigned char)text[0]) || *ret < min ||
		*ret > max)
		return err_set(err, -EINVAL, "option %s: '%s' is not a number in %llu..%llu", name,
			text, (unsigned long long)min, (unsigned long long)max);
	return 0;
}

static int file_size(const char *text, uint64_t *ret, struct err *err)
{
	static const struct {
		char letter;
		uint64_t bytes;
	} units[] = {{'k', 1 << 10}, {'m', 1 << 20}, {'g', 1 << 30}};
	uint64_t unit = 1000000, n;
	char digits[24];
	size_t len = text ? strlen(text) : 0;
	int r;

	*ret = 0;
	if (!text)
		return 0;
	for (size_t i = 0; len && i < sizeof(units) / sizeof(units[0]); i++) {
		if (tolower((unsigned char)text[len - 1]) != units[i].letter)
			continue;
		unit = units[i].bytes;
		len--;
		break;
	}
	if (len >= sizeof(digits))
		return err_set(err, -EINVAL, "option -C: '%s' is too large", text);
	memcpy(digits, text, len);
	digits[len] = '\0';
	r = number("-C", digits, 1, 1000000, &n, err);
	*ret = n * unit;
	return r;
}

static int understand(struct capture_opts *o, struct err *err)
{
	uint64_t snaplen, files, buffer;
	int r = number("-c", o->count, 1, UINT64_MAX, &o->max_frames, err);

	if (!r)
		r = number("-s", o->snaplen, 0, CTL_CAPTURE_SNAPLEN, &snaplen, err);
	if (!r)
		r = file_size(o->size, &o->out.max_bytes, err);
	if (!r)
		r = number("-G", o->seconds, 1, 86400 * 366, &o->out.period_s, err);
	if (!r)
		r = number("-W", o->files, 1, 1000000, &files, err);
	if (!r)
		r = number("-B", o->buffer, 256, 262144, &buffer, err);
	if (r)
		return r;
	o->out.path = o->write;
	o->out.max_files = (unsigned)files;
	if (snaplen)
		CTL_SET(&o->request, ctl_capture, snaplen, (uint32_t)snaplen);
	if (buffer)
		CTL_SET(&o->request, ctl_capture, buffer, buffer << 10);
	if (o->raw)
		CTL_SET(&o->request, ctl_capture, raw, true);
	if (o->drops)
		CTL_SET(&o->request, ctl_capture, drops, true);
	if (o->dir)
		r = ctl_field_parse(&ctl_capture_schema, &o->request, "dir", o->dir, err);
	if (!r && !o->write && (o->size || o->seconds || o->files))
		return err_set(err, -EINVAL, "-C, -G and -W need a file to write: -w FILE");
	if (!r && o->files && !o->size && !o->seconds)
		return err_set(err, -EINVAL, "-W needs -C or -G");
	return r;
}

int capture_opts_parse(struct capture_opts *ret, struct opts *opts, char **words, unsigned n,
	unsigned *ret_n, struct err *err)
{
	int r;

	*ret = (struct capture_opts){0};
	r = opts_take(capture_opts_table, CAPTURE_OPTS_N, ret, words, n, &n, err);
	if (r < 0)
		return r;
	r = opts_take(opts_table, opts_n, opts, words, n, &n, err);
	if (r < 0)
		return r;
	/* "--" ends the options, and is none of the words. */
	*ret_n = 0;
	for (unsigned i = 0; i < n; i++) {
		if (opts_is_option(words[i]) && strcmp(words[i], "--") != 0)
			return opts_unknown(words[i], err);
		if (!strcmp(words[i], "--")) {
			while (++i < n)
				words[(*ret_n)++] = words[i];
			break;
		}
		words[(*ret_n)++] = words[i];
	}
	return understand(ret, err);
}
