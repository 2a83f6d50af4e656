/* SPDX-License-Identifier: ISC */
#ifndef WORKER_DRAIN_H
#define WORKER_DRAIN_H

#include "worker/worker.h"

struct worker;

void drain_init(struct worker *worker);
void drain_free(struct worker *worker);

/* Asks for draining from the end of this turn on. Later orders change nothing
 * but a shorter time. */
void drain_ask(struct worker *worker, const struct message_drain *order);

/* The same without a supervisor's order: listeners are just given up, and the
 * configuration's drain_timeout holds. */
void drain_ask_alone(struct worker *worker);

/* The beat at the end of a turn: begins, or notices that all is done. */
void drain_review(struct worker *worker);

#endif
