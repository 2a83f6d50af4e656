/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_GENERATION_H
#define SUPERVISOR_GENERATION_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "supervisor/listener_set.h"
#include "supervisor/region.h"
#include "supervisor/worker_handle.h"

/*
 * A generation is what one start of a pool made: the services and listeners
 * that its workers are forked with, a region of slots shared with them, and a
 * handle for each slot. It never changes what it serves.
 */
enum generation_state {
	GENERATION_STARTING = 0, /* not all workers said READY */
	GENERATION_SERVING,
	GENERATION_DRAINING,
};

struct generation {
	TAILQ_ENTRY(generation) entry; /* in pool->draining */
	struct pool *pool;
	uint64_t number;
	enum generation_state state;
	int64_t started_ms;
	struct config *config; /* one reference */
	const struct pool_config *pool_config;
	const struct service_config **services;
	size_t n_services;
	struct listener **listeners; /* one reference each */
	struct worker_listener *worker_listeners;
	size_t n_listeners;
	uint16_t *udp_ports;
	size_t n_udp_ports;
	struct region region; /* slots, shared with the workers */
	struct worker_handle workers[WORKERS_MAX]; /* by slot - 1 */
	size_t n_slots;	  /* slots that were ever used */
	size_t n_workers; /* wanted */
};

TAILQ_HEAD(generations, generation);

/* A generation without workers. NULL with errno. */
struct generation *generation_new(struct pool *pool, uint64_t number,
    struct config *config, const struct pool_config *pool_config,
    const struct listener_set *listeners);

/* No process may be left. NULL is allowed. */
void generation_free(struct generation *generation);

/* Takes up the objects of a configuration that says the same. */
void generation_adopt(struct generation *generation, struct config *config,
    const struct pool_config *pool_config);

/* Starts or drains workers until as many serve, or are about to, as wanted. */
void
generation_reconcile(struct generation *generation, int64_t drain_timeout_ms);

/* Lets the worker in SLOT (from 1) finish, within DRAIN_TIMEOUT_MS (0: it
 * leaves at once). False when none that is wanted is there. */
bool generation_retire(
    struct generation *generation, size_t slot, int64_t drain_timeout_ms);

/* Lets all workers finish. Queues of listeners that are not in KEPT (NULL:
 * of all) are emptied by them. Its listeners are given up. */
void generation_drain(struct generation *generation, int64_t timeout_ms,
    const struct listener_set *kept);
/* Asks all to leave at once. */
void generation_quit(struct generation *generation);

size_t
generation_count(const struct generation *generation, enum worker_state state);
/* Place of the worker among those that are wanted, from 1. */
size_t generation_rank(const struct worker_handle *worker);

size_t generation_alive(const struct generation *generation);

/* The first failure that a worker of it told, or NULL. */
const char *generation_failure(const struct generation *generation);

/* Told by worker_handle.c. */
void generation_worker_ready(struct worker_handle *worker);
void generation_worker_gone(struct worker_handle *worker);
/* Whether the worker that just ended is to be replaced by policy. */
bool generation_replaces(const struct worker_handle *worker);

#endif
