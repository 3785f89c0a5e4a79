#include "aml.h"

#include <string.h>

#define AML_NAME_OP      0x08
#define AML_SCOPE_OP     0x10
#define AML_BUFFER_OP    0x11
#define AML_PACKAGE_OP   0x12
#define AML_EXT_PREFIX   0x5b
#define AML_DEVICE_OP    0x82
#define AML_DUAL_NAME    0x2e
#define AML_BYTE         0x0a
#define AML_WORD         0x0b
#define AML_DWORD        0x0c
#define AML_QWORD        0x0e
#define AML_LENGTH_BYTES 3 /* 20 bits of length: enough for any block of a table here */

static void put_bytes(struct aml *aml, uint64_t value, unsigned n_bytes)
{
	if (n_bytes > aml->size - aml->len) {
		aml->full = true;
		return;
	}
	for (unsigned i = 0; i < n_bytes; i++)
		aml->bytes[aml->len++] = (uint8_t)(value >> (8 * i));
}

/* One segment, padded to four characters with '_'. */
static void put_segment(struct aml *aml, const char *segment, size_t len)
{
	for (size_t i = 0; i < 4; i++)
		put_bytes(aml, i < len ? (uint8_t)segment[i] : '_', 1);
}

static void put_name(struct aml *aml, const char *name)
{
	const char *dot;

	if (*name == '\\') {
		put_bytes(aml, '\\', 1);
		name++;
	}
	dot = strchr(name, '.');
	if (!dot) {
		put_segment(aml, name, strlen(name));
		return;
	}
	put_bytes(aml, AML_DUAL_NAME, 1);
	put_segment(aml, name, (size_t)(dot - name));
	put_segment(aml, dot + 1, strlen(dot + 1));
}

static struct aml_block begin_block(struct aml *aml)
{
	struct aml_block block = {.at = aml->len};

	put_bytes(aml, 0, AML_LENGTH_BYTES);
	return block;
}

void aml_end(struct aml *aml, struct aml_block block)
{
	size_t len = aml->len - block.at; /* counts its own bytes */

	if (aml->full)
		return;
	aml->bytes[block.at] = (uint8_t)((AML_LENGTH_BYTES - 1) << 6 | (len & 0xf));
	aml->bytes[block.at + 1] = (uint8_t)(len >> 4);
	aml->bytes[block.at + 2] = (uint8_t)(len >> 12);
}

struct aml_block aml_begin_scope(struct aml *aml, const char *name)
{
	struct aml_block block;

	put_bytes(aml, AML_SCOPE_OP, 1);
	block = begin_block(aml);
	put_name(aml, name);
	return block;
}

struct aml_block aml_begin_device(struct aml *aml, const char *name)
{
	struct aml_block block;

	put_bytes(aml, AML_EXT_PREFIX, 1);
	put_bytes(aml, AML_DEVICE_OP, 1);
	block = begin_block(aml);
	put_name(aml, name);
	return block;
}

struct aml_block aml_begin_package(struct aml *aml, uint8_t n_elements)
{
	struct aml_block block;

	put_bytes(aml, AML_PACKAGE_OP, 1);
	block = begin_block(aml);
	put_bytes(aml, n_elements, 1);
	return block;
}

void aml_name(struct aml *aml, const char *name)
{
	put_bytes(aml, AML_NAME_OP, 1);
	put_name(aml, name);
}

void aml_integer(struct aml *aml, uint64_t value)
{
	if (value <= 1) {
		put_bytes(aml, value, 1); /* ZeroOp, OneOp */
	} else if (value <= UINT8_MAX) {
		put_bytes(aml, AML_BYTE, 1);
		put_bytes(aml, value, 1);
	} else if (value <= UINT16_MAX) {
		put_bytes(aml, AML_WORD, 1);
		put_bytes(aml, value, 2);
	} else if (value <= UINT32_MAX) {
		put_bytes(aml, AML_DWORD, 1);
		put_bytes(aml, value, 4);
	} else {
		put_bytes(aml, AML_QWORD, 1);
		put_bytes(aml, value, 8);
	}
}

static uint32_t hex_value(char c)
{
	return c <= '9' ? (uint32_t)(c - '0') : (uint32_t)(c - 'A' + 10);
}

void aml_eisaid(struct aml *aml, const char *id)
{
	uint32_t value = (uint32_t)(id[0] - '@') << 26 | (uint32_t)(id[1] - '@') << 21 |
			 (uint32_t)(id[2] - '@') << 16 | hex_value(id[3]) << 12 |
			 hex_value(id[4]) << 8 | hex_value(id[5]) << 4 | hex_value(id[6]);

	put_bytes(aml, AML_DWORD, 1);
	put_bytes(aml, __builtin_bswap32(value), 4); /* big-endian in an AML DWord */
}

/* Resources (ACPI 6.4, 6.4.2 and 6.4.3) */

struct aml_resources aml_begin_resources(struct aml *aml)
{
	struct aml_resources r;

	put_bytes(aml, AML_BUFFER_OP, 1);
	r.block = begin_block(aml);
	put_bytes(aml, AML_WORD, 1);
	r.size_at = aml->len;
	put_bytes(aml, 0, 2);
	return r;
}

void aml_end_resources(struct aml *aml, struct aml_resources r)
{
	size_t size;

	put_bytes(aml, 0x79, 1); /* end tag */
	put_bytes(aml, 0, 1);    /* checksum 0: "treat as correct" */
	size = aml->len - r.size_at - 2;
	if (!aml->full) {
		aml->bytes[r.size_at] = (uint8_t)size;
		aml->bytes[r.size_at + 1] = (uint8_t)(size >> 8);
	}
	aml_end(aml, r.block);
}

void aml_res_io(struct aml *aml, uint16_t base, uint8_t len)
{
	put_bytes(aml, 0x47, 1);
	put_bytes(aml, 1, 1); /* decodes 16 bits */
	put_bytes(aml, base, 2);
	put_bytes(aml, base, 2);
	put_bytes(aml, 1, 1);
	put_bytes(aml, len, 1);
}

void aml_res_irq(struct aml *aml, uint8_t irq)
{
	put_bytes(aml, 0x22, 1); /* edge, active high */
	put_bytes(aml, 1u << irq, 2);
}

void aml_res_fixed_memory(struct aml *aml, uint32_t base, uint32_t len)
{
	put_bytes(aml, 0x86, 1);
	put_bytes(aml, 9, 2);
	put_bytes(aml, 1, 1); /* read-write */
	put_bytes(aml, base, 4);
	put_bytes(aml, len, 4);
}

/* Address space descriptors: a producer with fixed minimum and maximum. */
#define AML_WINDOW_FIXED 0x0c

static void put_word_window(struct aml *aml, uint8_t type, uint8_t type_flags, uint16_t first,
	uint16_t last)
{
	put_bytes(aml, 0x88, 1);
	put_bytes(aml, 13, 2);
	put_bytes(aml, type, 1);
	put_bytes(aml, AML_WINDOW_FIXED, 1);
	put_bytes(aml, type_flags, 1);
	put_bytes(aml, 0, 2);
	put_bytes(aml, first, 2);
	put_bytes(aml, last, 2);
	put_bytes(aml, 0, 2);
	put_bytes(aml, (uint64_t)last - first + 1, 2);
}

void aml_res_bus_window(struct aml *aml, uint16_t first, uint16_t last)
{
	put_word_window(aml, 2, 0, first, last);
}

void aml_res_io_window(struct aml *aml, uint16_t first, uint16_t last)
{
	put_word_window(aml, 1, 3, first, last); /* entire range */
}

void aml_res_memory_window(struct aml *aml, uint32_t first, uint32_t last)
{
	put_bytes(aml, 0x87, 1);
	put_bytes(aml, 23, 2);
	put_bytes(aml, 0, 1); /* memory */
	put_bytes(aml, AML_WINDOW_FIXED, 1);
	put_bytes(aml, 1, 1); /* not cached, read-write */
	put_bytes(aml, 0, 4);
	put_bytes(aml, first, 4);
	put_bytes(aml, last, 4);
	put_bytes(aml, 0, 4);
	put_bytes(aml, (uint64_t)last - first + 1, 4);
}
