#include "capture_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* pcap, draft-ietf-opsawg-pcap: magic number, ..., link type in the lower bits of the last word. */
#define PCAP_MAGIC_US      0xa1b2c3d4u
#define PCAP_MAGIC_NS      0xa1b23c4du
#define PCAP_MAGIC_PATCHED 0xa1b2cd34u /* longer records, as libpcap reads them */
#define PCAP_HEADER_SIZE   24
#define PCAP_LINK_TYPE_AT  20
#define PCAP_LINK_TYPE     0x03ffffffu
#define PCAP_RECORD_SIZE   16 /* before each frame: time, captured length, length */
#define PCAP_CAPTURED_AT   8
#define PCAP_PATCHED_MORE  8
/*
 * pcapng, draft-ietf-opsawg-pcapng: blocks of type, total length and a body; the first is of the
 * section.
 */
#define PCAPNG_SECTION       0x0a0d0d0au
#define PCAPNG_INTERFACE     1u
#define PCAPNG_PACKET        2u /* of old */
#define PCAPNG_SIMPLE_PACKET 3u
#define PCAPNG_ENHANCED      6u
#define PCAPNG_BYTE_ORDER    0x1a2b3c4du
#define PCAPNG_HEAD_SIZE     12 /* and the first word of the body */
#define PCAPNG_CAPTURED_AT   20 /* of packets but simple ones */
#define PCAPNG_SIMPLE_SIZE   16 /* around the frame */

#define LINK_TYPE_ETHERNET 1

static const struct {
	uint32_t type;
	const char *name, *hint;
} link_types[] = {
	{0, "BSD loopback", NULL},
	{101, "raw IP", NULL},
	{105, "IEEE 802.11", NULL},
	{113, "Linux cooked", "capture at one interface of Ethernet, not at 'any'"},
	{127, "IEEE 802.11 radiotap", NULL},
	{228, "raw IPv4", NULL},
	{229, "raw IPv6", NULL},
	{276, "Linux cooked v2", "capture at one interface of Ethernet, not at 'any'"},
};

static uint32_t word_at(const uint8_t *bytes, bool swapped)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return swapped ? __builtin_bswap32(word) : word;
}

static bool is_pcap(uint32_t magic)
{
	return magic == PCAP_MAGIC_US || magic == PCAP_MAGIC_NS || magic == PCAP_MAGIC_PATCHED;
}

/* Link type of the first interface; -ENODATA: there is none. */
static int64_t find_interface(int fd, const uint8_t *section)
{
	bool swapped = word_at(section + 8, false) != PCAPNG_BYTE_ORDER;
	uint8_t head[PCAPNG_HEAD_SIZE];
	off_t at = 0;

	if (word_at(section + 8, swapped) != PCAPNG_BYTE_ORDER)
		return -ENODATA;
	for (unsigned i = 0; i < CAPTURE_FILE_MAX_BLOCKS; i++) {
		uint32_t len;

		if (pread(fd, head, sizeof(head), at) != (ssize_t)sizeof(head))
			return -ENODATA;
		len = word_at(head + 4, swapped);
		if (word_at(head, swapped) == PCAPNG_INTERFACE) {
			uint16_t type;

			memcpy(&type, head + 8, sizeof(type));
			return swapped ? __builtin_bswap16(type) : type;
		}
		if (len < PCAPNG_HEAD_SIZE || len % 4)
			return -ENODATA;
		at += len;
	}
	return -ENODATA;
}

/* Link type of what the file holds; -ENODATA: it holds no capture. */
static int64_t find_link_type(int fd)
{
	uint8_t head[PCAP_HEADER_SIZE];
	ssize_t len = pread(fd, head, sizeof(head), 0);

	if (len < PCAPNG_HEAD_SIZE)
		return -ENODATA;
	if (word_at(head, false) == PCAPNG_SECTION)
		return find_interface(fd, head);
	if (len < PCAP_HEADER_SIZE)
		return -ENODATA;
	for (unsigned swapped = 0; swapped < 2; swapped++) {
		if (is_pcap(word_at(head, swapped)))
			return word_at(head + PCAP_LINK_TYPE_AT, swapped) & PCAP_LINK_TYPE;
	}
	return -ENODATA;
}

static int check_link_type(int64_t type, struct err *err)
{
	if (type == LINK_TYPE_ETHERNET)
		return 0;
	if (type < 0) {
		(void)err_set(err, -EINVAL, "is neither pcap nor pcapng");
		err_hint(err, "write one with 'tcpdump -w FILE'");
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(link_types) / sizeof(link_types[0]); i++) {
		if (link_types[i].type != type)
			continue;
		(void)err_set(err, -EINVAL, "its frames are %s, not Ethernet", link_types[i].name);
		err_hint(err, "%s",
			link_types[i].hint ? link_types[i].hint
					   : "capture at an interface of Ethernet");
		return -EINVAL;
	}
	return err_set(err, -EINVAL, "its frames are of link type %lld, not Ethernet (1)",
		(long long)type);
}

int capture_file_check(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		r = err_set(err, -errno, "%s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		r = err_set(err, -EINVAL, "is not a regular file");
	else if (!st.st_size)
		r = err_set(err, -EINVAL, "is empty");
	else
		r = check_link_type(find_link_type(fd), err);
	if (fd >= 0)
		close(fd);
	return r;
}

/* Measuring */

struct measure {
	uint32_t max_frames, n_frames, max_len;
};

/* False: that is enough. */
static bool count_frame(struct measure *m, uint32_t len)
{
	m->n_frames++;
	m->max_len = len > m->max_len ? len : m->max_len;
	return m->n_frames <= m->max_frames;
}

static void measure_pcap(int fd, const uint8_t *head, struct measure *m)
{
	bool swapped = !is_pcap(word_at(head, false));
	off_t at = PCAP_HEADER_SIZE, more = 0;
	uint8_t record[PCAP_RECORD_SIZE];

	if (word_at(head, swapped) == PCAP_MAGIC_PATCHED)
		more = PCAP_PATCHED_MORE;
	while (pread(fd, record, sizeof(record), at) == (ssize_t)sizeof(record)) {
		uint32_t len = word_at(record + PCAP_CAPTURED_AT, swapped);

		if (!count_frame(m, len))
			return;
		at += PCAP_RECORD_SIZE + more + len;
	}
}

/* Blocks that are no frames count as empty ones. A section says its byte order itself. */
static void measure_pcapng(int fd, struct measure *m)
{
	uint8_t block[PCAPNG_CAPTURED_AT + 4];
	bool swapped = false;
	ssize_t got;

	for (off_t at = 0; (got = pread(fd, block, sizeof(block), at)) >= PCAPNG_HEAD_SIZE;) {
		uint32_t type = word_at(block, swapped), len, frame_len = 0;

		if (type == PCAPNG_SECTION)
			swapped = word_at(block + 8, false) != PCAPNG_BYTE_ORDER;
		len = word_at(block + 4, swapped);
		if (len < PCAPNG_HEAD_SIZE || len % 4)
			return;
		at += len;
		if (type == PCAPNG_SIMPLE_PACKET && len > PCAPNG_SIMPLE_SIZE)
			frame_len = len - PCAPNG_SIMPLE_SIZE;
		else if ((type == PCAPNG_PACKET || type == PCAPNG_ENHANCED) &&
			 got == (ssize_t)sizeof(block))
			frame_len = word_at(block + PCAPNG_CAPTURED_AT, swapped);
		if (!count_frame(m, frame_len))
			return;
	}
}

int capture_file_measure(const char *path, uint32_t max_frames, uint32_t *ret_n_frames,
	uint32_t *ret_max_len)
{
	struct measure m = {.max_frames = max_frames};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t head[PCAP_HEADER_SIZE] = {0};

	if (fd < 0)
		return -errno;
	(void)!pread(fd, head, sizeof(head), 0); /* what is missing is zero */
	if (word_at(head, false) == PCAPNG_SECTION)
		measure_pcapng(fd, &m);
	else
		measure_pcap(fd, head, &m);
	close(fd);
	*ret_n_frames = m.n_frames;
	*ret_max_len = m.max_len;
	return 0;
}
