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
#include "supervisor/queries.h"
#include "supervisor/reload.h"
#include "supervisor/report.h"
#include "supervisor/show.h"
#include "supervisor/shutdown.h"
#include "supervisor/stats.h"
#include "supervisor/supervisor.h"

#define WORDS_MAX 16 /* of a request */

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
bool
commands_at_most(
    struct control_connection *connection, int argc, char **argv, int max)
{
	const struct command *command = commands_find(argv[0]);

	if (argc - 1 <= max)
		return true;
	control_error(connection, CONTROL_ARGUMENT, "usage: %s%s%s", argv[0],
	    command->arguments[0] == '\0' ? "" : " ", command->arguments);
	return false;
}

void
commands_bad_word(struct control_connection *connection, char **argv, int i)
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

void
command_help(struct control_connection *connection, int argc, char **argv)
{
	const struct command *only = NULL;
	bool json = control_wants_json(connection);

	if (!commands_at_most(connection, argc, argv, 1))
		return;
	if (argc == 2 && (only = commands_find(argv[1])) == NULL) {
		commands_bad_word(connection, argv, 1);
		return;
	}
	json_t *rows = json_array();
	for (size_t i = 0; i < commands_count; i++) {
		if (only == NULL || only == &commands[i])
			rows = report_add(rows, help_row(&commands[i], json));
	}
	control_report(connection, rows);
}

void
command_ping(struct control_connection *connection, int argc, char **argv)
{
	if (commands_at_most(connection, argc, argv, 0))
		control_ok(connection, "pong %llu",
		    (unsigned long long)supervisor.generation);
}

void
command_version(struct control_connection *connection, int argc, char **argv)
{
	if (commands_at_most(connection, argc, argv, 0))
		control_ok(connection, "preforkd %s", PREFORKD_VERSION);
}

void
command_status(struct control_connection *connection, int argc, char **argv)
{
	if (!commands_at_most(connection, argc, argv, 0))
		return;
	json_t *status = show_status();
	if (!control_wants_json(connection))
		status = show_last_exits_apart(status);
	control_report(connection, status);
}

void
command_health(struct control_connection *connection, int argc, char **argv)
{
	char why[160];

	if (!commands_at_most(connection, argc, argv, 0))
		return;
	if (supervisor_not_ready(why, sizeof(why)) == NULL)
		control_ok(connection, "ready");
	else
		control_error(connection, CONTROL_FAILED, "not ready: %s", why);
}

void
command_stats(struct control_connection *connection, int argc, char **argv)
{
	const char *form = control_wants_json(connection) ? "json" : "text";

	if (!commands_at_most(connection, argc, argv, 1))
		return;
	if (argc == 2)
		form = argv[1];
	if (strcmp(form, "json") == 0) {
		control_begin(connection, true);
		control_report(connection, stats_json());
		return;
	}
	if (strcmp(form, "prometheus") == 0)
		stats_prometheus(control_body(connection));
	else if (strcmp(form, "text") == 0)
		stats_text(control_body(connection));
	else {
		commands_bad_word(connection, argv, 1);
		return;
	}
	control_as_is(connection);
	control_ok(connection, "%s", "");
}

void
command_listeners(struct control_connection *connection, int argc, char **argv)
{
	if (commands_at_most(connection, argc, argv, 0))
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

struct pool *
commands_pool(struct control_connection *connection, char **argv, int i)
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

void
command_workers(struct control_connection *connection, int argc, char **argv)
{
	struct pool *pool = NULL;

	if (!commands_at_most(connection, argc, argv, 2))
		return;
	if (argc > 1 && (pool = commands_pool(connection, argv, 1)) == NULL)
		return;
	if (argc < 3)
		control_report_list(connection, show_workers(pool), "workers");
	else if (may_control(connection))
		resize(connection, pool, argv[2]);
}

void
command_connections(
    struct control_connection *connection, int argc, char **argv)
{
	const struct service_config *service = NULL;
	char word[64];

	if (!commands_at_most(connection, argc, argv, 1))
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

void
command_config(struct control_connection *connection, int argc, char **argv)
{
	char *text = NULL;
	size_t size = 0;

	if (!commands_at_most(connection, argc, argv, 0))
		return;
	if (supervisor.config == NULL) {
		control_error(connection, CONTROL_FAILED,
		    "there is no configuration in force");
		return;
	}
	FILE *memory = open_memstream(&text, &size);
	if (memory != NULL)
		config_print(supervisor.config, memory);
	if (memory == NULL || fclose(memory) == EOF)
		control_error(connection, CONTROL_FAILED, "out of memory");
	else {
		buffer_append(control_body(connection), text, size);
		control_ok(connection, "%s", "");
	}
	free(text);
}

void
command_events(struct control_connection *connection, int argc, char **argv)
{
	if (commands_at_most(connection, argc, argv, 0))
		control_stream(connection);
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

void
command_drain(struct control_connection *connection, int argc, char **argv)
{
	if (commands_at_most(connection, argc, argv, 0))
		set_draining(connection, true,
		    "reporting not ready; connections are still served");
}

void
command_resume(struct control_connection *connection, int argc, char **argv)
{
	if (commands_at_most(connection, argc, argv, 0))
		set_draining(connection, false, "reporting ready again");
}

void
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

void
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
	commands_bad_word(connection, argv, 1);
}

void
command_stop(struct control_connection *connection, int argc, char **argv)
{
	if (!commands_at_most(connection, argc, argv, 1))
		return;
	bool now = argc == 2 && strcmp(argv[1], "now") == 0;
	if (argc == 2 && !now) {
		commands_bad_word(connection, argv, 1);
		return;
	}
	control_ok(connection, now ? "stopping at once" : "stopping");
	if (now)
		shutdown_now();
	else
		shutdown_begin();
}

static void
unknown_command(struct control_connection *connection, const char *word)
{
	const char *nearest = commands_nearest(word);
	char name[64];

	log_escape(name, sizeof(name), word, strlen(word));
	if (nearest != NULL)
		control_error(connection, CONTROL_UNKNOWN,
		    "unknown command \"%s\"; did you mean \"%s\"?", name,
		    nearest);
	else
		control_error(connection, CONTROL_UNKNOWN,
		    "unknown command \"%s\"; try \"help\"", name);
}

static void
dispatch(struct control_connection *connection, int argc, char **argv)
{
	bool json = argc > 0 && strcmp(argv[0], "json") == 0;

	control_begin(connection, json);
	if (json) {
		argc--;
		argv++;
	}
	if (argc == 0) {
		control_error(
		    connection, CONTROL_UNKNOWN, "no command; try \"help\"");
		return;
	}
	const struct command *command = commands_find(argv[0]);
	if (command == NULL) {
		unknown_command(connection, argv[0]);
		return;
	}
	if (command->right == RIGHT_CONTROL &&
	    !control_is_privileged(connection)) {
		control_refuse(connection, command->name);
		return;
	}
	command->run(connection, argc, argv);
}

void
commands_run(struct control_connection *connection, char *line)
{
	char *argv[WORDS_MAX + 1], *word;
	int argc = 0;

	while ((word = strsep(&line, " \t\r")) != NULL) {
		if (*word == '\0')
			continue;
		if (argc == WORDS_MAX) {
			control_error(connection, CONTROL_ARGUMENT,
			    "at most %d words", WORDS_MAX);
			return;
		}
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	dispatch(connection, argc, argv);
}
