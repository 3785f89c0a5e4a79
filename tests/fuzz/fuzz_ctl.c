/*
 * The control protocol's decoder: bytes as a request and as a reply of both interfaces, as an
 * object of every message, and as a word of the command line for every field. What is accepted must
 * be within the bounds of its table and survive encoding and decoding unchanged.
 */
#include "fuzz.h"

#include "ctl_codec.h"
#include "ctl_field.h"
#include "ctl_json.h"
#include "ctl_vmm.h"
#include "ctl_vswitch.h"
#include "ctl_wire.h"

#include <stdlib.h>
#include <string.h>

/* Words longer than this are all alike. */
#define WORD_MAX 200

/* One number of each measure, with nearly all that its type can hold. */
#define MEASURED_FIELDS(F, T)                                                           \
	F(T, U64, time, OPT, 0, UINT64_MAX, "ns", "time", .measure = MEASURE_TIME)      \
	F(T, U64, rate, OPT, 1, UINT64_MAX, "bit/s", "rate", .measure = MEASURE_RATE)   \
	F(T, U32, share, OPT, 0, MEASURE_ALL, "ppb", "share", .measure = MEASURE_SHARE) \
	F(T, U32, size, OPT, 0, UINT32_MAX, "bytes", "size", .measure = MEASURE_SIZE)
CTL_STRUCT(measured, MEASURED_FIELDS);
CTL_SCHEMA(measured, MEASURED_FIELDS);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* What is shown of a number is read as the same number. */
static void check_number(const struct ctl_field *field, uint64_t number)
{
	char text[MEASURE_TEXT_SIZE];
	uint64_t back;

	require(number >= field->min && number <= field->max);
	if (field->measure)
		require(measure_parse(field->measure, measure_format(field->measure, number, text),
				field->min, field->max, &back, NULL) == 0 &&
			back == number);
}

static void check_field(const struct ctl_field *field, const void *msg)
{
	const char *at = (const char *)msg + field->offset;
	uint64_t number = 0;
	unsigned n_names = 0;
	char text[64];

	switch (field->kind) {
	case CTL_KIND_U16:
		check_number(field, *(const uint16_t *)(const void *)at);
		break;
	case CTL_KIND_U32:
		check_number(field, *(const uint32_t *)(const void *)at);
		break;
	case CTL_KIND_U64:
		check_number(field, *(const uint64_t *)(const void *)at);
		break;
	case CTL_KIND_STR:
		number = strnlen(at, field->max + 1);
		require(number >= field->min && number <= field->max);
		break;
	case CTL_KIND_ENUM:
		while (field->names[n_names])
			n_names++;
		require(*(const uint32_t *)(const void *)at < n_names);
		break;
	case CTL_KIND_VLANS:
		require(!vlan_set_has((const void *)at, 0) &&
			!vlan_set_has((const void *)at, 4095));
		break;
	case CTL_KIND_MSG:
		for (unsigned i = 0; i < field->sub->n_fields; i++) {
			if (ctl_field_is_set(at, i))
				check_field(&field->sub->fields[i], at);
		}
		break;
	case CTL_KIND_BOOL:
	case CTL_KIND_MAC:
		break;
	}
	(void)ctl_field_format(field, msg, text, sizeof(text));
}

static void check_accepted(const struct ctl_struct *schema, const void *msg)
{
	void *back = malloc(schema->size);
	char *text = NULL;

	require(back);
	for (unsigned i = 0; i < schema->n_fields; i++) {
		require(ctl_field_is_set(msg, i) || schema->fields[i].access != CTL_ACCESS_REQ);
		if (ctl_field_is_set(msg, i))
			check_field(&schema->fields[i], msg);
	}
	require(ctl_encode(schema, msg, &text) == 0);
	require(ctl_decode(schema, text, strlen(text), back, NULL) == 0);
	require(ctl_msg_equal(schema, msg, back));
	free(text);
	free(back);
}

static void try_object(const struct ctl_struct *schema, const char *text, size_t len)
{
	void *msg = malloc(schema->size);
	struct err err = {0};

	require(msg);
	if (ctl_decode(schema, text, len, msg, &err) == 0)
		check_accepted(schema, msg);
	else
		require(err.code < 0 && err.msg[0]);
	free(msg);
}

/* As a word for the fields of a message within. */
static void try_word_within(const struct ctl_field *within, void *msg, const char *word)
{
	for (unsigned i = 0; i < within->sub->n_fields; i++) {
		const struct ctl_field *field = &within->sub->fields[i];
		struct err err = {0};

		if (ctl_field_parse_within(within, msg, field->name, word, &err) == 0)
			check_field(field, (const char *)msg + within->offset);
		else
			require(err.code < 0 && err.msg[0]);
	}
}

static void try_word(const struct ctl_struct *schema, const char *word)
{
	void *msg = calloc(1, schema->size);

	require(msg);
	for (unsigned i = 0; i < schema->n_fields; i++) {
		const struct ctl_field *field = &schema->fields[i];
		struct err err = {0};

		if (ctl_field_parse(schema, msg, field->name, word, &err) == 0)
			check_field(field, msg);
		else
			require(!ctl_field_is_set(msg, i) && !strcmp(err.field, field->name));
		if (field->kind == CTL_KIND_MSG)
			try_word_within(field, msg, word);
	}
	free(msg);
}

static void try_request(const struct ctl_interface *iface, const char *text, size_t len)
{
	struct ctl_request request;
	struct err err = {0};
	void *msg;

	if (ctl_wire_parse_request(iface, text, len, &request, &err) < 0) {
		char *reply = ctl_wire_format_error(iface, &err, &len);

		require(reply && err.msg[0]);
		free(reply);
		return;
	}
	if (request.method && request.params) {
		msg = malloc(request.method->in->size);
		require(msg);
		if (ctl_json_decode(request.method->in, request.params, false, msg, &err) == 0)
			check_accepted(request.method->in, msg);
		free(msg);
	}
	ctl_request_done(&request);
}

static void try_reply(const struct ctl_interface *iface, const char *text, size_t len)
{
	const json_t *params;
	struct err err = {0};
	bool continues;
	json_t *json;

	if (ctl_wire_parse_reply(iface, text, len, &json, &params, &continues, &err) < 0) {
		require(err.code < 0);
		return;
	}
	for (unsigned i = 0; params && i < iface->n_methods; i++) {
		void *msg = malloc(iface->methods[i].out->size);

		require(msg);
		if (ctl_json_decode(iface->methods[i].out, params, true, msg, &err) == 0)
			check_accepted(iface->methods[i].out, msg);
		free(msg);
	}
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ctl_interface *const ifaces[] = {
		&ctl_vswitch_interface, &ctl_vmm_interface};
	char *word = strndup((const char *)data, size < WORD_MAX ? size : WORD_MAX);

	require(word);
	try_object(&measured_schema, (const char *)data, size);
	if (size <= WORD_MAX)
		try_word(&measured_schema, word);
	for (size_t i = 0; i < sizeof(ifaces) / sizeof(ifaces[0]); i++) {
		try_request(ifaces[i], (const char *)data, size);
		try_reply(ifaces[i], (const char *)data, size);
		for (unsigned m = 0; m < ifaces[i]->n_methods; m++) {
			try_object(ifaces[i]->methods[m].in, (const char *)data, size);
			if (size <= WORD_MAX)
				try_word(ifaces[i]->methods[m].in, word);
		}
	}
	free(word);
	return 0;
}
