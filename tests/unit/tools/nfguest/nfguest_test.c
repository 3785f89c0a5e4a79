/* What of the bare-metal guest is pure: its command line, and what it does to frames. */
#include "cmdline.h"
#include "packet.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static const uint8_t own[] = {2, 0, 0, 0, 0, 9}, hop[] = {2, 0, 0, 0, 0, 7};

static void words_are_understood(void **state)
{
	static const uint8_t dst[] = {2, 0, 0, 0, 0xab, 0xCD};
	struct cmdline c;

	assert_null(cmdline_parse("  mode=gen rate=1000 size=128 count=5 dst=02:00:00:00:ab:CD "
				  "vlan=10 queues=2 packed=0 stream=7 seconds=3 ip=10.0.0.255",
		&c));
	assert_int_equal(c.mode, MODE_GEN);
	assert_int_equal(c.rate, 1000);
	assert_int_equal(c.size, 128);
	assert_int_equal(c.count, 5);
	assert_memory_equal(c.dst, dst, 6);
	assert_int_equal(c.vlan, 10);
	assert_int_equal(c.queues, 2);
	assert_true(c.split);
	assert_int_equal(c.stream, 7);
	assert_int_equal(c.ip, 0x0a0000ff);
	assert_null(cmdline_parse("", &c));
	assert_int_equal(c.mode, MODE_IDLE);
	assert_false(c.packed || c.split);
	assert_null(cmdline_parse("rate=max mode=l3", &c));
	assert_int_equal(c.rate, 0);
}

static void other_words_are_named(void **state)
{
	static const char *const cases[] = {"mode=gun", "mode=", "mode", "rate=0", "rate=1k",
		"size=63", "size=2001", "vlan=0", "vlan=4095", "queues=17", "packed=2",
		"dst=02:00:00:00:00", "dst=02:00:00:00:00:01:02", "ip=10.0.0", "ip=10.0.0.256",
		"ip=10.0.0.1.2", "count=99999999999999999999", "noisy=1", "colour=red", "=",
		"mode=gen,"};
	char text[128];
	struct cmdline c;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)strcpy(text, "mode=gen ");
		(void)strcat(text, cases[i]);
		assert_ptr_equal(cmdline_parse(text, &c), text + 9);
	}
}

static uint16_t checksum(const uint8_t *data, unsigned len)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* An ICMP echo request from 10.0.0.1 to 10.0.0.2, 98 bytes. */
static void make_ping(uint8_t *frame, uint8_t ttl)
{
	static const uint8_t head[] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 84, 1,
		2, 0x40, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 8, 0, 0, 0, 0x12, 0x34, 0, 1};
	uint16_t sum;

	memset(frame, 0x5a, 98);
	memcpy(frame, head, sizeof(head));
	frame[22] = ttl;
	sum = checksum(frame + 14, 20);
	frame[24] = (uint8_t)(sum >> 8);
	frame[25] = (uint8_t)sum;
	sum = checksum(frame + 34, 64);
	frame[36] = (uint8_t)(sum >> 8);
	frame[37] = (uint8_t)sum;
}

static void an_echo_request_is_answered(void **state)
{
	static const uint8_t asker[] = {2, 0, 0, 0, 0, 1};
	uint8_t frame[98];

	make_ping(frame, 64);
	assert_false(packet_answer(frame, 98, 0x0a000003, own)); /* not for us */
	assert_true(packet_answer(frame, 98, 0x0a000002, own));
	assert_memory_equal(frame, asker, 6);
	assert_memory_equal(frame + 6, own, 6);
	assert_memory_equal(frame + 26, "\x0a\0\0\x02\x0a\0\0\x01", 8);
	assert_int_equal(frame[34], 0);
	assert_int_equal(checksum(frame + 34, 64), 0);
	assert_int_equal(checksum(frame + 14, 20), 0);
	assert_false(packet_answer(frame, 98, 0x0a000001, own)); /* an answer is not answered */
}

static void an_arp_request_is_answered(void **state)
{
	uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0,
		6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};
	static const uint8_t answer[42] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 6, 0, 1, 8, 0, 6,
		4, 0, 2, 2, 0, 0, 0, 0, 9, 10, 0, 0, 2, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1};

	assert_false(packet_answer(frame, 41, 0x0a000002, own)); /* cut off */
	assert_true(packet_answer(frame, 60, 0x0a000002, own));
	assert_memory_equal(frame, answer, sizeof(answer));
}

static void a_packet_is_routed(void **state)
{
	uint8_t frame[98];

	for (unsigned ttl = 2; ttl < 256; ttl++) {
		make_ping(frame, (uint8_t)ttl);
		assert_int_equal(packet_route(frame, 98, own, hop), PACKET_GO);
		assert_int_equal(frame[22], ttl - 1);
		assert_int_equal(checksum(frame + 14, 20), 0);
		assert_memory_equal(frame, hop, 6);
		assert_memory_equal(frame + 6, own, 6);
	}
	make_ping(frame, 1);
	assert_int_equal(packet_route(frame, 98, own, hop), PACKET_TTL);
	make_ping(frame, 64);
	assert_int_equal(packet_route(frame, 33, own, hop), PACKET_NOT_IP);
	frame[12] = 0x86;
	assert_int_equal(packet_route(frame, 98, own, hop), PACKET_NOT_IP);
}

static void a_frame_is_made_signed_and_turned_round(void **state)
{
	static const uint8_t head[] = {
		2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 9, 0x81, 0, 0, 10, 0x88, 0xb5};
	static const uint8_t tail[] = {0x57, 0x46, 0, 7, 0, 0, 0, 5, 0, 1, 0, 0, 0, 2};
	uint8_t frame[60];

	packet_make(frame, 60, hop, own, 10);
	packet_sign(frame, 60, 7, 5, UINT64_C(0x000100000002));
	assert_memory_equal(frame, head, sizeof(head));
	assert_memory_equal(frame + 46, tail, sizeof(tail));
	packet_swap(frame);
	assert_memory_equal(frame, own, 6);
	assert_memory_equal(frame + 6, hop, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_understood),
		cmocka_unit_test(other_words_are_named),
		cmocka_unit_test(an_echo_request_is_answered),
		cmocka_unit_test(an_arp_request_is_answered),
		cmocka_unit_test(a_packet_is_routed),
		cmocka_unit_test(a_frame_is_made_signed_and_turned_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
