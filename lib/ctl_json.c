#include "ctl_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Counts brackets outside of strings, so that hostile nesting never reaches a recursive parser. */
static bool json_is_too_deep(const char *text, size_t len)
{
	bool in_string = false;
	unsigned depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > CTL_MAX_DEPTH)
				return true;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return false;
}

int ctl_json_load(const char *text, size_t len, json_t **ret_json, struct err *err)
{
	json_error_t error;
	json_t *json;

	if (len > CTL_MAX_MESSAGE)
		return err_set(err, -EMSGSIZE, "message: has more than %d bytes", CTL_MAX_MESSAGE);
	if (json_is_too_deep(text, len))
		return err_set(err, -EPROTO, "message: is nested deeper than %d", CTL_MAX_DEPTH);
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	/*
	 * The parser does not tell bad syntax from lack of memory, for which it has no words
	 * either.
	 */
	if (!json && !error.text[0])
		return err_set(err, -EPROTO, "message: cannot be read");
	if (!json)
		return err_set(err, -EPROTO, "message: is not JSON: %s, at byte %d", error.text,
			error.position);
	if (!json_is_object(json)) {
		json_decref(json);
		return err_set(err, -EPROTO, "message: is not a JSON object");
	}
	*ret_json = json;
	return 0;
}

char *ctl_json_dump(const json_t *json, size_t *ret_len)
{
	char *text = json_dumps(json, JSON_COMPACT);

	if (text)
		*ret_len = strlen(text);
	return text;
}

/* Length of the UTF-8 sequence at text[len], or 0 if there is none (RFC 3629, 4 "Syntax"). */
static size_t utf8_sequence(const unsigned char *text, size_t len)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xc2 && text[0] <= 0xdf)
		n = 2;
	else if ((text[0] & 0xf0) == 0xe0)
		n = 3;
	else if (text[0] >= 0xf0 && text[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (n > len)
		return 0;
	/* No overlong forms, no surrogates, nothing past U+10FFFF. */
	if (text[0] == 0xe0)
		low = 0xa0;
	else if (text[0] == 0xed)
		high = 0x9f;
	else if (text[0] == 0xf0)
		low = 0x90;
	else if (text[0] == 0xf4)
		high = 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

json_t *ctl_json_string(const char *text, size_t max_len)
{
	size_t len = strnlen(text, max_len);
	char *copy = malloc(len + 1);
	json_t *json;

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence((unsigned char *)copy + i, len - i);

		if (!n || (unsigned char)copy[i] < 0x20 || copy[i] == 0x7f) {
			copy[i] = '?';
			n = 1;
		}
		i += n;
	}
	json = json_stringn_nocheck(copy, len);
	free(copy);
	return json;
}
