#include "trace_opts.h"

#include "frame_build.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SRC  "02:00:00:00:00:01"
#define DEFAULT_TYPE 0x88b5 /* IEEE 802, for local experiments */
#define NO_PROTOCOL  253    /* RFC 3692, for experiments */

#define TEXT(n, member, v, h)                                                   \
	{                                                                       \
		n, NULL, OPT_TEXT, offsetof(struct trace_opts, member), 0, v, h \
	}

#define FLAG(n, member, h)                                                         \
	{                                                                          \
		n, NULL, OPT_FLAG, offsetof(struct trace_opts, member), 0, NULL, h \
	}

const struct opt trace_opts_table[TRACE_OPTS_N] = {
	TEXT("--hex", hex, "DIGITS", "the frame, byte for byte"),
	TEXT("--pcap", pcap, "FILE:N", "the Nth frame of a capture file, from 1"),
	TEXT("--dst", dst, "MAC", "a frame to this address"),
	TEXT("--src", src, "MAC", "its source (" DEFAULT_SRC ")"),
	TEXT("--vlan", vlan, "VLAN", "with a tag of this VLAN; 0 = of a priority alone"),
	TEXT("--pcp", pcp, "PRIORITY", "priority of the tag (0)"),
	TEXT("--type", type, "TYPE", "EtherType (0x88b5)"),
	TEXT("--ip", ip, "SOURCE,DESTINATION", "with a header of IPv4 or IPv6"),
	TEXT("--proto", proto, "PROTOCOL", "protocol of the header, a number (253)"),
	TEXT("--len", len, "LENGTH", "bytes of the frame, tag included (as short as it can be)"),
	TEXT("--follow", follow, "N",
		"of the next N frames that come in at PORT, and pass a filter"),
	FLAG("--send", send, "send it afterwards, as if it had come in at PORT"),
};

static int number(const char *name, const char *text, unsigned long max, unsigned long unset,
	unsigned long *ret, struct err *err)
{
	char *end;

	*ret = unset;
	if (!text)
		return 0;
	errno = 0;
	*ret = strtoul(text, &end, 0);
	if (errno || end == text || *end || !isdigit((unsigned char)text[0]) || *ret > max)
		return err_set(err, -EINVAL, "option %s: '%s' is not a number in 0..%lu", name,
			text, max);
	return 0;
}

static int address(const char *name, const char *text, struct ether_addr48 *ret, struct err *err)
{
	if (ether_addr_parse(text, ret) < 0) {
		(void)err_set(err, -EINVAL, "option %s: '%s' is no MAC address", name, text);
		err_hint(err, "as 52:54:00:00:00:01");
		return -EINVAL;
	}
	return 0;
}

static int build(const struct trace_opts *o, uint8_t *bytes, struct err *err)
{
	struct frame_parts parts = {.has_vlan = o->vlan || o->pcp, .ip = o->ip};
	unsigned long vlan, pcp, type, protocol, len;
	int r = address("--dst", o->dst, &parts.dst, err);

	if (!r)
		r = address("--src", o->src ? o->src : DEFAULT_SRC, &parts.src, err);
	if (!r)
		r = number("--vlan", o->vlan, 4095, 0, &vlan, err);
	if (!r)
		r = number("--pcp", o->pcp, 7, 0, &pcp, err);
	if (!r)
		r = number("--type", o->type, 0xffff, DEFAULT_TYPE, &type, err);
	if (!r)
		r = number("--proto", o->proto, 255, NO_PROTOCOL, &protocol, err);
	if (!r)
		r = number("--len", o->len, FRAME_BUILD_MAX, 0, &len, err);
	if (!r && o->ip && o->type)
		r = err_set(err, -EINVAL, "options --ip and --type: the type of IP is known");
	if (!r && o->proto && !o->ip)
		r = err_set(err, -EINVAL, "option --proto: without --ip there is no such header");
	if (r)
		return r;
	parts.tci = (uint16_t)(pcp << 13 | vlan);
	parts.type = (uint16_t)type;
	parts.protocol = (uint8_t)protocol;
	parts.len = (uint32_t)len;
	return frame_build(&parts, bytes, err);
}

static bool has_parts(const struct trace_opts *o)
{
	return o->src || o->vlan || o->pcp || o->type || o->ip || o->proto || o->len;
}

static int get_frame(const struct trace_opts *o, uint8_t *bytes, struct err *err)
{
	int r;

	if ((o->hex != NULL) + (o->pcap != NULL) + (o->dst != NULL) != 1) {
		r = err_set(err, -EINVAL,
			o->hex || o->pcap || o->dst ? "trace: more than one frame is given"
						    : "trace: no frame is given");
		err_hint(err, "one of --hex DIGITS, --pcap FILE:N and --dst MAC says which");
		return r;
	}
	if (!o->dst && has_parts(o)) {
		r = err_set(err, -EINVAL, "trace: the frame of %s has its parts already",
			o->hex ? "--hex" : "--pcap");
		err_hint(err, "--src, --vlan and such go with --dst");
		return r;
	}
	if (o->hex)
		return frame_build_hex(o->hex, bytes, err);
	return o->pcap ? frame_build_pcap(o->pcap, bytes, err) : build(o, bytes, err);
}

/* Words behind the port are a filter, in one word or in many. */
static int get_follow(struct trace_what *ret, const struct trace_opts *o, char **words, unsigned n,
	struct err *err)
{
	unsigned long n_frames;
	size_t used = 0;
	int r = number("--follow", o->follow, UINT32_MAX, 0, &n_frames, err);

	if (r)
		return r;
	if (!n_frames)
		return err_set(err, -EINVAL, "option --follow: '%s' is no number of frames",
			o->follow);
	if (o->hex || o->pcap || o->dst || o->send || has_parts(o)) {
		r = err_set(err, -EINVAL,
			"trace: --follow is of frames that come in, not of one "
			"that is given");
		err_hint(err, "behind the port a filter says which, for example --follow 10 arp");
		return r;
	}
	ret->n_follow = n_frames;
	for (unsigned i = 0; i < n; i++) {
		int len = snprintf(ret->expression + used, sizeof(ret->expression) - used, "%s%s",
			i ? " " : "", words[i]);

		if (len < 0 || used + (size_t)len >= sizeof(ret->expression))
			return err_set(err, -EINVAL, "trace: the filter is too long");
		used += (size_t)len;
	}
	return 0;
}

static int get_described(struct trace_what *ret, const struct trace_opts *o, struct err *err)
{
	uint8_t bytes[FRAME_BUILD_MAX];
	int len = get_frame(o, bytes, err);

	if (len < 0)
		return len;
	ret->sends = o->send;
	for (int i = 0; i < len; i++)
		(void)snprintf(ret->request.frame + 2 * i, 3, "%02x", bytes[i]);
	CTL_MARK(&ret->request, ctl_trace, frame);
	return 0;
}

static int check_words(char **words, unsigned n, bool has_filter, struct err *err)
{
	for (unsigned i = 0; i < n; i++) {
		if (opts_is_option(words[i]))
			return opts_unknown(words[i], err);
	}
	if (!n || (n > 1 && !has_filter)) {
		if (n)
			(void)err_set(err, -EINVAL, "trace: '%s' is one word too many", words[1]);
		else
			(void)err_set(err, -EINVAL, "trace: no port is named");
		err_hint(err, "`netcfg port show` lists ports");
		return -EINVAL;
	}
	if (strlen(words[0]) > CTL_NAME_MAX)
		return err_set(err, -EINVAL, "port '%s': a name has at most %d characters",
			words[0], CTL_NAME_MAX);
	return 0;
}

int trace_opts_parse(struct trace_what *ret, struct opts *opts, char **words, unsigned n,
	struct err *err)
{
	struct trace_opts o = {0};
	int r = opts_take(trace_opts_table, TRACE_OPTS_N, &o, words, n, &n, err);

	*ret = (struct trace_what){0};
	if (!r)
		r = opts_take(opts_table, opts_n, opts, words, n, &n, err);
	if (r < 0 || opts->help)
		return r;
	r = check_words(words, n, o.follow, err);
	if (r < 0)
		return r;
	CTL_SET_STR(&ret->request, ctl_trace, port, words[0]);
	return o.follow ? get_follow(ret, &o, words + 1, n - 1, err) : get_described(ret, &o, err);
}
