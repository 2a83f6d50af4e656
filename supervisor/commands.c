/* SPDX-License-Identifier: ISC */
/*
 * The commands of the control socket: one short function a row of
 * CONTROL_COMMANDS. Each checks its words, calls the verb that a signal may
 * call as well, and answers. Supervisor only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/nearest.h"
#include "supervisor/commands.h"
#include "supervisor/events.h"
#include "supervisor/logfiles.h"
#include "supervisor/plan.h"
#include "supervisor/queries.h"
#include "supervisor/reload.h"
#include "supervisor/report.h"
#include "supervisor/show.h"
#include "supervisor/shutdown.h"
#include "supervisor/stats.h"
#include "supervisor/supervisor.h"

#define DECLARE(name, ...) static command_function command_##name;
CONTROL_COMMANDS(DECLARE)
#undef DECLARE

const struct command commands[] = {
#define ROW(name, arguments, right, help) \
	{ #name, arguments, help, RIGHT_##right, command_##name },
	CONTROL_COMMANDS(ROW)
#undef ROW
};

const size_t commands_count = sizeof(commands) / sizeof(commands[0]);

const struct command *
commands_find(const char *name)
{
	for (size_t i = 0; i < commands_count; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* The beginning of a name says enough; else the nearest by letters. */
const char *
commands_nearest(const char *name)
{
	struct nearest nearest = { 0 };
	size_t len = strlen(name);

	for (size_t i = 0; i < commands_count; i++) {
		if (len >= 3 && strncmp(commands[i].name, name, len) == 0)
			return commands[i].name;
		nearest_offer(&nearest, name, commands[i].name);
	}
	return nearest.name;
}

/* A word of the client, printable, for an error message. */
static const char *
quoted(const char *word, char *buf, size_t size)
{
	return log_escape(buf, size, word, strlen(word));
}

/* True when no more than MAX words follow the command; answers otherwise. */
static bool
at_most(struct control_connection *connection, int argc, char **argv, int max)
{
	const struct command *command = commands_find(argv[0]);

	if (argc - 1 <= max)
		return true;
	control_error(connection, CONTROL_ARGUMENT, "usage: %s%s%s", argv[0],
	    command->arguments[0] == '\0' ? "" : " ", command->arguments);
	return false;
}

static void
bad_word(struct control_connection *connection, char **argv, int i)
{
	char word[96];

	control_error(connection, CONTROL_ARGUMENT,
	    "\"%s\" is not possible here; usage: %s %s",
	    quoted(argv[i], word, sizeof(word)), argv[0],
	    commands_find(argv[0])->arguments);
}

static json_t *
help_row(const struct command *command, bool json)
{
	char usage[80];

	if (json)
		return json_pack("{s:s, s:s, s:s, s:s}", "command",
		    command->name, "arguments", command->arguments, "right",
		    command->right == RIGHT_CONTROL ? "control" : "read",
		    "help", command->help);
	snprintf(
	    usage, sizeof(usage), "%s %s", command->name, command->arguments);
	return json_pack("{s:s, s:s}", "command", usage, "help", command->help);
}

static void
command_help(struct control_connection *connection, int argc, char **argv)
{
	const struct command *only = NULL;
	bool json = control_wants_json(connection);

	if (!at_most(connection, argc, argv, 1))
		return;
	if (argc == 2 && (only = commands_find(argv[1])) == NULL) {
		bad_word(connection, argv, 1);
		return;
	}
	json_t *rows = json_array();
	for (size_t i = 0; i < commands_count; i++) {
		if (only == NULL || only == &commands[i])
			json_array_append_new(
			    rows, help_row(&commands[i], json));
	}
	control_report(connection, rows);
}

static void
command_ping(struct control_connection *connection, int argc, char **argv)
{
	if (at_most(connection, argc, argv, 0))
		control_ok(connection, "pong %llu",
		    (unsigned long long)supervisor.generation);
}

static void
command_version(struct control_connection *connection, int argc, char **argv)
{
	if (at_most(connection, argc, argv, 0))
		control_ok(connection, "preforkd %s", PREFORKD_VERSION);
}

static void
command_status(struct control_connection *connection, int argc, char **argv)
{
	if (!at_most(connection, argc, argv, 0))
		return;
	json_t *status = show_status();
	if (!control_wants_json(connection))
		show_last_exits_apart(status);
	control_report(connection, status);
}

static void
command_health(struct control_connection *connection, int argc, char **argv)
{
	char why[160];

	if (!at_most(connection, argc, argv, 0))
		return;
	if (supervisor_not_ready(why, sizeof(why)) == NULL)
		control_ok(connection, "ready");
	else
		control_error(connection, CONTROL_FAILED, "not ready: %s", why);
}

static void
command_stats(struct control_connection *connection, int argc, char **argv)
{
	const char *form = control_wants_json(connection) ? "json" : "text";

	if (!at_most(connection, argc, argv, 1))
		return;
	if (argc == 2)
		form = argv[1];
	if (strcmp(form, "prometheus") == 0)
		stats_prometheus(control_body(connection));
	else if (strcmp(form, "text") == 0)
		stats_text(control_body(connection));
	else if (strcmp(form, "json") == 0) {
		json_t *root = stats_json();
		report_json(root, control_body(connection));
		json_decref(root);
	} else {
		bad_word(connection, argv, 1);
		return;
	}
	control_as_is(connection);
	control_ok(connection, "%s", "");
}

static void
command_listeners(struct control_connection *connection, int argc, char **argv)
{
	if (at_most(connection, argc, argv, 0))
		control_report_list(connection, show_listeners(), "listeners");
}

/* "N", "+N", "-N" relative to NOW; -1 when it is none of these or out of
 * range. */
static int64_t
new_size(const char *word, size_t now)
{
	const char *error = NULL;
	const char *digits = word + (word[0] == '+' || word[0] == '-');
	long long n = strtonum(digits, 0, WORKERS_MAX, &error);

	if (error != NULL || digits[0] == '\0' || digits[0] == '+' ||
	    digits[0] == '-')
		return -1;
	if (word[0] == '+')
		n = (long long)now + n;
	else if (word[0] == '-')
		n = (long long)now - n;
	return n < 1 || n > WORKERS_MAX ? -1 : n;
}

static void
resize(
    struct control_connection *connection, struct pool *pool, const char *word)
{
	char quote[64];

	if (pool->serving == NULL || reload_active() ||
	    supervisor.state != SUPERVISOR_RUNNING) {
		control_error(connection, CONTROL_BUSY,
		    "a start, reload or stop is under way");
		return;
	}
	int64_t n = new_size(word, pool_workers(pool));
	if (n == -1) {
		control_error(connection, CONTROL_ARGUMENT,
		    "\"%s\" does not give a number of workers from 1 to %d",
		    quoted(word, quote, sizeof(quote)), WORKERS_MAX);
		return;
	}
	pool_resize(pool, (size_t)n);
	control_ok(connection, "pool %s: %lld workers wanted", pool->name,
	    (long long)n);
}

static struct pool *
pool_argument(struct control_connection *connection, char **argv, int i)
{
	struct pool *pool = pool_find(&supervisor.pools, argv[i]);
	char word[64];

	if (pool == NULL)
		control_error(connection, CONTROL_ARGUMENT,
		    "there is no pool \"%s\"",
		    quoted(argv[i], word, sizeof(word)));
	return pool;
}

/* Changing the number takes more rights than looking. */
static bool
may_control(struct control_connection *connection)
{
	if (control_is_privileged(connection))
		return true;
	control_error(connection, CONTROL_PERMISSION,
	    "setting the number of workers is for root and the user of the "
	    "daemon");
	return false;
}

static void
command_workers(struct control_connection *connection, int argc, char **argv)
{
	struct pool *pool = NULL;

	if (!at_most(connection, argc, argv, 2))
		return;
	if (argc > 1 && (pool = pool_argument(connection, argv, 1)) == NULL)
		return;
	if (argc < 3)
		control_report_list(connection, show_workers(pool), "workers");
	else if (may_control(connection))
		resize(connection, pool, argv[2]);
}

static void
command_connections(
    struct control_connection *connection, int argc, char **argv)
{
	const struct service_config *service = NULL;
	char word[64];

	if (!at_most(connection, argc, argv, 1))
		return;
	if (argc == 2 && supervisor.config != NULL)
		service = config_service(supervisor.config, argv[1]);
	if (argc == 2 && service == NULL) {
		control_error(connection, CONTROL_ARGUMENT,
		    "there is no service \"%s\"",
		    quoted(argv[1], word, sizeof(word)));
		return;
	}
	queries_list(connection, service == NULL ? NULL : service->name);
}

static void
command_config(struct control_connection *connection, int argc, char **argv)
{
	char *text = NULL;
	size_t size = 0;

	if (!at_most(connection, argc, argv, 0))
		return;
	FILE *memory = open_memstream(&text, &size);
	if (memory == NULL || supervisor.config == NULL) {
		if (memory != NULL)
			fclose(memory);
		free(text);
		control_error(connection, CONTROL_FAILED,
		    "there is no configuration in force");
		return;
	}
	config_print(supervisor.config, memory);
	fclose(memory);
	buffer_append(control_body(connection), text, size);
	free(text);
	control_ok(connection, "%s", "");
}

static void
command_events(struct control_connection *connection, int argc, char **argv)
{
	if (at_most(connection, argc, argv, 0))
		control_stream(connection);
}

static void
tell_errors(
    struct control_connection *connection, const struct reload_result *result)
{
	for (size_t i = 0; i < result->errors.n; i++)
		buffer_printf(control_body(connection), "%s\n",
		    result->errors.messages[i]);
}

static void
on_reload_done(void *arg, const struct reload_result *result)
{
	struct control_connection *connection = arg;

	if (result->ok) {
		control_ok(connection, "%s", result->text);
		return;
	}
	tell_errors(connection, result);
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
	if (next == NULL) {
		for (size_t i = 0; i < errors.n; i++)
			buffer_printf(control_body(connection), "%s\n",
			    errors.messages[i]);
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

static void
command_reload(struct control_connection *connection, int argc, char **argv)
{
	if (!at_most(connection, argc, argv, 1))
		return;
	if (argc == 2 && strcmp(argv[1], "plan") != 0) {
		bad_word(connection, argv, 1);
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

static void
command_restart(struct control_connection *connection, int argc, char **argv)
{
	struct pool *pool = NULL;

	if (!at_most(connection, argc, argv, 1))
		return;
	if (argc > 1 && (pool = pool_argument(connection, argv, 1)) == NULL)
		return;
	control_defer(connection, forget_reload);
	reload_restart(pool, on_reload_done, connection);
}

static void
set_draining(
    struct control_connection *connection, bool draining, const char *text)
{
	if (supervisor.draining != draining)
		events_announce(LOG_LEVEL_INFO, "%s", text);
	supervisor.draining = draining;
	control_ok(connection, "%s", text);
}

static void
command_drain(struct control_connection *connection, int argc, char **argv)
{
	if (at_most(connection, argc, argv, 0))
		set_draining(connection, true,
		    "reporting not ready; connections are still served");
}

static void
command_resume(struct control_connection *connection, int argc, char **argv)
{
	if (at_most(connection, argc, argv, 0))
		set_draining(connection, false, "reporting ready again");
}

static void
command_close(struct control_connection *connection, int argc, char **argv)
{
	if (argc != 2)
		control_error(connection, CONTROL_ARGUMENT,
		    "usage: close ID, as \"connections\" lists it");
	else
		queries_close(connection, argv[1]);
}

static void
reopen_logs(struct control_connection *connection)
{
	char why[160];

	if (supervisor.config == NULL)
		control_error(connection, CONTROL_BUSY, "the daemon starts");
	else if (logfiles_reopen(&supervisor.config->daemon,
		     supervisor.detached, why, sizeof(why)))
		control_ok(connection, "log files opened anew");
	else
		control_error(connection, CONTROL_FAILED, "%s", why);
}

static void
command_log(struct control_connection *connection, int argc, char **argv)
{
	if (argc != 2) {
		control_error(connection, CONTROL_ARGUMENT, "usage: log %s",
		    commands_find("log")->arguments);
		return;
	}
	if (strcmp(argv[1], "reopen") == 0) {
		reopen_logs(connection);
		return;
	}
	for (int i = 0; log_level_names[i] != NULL; i++) {
		if (strcmp(argv[1], log_level_names[i]) != 0)
			continue;
		log_set_level((enum log_level)i);
		logfiles_tell_workers();
		control_ok(connection, "log level %s", argv[1]);
		return;
	}
	bad_word(connection, argv, 1);
}

static void
command_stop(struct control_connection *connection, int argc, char **argv)
{
	if (!at_most(connection, argc, argv, 1))
		return;
	bool now = argc == 2 && strcmp(argv[1], "now") == 0;
	if (argc == 2 && !now) {
		bad_word(connection, argv, 1);
		return;
	}
	control_ok(connection, now ? "stopping at once" : "stopping");
	if (now)
		shutdown_now();
	else
		shutdown_begin();
}
