/* SPDX-License-Identifier: ISC */
/*
 * The response parser: a state for each thing that may come next, lines are
 * collected, bodies passed through. What frames the body is read strictly, for
 * a wrong length would be a wrong body; all else is passed over.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "clients/preforkcat_http_response.h"

static enum http_event
broken(struct http_response *response, const char *why)
{
	response->state = HTTP_AT_FAULT;
	response->why = why;
	return HTTP_BROKEN;
}

/* --- lines --------------------------------------------------------------- */

/* Fills response->text from the line that is whole. */
static enum http_event
finish_line(struct http_response *response)
{
	size_t n = response->n_line - 1; /* without the newline */

	response->n_line = 0;
	if (n > 0 && response->line[n - 1] == '\r')
		n--;
	memcpy(response->text, response->line, n);
	response->text[n] = '\0';
	if (strlen(response->text) != n)
		return broken(response, "there is a NUL in its header");
	return HTTP_HEADER;
}

/* Collects a line: HTTP_HEADER when it is whole, it is in response->text then,
 * and as it came in *OUT. */
static enum http_event
take_line(struct http_response *response, struct http_bytes *in,
    struct http_bytes *out)
{
	const char *end = in->len == 0 ? NULL : memchr(in->data, '\n', in->len);
	size_t n = end == NULL ? in->len : (size_t)(end - in->data) + 1;

	if (n == 0)
		return HTTP_MORE;
	if (n > sizeof(response->line) - response->n_line)
		return broken(response, "a line of its header is too long");
	memcpy(response->line + response->n_line, in->data, n);
	response->n_line += n;
	response->n_header += n;
	in->data += n;
	in->len -= n;
	if (response->n_header > HTTP_HEADER_MAX)
		return broken(response, "its header is too long");
	if (end == NULL)
		return HTTP_MORE;
	*out = (struct http_bytes){ response->line, response->n_line };
	return finish_line(response);
}

/* --- what lines say ------------------------------------------------------ */

/* "HTTP/1.1 200 OK" */
static bool
parse_status(struct http_response *response, const char *line)
{
	if (strncmp(line, "HTTP/1.", 7) != 0 ||
	    !isdigit((unsigned char)line[7]) || line[8] != ' ')
		return false;
	line += 9;
	if (line[0] < '1' || line[0] > '5' ||
	    !isdigit((unsigned char)line[1]) ||
	    !isdigit((unsigned char)line[2]) ||
	    (line[3] != ' ' && line[3] != '\0'))
		return false;
	response->status =
	    (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	return true;
}

/* Digits of BASE at the beginning of TEXT, at least one, not more than 63 bits;
 * *REST is behind them. */
static bool
parse_digits(
    const char *text, unsigned base, uint64_t *value, const char **rest)
{
	uint64_t n = 0;
	const char *at = text;

	for (; isxdigit((unsigned char)*at); at++) {
		unsigned digit = isdigit((unsigned char)*at)
		    ? (unsigned)(*at - '0')
		    : (unsigned)(tolower((unsigned char)*at) - 'a' + 10);
		if (digit >= base)
			break;
		if (n > ((uint64_t)INT64_MAX - digit) / base)
			return false;
		n = n * base + digit;
	}
	*value = n;
	*rest = at;
	return at > text;
}

static const char *
skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* "5", or the same several times: "5, 5" (RFC 9110, section 8.6). */
static bool
parse_length(struct http_response *response, const char *value)
{
	uint64_t length;

	for (;;) {
		if (!parse_digits(value, 10, &length, &value) ||
		    (response->has_length && response->length != length))
			return false;
		response->length = length;
		response->has_length = true;
		value = skip_blanks(value);
		if (*value == '\0')
			return true;
		if (*value != ',')
			return false;
		value = skip_blanks(value + 1);
	}
}

/* Only "chunked", once: nothing else was offered. */
static bool
parse_encoding(struct http_response *response, const char *value)
{
	if (response->chunked || strncasecmp(value, "chunked", 7) != 0 ||
	    *skip_blanks(value + 7) != '\0')
		return false;
	response->chunked = true;
	return true;
}

/* Returns NULL, or why the field is wrong. */
static const char *
parse_field(struct http_response *response, const char *line)
{
	size_t len = strcspn(line, ":");
	const char *value = line + len;

	if (*line == ' ' || *line == '\t')
		return response->last_field_frames
		    ? "its length goes on in a second line"
		    : NULL; /* the field before goes on */
	response->last_field_frames = false;
	if (*value != ':' || len == 0)
		return "a line of its header is no field";
	value = skip_blanks(value + 1);
	while (len > 0 && strchr(" \t", line[len - 1]) != NULL)
		len--;
	if (len == 14 && strncasecmp(line, "Content-Length", len) == 0) {
		response->last_field_frames = true;
		if (!parse_length(response, value))
			return "its length is not one number";
	}
	if (len == 17 && strncasecmp(line, "Transfer-Encoding", len) == 0) {
		response->last_field_frames = true;
		if (!parse_encoding(response, value))
			return "its encoding is not chunked";
	}
	return NULL;
}

/* The header is complete: what comes next? */
static void
begin_body(struct http_response *response)
{
	if (response->status < 200) {
		/* A notice before the response itself. */
		response->status = 0;
		response->has_length = response->chunked = false;
		response->state = HTTP_IN_STATUS;
	} else if (response->status == 204 || response->status == 304)
		response->state = HTTP_AT_END;
	else if (response->chunked)
		response->state = HTTP_IN_CHUNK_SIZE;
	else if (!response->has_length)
		response->state = HTTP_IN_REST;
	else
		response->state =
		    response->length == 0 ? HTTP_AT_END : HTTP_IN_LENGTH;
}

/* "1a2b" or "1a2b;extension" */
static bool
parse_chunk_size(struct http_response *response, const char *line)
{
	const char *rest;

	if (!parse_digits(line, 16, &response->length, &rest))
		return false;
	rest = skip_blanks(rest);
	return *rest == '\0' || *rest == ';';
}

/* --- states -------------------------------------------------------------- */

/* Takes up the line in response->text. */
static enum http_event
header_line(struct http_response *response)
{
	const char *text = response->text, *why;

	if (response->state == HTTP_IN_STATUS) {
		if (!parse_status(response, text))
			return broken(response, "it is not HTTP/1");
		if (response->status == 101)
			return broken(response, "it changes the protocol");
		response->state = HTTP_IN_FIELDS;
		return HTTP_HEADER;
	}
	if (*text == '\0') {
		begin_body(response);
		return HTTP_HEADER;
	}
	why = parse_field(response, text);
	return why == NULL ? HTTP_HEADER : broken(response, why);
}

/* Lines between and behind chunks: they are not shown. */
static enum http_event
chunk_line(struct http_response *response)
{
	const char *text = response->text;

	/* A body may have any number of chunks; its trailers may not. */
	if (response->state != HTTP_IN_TRAILER)
		response->n_header = 0;
	switch (response->state) {
	case HTTP_IN_CHUNK_SIZE:
		if (!parse_chunk_size(response, text))
			return broken(response, "the size of a chunk is wrong");
		response->state =
		    response->length == 0 ? HTTP_IN_TRAILER : HTTP_IN_CHUNK;
		break;
	case HTTP_IN_CHUNK_END:
		if (*text != '\0')
			return broken(response, "a chunk is too long");
		response->state = HTTP_IN_CHUNK_SIZE;
		break;
	default: /* HTTP_IN_TRAILER */
		if (*text == '\0')
			response->state = HTTP_AT_END;
		break;
	}
	return HTTP_MORE;
}

static enum http_event
body(struct http_response *response, struct http_bytes *in,
    struct http_bytes *out)
{
	size_t n = in->len;

	if (n == 0)
		return HTTP_MORE;
	if (response->state != HTTP_IN_REST) {
		if (n > response->length)
			n = (size_t)response->length;
		response->length -= n;
		if (response->length == 0)
			response->state = response->state == HTTP_IN_CHUNK
			    ? HTTP_IN_CHUNK_END
			    : HTTP_AT_END;
	}
	*out = (struct http_bytes){ in->data, n };
	in->data += n;
	in->len -= n;
	return HTTP_BODY;
}

enum http_event
http_response_next(struct http_response *response, struct http_bytes *in,
    struct http_bytes *out)
{
	enum http_event event = HTTP_MORE;

	for (;;) {
		switch (response->state) {
		case HTTP_IN_LENGTH:
		case HTTP_IN_REST:
		case HTTP_IN_CHUNK:
			return body(response, in, out);
		case HTTP_AT_END:
			return HTTP_END;
		case HTTP_AT_FAULT:
			return HTTP_BROKEN;
		case HTTP_IN_STATUS:
		case HTTP_IN_FIELDS:
			event = take_line(response, in, out);
			return event == HTTP_HEADER ? header_line(response)
						    : event;
		default:
			event = take_line(response, in, out);
			if (event == HTTP_HEADER)
				event = chunk_line(response);
			else if (event == HTTP_MORE)
				return HTTP_MORE;
			if (event == HTTP_BROKEN)
				return HTTP_BROKEN;
		}
	}
}

enum http_event
http_response_finish(struct http_response *response)
{
	switch (response->state) {
	case HTTP_IN_REST:
		response->state = HTTP_AT_END;
		return HTTP_END;
	case HTTP_AT_END:
		return HTTP_END;
	case HTTP_AT_FAULT:
		return HTTP_BROKEN;
	default:
		return broken(response, "it ends in the middle");
	}
}
