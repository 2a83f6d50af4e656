/* SPDX-License-Identifier: ISC */
#ifndef COMMON_INI_LINE_H
#define COMMON_INI_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/ini.h"

/* What inih makes of one line "name = value". */
struct ini_pair {
	char key[INI_NAME_MAX + 2];
	char value[INI_LINE_MAX];
};

/* Splits LINE (no newline, no comment, at most ini_line_max() bytes). False
 * when inih finds no pair in it. */
bool ini_line_parse(const char *line, struct ini_pair *pair);

/* Bytes of a line that the library of this system takes whole. */
size_t ini_line_max(void);

#endif
