/* Datagrams byte for byte, and what fits into one. The layout is that of sFlow version 5, section
 * 5. */
#include "sflow/sflow_datagram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define U32(a, b, c, d) a, b, c, d
#define N(n)            U32(0, 0, 0, n)

static const struct sflow_agent agent = {.address = {192, 0, 2, 7}};

static void check(const struct sflow_datagram *datagram, const uint8_t *want, size_t n)
{
	assert_int_equal(datagram->len, n);
	assert_memory_equal(datagram->bytes, want, n);
}

static void flow_sample_has_the_frame(void **state)
{
	static const uint8_t header[] = "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0E";
	static const uint8_t want[] = {N(5), N(1), U32(192, 0, 2, 7), N(0), N(9),
		U32(0, 0, 4, 0xd2), N(1),
		/* flow sample */ N(1), N(72), N(3), N(4), U32(0, 0, 1, 0), U32(0, 1, 0, 0), N(6),
		N(4), N(0), N(1),
		/* raw header */ N(1), N(32), N(1), N(64), N(4), N(15),
		/* padded */ 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 'E', 0};
	const struct sflow_flow flow = {.sequence = 3,
		.interface = 4,
		.rate = 256,
		.pool = 65536,
		.drops = 6,
		.frame_len = 60,
		.header = header,
		.header_len = 15};
	struct sflow_datagram datagram;

	memset(&datagram, 0xff, sizeof(datagram));
	sflow_datagram_begin(&datagram, &agent, 9, 1234);
	assert_true(sflow_datagram_add_flow(&datagram, &flow));
	check(&datagram, want, sizeof(want));
}

static void counter_sample_has_the_interface(void **state)
{
	static const uint8_t want[] = {N(5), N(2), 0x20, 1, 0xd, 0xb8, N(0), N(0), N(1), N(0), N(1),
		N(0), N(1),
		/* counter sample */ N(2), N(108), N(2), N(8), N(1),
		/* generic interface counters */ N(1), N(88), N(8), N(6), N(0), N(0), N(1), N(3),
		U32(0, 0, 0, 1), N(2), N(10), N(11), N(12), N(13), N(14), N(0), N(0), N(20), N(21),
		N(22), N(23), N(24), N(25), N(1)};
	const struct sflow_agent six = {.address = {0x20, 1, 0xd, 0xb8, [15] = 1}, .is_ipv6 = true};
	const struct sflow_counters counters = {.sequence = 2,
		.interface = 8,
		.admin_up = true,
		.oper_up = true,
		.in_octets = (UINT64_C(1) << 32) + 2,
		.in_unicast = 10,
		.in_multicast = 11,
		.in_broadcast = 12,
		.in_discards = 13,
		.in_errors = 14,
		.out_octets = 20,
		.out_unicast = 21,
		.out_multicast = 22,
		.out_broadcast = 23,
		.out_discards = 24,
		.out_errors = 25};
	struct sflow_datagram datagram;

	sflow_datagram_begin(&datagram, &six, 1, 0);
	assert_true(sflow_datagram_add_counters(&datagram, &counters));
	check(&datagram, want, sizeof(want));
}

static void what_does_not_fit_changes_nothing(void **state)
{
	static const uint8_t header[SFLOW_MAX_HEADER];
	const struct sflow_flow flow = {.header = header, .header_len = SFLOW_MAX_HEADER};
	struct sflow_datagram datagram, before;
	unsigned n = 0;

	sflow_datagram_begin(&datagram, &agent, 1, 0);
	for (before = datagram; sflow_datagram_add_flow(&datagram, &flow); before = datagram)
		n++;
	assert_int_equal(n, (SFLOW_DATAGRAM_MAX - 28) / (64 + SFLOW_MAX_HEADER));
	assert_int_equal(datagram.bytes[27], n);
	assert_memory_equal(&datagram, &before, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flow_sample_has_the_frame),
		cmocka_unit_test(counter_sample_has_the_interface),
		cmocka_unit_test(what_does_not_fit_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
