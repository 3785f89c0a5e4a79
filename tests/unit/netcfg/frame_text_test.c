#include "frame_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Bytes in hexadecimal; blanks do not count. Returns how many. */
static uint32_t parse(const char *hex, uint8_t *bytes)
{
	uint32_t n = 0;

	for (; *hex; hex++) {
		char pair[3] = {hex[0], hex[1], 0};

		if (*hex == ' ')
			continue;
		bytes[n++] = (uint8_t)strtoul(pair, NULL, 16);
		hex++;
	}
	return n;
}

#define MACS "ffffffffffff 020000000001 "
#define IPV4 MACS "0800 4500002c00010000 4006 0000 0a000001 0a000002 "

static const struct {
	const char *hex, *text;
} rows[] = {
	{MACS "0806 0001080006040001 020000000001 0a000001 000000000000 0a000002",
		" ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28"},
	{MACS "0806 0001080006040002 020000000002 0a000002 020000000001 0a000001",
		" ARP, Reply 10.0.0.2 is-at 02:00:00:00:00:02, length 28"},
	{IPV4 "00b3c001 00000005 00000007 5012 0400 0000 0000 61626364",
		" IP 10.0.0.1.179 > 10.0.0.2.49153: Flags [S.], seq 5:9, ack 7, win 1024, length "
		"4"},
	{IPV4 "00b3c001 00000005 00000000 5002 0400 0000 0000",
		" IP 10.0.0.1.179 > 10.0.0.2.49153: Flags [S], seq 5, win 1024, length 0"},
	{MACS "0800 4500001c00010000 4011 0000 0a000001 0a000002 00350036 0008 0000 00000000",
		" IP 10.0.0.1.53 > 10.0.0.2.54: UDP, length 0"},
	{MACS "8100 600a 0800 4500001c00010000 4001 0000 0a000001 0a000002 08000000 00070001",
		" vlan 10 p 3 IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 8"},
	{MACS "88a8 0064 8100 000a 0800 45000020 00010000 4059 0000 0a000001 e0000005 0201002c "
	      "00000000 00000000",
		" vlan 100 vlan 10 IP 10.0.0.1 > 224.0.0.5: OSPF, length 12"},
	{MACS "0800 4500001c 00010003 4011 0000 0a000001 0a000002 00000000 00000000",
		" IP 10.0.0.1 > 10.0.0.2: protocol 17, fragment at 24"},
	{MACS "86dd 60000000 0008 3aff fe800000000000000000000000000001 "
	      "ff020000000000000000000000000001 8700 0000 00000000",
		" IP6 fe80::1 > ff02::1: ICMP6 neighbor solicitation, length 8"},
	{MACS "86dd 60000000 0010 0001 fe800000000000000000000000000001 "
	      "ff020000000000000000000000000016 "
	      "3a00050200000000 8f00 0000 00000000",
		" IP6 fe80::1 > ff02::16: ICMP6 multicast listener report v2, length 8"},
	{MACS "88cc 0207", " LLDP, length 2"},
	{MACS "8809 0101", " slow protocols (LACP), length 2"},
	{MACS "0026 424203 0000", " STP, length 38"},
	{MACS "88b5 0000", " ethertype 0x88b5, length 2"},
	{MACS "0800 0500", " IP [|cut]"},
	{MACS "0800 4100001c00010000 4011 0000 0a000001 0a000002", " IP [bad header]"},
	{"ffff", " [|cut]"},
};

static void frames_are_lines(void **state)
{
	char text[FRAME_TEXT_SIZE];
	uint8_t bytes[256];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t n = parse(rows[i].hex, bytes);

		assert_string_equal(frame_text(bytes, n, n, false, text), rows[i].text);
	}
	assert_string_equal(frame_text(bytes, 2, 2, true, text), " [|cut]");
	(void)parse(MACS "88b5", bytes);
	assert_string_equal(frame_text(bytes, 14, 60, true, text),
		" 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, length 60: ethertype 0x88b5, length 46");
}

/* However a frame is cut or wrong: no byte beyond it is looked at, which a sanitizer sees. */
static void cut_and_wrong_frames_do_no_harm(void **state)
{
	char text[FRAME_TEXT_SIZE];
	uint32_t seed = 1;

	for (unsigned round = 0; round < 20000; round++) {
		uint8_t whole[256] = {0}, *bytes;
		uint32_t n = parse(rows[round % (sizeof(rows) / sizeof(rows[0]))].hex, whole), kept;

		for (unsigned i = 0; i < round % 5; i++) {
			seed = seed * 1664525 + 1013904223;
			whole[(seed >> 16) % (n + 8)] = (uint8_t)(seed >> 8);
		}
		kept = (seed >> 4) % (n + 1);
		bytes = malloc(kept ? kept : 1);
		assert_non_null(bytes);
		memcpy(bytes, whole, kept);
		assert_true(strlen(frame_text(bytes, kept, n, round & 1, text)) < sizeof(text));
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_lines),
		cmocka_unit_test(cut_and_wrong_frames_do_no_harm),
	};

	return cmocka_run_group_tests_name("frame text", tests, NULL, NULL);
}
