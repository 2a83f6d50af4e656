/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_MESSAGES_H
#define CLIENTS_PREFORKCAT_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

/*
 * Cuts a stream of bytes into messages: lines with their ends, pieces of one
 * size, or all as one. Input without any byte is one empty message. Pure.
 */

#define MESSAGE_MAX (1024 * 1024) /* more fits in no datagram anyway */

struct messages {
	struct buffer in;
	int64_t size; /* DATAGRAM_LINE, DATAGRAM_ALL, or bytes */
	bool crlf, after_cr;
	bool ended, any;
	size_t n_given;	    /* of the message that was given last */
	size_t n_looked_at; /* bytes without an end of a line */
};

void messages_init(struct messages *messages, int64_t size, bool crlf);
void messages_clear(struct messages *messages);

/* More input; its end. */
void messages_add(struct messages *messages, const char *data, size_t len);
void messages_end(struct messages *messages);

/* True when there is a whole message: *DATA holds until the next call. */
bool messages_next(struct messages *messages, const char **data, size_t *len);

/* True when there is one that never gets whole: longer than MESSAGE_MAX, or
 * than memory. */
bool messages_too_long(const struct messages *messages);

#endif
