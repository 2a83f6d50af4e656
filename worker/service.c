/* SPDX-License-Identifier: ISC */
/*
 * Services as a worker serves them: handler, counters in the slot, share of
 * the limit, timeouts. What a connection does is in connection.c and
 * stream.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/connection.h"
#include "worker/handlers.h"
#include "worker/service.h"

#define SAMPLE_ONE_IN 64 /* callbacks that are measured; a power of 2 */

uint64_t
service_share(uint64_t max, uint64_t rank, uint64_t n)
{
	if (max == 0)
		return UINT64_MAX;
	if (n == 0)
		n = 1;
	return max / n + (rank - 1 < max % n ? 1 : 0);
}

void
service_set_shares(struct worker *worker)
{
	for (size_t i = 0; i < worker->n_services; i++) {
		struct pf_service *service = &worker->services[i];
		service->share =
		    service_share((uint64_t)service->config->max_connections,
			worker->rank, worker->n_workers);
	}
}

static bool
init_one(struct worker *worker, size_t i, char *why, size_t why_size)
{
	struct pf_service *service = &worker->services[i];
	const struct service_config *config = worker->context->services[i];

	service->worker = worker;
	service->config = config;
	service->index = i;
	service->handler = handlers_find(config->handler);
	service->counters = &worker->slot->services[i].counters;
	service->active_gauge = &worker->slot->services[i].active;
	counter_set(service->active_gauge, 0);
	connection_init_timeouts(service);
	if (service->handler != NULL)
		return true;
	snprintf(why, why_size, "service \"%s\": no handler \"%s\"",
	    config->name, config->handler);
	return false;
}

bool
service_init_all(struct worker *worker, char *why, size_t why_size)
{
	size_t n = worker->context->n_services;

	worker->services = calloc(n == 0 ? 1 : n, sizeof(*worker->services));
	if (worker->services == NULL) {
		snprintf(why, why_size, "out of memory");
		return false;
	}
	worker->n_services = n;
	for (size_t i = 0; i < n; i++) {
		if (!init_one(worker, i, why, why_size))
			return false;
	}
	service_set_shares(worker);
	return true;
}

void
service_free_all(struct worker *worker)
{
	free(worker->services);
	worker->services = NULL;
	worker->n_services = 0;
}

bool
service_start_all(struct worker *worker, const char **name)
{
	for (size_t i = 0; i < worker->n_services; i++) {
		struct pf_service *service = &worker->services[i];
		errno = 0;
		if (service->handler->start != NULL &&
		    service->handler->start(service) == -1) {
			*name = service->config->name;
			return false;
		}
		service->started = true;
	}
	return true;
}

void
service_stop_all(struct worker *worker)
{
	for (size_t i = 0; i < worker->n_services; i++) {
		struct pf_service *service = &worker->services[i];
		if (service->started && service->handler->stop != NULL)
			service->handler->stop(service);
		service->started = false;
	}
}

void
service_count_opened(struct pf_service *service)
{
	service->active++;
	counter_set(service->active_gauge, service->active);
	counter_add(&service->counters->accepted, 1);
}

void
service_count_closed(struct pf_service *service)
{
	service->active--;
	counter_set(service->active_gauge, service->active);
}

int64_t
service_enter(struct pf_service *service)
{
	if ((++service->calls & (SAMPLE_ONE_IN - 1)) != 0)
		return 0;
	return clock_monotonic_us();
}

void
service_leave(struct pf_service *service, int64_t entered_us)
{
	if (entered_us == 0)
		return;
	int64_t took_us = clock_monotonic_us() - entered_us;
	counter_add(
	    &service->counters->busy_us, (uint64_t)took_us * SAMPLE_ONE_IN);
}
