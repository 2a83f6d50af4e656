/* SPDX-License-Identifier: ISC */
/*
 * The list of messages that a check collects. Owns its strings. Running out
 * of memory is remembered and makes the list "not empty", so that an error
 * can get shorter but never disappear.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/errors.h"

void
errors_init(struct errors *errors)
{
	*errors = (struct errors){ 0 };
}

void
errors_clear(struct errors *errors)
{
	for (size_t i = 0; i < errors->n; i++)
		free(errors->messages[i]);
	free(errors->messages);
	errors_init(errors);
}

static bool
reserve_one(struct errors *errors)
{
	if (errors->n < errors->capacity)
		return true;
	size_t capacity = errors->capacity == 0 ? 8 : errors->capacity * 2;
	char **grown = reallocarray(errors->messages, capacity, sizeof(*grown));
	if (grown == NULL)
		return false;
	errors->messages = grown;
	errors->capacity = capacity;
	return true;
}

static char *
with_place(const char *file, int line, const char *what)
{
	char *message = NULL;
	int rc;

	if (file == NULL)
		rc = asprintf(&message, "%s", what);
	else if (line == 0)
		rc = asprintf(&message, "%s: %s", file, what);
	else
		rc = asprintf(&message, "%s:%d: %s", file, line, what);
	return rc == -1 ? NULL : message;
}

static void
add(struct errors *errors, char *message)
{
	if (message == NULL || !reserve_one(errors)) {
		free(message);
		errors->lost = true;
		return;
	}
	errors->messages[errors->n++] = message;
}

void
errors_add(
    struct errors *errors, const char *file, int line, const char *format, ...)
{
	va_list ap;
	char *what = NULL, last[64];

	if (errors_full(errors))
		return;
	if (errors->n == ERRORS_MAX) {
		snprintf(last, sizeof(last),
		    "only the first %d errors are told", ERRORS_MAX);
		add(errors, strdup(last));
		return;
	}
	va_start(ap, format);
	int rc = vasprintf(&what, format, ap);
	va_end(ap);
	char *message = rc == -1 ? NULL : with_place(file, line, what);
	if (rc != -1)
		free(what);
	add(errors, message);
}

bool
errors_full(const struct errors *errors)
{
	return errors->n > ERRORS_MAX;
}

bool
errors_none(const struct errors *errors)
{
	return errors->n == 0 && !errors->lost;
}
