#include "ctl_iface.h"

#include "ctl_field.h"
#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct ctl_struct ctl_empty_schema = {"ctl_empty", sizeof(struct ctl_empty), NULL, 0};

/* The first of several with one code is the name derived from that code. */
const struct ctl_error ctl_common_errors[] = {
	{"InvalidParameter", -EINVAL, "a field is unknown, missing or malformed"},
	{"OutOfRange", -ERANGE, "a value is outside its bounds"},
	{"AlreadyExists", -EEXIST, "the object exists already"},
	{"NotFound", -ENOENT, "there is no such object"},
	{"Busy", -EBUSY, "the object is in use"},
	{"AddressInUse", -EADDRINUSE, "a living process serves that socket"},
	{"PermissionDenied", -EACCES, "the caller may not do this"},
	{"PermissionDenied", -EPERM, "the caller may not do this"},
	{"LimitReached", -ENOSPC, "a table is full, or too many clients are connected"},
	{"OutOfMemory", -ENOMEM, "the program has no memory for it"},
	{"TimedOut", -ETIMEDOUT, "it did not happen in time"},
	{"NotSupported", -ENOTSUP, "the program, or what it runs on, cannot do this"},
	{"MethodNotFound", -ENOSYS, "the interface has no such method"},
	{"InvalidMessage", -EPROTO, "the message is not what the protocol asks for"},
	{"MessageTooLong", -EMSGSIZE, "the message exceeds the limit of the protocol"},
	{"Failed", -EIO, "it failed; the message says why"},
};
const unsigned ctl_n_common_errors = sizeof(ctl_common_errors) / sizeof(ctl_common_errors[0]);

static const struct ctl_error *ctl_error_find(const struct ctl_error *errors, unsigned n_errors,
	const char *name)
{
	for (unsigned i = 0; i < n_errors; i++) {
		if (!strcmp(errors[i].name, name))
			return &errors[i];
	}
	return NULL;
}

const char *ctl_error_name(const struct ctl_interface *iface, const struct err *err)
{
	const struct ctl_error *error;

	if (err->name[0]) {
		error = ctl_error_find(iface->errors, iface->n_errors, err->name);
		if (!error)
			error = ctl_error_find(ctl_common_errors, ctl_n_common_errors, err->name);
		if (error)
			return error->name;
	}
	for (unsigned i = 0; i < ctl_n_common_errors; i++) {
		if (ctl_common_errors[i].code == err->code)
			return ctl_common_errors[i].name;
	}
	return "Failed";
}

int ctl_error_code(const struct ctl_interface *iface, const char *name)
{
	const struct ctl_error *error = ctl_error_find(iface->errors, iface->n_errors, name);

	if (!error)
		error = ctl_error_find(ctl_common_errors, ctl_n_common_errors, name);
	return error ? error->code : -EIO;
}

const struct ctl_method *ctl_method_find(const struct ctl_interface *iface, const char *name)
{
	for (unsigned i = 0; i < iface->n_methods; i++) {
		if (!strcmp(iface->methods[i].name, name))
			return &iface->methods[i];
	}
	return NULL;
}

const char *ctl_method_nearest(const struct ctl_interface *iface, const char *name)
{
	const char **names = calloc(iface->n_methods, sizeof(*names));
	const char *nearest = NULL;

	if (!names)
		return NULL;
	for (unsigned i = 0; i < iface->n_methods; i++)
		names[i] = iface->methods[i].name;
	nearest = str_nearest(name, names, iface->n_methods);
	free(names);
	return nearest;
}

/*
 * Description: the text is valid in varlink's interface definition language, with what that
 * language cannot say (bounds, units, choices) in comments.
 */

/* " [68..65535 bytes]", " [server | client]", or nothing where there is nothing to add. */
static void describe_bounds(FILE *out, const struct ctl_field *field)
{
	uint64_t most = field->kind == CTL_KIND_U64 ? UINT64_MAX : UINT32_MAX;
	bool bounded = field->min || field->max != most;

	switch (field->kind) {
	case CTL_KIND_U16:
	case CTL_KIND_U32:
	case CTL_KIND_U64:
		if (bounded)
			(void)fprintf(out, " [%" PRIu64 "..%" PRIu64 "%s%s]", field->min,
				field->max, field->unit[0] ? " " : "", field->unit);
		else if (field->unit[0])
			(void)fprintf(out, " [%s]", field->unit);
		break;
	case CTL_KIND_STR:
		(void)fprintf(out, " [%" PRIu64 "..%" PRIu64 " bytes]", field->min, field->max);
		break;
	case CTL_KIND_MAC:
		(void)fprintf(out, " [like 52:54:00:00:00:01]");
		break;
	case CTL_KIND_VLANS:
		(void)fprintf(out, " [like 10,20-29 or all]");
		break;
	case CTL_KIND_ENUM:
		for (unsigned i = 0; field->names[i]; i++)
			(void)fprintf(out, "%s%s", i ? " | " : " [", field->names[i]);
		(void)fprintf(out, "]");
		break;
	case CTL_KIND_BOOL:
	case CTL_KIND_MSG:
		break;
	}
}

static const char *describe_type(enum ctl_kind kind)
{
	switch (kind) {
	case CTL_KIND_BOOL:
		return "bool";
	case CTL_KIND_U16:
	case CTL_KIND_U32:
	case CTL_KIND_U64:
		return "int";
	case CTL_KIND_STR:
	case CTL_KIND_MAC:
	case CTL_KIND_VLANS:
	case CTL_KIND_ENUM:
		return "string";
	case CTL_KIND_MSG:
		break; /* a type of its own */
	}
	return "";
}

/* A message within others has a type: ctl_port_queue is PortQueue. */
static void describe_name(FILE *out, const struct ctl_struct *schema)
{
	bool begins = true;

	for (const char *c = schema->name + strlen("ctl_"); *c; c++) {
		if (*c != '_')
			(void)fputc(begins ? toupper((unsigned char)*c) : *c, out);
		begins = *c == '_';
	}
}

static void describe_struct(FILE *out, const struct ctl_struct *schema)
{
	char help[CTL_HELP_SIZE];

	(void)fprintf(out, "(");
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];

		(void)fprintf(out, "\n\t# %s%s", ctl_field_help(schema, field, help, sizeof(help)),
			field->access == CTL_ACCESS_SHOW ? " (show only)" : "");
		describe_bounds(out, field);
		(void)fprintf(out, "\n\t%s: %s%s", field->name,
			field->access == CTL_ACCESS_REQ ? "" : "?", describe_type(field->kind));
		if (field->kind == CTL_KIND_MSG)
			describe_name(out, field->sub);
		(void)fprintf(out, "%s", i + 1 < schema->n_fields ? "," : "");
	}
	(void)fprintf(out, "%s)", schema->n_fields ? "\n" : "");
}

/* Those that were described. */
struct types {
	const struct ctl_struct *list[CTL_MAX_FIELDS];
	unsigned n;
};

/* Of the messages within schema, those that were not yet. */
static void describe_types(FILE *out, const struct ctl_struct *schema, struct types *types)
{
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_struct *sub = schema->fields[i].sub;
		unsigned t = 0;

		while (t < types->n && types->list[t] != sub)
			t++;
		if (!sub || t < types->n || types->n == CTL_MAX_FIELDS)
			continue;
		types->list[types->n++] = sub;
		(void)fprintf(out, "\n# within other messages\ntype ");
		describe_name(out, sub);
		(void)fprintf(out, " ");
		describe_struct(out, sub);
		(void)fprintf(out, "\n");
	}
}

static void describe_method(FILE *out, const struct ctl_method *method)
{
	static const char *const stabilities[] = {
		[CTL_DRAFT] = "draft", [CTL_STABLE] = "stable", [CTL_DEPRECATED] = "deprecated"};
	static const char *const replies[] = {[CTL_ONE] = "",
		[CTL_ROWS] = "; with more: one reply per row",
		[CTL_EVENTS] = "; with more: one reply per event, without end"};

	(void)fprintf(out, "\n# %s (%s, %s%s)\nmethod %s", method->help,
		method->class == CTL_READ ? "read" : "change", stabilities[method->stability],
		replies[method->reply], method->name);
	describe_struct(out, method->in);
	(void)fprintf(out, " -> ");
	describe_struct(out, method->out);
	(void)fprintf(out, "\n");
}

static void describe_errors(FILE *out, const struct ctl_error *errors, unsigned n_errors)
{
	for (unsigned i = 0; i < n_errors; i++) {
		if (i && !strcmp(errors[i].name, errors[i - 1].name))
			continue;
		(void)fprintf(out,
			"\n# %s\nerror %s(field: ?string, message: string, hint: ?string)\n",
			errors[i].help, errors[i].name);
	}
}

int ctl_describe(const struct ctl_interface *iface, char **ret_text)
{
	struct types types = {.n = 0};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	(void)fprintf(out, "# %s\ninterface %s\n", iface->help, iface->name);
	for (unsigned i = 0; i < iface->n_methods; i++) {
		describe_types(out, iface->methods[i].in, &types);
		describe_types(out, iface->methods[i].out, &types);
	}
	for (unsigned i = 0; i < iface->n_methods; i++)
		describe_method(out, &iface->methods[i]);
	(void)fprintf(out, "\n# this text\nmethod Describe() -> (description: string)\n");
	describe_errors(out, iface->errors, iface->n_errors);
	describe_errors(out, ctl_common_errors, ctl_n_common_errors);
	if (fclose(out)) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}
