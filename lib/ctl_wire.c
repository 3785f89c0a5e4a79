#include "ctl_wire.h"

#include "ctl_iface.h"
#include "ctl_json.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CTL_DESCRIBE "Describe"

/* ---- Server side ---- */

static int wire_find_method(const struct ctl_interface *iface, const char *full_name,
	const struct ctl_method **ret_method, struct err *err)
{
	size_t len = strlen(iface->name);
	const char *name = full_name + len + 1, *nearest;

	if (strncmp(full_name, iface->name, len) || full_name[len] != '.') {
		(void)err_set_field(err, -ENOSYS, "method",
			"method '%.128s': is not of interface %s", full_name, iface->name);
		err_hint(err, "is this the socket of another program?");
		return -ENOSYS;
	}
	if (!strcmp(name, CTL_DESCRIBE)) {
		*ret_method = NULL;
		return 0;
	}
	*ret_method = ctl_method_find(iface, name);
	if (*ret_method)
		return 0;
	(void)err_set_field(err, -ENOSYS, "method", "unknown method '%.128s'", name);
	nearest = ctl_method_nearest(iface, name);
	if (nearest)
		err_hint(err, "did you mean '%s'?", nearest);
	else
		err_hint(err, "%s.%s lists the methods", iface->name, CTL_DESCRIBE);
	return -ENOSYS;
}

static int wire_parse_flag(const json_t *value, const char *name, bool *ret_flag, struct err *err)
{
	if (!json_is_boolean(value))
		return err_set(err, -EPROTO, "message: '%s' is not a boolean", name);
	*ret_flag = json_is_true(value);
	return 0;
}

static int wire_parse_params(const json_t *value, const json_t **ret_params, struct err *err)
{
	if (!json_is_object(value) && !json_is_null(value))
		return err_set(err, -EPROTO, "message: 'parameters' is not an object");
	*ret_params = json_is_object(value) ? value : NULL;
	return 0;
}

static int wire_parse_request_members(const struct ctl_interface *iface,
	struct ctl_request *request, struct err *err)
{
	const char *method = NULL, *name;
	bool upgrade = false;
	json_t *value;
	int r = 0;

	json_object_foreach(request->json, name, value)
	{
		if (!strcmp(name, "method")) {
			method = json_string_value(value);
			if (!method)
				r = err_set(err, -EPROTO, "message: 'method' is not a string");
		} else if (!strcmp(name, "parameters")) {
			r = wire_parse_params(value, &request->params, err);
		} else if (!strcmp(name, "more")) {
			r = wire_parse_flag(value, name, &request->more, err);
		} else if (!strcmp(name, "oneway")) {
			r = wire_parse_flag(value, name, &request->oneway, err);
		} else if (!strcmp(name, "upgrade")) {
			r = wire_parse_flag(value, name, &upgrade, err);
		} else {
			r = err_set(err, -EPROTO, "message: '%.64s' is not a member of a request",
				name);
		}
		if (r < 0)
			return r;
	}
	if (!method)
		return err_set(err, -EPROTO, "message: 'method' missing");
	if (upgrade)
		return err_set(err, -EPROTO, "message: the protocol cannot be upgraded");
	return wire_find_method(iface, method, &request->method, err);
}

int ctl_wire_parse_request(const struct ctl_interface *iface, const char *text, size_t len,
	struct ctl_request *ret_request, struct err *err)
{
	int r;

	memset(ret_request, 0, sizeof(*ret_request));
	r = ctl_json_load(text, len, &ret_request->json, err);
	if (r < 0)
		return r;
	r = wire_parse_request_members(iface, ret_request, err);
	if (r < 0)
		ctl_request_done(ret_request);
	return r;
}

void ctl_request_done(struct ctl_request *request)
{
	json_decref(request->json);
	memset(request, 0, sizeof(*request));
}

/* Takes params over. */
static int wire_dump_reply(json_t *params, bool continues, char **ret_text, size_t *ret_len)
{
	json_t *json = json_object();
	int r = -ENOMEM;

	if (!json) {
		json_decref(params);
		return -ENOMEM;
	}
	if (json_object_set_new(json, "parameters", params) < 0)
		goto out;
	if (continues && json_object_set_new(json, "continues", json_true()) < 0)
		goto out;
	*ret_text = ctl_json_dump(json, ret_len);
	r = *ret_text ? 0 : -ENOMEM;
out:
	json_decref(json);
	return r;
}

/* msg: NULL = one with no members. */
static int wire_encode_params(const struct ctl_struct *schema, const void *msg, json_t **ret_params)
{
	if (msg)
		return ctl_json_encode(schema, msg, ret_params);
	*ret_params = json_object();
	return *ret_params ? 0 : -ENOMEM;
}

int ctl_wire_format_reply(const struct ctl_struct *schema, const void *msg, bool continues,
	char **ret_text, size_t *ret_len)
{
	json_t *params;
	int r = wire_encode_params(schema, msg, &params);

	if (r < 0)
		return r;
	return wire_dump_reply(params, continues, ret_text, ret_len);
}

int ctl_wire_format_description(const struct ctl_interface *iface, char **ret_text, size_t *ret_len)
{
	json_t *params;
	char *text;
	int r = ctl_describe(iface, &text);

	if (r < 0)
		return r;
	params = json_pack("{s:s}", "description", text);
	free(text);
	return wire_dump_reply(params, false, ret_text, ret_len);
}

static bool wire_set_text(json_t *json, const char *name, const char *text, size_t size)
{
	return json_object_set_new(json, name, ctl_json_string(text, size)) == 0;
}

char *ctl_wire_format_error(const struct ctl_interface *iface, const struct err *err,
	size_t *ret_len)
{
	const char *reason = err->msg[0] ? err->msg : strerror(-err->code);
	json_t *params = json_object(), *json = NULL;
	char *text = NULL;

	if (!params ||
		(err->field[0] &&
			!wire_set_text(params, "field", err->field, sizeof(err->field))) ||
		!wire_set_text(params, "message", reason, sizeof(err->msg)) ||
		(err->hint[0] && !wire_set_text(params, "hint", err->hint, sizeof(err->hint)))) {
		json_decref(params);
		return NULL;
	}
	json = json_pack("{s:s++, s:o}", "error", iface->name, ".", ctl_error_name(iface, err),
		"parameters", params);
	if (json)
		text = ctl_json_dump(json, ret_len);
	json_decref(json);
	return text;
}

/* ---- Client side ---- */

int ctl_wire_format_request(const struct ctl_interface *iface, const char *method,
	const struct ctl_struct *schema, const void *msg, bool more, char **ret_text,
	size_t *ret_len)
{
	json_t *params, *json;
	int r = wire_encode_params(schema, msg, &params);

	if (r < 0)
		return r;
	json = json_pack("{s:s++, s:o}", "method", iface->name, ".", method, "parameters", params);
	if (json && more && json_object_set_new(json, "more", json_true()) < 0) {
		json_decref(json);
		return -ENOMEM;
	}
	if (!json)
		return -ENOMEM;
	*ret_text = ctl_json_dump(json, ret_len);
	json_decref(json);
	return *ret_text ? 0 : -ENOMEM;
}

static void wire_copy_text(const json_t *params, const char *name, char *dst, size_t size)
{
	const char *text = json_string_value(json_object_get(params, name));

	if (text)
		(void)str_copy(dst, size, text);
}

static int wire_parse_error(const struct ctl_interface *iface, const char *full_name,
	const json_t *params, struct err *err)
{
	const char *dot = strrchr(full_name, '.');
	const char *name = dot ? dot + 1 : full_name;
	int r = ctl_error_code(iface, name);

	(void)err_set(err, r, "the program answered with error '%.128s'", full_name);
	if (!err)
		return r;
	(void)str_copy(err->name, sizeof(err->name), name);
	wire_copy_text(params, "field", err->field, sizeof(err->field));
	wire_copy_text(params, "message", err->msg, sizeof(err->msg));
	wire_copy_text(params, "hint", err->hint, sizeof(err->hint));
	return r;
}

static int wire_parse_reply_members(const struct ctl_interface *iface, const json_t *json,
	const json_t **ret_params, bool *ret_continues, struct err *err)
{
	const char *error = NULL, *name;
	json_t *value;
	int r = 0;

	*ret_params = NULL;
	*ret_continues = false;
	json_object_foreach((json_t *)json, name, value)
	{
		if (!strcmp(name, "parameters")) {
			r = wire_parse_params(value, ret_params, err);
		} else if (!strcmp(name, "continues")) {
			r = wire_parse_flag(value, name, ret_continues, err);
		} else if (!strcmp(name, "error")) {
			error = json_string_value(value);
			if (!error)
				r = err_set(err, -EPROTO, "reply: 'error' is not a string");
		}
		if (r < 0)
			return r;
	}
	return error ? wire_parse_error(iface, error, *ret_params, err) : 0;
}

int ctl_wire_parse_reply(const struct ctl_interface *iface, const char *text, size_t len,
	json_t **ret_json, const json_t **ret_params, bool *ret_continues, struct err *err)
{
	json_t *json;
	int r = ctl_json_load(text, len, &json, err);

	if (r < 0)
		return r;
	r = wire_parse_reply_members(iface, json, ret_params, ret_continues, err);
	if (r < 0) {
		json_decref(json);
		return r;
	}
	*ret_json = json;
	return 0;
}
