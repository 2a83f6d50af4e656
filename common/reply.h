/* SPDX-License-Identifier: ISC */
#ifndef COMMON_REPLY_H
#define COMMON_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"

/*
 * The framing of the control socket, both ends. A reply is a status line
 * ("OK [text]" or "ERROR code text"), body lines, and a line with a single
 * dot; a body line that begins with a dot gets one more (RFC 5321, 4.5.2).
 */

/* Appends body TEXT to OUT: any number of lines, dots stuffed, a newline added
 * when the last has none. "" adds nothing. */
void reply_append_body(struct buffer *out, const char *text, size_t len);

/* Appends the end of a reply. */
void reply_append_end(struct buffer *out);

enum reply_event {
	REPLY_MORE = 0, /* line consumed, nothing to show */
	REPLY_OK,	/* status line; text behind "OK " */
	REPLY_ERROR,	/* status line; code and text */
	REPLY_BODY,	/* a body line, unstuffed, without newline */
	REPLY_END,	/* the dot */
	REPLY_INVALID,	/* not a reply of ours */
};

/* State of reading one reply. Zero to begin; reusable after REPLY_END. */
struct reply_parser {
	bool in_body;
};

/*
 * Takes one line LINE (terminated, without newline, changed in place) and
 * tells what it is. *TEXT points into LINE; *CODE is set for REPLY_ERROR.
 */
enum reply_event reply_parse_line(struct reply_parser *parser, char *line,
    const char **code, const char **text);

#endif
