/* SPDX-License-Identifier: ISC */
/*
 * What a command says to its connection. Supervisor only; fills memory, never
 * writes to that socket and never waits.
 */
#include <stdarg.h>
#include <stdio.h>

#include "common/log.h"
#include "supervisor/control_connection_state.h"

struct buffer *
control_body(struct control_connection *connection)
{
	return &connection->answer.body;
}

bool
control_is_privileged(const struct control_connection *connection)
{
	return connection->peer.privileged;
}

bool
control_wants_json(const struct control_connection *connection)
{
	return connection->answer.json;
}

void
control_begin(struct control_connection *connection, bool json)
{
	connection->answer.json = json;
	connection->answer.as_is = false;
}

void
control_as_is(struct control_connection *connection)
{
	connection->answer.as_is = true;
}

void
control_ok(struct control_connection *connection, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	answer_ok(&connection->answer, text, &connection->out);
	control_connection_answered(connection);
}

void
control_error(struct control_connection *connection, enum control_error code,
    const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	answer_error(&connection->answer, code, text, &connection->out);
	control_connection_answered(connection);
}

void
control_refuse(struct control_connection *connection, const char *command)
{
	static struct log_limit limit;
	uint64_t n;

	if (log_allowed(&limit, loop_now_ms(), &n))
		log_warn("control socket: user %u (pid %d) may not \"%s\", "
			 "refused (%llu before that)",
		    (unsigned)connection->peer.uid, (int)connection->peer.pid,
		    command, (unsigned long long)n);
	control_error(connection, CONTROL_PERMISSION,
	    "\"%s\" is for root and the user of the daemon", command);
}

void
control_report(struct control_connection *connection, json_t *root)
{
	if (root == NULL) {
		control_error(connection, CONTROL_FAILED, "out of memory");
		return;
	}
	answer_take(&connection->answer, root);
	control_ok(connection, "%s", "");
}

void
control_report_list(
    struct control_connection *connection, json_t *rows, const char *what)
{
	if (rows != NULL && json_array_size(rows) == 0 &&
	    !connection->answer.json)
		buffer_printf(&connection->answer.body, "no %s\n", what);
	control_report(connection, rows);
}

void
control_defer(struct control_connection *connection,
    void (*cancel)(struct control_connection *connection))
{
	connection->waiting = true;
	connection->cancel = cancel;
}

void
control_stream(struct control_connection *connection)
{
	buffer_text(&connection->out, "OK events follow\n");
	connection->streaming = true;
	connection->waiting = true;
	connection->n_in = 0;
}
