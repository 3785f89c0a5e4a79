#include "ctl_sample.h"

#include "ctl_field.h"
#include "ctl_vmm.h"
#include "ctl_vswitch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const struct ctl_interface *const ctl_sample_interfaces[] = {
	&ctl_vswitch_interface, &ctl_vmm_interface, NULL};

static void sample_fill_field(const struct ctl_struct *schema, const struct ctl_field *field,
	void *msg)
{
	char word[64] = "true";
	struct err err = {0};
	unsigned last = 0;
	void *sub;

	switch (field->kind) {
	case CTL_KIND_BOOL:
		break;
	case CTL_KIND_U16:
	case CTL_KIND_U32:
	case CTL_KIND_U64:
		(void)measure_format(field->measure, field->max, word);
		break;
	case CTL_KIND_STR:
		(void)snprintf(word, sizeof(word), "%s", field->name);
		word[field->max < 63 ? field->max : 63] = '\0';
		break;
	case CTL_KIND_MAC:
		(void)snprintf(word, sizeof(word), "52:54:00:00:00:01");
		break;
	case CTL_KIND_VLANS:
		(void)snprintf(word, sizeof(word), "10,20-29");
		break;
	case CTL_KIND_ENUM:
		while (field->names[last + 1])
			last++;
		(void)snprintf(word, sizeof(word), "%s", field->names[last]);
		break;
	case CTL_KIND_MSG:
		sub = ctl_sample_filled(field->sub);
		memcpy((char *)msg + field->offset, sub, field->size);
		free(sub);
		*(uint64_t *)msg |= UINT64_C(1) << field->idx;
		return;
	}
	if (ctl_field_parse(schema, msg, field->name, word, &err))
		fail_msg("%s.%s = '%s': %s", schema->name, field->name, word, err.msg);
}

void *ctl_sample_filled(const struct ctl_struct *schema)
{
	void *msg = calloc(1, schema->size);

	assert_non_null(msg);
	for (unsigned i = 0; i < schema->n_fields; i++)
		sample_fill_field(schema, &schema->fields[i], msg);
	return msg;
}
