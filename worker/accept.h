/* SPDX-License-Identifier: ISC */
#ifndef WORKER_ACCEPT_H
#define WORKER_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listener;
struct worker;

/* Makes the worker's listeners, not yet watched. False with a line in WHY. */
bool accept_init(struct worker *worker, char *why, size_t why_size);
void accept_free(struct worker *worker);

/* Begins to compete for connections. */
void accept_start(struct worker *worker);

/* The beat at the end of a turn: watches those listeners, and only those,
 * from which this worker may take something now. */
void accept_review(struct worker *worker);

/* Descriptors or memory have run out (ERROR): this listener, or with NULL all
 * stream listeners, are left alone for a moment. */
void accept_pause(struct worker *worker, struct listener *listener, int error);

/* Gives all listeners up; those for which EMPTY (a bit each, or NULL for none)
 * says so are emptied first. */
void accept_stop(struct worker *worker, const unsigned char *empty);

/* Siblings are in the first N_SLOTS slots from now on. */
void accept_set_slots(struct worker *worker, uint64_t n_slots);

#endif
