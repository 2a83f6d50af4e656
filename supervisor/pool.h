/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_POOL_H
#define SUPERVISOR_POOL_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "supervisor/generation.h"
#include "supervisor/listener_set.h"

/*
 * Pools: how many workers are wanted, and the generations that have them. A
 * pool has one generation that serves, at most one that is starting in its
 * place, and any number that drain.
 */
enum pool_state {
	POOL_STARTING = 0,
	POOL_READY,
	POOL_DEGRADED, /* some worker is in back-off or missing */
	POOL_FAILED,   /* a worker left with 78, none is ready */
};

extern const char *const pool_state_names[];

/* How workers ended, for counters. */
#define POOL_EXIT_SIGNALS 65

/* Limits of time that end workers. X(field, setting) */
#define POOL_LIMITS(X)                    \
	X(watchdog, "watchdog")           \
	X(start_timeout, "start_timeout") \
	X(drain_timeout, "drain_timeout") \
	X(max_age, "max_age")

struct pool_reached {
#define FIELD(name, ...) uint64_t name;
	POOL_LIMITS(FIELD)
#undef FIELD
};

struct pool {
	TAILQ_ENTRY(pool) entry;
	char *name;
	const struct pool_config *config; /* of the configuration in force */
	struct generation *serving;	  /* NULL before the first is ready */
	struct generation *starting;	  /* NULL when none is tried */
	struct generations draining;
	uint64_t n_generations;		      /* ever */
	uint64_t n_started;		      /* workers, ever */
	uint64_t n_start_failures;	      /* no process came of it */
	uint64_t n_exits;		      /* with a status, ever */
	uint64_t n_failed_exits;	      /* of those, status not 0 */
	uint64_t n_killed[POOL_EXIT_SIGNALS]; /* by signal */
	struct pool_reached reached;	      /* how often */
	struct worker_counters ended;	      /* sum of workers that are gone */
	char last_exit[192];		      /* "worker default/3 ..." or "" */
};

TAILQ_HEAD(pools, pool);

struct pool *pool_new(const char *name);
void pool_free(struct pool *pool); /* no generation may be left */
struct pool *pool_find(struct pools *pools, const char *name);

/* Workers for CONFIG that take part as soon as they are ready. The pool's
 * `starting` until pool_commit() or pool_abandon(). NULL with errno.
 */
struct generation *pool_begin(struct pool *pool, struct config *config,
    const struct pool_config *pool_config, size_t n_workers,
    const struct listener_set *listeners);

/* `starting` becomes `serving`, the one before drains; listeners that are not
 * in IN_FORCE get emptied by it. */
void pool_commit(struct pool *pool, const struct listener_set *in_force);

/* `starting` goes: workers that are ready finish what clients they have. */
void pool_abandon(struct pool *pool);

/* `serving` drains; queues of listeners that are not in IN_FORCE (NULL: of
 * all) are emptied by it, because nobody will serve them after. */
void pool_drain(
    struct pool *pool, int64_t timeout_ms, const struct listener_set *in_force);
/* Asks all to leave at once. */
void pool_quit(struct pool *pool);

/* The unchanged pool's generation takes up the new objects of a reload. */
void pool_adopt(struct pool *pool, struct config *config,
    const struct pool_config *pool_config);

/* Desired state: as many workers as wanted, no more. Forks and drains what
 * it takes; harmless to call at any time. */
void pool_reconcile(struct pool *pool);
/* Sets how many are wanted, and reconciles. */
void pool_resize(struct pool *pool, size_t n_workers);

/* Puts another worker in the place of that in SLOT, which finishes what it
 * serves first, or leaves at once when NOW. False when none serves there. */
bool pool_replace_worker(struct pool *pool, size_t slot, bool now);

enum pool_state pool_state(const struct pool *pool);
size_t pool_count(const struct pool *pool, enum worker_state state);
bool pool_has_workers(const struct pool *pool); /* any, draining too */

/* All workers of `starting` are READY. */
bool pool_started(const struct pool *pool);

/* How many workers the pool should have now: as configured, or as set since
 * by an operator. */
size_t pool_workers(const struct pool *pool);

/* How many workers CONFIG asks for, at most WORKERS_MAX; `auto` is one a
 * processor. */
size_t pool_wanted_workers(const struct pool_config *config);

/* Calls EACH for every handle with a process, of all generations. */
void pool_each_worker(struct pool *pool,
    void (*each)(struct worker_handle *worker, void *arg), void *arg);

/* Told by generation.c: a worker of `starting` became ready, one ended. */
void pool_worker_ready(struct pool *pool);
void pool_worker_gone(struct pool *pool, struct worker_handle *worker);

#endif
