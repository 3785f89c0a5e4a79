#include "impairment.h"

#include "ctl_codec.h"
#include "ctl_field.h"
#include "str.h"

#include <stdio.h>
#include <string.h>

#define MORE "..."

struct ctl_link impairment_of_port(const struct ctl_port *port)
{
	return (struct ctl_link){.a_to_b = port->in, .b_to_a = port->out};
}

static const char *value_of(const struct ctl_impair *way, unsigned i, char buf[CTL_VALUE_SIZE])
{
	const struct ctl_field *field = &ctl_impair_schema.fields[i];

	if (!ctl_field_is_set(way, i))
		return field->kind == CTL_KIND_ENUM ? field->def : "none";
	(void)ctl_field_format(field, way, buf, CTL_VALUE_SIZE);
	return buf;
}

/* In one direction. */
static size_t brief_way(const struct ctl_impair *way, char *buf, size_t size)
{
	static const unsigned shown[] = {
		ctl_impair__delay, ctl_impair__jitter, ctl_impair__loss, ctl_impair__rate};
	uint64_t rest = way->set;
	size_t used = 0;
	char value[CTL_VALUE_SIZE];

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]) && used < size; i++) {
		const char *before = !used ? "" : shown[i] == ctl_impair__jitter ? "+-" : " ";

		rest &= ~(UINT64_C(1) << shown[i]);
		if (ctl_field_is_set(way, shown[i]))
			used += (size_t)snprintf(buf + used, size - used, "%s%s", before,
				value_of(way, shown[i], value));
	}
	if (rest && used < size)
		used += (size_t)snprintf(buf + used, size - used, "%s" MORE, used ? " " : "");
	if (!used)
		used = str_copy(buf, size, "-");
	return used;
}

const char *impairment_brief(const struct ctl_link *link, char *buf, size_t size)
{
	size_t used = brief_way(&link->a_to_b, buf, size);

	if (ctl_msg_equal(&ctl_impair_schema, &link->a_to_b, &link->b_to_a))
		return buf;
	if (used < size)
		used += (size_t)snprintf(buf + used, size - used, " / ");
	if (used < size)
		(void)brief_way(&link->b_to_a, buf + used, size - used);
	return buf;
}

/* What is said so far of a change. */
struct text {
	char *buf;
	size_t size, used;
};

static void say(struct text *text, const char *direction, const struct ctl_field *field,
	const char *from, const char *to)
{
	if (text->used >= text->size)
		return;
	text->used += (size_t)snprintf(text->buf + text->used, text->size - text->used,
		"%s%s%s %s%s%s", text->used ? ", " : "", direction, field->lab, from ? from : "",
		from ? " -> " : "", to);
}

const char *impairment_change(const struct ctl_link *old, const struct ctl_link *link, char *buf,
	size_t size)
{
	static const struct ctl_link perfect;
	const struct ctl_link *from = old ? old : &perfect;
	struct text text = {buf, size, 0};
	char values[4][CTL_VALUE_SIZE];

	buf[0] = '\0';
	for (unsigned i = 0; i < ctl_impair_schema.n_fields; i++) {
		const struct ctl_field *field = &ctl_impair_schema.fields[i];
		const char *a = value_of(&from->a_to_b, i, values[0]),
			   *to_a = value_of(&link->a_to_b, i, values[1]),
			   *b = value_of(&from->b_to_a, i, values[2]),
			   *to_b = value_of(&link->b_to_a, i, values[3]);
		bool is_same = !strcmp(a, b) && !strcmp(to_a, to_b);

		if (strcmp(a, to_a) != 0)
			say(&text, is_same ? "" : "a-to-b ", field, old ? a : NULL, to_a);
		if (strcmp(b, to_b) != 0 && !is_same)
			say(&text, "b-to-a ", field, old ? b : NULL, to_b);
	}
	if (text.used >= size)
		(void)strcpy(buf + size - sizeof(MORE), MORE);
	return buf;
}
