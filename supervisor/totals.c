/* SPDX-License-Identifier: ISC */
/*
 * Sums of counters. What living workers count is read from their slots when
 * somebody asks; what dead ones counted is kept here. Slots are written by
 * workers and therefore only added up, never believed: the index of a service
 * comes from the generation, which is the supervisor's own.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "supervisor/totals.h"

struct past {
	SLIST_ENTRY(past) entry;
	struct service_counters counters;
	char name[];
};

static SLIST_HEAD(, past) past_services = SLIST_HEAD_INITIALIZER(past_services);

static struct past *
past_find(const char *name)
{
	struct past *past;

	SLIST_FOREACH (past, &past_services, entry) {
		if (strcmp(past->name, name) == 0)
			return past;
	}
	return NULL;
}

static struct past *
past_get(const char *name)
{
	struct past *past = past_find(name);

	if (past != NULL)
		return past;
	past = calloc(1, sizeof(*past) + strlen(name) + 1);
	if (past == NULL) {
		log_error("cannot keep the counters of service \"%s\": out of "
			  "memory",
		    name);
		return NULL;
	}
	strcpy(past->name, name);
	SLIST_INSERT_HEAD(&past_services, past, entry);
	return past;
}

void
totals_fold(
    const struct generation *generation, const struct slot *slot, bool lost)
{
	for (size_t i = 0; i < generation->n_services; i++) {
		struct past *past = past_get(generation->services[i]->name);
		if (past == NULL)
			continue;
		service_counters_add(
		    &past->counters, &slot->services[i].counters);
		if (lost)
			past->counters.closed_lost +=
			    counter_get(&slot->services[i].active);
	}
	worker_counters_add(&generation->pool->ended, &slot->worker);
}

void
totals_clear(void)
{
	struct past *past;

	while ((past = SLIST_FIRST(&past_services)) != NULL) {
		SLIST_REMOVE_HEAD(&past_services, entry);
		free(past);
	}
}

static void
add_generation(const struct generation *generation, const char *name,
    struct service_sum *sum)
{
	for (size_t i = 0; i < generation->n_services; i++) {
		if (strcmp(generation->services[i]->name, name) != 0)
			continue;
		for (size_t s = 0; s < generation->n_slots; s++) {
			if (!worker_handle_alive(&generation->workers[s]))
				continue;
			const struct slot *slot =
			    worker_handle_slot(&generation->workers[s]);
			sum->active += counter_get(&slot->services[i].active);
			service_counters_add(
			    &sum->counters, &slot->services[i].counters);
		}
	}
}

static void
add_workers(const struct generation *generation, struct worker_counters *sum)
{
	for (size_t s = 0; s < generation->n_slots; s++) {
		if (worker_handle_alive(&generation->workers[s]))
			worker_counters_add(sum,
			    &worker_handle_slot(&generation->workers[s])
				 ->worker);
	}
}

void
totals_service(
    const struct pools *pools, const char *name, struct service_sum *sum)
{
	const struct past *past = past_find(name);
	const struct pool *pool;
	const struct generation *generation;

	*sum = (struct service_sum){ 0 };
	if (past != NULL)
		sum->counters = past->counters;
	TAILQ_FOREACH (pool, pools, entry) {
		if (pool->serving != NULL)
			add_generation(pool->serving, name, sum);
		if (pool->starting != NULL)
			add_generation(pool->starting, name, sum);
		TAILQ_FOREACH (generation, &pool->draining, entry)
			add_generation(generation, name, sum);
	}
}

void
totals_workers(const struct pool *pool, struct worker_counters *sum)
{
	const struct generation *generation;

	*sum = pool->ended;
	if (pool->serving != NULL)
		add_workers(pool->serving, sum);
	if (pool->starting != NULL)
		add_workers(pool->starting, sum);
	TAILQ_FOREACH (generation, &pool->draining, entry)
		add_workers(generation, sum);
}
