#include "pcapng.h"

#include <string.h>

#define BLOCK_SECTION    0x0a0d0d0au
#define BLOCK_INTERFACE  1u
#define BLOCK_STATISTICS 5u
#define BLOCK_FRAME      6u

#define BYTE_ORDER_MAGIC   0x1a2b3c4du
#define LINK_TYPE_ETHERNET 1

#define OPT_END           0
#define OPT_COMMENT       1
#define SECTION_APPL      4
#define INTERFACE_NAME    2
#define INTERFACE_DESCR   3
#define INTERFACE_TSRESOL 9
#define INTERFACE_FILTER  11
#define FILTER_IS_TEXT    0
#define FRAME_FLAGS       2
#define STATS_START       2
#define STATS_END         3
#define STATS_RECEIVED    4
#define STATS_DROPPED     5
#define RESOLUTION_1E9    9

/* A block that is being written. */
struct block {
	uint8_t *bytes;
	size_t len;
};

static void put(struct block *block, const void *src, size_t len)
{
	if (len)
		memcpy(block->bytes + block->len, src, len);
	block->len += len;
}

static void put_u16(struct block *block, uint16_t value)
{
	put(block, &value, sizeof(value));
}

static void put_u32(struct block *block, uint32_t value)
{
	put(block, &value, sizeof(value));
}

/* To the next 32 bits. */
static void pad(struct block *block)
{
	static const uint8_t zeros[3];

	put(block, zeros, (4 - block->len % 4) % 4);
}

/* Two halves, the upper first. */
static void put_time(struct block *block, uint64_t ns)
{
	put_u32(block, (uint32_t)(ns >> 32));
	put_u32(block, (uint32_t)ns);
}

static void put_option(struct block *block, uint16_t code, const void *value, size_t len)
{
	put_u16(block, code);
	put_u16(block, (uint16_t)len);
	put(block, value, len);
	pad(block);
}

static void put_text(struct block *block, uint16_t code, const char *text)
{
	if (text && text[0])
		put_option(block, code, text, strnlen(text, PCAPNG_MAX_TEXT));
}

static struct block begin(uint8_t *dst, uint32_t type)
{
	struct block block = {.bytes = dst};

	put_u32(&block, type);
	put_u32(&block, 0);
	return block;
}

static size_t end(struct block *block)
{
	uint32_t len = (uint32_t)block->len + 4;

	put_u32(block, len);
	memcpy(block->bytes + 4, &len, sizeof(len));
	return block->len;
}

size_t pcapng_section(uint8_t *dst, const char *application)
{
	const uint64_t unknown_len = UINT64_MAX;
	struct block block = begin(dst, BLOCK_SECTION);

	put_u32(&block, BYTE_ORDER_MAGIC);
	put_u16(&block, 1); /* version 1.0 */
	put_u16(&block, 0);
	put(&block, &unknown_len, sizeof(unknown_len));
	put_text(&block, SECTION_APPL, application);
	put_option(&block, OPT_END, NULL, 0);
	return end(&block);
}

size_t pcapng_interface(uint8_t *dst, const char *name, const char *description, const char *filter,
	uint32_t snaplen)
{
	const uint8_t resolution = RESOLUTION_1E9;
	uint8_t text[1 + PCAPNG_MAX_TEXT] = {FILTER_IS_TEXT};
	struct block block = begin(dst, BLOCK_INTERFACE);

	put_u16(&block, LINK_TYPE_ETHERNET);
	put_u16(&block, 0);
	put_u32(&block, snaplen);
	put_text(&block, INTERFACE_NAME, name);
	put_text(&block, INTERFACE_DESCR, description);
	put_option(&block, INTERFACE_TSRESOL, &resolution, sizeof(resolution));
	if (filter && filter[0]) {
		size_t len = strnlen(filter, PCAPNG_MAX_TEXT);

		memcpy(text + 1, filter, len);
		put_option(&block, INTERFACE_FILTER, text, 1 + len);
	}
	put_option(&block, OPT_END, NULL, 0);
	return end(&block);
}

size_t pcapng_frame(uint8_t *dst, const struct pcapng_frame *frame)
{
	struct block block = begin(dst, BLOCK_FRAME);

	put_u32(&block, frame->interface);
	put_time(&block, frame->time_ns);
	put_u32(&block, frame->n_bytes);
	put_u32(&block, frame->len);
	put(&block, frame->bytes, frame->n_bytes);
	pad(&block);
	put_text(&block, OPT_COMMENT, frame->comment);
	put_option(&block, FRAME_FLAGS, &frame->flags, sizeof(frame->flags));
	put_option(&block, OPT_END, NULL, 0);
	return end(&block);
}

/* Options of times have their halves, too; counts are one number. */
static void put_stats_time(struct block *block, uint16_t code, uint64_t ns)
{
	const uint32_t halves[] = {(uint32_t)(ns >> 32), (uint32_t)ns};

	put_option(block, code, halves, sizeof(halves));
}

size_t pcapng_statistics(uint8_t *dst, uint32_t interface, uint64_t begin_ns, uint64_t end_ns,
	uint64_t received, uint64_t lost)
{
	struct block block = begin(dst, BLOCK_STATISTICS);

	put_u32(&block, interface);
	put_time(&block, end_ns);
	put_stats_time(&block, STATS_START, begin_ns);
	put_stats_time(&block, STATS_END, end_ns);
	put_option(&block, STATS_RECEIVED, &received, sizeof(received));
	put_option(&block, STATS_DROPPED, &lost, sizeof(lost));
	put_option(&block, OPT_END, NULL, 0);
	return end(&block);
}
