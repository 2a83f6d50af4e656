/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_ANSWER_H
#define SUPERVISOR_ANSWER_H

#include <jansson.h>

#include <stdbool.h>

#include "common/buffer.h"
#include "common/commands.h"

/*
 * One answer of the control socket, before it goes out: its body, and the form
 * that was wished. Pure memory.
 */
struct answer {
	bool json;  /* wished */
	bool as_is; /* the body has the wished form already */
	struct buffer body;
};

/* ROOT becomes the body, in the form that was wished. Takes its reference. */
void answer_take(struct answer *answer, json_t *root);

/* Append the whole framed reply to OUT and empty the body. TEXT is one line,
 * or "". */
void answer_ok(struct answer *answer, const char *text, struct buffer *out);
void answer_error(struct answer *answer, enum control_error code,
    const char *text, struct buffer *out);

#endif
