/* SPDX-License-Identifier: ISC */
/* Responses of HTTP servers, whole and in pieces, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/preforkcat_http_response.h"

#define OK "HTTP/1.1 200 OK\r\n"

static struct http_response response;
static char header[4096], body[4096];
static enum http_event last;

static void
add(char *to, struct http_bytes part)
{
	size_t len = strlen(to);

	assert_true(len + part.len < sizeof(body));
	memcpy(to + len, part.data, part.len);
	to[len + part.len] = '\0';
}

/* Reads TEXT, STEP bytes at a time; the connection ends behind it when CLOSES.
 * What was in it is in header and body, the end in last. */
static void
read_all(const char *text, size_t step, bool closes)
{
	const char *end = text + strlen(text);
	struct http_bytes out;

	memset(&response, 0, sizeof(response));
	header[0] = body[0] = '\0';
	last = HTTP_MORE;
	while (last == HTTP_MORE && text < end) {
		size_t n =
		    (size_t)(end - text) < step ? (size_t)(end - text) : step;
		struct http_bytes in = { text, n };
		do {
			last = http_response_next(&response, &in, &out);
			if (last == HTTP_HEADER)
				add(header, out);
			else if (last == HTTP_BODY)
				add(body, out);
		} while (last == HTTP_HEADER || last == HTTP_BODY);
		text += n;
	}
	if (last == HTTP_MORE && closes)
		last = http_response_finish(&response);
}

static void
assert_response(const char *text, int status, const char *expected)
{
	for (size_t step = 1; step <= strlen(text); step++) {
		read_all(text, step, true);
		if (last != HTTP_END)
			fail_msg("%s: %s", text, response.why);
		assert_int_equal(response.status, status);
		assert_string_equal(body, expected);
	}
}

static void
assert_broken(const char *text, const char *why)
{
	for (size_t step = 1; step <= strlen(text); step++) {
		read_all(text, step, true);
		if (last != HTTP_BROKEN)
			fail_msg("%s is taken", text);
		assert_string_equal(response.why, why);
	}
}

static void
bodies_of_a_length(void **state)
{
	(void)state;
	assert_response(OK "Content-Length: 5\r\n\r\nhello", 200, "hello");
	assert_response(
	    OK "Content-Length: 5\r\n\r\nhello, more", 200, "hello");
	assert_response(OK "content-length:5 \r\n\r\nhello", 200, "hello");
	assert_response(OK "Content-Length: 5, 5\r\nContent-Length: 5\r\n\r\n"
			   "hello",
	    200, "hello");
	assert_response(OK "Content-Length: 0\r\n\r\n", 200, "");
	assert_response(
	    OK "X: y\r\n z\r\nContent-Length: 1\r\n\r\na", 200, "a");
	/* Bare newlines do, too. */
	assert_response("HTTP/1.0 200\nContent-Length: 2\n\nhi", 200, "hi");
	/* Complete without the end of the connection. */
	read_all(OK "Content-Length: 5\r\n\r\nhello", 100, false);
	assert_int_equal(last, HTTP_END);
	read_all(OK "Content-Length: 0\r\n\r\n", 100, false);
	assert_int_equal(last, HTTP_END);
}

static void
bodies_until_the_end(void **state)
{
	(void)state;
	assert_response(OK "\r\nhello", 200, "hello");
	assert_response(OK "\r\n", 200, "");
	read_all(OK "\r\nhello", 100, false);
	assert_int_equal(last, HTTP_MORE);
}

static void
bodies_in_chunks(void **state)
{
	(void)state;
	assert_response(OK "Transfer-Encoding: chunked\r\n\r\n"
			   "5\r\nhello\r\n1;a=b\r\n,\r\n00a \r\n world\r\n\r\n"
			   "\r\n0\r\n\r\n",
	    200, "hello, world\r\n\r\n");
	assert_response(OK "transfer-encoding:\tCHUNKED\t\r\n\r\n"
			   "1\r\na\r\n0\r\nTrailer: x\r\nY: z\r\n\r\n",
	    200, "a");
	/* Chunks are the truth when there is a length, too. */
	assert_response(OK "Content-Length: 99\r\nTransfer-Encoding: chunked"
			   "\r\n\r\n1\r\na\r\n0\r\n\r\n",
	    200, "a");
	assert_response(
	    OK "Transfer-Encoding: chunked\n\n1\na\n0\n\n", 200, "a");
	read_all(OK "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 100, false);
	assert_int_equal(last, HTTP_END);
}

static void
responses_without_a_body(void **state)
{
	(void)state;
	assert_response(
	    "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, "");
	assert_response("HTTP/1.1 304 Not Modified\r\n"
			"Transfer-Encoding: chunked\r\n\r\n",
	    304, "");
	read_all("HTTP/1.1 204 No Content\r\n\r\n", 100, false);
	assert_int_equal(last, HTTP_END);
}

static void
notices_before_the_response(void **state)
{
	(void)state;
	assert_response("HTTP/1.1 100 Continue\r\n\r\n"
			"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n"
			"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
	    404, "no");
	assert_string_equal(header,
	    "HTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n"
	    "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n");
	assert_broken(
	    "HTTP/1.1 101 Switching\r\n\r\n", "it changes the protocol");
}

static void
wrong_headers(void **state)
{
	static const char no_http[] = "it is not HTTP/1";

	(void)state;
	assert_broken("hello\n", no_http);
	assert_broken("\r\n" OK, no_http);
	assert_broken("HTTP/2 200\r\n", no_http);
	assert_broken("HTTP/1.1 99 x\r\n", no_http);
	assert_broken("HTTP/1.1 600 x\r\n", no_http);
	assert_broken("HTTP/1.1 2000\r\n", no_http);
	assert_broken("HTTP/1.1  200 OK\r\n", no_http);
	assert_broken("HTTP/1.x 200 OK\r\n", no_http);
	assert_broken("HTTP/1.1 200", "it ends in the middle");
	assert_broken(OK "X: y\r\n", "it ends in the middle");
	assert_broken(
	    OK "nonsense\r\n\r\n", "a line of its header is no field");
	assert_broken(OK ": x\r\n\r\n", "a line of its header is no field");
}

static void
wrong_lengths(void **state)
{
	static const char *const wrong[] = { "", "-1", "+1", "1x", "x", "1 2",
		"1, 2", "1,", "0x10", "9223372036854775808",
		"99999999999999999999" };
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text),
		    OK "Content-Length: %s\r\n\r\nhello", wrong[i]);
		assert_broken(text, "its length is not one number");
	}
	assert_broken(OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
	    "its length is not one number");
	assert_broken(OK "Content-Length: 1\r\n 2\r\n\r\nab",
	    "its length goes on in a second line");
	assert_broken(
	    OK "Content-Length: 6\r\n\r\nhello", "it ends in the middle");
}

static void
wrong_chunks(void **state)
{
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
	static const char wrong_size[] = "the size of a chunk is wrong";

	(void)state;
	assert_broken(CHUNKED "x\r\n", wrong_size);
	assert_broken(CHUNKED "\r\n", wrong_size);
	assert_broken(CHUNKED "-1\r\n", wrong_size);
	assert_broken(CHUNKED "0x1\r\na\r\n", wrong_size);
	assert_broken(CHUNKED "1 1\r\na\r\n", wrong_size);
	assert_broken(CHUNKED "8000000000000000\r\n", wrong_size);
	assert_broken(CHUNKED "ffffffffffffffffffff\r\n", wrong_size);
	assert_broken(CHUNKED "1\r\nab\r\n", "a chunk is too long");
	assert_broken(CHUNKED "2\r\na", "it ends in the middle");
	assert_broken(CHUNKED "1\r\na\r\n", "it ends in the middle");
	assert_broken(CHUNKED "0\r\n", "it ends in the middle");
	assert_broken(OK "Transfer-Encoding: gzip, chunked\r\n\r\n",
	    "its encoding is not chunked");
	assert_broken(OK "Transfer-Encoding: chunked\r\n"
			 "Transfer-Encoding: chunked\r\n\r\n",
	    "its encoding is not chunked");
}

static void
no_end_of_a_header(void **state)
{
	static char text[HTTP_HEADER_MAX + 2 * HTTP_LINE_MAX];
	size_t len = strlen(OK);

	(void)state;
	memset(text, 'x', HTTP_LINE_MAX + 1);
	read_all(text, 1000, true);
	assert_int_equal(last, HTTP_BROKEN);
	assert_string_equal(response.why, "a line of its header is too long");
	/* Of lines that are not shown, too many. */
	strcpy(text, OK "Transfer-Encoding: chunked\r\n\r\n0\r\n");
	for (len = strlen(text); len < HTTP_HEADER_MAX + 100; len += 3)
		memcpy(text + len, "a:\n", 4);
	read_all(text, 1000, true);
	assert_int_equal(last, HTTP_BROKEN);
	assert_string_equal(response.why, "its header is too long");
}

static void
zero_bytes(void **state)
{
	static const char data[] = OK "X: \0y\r\n\r\n";
	struct http_bytes in = { data, sizeof(data) - 1 }, out;

	(void)state;
	memset(&response, 0, sizeof(response));
	assert_int_equal(http_response_next(&response, &in, &out), HTTP_HEADER);
	assert_int_equal(http_response_next(&response, &in, &out), HTTP_BROKEN);
	assert_int_equal(http_response_next(&response, &in, &out), HTTP_BROKEN);
	assert_int_equal(http_response_finish(&response), HTTP_BROKEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_of_a_length),
		cmocka_unit_test(bodies_until_the_end),
		cmocka_unit_test(bodies_in_chunks),
		cmocka_unit_test(responses_without_a_body),
		cmocka_unit_test(notices_before_the_response),
		cmocka_unit_test(wrong_headers),
		cmocka_unit_test(wrong_lengths),
		cmocka_unit_test(wrong_chunks),
		cmocka_unit_test(no_end_of_a_header),
		cmocka_unit_test(zero_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
