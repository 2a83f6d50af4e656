/* SPDX-License-Identifier: ISC */
/*
 * Pools: the number of workers that is wanted, and the generations that come
 * and go. Decides nothing about configurations (reload.c does) and nothing
 * about processes (worker_handle.c does); it brings what is to what is wanted.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "supervisor/cores.h"
#include "supervisor/events.h"
#include "supervisor/pool.h"
#include "supervisor/reload.h"
#include "supervisor/supervisor.h"

const char *const pool_state_names[] = { "starting", "ready", "degraded",
	"failed" };

struct pool *
pool_new(const char *name)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pool->name = strdup(name);
	if (pool->name == NULL) {
		free(pool);
		return NULL;
	}
	TAILQ_INIT(&pool->draining);
	return pool;
}

void
pool_free(struct pool *pool)
{
	free(pool->name);
	free(pool);
}

struct pool *
pool_find(struct pools *pools, const char *name)
{
	struct pool *pool;

	TAILQ_FOREACH (pool, pools, entry) {
		if (strcmp(pool->name, name) == 0)
			return pool;
	}
	return NULL;
}

size_t
pool_workers(const struct pool *pool)
{
	if (pool->serving != NULL)
		return pool->serving->n_workers;
	return pool->starting == NULL ? 0 : pool->starting->n_workers;
}

size_t
pool_wanted_workers(const struct pool_config *config)
{
	size_t n =
	    config->workers == 0 ? cores_available() : (size_t)config->workers;

	/* There are machines with more processors than slots. */
	return n < WORKERS_MAX ? n : WORKERS_MAX;
}

static int64_t
drain_timeout_ms(void)
{
	return supervisor.config->daemon.drain_timeout_ms;
}

struct generation *
pool_begin(struct pool *pool, struct config *config,
    const struct pool_config *pool_config, size_t n_workers,
    const struct listener_set *listeners)
{
	struct generation *generation = generation_new(
	    pool, pool->n_generations + 1, config, pool_config, listeners);

	if (generation == NULL)
		return NULL;
	pool->n_generations++;
	/* A pool that nothing is assigned to has nothing to do. */
	generation->n_workers = generation->n_services == 0 ? 0 : n_workers;
	pool->starting = generation;
	generation_reconcile(generation, 0);
	return generation;
}

static void
begin_draining(struct pool *pool, struct generation *generation,
    const struct listener_set *kept)
{
	TAILQ_INSERT_TAIL(&pool->draining, generation, entry);
	generation_drain(generation, drain_timeout_ms(), kept);
}

void
pool_commit(struct pool *pool, const struct listener_set *in_force)
{
	if (pool->serving != NULL)
		begin_draining(pool, pool->serving, in_force);
	pool->serving = pool->starting;
	pool->serving->state = GENERATION_SERVING;
	pool->starting = NULL;
}

/* New workers compete from the moment that they are ready, so some may have
 * clients already: those are finished, not cut. */
void
pool_abandon(struct pool *pool)
{
	struct generation *generation = pool->starting;

	if (generation == NULL)
		return;
	pool->starting = NULL;
	TAILQ_INSERT_TAIL(&pool->draining, generation, entry);
	if (supervisor.config == NULL)
		generation_quit(generation);
	else
		generation_drain(
		    generation, drain_timeout_ms(), supervisor.listeners);
}

void
pool_drain(
    struct pool *pool, int64_t timeout_ms, const struct listener_set *in_force)
{
	if (pool->serving == NULL)
		return;
	struct generation *generation = pool->serving;
	pool->serving = NULL;
	TAILQ_INSERT_TAIL(&pool->draining, generation, entry);
	generation_drain(generation, timeout_ms, in_force);
}

void
pool_quit(struct pool *pool)
{
	struct generation *generation;

	pool_drain(pool, 0, NULL);
	TAILQ_FOREACH (generation, &pool->draining, entry)
		generation_quit(generation);
}

void
pool_adopt(struct pool *pool, struct config *config,
    const struct pool_config *pool_config)
{
	pool->config = pool_config;
	if (pool->serving != NULL)
		generation_adopt(pool->serving, config, pool_config);
}

static void
free_drained(struct pool *pool)
{
	struct generation *generation, *next;

	TAILQ_FOREACH_SAFE (generation, &pool->draining, entry, next) {
		if (generation_alive(generation) > 0)
			continue;
		TAILQ_REMOVE(&pool->draining, generation, entry);
		generation_free(generation);
	}
}

void
pool_reconcile(struct pool *pool)
{
	free_drained(pool);
	if (pool->serving != NULL && pool->starting == NULL)
		generation_reconcile(pool->serving, drain_timeout_ms());
}

void
pool_resize(struct pool *pool, size_t n_workers)
{
	if (pool->serving == NULL || pool->serving->n_services == 0 ||
	    pool->serving->n_workers == n_workers)
		return;
	events_announce(LOG_LEVEL_INFO,
	    "pool %s: %zu workers wanted, %zu before", pool->name, n_workers,
	    pool->serving->n_workers);
	pool->serving->n_workers = n_workers;
	pool_reconcile(pool);
}

bool
pool_replace_worker(struct pool *pool, size_t slot, bool now)
{
	if (pool->serving == NULL ||
	    !generation_retire(
		pool->serving, slot, now ? 0 : drain_timeout_ms()))
		return false;
	pool_reconcile(pool);
	return true;
}

size_t
pool_count(const struct pool *pool, enum worker_state state)
{
	const struct generation *generation;
	size_t n = 0;

	if (pool->serving != NULL)
		n += generation_count(pool->serving, state);
	if (pool->starting != NULL)
		n += generation_count(pool->starting, state);
	TAILQ_FOREACH (generation, &pool->draining, entry)
		n += generation_count(generation, state);
	return n;
}

enum pool_state
pool_state(const struct pool *pool)
{
	const struct generation *serving = pool->serving;

	if (serving == NULL)
		return POOL_STARTING;
	size_t ready = generation_count(serving, WORKER_READY);
	size_t failed = generation_count(serving, WORKER_FAILED);
	if (ready >= serving->n_workers)
		return POOL_READY;
	return failed > 0 && ready == 0 ? POOL_FAILED : POOL_DEGRADED;
}

bool
pool_has_workers(const struct pool *pool)
{
	const struct generation *generation;

	if (pool->serving != NULL && generation_alive(pool->serving) > 0)
		return true;
	if (pool->starting != NULL && generation_alive(pool->starting) > 0)
		return true;
	TAILQ_FOREACH (generation, &pool->draining, entry) {
		if (generation_alive(generation) > 0)
			return true;
	}
	return false;
}

bool
pool_started(const struct pool *pool)
{
	return pool->starting == NULL ||
	    generation_count(pool->starting, WORKER_READY) >=
	    pool->starting->n_workers;
}

static void
each_of(struct generation *generation,
    void (*each)(struct worker_handle *worker, void *arg), void *arg)
{
	for (size_t i = 0; i < generation->n_slots; i++) {
		if (worker_handle_alive(&generation->workers[i]))
			each(&generation->workers[i], arg);
	}
}

void
pool_each_worker(struct pool *pool,
    void (*each)(struct worker_handle *worker, void *arg), void *arg)
{
	struct generation *generation;

	if (pool->serving != NULL)
		each_of(pool->serving, each, arg);
	if (pool->starting != NULL)
		each_of(pool->starting, each, arg);
	TAILQ_FOREACH (generation, &pool->draining, entry)
		each_of(generation, each, arg);
}

void
pool_worker_ready(struct pool *pool)
{
	(void)pool;
	reload_worker_ready();
}

void
pool_worker_gone(struct pool *pool, struct worker_handle *worker)
{
	bool starting = worker->generation == pool->starting;

	if (starting && !worker_handle_alive(worker) &&
	    worker->state != WORKER_WAITING)
		reload_worker_failed(pool, worker);
}
