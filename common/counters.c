/* SPDX-License-Identifier: ISC */
/*
 * The words that workers count in and the sums that the supervisor keeps.
 * Both structures are nothing but uint64_t, so that adding is one loop and a
 * new row of the tables needs no other change.
 */
#include <unistd.h>

#include "common/counters.h"

const int64_t session_bounds_ms[SESSION_BUCKETS] = { 1, 5, 10, 50, 100, 500,
	1000, 5000, 10000, 60000, 600000, 3600000 };

size_t
slot_size(size_t n_services)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes =
	    sizeof(struct slot) + n_services * sizeof(struct slot_service);

	return (bytes + page - 1) / page * page;
}

struct slot *
slot_at(void *region, size_t size, size_t number)
{
	return (void *)((char *)region + number * size);
}

static void
words_add(uint64_t *into, const uint64_t *from, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*into); i++)
		into[i] += counter_get(&from[i]);
}

void
service_counters_add(
    struct service_counters *into, const struct service_counters *from)
{
	words_add((uint64_t *)into, (const uint64_t *)from, sizeof(*into));
}

void
worker_counters_add(
    struct worker_counters *into, const struct worker_counters *from)
{
	words_add((uint64_t *)into, (const uint64_t *)from, sizeof(*into));
}

void
service_counters_session(struct service_counters *counters, int64_t length_ms)
{
	size_t i = 0;

	while (i < SESSION_BUCKETS && length_ms > session_bounds_ms[i])
		i++;
	counter_add(&counters->session[i], 1);
	counter_add(&counters->session_ms, (uint64_t)length_ms);
}
