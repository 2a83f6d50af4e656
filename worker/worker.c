/* SPDX-License-Identifier: ISC */
/*
 * A worker: one process, one loop over epoll, thousands of connections. Runs
 * in the process that the supervisor has just forked and shares nothing with
 * it but the channel, the listening sockets and its page of counters, which it
 * alone writes. An idle worker makes no system call.
 */
#include <sys/epoll.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/accept.h"
#include "worker/connection.h"
#include "worker/drain.h"
#include "worker/leave.h"
#include "worker/startup.h"
#include "worker/state.h"
#include "worker/title.h"
#include "worker/tls.h"

#define LATE_MS	      1000 /* this much too late is no matter of load */
#define PUT_OFF_TURNS 256  /* enough to hear 16,384 connections */

_Static_assert(sizeof(struct pf_connection) <= 256, "thousands of these");

static int
sleep_ms(struct worker *worker)
{
	if (worker->accepting.poll_once) {
		worker->accepting.poll_once = false;
		return 0;
	}
	if (tls_is_busy(worker))
		return 0;
	return timers_wait_ms(&worker->timers, worker->now_ms);
}

/* The heartbeat: a turn that lasts shows as one that began long ago. */
static void
begin_turn(struct worker *worker)
{
	struct slot *slot = worker->slot;

	worker->now_ms = clock_monotonic_ms();
	counter_add(&slot->turns, 1);
	counter_set(&slot->turn_since_ms, (uint64_t)worker->now_ms);
}

static void
dispatch(const struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		struct watch *watch = events[i].data.ptr;
		watch->ready(watch, events[i].events);
	}
}

/* After a long sleep (the machine was suspended, the process stopped) many
 * deadlines have passed at once, of peers that have long sent something: those
 * are heard first. N events came in this turn. */
static bool
must_hear_first(struct worker *worker, int n)
{
	bool late = timers_late_ms(&worker->timers, worker->now_ms) >= LATE_MS;
	bool all_heard = worker->put_off != 0 && n < POLLER_EVENTS;

	if (!late || all_heard || worker->put_off == PUT_OFF_TURNS) {
		worker->put_off = 0;
		return false;
	}
	worker->put_off++;
	return true;
}

/* Everything that events have changed takes effect here. */
static void
end_turn(struct worker *worker, int n_events)
{
	tls_turn(worker, n_events < POLLER_EVENTS);
	if (!must_hear_first(worker, n_events))
		timers_run(&worker->timers, worker->now_ms);
	connection_settle_all(worker);
	tls_settle(worker);
	drain_review(worker);
	accept_review(worker);
	counter_set(&worker->slot->worker.log_dropped,
	    log_dropped() + worker->access_dropped);
	counter_set(&worker->slot->turn_since_ms, 0);
}

static int
serve(struct worker *worker)
{
	struct epoll_event events[POLLER_EVENTS];

	while (!worker->done) {
		int n = poller_wait(&worker->poller, events, sleep_ms(worker));
		if (n == -1) {
			log_error(
			    "cannot wait for events: %s", strerror(errno));
			return 1;
		}
		begin_turn(worker);
		dispatch(events, n);
		end_turn(worker, n);
	}
	return 0;
}

/* Before READY. WHY has at most WORKER_TEXT_MAX bytes. */
static _Noreturn void
fail(struct worker *worker, int status, const char *why)
{
	log_error("%s", why);
	channel_send(&worker->channel, MESSAGE_FAILED, why, strlen(why) + 1);
	leave_exit(worker, status);
}

void
worker_main(const struct worker_context *context)
{
	static struct worker worker;
	char why[WORKER_TEXT_MAX];

	worker.context = context;
	worker.n_workers = context->n_workers;
	worker.rank = context->rank;
	worker.access_log_fd = context->access_log_fd;
	worker.access_to_log =
	    strcmp(context->config->daemon.access_log, "log") == 0;
	worker.poller.fd = worker.signal_fd = -1;
	worker.poller.spin_us = context->pool->spin_us;
	channel_init(&worker.channel, &worker.poller, context->channel_fd);
	int status = startup_run(&worker, why, sizeof(why));
	if (status != 0)
		fail(&worker, status, why);
	counter_set(&worker.slot->phase, PHASE_SERVING);
	accept_start(&worker);
	channel_send(&worker.channel, MESSAGE_READY, NULL, 0);
	title_show(&worker);
	status = serve(&worker);
	connection_kill_all(&worker, CLOSE_OPERATOR);
	connection_settle_all(&worker);
	leave_exit(&worker, status);
}
