/* SPDX-License-Identifier: ISC */
/*
 * Fairness between the workers of a pool. The kernel wakes the waiter that
 * registered first, again and again; so a worker with clearly more
 * connections than the mean of its siblings stands back for a moment, and
 * each goes to the end of the queue of waiters every now and then. (One that
 * was woken for nothing stands back, too; see accept.c.)
 *
 * Siblings' slots are hostile memory: numbers are clamped and compared, never
 * used as anything else. A sibling that is stopped or spins does not count,
 * or everybody would wait for it.
 */
#include "worker/gate.h"
#include "common/counters.h"

#define ROTATE_AFTER 16 /* accepts; 2 system calls each time */
#define SLACK_SHIFT  6	/* of the mean: 1/64, and 1 */
#define PATIENCE     8	/* stand-backs, each 2 ms: a loaded machine */

void
gate_init(struct gate *gate, void *region, size_t slot_bytes, size_t self,
    uint64_t n_slots)
{
	*gate = (struct gate){
		.region = region,
		.slot_size = slot_bytes,
		.self = self,
	};
	gate_set_slots(gate, n_slots);
}

void
gate_set_slots(struct gate *gate, uint64_t n_slots)
{
	gate->n = n_slots > WORKERS_MAX ? WORKERS_MAX : (size_t)n_slots;
}

static const struct slot *
sibling(const struct gate *gate, size_t i)
{
	return slot_at(gate->region, gate->slot_size, i);
}

/* Whether sibling I competes for connections and is alive to do so. */
static bool
competes(struct gate *gate, size_t i)
{
	const struct slot *slot = sibling(gate, i);

	if (counter_get(&slot->accepting) != 1)
		return false;
	if (gate->missed[i] != 0 && counter_get(&slot->turns) != gate->turns[i])
		gate->missed[i] = 0;
	return gate->missed[i] < PATIENCE;
}

bool
gate_over(struct gate *gate, uint64_t own)
{
	/* Nobody who says that he has more than this can make this worker take
	 * more than those who have little. */
	uint64_t most = own + own / 2 + 16;
	uint64_t sum = own, n = 1;

	for (size_t i = 0; i < gate->n; i++) {
		if (i == gate->self || !competes(gate, i))
			continue;
		uint64_t active = counter_get(&sibling(gate, i)->active);
		sum += active > most ? most : active;
		n++;
	}
	/* own > mean + 1 + mean / 64, without division */
	return n > 1 && own > 0 &&
	    ((own - 1) * n << SLACK_SHIFT) > sum + (sum << SLACK_SHIFT);
}

bool
gate_has_siblings(struct gate *gate)
{
	for (size_t i = 0; i < gate->n; i++) {
		if (i != gate->self && competes(gate, i))
			return true;
	}
	return false;
}

bool
gate_rotate(struct gate *gate)
{
	if (gate->n < 2 || ++gate->since_rotation < ROTATE_AFTER)
		return false;
	gate->since_rotation = 0;
	return true;
}

void
gate_stand_back(struct gate *gate)
{
	for (size_t i = 0; i < gate->n; i++) {
		if (gate->missed[i] == 0)
			gate->turns[i] = counter_get(&sibling(gate, i)->turns);
	}
}

void
gate_nobody_took(struct gate *gate)
{
	for (size_t i = 0; i < gate->n; i++) {
		if (i == gate->self)
			continue;
		if (counter_get(&sibling(gate, i)->turns) != gate->turns[i])
			gate->missed[i] = 0;
		else if (gate->missed[i] < PATIENCE)
			gate->missed[i]++;
	}
}
