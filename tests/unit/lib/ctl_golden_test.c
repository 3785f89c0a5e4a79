/*
 * Every message of both interfaces, as it stands on the wire, is a checked-in file
 * tests/data/golden/ctl/<interface>.<method>.json: the request on the first line, the reply or row
 * on the second. A change of the protocol is thereby a change that somebody looks at.
 *
 * With CTL_GOLDEN_WRITE set in the environment the files are written instead of compared, and the
 * test fails, so that this cannot be left on by mistake.
 */
#include "ctl_codec.h"
#include "ctl_iface.h"
#include "ctl_json.h"
#include "ctl_sample.h"
#include "ctl_wire.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifndef GOLDEN_DIR
#error "GOLDEN_DIR is the folder of the golden files"
#endif

static void golden_path(const struct ctl_interface *iface, const char *method, char *path,
	size_t size)
{
	(void)snprintf(path, size, "%s/%s.%s.json", GOLDEN_DIR, iface->name, method);
}

static void golden_compare(const char *path, const char *want)
{
	static char text[65536];
	FILE *file;
	size_t n;

	if (getenv("CTL_GOLDEN_WRITE")) {
		file = fopen(path, "w");
		assert_non_null(file);
		assert_true(fputs(want, file) >= 0);
		assert_int_equal(fclose(file), 0);
		return;
	}
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s is missing: every message has a golden file", path);
	n = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[n] = '\0';
	if (strcmp(text, want))
		fail_msg("%s differs\nfile: %scode: %s", path, text, want);
}

/* What was encoded decodes to the same values, in the direction in which it travels. */
static void check_request_back(const struct ctl_interface *iface, const struct ctl_method *method,
	const char *text, const void *in)
{
	void *back = malloc(method->in->size);
	struct ctl_request request;
	struct err err = {0};

	assert_non_null(back);
	if (ctl_wire_parse_request(iface, text, strlen(text), &request, &err))
		fail_msg("%s: %s", method->name, err.msg);
	assert_ptr_equal(request.method, method);
	assert_int_equal(request.more, method->reply != CTL_ONE);
	if (ctl_json_decode(method->in, request.params, false, back, &err))
		fail_msg("%s: %s", method->name, err.msg);
	assert_true(ctl_msg_equal(method->in, in, back));
	ctl_request_done(&request);
	free(back);
}

static void check_reply_back(const struct ctl_interface *iface, const struct ctl_method *method,
	const char *text, const void *out)
{
	void *back = malloc(method->out->size);
	const json_t *params;
	struct err err = {0};
	bool continues;
	json_t *json;

	assert_non_null(back);
	assert_int_equal(ctl_wire_parse_reply(iface, text, strlen(text), &json, &params, &continues,
				 &err),
		0);
	assert_int_equal(continues, method->reply != CTL_ONE);
	if (ctl_json_decode(method->out, params, false, back, &err))
		fail_msg("%s: %s", method->name, err.msg);
	assert_true(ctl_msg_equal(method->out, out, back));
	json_decref(json);
	free(back);
}

static void check_method(const struct ctl_interface *iface, const struct ctl_method *method)
{
	bool many = method->reply != CTL_ONE;
	void *in = ctl_sample_filled(method->in), *out = ctl_sample_filled(method->out);
	char *request, *reply, *both, path[512];
	size_t len, len_both;
	FILE *file;

	assert_int_equal(ctl_wire_format_request(iface, method->name, method->in, in, many,
				 &request, &len),
		0);
	assert_int_equal(len, strlen(request));
	assert_int_equal(ctl_wire_format_reply(method->out, out, many, &reply, &len), 0);
	assert_int_equal(len, strlen(reply));
	file = open_memstream(&both, &len_both);
	assert_non_null(file);
	(void)fprintf(file, "%s\n%s\n", request, reply);
	(void)fclose(file);
	golden_path(iface, method->name, path, sizeof(path));
	golden_compare(path, both);
	check_request_back(iface, method, request, in);
	check_reply_back(iface, method, reply, out);
	free(both);
	free(request);
	free(reply);
	free(in);
	free(out);
}

static void every_message_has_its_golden_file(void **state)
{
	for (int i = 0; ctl_sample_interfaces[i]; i++) {
		for (unsigned m = 0; m < ctl_sample_interfaces[i]->n_methods; m++)
			check_method(ctl_sample_interfaces[i],
				&ctl_sample_interfaces[i]->methods[m]);
	}
	if (getenv("CTL_GOLDEN_WRITE"))
		fail_msg("golden files written; look at them, and run again without "
			 "CTL_GOLDEN_WRITE");
}

static void errors_have_their_golden_file(void **state)
{
	const struct ctl_interface *iface = ctl_sample_interfaces[0];
	char *text, line[1024], path[512];
	struct err err = {0}, back = {0};
	const json_t *params;
	bool continues;
	json_t *json;
	size_t len;

	(void)err_set_field(&err, -EEXIST, "name", "port 'p1': exists already");
	err_name(&err, "PortExists");
	err_hint(&err, "choose another name");
	text = ctl_wire_format_error(iface, &err, &len);
	assert_non_null(text);
	(void)snprintf(line, sizeof(line), "%s\n", text);
	golden_path(iface, "error", path, sizeof(path));
	golden_compare(path, line);
	assert_int_equal(ctl_wire_parse_reply(iface, text, len, &json, &params, &continues, &back),
		-EEXIST);
	assert_int_equal(back.code, err.code);
	assert_string_equal(back.name, err.name);
	assert_string_equal(back.field, err.field);
	assert_string_equal(back.msg, err.msg);
	assert_string_equal(back.hint, err.hint);
	free(text);
}

/* Memory that runs out at the nth allocation of the JSON library. */

static unsigned allocations_left;

static void *scarce_malloc(size_t size)
{
	return allocations_left && allocations_left-- ? malloc(size) : NULL;
}

/* Format and parse a message both ways; 0, or what failed. */
static int there_and_back(const struct ctl_interface *iface, const struct ctl_method *method,
	const void *in, const void *out, void *back)
{
	struct ctl_request request;
	struct err err = {0};
	const json_t *params;
	bool continues;
	json_t *json;
	char *text;
	size_t len;
	int code;

	code = ctl_wire_format_request(iface, method->name, method->in, in, true, &text, &len);
	if (code < 0)
		return code;
	code = ctl_wire_parse_request(iface, text, len, &request, &err);
	free(text);
	if (code < 0)
		return code;
	ctl_request_done(&request);
	code = ctl_wire_format_reply(method->out, out, true, &text, &len);
	if (code < 0)
		return code;
	code = ctl_wire_parse_reply(iface, text, len, &json, &params, &continues, &err);
	free(text);
	if (code < 0)
		return code;
	code = ctl_json_decode(method->out, params, true, back, &err);
	json_decref(json);
	if (code < 0)
		return code;
	(void)err_set_field(&err, -EBUSY, "name", "busy");
	err_hint(&err, "wait");
	text = ctl_wire_format_error(iface, &err, &len);
	free(text);
	return text ? 0 : -ENOMEM;
}

static void no_memory_is_an_error_at_every_step(void **state)
{
	const struct ctl_interface *iface = ctl_sample_interfaces[0];
	const struct ctl_method *method = ctl_method_find(iface, "PortShow");
	void *in = ctl_sample_filled(method->in), *out = ctl_sample_filled(method->out);
	void *back = malloc(method->out->size);
	unsigned n = 0;
	int code;

	assert_non_null(back);
	json_set_alloc_funcs(scarce_malloc, free);
	do {
		allocations_left = n++;
		code = there_and_back(iface, method, in, out, back);
		if (code != 0 && code != -ENOMEM && code != -EPROTO)
			fail_msg("failing allocation %u gave %d", n, code);
	} while (code && n < 10000);
	json_set_alloc_funcs(malloc, free);
	assert_int_equal(code, 0);
	assert_true(n > 50);
	assert_true(ctl_msg_equal(method->out, out, back));
	free(in);
	free(out);
	free(back);
}

static bool golden_is_known(const char *file)
{
	for (int i = 0; ctl_sample_interfaces[i]; i++) {
		const struct ctl_interface *iface = ctl_sample_interfaces[i];
		size_t len = strlen(iface->name);
		char method[128];

		if (strncmp(file, iface->name, len) || file[len] != '.')
			continue;
		(void)snprintf(method, sizeof(method), "%s", file + len + 1);
		if (!strcmp(method, "error.json"))
			return true;
		if (strstr(method, ".json"))
			*strstr(method, ".json") = '\0';
		if (ctl_method_find(iface, method))
			return true;
	}
	return false;
}

static void no_golden_file_is_left_over(void **state)
{
	DIR *dir = opendir(GOLDEN_DIR);
	struct dirent *entry;
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (!golden_is_known(entry->d_name))
			fail_msg("%s belongs to no message", entry->d_name);
		n++;
	}
	(void)closedir(dir);
	assert_true(n > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_has_its_golden_file),
		cmocka_unit_test(errors_have_their_golden_file),
		cmocka_unit_test(no_golden_file_is_left_over),
		cmocka_unit_test(no_memory_is_an_error_at_every_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
