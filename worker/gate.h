/* SPDX-License-Identifier: ISC */
#ifndef WORKER_GATE_H
#define WORKER_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/worker.h"

/*
 * Who should take the next connection: the judgement, without any system
 * call. accept.c acts on it.
 */
struct gate {
	void *region; /* slots of all siblings, read-only */
	size_t slot_size;
	size_t self; /* own slot, from 0 */
	size_t n;    /* slots that siblings may be in, this one included */
	unsigned since_rotation;
	/* Heartbeats when this worker stood back, and how often since then a
	 * sibling did not move although a connection was waiting. */
	uint64_t turns[WORKERS_MAX];
	uint8_t missed[WORKERS_MAX];
};

/* For the worker in slot SELF (from 0) of REGION, which outlives the gate. */
void gate_init(struct gate *gate, void *region, size_t slot_size, size_t self,
    uint64_t n_slots);
void gate_set_slots(struct gate *gate, uint64_t n_slots);

/* True when OWN connections are more than this worker's part, compared with
 * the live siblings. */
bool gate_over(struct gate *gate, uint64_t own);

/* Whether another live worker competes for the same connections. */
bool gate_has_siblings(struct gate *gate);

/* True once every few calls, one call an accepted connection: time to go to
 * the end of the kernel's queue of waiters. */
bool gate_rotate(struct gate *gate);

/* The worker stands back; and it came back to a connection that nobody took.
 * Siblings without a turn in between, several times running, are stalled until
 * they turn again. */
void gate_stand_back(struct gate *gate);
void gate_nobody_took(struct gate *gate);

#endif
