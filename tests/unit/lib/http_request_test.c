#include "http_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define END "\r\n\r\n"

static const struct {
	const char *text;
	enum http_status status;
	const char *path;
} cases[] = {
	{"GET /metrics HTTP/1.1\r\nHost: a" END, HTTP_OK, "/metrics"},
	{"GET /metrics HTTP/1.0" END, HTTP_OK, "/metrics"},
	{"GET /metrics HTTP/1.1\nHost: a\n\n", HTTP_OK, "/metrics"},
	{"\r\n\r\nGET / HTTP/1.1" END, HTTP_OK, "/"},
	{"GET /metrics?a=b&c HTTP/1.1" END, HTTP_OK, "/metrics"},
	{"GET http://[::1]:9/metrics?a HTTP/1.1" END, HTTP_OK, "/metrics"},
	{"GET HTTP://host/ HTTP/1.1" END, HTTP_OK, "/"},
	{"GET http://host HTTP/1.1" END, HTTP_BAD_REQUEST, NULL},
	{"GET ftp://host/metrics HTTP/1.1" END, HTTP_BAD_REQUEST, NULL},
	{"GET * HTTP/1.1" END, HTTP_BAD_REQUEST, NULL},
	{"GET /metrics" END, HTTP_BAD_REQUEST, NULL},
	{"GET  HTTP/1.1" END, HTTP_BAD_REQUEST, NULL},
	{" /metrics HTTP/1.1" END, HTTP_BAD_REQUEST, NULL},
	{"GET /a b HTTP/1.1" END, HTTP_BAD_REQUEST, NULL},
	{"GET /a\tb HTTP/1.1" END, HTTP_BAD_REQUEST, NULL},
	{"GET /metrics HTTP/1.11" END, HTTP_BAD_REQUEST, NULL},
	{"GET /metrics http/1.1" END, HTTP_BAD_REQUEST, NULL},
	{"GET /metrics SMTP/1.1" END, HTTP_BAD_REQUEST, NULL},
	{"PRI * HTTP/2.0" END, HTTP_VERSION_NOT_SUPPORTED, NULL},
	{"get /metrics HTTP/1.1" END, HTTP_METHOD_NOT_ALLOWED, NULL},
	{"POST /metrics HTTP/1.1\r\nContent-Length: 1" END "x", HTTP_METHOD_NOT_ALLOWED, NULL},
	{"HEAD /metrics HTTP/1.1" END, HTTP_METHOD_NOT_ALLOWED, NULL},
	{"\x16\x03\x01\x02" END, HTTP_BAD_REQUEST, NULL},
	{"GET /metrics HTTP/1.1\r\nHost: a\r\n", HTTP_INCOMPLETE, NULL},
	{"\r\n\r\n\r\n", HTTP_INCOMPLETE, NULL},
	{"", HTTP_INCOMPLETE, NULL},
};

static void requests_are_told_apart(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_request request;
		enum http_status status =
			http_request_parse(cases[i].text, strlen(cases[i].text), &request);

		if (status != cases[i].status)
			fail_msg("'%s': %d", cases[i].text, status);
		if (status != HTTP_OK)
			continue;
		if (request.path_len != strlen(cases[i].path) ||
			memcmp(request.path, cases[i].path, request.path_len))
			fail_msg("'%s': path is '%.*s'", cases[i].text, (int)request.path_len,
				request.path);
	}
}

/* However much of it has come, the part of a good request is no bad one. */
static void a_request_in_pieces_is_incomplete_until_its_end(void **state)
{
	const char *text = cases[0].text;
	struct http_request request;

	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(http_request_parse(text, len, &request), HTTP_INCOMPLETE);
	assert_int_equal(http_request_parse(text, strlen(text), &request), HTTP_OK);
}

static bool accepts(const char *fields)
{
	struct http_request request;
	char text[256];

	(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", fields);
	assert_int_equal(http_request_parse(text, strlen(text), &request), HTTP_OK);
	return http_request_accepts(&request, "application/openmetrics-text");
}

static void a_media_type_is_accepted_where_a_line_names_it(void **state)
{
	assert_true(accepts("Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n"));
	assert_true(accepts("Host: a\r\nACCEPT:text/plain, Application/OpenMetrics-Text\r\n"));
	assert_true(accepts("accept: */*\r\naccept: application/openmetrics-text\r\n"));
	assert_false(accepts(""));
	assert_false(accepts("Accept: */*\r\n"));
	assert_false(accepts("Accept: text/plain\r\n"));
	assert_false(accepts("X-Accept: application/openmetrics-text\r\n"));
	assert_false(accepts("Accept-Language: application/openmetrics-text\r\n"));
	assert_false(accepts("Accept : application/openmetrics-text\r\n"));
	assert_false(accepts("Accept: application/openmetrics-tex\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_told_apart),
		cmocka_unit_test(a_request_in_pieces_is_incomplete_until_its_end),
		cmocka_unit_test(a_media_type_is_accepted_where_a_line_names_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
