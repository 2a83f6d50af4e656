/* SPDX-License-Identifier: ISC */
#ifndef COMMON_UNITS_H
#define COMMON_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Values as people write them: integers, durations ("250ms" "30s" "5m" "2h"
 * "1d", a bare 0), sizes ("512" "64k" "1m" "2g", powers of 1024), booleans
 * (yes no on off true false 1 0). None of these block.
 *
 * The parsers return true and set *OUT, or return false, leave *OUT alone and
 * point *WHY at a phrase of a static string that names what is wrong and what
 * is allowed ("not a duration such as 250ms, 30s or 5m"); the range is the
 * caller's to check.
 */
bool unit_parse_integer(const char *text, int64_t *out, const char **why);
bool unit_parse_duration(const char *text, int64_t *out_ms, const char **why);
bool unit_parse_short_duration(
    const char *text, int64_t *out_us, const char **why); /* "50us" "1ms" */
bool unit_parse_size(const char *text, int64_t *out_bytes, const char **why);
bool unit_parse_boolean(const char *text, bool *out, const char **why);

/*
 * The inverse: the shortest text that parses to the same value ("90s", not
 * "1m30s"). BUF needs 24 bytes. Return BUF.
 */
char *unit_format_duration(int64_t ms, char *buf, size_t size);
char *unit_format_short_duration(int64_t us, char *buf, size_t size);
char *unit_format_size(int64_t bytes, char *buf, size_t size);

#endif
