/* SPDX-License-Identifier: ISC */
/* What of the input makes a datagram. */
#include <string.h>

#include "clients/preforkcat_crlf.h"
#include "clients/preforkcat_messages.h"
#include "clients/preforkcat_options.h"

/* A part of the input at a time, with its line ends changed. */
#define PART 4096

void
messages_init(struct messages *messages, int64_t size, bool crlf)
{
	*messages = (struct messages){ .size = size, .crlf = crlf };
	/* What was read behind a message stays until it has been used. */
	buffer_init(&messages->in, 4 * MESSAGE_MAX);
}

void
messages_clear(struct messages *messages)
{
	buffer_clear(&messages->in);
}

void
messages_add(struct messages *messages, const char *data, size_t len)
{
	char changed[2 * PART];

	if (!messages->crlf) {
		buffer_append(&messages->in, data, len);
		return;
	}
	while (len > 0) {
		size_t n = len < PART ? len : PART;

		buffer_append(&messages->in, changed,
		    crlf_copy(changed, data, n, &messages->after_cr));
		data += n;
		len -= n;
	}
}

void
messages_end(struct messages *messages)
{
	messages->ended = true;
}

/* Bytes of the line that is whole, or 0. */
static size_t
whole_line(struct messages *messages)
{
	const char *data = buffer_data(&messages->in);
	size_t len = buffer_length(&messages->in);
	size_t from = messages->n_looked_at;
	const char *end =
	    from == len ? NULL : memchr(data + from, '\n', len - from);

	messages->n_looked_at = end == NULL ? len : 0;
	return end == NULL ? 0 : (size_t)(end - data) + 1;
}

static size_t
whole_message(struct messages *messages)
{
	size_t len = buffer_length(&messages->in);

	if (messages->size == DATAGRAM_LINE)
		return whole_line(messages);
	if (messages->size == DATAGRAM_ALL)
		return 0;
	return len < (size_t)messages->size ? 0 : (size_t)messages->size;
}

bool
messages_next(struct messages *messages, const char **data, size_t *len)
{
	if (messages->n_given > 0)
		buffer_consume(&messages->in, messages->n_given);
	messages->n_given = whole_message(messages);
	if (messages->n_given == 0 && messages->ended) {
		messages->n_given = buffer_length(&messages->in);
		messages->n_looked_at = 0;
		if (messages->n_given == 0 && messages->any)
			return false;
	} else if (messages->n_given == 0)
		return false;
	messages->any = true;
	*data = messages->n_given == 0 ? "" : buffer_data(&messages->in);
	*len = messages->n_given;
	return true;
}

bool
messages_too_long(const struct messages *messages)
{
	return messages->in.failed ||
	    (messages->n_given == 0 &&
		buffer_length(&messages->in) > MESSAGE_MAX);
}
