/* SPDX-License-Identifier: ISC */
/*
 * Lists of source addresses. One address has only so many ports towards one
 * server; several have that many times more. Pure.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "clients/preforkbench_sources.h"

static size_t
bytes_of(int family)
{
	return family == AF_INET ? 4 : 16;
}

/* The last 32 bits, which are what the addresses of a range differ in. */
static uint32_t
tail_of(const uint8_t *bytes, int family)
{
	uint32_t tail;

	memcpy(&tail, bytes + bytes_of(family) - sizeof(tail), sizeof(tail));
	return ntohl(tail);
}

/* AF_UNSPEC when TEXT is no literal. */
static int
parse_one(const char *text, size_t length, uint8_t *bytes)
{
	char copy[INET6_ADDRSTRLEN];

	if (length >= sizeof(copy))
		return AF_UNSPEC;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (inet_pton(AF_INET, copy, bytes) == 1)
		return AF_INET;
	if (inet_pton(AF_INET6, copy, bytes) == 1)
		return AF_INET6;
	return AF_UNSPEC;
}

/* "A" or "A-B", LENGTH bytes of it. */
static bool
parse_range(
    struct sources *sources, const char *text, size_t length, const char **why)
{
	struct source_range *range = &sources->ranges[sources->n_ranges];
	const char *dash = memchr(text, '-', length);
	size_t first = dash == NULL ? length : (size_t)(dash - text);
	uint8_t last[16];

	int family = parse_one(text, first, range->first);
	memcpy(last, range->first, sizeof(last));
	if (family != AF_UNSPEC && dash != NULL &&
	    parse_one(dash + 1, length - first - 1, last) != family)
		family = AF_UNSPEC;
	*why = "is not a list such as 127.0.0.2-127.0.0.20,127.0.1.1";
	if (family == AF_UNSPEC)
		return false;
	*why = "has addresses of both families";
	if (sources->n_ranges > 0 && family != sources->family)
		return false;
	size_t head = bytes_of(family) - 4;
	uint32_t from = tail_of(range->first, family);
	uint32_t to = tail_of(last, family);
	*why = "has a range that is empty or has more than 65536 addresses";
	if (memcmp(range->first, last, head) != 0 || to < from ||
	    to - from >= SOURCES_MAX)
		return false;
	range->n = (size_t)(to - from) + 1;
	sources->family = family;
	sources->n_ranges++;
	sources->n += range->n;
	return true;
}

bool
sources_parse(struct sources *sources, const char *text, const char **why)
{
	memset(sources, 0, sizeof(*sources));
	for (;;) {
		size_t length = strcspn(text, ",");

		*why = "has more than 16 ranges";
		if (sources->n_ranges == SOURCES_RANGES_MAX)
			return false;
		if (!parse_range(sources, text, length, why))
			return false;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

void
sources_get(
    const struct sources *sources, size_t turn, struct endpoint *endpoint)
{
	const struct source_range *range = sources->ranges;
	struct sockaddr_in *sin = (void *)&endpoint->storage;
	struct sockaddr_in6 *sin6 = (void *)&endpoint->storage;
	uint8_t bytes[16];

	turn %= sources->n;
	for (; turn >= range->n; range++)
		turn -= range->n;
	memcpy(bytes, range->first, sizeof(bytes));
	uint32_t tail = htonl(tail_of(bytes, sources->family) + (uint32_t)turn);
	memcpy(bytes + bytes_of(sources->family) - sizeof(tail), &tail,
	    sizeof(tail));
	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->storage.ss_family = (sa_family_t)sources->family;
	if (sources->family == AF_INET) {
		memcpy(&sin->sin_addr, bytes, 4);
		endpoint->length = sizeof(*sin);
	} else {
		memcpy(&sin6->sin6_addr, bytes, 16);
		endpoint->length = sizeof(*sin6);
	}
}
