/* SPDX-License-Identifier: ISC */
/*
 * What preforkctl prints: the reply as it comes, and its own complaints. Bodies
 * are passed through, escaped only where a terminal might obey them.
 */
#define LIBBSD_OPENBSD_VIS /* which of the two strnvis(3) */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vis.h>
#include <wchar.h>
#include <wctype.h>

#include "clients/preforkctl_commands.h"
#include "clients/preforkctl_reply.h"

static int write_error; /* errno of the first that failed, or 0 */

void
reply_complain(const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("preforkctl: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

_Noreturn void
reply_no_daemon(const char *path, const char *why)
{
	reply_complain("no daemon answers on \"%s\": %s", path, why);
	reply_complain("start preforkd, or name its control socket with -s or "
		       "PREFORKD_CONTROL");
	exit(STATUS_NO_DAEMON);
}

static bool
is_printable(const char *text)
{
	mbstate_t state = { 0 };
	size_t left = strlen(text);
	wchar_t c;

	while (left > 0) {
		size_t n = mbrtowc(&c, text, left, &state);

		if (n == (size_t)-1 || n == (size_t)-2)
			return false;
		if (!iswprint((wint_t)c) && c != L'\t')
			return false;
		text += n;
		left -= n;
	}
	return true;
}

/* One line as it is; escaped where a terminal might obey it. */
static void
print_line(FILE *out, const char *text)
{
	char *escaped = NULL;

	if (isatty(fileno(out)) && !is_printable(text) &&
	    stravis(&escaped, text, VIS_CSTYLE | VIS_NOSLASH) == -1)
		return;
	int n = fprintf(out, "%s\n", escaped == NULL ? text : escaped);
	if (n < 0 && write_error == 0)
		write_error = errno;
	free(escaped);
}

static void
print_error(const char *text)
{
	fflush(stdout);
	fputs("preforkctl: ", stderr);
	print_line(stderr, text);
}

/* Takes one line; false at the end of the reply. */
static bool
take_line(struct reply *reply, char *line)
{
	const char *code = "", *text = "";

	switch (reply_parse_line(&reply->parser, line, &code, &text)) {
	case REPLY_OK:
		if (*text != '\0' && !reply->json && !reply->streaming)
			print_line(stdout, text);
		break;
	case REPLY_ERROR:
		reply->status = commands_exit_status(code);
		reply->body = stderr;
		print_error(*text == '\0' ? code : text);
		break;
	case REPLY_BODY:
		print_line(reply->body, text);
		break;
	case REPLY_END:
		return false;
	case REPLY_INVALID:
		reply_complain("what answers there is no preforkd");
		reply->status = STATUS_FAILED;
		return false;
	case REPLY_MORE:
		break;
	}
	reply->begun = true;
	return true;
}

int
reply_broken(const struct reply *reply, enum connection_result result,
    const char *path, int64_t timeout_ms)
{
	switch (result) {
	case CONNECTION_ENDED:
		if (!reply->begun)
			reply_no_daemon(path, "it closed the connection");
		reply_complain("the daemon closed the connection%s",
		    reply->streaming ? "" : " within its reply");
		break;
	case CONNECTION_LATE:
		reply_complain("no whole reply within %lld seconds",
		    (long long)timeout_ms / 1000);
		break;
	case CONNECTION_WATCHED:
		return STATUS_DONE;
	case CONNECTION_TOO_LONG:
		reply_complain("a line of the reply is too long for memory");
		break;
	case CONNECTION_LINE:
	case CONNECTION_FAILED:
		reply_complain(
		    "cannot talk to \"%s\": %s", path, strerror(errno));
		break;
	}
	return STATUS_FAILED;
}

int
reply_flush(int status)
{
	if (fflush(stdout) == EOF && write_error == 0)
		write_error = errno;
	if (write_error == 0 || write_error == EPIPE)
		return status;
	reply_complain("cannot write: %s", strerror(write_error));
	return STATUS_FAILED;
}

/* True when events have nobody to read them any more. (Of other commands the
 * exit status is still worth waiting for.) */
static bool
is_unheard(const struct reply *reply)
{
	if (!reply->streaming)
		return false;
	if (fflush(stdout) == EOF && write_error == 0)
		write_error = errno;
	return write_error != 0;
}

int
reply_read(struct reply *reply, struct connection *connection, const char *path,
    int64_t timeout_ms)
{
	enum connection_result result;
	char *line;

	while ((result = connection_read_line(connection, &line)) ==
	    CONNECTION_LINE)
		if (!take_line(reply, line) || is_unheard(reply))
			return reply->status;
	return reply_broken(reply, result, path, timeout_ms);
}
