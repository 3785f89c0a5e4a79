#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define STR_NEAREST_MAX 64

struct str_unit {
	const char *name;
	uint64_t factor;
};

size_t str_copy(char *dst, size_t size, const char *src)
{
	size_t len = strnlen(src, size);

	if (len == size) {
		len--;
		/* Step back over the continuation bytes of a sequence that was cut. */
		while (len && ((unsigned char)src[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(dst, src, len);
	dst[len] = '\0';
	return len;
}

char *str_dup_printf(const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	return len < 0 ? NULL : text;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Damerau's distance with adjacent transpositions, since these are what fingers do; three rows. */
static size_t edit_distance(const char *a, size_t len_a, const char *b, size_t len_b)
{
	size_t rows[3][STR_NEAREST_MAX + 1];

	for (size_t j = 0; j <= len_b; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
		int c = tolower((unsigned char)a[i - 1]);
		int before = i > 1 ? tolower((unsigned char)a[i - 2]) : 0;

		row[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			int d = tolower((unsigned char)b[j - 1]);

			row[j] = min_size(above[j - 1] + (c != d),
				min_size(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && before == d && c == tolower((unsigned char)b[j - 2]))
				row[j] = min_size(row[j], above2[j - 2] + 1);
		}
	}
	return rows[len_a % 3][len_b];
}

const char *str_nearest(const char *word, const char *const *candidates, size_t n)
{
	size_t len = strlen(word), best_distance = len / 3 ? len / 3 + 1 : 2;
	const char *best = NULL;

	if (!len || len > STR_NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t len_i = strlen(candidates[i]), distance;

		if (len_i > STR_NEAREST_MAX)
			continue;
		distance = edit_distance(word, len, candidates[i], len_i);
		/* All of a short word may differ and still be "near"; that helps nobody. */
		if (distance < best_distance && distance < len && distance < len_i) {
			best_distance = distance;
			best = candidates[i];
		}
	}
	return best;
}

/* Digits at *text, which is moved past them. */
static int parse_digits(const char **text, unsigned base, uint64_t *ret_value)
{
	const char *p = *text;
	bool overflow = false;
	uint64_t value = 0;

	for (;; p++) {
		unsigned digit;

		if (*p >= '0' && *p <= '9')
			digit = (unsigned)(*p - '0');
		else if (base == 16 && isxdigit((unsigned char)*p))
			digit = (unsigned)(tolower((unsigned char)*p) - 'a' + 10);
		else
			break;
		overflow |= __builtin_mul_overflow(value, (uint64_t)base, &value);
		overflow |= __builtin_add_overflow(value, (uint64_t)digit, &value);
	}
	if (p == *text)
		return -EINVAL;
	*text = p;
	*ret_value = value;
	return overflow ? -ERANGE : 0;
}

int str_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int str_parse_u64(const char *text, uint64_t *ret_value)
{
	unsigned base = 10;
	uint64_t value;
	int r;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	r = parse_digits(&text, base, &value);
	if (r == -EINVAL || *text)
		return -EINVAL;
	if (!r)
		*ret_value = value;
	return r;
}

static int parse_with_unit(const char *text, const struct str_unit *units, size_t n_units,
	uint64_t *ret_value)
{
	uint64_t value;
	int r = parse_digits(&text, 10, &value);

	if (r == -EINVAL)
		return r;
	for (size_t i = 0; i < n_units; i++) {
		if (strcasecmp(text, units[i].name))
			continue;
		if (r < 0 || __builtin_mul_overflow(value, units[i].factor, &value))
			return -ERANGE;
		*ret_value = value;
		return 0;
	}
	return -EINVAL;
}

int str_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const struct str_unit units[] = {
		{"", 1},
		{"B", 1},
		{"K", UINT64_C(1) << 10},
		{"KB", UINT64_C(1) << 10},
		{"KiB", UINT64_C(1) << 10},
		{"M", UINT64_C(1) << 20},
		{"MB", UINT64_C(1) << 20},
		{"MiB", UINT64_C(1) << 20},
		{"G", UINT64_C(1) << 30},
		{"GB", UINT64_C(1) << 30},
		{"GiB", UINT64_C(1) << 30},
		{"T", UINT64_C(1) << 40},
		{"TB", UINT64_C(1) << 40},
		{"TiB", UINT64_C(1) << 40},
	};

	return parse_with_unit(text, units, sizeof(units) / sizeof(units[0]), ret_bytes);
}

char *str_format_duration(char buf[STR_DURATION_SIZE], uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		char letter;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t used = 0;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t n = seconds / units[i].seconds;

		seconds %= units[i].seconds;
		if (n || (units[i].seconds == 1 && !used))
			used += (size_t)snprintf(buf + used, STR_DURATION_SIZE - used,
				"%" PRIu64 "%c", n, units[i].letter);
	}
	return buf;
}
