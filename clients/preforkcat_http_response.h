/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_HTTP_RESPONSE_H
#define CLIENTS_PREFORKCAT_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads the response to one GET (RFC 9112), as it comes in, byte by byte if
 * need be. Pure; copies no body, keeps one line of the header at most.
 */

#define HTTP_LINE_MAX	8192	     /* bytes of a line */
#define HTTP_HEADER_MAX (256 * 1024) /* bytes of all lines together */

enum http_event {
	HTTP_MORE = 0, /* all input is taken: bring more */
	HTTP_HEADER,   /* a line of the header, with its end */
	HTTP_BODY,     /* a part of the body */
	HTTP_END,      /* the response is complete */
	HTTP_BROKEN,   /* it is none: see why */
};

enum http_state {
	HTTP_IN_STATUS = 0,
	HTTP_IN_FIELDS,
	HTTP_IN_LENGTH, /* a body of so many bytes */
	HTTP_IN_REST,	/* one that ends with the connection */
	HTTP_IN_CHUNK_SIZE,
	HTTP_IN_CHUNK,
	HTTP_IN_CHUNK_END, /* the line end behind a chunk */
	HTTP_IN_TRAILER,
	HTTP_AT_END,
	HTTP_AT_FAULT,
};

/* Begins as { 0 }. Of the caller's interest: status (0 until it is known; the
 * final one, not 1xx) and why. */
struct http_response {
	enum http_state state;
	int status;
	const char *why; /* a static phrase */
	bool chunked, has_length, last_field_frames;
	uint64_t length; /* of the body, or chunk, that is left */
	size_t n_header; /* bytes of the header and trailers so far */
	size_t n_line;
	char line[HTTP_LINE_MAX]; /* as it came */
	char text[HTTP_LINE_MAX]; /* without its end, terminated */
};

struct http_bytes {
	const char *data;
	size_t len;
};

/*
 * Takes some of *IN, moves it on, and tells what was there. *OUT is what a line
 * or a part of the body consists of; it points into IN or RESPONSE and holds
 * until the next call. Call again until it is HTTP_MORE, HTTP_END or
 * HTTP_BROKEN; the last two stay.
 */
enum http_event http_response_next(struct http_response *response,
    struct http_bytes *in, struct http_bytes *out);

/* The connection has ended: HTTP_END when that is right, or HTTP_BROKEN. */
enum http_event http_response_finish(struct http_response *response);

#endif
