/* What of capture files can be replayed, and what is said of others. */
#include "capture_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[] = "/tmp/weft-capture.XXXXXX", path[64];

static int set_up(void **state)
{
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)unlink(path);
	return rmdir(dir);
}

static void write_file(const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static uint32_t word(uint32_t value, bool swapped)
{
	return swapped ? __builtin_bswap32(value) : value;
}

static void write_pcap(uint32_t magic, uint32_t link_type, bool swapped)
{
	uint32_t head[6] = {
		word(magic, swapped), 0, 0, 0, word(65535, swapped), word(link_type, swapped)};

	write_file(head, sizeof(head));
}

static void expect(int code, const char *msg, const char *hint)
{
	struct err err = {0};
	int r = capture_file_check(path, &err);

	if (r != code || !strstr(err.msg, msg) || !strstr(err.hint, hint))
		fail_msg("%d: %s (%s), expected %d: %s (%s)", r, err.msg, err.hint, code, msg,
			hint);
}

static void captures_of_ethernet_pass(void **state)
{
	static const uint32_t magics[] = {0xa1b2c3d4u, 0xa1b23c4du, 0xa1b2cd34u};

	for (unsigned i = 0; i < 6; i++) {
		write_pcap(magics[i / 2], 1, i % 2);
		expect(0, "", "");
	}
	write_pcap(magics[0], 0x50000001, false); /* with the length of check sequences */
	expect(0, "", "");
}

static void other_link_types_are_named(void **state)
{
	write_pcap(0xa1b2c3d4u, 101, false);
	expect(-EINVAL, "its frames are raw IP, not Ethernet", "an interface of Ethernet");
	write_pcap(0xa1b23c4du, 113, true);
	expect(-EINVAL, "its frames are Linux cooked, not Ethernet", "not at 'any'");
	write_pcap(0xa1b2c3d4u, 147, false);
	expect(-EINVAL, "its frames are of link type 147", "");
}

/*
 * A section of two blocks that are none of an interface, then one of link type; cut to size bytes.
 */
static void write_pcapng(uint32_t link_type, bool swapped, size_t size)
{
	uint32_t words[] = {0x0a0d0d0au, word(28, swapped), word(0x1a2b3c4du, swapped),
		word(1, swapped), ~0u, ~0u, word(28, swapped), word(4, swapped), word(12, swapped),
		word(12, swapped), word(1, swapped), word(20, swapped),
		swapped ? word(link_type << 16, true) : link_type, 0, word(20, swapped)};

	assert_true(size <= sizeof(words));
	write_file(words, size ? size : sizeof(words));
}

static void pcapng_is_known_by_its_first_interface(void **state)
{
	for (unsigned swapped = 0; swapped < 2; swapped++) {
		write_pcapng(1, swapped, 0);
		expect(0, "", "");
		write_pcapng(276, swapped, 0);
		expect(-EINVAL, "Linux cooked v2", "not at 'any'");
	}
	for (size_t size = 1; size < 52; size++) {
		write_pcapng(1, false, size);
		expect(-EINVAL, "is neither pcap nor pcapng", "tcpdump -w FILE");
	}
}

/* Blocks of length 0 and without an end end the search. */
static void pcapng_without_interface_ends(void **state)
{
	static uint32_t words[3 * (CAPTURE_FILE_MAX_BLOCKS + 2)];

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i += 3) {
		words[i] = i ? 5 : 0x0a0d0d0au;
		words[i + 1] = 12;
		words[i + 2] = i ? 0 : 0x1a2b3c4du;
	}
	write_file(words, sizeof(words));
	expect(-EINVAL, "is neither pcap nor pcapng", "");
	words[1] = 0;
	write_file(words, sizeof(words));
	expect(-EINVAL, "is neither pcap nor pcapng", "");
}

static void what_is_no_file_of_frames_is_named(void **state)
{
	(void)unlink(path);
	expect(-ENOENT, "No such file", "");
	write_file("", 0);
	expect(-EINVAL, "is empty", "");
	write_file("a text, and no capture at all\n", 30);
	expect(-EINVAL, "is neither pcap nor pcapng", "");
	write_file("\xd4\xc3\xb2\xa1", 4);
	expect(-EINVAL, "is neither pcap nor pcapng", "");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	expect(-EINVAL, "is not a regular file", "");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes to it: who opens it waits */
	expect(-EINVAL, "is not a regular file", "");
	assert_int_equal(unlink(path), 0);
}

static void expect_size(uint32_t max_frames, uint32_t n_frames, uint32_t max_len)
{
	uint32_t n, len;

	assert_int_equal(capture_file_measure(path, max_frames, &n, &len), 0);
	if (n != n_frames || len != max_len)
		fail_msg("%u frames, the longest of %u bytes, expected %u of %u", n, len, n_frames,
			max_len);
}

/* Frames of 60, 1514 and 4 bytes, behind headers of 16 bytes or, patched, 24. */
static void frames_of_pcap_are_counted(void **state)
{
	static const uint32_t magics[] = {0xa1b2c3d4u, 0xa1b23c4du, 0xa1b2cd34u},
			      lens[] = {60, 1514, 4};

	for (unsigned i = 0; i < 6; i++) {
		bool swapped = i % 2;
		size_t record = i / 2 == 2 ? 24 : 16, size = 24;
		uint8_t file[2048] = {0};
		uint32_t head[6] = {word(magics[i / 2], swapped), 0, 0, 0, 0, word(1, swapped)};

		memcpy(file, head, sizeof(head));
		write_file(file, size);
		expect_size(10, 0, 0);
		for (unsigned k = 0; k < 3; k++) {
			uint32_t len = word(lens[k], swapped);

			memcpy(file + size + 8, &len, sizeof(len));
			size += record + lens[k];
		}
		write_file(file, size);
		expect_size(10, 3, 1514);
		expect_size(3, 3, 1514);
		expect_size(1, 2, 1514);
		expect_size(0, 1, 60);
		write_file(file, size - 4); /* the last one cut off */
		expect_size(10, 3, 1514);
		write_file(file, 24 + 15);
		expect_size(10, 0, 0);
	}
}

/* Every block counts: a section, an interface, a packet of each type, and one of the next section,
 * in another byte order. */
static void frames_of_pcapng_are_counted(void **state)
{
	for (unsigned swapped = 0; swapped < 2; swapped++) {
		bool other = !swapped;
		uint32_t words[] = {0x0a0d0d0au, word(28, swapped), word(0x1a2b3c4du, swapped),
			word(1, swapped), ~0u, ~0u, word(28, swapped),
			/* interface */
			word(1, swapped), word(20, swapped), word(1, swapped), 0, word(20, swapped),
			/* simple, 8 bytes */
			word(3, swapped), word(24, swapped), word(8, swapped), 0, 0,
			word(24, swapped),
			/* enhanced, 9 bytes */
			word(6, swapped), word(44, swapped), 0, 0, 0, word(9, swapped),
			word(9, swapped), 0, 0, 0, word(44, swapped),
			/* of old, 4 bytes */
			word(2, swapped), word(36, swapped), 0, 0, 0, word(4, swapped),
			word(4, swapped), 0, word(36, swapped),
			/* section */
			0x0a0d0d0au, word(28, other), word(0x1a2b3c4du, other), word(1, other), ~0u,
			~0u, word(28, other),
			/* enhanced, 12 bytes */
			word(6, other), word(44, other), 0, 0, 0, word(12, other), word(12, other),
			0, 0, 0, word(44, other)};

		write_file(words, sizeof(words));
		expect_size(10, 7, 12);
		expect_size(3, 4, 9);
		words[13] = word(25, swapped); /* a length that is none ends it */
		write_file(words, sizeof(words));
		expect_size(10, 2, 0);
	}
}

static void what_is_gone_is_not_measured(void **state)
{
	uint32_t n, len;

	(void)unlink(path);
	assert_int_equal(capture_file_measure(path, 1, &n, &len), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captures_of_ethernet_pass),
		cmocka_unit_test(other_link_types_are_named),
		cmocka_unit_test(pcapng_is_known_by_its_first_interface),
		cmocka_unit_test(pcapng_without_interface_ends),
		cmocka_unit_test(what_is_no_file_of_frames_is_named),
		cmocka_unit_test(frames_of_pcap_are_counted),
		cmocka_unit_test(frames_of_pcapng_are_counted),
		cmocka_unit_test(what_is_gone_is_not_measured),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
