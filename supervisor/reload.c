/* SPDX-License-Identifier: ISC */
/*
 * The state machine that takes up a configuration, one step at a time and
 * without ever waiting: read and check, look host names up, open listeners,
 * start workers, and only when all of them are ready, swap. Supervisor only.
 * Until the swap everything new stands beside what serves, and fail() can undo
 * it at any point.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/log.h"
#include "supervisor/askers.h"
#include "supervisor/certificates.h"
#include "supervisor/check.h"
#include "supervisor/events.h"
#include "supervisor/logfiles.h"
#include "supervisor/loop.h"
#include "supervisor/notify.h"
#include "supervisor/plan.h"
#include "supervisor/predecessor.h"
#include "supervisor/reload.h"
#include "supervisor/resolver.h"
#include "supervisor/shutdown.h"
#include "supervisor/supervisor.h"
#include "supervisor/swap.h"
#include "supervisor/ticket_keys.h"
#include "worker/worker.h"

#define RESOLVE_TIMEOUT_MS 5000
#define START_GRACE_MS	   1000 /* over start_timeout, which each worker has */

enum reload_step {
	STEP_IDLE = 0,
	STEP_RESOLVING,
	STEP_STARTING,
};

/* What is being done, for messages. */
enum reload_kind { KIND_START = 0, KIND_RELOAD, KIND_RESTART };

static const char *const kind_names[] = { "start", "reload", "restart" };

static struct {
	enum reload_step step;
	enum reload_kind kind;
	struct config *next;
	struct listener_set *listeners;
	struct plan plan;
	struct timer deadline;
	struct askers waiting; /* for the one under way */
	struct askers queued;  /* for the one after it */
	bool again;	       /* somebody asked meanwhile */
	struct timer next_round;
	void (*ready)(void); /* of the start */
} reload = { .waiting = TAILQ_HEAD_INITIALIZER(reload.waiting),
	.queued = TAILQ_HEAD_INITIALIZER(reload.queued) };

static void begin_reading(void);

bool
reload_active(void)
{
	return reload.step != STEP_IDLE;
}

void
reload_forget(void *arg)
{
	askers_forget(&reload.waiting, arg);
	askers_forget(&reload.queued, arg);
}

static void
next_round(void *arg)
{
	(void)arg;
	if (!reload.again || reload_active())
		return;
	reload.again = false;
	TAILQ_CONCAT(&reload.waiting, &reload.queued, entry);
	reload.kind = KIND_RELOAD;
	begin_reading();
}

static void
release(void)
{
	loop_timer_cancel(&reload.deadline);
	resolver_cancel();
	plan_clear(&reload.plan);
	listener_set_free(reload.listeners);
	reload.listeners = NULL;
	config_unref(reload.next);
	reload.next = NULL;
	reload.step = STEP_IDLE;
}

static void
tell_manager(void)
{
	char status[128];

	if (reload.kind != KIND_START && supervisor.state == SUPERVISOR_RUNNING)
		notify_ready(supervisor_describe(status, sizeof(status)));
}

static void
finish(const struct reload_result *result)
{
	tell_manager();
	askers_answer(&reload.waiting, result);
	if (reload.again)
		loop_timer_set(&reload.next_round, 0, next_round, NULL);
}

/* Who has started the daemon looks at standard error, not into the log. */
static void
tell_starter(const char *text)
{
	if (reload.kind == KIND_START &&
	    strcmp(reload.next->daemon.log, "stderr") != 0)
		fprintf(stderr, "preforkd: %s\n", text);
}

static void
log_failure(const struct reload_result *result)
{
	for (size_t i = 0; i < result->errors.n; i++) {
		log_error("%s", result->errors.messages[i]);
		tell_starter(result->errors.messages[i]);
	}
	events_announce(LOG_LEVEL_ERROR, "%s failed: %s",
	    kind_names[reload.kind], result->text);
	tell_starter(result->text);
}

static void
tell_warnings(void)
{
	const struct errors *warnings = config_warnings(reload.next);

	for (size_t i = 0; i < warnings->n; i++) {
		log_warn("%s", warnings->messages[i]);
		tell_starter(warnings->messages[i]);
	}
}

/* Undoes the attempt; what is in force is not touched. */
static void
abandon(void)
{
	swap_abandon();
	release();
	ticket_keys_keep(supervisor.config);
}

/* Undoes the attempt and tells everybody. Takes ERRORS over. */
static void fail(enum control_error code, int status, struct errors *errors,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

static void
fail(enum control_error code, int status, struct errors *errors,
    const char *format, ...)
{
	struct reload_result result = { .code = code };
	va_list ap;

	va_start(ap, format);
	vsnprintf(result.text, sizeof(result.text), format, ap);
	va_end(ap);
	if (errors != NULL)
		result.errors = *errors;
	log_failure(&result);
	abandon();
	supervisor.n_reload_failures += reload.kind == KIND_RELOAD;
	finish(&result);
	errors_clear(&result.errors);
	if (reload.kind == KIND_START) {
		supervisor.exit_status = status;
		shutdown_now();
	}
}

static void
take_logs(void)
{
	char why[160];

	if (!logfiles_open(&supervisor.config->daemon, supervisor.detached, why,
		sizeof(why)))
		log_error("%s", why);
}

/* Everything new is there and ready: from here on nothing can fail. */
static void
commit(void)
{
	struct reload_result result = { .ok = true };
	struct listener_set *old_listeners = supervisor.listeners;
	struct config *old_config = supervisor.config;
	bool restart = reload.kind == KIND_RESTART;

	supervisor.config = reload.next;
	reload.next = NULL;
	supervisor.listeners = reload.listeners;
	reload.listeners = NULL;
	supervisor.generation++;
	swap_commit(&reload.plan);
	if (!restart) {
		listener_set_adjust(supervisor.listeners);
		if (reload.kind == KIND_RELOAD)
			take_logs();
	}
	listener_set_free(old_listeners);
	release();
	config_unref(old_config);
	ticket_keys_keep(supervisor.config);
	certificates_watch();
	swap_drop_empty_pools();
	supervisor.n_reloads += reload.kind == KIND_RELOAD;
	snprintf(result.text, sizeof(result.text),
	    "%s done, configuration %llu in force", kind_names[reload.kind],
	    (unsigned long long)supervisor.generation);
	if (reload.kind != KIND_START)
		events_announce(LOG_LEVEL_INFO, "%s", result.text);
	if (reload.kind == KIND_RELOAD)
		result.warnings = config_warnings(supervisor.config);
	finish(&result);
	if (reload.kind == KIND_START)
		reload.ready();
}

void
reload_worker_ready(void)
{
	if (reload.step == STEP_STARTING && swap_ready())
		commit();
}

void
reload_worker_failed(struct pool *pool, struct worker_handle *worker)
{
	char name[64];

	if (reload.step != STEP_STARTING)
		return;
	bool config = worker->state == WORKER_FAILED;
	worker_handle_name(worker, name, sizeof(name));
	fail(CONTROL_FAILED, config ? EX_CONFIG : EXIT_FAILURE, NULL,
	    "worker %s did not start: %s", name,
	    worker->failure[0] != '\0' ? worker->failure : pool->last_exit);
}

static void
on_deadline(void *arg)
{
	(void)arg;
	fail(CONTROL_FAILED, EXIT_FAILURE, NULL,
	    "not all workers were ready within start_timeout");
}

static void
begin_starting(void)
{
	reload.step = STEP_STARTING;
	if (!swap_begin(&reload.plan, reload.next, reload.listeners)) {
		fail(CONTROL_FAILED, EXIT_FAILURE, NULL,
		    "cannot set new workers up: %s", strerror(errno));
		return;
	}
	loop_timer_set(&reload.deadline,
	    reload.next->daemon.start_timeout_ms + START_GRACE_MS, on_deadline,
	    NULL);
	if (swap_ready())
		commit();
}

static void begin_resolving(void);

static void
try_again(void *arg)
{
	(void)arg;
	begin_resolving();
}

/* False when the addresses that are in use are somebody else's. */
static bool
wait_for_predecessor(void)
{
	int64_t delay_ms =
	    reload.kind == KIND_START ? predecessor_wait_ms() : -1;

	if (delay_ms == -1)
		return false;
	loop_timer_set(&reload.deadline, delay_ms, try_again, NULL);
	return true;
}

static void
open_listeners(const struct resolved *names)
{
	struct errors errors;

	errors_init(&errors);
	reload.listeners = listener_set_open(
	    reload.next, supervisor.listeners, names, &errors);
	if (reload.listeners == NULL) {
		if (errno == EADDRINUSE && wait_for_predecessor()) {
			errors_clear(&errors);
			return;
		}
		fail(CONTROL_FAILED, EXIT_FAILURE, &errors,
		    "not every listener could be opened");
		return;
	}
	begin_starting();
}

static void
on_resolved(struct resolved *names)
{
	open_listeners(names);
	resolved_clear(names);
}

static void
begin_resolving(void)
{
	struct resolved names = { 0 };

	reload.step = STEP_RESOLVING;
	if (!listener_set_names(reload.next, supervisor.listeners, &names)) {
		resolved_clear(&names);
		fail(CONTROL_FAILED, EXIT_FAILURE, NULL, "out of memory");
		return;
	}
	if (names.n == 0) {
		open_listeners(NULL);
		return;
	}
	if (!resolver_start(&names, &reload.next->daemon, RESOLVE_TIMEOUT_MS,
		on_resolved)) {
		int error = errno;
		resolved_clear(&names);
		fail(CONTROL_FAILED, EXIT_FAILURE, NULL,
		    "cannot start a resolver: %s", strerror(error));
	}
}

static void
check_plan(void)
{
	struct errors errors;
	char names[128];

	errors_init(&errors);
	tell_warnings();
	if (!ticket_keys_assign(reload.next)) {
		fail(CONTROL_FAILED, EXIT_FAILURE, NULL,
		    "cannot make keys for session tickets: %s",
		    strerror(errno));
		return;
	}
	if (!plan_make(&reload.plan, supervisor.config, reload.next)) {
		fail(CONTROL_FAILED, EXIT_FAILURE, NULL, "out of memory");
		return;
	}
	if (reload.plan.restart) {
		fail(CONTROL_RESTART, EXIT_FAILURE, NULL,
		    "valid, but a change of %s needs a restart; nothing "
		    "has changed",
		    plan_restart_names(&reload.plan, names, sizeof(names)));
		return;
	}
	check_logs(reload.next, &errors);
	if (!errors_none(&errors)) {
		fail(CONTROL_CONFIG, EX_CONFIG, &errors,
		    "a log cannot be opened; nothing has changed");
		return;
	}
	begin_resolving();
}

static void
begin_reading(void)
{
	struct errors errors;

	errors_init(&errors);
	notify_reloading();
	events_announce(LOG_LEVEL_INFO, "reload begins");
	reload.next =
	    config_load(supervisor.config_path, worker_handlers(), &errors);
	if (reload.next == NULL) {
		size_t n = errors.n;
		if (n == 0) { /* not even a message found memory */
			fail(CONTROL_FAILED, EXIT_FAILURE, &errors,
			    "out of memory");
			return;
		}
		fail(CONTROL_CONFIG, EX_CONFIG, &errors,
		    "%zu error%s in \"%s\"; nothing has changed", n,
		    n == 1 ? "" : "s", supervisor.config_path);
		return;
	}
	errors_clear(&errors);
	check_plan();
}

bool
reload_request(reload_done *done, void *arg)
{
	bool busy = reload_active() || supervisor.state != SUPERVISOR_RUNNING;

	if (supervisor.state == SUPERVISOR_STOPPING) {
		const struct reload_result result = {
			.code = CONTROL_FAILED,
			.text = "the daemon is stopping",
		};
		if (done != NULL)
			done(arg, &result);
		return true;
	}
	if (!askers_add(busy ? &reload.queued : &reload.waiting, done, arg))
		return false;
	if (busy) {
		reload.again = true;
		return true;
	}
	reload.kind = KIND_RELOAD;
	begin_reading();
	return true;
}

static void
refuse(reload_done *done, void *arg, enum control_error code, const char *why)
{
	struct reload_result result = { .code = code };

	strlcpy(result.text, why, sizeof(result.text));
	if (done != NULL)
		done(arg, &result);
}

void
reload_restart(struct pool *pool, reload_done *done, void *arg)
{
	if (reload_active() || supervisor.state != SUPERVISOR_RUNNING) {
		refuse(done, arg, CONTROL_BUSY,
		    "a reload is under way, or the daemon stops");
		return;
	}
	reload.next = config_ref(supervisor.config);
	if (!plan_make(&reload.plan, supervisor.config, reload.next) ||
	    !askers_add(&reload.waiting, done, arg)) {
		release();
		refuse(done, arg, CONTROL_FAILED, "out of memory");
		return;
	}
	for (size_t i = 0; i < reload.plan.n_pools; i++) {
		struct plan_pool *planned = &reload.plan.pools[i];
		planned->renew = pool == NULL ||
		    strcmp(planned->after->name, pool->name) == 0;
	}
	reload.kind = KIND_RESTART;
	begin_resolving();
}

void
reload_begin_first(struct config *config, void (*ready)(void))
{
	reload.kind = KIND_START;
	reload.ready = ready;
	reload.next = config;
	check_plan();
}

void
reload_cancel(const char *why)
{
	struct reload_result result = { .code = CONTROL_FAILED };

	reload.again = false;
	loop_timer_cancel(&reload.next_round);
	strlcpy(result.text, why, sizeof(result.text));
	if (reload_active())
		abandon();
	askers_answer(&reload.waiting, &result);
	askers_answer(&reload.queued, &result);
}
