/* SPDX-License-Identifier: ISC */
/*
 * Timers of the running daemon. Supervisor only. The watchdog compares a
 * worker's heartbeat with the last one seen and measures by its own checks,
 * never by the worker's clock: when the supervisor itself was stopped, no
 * worker is to blame.
 */
#include "supervisor/maintenance.h"
#include "common/log.h"
#include "supervisor/events.h"
#include "supervisor/notify.h"
#include "supervisor/reload.h"
#include "supervisor/supervisor.h"
#include "supervisor/worker_channel.h"

#define CHECKS_A_PERIOD 4    /* heartbeats looked at per `watchdog` */
#define AGE_RETRY_MS	5000 /* when a reload is under way */
#define SYSLOG_MS	1000 /* so often a syslogd that went is looked for */

static struct timer watchdog, age, manager, syslog;
static int64_t last_check_ms;

static void
check_worker(struct worker_handle *worker, void *arg)
{
	int64_t now = loop_now_ms();
	const struct pool *pool = arg;
	char name[64];

	if (worker->state != WORKER_READY && worker->state != WORKER_DRAINING)
		return;
	uint64_t turns = counter_get(&worker_handle_slot(worker)->turns);
	if (turns != worker->turns_seen) {
		worker->turns_seen = turns;
		worker->turns_moved_ms = now;
	}
	if (now - worker->turns_moved_ms < pool->config->watchdog_ms) {
		/* An idle loop turns only when it is poked. */
		worker_channel_send(worker, MESSAGE_PING, NULL, 0, -1);
		return;
	}
	events_announce(LOG_LEVEL_ERROR,
	    "worker %s (pid %d) stuck for %lld ms: aborted",
	    worker_handle_name(worker, name, sizeof(name)), (int)worker->pid,
	    (long long)(now - worker->turns_moved_ms));
	worker->generation->pool->reached.watchdog++;
	worker_handle_abort(worker);
}

static void
forgive(struct worker_handle *worker, void *arg)
{
	const int64_t *missed_ms = arg;

	worker->turns_moved_ms += *missed_ms;
}

/* Without a watchdog nobody has looked: from now on. */
static void
excuse(struct worker_handle *worker, void *arg)
{
	(void)arg;
	worker->turns_moved_ms = loop_now_ms();
}

static int64_t
shortest_watchdog_ms(void)
{
	const struct pool *pool;
	int64_t shortest = 0;

	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		if (pool->config == NULL || pool->config->watchdog_ms == 0)
			continue;
		if (shortest == 0 || pool->config->watchdog_ms < shortest)
			shortest = pool->config->watchdog_ms;
	}
	return shortest;
}

/* Of the checks; 0 when no pool has a watchdog. */
static int64_t
check_period_ms(void)
{
	int64_t shortest = shortest_watchdog_ms();

	return shortest == 0 || shortest >= CHECKS_A_PERIOD
	    ? shortest / CHECKS_A_PERIOD
	    : 1;
}

static void
check_workers(void *arg)
{
	int64_t period = check_period_ms();
	int64_t missed_ms = loop_now_ms() - last_check_ms - period;
	struct pool *pool;

	(void)arg;
	last_check_ms = loop_now_ms();
	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		if (pool->config == NULL || pool->config->watchdog_ms == 0) {
			pool_each_worker(pool, excuse, NULL);
			continue;
		}
		/* This check came late: that time is the supervisor's. */
		if (missed_ms > period)
			pool_each_worker(pool, forgive, &missed_ms);
		pool_each_worker(pool, check_worker, pool);
	}
	if (period > 0)
		loop_timer_set(&watchdog, period, check_workers, NULL);
}

static int64_t
age_left_ms(const struct pool *pool)
{
	if (pool->config == NULL || pool->config->max_age_ms == 0 ||
	    pool->serving == NULL)
		return -1;
	int64_t left = pool->serving->started_ms + pool->config->max_age_ms -
	    loop_now_ms();
	return left < 0 ? 0 : left;
}

static void renew_old(void *arg);

/* One pool at a time; the next may be due as well. */
static void
on_renewed(void *arg, const struct reload_result *result)
{
	(void)arg;
	if (result->ok)
		loop_timer_set(&age, 0, renew_old, NULL);
}

static void
renew_old(void *arg)
{
	struct pool *pool;

	(void)arg;
	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		if (age_left_ms(pool) != 0 || reload_active() ||
		    supervisor.state != SUPERVISOR_RUNNING)
			continue;
		events_announce(LOG_LEVEL_INFO,
		    "pool %s: workers have reached max_age", pool->name);
		pool->reached.max_age++;
		reload_restart(pool, on_renewed, NULL);
		break;
	}
	loop_timer_set(&age, AGE_RETRY_MS, renew_old, NULL);
	maintenance_schedule();
}

/* Called after each turn, so a retry that has been set stays as it is. */
static void
schedule_age(void)
{
	const struct pool *pool;
	int64_t next = -1;

	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		int64_t left = age_left_ms(pool);
		if (left >= 0 && (next == -1 || left < next))
			next = left;
	}
	if (next == -1)
		loop_timer_cancel(&age);
	else if (next > 0)
		loop_timer_set(&age, next, renew_old, NULL);
	else if (!age.active || age.due_ms > loop_now_ms() + AGE_RETRY_MS)
		loop_timer_set(&age, AGE_RETRY_MS, renew_old, NULL);
}

static void
tell_manager(void *arg)
{
	(void)arg;
	notify_watchdog();
	loop_timer_set(
	    &manager, notify_watchdog_interval_ms(), tell_manager, NULL);
}

/* Workers that see no files cannot connect: without this a supervisor that has
 * nothing to say would leave them unheard. */
static void
keep_syslog(void *arg)
{
	(void)arg;
	log_keep_syslog();
	loop_timer_set(&syslog, SYSLOG_MS, keep_syslog, NULL);
}

void
maintenance_schedule(void)
{
	int64_t period = check_period_ms();
	struct pool *pool;

	if (period == 0)
		loop_timer_cancel(&watchdog);
	else if (!watchdog.active) {
		last_check_ms = loop_now_ms();
		TAILQ_FOREACH (pool, &supervisor.pools, entry)
			pool_each_worker(pool, excuse, NULL);
		loop_timer_set(&watchdog, period, check_workers, NULL);
	}
	schedule_age();
	if (log_fd() != -1)
		loop_timer_cancel(&syslog);
	else if (!syslog.active)
		loop_timer_set(&syslog, SYSLOG_MS, keep_syslog, NULL);
	if (notify_watchdog_interval_ms() > 0 && !manager.active)
		tell_manager(NULL);
}
