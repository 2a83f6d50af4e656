/* SPDX-License-Identifier: ISC */
#ifndef WORKER_SERVICE_H
#define WORKER_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/state.h"

/* Makes the services of the worker's pool, without starting handlers. False
 * with a line in WHY. */
bool service_init_all(struct worker *worker, char *why, size_t why_size);
void service_free_all(struct worker *worker);

/* Calls the handlers' start(). False when one refuses, with errno as it has
 * left it, else 0; it has said why in the log. *NAME is that service's. */
bool service_start_all(struct worker *worker, const char **name);
void service_stop_all(struct worker *worker);

/* The pool has another size: every worker's share of each service's
 * max_connections is another. */
void service_set_shares(struct worker *worker);

/* The part of MAX (0: no limit, then UINT64_MAX) that falls to the worker with
 * RANK (from 1) among N; together they have MAX. */
uint64_t service_share(uint64_t max, uint64_t rank, uint64_t n);

/* A connection more, a connection less. */
void service_count_opened(struct pf_service *service);
void service_count_closed(struct pf_service *service);

/* Around each callback of the handler that a client causes: measures one in 64
 * and counts it for all, so that busy time costs no clock call a request. What
 * the first returns is for the second. */
int64_t service_enter(struct pf_service *service);
void service_leave(struct pf_service *service, int64_t entered_us);

#endif
