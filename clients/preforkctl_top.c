/* SPDX-License-Identifier: ISC */
/*
 * preforkctl top: asks the daemon for its counters again and again, over one
 * connection, and shows what they do. Keys are heard while an answer is
 * awaited, so that a daemon that stands still cannot hold the user. One that is
 * gone is waited for: it may be on its way back.
 */
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <curses.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clients/preforkctl_commands.h"
#include "clients/preforkctl_connection.h"
#include "clients/preforkctl_reply.h"
#include "clients/preforkctl_top.h"
#include "clients/preforkctl_top_command.h"
#include "clients/preforkctl_top_model.h"
#include "clients/preforkctl_top_screen.h"
#include "common/clock.h"

#define LATE_MS	      3000 /* without an answer: say so */
#define REDRAW_MS     200  /* to a terminal that took nothing */
#define CONNECT_MS    2000 /* for the connection to the daemon */
#define ANSWER_MAX    (64 * 1024 * 1024)
#define STATS_REQUEST "stats json\n"
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum action { ACTION_NONE = 0, ACTION_DRAIN, ACTION_RESTART };

/* One for the program; it is in use from start to end. */
static struct top {
	const char *path;
	int64_t interval_ms;
	struct connection connection; /* fd -1: none */
	struct reply_parser parser;
	struct buffer body;
	bool refused;	  /* this answer is an error */
	bool asked;	  /* an answer is on its way */
	int64_t asked_ms; /* since then */
	int64_t due_ms;	  /* the next question */
	int signal_fd;	  /* what ends us, and changes of size */
	int epoll_fd;	  /* signals and keys: either may interrupt */
	bool undrawn;	  /* the terminal took nothing when it was time */
	bool quit;
	enum action action; /* that is to be confirmed */
	struct top_model model;
	struct top_view view;
} top;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(top.view.message, sizeof(top.view.message), format, ap);
	va_end(ap);
}

/* A terminal that takes nothing, being slow or stopped, is asked again later:
 * writing to it would keep us from hearing keys and signals. */
static void
draw(void)
{
	top.undrawn = !screen_takes();
	if (!top.undrawn)
		screen_draw(&top.model, &top.view);
}

/* --- keys ---------------------------------------------------------------- */

static void
mark(const struct top_worker *worker)
{
	strlcpy(top.view.selected, worker->name, sizeof(top.view.selected));
	top.view.selected_pid = worker->pid;
}

static const struct top_worker *
marked(void)
{
	for (size_t i = 0; i < top.model.n_workers; i++) {
		const struct top_worker *worker = &top.model.workers[i];
		if (worker->pid == top.view.selected_pid &&
		    strcmp(worker->name, top.view.selected) == 0)
			return worker;
	}
	return NULL;
}

/* One further down (STEP 1) or up (-1); from none to the first. */
static void
move_mark(int step)
{
	const struct top_worker *worker = marked();
	size_t n = top.model.n_workers;

	if (n == 0)
		return;
	size_t at = worker == NULL ? 0 : (size_t)(worker - top.model.workers);
	if (worker != NULL && step > 0 && at + 1 < n)
		at++;
	else if (worker != NULL && step < 0 && at > 0)
		at--;
	mark(&top.model.workers[at]);
}

static void
ask_first(enum action action)
{
	const struct top_worker *worker = marked();

	if (worker == NULL) {
		say("mark a worker first, with up and down");
		return;
	}
	top.action = action;
	say("%s worker %s (pid %lld)? y or n",
	    action == ACTION_DRAIN ? "drain" : "restart", worker->name,
	    (long long)worker->pid);
}

/* The worker that was asked about may be gone by now. */
static void
confirm(int key)
{
	enum action action = top.action;
	const struct top_worker *worker = marked();
	char text[128];

	top.action = ACTION_NONE;
	top.view.message[0] = '\0';
	if (key != 'y' && key != 'Y')
		return;
	if (worker == NULL) {
		say("that worker is gone");
		return;
	}
	snprintf(text, sizeof(text), "restart %s%s\n", worker->name,
	    action == ACTION_RESTART ? " now" : "");
	top_command(top.path, text, top.view.message, sizeof(top.view.message));
}

static bool
sorts(int key)
{
	static const struct {
		int key;
		enum top_order order;
	} orders[] = {
		{ 'n', TOP_BY_NAME },
		{ 'c', TOP_BY_CONNECTIONS },
		{ 'r', TOP_BY_REQUESTS },
		{ 'p', TOP_BY_CPU },
		{ 'm', TOP_BY_MEMORY },
		{ 'a', TOP_BY_AGE },
	};

	for (size_t i = 0; i < LENGTH(orders); i++) {
		if (orders[i].key != key)
			continue;
		top.view.order = orders[i].order;
		top_model_sort(&top.model, top.view.order);
		return true;
	}
	return false;
}

static void
take_key(int key)
{
	if (top.action != ACTION_NONE) {
		confirm(key);
		return;
	}
	if (key == 'q' || key == 'Q') {
		top.quit = true;
		return;
	}
	top.view.message[0] = '\0';
	if (top.view.help) {
		top.view.help = false;
		return;
	}
	if (sorts(key))
		return;
	switch (key) {
	case '?':
	case 'h':
		top.view.help = true;
		break;
	case KEY_DOWN:
	case 'j':
		move_mark(1);
		break;
	case KEY_UP:
	case 'k':
		move_mark(-1);
		break;
	case 'd':
		ask_first(ACTION_DRAIN);
		break;
	case 'R':
		ask_first(ACTION_RESTART);
		break;
	case '\f':
		screen_resize();
		break;
	}
}

/* What a signal or key wants. A terminal that is gone ends it all. */
static void
take_input(void)
{
	struct signalfd_siginfo info;
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
	int key;

	while (read(top.signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGWINCH)
			screen_resize();
		else
			top.quit = true;
	}
	while (!top.quit && (key = screen_key()) != ERR)
		take_key(key);
	if (poll(&keys, 1, 0) == 1 && (keys.revents & (POLLHUP | POLLERR)) != 0)
		top.quit = true;
	if (!top.quit)
		draw();
}

/* --- answers ------------------------------------------------------------- */

static void
lose_daemon(const char *why)
{
	connection_close(&top.connection);
	top.asked = false;
	top.due_ms = clock_monotonic_ms() + top.interval_ms;
	top.action = ACTION_NONE;
	say("no daemon answers: %s; waiting for it", why);
	draw();
}

static void
show_answer(void)
{
	json_error_t error;
	json_t *stats = top.refused ? NULL
				    : json_loadb(buffer_data(&top.body),
					  buffer_length(&top.body), 0, &error);

	if (stats != NULL &&
	    top_model_take(&top.model, stats, clock_monotonic_us()))
		top_model_sort(&top.model, top.view.order);
	else
		say("the daemon gave no counters");
	json_decref(stats);
	draw();
}

static void
take_line(char *line)
{
	const char *code = "", *words = "";

	switch (reply_parse_line(&top.parser, line, &code, &words)) {
	case REPLY_BODY:
		buffer_text(&top.body, words);
		buffer_text(&top.body, "\n");
		break;
	case REPLY_ERROR:
		top.refused = true;
		break;
	case REPLY_END:
		top.asked = false;
		top.due_ms = top.asked_ms + top.interval_ms;
		show_answer();
		buffer_clear(&top.body);
		break;
	case REPLY_INVALID:
		lose_daemon("that is no preforkd");
		break;
	case REPLY_OK:
	case REPLY_MORE:
		break;
	}
}

/* False with errno when there is no daemon. */
static bool
open_connection(void)
{
	if (!connection_open(&top.connection, top.path, CONNECT_MS))
		return false;
	top.parser = (struct reply_parser){ 0 };
	return true;
}

static void
ask(void)
{
	if (top.connection.fd == -1) {
		if (!open_connection()) {
			lose_daemon(strerror(errno));
			return;
		}
		top.view.message[0] = '\0';
	}
	top.asked_ms = clock_monotonic_ms();
	top.asked = true;
	top.refused = false;
	buffer_clear(&top.body);
	top.connection.watch_fd = top.epoll_fd;
	top.connection.watch_events = POLLIN;
	top.connection.deadline_ms = top.asked_ms + LATE_MS;
	enum connection_result sent;
	while ((sent = connection_send(&top.connection, STATS_REQUEST,
		    strlen(STATS_REQUEST))) == CONNECTION_WATCHED &&
	    !top.quit)
		take_input();
	if (sent != CONNECTION_LINE && !top.quit)
		lose_daemon("it takes no request");
}

static void
await_answer(void)
{
	char *line;

	switch (connection_read_line(&top.connection, &line)) {
	case CONNECTION_LINE:
		take_line(line);
		break;
	case CONNECTION_WATCHED:
		take_input();
		break;
	case CONNECTION_LATE:
		top.connection.deadline_ms = clock_monotonic_ms() + LATE_MS;
		say("no answer for %lld s",
		    (long long)(clock_monotonic_ms() - top.asked_ms) / 1000);
		draw();
		break;
	case CONNECTION_ENDED:
		lose_daemon("it closed the connection");
		break;
	case CONNECTION_TOO_LONG:
	case CONNECTION_FAILED:
		lose_daemon(strerror(errno));
		break;
	}
}

/* Until the next question is due, or a key comes. */
static void
rest(void)
{
	struct pollfd input = { .fd = top.epoll_fd, .events = POLLIN };
	int64_t left = top.due_ms - clock_monotonic_ms();

	if (top.undrawn && left > REDRAW_MS)
		left = REDRAW_MS;
	if (left > INT_MAX)
		left = INT_MAX;
	if (left > 0 && poll(&input, 1, (int)left) == 1)
		take_input();
	else if (top.undrawn)
		draw();
}

/* --- the whole ----------------------------------------------------------- */

/* Signals become data, so that the terminal is always given back. */
static bool
open_input(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGQUIT);
	sigaddset(&signals, SIGWINCH);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	top.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	top.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return top.signal_fd != -1 && top.epoll_fd != -1 &&
	    epoll_ctl(top.epoll_fd, EPOLL_CTL_ADD, top.signal_fd, &event) ==
	    0 &&
	    epoll_ctl(top.epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event) == 0;
}

static void
watch(void)
{
	draw();
	while (!top.quit) {
		if (top.asked)
			await_answer();
		else if (clock_monotonic_ms() >= top.due_ms)
			ask();
		else
			rest();
	}
}

static void
give_back(void)
{
	screen_close();
	connection_close(&top.connection);
	buffer_clear(&top.body);
	top_model_clear(&top.model);
	if (top.signal_fd != -1)
		close(top.signal_fd);
	if (top.epoll_fd != -1)
		close(top.epoll_fd);
}

int
top_run(const char *path, int64_t interval_ms)
{
	const char *why;
	int status = STATUS_DONE;

	top = (struct top){ .path = path,
		.interval_ms = interval_ms,
		.signal_fd = -1,
		.epoll_fd = -1 };
	buffer_init(&top.body, ANSWER_MAX);
	if (!open_connection())
		reply_no_daemon(path, strerror(errno));
	if (!screen_open(&why)) {
		reply_complain("cannot show it: %s", why);
		status = STATUS_FAILED;
	} else if (!open_input()) {
		why = strerror(errno);
		screen_close();
		reply_complain("cannot wait for keys: %s", why);
		status = STATUS_FAILED;
	} else {
		watch();
	}
	give_back();
	return status;
}
