/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_EXPLAIN_H
#define SUPERVISOR_EXPLAIN_H

#include <stdbool.h>

/* Prints the settings named KEY (NULL: all, a line each) with type, default,
 * range and what a change needs. False when there is none of that name. */
bool explain(const char *key);

#endif
