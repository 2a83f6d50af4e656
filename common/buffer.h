/* SPDX-License-Identifier: ISC */
#ifndef COMMON_BUFFER_H
#define COMMON_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A growable run of bytes, appended at the end and consumed at the front.
 * Never more than its limit; an append that does not fit or finds no memory
 * sets `failed` and from then on nothing is appended, so that a writer may
 * check once at the end.
 */
struct buffer {
	char *data;   /* malloc'ed; NULL while empty */
	size_t start; /* first byte not yet consumed */
	size_t end;   /* behind the last */
	size_t capacity;
	size_t limit;
	bool failed;
};

void buffer_init(struct buffer *buffer, size_t limit);
void buffer_clear(struct buffer *buffer); /* frees; usable again */

void buffer_append(struct buffer *buffer, const void *data, size_t len);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What is there; the pointer holds until the next append or consume. */
const char *buffer_data(const struct buffer *buffer);
size_t buffer_length(const struct buffer *buffer);

/* Drops LEN bytes at the front; memory is given back when nothing is left. */
void buffer_consume(struct buffer *buffer, size_t len);

#endif
