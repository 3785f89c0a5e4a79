#include "http_request.h"

#include <string.h>
#include <strings.h>

/* The first line of text[len] without its end, or NULL; ret_next: where the next one begins. */
static const char *take_line(const char *text, size_t len, size_t *ret_len, size_t *ret_next)
{
	const char *end = memchr(text, '\n', len);

	if (!end)
		return NULL;
	*ret_next = (size_t)(end - text) + 1;
	*ret_len = *ret_next - 1;
	/* RFC 9112, 2.2: a line may end with LF alone. */
	if (*ret_len && text[*ret_len - 1] == '\r')
		--*ret_len;
	return text;
}

static bool is_visible(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	}
	return len > 0;
}

/* "/metrics" of "/metrics?a=b" and of "http://host/metrics". */
static bool take_path(const char *target, size_t len, struct http_request *request)
{
	static const char scheme[] = "http://";
	size_t scheme_len = sizeof(scheme) - 1;
	const char *query;

	if (len > scheme_len && !strncasecmp(target, scheme, scheme_len)) {
		const char *slash = memchr(target + scheme_len, '/', len - scheme_len);

		if (!slash)
			return false;
		len -= (size_t)(slash - target);
		target = slash;
	}
	query = memchr(target, '?', len);
	request->path = target;
	request->path_len = query ? (size_t)(query - target) : len;
	return target[0] == '/';
}

/* RFC 9112, 3: method SP request-target SP HTTP-version */
static enum http_status parse_request_line(const char *line, size_t len,
	struct http_request *request)
{
	const char *target = memchr(line, ' ', len), *version;
	size_t left = target ? len - (size_t)(target - line) - 1 : 0;

	version = target ? memchr(target + 1, ' ', left) : NULL;
	if (!version)
		return HTTP_BAD_REQUEST;
	left -= (size_t)(version - target);
	if (left != sizeof("HTTP/1.1") - 1 || memcmp(version + 1, "HTTP/", 5) ||
		!is_visible(line, (size_t)(target - line)) ||
		!is_visible(target + 1, (size_t)(version - target) - 1))
		return HTTP_BAD_REQUEST;
	if (memcmp(version + 6, "1.", 2))
		return HTTP_VERSION_NOT_SUPPORTED;
	if (target - line != 3 || memcmp(line, "GET", 3))
		return HTTP_METHOD_NOT_ALLOWED;
	return take_path(target + 1, (size_t)(version - target) - 1, request) ? HTTP_OK
									      : HTTP_BAD_REQUEST;
}

enum http_status http_request_parse(const char *text, size_t len, struct http_request *ret_request)
{
	const char *line, *first = NULL;
	size_t line_len, first_len = 0, next, at = 0;

	*ret_request = (struct http_request){0};
	while ((line = take_line(text + at, len - at, &line_len, &next))) {
		at += next;
		if (!first && line_len) { /* RFC 9112, 2.2: empty lines may come before it */
			first = line;
			first_len = line_len;
			ret_request->fields = text + at;
		} else if (first && !line_len) {
			ret_request->fields_len = (size_t)(text + at - ret_request->fields);
			return parse_request_line(first, first_len, ret_request);
		}
	}
	return HTTP_INCOMPLETE;
}

static bool is_named(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && line[n] == ':' && !strncasecmp(line, name, n);
}

static bool contains(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (; len >= n; text++, len--) {
		if (!strncasecmp(text, word, n))
			return true;
	}
	return false;
}

bool http_request_accepts(const struct http_request *request, const char *media_type)
{
	size_t at = 0, len, next;
	const char *line;

	while ((line = take_line(request->fields + at, request->fields_len - at, &len, &next))) {
		at += next;
		if (is_named(line, len, "accept") && contains(line, len, media_type))
			return true;
	}
	return false;
}

const char *http_reason(enum http_status status)
{
	switch (status) {
	case HTTP_OK:
		return "OK";
	case HTTP_NOT_FOUND:
		return "Not Found";
	case HTTP_METHOD_NOT_ALLOWED:
		return "Method Not Allowed";
	case HTTP_HEADERS_TOO_LARGE:
		return "Request Header Fields Too Large";
	case HTTP_VERSION_NOT_SUPPORTED:
		return "HTTP Version Not Supported";
	case HTTP_INCOMPLETE:
	case HTTP_BAD_REQUEST:
		break;
	}
	return "Bad Request";
}
