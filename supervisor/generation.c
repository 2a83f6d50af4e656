/* SPDX-License-Identifier: ISC */
/*
 * Generations: building one from a configuration, bringing it to its number
 * of workers, letting it drain. Supervisor only. A generation owns its arrays,
 * its region of slots, one reference of its configuration and one of each of
 * its listeners; those go when it drains, because nothing is forked from it
 * any more.
 */
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "supervisor/generation.h"
#include "supervisor/pool.h"
#include "supervisor/worker_channel.h"

static void
collect_services(struct generation *generation)
{
	const struct config *config = generation->config;

	generation->n_services = 0;
	for (size_t i = 0; i < config->n_services; i++) {
		if (strcmp(config->services[i]->pool,
			generation->pool_config->name) == 0)
			generation->services[generation->n_services++] =
			    config->services[i];
	}
}

/* Index of the service in the generation; n_services when it is not there. */
static size_t
service_index(
    const struct generation *generation, const struct service_config *service)
{
	size_t i = 0;

	while (i < generation->n_services &&
	    strcmp(generation->services[i]->name, service->name) != 0)
		i++;
	return i;
}

static void
add_listener(
    struct generation *generation, struct listener *listener, size_t service)
{
	size_t i = generation->n_listeners++;

	generation->listeners[i] = listener_ref(listener);
	generation->worker_listeners[i] = (struct worker_listener){
		.fd = listener->fd,
		.type = listener->type,
		.family = listener->family,
		.tls = listener->address.tls,
		.service = service,
		.text = listener->text,
	};
}

static void
collect_listeners(struct generation *generation, const struct listener_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		size_t service =
		    service_index(generation, set->items[i].service);
		if (service < generation->n_services &&
		    generation->n_listeners < WORKER_LISTENERS_MAX)
			add_listener(
			    generation, set->items[i].listener, service);
	}
}

/* The ports of every datagram listener of the daemon: two of our services
 * must never answer one another. */
static void
collect_udp_ports(struct generation *generation, const struct listener_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct listener *listener = set->items[i].listener;

		if (listener->type == SOCK_DGRAM && listener->family != AF_UNIX)
			generation->udp_ports[generation->n_udp_ports++] =
			    ntohs(listener->port);
	}
}

static void
init_workers(struct generation *generation)
{
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker_handle *worker = &generation->workers[i];
		worker->generation = generation;
		worker->slot = i + 1;
		worker->pid_fd = -1;
		worker->channel_fd = -1;
	}
}

static bool
allocate_arrays(
    struct generation *generation, const struct listener_set *listeners)
{
	size_t n = generation->config->n_services;

	generation->services = calloc(n + 1, sizeof(*generation->services));
	generation->listeners =
	    calloc(listeners->n + 1, sizeof(*generation->listeners));
	generation->worker_listeners =
	    calloc(listeners->n + 1, sizeof(*generation->worker_listeners));
	generation->udp_ports =
	    calloc(listeners->n + 1, sizeof(*generation->udp_ports));
	return generation->services != NULL && generation->listeners != NULL &&
	    generation->worker_listeners != NULL &&
	    generation->udp_ports != NULL;
}

static bool
fill(struct generation *generation, const struct listener_set *listeners)
{
	if (!allocate_arrays(generation, listeners))
		return false;
	collect_services(generation);
	collect_listeners(generation, listeners);
	collect_udp_ports(generation, listeners);
	return region_map(&generation->region, generation->n_services);
}

struct generation *
generation_new(struct pool *pool, uint64_t number, struct config *config,
    const struct pool_config *pool_config, const struct listener_set *listeners)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (generation == NULL)
		return NULL;
	generation->pool = pool;
	generation->number = number;
	generation->started_ms = loop_now_ms();
	generation->config = config_ref(config);
	generation->pool_config = pool_config;
	init_workers(generation);
	if (!fill(generation, listeners)) {
		int saved = errno;
		generation_free(generation);
		errno = saved;
		return NULL;
	}
	return generation;
}

static void
release_listeners(struct generation *generation)
{
	for (size_t i = 0; i < generation->n_listeners; i++)
		listener_unref(generation->listeners[i]);
	generation->n_listeners = 0;
}

void
generation_free(struct generation *generation)
{
	if (generation == NULL)
		return;
	for (size_t i = 0; i < generation->n_slots; i++)
		loop_timer_cancel(&generation->workers[i].deadline);
	release_listeners(generation);
	region_unmap(&generation->region);
	free(generation->services);
	free(generation->listeners);
	free(generation->worker_listeners);
	free(generation->udp_ports);
	config_unref(generation->config);
	free(generation);
}

/* Slots are counted in the order of the services at the start; only the
 * objects behind the names are exchanged. */
void
generation_adopt(struct generation *generation, struct config *config,
    const struct pool_config *pool_config)
{
	for (size_t i = 0; i < generation->n_services; i++)
		generation->services[i] =
		    config_service(config, generation->services[i]->name);
	config_ref(config);
	config_unref(generation->config);
	generation->config = config;
	generation->pool_config = pool_config;
}

/* Wanted to serve: not retired, and not an unused slot. */
static bool
counts(const struct worker_handle *worker)
{
	return worker->state != WORKER_VACANT && !worker->retired;
}

static size_t
count_wanted(const struct generation *generation)
{
	size_t n = 0;

	for (size_t i = 0; i < generation->n_slots; i++)
		n += counts(&generation->workers[i]);
	return n;
}

size_t
generation_rank(const struct worker_handle *worker)
{
	const struct generation *generation = worker->generation;
	size_t rank = 1;

	for (size_t i = 0; i + 1 < worker->slot; i++)
		rank += counts(&generation->workers[i]);
	return rank;
}

static void
start_in_free_slot(struct generation *generation)
{
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		struct worker_handle *worker = &generation->workers[i];
		if (worker->state != WORKER_VACANT)
			continue;
		if (i >= generation->n_slots)
			generation->n_slots = i + 1;
		worker_handle_start(worker);
		return;
	}
}

static void
retire(struct worker_handle *worker, int64_t drain_timeout_ms)
{
	static const uint8_t none[1];

	worker_handle_drain(worker, drain_timeout_ms, none, sizeof(none));
}

static void
retire_last(struct generation *generation, int64_t drain_timeout_ms)
{
	for (size_t i = generation->n_slots; i > 0; i--) {
		struct worker_handle *worker = &generation->workers[i - 1];
		if (!counts(worker))
			continue;
		retire(worker, drain_timeout_ms);
		return;
	}
}

bool
generation_retire(
    struct generation *generation, size_t slot, int64_t drain_timeout_ms)
{
	if (slot == 0 || slot > generation->n_slots ||
	    !counts(&generation->workers[slot - 1]))
		return false;
	if (drain_timeout_ms == 0)
		worker_handle_quit(&generation->workers[slot - 1]);
	else
		retire(&generation->workers[slot - 1], drain_timeout_ms);
	return true;
}

/* Shares of limits and the mean of siblings depend on how many there are. */
static void
tell_size(struct generation *generation)
{
	struct message_workers size = {
		.n_workers = generation->n_workers,
		.n_slots = generation->n_slots,
	};

	for (size_t i = 0; i < generation->n_slots; i++) {
		struct worker_handle *worker = &generation->workers[i];
		if (!worker_handle_alive(worker) || worker->retired)
			continue;
		size.rank = generation_rank(worker);
		worker_channel_send(
		    worker, MESSAGE_WORKERS, &size, sizeof(size), -1);
	}
}

void
generation_reconcile(struct generation *generation, int64_t drain_timeout_ms)
{
	size_t n = generation->n_workers;
	size_t wanted = count_wanted(generation);

	if (wanted == n)
		return;
	/* The highest slot first, so that each worker knows them all. */
	if (n > generation->n_slots)
		generation->n_slots = n;
	for (; wanted < n; wanted++)
		start_in_free_slot(generation);
	for (; wanted > n; wanted--)
		retire_last(generation, drain_timeout_ms);
	tell_size(generation);
}

static bool
is_kept(const struct listener *listener, const struct listener_set *kept)
{
	for (size_t i = 0; kept != NULL && i < kept->n; i++) {
		if (listener_same(kept->items[i].listener, listener))
			return true;
	}
	return false;
}

void
generation_drain(struct generation *generation, int64_t timeout_ms,
    const struct listener_set *kept)
{
	uint8_t empty[WORKER_LISTENERS_MAX / 8] = { 0 };

	for (size_t i = 0; i < generation->n_listeners; i++) {
		if (!is_kept(generation->listeners[i], kept))
			empty[i / 8] |= (uint8_t)(1u << (i % 8));
	}
	generation->state = GENERATION_DRAINING;
	for (size_t i = 0; i < generation->n_slots; i++)
		worker_handle_drain(
		    &generation->workers[i], timeout_ms, empty, sizeof(empty));
	release_listeners(generation);
}

void
generation_quit(struct generation *generation)
{
	generation->state = GENERATION_DRAINING;
	for (size_t i = 0; i < generation->n_slots; i++)
		worker_handle_quit(&generation->workers[i]);
	release_listeners(generation);
}

size_t
generation_count(const struct generation *generation, enum worker_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < generation->n_slots; i++)
		n += generation->workers[i].state == state;
	return n;
}

size_t
generation_alive(const struct generation *generation)
{
	size_t n = 0;

	for (size_t i = 0; i < generation->n_slots; i++)
		n += worker_handle_alive(&generation->workers[i]);
	return n;
}

const char *
generation_failure(const struct generation *generation)
{
	for (size_t i = 0; i < generation->n_slots; i++) {
		if (generation->workers[i].failure[0] != '\0')
			return generation->workers[i].failure;
	}
	return NULL;
}

void
generation_worker_ready(struct worker_handle *worker)
{
	struct generation *generation = worker->generation;

	if (generation->pool->starting == generation)
		pool_worker_ready(generation->pool);
}

void
generation_worker_gone(struct worker_handle *worker)
{
	pool_worker_gone(worker->generation->pool, worker);
}

bool
generation_replaces(const struct worker_handle *worker)
{
	const struct generation *generation = worker->generation;

	if (worker->retired || generation->state == GENERATION_DRAINING)
		return false;
	/* At the daemon's start a death may be an accident; while another
	 * generation serves, any death of the new one is a verdict. */
	return generation->state == GENERATION_SERVING ||
	    generation->pool->serving == NULL;
}
