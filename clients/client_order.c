/* SPDX-License-Identifier: ISC */
/*
 * In which order the addresses of a name are tried, so that a family that does
 * not get through costs little (RFC 8305).
 */
#include <string.h>

#include "clients/client_order.h"

size_t
order_keep_family(struct endpoint *endpoints, size_t n, int family)
{
	size_t n_kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (family == AF_UNSPEC ||
		    endpoints[i].storage.ss_family == family)
			endpoints[n_kept++] = endpoints[i];
	}
	return n_kept;
}

/* The first from FROM on that is (or is not) of FAMILY; N when none is. */
static size_t
find(const struct endpoint *endpoints, size_t from, size_t n, int family,
    bool is_of)
{
	while (
	    from < n && (endpoints[from].storage.ss_family == family) != is_of)
		from++;
	return from;
}

void
order_interleave(struct endpoint *endpoints, size_t n)
{
	if (n == 0)
		return;
	const int first = endpoints[0].storage.ss_family;
	for (size_t i = 1; i < n; i++) {
		size_t next = find(endpoints, i, n, first, i % 2 == 0);
		if (next == n)
			return; /* the rest is of one family */
		struct endpoint moved = endpoints[next];
		memmove(&endpoints[i + 1], &endpoints[i],
		    (next - i) * sizeof(moved));
		endpoints[i] = moved;
	}
}
