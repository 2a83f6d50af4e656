/* SPDX-License-Identifier: ISC */
/*
 * "Did you mean ...?": the edit distance of Levenshtein between a wrong word
 * and the right ones. Pure; used for settings and commands.
 */
#include <string.h>

#include "common/nearest.h"

#define WORD_MAX 64 /* longer words get no suggestion */

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static size_t
edit_distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			size_t above = row[j + 1];
			row[j + 1] = least(
			    above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
			diagonal = above;
		}
	}
	return row[n];
}

void
nearest_offer(struct nearest *nearest, const char *word, const char *candidate)
{
	size_t len = strlen(word);

	if (len > WORD_MAX || strlen(candidate) > WORD_MAX)
		return;
	size_t distance = edit_distance(word, candidate);
	if (distance > 1 + len / 4)
		return;
	if (nearest->name == NULL || distance < nearest->distance) {
		nearest->name = candidate;
		nearest->distance = distance;
	}
}
