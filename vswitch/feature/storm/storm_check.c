#include "storm_check.h"

#include "measure.h"

#include <errno.h>

static int check_kind(const char *bits, uint64_t bps, const char *frames, uint64_t pps,
	struct err *err)
{
	char text[MEASURE_TEXT_SIZE], other[MEASURE_TEXT_SIZE];

	if (bps && bps < STORM_MIN_BPS)
		return err_set_field(err, -ERANGE, bits, "%s %s is less than %s", bits,
			measure_format(MEASURE_RATE, bps, text),
			measure_format(MEASURE_RATE, STORM_MIN_BPS, other));
	if (!bps || !pps)
		return 0;
	(void)err_set_field(err, -EINVAL, frames,
		"%s %s and %s %s are two limits of the same frames", bits,
		measure_format(MEASURE_RATE, bps, text), frames,
		measure_format(MEASURE_PPS, pps, other));
	err_hint(err, "set one of them to 0");
	return -EINVAL;
}

int storm_check(const struct ctl_storm *s, struct err *err)
{
	int r = check_kind("broadcast", s->broadcast, "broadcast-pps", s->broadcast_pps, err);

	if (!r)
		r = check_kind("multicast", s->multicast, "multicast-pps", s->multicast_pps, err);
	if (!r)
		r = check_kind("unknown-unicast", s->unknown_unicast, "unknown-unicast-pps",
			s->unknown_unicast_pps, err);
	return r;
}
