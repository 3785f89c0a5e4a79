#include "pacing_check.h"

#include "limit_check.h"

int pacing_check(const struct ctl_pacing *s, struct err *err)
{
	int r = limit_check_rate("rate", s->rate, err);

	if (!r)
		r = limit_check_burst("burst", s->burst, err);
	return r < 0 ? r : limit_check_needs("burst", s->burst, "rate", s->rate, err);
}
