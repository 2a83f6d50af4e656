/* SPDX-License-Identifier: ISC */
/*
 * From a plan to pools with other workers. Supervisor only; called by
 * reload.c, step by step. Decides nothing: what is renewed stands in the plan.
 */
#include "supervisor/swap.h"
#include "supervisor/supervisor.h"

/* The pools that the plan knows: new ones are made, all get their config. */
static bool
make_pools(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_pools; i++) {
		const struct pool_config *after = plan->pools[i].after;
		if (after == NULL ||
		    pool_find(&supervisor.pools, after->name) != NULL)
			continue;
		struct pool *pool = pool_new(after->name);
		if (pool == NULL)
			return false;
		pool->config = after;
		TAILQ_INSERT_TAIL(&supervisor.pools, pool, entry);
	}
	return true;
}

/* An operator's count survives a restart of workers, and a reload that does
 * not change `workers`. */
static size_t
workers_for(const struct pool *pool, const struct plan_pool *planned)
{
	if (pool_workers(pool) > 0 && planned->before != NULL &&
	    planned->before->workers == planned->after->workers)
		return pool_workers(pool);
	return pool_wanted_workers(planned->after);
}

static bool
start_pools(const struct plan *plan, struct config *next,
    const struct listener_set *listeners)
{
	for (size_t i = 0; i < plan->n_pools; i++) {
		const struct plan_pool *planned = &plan->pools[i];
		if (planned->after == NULL || !planned->renew)
			continue;
		struct pool *pool =
		    pool_find(&supervisor.pools, planned->after->name);
		if (pool_begin(pool, next, planned->after,
			workers_for(pool, planned), listeners) == NULL)
			return false;
	}
	return true;
}

bool
swap_begin(const struct plan *plan, struct config *next,
    const struct listener_set *listeners)
{
	return make_pools(plan) && start_pools(plan, next, listeners);
}

bool
swap_ready(void)
{
	const struct pool *pool;

	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		if (!pool_started(pool))
			return false;
	}
	return true;
}

static void
commit_pool(const struct plan_pool *planned)
{
	const struct pool_config *config =
	    planned->after != NULL ? planned->after : planned->before;
	struct pool *pool = pool_find(&supervisor.pools, config->name);

	if (pool == NULL)
		return;
	if (planned->after == NULL) {
		pool_drain(pool, supervisor.config->daemon.drain_timeout_ms,
		    supervisor.listeners);
		pool->config = NULL;
		return;
	}
	if (pool->starting != NULL)
		pool_commit(pool, supervisor.listeners);
	pool_adopt(pool, supervisor.config, planned->after);
	if (!planned->renew && planned->before != NULL &&
	    planned->before->workers != planned->after->workers)
		pool_resize(pool, pool_wanted_workers(planned->after));
}

void
swap_commit(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_pools; i++)
		commit_pool(&plan->pools[i]);
}

/* A pool that was made for the attempt is left without a configuration, so
 * that it goes with its last worker. */
void
swap_abandon(void)
{
	struct pool *pool;

	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		pool_abandon(pool);
		if (pool->serving == NULL)
			pool->config = NULL;
	}
}

void
swap_drop_empty_pools(void)
{
	struct pool *pool, *next;

	TAILQ_FOREACH_SAFE (pool, &supervisor.pools, entry, next) {
		pool_reconcile(pool);
		if (pool->serving != NULL || pool->starting != NULL ||
		    !TAILQ_EMPTY(&pool->draining))
			continue;
		TAILQ_REMOVE(&supervisor.pools, pool, entry);
		pool_free(pool);
	}
}
