#include "measure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* How much of an offending value a message quotes. */
#define QUOTE_MAX 64
/* Digits behind the point, but for zeros at the end: with more there is no value in any base unit
 * that people would not write shorter. */
#define DIGITS_MAX 19

struct unit {
	const char *name;
	uint64_t factor;
	bool is_shown; /* the others are read only */
};

/* Each list: the largest first, and the one that is shown before its synonyms. */
static const struct unit time_units[] = {
	{"s", 1000000000, true},
	{"sec", 1000000000, false},
	{"secs", 1000000000, false},
	{"ms", 1000000, true},
	{"msec", 1000000, false},
	{"msecs", 1000000, false},
	{"us", 1000, true},
	{"usec", 1000, false},
	{"usecs", 1000, false},
	{"ns", 1, true},
	{"nsec", 1, false},
	{"nsecs", 1, false},
	{NULL, 0, false},
};

static const struct unit rate_units[] = {
	{"tbit", UINT64_C(1000000000000), true},
	{"gbit", 1000000000, true},
	{"mbit", 1000000, true},
	{"kbit", 1000, true},
	{"bit", 1, true},
	{"tibit", UINT64_C(1) << 40, false},
	{"gibit", 1 << 30, false},
	{"mibit", 1 << 20, false},
	{"kibit", 1 << 10, false},
	{NULL, 0, false},
};

static const struct unit share_units[] = {
	{"%", MEASURE_ALL / 100, true},
	{NULL, 0, false},
};

static const struct unit size_units[] = {
	{"T", UINT64_C(1) << 40, true},
	{"TB", UINT64_C(1) << 40, false},
	{"TiB", UINT64_C(1) << 40, false},
	{"G", 1 << 30, true},
	{"GB", 1 << 30, false},
	{"GiB", 1 << 30, false},
	{"M", 1 << 20, true},
	{"MB", 1 << 20, false},
	{"MiB", 1 << 20, false},
	{"K", 1 << 10, true},
	{"KB", 1 << 10, false},
	{"KiB", 1 << 10, false},
	{"", 1, true},
	{"B", 1, false},
	{NULL, 0, false},
};

static const struct unit pps_units[] = {
	{"mpps", 1000000, true},
	{"kpps", 1000, true},
	{"pps", 1, true},
	{"", 1, false},
	{NULL, 0, false},
};

static const struct unit number_units[] = {
	{"", 1, true},
	{NULL, 0, false},
};

static const struct {
	const struct unit *units;
	const char *name; /* "'x' is not NAME" */
	const char *finest;
	const char *examples;
} measures[] = {
	[MEASURE_NONE] = {number_units, "", "", ""},
	[MEASURE_TIME] = {time_units, "a time", "1 ns", "20ms, 1.5s, 250us"},
	[MEASURE_RATE] = {rate_units, "a rate", "1 bit", "100mbit, 2.5gbit, 64kbit"},
	[MEASURE_SHARE] = {share_units, "a share", "0.0000001%", "0.1%, 25%"},
	[MEASURE_SIZE] = {size_units, "a size", "1 byte", "100K, 1.5M, 1500"},
	[MEASURE_PPS] = {pps_units, "a number of frames a second", "1 pps", "1kpps, 500, 1.5mpps"},
};

/* whole + fraction / 10^n_digits, and what stands behind it. */
struct decimal {
	uint64_t whole, fraction;
	unsigned n_digits;
	bool is_too_large, is_too_fine;
	const char *behind;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* false: it does not begin with a decimal number. */
static bool scan_decimal(const char *text, struct decimal *ret)
{
	const char *at = text;
	unsigned n_zeros = 0;

	*ret = (struct decimal){0};
	for (; is_digit(*at); at++) {
		ret->is_too_large |= __builtin_mul_overflow(ret->whole, 10, &ret->whole);
		ret->is_too_large |=
			__builtin_add_overflow(ret->whole, (uint64_t)(*at - '0'), &ret->whole);
	}
	if (*at == '.' && is_digit(at[1])) {
		for (at++; is_digit(*at); at++) {
			if (*at == '0') {
				n_zeros++;
				continue;
			}
			ret->is_too_fine |= ret->n_digits + n_zeros + 1 > DIGITS_MAX;
			if (ret->is_too_fine)
				continue;
			for (; n_zeros; n_zeros--, ret->n_digits++)
				ret->fraction *= 10;
			ret->fraction = ret->fraction * 10 + (uint64_t)(*at - '0');
			ret->n_digits++;
		}
	}
	ret->behind = at;
	return at > text;
}

/* The number in base units: 0, -ERANGE (over 64 bits) or -EDOM (not a whole number of them). */
static int scale(const struct decimal *number, uint64_t factor, uint64_t *ret_value)
{
	unsigned __int128 part = (unsigned __int128)number->fraction * factor, divisor = 1;
	uint64_t value;

	for (unsigned i = 0; i < number->n_digits; i++)
		divisor *= 10;
	if (number->is_too_large || __builtin_mul_overflow(number->whole, factor, &value) ||
		__builtin_add_overflow(value, (uint64_t)(part / divisor), &value))
		return -ERANGE;
	if (number->is_too_fine || part % divisor)
		return -EDOM;
	*ret_value = value;
	return 0;
}

static const struct unit *find_unit(enum measure measure, const char *name)
{
	for (const struct unit *unit = measures[measure].units; unit->name; unit++) {
		if (!strcasecmp(unit->name, name))
			return unit;
	}
	return NULL;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), len_end = strlen(end);

	return len >= len_end && !strcasecmp(text + len - len_end, end);
}

static void hint_units(enum measure measure, const char *behind, struct err *err)
{
	if (measure == MEASURE_RATE && ends_with(behind, "pps"))
		err_hint(err, "frames a second are a setting of their own, whose name ends in pps");
	else if (measure == MEASURE_RATE && ends_with(behind, "bps"))
		err_hint(err, "write bits a second, such as 100mbit: bps is bytes to some");
	else
		err_hint(err, "write it like %s", measures[measure].examples);
}

/* behind: what follows the number; NULL = there is no number. */
static int refuse(enum measure measure, const char *text, const char *behind, struct err *err)
{
	if (!behind)
		(void)err_set(err, -EINVAL, "'%.*s' is not %s", QUOTE_MAX, text,
			measures[measure].name);
	else if (!*behind)
		(void)err_set(err, -EINVAL, "'%.*s' has no unit", QUOTE_MAX, text);
	else
		(void)err_set(err, -EINVAL, "'%.*s': unknown unit '%.*s'", QUOTE_MAX, text,
			QUOTE_MAX, behind);
	hint_units(measure, behind ? behind : "", err);
	return -EINVAL;
}

/* A number of a unit behind a minus sign? */
static bool is_negative(enum measure measure, const char *text)
{
	struct decimal number;

	return text[0] == '-' && scan_decimal(text + 1, &number) &&
	       (!*number.behind || find_unit(measure, number.behind));
}

/* 0, -EINVAL or what scale() returned. */
static int read_value(enum measure measure, const char *text, uint64_t *ret_value, struct err *err)
{
	const struct unit *unit;
	struct decimal number;

	if (!scan_decimal(text, &number))
		return refuse(measure, text, NULL, err);
	unit = find_unit(measure, number.behind);
	if (unit)
		return scale(&number, unit->factor, ret_value);
	if (*number.behind || number.whole || number.fraction || number.is_too_fine ||
		number.is_too_large)
		return refuse(measure, text, number.behind, err);
	*ret_value = 0;
	return 0;
}

int measure_parse(enum measure measure, const char *text, uint64_t min, uint64_t max,
	uint64_t *ret_value, struct err *err)
{
	char least[MEASURE_TEXT_SIZE], most[MEASURE_TEXT_SIZE];
	uint64_t value = 0;
	int r = is_negative(measure, text) ? -ERANGE : read_value(measure, text, &value, err);

	if (r == -EINVAL)
		return r;
	if (r == -EDOM) {
		(void)err_set(err, -EINVAL, "%.*s is finer than %s", QUOTE_MAX, text,
			measures[measure].finest);
		hint_units(measure, "", err);
		return -EINVAL;
	}
	if (r < 0 || value < min || value > max)
		return err_set(err, -ERANGE, "%.*s is not in %s..%s", QUOTE_MAX, text,
			measure_format(measure, min, least), measure_format(measure, max, most));
	*ret_value = value;
	return 0;
}

/* value in this unit; the length, or SIZE_MAX where it has too many digits. */
static size_t format_in(const struct unit *unit, uint64_t value, char buf[MEASURE_TEXT_SIZE])
{
	uint64_t rest = value % unit->factor;
	char digits[DIGITS_MAX + 1];
	unsigned n = 0;
	int len;

	for (; rest && n < DIGITS_MAX; n++) {
		rest *= 10; /* no factor exceeds 2^40 */
		digits[n] = (char)('0' + rest / unit->factor);
		rest %= unit->factor;
	}
	if (rest)
		return SIZE_MAX;
	digits[n] = '\0';
	len = snprintf(buf, MEASURE_TEXT_SIZE, "%" PRIu64 "%s%s%s", value / unit->factor,
		n ? "." : "", digits, unit->name);
	return len < MEASURE_TEXT_SIZE ? (size_t)len : SIZE_MAX;
}

const char *measure_format(enum measure measure, uint64_t value, char buf[MEASURE_TEXT_SIZE])
{
	const struct unit *units = measures[measure].units;
	size_t shortest = SIZE_MAX;

	for (const struct unit *unit = units; unit->name; unit++) {
		char text[MEASURE_TEXT_SIZE];
		size_t len;

		/* Not 0.1s; but a share has one unit, and nothing is nothing in any. */
		if (!unit->is_shown || (value && value < unit->factor && units[1].name))
			continue;
		len = format_in(unit, value, text);
		if (len >= shortest)
			continue;
		shortest = len;
		memcpy(buf, text, sizeof(text));
	}
	return buf;
}

const char *measure_examples(enum measure measure)
{
	return measures[measure].examples;
}

const char *measure_unit(enum measure measure, unsigned i)
{
	for (const struct unit *unit = measures[measure].units; unit->name; unit++) {
		if (unit->is_shown && !i--)
			return unit->name;
	}
	return NULL;
}
