#include "cmdline.h"

#include <stddef.h>

static const char *const mode_names[] = {"idle", "gen", "sink", "reflect", "fwd", "l3", "echo"};
#define N_MODES (sizeof(mode_names) / sizeof(mode_names[0]))

const char *cmdline_mode_name(enum mode mode)
{
	return mode_names[mode];
}

static bool is_end(char c)
{
	return !c || c == ' ';
}

/* Is word "key=..."? Then its value. */
static const char *value_of(const char *word, const char *key)
{
	while (*key && *word == *key)
		word++, key++;
	return !*key && *word == '=' ? word + 1 : NULL;
}

static bool read_number(const char *text, uint64_t max, uint64_t *ret_number)
{
	uint64_t n = 0;

	if (is_end(*text))
		return false;
	for (; !is_end(*text); text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (digit > 9 || digit > max || n > (max - digit) / 10)
			return false;
		n = 10 * n + digit;
	}
	*ret_number = n;
	return true;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static bool read_mac(const char *text, uint8_t *mac)
{
	for (unsigned i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || (i < 5 ? text[2] != ':' : !is_end(text[2])))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool read_ip(const char *text, uint32_t *ret_ip)
{
	uint32_t ip = 0;

	for (unsigned i = 0; i < 4; i++, text++) {
		unsigned n = 0, digits = 0;

		for (; *text >= '0' && *text <= '9' && digits < 3; text++, digits++)
			n = 10 * n + (unsigned)(*text - '0');
		if (!digits || n > 255 || (i < 3 ? *text != '.' : !is_end(*text)))
			return false;
		ip = ip << 8 | n;
	}
	*ret_ip = ip;
	return true;
}

static bool read_mode(const char *text, enum mode *ret_mode)
{
	for (unsigned i = 0; i < N_MODES; i++) {
		const char *name = mode_names[i], *at = text;

		while (*name && *name == *at)
			name++, at++;
		if (!*name && is_end(*at)) {
			*ret_mode = (enum mode)i;
			return true;
		}
	}
	return false;
}

static bool read_rate(const char *text, uint64_t *ret_rate)
{
	if (text[0] == 'm' && text[1] == 'a' && text[2] == 'x' && is_end(text[3])) {
		*ret_rate = 0;
		return true;
	}
	return read_number(text, 1000000000, ret_rate) && *ret_rate;
}

static bool read_small(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
	return read_number(text, max, ret_number) && *ret_number >= min;
}

static bool read_word(const char *word, struct cmdline *c)
{
	const char *v;
	uint64_t n = 0;
	bool ok;

	if ((v = value_of(word, "mode")))
		return read_mode(v, &c->mode);
	if ((v = value_of(word, "rate")))
		return read_rate(v, &c->rate);
	if ((v = value_of(word, "count")))
		return read_number(v, UINT64_MAX, &c->count);
	if ((v = value_of(word, "seconds")))
		return read_number(v, 1000000, &c->seconds);
	if ((v = value_of(word, "report")))
		return read_number(v, 1000000, &c->report);
	if ((v = value_of(word, "slow")))
		return read_small(v, 1, 1000000000, &c->slow);
	if ((v = value_of(word, "noisy")))
		return read_small(v, 64, 1u << 30, &c->noisy);
	if ((v = value_of(word, "tsc_hz")))
		return read_small(v, 1000000, UINT64_C(100000000000), &c->tsc_hz);
	if ((v = value_of(word, "dst")))
		return read_mac(v, c->dst);
	if ((v = value_of(word, "src")))
		return c->has_src = read_mac(v, c->src);
	if ((v = value_of(word, "nh0")))
		return read_mac(v, c->next_hop[0]);
	if ((v = value_of(word, "nh1")))
		return read_mac(v, c->next_hop[1]);
	if ((v = value_of(word, "ip")))
		return read_ip(v, &c->ip);
	if ((v = value_of(word, "size"))) {
		ok = read_small(v, 64, 2000, &n);
		c->size = (uint32_t)n;
		return ok;
	}
	if ((v = value_of(word, "queues"))) {
		ok = read_small(v, 1, 16, &n);
		c->queues = (uint32_t)n;
		return ok;
	}
	if ((v = value_of(word, "stream"))) {
		ok = read_small(v, 1, 65535, &n);
		c->stream = (uint16_t)n;
		return ok;
	}
	if ((v = value_of(word, "vlan"))) {
		ok = read_small(v, 1, 4094, &n);
		c->vlan = (uint16_t)n;
		return ok;
	}
	if ((v = value_of(word, "packed"))) {
		ok = read_small(v, 0, 1, &n);
		c->packed = n;
		c->split = !n;
		return ok;
	}
	if ((v = value_of(word, "ready"))) {
		ok = read_small(v, 0, 1, &n);
		c->ready = n;
		return ok;
	}
	if ((v = value_of(word, "announce"))) {
		ok = read_small(v, 0, 1, &n);
		c->announce = n;
		return ok;
	}
	if ((v = value_of(word, "mac"))) {
		ok = read_small(v, 0, 1, &n);
		c->mac = n;
		return ok;
	}
	return false;
}

const char *cmdline_parse(const char *text, struct cmdline *ret_cmdline)
{
	*ret_cmdline = (struct cmdline){.size = 64, .queues = 1, .stream = 1};
	for (unsigned i = 0; i < 6; i++)
		ret_cmdline->dst[i] = 0xff;
	while (*text) {
		if (*text == ' ') {
			text++;
			continue;
		}
		if (!read_word(text, ret_cmdline))
			return text;
		while (!is_end(*text))
			text++;
	}
	return NULL;
}
