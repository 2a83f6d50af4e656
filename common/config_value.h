/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CONFIG_VALUE_H
#define COMMON_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/settings.h"

/*
 * One typed value: from text into the field that settings.h names for the
 * type, back to its canonical text, and its release. Memory of a field is the
 * configuration's. Users and groups are looked for in the local data base.
 */

/*
 * Sets *FIELD (zero before; an address list grows). A relative path is taken
 * from BASE. False with a sentence's end in WHY: "is not a duration ...".
 */
bool config_value_parse(const struct setting *setting, const char *text,
    const char *base, void *field, char *why, size_t why_size);

/* The canonical text, malloc'ed; NULL when memory ran out. */
char *config_value_format(const struct setting *setting, const void *field);

void config_value_clear(const struct setting *setting, void *field);

#endif
