#include "policer_check.h"

#include "limit_check.h"

#include <errno.h>

static int check_numbers(const struct ctl_policer *s, struct err *err)
{
	const struct {
		const char *name;
		uint64_t value;
		int (*check)(const char *name, uint64_t value, struct err *err);
	} numbers[] = {
		{"rate", s->rate, limit_check_rate},
		{"excess-rate", s->excess_rate, limit_check_rate},
		{"peak-rate", s->peak_rate, limit_check_rate},
		{"burst", s->burst, limit_check_burst},
		{"excess-burst", s->excess_burst, limit_check_burst},
		{"peak-burst", s->peak_burst, limit_check_burst},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int r = numbers[i].check(numbers[i].name, numbers[i].value, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool remarks(const struct ctl_policer *s)
{
	return s->exceed_action == CTL_POLICER_REMARK ||
	       (CTL_HAS(s, ctl_policer, violate_action) && s->violate_action == CTL_POLICER_REMARK);
}

static int check_needs(const struct ctl_policer *s, struct err *err)
{
	bool exceeds = s->peak_rate || s->excess_rate || s->excess_burst;
	const struct {
		const char *name;
		bool is_set;
		const char *of;
		bool has_of;
	} needs[] = {
		{"burst", s->burst, "rate", s->rate},
		{"excess-burst", s->excess_burst, "rate", s->rate},
		{"excess-rate", s->excess_rate, "rate", s->rate},
		{"peak-rate", s->peak_rate, "rate", s->rate},
		{"violate-action", CTL_HAS(s, ctl_policer, violate_action), "rate", s->rate},
		{"peak-burst", s->peak_burst, "peak-rate", s->peak_rate},
		{"exceed-action", CTL_HAS(s, ctl_policer, exceed_action), "excess-burst", exceeds},
		{"pcp", CTL_HAS(s, ctl_policer, pcp), "violate-action remark", remarks(s)},
	};

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		int r = limit_check_needs(needs[i].name, needs[i].is_set, needs[i].of,
			needs[i].has_of, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int refuse_two(const char *one, const char *other, struct err *err)
{
	(void)err_set_field(err, -EINVAL, other, "%s and %s are of two meters", one, other);
	err_hint(err, "set one of them to 0");
	return -EINVAL;
}

int policer_check(const struct ctl_policer *s, struct err *err)
{
	char peak[MEASURE_TEXT_SIZE], rate[MEASURE_TEXT_SIZE];
	int r = check_numbers(s, err);

	if (!r)
		r = check_needs(s, err);
	if (r < 0)
		return r;
	if (s->peak_rate && s->excess_rate)
		return refuse_two("peak-rate", "excess-rate", err);
	if (s->peak_rate && s->excess_burst)
		return refuse_two("peak-rate", "excess-burst", err);
	if (!s->peak_rate || s->peak_rate >= s->rate)
		return 0;
	(void)err_set_field(err, -EINVAL, "peak-rate", "peak-rate %s is less than rate %s",
		measure_format(MEASURE_RATE, s->peak_rate, peak),
		measure_format(MEASURE_RATE, s->rate, rate));
	err_hint(err, "what violates is above what conforms");
	return -EINVAL;
}
