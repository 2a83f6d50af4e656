/* SPDX-License-Identifier: ISC */
/*
 * Bytes on their way: replies of the control socket, what a peer did not take
 * yet. Pure memory, used by every process; knows nothing of descriptors.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"

#define BUFFER_FIRST 512 /* bytes; most replies fit */

void
buffer_init(struct buffer *buffer, size_t limit)
{
	*buffer = (struct buffer){ .limit = limit };
}

void
buffer_clear(struct buffer *buffer)
{
	free(buffer->data);
	buffer_init(buffer, buffer->limit);
}

/* Moves what is there to the front when that is cheap or needed. */
static void
compact(struct buffer *buffer)
{
	if (buffer->start == 0)
		return;
	memmove(buffer->data, buffer->data + buffer->start,
	    buffer->end - buffer->start);
	buffer->end -= buffer->start;
	buffer->start = 0;
}

static bool
reserve(struct buffer *buffer, size_t len)
{
	size_t used = buffer->end - buffer->start;

	if (buffer->failed || len > buffer->limit - used)
		return false;
	if (buffer->capacity - buffer->end >= len && buffer->capacity != 0)
		return true;
	if (buffer->capacity - used >= len && buffer->start >= used) {
		compact(buffer);
		return true;
	}
	size_t capacity =
	    buffer->capacity == 0 ? BUFFER_FIRST : buffer->capacity;
	while (capacity - used < len)
		capacity *= 2;
	compact(buffer);
	char *grown = realloc(buffer->data, capacity);
	if (grown == NULL)
		return false;
	buffer->data = grown;
	buffer->capacity = capacity;
	return true;
}

void
buffer_append(struct buffer *buffer, const void *data, size_t len)
{
	if (len == 0)
		return;
	if (!reserve(buffer, len)) {
		buffer->failed = true;
		return;
	}
	memcpy(buffer->data + buffer->end, data, len);
	buffer->end += len;
}

void
buffer_text(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void
buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list ap;
	char *text = NULL;

	va_start(ap, format);
	int len = vasprintf(&text, format, ap);
	va_end(ap);
	if (len == -1) {
		buffer->failed = true;
		return;
	}
	buffer_append(buffer, text, (size_t)len);
	free(text);
}

const char *
buffer_data(const struct buffer *buffer)
{
	return buffer->data + buffer->start;
}

size_t
buffer_length(const struct buffer *buffer)
{
	return buffer->end - buffer->start;
}

void
buffer_consume(struct buffer *buffer, size_t len)
{
	buffer->start += len;
	if (buffer->start < buffer->end)
		return;
	bool failed = buffer->failed;
	buffer_clear(buffer);
	buffer->failed = failed;
}
