#include "text.h"

#include "machine.h"

#define SERIAL 0x3f8

static char line[2048];
static unsigned len;

void text_add(const char *s)
{
	while (*s && len < sizeof(line) - 1)
		line[len++] = *s++;
}

static void add_number(uint64_t n)
{
	char digits[21], *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	text_add(at);
}

static void add_key(const char *key)
{
	char last = len ? line[len - 1] : '{';

	if (last != '{' && last != '[')
		text_add(",");
	text_add("\"");
	text_add(key);
	text_add("\":");
}

void text_member(const char *key, uint64_t n)
{
	add_key(key);
	add_number(n);
}

void text_string(const char *key, const char *value)
{
	char one[2] = {0};

	add_key(key);
	text_add("\"");
	for (; *value; value++) {
		one[0] = *value < ' ' || *value == '"' || *value == '\\' ? '?' : *value;
		text_add(one);
	}
	text_add("\"");
}

void text_mac(const char *key, const uint8_t *mac)
{
	static const char hex[] = "0123456789abcdef";
	char buf[18];

	for (unsigned i = 0; i < 6; i++) {
		buf[3 * i] = hex[mac[i] >> 4];
		buf[3 * i + 1] = hex[mac[i] & 15];
		buf[3 * i + 2] = i < 5 ? ':' : '\0';
	}
	text_string(key, buf);
}

void text_end(void)
{
	const char *at = line;
	unsigned long n;

	line[len++] = '\n'; /* text_add() left room */
	n = len;
	/* One instruction: KVM hands many bytes to the VMM at a time. */
	__asm__ volatile("rep outsb" : "+S"(at), "+c"(n) : "d"((uint16_t)SERIAL) : "memory");
	len = 0;
}
