#include "limit_check.h"

#include "ctl_field.h"

#include <errno.h>
#include <string.h>

static void forget(struct ctl_port *conf, const struct ctl_port *req, const char *limit)
{
	const struct ctl_field *field = ctl_field_find(&ctl_port_schema, limit);
	const struct ctl_field *rate = ctl_field_find(field->sub, "rate");
	char *sub = (char *)conf + field->offset;
	uint64_t named = *(const uint64_t *)((const char *)req + field->offset);

	if (ctl_field_is_set(sub, rate->idx))
		return;
	for (unsigned i = 0; i < field->sub->n_fields; i++) {
		const struct ctl_field *about = &field->sub->fields[i];

		if (named >> i & 1)
			continue;
		memset(sub + about->offset, 0, about->size);
		*(uint64_t *)sub &= ~(UINT64_C(1) << i);
	}
	if (!*(const uint64_t *)sub)
		conf->set &= ~(UINT64_C(1) << field->idx);
}

void limit_trim(struct ctl_port *conf, const struct ctl_port *req)
{
	static const char *const limits[] = {"pacing", "policer", "shaper"};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		forget(conf, req, limits[i]);
	ctl_trim(&ctl_port_schema, conf);
}

static int refuse_less(enum measure measure, const char *name, uint64_t value, uint64_t min,
	struct err *err)
{
	char text[MEASURE_TEXT_SIZE], least[MEASURE_TEXT_SIZE];

	return err_set_field(err, -ERANGE, name, "%s %s is less than %s", name,
		measure_format(measure, value, text), measure_format(measure, min, least));
}

int limit_check_rate(const char *name, uint64_t bps, struct err *err)
{
	if (!bps || bps >= LIMIT_MIN_BPS)
		return 0;
	return refuse_less(MEASURE_RATE, name, bps, LIMIT_MIN_BPS, err);
}

int limit_check_burst(const char *name, uint64_t bytes, struct err *err)
{
	if (!bytes || bytes >= LIMIT_MIN_BURST)
		return 0;
	return refuse_less(MEASURE_SIZE, name, bytes, LIMIT_MIN_BURST, err);
}

int limit_check_needs(const char *name, bool is_set, const char *of, bool has_of, struct err *err)
{
	if (!is_set || has_of)
		return 0;
	(void)err_set_field(err, -EINVAL, name, "%s without %s", name, of);
	err_hint(err, "set %s, too", of);
	return -EINVAL;
}
