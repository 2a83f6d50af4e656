/* SPDX-License-Identifier: ISC */
/*
 * The commands that take up a configuration or new workers. Their answers come
 * when it is decided, which may be long after the question. Supervisor only.
 */
#include <string.h>

#include "common/log.h"
#include "supervisor/commands.h"
#include "supervisor/plan.h"
#include "supervisor/reload.h"
#include "supervisor/supervisor.h"
#include "worker/worker.h"

static void
tell_messages(struct control_connection *connection, const char *kind,
    const struct errors *messages)
{
	for (size_t i = 0; messages != NULL && i < messages->n; i++)
		buffer_printf(control_body(connection), "%s%s\n", kind,
		    messages->messages[i]);
}

static void
on_reload_done(void *arg, const struct reload_result *result)
{
	struct control_connection *connection = arg;

	if (result->ok) {
		tell_messages(connection, "warning: ", result->warnings);
		control_ok(connection, "%s", result->text);
		return;
	}
	tell_messages(connection, "", &result->errors);
	control_error(connection, result->code, "%s", result->text);
}

static void
forget_reload(struct control_connection *connection)
{
	reload_forget(connection);
}

/* What a reload would do now, without doing it. */
static void
plan_reload(struct control_connection *connection)
{
	struct errors errors;
	struct plan plan;
	char names[128];

	errors_init(&errors);
	struct config *next =
	    config_load(supervisor.config_path, worker_handlers(), &errors);
	if (next == NULL && errors.n == 0)
		control_error(connection, CONTROL_FAILED, "out of memory");
	else if (next == NULL) {
		tell_messages(connection, "", &errors);
		control_error(connection, CONTROL_CONFIG,
		    "%zu error%s in \"%s\"", errors.n, errors.n == 1 ? "" : "s",
		    supervisor.config_path);
	} else if (!plan_make(&plan, supervisor.config, next))
		control_error(connection, CONTROL_FAILED, "out of memory");
	else {
		plan_print(&plan, next, supervisor.listeners,
		    control_body(connection));
		if (plan.restart)
			control_error(connection, CONTROL_RESTART,
			    "valid, but a change of %s needs a restart",
			    plan_restart_names(&plan, names, sizeof(names)));
		else
			control_ok(connection, "%s", "");
		plan_clear(&plan);
	}
	config_unref(next);
	errors_clear(&errors);
}

void
command_reload(struct control_connection *connection, int argc, char **argv)
{
	if (!commands_at_most(connection, argc, argv, 1))
		return;
	if (argc == 2 && strcmp(argv[1], "plan") != 0) {
		commands_bad_word(connection, argv, 1);
		return;
	}
	if (argc == 2) {
		if (supervisor.state == SUPERVISOR_RUNNING)
			plan_reload(connection);
		else
			control_error(connection, CONTROL_BUSY,
			    "the daemon starts or stops");
		return;
	}
	control_defer(connection, forget_reload);
	if (!reload_request(on_reload_done, connection))
		control_error(connection, CONTROL_FAILED, "out of memory");
}

/* NAME is "POOL/N", as workers are named everywhere; it is cut in two. */
static void
replace_worker(struct control_connection *connection, char **argv, bool now)
{
	char *slash = strrchr(argv[1], '/'), worker[96];
	const char *error = NULL;
	long long slot = strtonum(slash + 1, 1, WORKERS_MAX, &error);

	log_escape(worker, sizeof(worker), argv[1], strlen(argv[1]));
	*slash = '\0';
	struct pool *pool = commands_pool(connection, argv, 1);
	if (pool == NULL)
		return;
	if (reload_active() || supervisor.state != SUPERVISOR_RUNNING)
		control_error(connection, CONTROL_BUSY,
		    "a start, reload or stop is under way");
	else if (error != NULL || !pool_replace_worker(pool, (size_t)slot, now))
		control_error(connection, CONTROL_ARGUMENT,
		    "no worker \"%s\" serves; \"workers\" lists them", worker);
	else
		control_ok(connection, "worker %s %s, another takes its place",
		    worker, now ? "leaves at once" : "finishes what it serves");
}

void
command_restart(struct control_connection *connection, int argc, char **argv)
{
	struct pool *pool = NULL;
	bool one = argc > 1 && strchr(argv[1], '/') != NULL;
	bool now = argc == 3 && strcmp(argv[2], "now") == 0;

	if (!commands_at_most(connection, argc, argv, one ? 2 : 1))
		return;
	if (argc == 3 && !now) {
		commands_bad_word(connection, argv, 2);
		return;
	}
	if (one) {
		replace_worker(connection, argv, now);
		return;
	}
	if (argc > 1 && (pool = commands_pool(connection, argv, 1)) == NULL)
		return;
	control_defer(connection, forget_reload);
	reload_restart(pool, on_reload_done, connection);
}
