/* SPDX-License-Identifier: ISC */
/*
 * What happens between fork and READY, as a checklist. The order is the
 * point: what needs root or files comes before both are given up, and
 * handlers, which may be anybody's code, start inside the sandbox.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/privileges.h"
#include "common/tls_memory.h"
#include "common/tls_server.h"
#include "worker/accept.h"
#include "worker/connection.h"
#include "worker/crash.h"
#include "worker/descriptors.h"
#include "worker/drain.h"
#include "worker/leave.h"
#include "worker/oom_score.h"
#include "worker/orders.h"
#include "worker/sandbox.h"
#include "worker/service.h"
#include "worker/startup.h"
#include "worker/state.h"
#include "worker/title.h"
#include "worker/worker_signals.h"

/* ps(1) and the log call a worker the same: "worker default/3". */
static void
take_name(struct worker *worker)
{
	char role[96];

	snprintf(worker->name, sizeof(worker->name), "%s/%zu",
	    worker->context->pool->name, worker->context->slot);
	snprintf(role, sizeof(role), "worker %s", worker->name);
	log_set_role(role);
	prctl(PR_SET_NAME, worker->name); /* the kernel cuts it */
	title_show(worker);
}

/* The siblings' slots are there to be read. False with errno. */
static bool
take_slot(struct worker *worker)
{
	const struct worker_context *context = worker->context;
	size_t size = context->region_slot_size;
	char *region = context->region;

	worker->slot = slot_at(region, size, context->slot - 1);
	if (mprotect(region, size * (context->slot - 1), PROT_READ) == -1 ||
	    mprotect(region + size * context->slot,
		size * (WORKERS_MAX - context->slot), PROT_READ) == -1)
		return false;
	counter_set(&worker->slot->phase, PHASE_STARTING);
	counter_set(&worker->slot->accepting, 0);
	counter_set(&worker->slot->active, 0);
	counter_set(&worker->slot->turn_since_ms, 0);
	return true;
}

static bool
open_loop(struct worker *worker)
{
	timers_init(&worker->timers);
	title_init(worker);
	drain_init(worker);
	worker->channel.message = orders_obey;
	worker->channel.closed = orders_orphaned;
	worker->channel.arg = worker;
	return poller_open(&worker->poller) && channel_open(&worker->channel) &&
	    worker_signals_watch(worker) && connection_init(worker);
}

/* A worker that has been taken over shall not know the keys of other pools, nor
 * those of a configuration that was. */
static void
forget_other_keys(const struct worker_context *context)
{
	for (size_t i = 0; i < context->n_services; i++) {
		if (context->services[i]->tls != NULL)
			tls_server_keep(context->services[i]->tls);
	}
	tls_server_forget_others();
	tls_memory_relax();
}

static bool
set_nice(const struct pool_config *pool, char *why, size_t size)
{
	if (pool->nice == 0 ||
	    setpriority(PRIO_PROCESS, 0, (int)pool->nice) == 0)
		return true;
	snprintf(why, size, "cannot set nice %lld of pool \"%s\": %s",
	    (long long)pool->nice, pool->name, strerror(errno));
	return false;
}

static bool
drop_privileges(const struct worker_context *context, char *why, size_t size)
{
	const struct pool_config *pool = context->pool;
	const struct daemon_config *daemon = &context->config->daemon;
	struct privileges wanted = {
		.user = *pool->user != '\0' ? pool->user : daemon->user,
		.group = *pool->group != '\0' ? pool->group : daemon->group,
		.chroot = pool->chroot,
	};

	if (geteuid() == 0 && *wanted.user == '\0')
		wanted.user = "nobody";
	if (geteuid() != 0) { /* those of the daemon are for root only */
		wanted.user = pool->user;
		wanted.group = pool->group;
	}
	tzset(); /* daytime cannot read the zone after this */
	return privileges_drop(&wanted, why, size);
}

static void
lock_in(const struct pool_config *pool)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, LEAVE_NEEDS_DUMPABLE, 0, 0, 0);
	sandbox_enter((enum sandbox_mode)pool->sandbox);
}

static int
failed(int status, char *why, size_t size, const char *what)
{
	snprintf(why, size, "cannot %s: %s", what, strerror(errno));
	return status;
}

/* What may be had in a moment is tried again; all else is a matter of the
 * configuration, and the pool is given up. */
static int
status_of_refusal(int error)
{
	switch (error) {
	case EAGAIN:
	case EINTR:
	case EIO:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return 1;
	default:
		return EXIT_CONFIG;
	}
}

int
startup_run(struct worker *worker, char *why, size_t why_size)
{
	const struct worker_context *context = worker->context;
	const char *refused;

	if (!worker_signals_reset(worker))
		return failed(1, why, why_size, "set the signal mask");
	if (!descriptors_detach())
		return failed(1, why, why_size, "open \"/dev/null\"");
	descriptors_close_others(context);
	worker->now_ms = clock_monotonic_ms();
	if (!take_slot(worker))
		return failed(1, why, why_size, "protect its siblings' slots");
	take_name(worker);
	forget_other_keys(context);
	crash_watch(worker->name, context->channel_fd);
	oom_score_raise();
	if (!open_loop(worker))
		return failed(1, why, why_size, "set up the event loop");
	worker->connections.limit = descriptors_limit(context);
	if (!set_nice(context->pool, why, why_size))
		return EXIT_CONFIG;
	if (!service_init_all(worker, why, why_size) ||
	    !accept_init(worker, why, why_size))
		return 1;
	if (!drop_privileges(context, why, why_size))
		return status_of_refusal(errno);
	lock_in(context->pool);
	if (!service_start_all(worker, &refused)) {
		int status = status_of_refusal(errno);
		snprintf(why, why_size,
		    "service \"%s\": its handler refused to start", refused);
		return status;
	}
	return 0;
}
