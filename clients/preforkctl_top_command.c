/* SPDX-License-Identifier: ISC */
/*
 * preforkctl top: a command that the user has confirmed, apart from the
 * connection that counters come over, whose answer may be under way.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clients/preforkctl_connection.h"
#include "clients/preforkctl_top_command.h"
#include "common/reply.h"

#define COMMAND_MS 2000 /* for connection, request and answer */

static void
hear(struct connection *connection, char *message, size_t size)
{
	struct reply_parser parser = { 0 };
	const char *code = "", *words = "";
	char *line;

	if (connection_read_line(connection, &line) != CONNECTION_LINE) {
		strlcpy(message, "the daemon did not answer", size);
		return;
	}
	switch (reply_parse_line(&parser, line, &code, &words)) {
	case REPLY_OK:
	case REPLY_ERROR:
		strlcpy(message, words, size);
		break;
	default:
		strlcpy(message, "what answers there is no preforkd", size);
		break;
	}
}

void
top_command(const char *path, const char *text, char *message, size_t size)
{
	struct connection connection;

	if (!connection_open(&connection, path, COMMAND_MS)) {
		snprintf(
		    message, size, "no daemon answers: %s", strerror(errno));
		return;
	}
	if (connection_send(&connection, text, strlen(text)) == CONNECTION_LINE)
		hear(&connection, message, size);
	else
		strlcpy(message, "the daemon took no command", size);
	connection_close(&connection);
}
