/* SPDX-License-Identifier: ISC */
/*
 * The framing of replies on the control socket: the supervisor writes them,
 * preforkctl reads them. Pure functions on bytes; knows no command and no
 * descriptor.
 */
#include <string.h>

#include "common/reply.h"

void
reply_append_body(struct buffer *out, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *next = newline == NULL ? end : newline + 1;

		if (*text == '.')
			buffer_append(out, ".", 1);
		buffer_append(out, text, (size_t)(next - text));
		if (newline == NULL)
			buffer_append(out, "\n", 1);
		text = next;
	}
}

void
reply_append_end(struct buffer *out)
{
	buffer_text(out, ".\n");
}

/* Ends the word at LINE and returns what follows its one blank. */
static char *
split_word(char *line)
{
	char *blank = strchr(line, ' ');

	if (blank == NULL)
		return line + strlen(line);
	*blank = '\0';
	return blank + 1;
}

static enum reply_event
parse_status(struct reply_parser *parser, char *line, const char **code,
    const char **text)
{
	char *rest = split_word(line);

	if (strcmp(line, "OK") == 0) {
		*text = rest;
		parser->in_body = true;
		return REPLY_OK;
	}
	if (strcmp(line, "ERROR") == 0 && *rest != '\0' && *rest != ' ') {
		*code = rest;
		*text = split_word(rest);
		parser->in_body = true;
		return REPLY_ERROR;
	}
	return REPLY_INVALID;
}

static enum reply_event
parse_body(struct reply_parser *parser, char *line, const char **text)
{
	if (strcmp(line, ".") == 0) {
		parser->in_body = false;
		*text = "";
		return REPLY_END;
	}
	*text = *line == '.' ? line + 1 : line;
	return REPLY_BODY;
}

enum reply_event
reply_parse_line(struct reply_parser *parser, char *line, const char **code,
    const char **text)
{
	*text = line;
	if (parser->in_body)
		return parse_body(parser, line, text);
	return parse_status(parser, line, code, text);
}
