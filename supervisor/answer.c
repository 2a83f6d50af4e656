/* SPDX-License-Identifier: ISC */
/*
 * Putting an answer together: status line, body as text or JSON, end. Framing
 * is common/reply.c's. Supervisor only; pure.
 */
#include <string.h>

#include "common/reply.h"
#include "supervisor/answer.h"
#include "supervisor/report.h"

static const char *const error_names[] = {
#define CODE(name, text) text,
	CONTROL_ERRORS(CODE)
#undef CODE
};

/* TEXT and the lines of the body as one object. */
static void
body_as_json(struct buffer *body, const char *text)
{
	json_t *root = json_object(), *lines = json_array();
	size_t left = buffer_length(body);
	const char *line = buffer_data(body);

	while (left > 0) {
		const char *end = memchr(line, '\n', left);
		size_t len = end == NULL ? left : (size_t)(end - line);
		lines = report_add(lines, report_string(line, len));
		len += end != NULL;
		line += len;
		left -= len;
	}
	if (text[0] != '\0')
		root = report_set(
		    root, "message", report_string(text, strlen(text)));
	if (lines == NULL || json_array_size(lines) > 0)
		root = report_set(root, "lines", lines);
	else
		json_decref(lines);
	buffer_clear(body);
	report_json(root, body);
	json_decref(root);
}

static void
append_rest(struct answer *answer, struct buffer *out)
{
	struct buffer *body = &answer->body;

	reply_append_body(out, buffer_data(body), buffer_length(body));
	reply_append_end(out);
	if (body->failed)
		out->failed = true;
	buffer_clear(body);
}

void
answer_take(struct answer *answer, json_t *root)
{
	if (answer->json)
		report_json(root, &answer->body);
	else
		report_text(root, &answer->body);
	json_decref(root);
	answer->as_is = true;
}

void
answer_ok(struct answer *answer, const char *text, struct buffer *out)
{
	if (answer->json && !answer->as_is)
		body_as_json(&answer->body, text);
	buffer_printf(out, "OK%s%s\n", text[0] == '\0' ? "" : " ", text);
	append_rest(answer, out);
}

void
answer_error(struct answer *answer, enum control_error code, const char *text,
    struct buffer *out)
{
	buffer_printf(out, "ERROR %s %s\n", error_names[code], text);
	append_rest(answer, out);
}
