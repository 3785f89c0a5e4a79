#include "ctl_field.h"
#include "ctl_iface.h"
#include "ctl_sample.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void for_each_schema(void (*check)(const struct ctl_struct *schema))
{
	for (int i = 0; ctl_sample_interfaces[i]; i++) {
		for (unsigned m = 0; m < ctl_sample_interfaces[i]->n_methods; m++) {
			check(ctl_sample_interfaces[i]->methods[m].in);
			check(ctl_sample_interfaces[i]->methods[m].out);
		}
	}
}

/* One line for people: not empty, no line break, no final period. */
static void check_help(const char *owner, const char *name, const char *help, bool sentence)
{
	size_t len = help ? strlen(help) : 0;

	if (!len || len > 100 || strchr(help, '\n') || (help[len - 1] == '.') != sentence)
		fail_msg("%s.%s: help is '%s'", owner, name, help ? help : "missing");
}

static void check_bounds(const struct ctl_struct *schema, const struct ctl_field *field)
{
	uint64_t most = UINT64_MAX;

	if (field->kind == CTL_KIND_U16)
		most = UINT16_MAX;
	else if (field->kind == CTL_KIND_U32)
		most = UINT32_MAX;
	else if (field->kind == CTL_KIND_STR)
		most = 20000; /* the longest: a frame in hexadecimal digits */
	else if (field->kind == CTL_KIND_BOOL)
		most = 1;
	else if (field->kind != CTL_KIND_U64)
		most = 0;
	if (field->min > field->max || field->max > most)
		fail_msg("%s.%s: bounds are wrong", schema->name, field->name);
	if (field->access == CTL_ACCESS_REQ && field->kind == CTL_KIND_STR && !field->min)
		fail_msg("%s.%s: is required but may be empty", schema->name, field->name);
}

/* The default is a value of the field; types are those of the message; what is for people fits. */
static void check_attributes(const struct ctl_struct *schema, const struct ctl_field *field)
{
	static const char *const base_units[] = {[MEASURE_TIME] = "ns",
		[MEASURE_RATE] = "bit/s",
		[MEASURE_SHARE] = "ppb",
		[MEASURE_SIZE] = "bytes",
		[MEASURE_PPS] = "frames/s"};
	const struct ctl_field *type = ctl_field_find(schema, "type");
	void *msg = calloc(1, schema->size);
	char help[CTL_HELP_SIZE];

	assert_non_null(msg);
	ctl_fill_defaults(schema, msg, UINT64_C(1) << field->idx);
	if (ctl_field_is_set(msg, field->idx) != !!field->def)
		fail_msg("%s.%s: default '%s' is no value of it", schema->name, field->name,
			field->def ? field->def : "");
	free(msg);
	if (field->def)
		assert_true(field->access & CTL_ACCESS_SETTINGS);
	if (field->types) {
		unsigned n = 0;

		assert_true(type && type->kind == CTL_KIND_ENUM);
		while (type->names[n])
			n++;
		assert_int_equal(field->types >> n, 0);
	}
	if (field->measure) {
		assert_true(field->kind == CTL_KIND_U32 || field->kind == CTL_KIND_U64);
		assert_string_equal(field->unit, base_units[field->measure]);
	}
	if (field->is_path)
		assert_int_equal(field->kind, CTL_KIND_STR);
	assert_true(strlen(ctl_field_help(schema, field, help, sizeof(help))) < sizeof(help) - 1);
}

/* Columns stand in places 1, 2, ... */
static void check_columns(const struct ctl_struct *schema)
{
	uint64_t places = 0;

	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_column *column = &schema->fields[i].column;

		if (!column->place)
			continue;
		assert_non_null(column->title);
		assert_false(places >> column->place & 1);
		places |= UINT64_C(1) << column->place;
	}
	if (places & (places + 2))
		fail_msg("%s: a place among the columns is empty", schema->name);
}

static void check_schema(const struct ctl_struct *schema)
{
	assert_true(schema->n_fields <= CTL_MAX_FIELDS);
	check_columns(schema);
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];

		check_help(schema->name, field->name, field->help, false);
		check_bounds(schema, field);
		check_attributes(schema, field);
		assert_non_null(field->unit);
		assert_int_equal(field->idx, i);
		assert_true(field->offset >= sizeof(uint64_t));
		assert_true(field->offset + field->size <= schema->size);
		assert_ptr_equal(ctl_field_find(schema, field->name),
			field); /* so names are unique */
		assert_int_equal(strspn(field->name, "abcdefghijklmnopqrstuvwxyz0123456789_"),
			strlen(field->name));
		if (field->kind == CTL_KIND_ENUM)
			assert_true(field->names && field->names[0]);
		else
			assert_null(field->names);
		/* One level, and no larger than what the field parser has room for. */
		assert_int_equal(!!field->sub, field->kind == CTL_KIND_MSG);
		if (!field->sub)
			continue;
		assert_true(field->sub->size <= CTL_SUB_MAX);
		check_schema(field->sub);
		for (unsigned k = 0; k < field->sub->n_fields; k++)
			assert_int_not_equal(field->sub->fields[k].kind, CTL_KIND_MSG);
	}
}

static void every_field_has_help_bounds_and_place(void **state)
{
	for_each_schema(check_schema);
}

static void check_said(const struct ctl_struct *schema, const char *name, const char *said)
{
	char help[CTL_HELP_SIZE];

	assert_string_equal(ctl_field_help(schema, ctl_field_find(schema, name), help,
				    sizeof(help)),
		said);
}

static void help_says_types_and_default(void **state)
{
	const struct ctl_struct *port = ctl_method_find(ctl_sample_interfaces[0], "PortAdd")->in;
	char cut[12];

	check_said(port, "name", "port name");
	check_said(port, "queues", "most queue pairs (default 16)");
	check_said(port, "peer", "interface made in the namespace (veth)");
	check_said(port, "mode",
		"who listens: server = the switch (vhost-user, memif; default server)");
	assert_string_equal(ctl_field_help(port, ctl_field_find(port, "peer"), cut, sizeof(cut)),
		"interface m");
}

static void every_method_has_help_and_a_name_of_its_own(void **state)
{
	for (int i = 0; ctl_sample_interfaces[i]; i++) {
		const struct ctl_interface *iface = ctl_sample_interfaces[i];

		check_help(iface->name, "", iface->help, true);
		for (unsigned m = 0; m < iface->n_methods; m++) {
			const struct ctl_method *method = &iface->methods[m];

			check_help(iface->name, method->name, method->help, false);
			assert_true(isupper((unsigned char)method->name[0]));
			assert_ptr_equal(ctl_method_find(iface, method->name), method);
			/* A stream may be of what was asked for. */
			assert_true(method->reply != CTL_ROWS || method->class == CTL_READ);
			assert_string_not_equal(method->name, "Describe");
		}
		assert_null(ctl_method_find(iface, "portadd"));
		assert_null(ctl_method_find(iface, ""));
	}
}

static void every_error_has_help_and_a_code_that_comes_back(void **state)
{
	for (int i = 0; ctl_sample_interfaces[i]; i++) {
		const struct ctl_interface *iface = ctl_sample_interfaces[i];

		for (unsigned e = 0; e < iface->n_errors; e++) {
			struct err err = {.code = -EIO};

			check_help(iface->name, iface->errors[e].name, iface->errors[e].help,
				false);
			assert_true(iface->errors[e].code < 0);
			assert_int_equal(ctl_error_code(iface, iface->errors[e].name),
				iface->errors[e].code);
			err_name(&err, iface->errors[e].name);
			assert_string_equal(ctl_error_name(iface, &err), iface->errors[e].name);
		}
	}
}

/* In varlink's language methods and errors share one name space. */
static void names_are_unique_across_methods_and_errors(void **state)
{
	for (int i = 0; ctl_sample_interfaces[i]; i++) {
		const struct ctl_interface *iface = ctl_sample_interfaces[i];

		for (unsigned e = 0; e < iface->n_errors; e++) {
			const char *name = iface->errors[e].name;

			assert_null(ctl_method_find(iface, name));
			for (unsigned j = 0; j < e; j++)
				assert_string_not_equal(name, iface->errors[j].name);
			for (unsigned j = 0; j < ctl_n_common_errors; j++)
				assert_string_not_equal(name, ctl_common_errors[j].name);
		}
		for (unsigned j = 0; j < ctl_n_common_errors; j++)
			assert_null(ctl_method_find(iface, ctl_common_errors[j].name));
	}
}

static void codes_have_common_names(void **state)
{
	static const struct {
		int code;
		const char *name;
		int back;
	} cases[] = {
		{-EEXIST, "AlreadyExists", -EEXIST},
		{-ENOENT, "NotFound", -ENOENT},
		{-EINVAL, "InvalidParameter", -EINVAL},
		{-ERANGE, "OutOfRange", -ERANGE},
		{-EBUSY, "Busy", -EBUSY},
		{-EADDRINUSE, "AddressInUse", -EADDRINUSE},
		{-EACCES, "PermissionDenied", -EACCES},
		{-EPERM, "PermissionDenied", -EACCES},
		{-ENOSPC, "LimitReached", -ENOSPC},
		{-ENOMEM, "OutOfMemory", -ENOMEM},
		{-ETIMEDOUT, "TimedOut", -ETIMEDOUT},
		{-ENOTSUP, "NotSupported", -ENOTSUP},
		{-ENOSYS, "MethodNotFound", -ENOSYS},
		{-EPROTO, "InvalidMessage", -EPROTO},
		{-EMSGSIZE, "MessageTooLong", -EMSGSIZE},
		{-EIO, "Failed", -EIO},
		{-ENODEV, "Failed", -EIO},
		{0, "Failed", -EIO},
	};
	const struct ctl_interface *iface = ctl_sample_interfaces[0];
	struct err err = {.code = -ENOENT, .name = "NoSuchName"};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err plain = {.code = cases[i].code};

		assert_string_equal(ctl_error_name(iface, &plain), cases[i].name);
		assert_int_equal(ctl_error_code(iface, cases[i].name), cases[i].back);
	}
	/* A name that the interface does not declare never gets out. */
	assert_string_equal(ctl_error_name(iface, &err), "NotFound");
	assert_int_equal(ctl_error_code(iface, "NoSuchName"), -EIO);
}

static void wrong_names_find_their_neighbour(void **state)
{
	const struct ctl_interface *iface = ctl_sample_interfaces[0];

	assert_string_equal(ctl_method_nearest(iface, "PortAd"), "PortAdd");
	assert_string_equal(ctl_method_nearest(iface, "bridgeshow"), "BridgeShow");
	assert_null(ctl_method_nearest(iface, "Reboot"));
	assert_string_equal(ctl_field_nearest(ctl_method_find(iface, "PortAdd")->in, "bridg"),
		"bridge");
	assert_null(ctl_field_nearest(&ctl_empty_schema, "bridge"));
}

static void description_names_everything(void **state)
{
	for (int i = 0; ctl_sample_interfaces[i]; i++) {
		const struct ctl_interface *iface = ctl_sample_interfaces[i];
		char line[256], *text;

		assert_int_equal(ctl_describe(iface, &text), 0);
		(void)snprintf(line, sizeof(line), "\ninterface %s\n", iface->name);
		assert_non_null(strstr(text, line));
		for (unsigned m = 0; m < iface->n_methods; m++) {
			const struct ctl_method *method = &iface->methods[m];

			(void)snprintf(line, sizeof(line), "\nmethod %s(", method->name);
			assert_non_null(strstr(text, line));
			assert_non_null(strstr(text, method->help));
			for (unsigned f = 0; f < method->in->n_fields; f++) {
				(void)snprintf(line, sizeof(line),
					"\n\t%s: ", method->in->fields[f].name);
				assert_non_null(strstr(text, line));
				assert_non_null(strstr(text, method->in->fields[f].help));
			}
		}
		for (unsigned e = 0; e < iface->n_errors; e++) {
			(void)snprintf(line, sizeof(line), "\nerror %s(", iface->errors[e].name);
			assert_non_null(strstr(text, line));
		}
		assert_non_null(strstr(text, "\nmethod Describe() -> "));
		assert_true(strlen(text) < CTL_MAX_MESSAGE / 2);
		free(text);
	}
}

static void bounds_units_and_choices_are_described(void **state)
{
	char *text;

	assert_int_equal(ctl_describe(ctl_sample_interfaces[0], &text), 0);
	assert_non_null(strstr(text, " [68..65535 bytes]\n\tmtu: ?int"));
	assert_non_null(strstr(text, " [server | client]\n\tmode: ?string"));
	assert_non_null(strstr(text, "# port name [1..63 bytes]\n\tname: string"));
	assert_non_null(strstr(text, "# process id\n\tpid: ?int"));
	assert_non_null(strstr(text, "# seconds since start [s]\n\tuptime_s: ?int"));
	assert_non_null(strstr(text, "[like 10,20-29 or all]\n\ttrunks: ?string"));
	assert_non_null(strstr(text,
		"(read, stable; with more: one reply per row)\nmethod PortShow"));
	/* What several messages have within them, once. */
	assert_non_null(strstr(text, "\ntype Impair (\n\t# how long each frame is held"));
	assert_null(strstr(strstr(text, "\ntype Impair (") + 1, "\ntype Impair ("));
	assert_non_null(strstr(text, "\n\tin: ?Impair,\n"));
	assert_non_null(strstr(text, "\n\tstorm_control: ?Storm,\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_has_help_bounds_and_place),
		cmocka_unit_test(help_says_types_and_default),
		cmocka_unit_test(every_method_has_help_and_a_name_of_its_own),
		cmocka_unit_test(every_error_has_help_and_a_code_that_comes_back),
		cmocka_unit_test(names_are_unique_across_methods_and_errors),
		cmocka_unit_test(codes_have_common_names),
		cmocka_unit_test(wrong_names_find_their_neighbour),
		cmocka_unit_test(description_names_everything),
		cmocka_unit_test(bounds_units_and_choices_are_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
