/* SPDX-License-Identifier: ISC */
/*
 * The phases of stopping. Supervisor only. Never waits: each phase sets one
 * timer, and the last worker to leave ends the loop.
 */
#include <stdbool.h>

#include "common/log.h"
#include "supervisor/events.h"
#include "supervisor/loop.h"
#include "supervisor/notify.h"
#include "supervisor/reload.h"
#include "supervisor/shutdown.h"
#include "supervisor/supervisor.h"

#define DRAIN_GRACE_MS 1500 /* workers close what is left by themselves */

static struct timer deadline;
static bool leaving;

static void
enter_stopping(const char *how)
{
	supervisor.state = SUPERVISOR_STOPPING;
	reload_cancel("the daemon is stopping");
	notify_stopping(how);
	events_announce(LOG_LEVEL_INFO, "%s", how);
}

static void
on_drain_timeout(void *arg)
{
	(void)arg;
	log_warn("drain_timeout has passed, connections are closed");
	shutdown_now();
}

static void
drain(void *arg)
{
	int64_t timeout_ms = supervisor.config->daemon.drain_timeout_ms;
	struct pool *pool;

	(void)arg;
	events_announce(LOG_LEVEL_INFO, "no longer accepting");
	TAILQ_FOREACH (pool, &supervisor.pools, entry)
		pool_drain(pool, timeout_ms, NULL);
	listener_set_free(supervisor.listeners);
	supervisor.listeners = NULL;
	loop_timer_set(
	    &deadline, timeout_ms + DRAIN_GRACE_MS, on_drain_timeout, NULL);
	shutdown_check();
}

void
shutdown_begin(void)
{
	if (supervisor.state == SUPERVISOR_STOPPING ||
	    supervisor.config == NULL) {
		shutdown_now();
		return;
	}
	int64_t delay_ms = supervisor.config->daemon.drain_delay_ms;
	enter_stopping("stopping");
	if (delay_ms > 0)
		loop_timer_set(&deadline, delay_ms, drain, NULL);
	else
		drain(NULL);
}

void
shutdown_now(void)
{
	struct pool *pool;

	if (leaving)
		return;
	leaving = true;
	if (supervisor.state == SUPERVISOR_STOPPING)
		events_announce(LOG_LEVEL_INFO, "stopping at once");
	else
		enter_stopping("stopping at once");
	loop_timer_cancel(&deadline);
	TAILQ_FOREACH (pool, &supervisor.pools, entry)
		pool_quit(pool);
	listener_set_free(supervisor.listeners);
	supervisor.listeners = NULL;
	shutdown_check();
}

void
shutdown_check(void)
{
	const struct pool *pool;

	if (supervisor.state != SUPERVISOR_STOPPING ||
	    supervisor.listeners != NULL)
		return;
	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		if (pool_has_workers(pool))
			return;
	}
	loop_timer_cancel(&deadline);
	loop_stop();
}
