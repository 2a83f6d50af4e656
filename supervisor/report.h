/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_REPORT_H
#define SUPERVISOR_REPORT_H

#include <jansson.h>

#include "common/buffer.h"

/*
 * One answer, two forms. What a command tells is a JSON value; for people it
 * is rendered as text: an object as lines "name  value", an array of objects
 * as a table with a column for each name, in the order of the first row.
 */
void report_text(const json_t *root, struct buffer *out);
void report_json(const json_t *root, struct buffer *out);

#endif
