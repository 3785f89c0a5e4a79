/*
 * The head of an HTTP request: what is understood of any bytes points into them, a longer beginning
 * of the same bytes never changes an answer that was given, and a path has no blank in it.
 */
#include "fuzz.h"

#include "http_request.h"

#include <stdlib.h>
#include <string.h>

static void require(bool holds)
{
	if (!holds)
		abort();
}

static enum http_status parse(const uint8_t *data, size_t size)
{
	/* Exactly that much, so that a sanitizer sees a look behind it. */
	char *text = malloc(size ? size : 1);
	struct http_request request;
	enum http_status status;

	require(text);
	if (size)
		memcpy(text, data, size);
	status = http_request_parse(text, size, &request);
	require(http_reason(status)[0]);
	if (status == HTTP_OK) {
		require(request.path_len > 0 && request.path[0] == '/');
		require(request.path > text && request.path + request.path_len < text + size);
		require(!memchr(request.path, ' ', request.path_len));
		require(request.fields > request.path &&
			request.fields + request.fields_len <= text + size);
		if (http_request_accepts(&request, "text/plain"))
			require(request.fields_len > sizeof("accept:text/plain"));
	}
	free(text);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum http_status status = HTTP_INCOMPLETE;

	if (size > 512) {
		(void)parse(data, size);
		return 0;
	}
	for (size_t len = 0; len <= size; len++) {
		enum http_status now = parse(data, len);

		require(!status || now == status);
		status = now;
	}
	return 0;
}
