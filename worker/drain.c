/* SPDX-License-Identifier: ISC */
/*
 * Leaving in order: no new clients, those that are here may finish, until the
 * time is over. It begins at the end of a turn, when every listener that woke
 * this worker has had its accept.
 */
#include "worker/drain.h"
#include "worker/accept.h"
#include "worker/connection.h"
#include "worker/state.h"
#include "worker/title.h"

static void
time_over(struct timer *timer, void *arg)
{
	struct worker *worker = arg;

	(void)timer;
	if (worker->connections.active != 0)
		log_info("draining takes too long, closing %llu connections",
		    (unsigned long long)worker->connections.active);
	connection_kill_all(worker, CLOSE_DRAIN);
}

void
drain_init(struct worker *worker)
{
	timers_add_list(
	    &worker->timers, &worker->draining.end, 0, time_over, worker);
}

void
drain_free(struct worker *worker)
{
	timers_stop(&worker->draining.end_timer);
}

static void
begin(struct worker *worker)
{
	struct draining *draining = &worker->draining;

	draining->begun = true;
	counter_set(&worker->slot->phase, PHASE_DRAINING);
	log_debug("draining");
	accept_stop(worker, draining->order.empty);
	connection_settle_all(worker);
}

/* (Re)starts the clock: at least a millisecond, for 0 would mean never. */
static void
set_end(struct worker *worker)
{
	struct draining *draining = &worker->draining;
	int64_t length_ms = draining->order.timeout_ms;

	timers_stop(&draining->end_timer);
	timers_set_length(&draining->end, length_ms < 1 ? 1 : length_ms);
	timers_start(&draining->end, &draining->end_timer, worker->now_ms);
}

void
drain_ask(struct worker *worker, const struct message_drain *order)
{
	struct draining *draining = &worker->draining;
	bool first = !draining->asked;

	draining->asked = true;
	if (first)
		draining->order = *order;
	if (first ||
	    worker->now_ms + order->timeout_ms <
		draining->end_timer.deadline_ms) {
		draining->order.timeout_ms = order->timeout_ms;
		set_end(worker);
	}
}

void
drain_ask_alone(struct worker *worker)
{
	const struct message_drain order = {
		.timeout_ms = worker->context->config->daemon.drain_timeout_ms,
	};

	drain_ask(worker, &order);
}

void
drain_review(struct worker *worker)
{
	struct draining *draining = &worker->draining;

	if (!draining->asked)
		return;
	if (!draining->begun) {
		begin(worker);
		title_show(worker);
	}
	if (worker->connections.active == 0)
		worker->done = true;
}
