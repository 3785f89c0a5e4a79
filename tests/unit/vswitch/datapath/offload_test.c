#include "offload.h"

#include "ether.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t big[70000], seg[70000], rebuilt[70000];

/* ---- A second opinion: checksums word by word, from the RFCs ---- */

static uint16_t naive_sum(const uint8_t *p, size_t len, uint32_t start)
{
	uint32_t s = start;

	for (size_t i = 0; i < len; i++) {
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		s = (s & 0xffff) + (s >> 16);
	}
	return (uint16_t)s;
}

static uint16_t pseudo_sum(const uint8_t *ip, bool v6, uint8_t proto, size_t l4_len)
{
	uint32_t s = naive_sum(v6 ? ip + 8 : ip + 12, v6 ? 32 : 8, proto);

	return (uint16_t)(((s + l4_len) & 0xffff) + ((s + l4_len) >> 16));
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static unsigned long get32(const uint8_t *p)
{
	return (unsigned long)get16(p) << 16 | get16(p + 2);
}

struct shape {
	bool v6, tcp;
	unsigned tags;    /* VLAN tags before the IP header */
	unsigned ip_opts; /* bytes of IPv4 options or IPv6 extension header */
	unsigned tcp_opts;
};

/* A frame as a guest with offloads makes it: lengths for the whole, pseudo-header sum in place. */
static size_t build(const struct shape *s, size_t payload, unsigned gso_size,
	struct virtio_net_hdr_v1 *hdr)
{
	size_t l3 = 14 + 4 * s->tags, l4 = l3 + (s->v6 ? 40 : 20) + s->ip_opts;
	size_t l4_hdr = s->tcp ? 20 + s->tcp_opts : 8, len = l4 + l4_hdr + payload;
	uint8_t *ip = big + l3, proto = s->tcp ? 6 : 17;

	memset(big, 0, l4 + l4_hdr);
	for (unsigned i = 0; i < s->tags; i++)
		put16(big + 12 + 4 * i, i + 1 < s->tags ? 0x88a8 : 0x8100),
			put16(big + 14 + 4 * i, 5);
	put16(big + l3 - 2, s->v6 ? 0x86dd : 0x0800);
	if (s->v6) {
		ip[0] = 0x60;
		put16(ip + 4, (unsigned)(len - l3 - 40));
		ip[6] = s->ip_opts ? 0 : proto;
		if (s->ip_opts) {
			ip[40] = proto;
			ip[41] = (uint8_t)(s->ip_opts / 8 - 1);
		}
		ip[23] = 1, ip[39] = 2;
	} else {
		ip[0] = (uint8_t)(0x45 + s->ip_opts / 4);
		put16(ip + 2, (unsigned)(len - l3));
		put16(ip + 4, 0xfffe); /* wraps */
		ip[8] = 64, ip[9] = proto;
		memcpy(ip + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
	}
	if (s->tcp) {
		put16(big + l4 + 4, 0xffff), put16(big + l4 + 6, 0xff00); /* sequence, wraps */
		big[l4 + 12] = (uint8_t)(l4_hdr / 4 << 4);
		big[l4 + 13] = 0x80 | 0x10 | 0x08 | 0x01; /* CWR ACK PSH FIN */
	} else {
		put16(big + l4 + 4, (unsigned)(l4_hdr + payload));
	}
	for (size_t i = 0; i < payload; i++)
		big[l4 + l4_hdr + i] = (uint8_t)random();
	put16(big + l4 + (s->tcp ? 16 : 6), pseudo_sum(ip, s->v6, proto, len - l4));
	*hdr = (struct virtio_net_hdr_v1){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = !gso_size ? VIRTIO_NET_HDR_GSO_NONE
			    : !s->tcp ? VIRTIO_NET_HDR_GSO_UDP_L4
			    : s->v6   ? VIRTIO_NET_HDR_GSO_TCPV6
				      : VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = (uint16_t)gso_size,
		.hdr_len = (uint16_t)(l4 + l4_hdr),
		.csum_start = (uint16_t)l4,
		.csum_offset = s->tcp ? 16 : 6};
	return len;
}

static const struct shape shapes[] = {
	{false, true, 0, 0, 0},
	{false, true, 0, 0, 12},
	{false, true, 1, 40, 40},
	{true, true, 0, 0, 12},
	{true, true, 2, 16, 0},
	{false, false, 0, 0, 0},
	{true, false, 1, 0, 0},
	{true, false, 0, 8, 0},
};
#define N_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static const char *name(const struct shape *s, size_t payload)
{
	static char text[100];

	snprintf(text, sizeof(text), "%s %s tags=%u ip_opts=%u tcp_opts=%u payload=%zu",
		s->v6 ? "IPv6" : "IPv4", s->tcp ? "TCP" : "UDP", s->tags, s->ip_opts, s->tcp_opts,
		payload);
	return text;
}

static void check_l4_sum(const struct shape *s, const uint8_t *frame, size_t len, size_t payload)
{
	size_t l3 = 14 + 4 * s->tags, l4 = l3 + (s->v6 ? 40 : 20) + s->ip_opts;
	uint32_t start = pseudo_sum(frame + l3, s->v6, s->tcp ? 6 : 17, len - l4);

	if (naive_sum(frame + l4, len - l4, start) != 0xffff)
		fail_msg("%s: wrong checksum", name(s, payload));
}

static void checksum_is_what_receivers_compute(void **state)
{
	srandom(1);
	for (unsigned i = 0; i < N_SHAPES; i++) {
		for (size_t payload = 0; payload < 200; payload++) {
			struct virtio_net_hdr_v1 hdr;
			size_t len = build(&shapes[i], payload, 0, &hdr);

			assert_true(offload_sanitize(&hdr, (uint32_t)len, ~UINT64_C(0)));
			offload_checksum(big, (uint32_t)len, &hdr);
			check_l4_sum(&shapes[i], big, len, payload);
		}
	}
}

static void udp_checksum_is_never_zero(void **state)
{
	struct virtio_net_hdr_v1 hdr;
	size_t len = build(&shapes[5], 2, 0, &hdr);

	/* Choose the payload so that the sum comes out as all ones, whose complement is zero. */
	memset(big + len - 2, 0, 2);
	put16(big + len - 2, 0xffff & ~naive_sum(big + hdr.csum_start, len - hdr.csum_start, 0));
	offload_checksum(big, (uint32_t)len, &hdr);
	assert_int_equal(get16(big + hdr.csum_start + 6), 0xffff);
}

/* Cut, check every segment as a receiver would, and put the payloads together again. */
static void segments_make_the_whole(void **state)
{
	static const size_t payloads[] = {1, 99, 100, 101, 1448, 1449, 14480, 65000};
	static const unsigned sizes[] = {1, 100, 536, 1448, 8948, 65535};

	srandom(2);
	for (unsigned i = 0; i < N_SHAPES * 8 * 6; i++) {
		const struct shape *s = &shapes[i % N_SHAPES];
		size_t payload = payloads[i / N_SHAPES % 8];
		unsigned size = sizes[i / N_SHAPES / 8];
		struct virtio_net_hdr_v1 hdr;
		struct offload_cut cut;

		if (payload / size > 2000)
			continue;
		size_t len = build(s, payload, size, &hdr), at = 0, l3 = 14 + 4 * s->tags, l4;
		unsigned n = 0;

		assert_true(offload_sanitize(&hdr, (uint32_t)len, ~UINT64_C(0)));
		assert_true(offload_cut_begin(&cut, big, (uint32_t)len, &hdr));
		l4 = hdr.csum_start;
		for (uint32_t out; (out = offload_cut_next(&cut, seg)); n++) {
			size_t part = out - hdr.hdr_len;
			bool last = at + part == payload;

			assert_true(part <= size && (last || part == size));
			check_l4_sum(s, seg, out, payload);
			if (s->v6) {
				assert_int_equal(get16(seg + l3 + 4), out - l3 - 40);
			} else {
				assert_int_equal(get16(seg + l3 + 2), out - l3);
				assert_int_equal(get16(seg + l3 + 4), (0xfffe + n) & 0xffff);
				assert_int_equal(naive_sum(seg + l3, l4 - l3, 0), 0xffff);
			}
			if (s->tcp) {
				assert_int_equal(get32(seg + l4 + 4),
					(UINT64_C(0xffffff00) + at) & 0xffffffff);
				assert_int_equal(seg[l4 + 13],
					0x10 | (n ? 0 : 0x80) | (last ? 0x09 : 0));
			} else {
				assert_int_equal(get16(seg + l4 + 4), out - l4);
			}
			memcpy(rebuilt + at, seg + hdr.hdr_len, part);
			at += part;
		}
		assert_int_equal(at, payload);
		assert_memory_equal(rebuilt, big + hdr.hdr_len, payload);
		assert_int_equal(n, (payload + size - 1) / size);
	}
}

/* Every header that does not fit its frame is refused (CVE-2024-11614 and kin). */
static void impossible_headers_are_refused(void **state)
{
	struct virtio_net_hdr_v1 good, hdr;
	struct offload_cut cut;
	uint32_t len = (uint32_t)build(&shapes[0], 1000, 500, &good);

	for (unsigned start = 0; start <= len + 4; start++) {
		for (unsigned offset = 0; offset < 24; offset++) {
			hdr = good;
			hdr.csum_start = (uint16_t)start;
			hdr.csum_offset = (uint16_t)offset;
			assert_int_equal(offload_sanitize(&hdr, len, ~UINT64_C(0)),
				start >= 14 && start + offset + 2 <= len);
			if (start != good.csum_start)
				assert_false(offload_cut_begin(&cut, big, len, &hdr));
		}
	}
	hdr = good, hdr.csum_start = 65535, hdr.csum_offset = 65535;
	assert_false(offload_sanitize(&hdr, len, ~UINT64_C(0)));
	hdr = good, hdr.gso_size = 0;
	assert_false(offload_sanitize(&hdr, len, ~UINT64_C(0)));
	hdr = good, hdr.gso_type = 7;
	assert_false(offload_sanitize(&hdr, len, ~UINT64_C(0)));
	hdr = good, hdr.flags = 0;
	assert_false(offload_sanitize(&hdr, len, ~UINT64_C(0)));
	hdr = good, hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	assert_false(offload_cut_begin(&cut, big, len, &hdr));
	hdr = good;
	for (uint32_t cut_len = 0; cut_len < hdr.hdr_len; cut_len++)
		assert_false(offload_cut_begin(&cut, big, cut_len, &hdr));
	big[good.csum_start + 12] = 0x40; /* TCP header of 16 bytes */
	assert_false(offload_cut_begin(&cut, big, len, &good));
}

/* Is the frame in big, of so many bytes and none behind them, cut? */
static bool is_cut(uint32_t len, const struct virtio_net_hdr_v1 *hdr)
{
	struct offload_cut cut;
	uint8_t *frame = malloc(len);
	bool is;

	assert_non_null(frame);
	memcpy(frame, big, len);
	is = offload_cut_begin(&cut, frame, len, hdr);
	free(frame);
	return is;
}

/* Wherever a header says that it ends, it begins behind the one before it, and is there. */
static void headers_lie_behind_each_other_in_the_frame(void **state)
{
	static const struct shape kinds[] = {
		{.tcp = true}, {.v6 = true, .tcp = true}, {.v6 = true}};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct virtio_net_hdr_v1 good, hdr;
		uint32_t len = (uint32_t)build(&kinds[i], 1000, 500, &good), l4 = good.csum_start;
		uint32_t headers = l4 + (kinds[i].tcp ? 20 : 8);

		assert_true(is_cut(len, &good));
		for (uint32_t cut_len = 14; cut_len < len; cut_len++)
			assert_int_equal(is_cut(cut_len, &good), cut_len >= headers);
		if (kinds[i].tcp) {
			big[l4 + 12] = 0xf0; /* with all options */
			for (uint32_t cut_len = 14; cut_len < len; cut_len++)
				assert_int_equal(is_cut(cut_len, &good), cut_len >= l4 + 60);
			big[l4 + 12] = 0x50;
		}
		/* The IP header's own word for its length must not be shorter than any. */
		for (uint32_t start = 14; start < l4; start++) {
			hdr = good, hdr.csum_start = (uint16_t)start;
			if (!kinds[i].v6)
				big[14] = (uint8_t)(0x40 | (start - 14) / 4);
			assert_false(is_cut(len, &hdr));
		}
	}
}

static void only_negotiated_offloads_are_accepted(void **state)
{
	const uint64_t csum = VIRTIO_BIT(VIRTIO_NET_F_CSUM),
		       tso4 = VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4);
	struct virtio_net_hdr_v1 good, hdr;
	uint32_t len = (uint32_t)build(&shapes[0], 1000, 500, &good);

	hdr = good;
	assert_true(offload_sanitize(&hdr, len, csum | tso4));
	hdr = good;
	assert_false(offload_sanitize(&hdr, len, csum));
	hdr = good, hdr.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	assert_false(offload_sanitize(&hdr, len, csum | tso4));
	hdr = good, hdr.gso_type = 0;
	assert_false(offload_sanitize(&hdr, len, 0));
	/* What only a device may say goes away, whatever was negotiated. */
	hdr = (struct virtio_net_hdr_v1){.flags = VIRTIO_NET_HDR_F_DATA_VALID, .csum_start = 99};
	assert_true(offload_sanitize(&hdr, len, 0));
	assert_int_equal(hdr.flags, 0);
	assert_int_equal(hdr.csum_start, 0);
}

static void native_needs_every_feature(void **state)
{
	struct virtio_net_hdr_v1 hdr;
	const uint64_t csum = VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM);

	(void)build(&shapes[3], 1000, 500, &hdr);
	assert_false(offload_is_native(&hdr, csum));
	assert_false(offload_is_native(&hdr, csum | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4)));
	assert_true(offload_is_native(&hdr, csum | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6)));
	hdr.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	assert_false(offload_is_native(&hdr, csum | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6)));
	(void)build(&shapes[0], 10, 0, &hdr);
	assert_true(offload_is_native(&hdr, csum));
	assert_false(offload_is_native(&hdr, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_is_what_receivers_compute),
		cmocka_unit_test(udp_checksum_is_never_zero),
		cmocka_unit_test(segments_make_the_whole),
		cmocka_unit_test(impossible_headers_are_refused),
		cmocka_unit_test(headers_lie_behind_each_other_in_the_frame),
		cmocka_unit_test(only_negotiated_offloads_are_accepted),
		cmocka_unit_test(native_needs_every_feature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
