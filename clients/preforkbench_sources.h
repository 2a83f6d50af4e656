/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_SOURCES_H
#define CLIENTS_PREFORKBENCH_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

/*
 * Source addresses to take turns with: "127.0.0.2-127.0.0.20,10.0.0.1", IPv4
 * or IPv6, of one family. All zero is none. Pure.
 */
#define SOURCES_RANGES_MAX 16
#define SOURCES_MAX	   65536 /* addresses of a range */

struct sources {
	size_t n_ranges, n; /* n: addresses of all ranges */
	int family;
	struct source_range {
		uint8_t first[16]; /* network byte order; IPv4: 4 bytes */
		size_t n;
	} ranges[SOURCES_RANGES_MAX];
};

/* False with a phrase in *WHY, a static string. */
bool sources_parse(struct sources *sources, const char *text, const char **why);

/* The source of turn TURN, with port 0; there must be any. */
void sources_get(
    const struct sources *sources, size_t turn, struct endpoint *endpoint);

#endif
