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
counter_look(uint64_t *seen, uint64_t value)
{
	if (value > *seen && value <= COUNTER_MAX)
		*seen = value;
}

static void
gauge_look(uint64_t *seen, uint64_t value)
{
	if (value <= GAUGE_MAX)
		*seen = value;
}

static void
words_look(uint64_t *seen, const uint64_t *from, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*seen); i++)
		counter_look(&seen[i], counter_get(&from[i]));
}

void
slot_look(struct slot *seen, const struct slot *slot, size_t n_services)
{
	/* A heartbeat is only ever compared with the one before. */
	seen->turns = counter_get(&slot->turns);
	seen->turn_since_ms = counter_get(&slot->turn_since_ms);
	gauge_look(&seen->active, counter_get(&slot->active));
	words_look((uint64_t *)&seen->worker, (const uint64_t *)&slot->worker,
	    sizeof(seen->worker));
	for (size_t i = 0; i < n_services; i++) {
		struct slot_service *into = &seen->services[i];
		const struct slot_service *from = &slot->services[i];
		gauge_look(&into->active, counter_get(&from->active));
		words_look((uint64_t *)&into->counters,
		    (const uint64_t *)&from->counters, sizeof(into->counters));
	}
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
