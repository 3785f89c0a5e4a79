#include "shaper_check.h"

#include "ctl_field.h"
#include "limit_check.h"

static bool is_weight(unsigned i)
{
	return i >= ctl_shaper__weight0 && i <= ctl_shaper__weight7;
}

int shaper_check(const struct ctl_shaper *s, struct err *err)
{
	int r = limit_check_rate("rate", s->rate, err);

	if (!r)
		r = limit_check_burst("burst", s->burst, err);
	for (unsigned i = 0; !r && i < ctl_shaper_schema.n_fields; i++) {
		const struct ctl_field *field = &ctl_shaper_schema.fields[i];

		if (i != ctl_shaper__rate)
			r = limit_check_needs(field->lab, ctl_field_is_set(s, i), "rate", s->rate,
				err);
		if (!r && is_weight(i))
			r = limit_check_needs(field->lab, ctl_field_is_set(s, i), "scheduler drr",
				s->scheduler == CTL_SHAPER_DRR, err);
	}
	return r;
}
