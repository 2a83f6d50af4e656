/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_REPORT_H
#define SUPERVISOR_REPORT_H

#include <jansson.h>

#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"

/*
 * One answer, two forms. What a command tells is a JSON value; for people it
 * is rendered as text: an object as lines "name  value", an array of objects
 * as a table with a column for each name, in the order of the first row, an
 * empty array as nothing. Names tell units: what ends in _ms, _seconds or
 * _bytes, or begins with bytes_, is a number in JSON and "3m20s" or "1.5M",
 * under the name without the unit, as text.
 */
void report_text(const json_t *root, struct buffer *out);
/* Appends the JSON text of ROOT; out->failed when it is NULL. */
void report_json(const json_t *root, struct buffer *out);

/* LEN bytes of TEXT as a new string. JSON knows UTF-8 only: other bytes, which
 * a path may have, make the whole come escaped as in log_escape(). NULL when
 * memory ran out. */
json_t *report_string(const char *text, size_t len);

/*
 * For building answers of many parts without a check at each: ROW is appended,
 * VALUE is set. Both take both references and return the whole, or NULL when
 * memory ran out, now or before.
 */
json_t *report_add(json_t *rows, json_t *row);
json_t *report_set(json_t *object, const char *key, json_t *value);

/* "250ms" "12s" "3m20s" "2h05m" "4d03h", of which nothing is left out but the
 * smallest; and "512" "1.5K" "12M" (powers of 1024). BUF needs 24 bytes. */
void report_duration(int64_t ms, char *buf, size_t size);
void report_bytes(int64_t bytes, char *buf, size_t size);

#endif
