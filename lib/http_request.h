/**
 * http_request: the head of an HTTP/1 request, as much of it as a server of one text needs.
 *
 * Not a web server: it knows GET, a path, and which media types are accepted. Nothing is copied; a
 * request points into the bytes that it was read from. Pure; any thread.
 * Source: RFC 9112 "HTTP/1.1", 2.1, 2.2, 3 and 5; RFC 9110 "HTTP Semantics", 12.5.1.
 */
#ifndef WEFT_LIB_HTTP_REQUEST_H
#define WEFT_LIB_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

/* Statuses, RFC 9110, 15. */
enum http_status {
	HTTP_INCOMPLETE = 0, /* none yet: more bytes are wanted */
	HTTP_OK = 200,
	HTTP_BAD_REQUEST = 400,
	HTTP_NOT_FOUND = 404,
	HTTP_METHOD_NOT_ALLOWED = 405,
	HTTP_HEADERS_TOO_LARGE = 431,
	HTTP_VERSION_NOT_SUPPORTED = 505,
};

struct http_request {
	const char *path; /* path[path_len], without host and query */
	size_t path_len;
	const char *fields; /* fields[fields_len]: the header lines */
	size_t fields_len;
};

/**
 * Read the head of a request in text[len], which need not be terminated.
 * returns  HTTP_OK with *ret_request filled, HTTP_INCOMPLETE, or how to refuse it
 */
enum http_status http_request_parse(const char *text, size_t len, struct http_request *ret_request);
/** Does an Accept line of the request name that media type ("text/plain")? */
bool http_request_accepts(const struct http_request *request, const char *media_type);
/** "Not Found" */
const char *http_reason(enum http_status status);

#endif
