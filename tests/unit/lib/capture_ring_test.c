/* The reader's side of a ring that anybody may have written; the writer's: capture_test.c. */
#include "capture_ring.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int make_fd(uint64_t size)
{
	int fd = memfd_create("capture-ring-test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void a_size_that_cannot_be_is_refused(void **state)
{
	int fd = make_fd(CAPTURE_RING_HEADER_SIZE + CAPTURE_RING_MIN);
	static const uint64_t bad[] = {0, 1, CAPTURE_RING_MIN / 2, CAPTURE_RING_MIN + 1,
		3 * CAPTURE_RING_MIN, 2 * CAPTURE_RING_MIN, UINT64_MAX, UINT64_C(1) << 63};
	struct capture_reader reader;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(capture_reader_open(&reader, fd, bad[i]), -EPROTO);
	assert_int_equal(capture_reader_open(&reader, fd, CAPTURE_RING_MIN), 0);
	capture_reader_close(&reader);
	capture_reader_close(&reader);
	close(fd);
}

/* Whatever is in it: what is returned lies within, and there is an end to it. */
static void nonsense_is_found_out(void **state)
{
	int fd = make_fd(CAPTURE_RING_HEADER_SIZE + CAPTURE_RING_MIN);
	struct capture_reader reader;
	uint32_t seed = 3;
	unsigned n_frames = 0, n_refused = 0;

	assert_int_equal(capture_reader_open(&reader, fd, CAPTURE_RING_MIN), 0);
	for (unsigned round = 0; round < 3000; round++) {
		uint64_t at = 0, end = CAPTURE_RING_MIN;
		struct capture_record record;
		const uint8_t *bytes;
		int r = 1;

		/* Records that are right, but for one word or so. */
		while (at < CAPTURE_RING_MIN) {
			uint32_t n = (seed >> 8) % 3000;

			seed = seed * 1664525 + 1013904223;
			record = (struct capture_record){.size = (32 + n + 7) / 8 * 8,
				.len = n + 1,
				.n_bytes = n,
				.point = (uint16_t)(seed % CAPTURE_MAX_POINTS)};
			if (record.size > CAPTURE_RING_MIN - at)
				record = (struct capture_record){
					.size = (uint32_t)(CAPTURE_RING_MIN - at)};
			if (CAPTURE_RING_MIN - at >= sizeof(record))
				memcpy(reader.bytes + at, &record, sizeof(record));
			at += record.size;
		}
		seed = seed * 1664525 + 1013904223;
		if (round % 4)
			((uint32_t *)(void *)reader.bytes)[(seed >> 4) % 2000] =
				seed % 3 ? seed : seed & 0xfff;
		if (round % 7 == 0)
			end = seed % 5 ? seed : UINT64_MAX - seed;
		reader.head = round % 11 ? 0 : seed & 0xfffff8;
		reader.ring->published = reader.head + end;
		for (unsigned i = 0; r == 1; i++) {
			assert_true(i <= CAPTURE_RING_MIN / sizeof(record));
			r = capture_reader_next(&reader, &record, &bytes);
			if (r != 1)
				break;
			n_frames++;
			assert_true(bytes >= reader.bytes);
			assert_true(bytes + record.n_bytes <= reader.bytes + CAPTURE_RING_MIN);
			assert_true(record.len > 0 && record.n_bytes <= record.len);
			assert_true(record.point < CAPTURE_MAX_POINTS);
		}
		assert_true(r == 0 || r == -EPROTO);
		n_refused += r == -EPROTO;
	}
	assert_true(n_frames > 1000 && n_refused > 100);
	reader.ring->n_points = UINT32_MAX;
	assert_int_equal(capture_reader_n_points(&reader), CAPTURE_MAX_POINTS);
	capture_reader_close(&reader);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_that_cannot_be_is_refused),
		cmocka_unit_test(nonsense_is_found_out),
	};

	return cmocka_run_group_tests_name("capture ring", tests, NULL, NULL);
}
