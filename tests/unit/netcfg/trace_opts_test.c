/* Words of `netcfg trace` and the frame that they mean, byte for byte; or why they mean none. */
#include "trace_opts.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_WORDS 16

static struct trace_what what; /* as of the last line */

static int parse(const char *line, struct ctl_trace *ret, struct err *err)
{

	static char copy[1024];
	char *words[MAX_WORDS], *save = NULL;
	struct opts opts = {0};
	unsigned n = 0;
	int r;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		words[n++] = word;
	*err = (struct err){0};
	r = trace_opts_parse(&what, &opts, words, n, err);
	*ret = what.request;
	return r;
}

static void frames_are_built(void **state)
{
	static const struct {
		const char *line, *begins;
		size_t len;
	} cases[] = {
		{"p1 --dst 52:54:00:00:00:02",
			"525400000002020000000001"
			"88b50000",
			60},
		{"--dst 5254.0000.0002 --src 52-54-00-00-00-01 p1",
			"525400000002525400000001"
			"88b5",
			60},
		{"p1 --dst ff:ff:ff:ff:ff:ff --vlan 10 --pcp 5 --type 0x806",
			"ffffffffffff020000000001"
			"8100a00a"
			"0806",
			60},
		{"p1 --dst 52:54:00:00:00:02 --pcp 1",
			"525400000002020000000001"
			"81002000"
			"88b5",
			60},
		/* The checksum was computed by hand. */
		{"p1 --dst 52:54:00:00:00:02 --ip 10.0.0.1,10.0.0.2 --proto 17",
			"525400000002020000000001"
			"0800"
			"4500001400000000401166d7"
			"0a0000010a000002"
			"0000",
			60},
		{"p1 --dst 52:54:00:00:00:02 --ip 10.0.0.1,10.0.0.2 --len 100",
			"525400000002020000000001"
			"0800"
			"45000056",
			100},
		{"p1 --dst 52:54:00:00:00:02 --vlan 7 --ip fd00::1,fd00::2 --len 90",
			"525400000002020000000001"
			"81000007"
			"86dd"
			"600000000020fd40"
			"fd000000000000000000000000000001"
			"fd000000000000000000000000000002",
			90},
		{"p1 --hex 0102:0A", "01020a", 3},
		{"p1 --dst 52:54:00:00:00:02 --len 9238", "5254", 9238},
		{"p1 --dst 52:54:00:00:00:02 --send", "5254", 60},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct ctl_trace request;
		struct err err;

		if (parse(cases[i].line, &request, &err))
			fail_msg("%s: %s", cases[i].line, err.msg);
		assert_string_equal(request.port, "p1");
		if (strncmp(request.frame, cases[i].begins, strlen(cases[i].begins)))
			fail_msg("%s: %.120s", cases[i].line, request.frame);
		assert_int_equal(strlen(request.frame), 2 * cases[i].len);
		assert_int_equal(what.sends, strstr(cases[i].line, "--send") != NULL);
	}
}

static void what_is_no_frame_is_refused(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"", "no port is named"},
		{"p1", "no frame is given"},
		{"p1 p2 --dst 52:54:00:00:00:02", "'p2'"},
		{"p1 --dst 52:54:00:00:00:02 --hex 00", "more than one frame"},
		{"p1 --hex 00 --vlan 3", "has its parts already"},
		{"p1 --dst 52:54", "'52:54' is no MAC address"},
		{"p1 --dst 52:54:00:00:00:02 --src x", "--src: 'x'"},
		{"p1 --dst 52:54:00:00:00:02 --vlan 4096", "'4096' is not a number in 0..4095"},
		{"p1 --dst 52:54:00:00:00:02 --pcp 8", "'8' is not a number in 0..7"},
		{"p1 --dst 52:54:00:00:00:02 --type -1", "'-1'"},
		{"p1 --dst 52:54:00:00:00:02 --len 9239", "'9239'"},
		{"p1 --dst 52:54:00:00:00:02 --len 13", "13 is not in 14..9238"},
		{"p1 --dst 52:54:00:00:00:02 --ip 10.0.0.1,fd00::1", "two addresses of one kind"},
		{"p1 --dst 52:54:00:00:00:02 --ip 10.0.0.1", "two addresses of one kind"},
		{"p1 --dst 52:54:00:00:00:02 --ip 1.1.1.1,1.1.1.2 --type 1", "--ip and --type"},
		{"p1 --dst 52:54:00:00:00:02 --proto 6", "without --ip"},
		{"p1 --hex 000", "3 digits are no bytes"},
		{"p1 --hex 0g", "'g' is no hexadecimal digit"},
		{"p1 --pcap file", "'file' is not FILE:N"},
		{"p1 --pcap file:0", "'file:0' is not FILE:N"},
		{"p1 --pcap :1", "':1' is not FILE:N"},
		{"p1 --pcap /nonexistent/file:1", "'/nonexistent/file' cannot be read"},
		{"p1 --dst 52:54:00:00:00:02 --color-blind", "--color-blind"},
		{"p1 --follow 0", "'0' is no number of frames"},
		{"p1 --follow x", "--follow: 'x' is not a number"},
		{"p1 --follow 3 --hex 00", "not of one that is given"},
		{"p1 --follow 3 --vlan 3", "not of one that is given"},
		{"p1 --follow 3 --send", "not of one that is given"},
		{"--follow 3", "no port is named"},
		{"p1 arp --dst 52:54:00:00:00:02", "'arp' is one word too many"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct ctl_trace request;
		struct err err;

		assert_int_equal(parse(cases[i].line, &request, &err), -EINVAL);
		if (!strstr(err.msg, cases[i].says))
			fail_msg("%s: %s", cases[i].line, err.msg);
	}
}

static void frames_that_come_in_are_followed(void **state)
{
	static const struct {
		const char *line, *expression;
		unsigned n;
	} cases[] = {
		{"p1 --follow 3", "", 3},
		{"--follow 1 p1 arp or icmp", "arp or icmp", 1},
		{"p1 --follow 0x10 tcp -j port 179", "tcp port 179", 16},
	};
	static struct ctl_trace request;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err;

		if (parse(cases[i].line, &request, &err))
			fail_msg("%s: %s", cases[i].line, err.msg);
		assert_string_equal(request.port, "p1");
		assert_string_equal(what.expression, cases[i].expression);
		assert_int_equal(what.n_follow, cases[i].n);
		assert_false(CTL_HAS(&request, ctl_trace, frame));
	}
}

/* Two frames, the second cut. */
static void frames_come_from_files(void **state)
{
	static struct ctl_trace request;
	char path[] = "/tmp/trace-test-XXXXXX", line[64];
	const uint8_t bytes[] = {1, 2, 3, 4};
	struct pcap_pkthdr hdr = {.caplen = 4, .len = 4};
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *out;
	struct err err;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	out = pcap_dump_fopen(dead, fdopen(fd, "w"));
	assert_non_null(out);
	pcap_dump((u_char *)out, &hdr, bytes);
	hdr.len = 5;
	pcap_dump((u_char *)out, &hdr, bytes);
	pcap_dump_close(out);
	pcap_close(dead);

	(void)snprintf(line, sizeof(line), "p1 --pcap %s:1", path);
	assert_int_equal(parse(line, &request, &err), 0);
	assert_string_equal(request.frame, "01020304");
	(void)snprintf(line, sizeof(line), "p1 --pcap %s:2", path);
	assert_int_equal(parse(line, &request, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "has 5 bytes, 4 of them captured"));
	(void)snprintf(line, sizeof(line), "p1 --pcap %s:3", path);
	assert_int_equal(parse(line, &request, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "has no frame 3"));
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_built),
		cmocka_unit_test(what_is_no_frame_is_refused),
		cmocka_unit_test(frames_that_come_in_are_followed),
		cmocka_unit_test(frames_come_from_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
