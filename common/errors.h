/* SPDX-License-Identifier: ISC */
#ifndef COMMON_ERRORS_H
#define COMMON_ERRORS_H

#include <stdbool.h>
#include <stddef.h>

/* After so many only a last one is added, which says so: a megabyte of nonsense
 * shall not become a hundred of complaints. */
#define ERRORS_MAX 1000

/*
 * A list of messages, each "file:line: what, and what is allowed". Reading a
 * configuration adds to it and goes on, so that one pass tells everything.
 */
struct errors {
	char **messages;
	size_t n;
	size_t capacity;
	bool lost; /* a message was lost because memory ran out */
};

void errors_init(struct errors *errors);
void errors_clear(struct errors *errors); /* frees the messages */

/* Adds "FILE:LINE: message"; without ":LINE" when LINE is 0, without the
 * place altogether when FILE is NULL. */
void errors_add(struct errors *errors, const char *file, int line,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* True when no more are taken: whoever looks for them may stop. */
bool errors_full(const struct errors *errors);

/* True when nothing was added, and nothing lost. */
bool errors_none(const struct errors *errors);

#endif
