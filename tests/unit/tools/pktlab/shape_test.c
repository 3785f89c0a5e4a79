#include "shape.h"

#include "port.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

static uint8_t frame[PORT_FRAME_MAX];

/* RFC 1071: over a right header the sum is 0. */
static uint16_t checksum(const uint8_t *data, unsigned len)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static struct stream tagged_udp(void)
{
	struct stream stream;

	stream_init(&stream);
	stream.id = 7;
	stream.n_tags = 1;
	stream.tags[0] = (struct stream_tag){0x8100, 3, {100, 4, false}};
	stream.dst.count = 3;
	stream.ip = stream.udp = true;
	stream.ip_src.count = 1000;
	stream.udp_dst.count = 5;
	return stream;
}

static void a_tagged_udp_frame_of_64_bytes_holds_its_signature(void **state)
{
	static const uint8_t head[] = {0x02, 0, 0, 0, 0, 0x03, 0x02, 0, 0, 0, 0, 0x01, 0x81, 0x00,
		0x60, 101, 0x08, 0x00, 0x45};
	struct stream stream = tagged_udp();
	struct shape *shape = shape_create(&stream, 1);
	uint64_t tag = 0;
	struct signature sig;

	assert_int_equal(shape_render(shape, frame, &tag, 1, 77, UINT64_C(0xaabbccddeeff)), 60);
	assert_memory_equal(frame, head, sizeof(head));
	assert_int_equal(checksum(frame + 18, 20), 0);
	assert_int_equal(frame[18 + 2] << 8 | frame[18 + 3], 42); /* total length */
	assert_int_equal(frame[18 + 24] << 8 | frame[18 + 25], 22);
	assert_int_equal(frame[18 + 22] << 8 | frame[18 + 23], 4098);
	assert_true(signature_read(frame, 60, &sig));
	assert_int_equal(sig.stream, 7);
	assert_int_equal(sig.number, 77);
	assert_int_equal(sig.ns, UINT64_C(0xaabbccddeeff));
	shape_destroy(shape);
}

static void every_frame_is_good_as_it_was_made(void **state)
{
	static const uint16_t sizes[] = {64, 65, 512, 1518, 9000};
	struct stream stream = tagged_udp();
	uint64_t tag = 0;

	stream.n_sizes = 5;
	memcpy(stream.sizes, sizes, sizeof(sizes));
	stream.src = (struct range){0x020000001000, 64, true};
	struct shape *shape = shape_create(&stream, 1);
	for (uint64_t n = 0; n < 5000; n++) {
		uint32_t len = shape_render(shape, frame, &tag, n, (uint32_t)n, n);

		assert_int_equal(len, sizes[n % 5] - 4);
		assert_int_equal(checksum(frame + 18, 20), 0);
		assert_int_equal(shape_check(shape, frame, len, n), SHAPE_GOOD);
	}
	shape_destroy(shape);
}

static void a_changed_byte_is_found_wherever_it_is(void **state)
{
	struct stream stream = tagged_udp();
	struct shape *shape = shape_create(&stream, 1);
	uint64_t tag = 0;

	stream.sizes[0] = 128;
	uint32_t len = shape_render(shape, frame, &tag, 9, 9, 0);
	for (unsigned at = 0; at < len - SHAPE_SIGNATURE; at++) {
		frame[at] ^= 0x10;
		assert_int_not_equal(shape_check(shape, frame, len, 9), SHAPE_GOOD);
		frame[at] ^= 0x10;
	}
	assert_int_equal(shape_check(shape, frame, len - 8, 9), SHAPE_LENGTH);
	shape_destroy(shape);
}

static void a_tag_that_a_switch_took_or_added_is_no_fault(void **state)
{
	struct stream stream = tagged_udp();
	struct shape *shape = shape_create(&stream, 1);
	uint8_t other[128];
	uint64_t tag = 0;
	uint32_t len = shape_render(shape, frame, &tag, 9, 9, 0);

	memcpy(other, frame, 12);
	memcpy(other + 12, frame + 16, len - 16);
	assert_int_equal(shape_check(shape, other, len - 4, 9), SHAPE_GOOD);
	other[40] ^= 1;
	assert_int_equal(shape_check(shape, other, len - 4, 9), SHAPE_PAYLOAD);
	memcpy(other, frame, 12);
	memcpy(other + 12, "\x81\x00\x00\x05", 4);
	memcpy(other + 16, frame + 12, len - 12);
	assert_int_equal(shape_check(shape, other, len + 4, 9), SHAPE_GOOD);
	shape_destroy(shape);
}

static void vxlan_has_two_headers_of_right_lengths(void **state)
{
	struct stream stream = tagged_udp();
	uint64_t tag = 0;

	stream.n_tags = 0;
	stream.sizes[0] = 200;
	stream.vxlan = (struct stream_vxlan){true, 0x123456, 0x0a000001, 0x0a000002, 1, 2};
	struct shape *shape = shape_create(&stream, 1);
	uint32_t len = shape_render(shape, frame, &tag, 0, 0, 0);
	assert_int_equal(checksum(frame + 14, 20), 0);
	assert_int_equal(frame[16] << 8 | frame[17], len - 14);
	assert_int_equal(frame[36] << 8 | frame[37], 4789);
	assert_int_equal(frame[38] << 8 | frame[39], len - 34);
	assert_memory_equal(frame + 42, "\x08\0\0\0\x12\x34\x56\0", 8);
	assert_int_equal(checksum(frame + 64, 20), 0);
	assert_int_equal(frame[66] << 8 | frame[67], len - 64);
	shape_destroy(shape);
}

static void a_slot_of_another_shape_is_written_anew(void **state)
{
	struct stream a = tagged_udp(), b = tagged_udp();
	uint64_t tag = 0;

	b.id = 8;
	a.sizes[0] = b.sizes[0] = 128;
	struct shape *one = shape_create(&a, 1), *two = shape_create(&b, 2);
	(void)shape_render(one, frame, &tag, 0, 0, 0);
	uint32_t len = shape_render(two, frame, &tag, 0, 0, 0);
	assert_int_equal(shape_check(two, frame, len, 0), SHAPE_GOOD);
	assert_int_equal(shape_check(one, frame, len, 0), SHAPE_PAYLOAD);
	shape_destroy(one);
	shape_destroy(two);
}

static void a_mix_has_7_4_1(void **state)
{
	struct stream stream;
	unsigned n_small = 0, n_middle = 0;

	stream_init(&stream);
	stream_set_imix(&stream);
	for (unsigned n = 0; n < 12; n++) {
		n_small += stream_size(&stream, n) == 64;
		n_middle += stream_size(&stream, n) == 570;
	}
	assert_int_equal(stream.n_sizes, 12);
	assert_int_equal(n_small, 7);
	assert_int_equal(n_middle, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tagged_udp_frame_of_64_bytes_holds_its_signature),
		cmocka_unit_test(every_frame_is_good_as_it_was_made),
		cmocka_unit_test(a_changed_byte_is_found_wherever_it_is),
		cmocka_unit_test(a_tag_that_a_switch_took_or_added_is_no_fault),
		cmocka_unit_test(vxlan_has_two_headers_of_right_lengths),
		cmocka_unit_test(a_slot_of_another_shape_is_written_anew),
		cmocka_unit_test(a_mix_has_7_4_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
