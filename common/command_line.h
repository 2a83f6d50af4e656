/* SPDX-License-Identifier: ISC */
#ifndef COMMON_COMMAND_LINE_H
#define COMMON_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

/* Splits TEXT into words as a shell does: blanks separate, '...' and "..." and
 * backslash quote; nothing is expanded. At least one word is needed. False
 * with a phrase in WHY; COMMAND is empty then. */
bool command_line_parse(
    struct command_line *command, const char *text, char *why, size_t why_size);
void command_line_clear(struct command_line *command);

#endif
