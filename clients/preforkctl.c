/* SPDX-License-Identifier: ISC */
/*
 * preforkctl: sends one command to a running preforkd and prints its reply.
 * The exit status tells how it went (see preforkctl_commands.h), for scripts.
 * Finds the control socket, checks what it can without the daemon, and never
 * interprets a body: what the daemon says is passed through.
 */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/preforkctl_commands.h"
#include "clients/preforkctl_connection.h"
#include "clients/preforkctl_reply.h"
#include "clients/preforkctl_top.h"
#include "common/commands.h"
#include "common/units.h"

#define TIMEOUT_S     60    /* a reload may wait for start_timeout */
#define TIMEOUT_S_MAX 86400 /* a day */

struct options {
	bool json;
	const char *socket;
	int64_t timeout_ms; /* 0 = none */
};

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "socket", required_argument, NULL, 's' },
	{ "timeout", required_argument, NULL, 't' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static const char usage_text[] =
    "usage: preforkctl [-hjV] [-s socket] [-t seconds] command [words]\n";

static const char options_text[] =
    "  -h, --help             this text\n"
    "  -j, --json             the reply as JSON\n"
    "  -s, --socket PATH      control socket (@NAME: abstract)\n"
    "  -t, --timeout SECONDS  wait for the reply so long (60; 0: for ever)\n"
    "  -V, --version          version of preforkctl\n";

static void
print_help(void)
{
	printf("%s\n%s\ncommands (* for root and the daemon's user only):\n",
	    usage_text, options_text);
	commands_print(stdout);
	puts("\nThe socket is that of -s, or of PREFORKD_CONTROL in the "
	     "environment, or\n../run/control.sock seen from the folder of "
	     "preforkctl, or else\n" CONTROL_DEFAULT_PATH ".");
}

static _Noreturn void
usage_error(void)
{
	fputs(usage_text, stderr);
	exit(STATUS_USAGE);
}

/* --- what the command line says ------------------------------------------ */

static int64_t
parse_timeout(const char *text)
{
	const char *why;
	long long seconds = strtonum(text, 0, TIMEOUT_S_MAX, &why);

	if (why != NULL) {
		reply_complain("the timeout \"%s\" is %s: 0 to %d seconds",
		    text, why, TIMEOUT_S_MAX);
		exit(STATUS_USAGE);
	}
	return seconds * 1000;
}

static void
take_option(struct options *options, int option)
{
	switch (option) {
	case 'h':
		print_help();
		exit(reply_flush(STATUS_DONE));
	case 'j':
		options->json = true;
		break;
	case 's':
		options->socket = optarg;
		break;
	case 't':
		options->timeout_ms = parse_timeout(optarg);
		break;
	case 'V':
		printf("preforkctl %s\n", PREFORKD_VERSION);
		exit(reply_flush(STATUS_DONE));
	default:
		usage_error();
	}
}

/* Returns the number of arguments before the command. */
static int
parse_options(struct options *options, int argc, char **argv)
{
	int option;

	*options = (struct options){ .timeout_ms = TIMEOUT_S * 1000 };
	while ((option = getopt_long(
		    argc, argv, "+hjs:t:V", long_options, NULL)) != -1)
		take_option(options, option);
	return optind;
}

static void
check_command(const char *name)
{
	const char *nearest = commands_nearest(name);

	if (commands_known(name))
		return;
	if (nearest != NULL)
		reply_complain("unknown command \"%s\"; did you mean \"%s\"?",
		    name, nearest);
	else
		reply_complain(
		    "unknown command \"%s\"; \"preforkctl -h\" lists them",
		    name);
	exit(STATUS_USAGE);
}

/* The request line of WORDS, newline included. */
static void
make_request(struct buffer *request, char **words, bool json)
{
	buffer_init(request, CONTROL_LINE_MAX);
	if (json)
		buffer_text(request, "json ");
	for (char **word = words; *word != NULL; word++) {
		if (**word == '\0' || strchr(*word, '\n') != NULL) {
			reply_complain(
			    "a word of a command has no newline and is "
			    "not empty");
			exit(STATUS_USAGE);
		}
		buffer_text(request, *word);
		buffer_text(request, word[1] == NULL ? "\n" : " ");
	}
	if (request->failed) {
		reply_complain("the command is too long: at most %d bytes",
		    CONTROL_LINE_MAX);
		exit(STATUS_USAGE);
	}
}

/* --- which socket -------------------------------------------------------- */

/* FOLDER/run/control.sock of the program FOLDER/any/preforkctl: the daemon
 * that `make run` started. NULL when there is none. */
static const char *
socket_beside_program(void)
{
	static char path[PATH_MAX];
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (n == -1)
		return NULL;
	program[n] = '\0';
	int len = snprintf(path, sizeof(path), "%s/run/control.sock",
	    dirname(dirname(program)));
	if (len < 0 || (size_t)len >= sizeof(path) || access(path, F_OK) == -1)
		return NULL;
	return path;
}

static const char *
find_socket(const struct options *options)
{
	const char *path = options->socket;

	if (path == NULL)
		path = getenv("PREFORKD_CONTROL");
	if (path == NULL || *path == '\0')
		path = socket_beside_program();
	if (path == NULL)
		return CONTROL_DEFAULT_PATH;
	return strncmp(path, "unix:", 5) == 0 ? path + 5 : path;
}

/* Errors that mean: there is no daemon behind this path. */
static bool
means_no_daemon(int error)
{
	return error == ENOENT || error == ECONNREFUSED || error == ENOTDIR ||
	    error == ECONNRESET;
}

static void
open_socket(struct connection *connection, const char *path, int64_t timeout_ms)
{
	if (connection_open(connection, path, timeout_ms))
		return;
	if (means_no_daemon(errno))
		reply_no_daemon(path, strerror(errno));
	if (errno == ENAMETOOLONG) {
		reply_complain(
		    "\"%s\" is empty or too long for a socket", path);
		exit(STATUS_USAGE);
	}
	reply_complain("cannot connect to \"%s\": %s", path,
	    errno == EAGAIN ? "it takes no connection in time"
			    : strerror(errno));
	exit(STATUS_FAILED);
}

/* Sends REQUEST and prints the answer. Returns the exit status. */
static int
ask(const char *path, const struct buffer *request, struct reply *reply,
    int64_t timeout_ms)
{
	struct connection connection;

	open_socket(&connection, path, timeout_ms);
	enum connection_result sent = connection_send(
	    &connection, buffer_data(request), buffer_length(request));
	if (sent != CONNECTION_LINE)
		return reply_broken(reply, sent, path, timeout_ms);
	if (reply->streaming)
		connection.watch_fd = STDOUT_FILENO;
	int status = reply_read(reply, &connection, path, timeout_ms);
	connection_close(&connection);
	return status;
}

/* top [INTERVAL] */
static int
show_top(char **words, const struct options *options)
{
	int64_t interval_ms = TOP_INTERVAL_MS;
	const char *why = "is not from 100ms to 1h";

	if (options->json || (words[1] != NULL && words[2] != NULL)) {
		reply_complain(
		    "top is for a screen; it takes an interval only");
		return STATUS_USAGE;
	}
	if (words[1] != NULL &&
	    (!unit_parse_duration(words[1], &interval_ms, &why) ||
		interval_ms < TOP_INTERVAL_MIN_MS ||
		interval_ms > TOP_INTERVAL_MAX_MS)) {
		reply_complain("the interval \"%s\" %s", words[1], why);
		return STATUS_USAGE;
	}
	return top_run(find_socket(options), interval_ms);
}

int
main(int argc, char **argv)
{
	struct options options;
	struct buffer request;

	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	if (argc == 1) {
		print_help();
		return reply_flush(STATUS_DONE);
	}
	char **words = argv + parse_options(&options, argc, argv);
	if (*words == NULL)
		usage_error();
	check_command(*words);
	if (strcmp(*words, "top") == 0)
		return show_top(words, &options);
	make_request(&request, words, options.json);
	struct reply reply = { .json = options.json,
		.streaming = strcmp(*words, "events") == 0,
		.body = stdout };
	int status = ask(find_socket(&options), &request, &reply,
	    reply.streaming ? 0 : options.timeout_ms);
	buffer_clear(&request);
	return reply_flush(status);
}
