#include "ether.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* `group` bytes between separators: aa:bb:... has 1, aabb.ccdd.eeff has 2. */
static int parse_grouped_addr(const char *text, char separator, int group,
	struct ether_addr48 *ret_mac)
{
	struct ether_addr48 mac;

	for (int i = 0; i < ETHER_ADDR_LEN; i++) {
		int high, low;

		if (i && i % group == 0 && *text++ != separator)
			return -EINVAL;
		high = hex_digit(*text);
		if (high < 0)
			return -EINVAL;
		low = hex_digit(text[1]);
		if (low < 0)
			return -EINVAL;
		mac.bytes[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (*text)
		return -EINVAL;
	*ret_mac = mac;
	return 0;
}

int ether_addr_parse(const char *text, struct ether_addr48 *ret_mac)
{
	if (!parse_grouped_addr(text, ':', 1, ret_mac) ||
		!parse_grouped_addr(text, '-', 1, ret_mac) ||
		!parse_grouped_addr(text, '.', 2, ret_mac))
		return 0;
	return -EINVAL;
}

const char *ether_addr_format(const struct ether_addr48 *mac, char buf[ETHER_ADDR_STR_SIZE])
{
	(void)snprintf(buf, ETHER_ADDR_STR_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac->bytes[0],
		mac->bytes[1], mac->bytes[2], mac->bytes[3], mac->bytes[4], mac->bytes[5]);
	return buf;
}

void vlan_set_clear(struct vlan_set *set)
{
	memset(set, 0, sizeof(*set));
}

void vlan_set_fill(struct vlan_set *set)
{
	vlan_set_clear(set);
	vlan_set_add(set, VLAN_MIN, VLAN_MAX);
}

static void vlan_set_assign(struct vlan_set *set, uint16_t first, uint16_t last, bool value)
{
	if (first < VLAN_MIN)
		first = VLAN_MIN;
	if (last > VLAN_MAX)
		last = VLAN_MAX;
	for (unsigned vid = first; vid <= last; vid++) {
		uint64_t bit = UINT64_C(1) << (vid & 63);

		if (value)
			set->words[vid >> 6] |= bit;
		else
			set->words[vid >> 6] &= ~bit;
	}
}

void vlan_set_add(struct vlan_set *set, uint16_t first, uint16_t last)
{
	vlan_set_assign(set, first, last, true);
}

void vlan_set_del(struct vlan_set *set, uint16_t first, uint16_t last)
{
	vlan_set_assign(set, first, last, false);
}

bool vlan_set_equal(const struct vlan_set *a, const struct vlan_set *b)
{
	return !memcmp(a, b, sizeof(*a));
}

unsigned vlan_set_count(const struct vlan_set *set)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 64; i++)
		n += (unsigned)__builtin_popcountll(set->words[i]);
	return n;
}

void vlan_set_unite(struct vlan_set *set, const struct vlan_set *other)
{
	for (unsigned i = 0; i < 64; i++)
		set->words[i] |= other->words[i];
}

void vlan_set_intersect(struct vlan_set *set, const struct vlan_set *other)
{
	for (unsigned i = 0; i < 64; i++)
		set->words[i] &= other->words[i];
}

void vlan_set_subtract(struct vlan_set *set, const struct vlan_set *other)
{
	for (unsigned i = 0; i < 64; i++)
		set->words[i] &= ~other->words[i];
}

/* A decimal number of any length at *text; what is past the digits is left to the caller. */
static int vlan_parse_number(const char **text, uint16_t *ret_vid)
{
	const char *p = *text;
	unsigned value = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (value <= VLAN_MAX)
			value = value * 10 + (unsigned)(*p - '0');
	}
	*text = p;
	if (value < VLAN_MIN || value > VLAN_MAX)
		return -ERANGE;
	*ret_vid = (uint16_t)value;
	return 0;
}

int vlan_parse(const char *text, uint16_t *ret_vid)
{
	uint16_t vid;
	int r = vlan_parse_number(&text, &vid);

	if (*text)
		return -EINVAL;
	if (r < 0)
		return r;
	*ret_vid = vid;
	return 0;
}

/* One part, "10" or "20-29", up to a comma or the end. */
static int vlan_set_parse_piece(const char **text, struct vlan_set *set)
{
	uint16_t first = 0, last = 0;
	int code_first, code_last = 0;

	code_first = vlan_parse_number(text, &first);
	last = first;
	if (code_first != -EINVAL && **text == '-') {
		(*text)++;
		code_last = vlan_parse_number(text, &last);
	}
	if (code_first == -EINVAL || code_last == -EINVAL || (**text && **text != ','))
		return -EINVAL;
	if (code_first < 0 || code_last < 0)
		return -ERANGE;
	if (first > last)
		return -EINVAL;
	vlan_set_add(set, first, last);
	return 0;
}

int vlan_set_parse(const char *text, struct vlan_set *ret_set, size_t *ret_at)
{
	const char *p = text;
	struct vlan_set set;

	vlan_set_clear(&set);
	if (!strcmp(text, "all")) {
		vlan_set_fill(ret_set);
		return 0;
	}
	while (*text) {
		const char *part = p;
		int r = vlan_set_parse_piece(&p, &set);

		if (r < 0) {
			if (ret_at)
				*ret_at = (size_t)(part - text);
			return r;
		}
		if (!*p)
			break;
		p++; /* a comma, after which another part must come */
	}
	*ret_set = set;
	return 0;
}

bool vlan_set_next_range(const struct vlan_set *set, uint16_t *vid, uint16_t *ret_first,
	uint16_t *ret_last)
{
	unsigned v = *vid < VLAN_MIN ? VLAN_MIN : *vid;

	while (v <= VLAN_MAX && !vlan_set_has(set, (uint16_t)v))
		v++;
	if (v > VLAN_MAX)
		return false;
	*ret_first = (uint16_t)v;
	while (v < VLAN_MAX && vlan_set_has(set, (uint16_t)(v + 1)))
		v++;
	*ret_last = (uint16_t)v;
	*vid = (uint16_t)(v + 1);
	return true;
}

size_t vlan_set_format(const struct vlan_set *set, char *buf, size_t size)
{
	uint16_t vid = VLAN_MIN, first, last;
	size_t len = 0;

	if (size)
		buf[0] = '\0';
	if (vlan_set_count(set) == VLAN_MAX)
		return (size_t)snprintf(buf, size, "all");
	while (vlan_set_next_range(set, &vid, &first, &last)) {
		char *at = len < size ? buf + len : NULL;
		size_t room = len < size ? size - len : 0;
		const char *comma = len ? "," : "";

		if (first == last)
			len += (size_t)snprintf(at, room, "%s%u", comma, first);
		else
			len += (size_t)snprintf(at, room, "%s%u-%u", comma, first, last);
	}
	return len;
}

const char *vlan_set_format_short(const struct vlan_set *set, char *buf, size_t size)
{
	size_t len = vlan_set_format(set, buf, size);

	if (len >= size)
		memcpy(buf + size - 4, "...", 4);
	else if (!len)
		memcpy(buf, "none", 5);
	return buf;
}
