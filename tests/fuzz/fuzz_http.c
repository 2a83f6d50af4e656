/* SPDX-License-Identifier: ISC */
/*
 * Whatever a server says is a response or not, and it is the same one in
 * whatever pieces it comes: read at once, and as the first byte says.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clients/preforkcat_http_response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	enum http_event event;
	int status;
	size_t n_header, n_body;
	uint64_t sum; /* of the bytes of the body, in their order */
};

static void
add(struct result *result, enum http_event event, struct http_bytes out)
{
	if (event == HTTP_HEADER)
		result->n_header += out.len;
	if (event != HTTP_BODY)
		return;
	result->n_body += out.len;
	for (size_t i = 0; i < out.len; i++)
		result->sum = result->sum * 31 + (uint8_t)out.data[i];
}

/* A piece is copied, so that a look beyond its end is seen. */
static enum http_event
read_piece(struct http_response *response, struct result *result,
    const uint8_t *data, size_t n)
{
	char *copy = malloc(n);
	struct http_bytes in = { copy, n }, out;
	enum http_event event;

	if (copy == NULL)
		abort();
	memcpy(copy, data, n);
	do {
		event = http_response_next(response, &in, &out);
		if (event == HTTP_HEADER || event == HTTP_BODY) {
			if (out.len == 0)
				abort();
			add(result, event, out);
		}
	} while (event == HTTP_HEADER || event == HTTP_BODY);
	if (event == HTTP_MORE && in.len != 0)
		abort();
	free(copy);
	return event;
}

static struct result
read_all(const uint8_t *data, size_t size, size_t step)
{
	static struct http_response response;
	struct result result = { .event = HTTP_MORE };

	memset(&response, 0, sizeof(response));
	while (size > 0 && result.event == HTTP_MORE) {
		size_t n = size < step ? size : step;

		result.event = read_piece(&response, &result, data, n);
		data += n;
		size -= n;
	}
	if (result.event == HTTP_MORE)
		result.event = http_response_finish(&response);
	if (result.event == HTTP_BROKEN && response.why == NULL)
		abort();
	result.status = response.status;
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t step = data[0] + 1U;
	struct result whole = read_all(data + 1, size - 1, size);
	struct result parts = read_all(data + 1, size - 1, step);

	if (whole.event != parts.event || whole.status != parts.status ||
	    whole.n_header != parts.n_header || whole.n_body != parts.n_body ||
	    whole.sum != parts.sum)
		abort();
	return 0;
}
