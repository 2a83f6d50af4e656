/* SPDX-License-Identifier: ISC */
/*
 * The running daemon: brings up log, control socket and loop, takes up the
 * first configuration, and after each turn of the loop brings what is to what
 * is wanted. This process opens and forks; it reads nothing but the control
 * socket, and after the start nothing but a stop ends it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/control.h"
#include "supervisor/events.h"
#include "supervisor/logfiles.h"
#include "supervisor/loop.h"
#include "supervisor/maintenance.h"
#include "supervisor/notify.h"
#include "supervisor/predecessor.h"
#include "supervisor/reload.h"
#include "supervisor/shutdown.h"
#include "supervisor/signals.h"
#include "supervisor/supervisor.h"
#include "supervisor/totals.h"

struct supervisor supervisor = {
	.pools = TAILQ_HEAD_INITIALIZER(supervisor.pools),
};

static void (*tell_ready)(void);

static void
count_workers(size_t *ready, size_t *wanted)
{
	const struct pool *pool;

	*ready = 0;
	*wanted = 0;
	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		if (pool->serving != NULL)
			*ready += generation_count(pool->serving, WORKER_READY);
		*wanted += pool_workers(pool);
	}
}

char *
supervisor_describe(char *buf, size_t size)
{
	size_t ready, wanted;

	count_workers(&ready, &wanted);
	const char *state = "running";
	if (supervisor.state == SUPERVISOR_STARTING)
		state = "starting";
	else if (supervisor.state == SUPERVISOR_STOPPING)
		state = "stopping";
	else if (reload_active())
		state = "reloading";
	else if (supervisor.draining)
		state = "draining";
	snprintf(
	    buf, size, "%s, %zu of %zu workers ready", state, ready, wanted);
	return buf;
}

const char *
supervisor_not_ready(char *buf, size_t size)
{
	const struct pool *pool;

	if (supervisor.state == SUPERVISOR_STARTING)
		return strcpy(buf, "starting");
	if (supervisor.state == SUPERVISOR_STOPPING)
		return strcpy(buf, "stopping");
	if (supervisor.draining)
		return strcpy(buf, "draining");
	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		enum pool_state state = pool_state(pool);
		if (pool->config == NULL || state == POOL_READY)
			continue;
		snprintf(buf, size, "pool \"%s\" is %s", pool->name,
		    pool_state_names[state]);
		return buf;
	}
	return NULL;
}

/* Title and STATUS= follow the state, when it has changed. */
static void
show_state(void)
{
	static char shown[128];
	char now[128];

	if (strcmp(supervisor_describe(now, sizeof(now)), shown) == 0)
		return;
	strlcpy(shown, now, sizeof(shown));
	setproctitle("supervisor [%s] %s", supervisor.config_path, now);
	notify_status(now);
}

static void
reconcile(void *arg)
{
	struct pool *pool, *next;

	(void)arg;
	TAILQ_FOREACH_SAFE (pool, &supervisor.pools, entry, next) {
		pool_reconcile(pool);
		/* A pool that a reload removed goes with its last worker. */
		if (pool->config != NULL || pool->serving != NULL ||
		    pool->starting != NULL || !TAILQ_EMPTY(&pool->draining))
			continue;
		TAILQ_REMOVE(&supervisor.pools, pool, entry);
		pool_free(pool);
	}
	if (supervisor.state == SUPERVISOR_RUNNING)
		maintenance_schedule();
	show_state();
}

static void
tell_listeners(void)
{
	for (size_t i = 0; i < supervisor.listeners->n; i++) {
		const struct listener_use *use =
		    &supervisor.listeners->items[i];
		log_info("listening on %s for service %s", use->listener->text,
		    use->service->name);
	}
}

static void
on_ready(void)
{
	char status[128];

	supervisor.state = SUPERVISOR_RUNNING;
	tell_listeners();
	events_announce(LOG_LEVEL_INFO, "ready: %s",
	    supervisor_describe(status, sizeof(status)));
	notify_ready(status);
	/* Standard error leads nowhere from here on. */
	if (supervisor.detached)
		logfiles_open(
		    &supervisor.config->daemon, true, status, sizeof(status));
	tell_ready();
}

static bool
set_up(struct config *config)
{
	char why[256];

	if (loop_init() == -1 || signals_watch() == -1) {
		log_error("cannot start the event loop: %s", strerror(errno));
		return false;
	}
	/* Then nothing on disk would tell of one. */
	if (config->daemon.control[0] == '\0' &&
	    config->daemon.pid_file[0] == '\0')
		predecessor_found();
	/* The log last: reasons not to start are told on standard error. */
	if (!control_open(&config->daemon, why, sizeof(why))) {
		log_error("%s", why);
		return false;
	}
	if (!logfiles_open(&config->daemon, false, why, sizeof(why))) {
		log_error("%s", why);
		control_close();
		return false;
	}
	return true;
}

static void
tear_down(void)
{
	struct pool *pool;

	control_close();
	while ((pool = TAILQ_FIRST(&supervisor.pools)) != NULL) {
		pool_reconcile(pool);
		TAILQ_REMOVE(&supervisor.pools, pool, entry);
		pool_free(pool);
	}
	totals_clear();
	logfiles_close();
	config_unref(supervisor.config);
	supervisor.config = NULL;
	signals_close();
	loop_close();
}

int
supervisor_run(struct config *config, void (*ready)(void))
{
	tell_ready = ready;
	if (!set_up(config)) {
		config_unref(config);
		return EXIT_FAILURE;
	}
	supervisor.started_ms = loop_now_ms();
	reload_begin_first(config, on_ready);
	shutdown_check();
	loop_run(reconcile, NULL);
	if (supervisor.exit_status == 0)
		log_info("stopped");
	tear_down();
	return supervisor.exit_status;
}
