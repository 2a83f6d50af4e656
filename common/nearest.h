/* SPDX-License-Identifier: ISC */
#ifndef COMMON_NEAREST_H
#define COMMON_NEAREST_H

#include <stddef.h>

/* The search for what somebody may have meant. Zero to begin. */
struct nearest {
	const char *name; /* best so far, or NULL */
	size_t distance;
};

/* Offers CANDIDATE for WORD; keeps it when it is nearer than what it has, and
 * near enough to be meant at all. */
void
nearest_offer(struct nearest *nearest, const char *word, const char *candidate);

#endif
