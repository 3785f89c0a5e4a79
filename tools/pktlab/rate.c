#include "rate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double scale_of(const char **text)
{
	double scale = 1;

	switch (**text) {
	case 'k':
	case 'K':
		scale = 1e3;
		break;
	case 'm':
	case 'M':
		scale = 1e6;
		break;
	case 'g':
	case 'G':
		scale = 1e9;
		break;
	default:
		return 1;
	}
	(*text)++;
	return scale;
}

static int parse_number(const char *text, double *ret_value, const char **ret_end)
{
	char *end = NULL;

	/* strtod() also reads hexadecimal, nan and inf, which nobody means here. */
	if (!strspn(text, "0123456789.") || text[1] == 'x' || text[1] == 'X')
		return -EINVAL;
	*ret_value = strtod(text, &end);
	*ret_end = end;
	return end == text || !isfinite(*ret_value) || *ret_value <= 0 ? -EINVAL : 0;
}

int rate_parse(const char *text, struct rate *ret_rate)
{
	static const struct {
		const char *suffix;
		enum rate_unit unit;
	} units[] = {{"", RATE_PPS}, {"pps", RATE_PPS}, {"bps", RATE_L2}, {"bpsL2", RATE_L2},
		{"bpsL1", RATE_L1}};
	double value = 0;
	const char *at = text;

	if (!strcmp(text, "max")) {
		*ret_rate = (struct rate){.unit = RATE_MAX};
		return 0;
	}
	if (parse_number(text, &value, &at))
		return -EINVAL;
	if (!strcmp(at, "%")) {
		*ret_rate = (struct rate){RATE_PERCENT, value};
		return 0;
	}
	value *= scale_of(&at);
	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcasecmp(at, units[i].suffix)) {
			*ret_rate = (struct rate){units[i].unit, value};
			return 0;
		}
	return -EINVAL;
}

int rate_parse_line(const char *text, double *ret_bps)
{
	const char *at = text;

	if (parse_number(text, ret_bps, &at))
		return -EINVAL;
	*ret_bps *= scale_of(&at);
	return *at && strcasecmp(at, "bps") && strcasecmp(at, "bit/s") ? -EINVAL : 0;
}

double rate_to_pps(const struct rate *rate, double mean_size, double line_bps)
{
	switch (rate->unit) {
	case RATE_PPS:
		return rate->value;
	case RATE_L2:
		return rate->value / (8 * mean_size);
	case RATE_L1:
		return rate->value / (8 * (mean_size + RATE_WIRE_BYTES));
	case RATE_PERCENT:
		return line_bps * rate->value / 100 / (8 * (mean_size + RATE_WIRE_BYTES));
	case RATE_MAX:
		break;
	}
	return 0;
}
