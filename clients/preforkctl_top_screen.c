/* SPDX-License-Identifier: ISC */
/*
 * preforkctl top: the screen, by ncurses, which sends only what has changed.
 * Draws what it is given, keeps nothing, asks nobody.
 */
#include <sys/ioctl.h>

#include <curses.h>
#include <langinfo.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "clients/preforkctl_top_screen.h"

#define SPARK_COLUMNS 20

static bool is_open;

/* --- the terminal -------------------------------------------------------- */

bool
screen_open(const char **why)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		*why = "standard input and output are no terminal; \"stats\" "
		       "is for files and pipes";
		return false;
	}
	/* initscr(3) would exit by itself. */
	if (newterm(NULL, stdout, stdin) == NULL) {
		*why = "this kind of terminal is unknown; TERM names it";
		return false;
	}
	is_open = true;
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, true);
	nodelay(stdscr, true);
	set_escdelay(25);
	curs_set(0);
	return true;
}

bool
screen_takes(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) == 1;
}

/* Output that was stopped, by ^S, goes on: the end must not wait for it. What
 * TCOON starts is only what TCOOFF stopped. */
void
screen_close(void)
{
	if (is_open) {
		tcflow(STDOUT_FILENO, TCOOFF);
		tcflow(STDOUT_FILENO, TCOON);
		endwin();
	}
	is_open = false;
}

void
screen_resize(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
	    size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	clearok(curscr, true);
}

int
screen_key(void)
{
	return getch();
}

/* --- numbers as people read them ----------------------------------------- */

/* "0.5", "12", "3.4k", "1.2M": at most five characters. */
static const char *
short_number(double n, char *buf, size_t size)
{
	static const char units[] = " kMGTPE";
	size_t unit = 0;

	while (n >= 999.5 && units[unit + 1] != '\0') {
		n /= 1000;
		unit++;
	}
	snprintf(
	    buf, size, n < 9.95 && n != (double)(int)n ? "%.1f" : "%.0f", n);
	if (unit > 0) {
		size_t len = strlen(buf);
		snprintf(buf + len, size - len, "%c", units[unit]);
	}
	return buf;
}

static const char *
short_age(int64_t s, char *buf, size_t size)
{
	if (s < 60)
		snprintf(buf, size, "%llds", (long long)s);
	else if (s < 3600)
		snprintf(buf, size, "%lldm%02llds", (long long)s / 60,
		    (long long)s % 60);
	else if (s < 86400)
		snprintf(buf, size, "%lldh%02lldm", (long long)s / 3600,
		    (long long)s / 60 % 60);
	else
		snprintf(buf, size, "%lldd%02lldh", (long long)s / 86400,
		    (long long)s / 3600 % 24);
	return buf;
}

/* --- drawing ------------------------------------------------------------- */

/* Prints at ROW what fits of the line, and blanks the rest. */
static void
put(int row, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
put(int row, const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	move(row, 0);
	addnstr(line, COLS);
	clrtoeol();
}

static void
put_heading(int row, const char *text)
{
	attron(A_BOLD);
	put(row, "%s", text);
	attroff(A_BOLD);
}

/* The last samples at the end of ROW, if there is room behind COLUMN. */
static void
put_spark(int row, int column, const struct top_history *history)
{
	static const char *const bars[] = { "\u2581", "\u2582", "\u2583",
		"\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char *const plain[] = { "_", ".", "-", "=", "o", "*", "%",
		"#" };
	bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	size_t width = SPARK_COLUMNS, n = history->n;
	double most = 0;

	if (column + SPARK_COLUMNS > COLS)
		return;
	size_t first = n > width ? n - width : 0;
	for (size_t i = first; i < n; i++) {
		if (history->values[i] > most)
			most = history->values[i];
	}
	move(row, column);
	for (size_t i = first; i < n; i++) {
		double part = most > 0 ? history->values[i] / most : 0;
		size_t level = (size_t)(part * 7 + 0.5);
		addstr(utf8 ? bars[level] : plain[level]);
	}
}

static int
draw_head(const struct top_model *model)
{
	double requests = 0, in = 0, out = 0, cpu = 0, rss = 0;
	int64_t connections = 0;
	char a[32], r[32], i[32], o[32], m[32];

	for (size_t k = 0; k < model->n_services; k++) {
		requests += model->services[k].requests_rate;
		in += model->services[k].in_rate;
		out += model->services[k].out_rate;
	}
	for (size_t k = 0; k < model->n_workers; k++) {
		connections += model->workers[k].connections;
		cpu += model->workers[k].cpu;
		rss += (double)model->workers[k].rss_bytes;
	}
	put(0, "preforkd %s (pid %lld) up %s, configuration %lld, %s",
	    model->version, (long long)model->pid,
	    short_age(model->uptime_s, a, sizeof(a)),
	    (long long)model->configuration,
	    model->ready ? "ready" : model->reason);
	put(1,
	    "%s requests/s, %lld connections, %sB/s in, %sB/s out, "
	    "%.0f%% of a core, %sB",
	    short_number(requests, r, sizeof(r)), (long long)connections,
	    short_number(in, i, sizeof(i)), short_number(out, o, sizeof(o)),
	    cpu * 100, short_number(rss, m, sizeof(m)));
	put_spark(1, 84, &model->history);
	put(2, "%s", "");
	return 3;
}

static int
draw_pools(int row, int end, const struct top_model *model)
{
	if (row < end)
		put_heading(row++,
		    "POOL              STATE     WORKERS "
		    " EXITED  FAILED  KILLED  SPREAD");
	for (size_t i = 0; i < model->n_pools && row < end; i++) {
		const struct top_pool *p = &model->pools[i];
		bool bad = strcmp(p->state, "ready") != 0;

		attrset(bad ? A_BOLD : A_NORMAL);
		put(row++, "%-16.16s  %-8s  %7lld  %6lld  %6lld  %6lld  %6.2f",
		    p->name, p->state, (long long)p->workers,
		    (long long)p->exited, (long long)p->failed,
		    (long long)p->killed, p->spread);
		attrset(A_NORMAL);
	}
	return row;
}

static void
draw_service(int row, const struct top_service *s)
{
	char q[32], r[32], f[32], i[32], o[32];

	snprintf(q, sizeof(q), "%lld/%lld", (long long)s->queue,
	    (long long)s->queue_limit);
	put(row, "%-16.16s  %7lld  %7s  %9s  %6s  %6s  %11s", s->name,
	    (long long)s->active, short_number(s->requests_rate, r, sizeof(r)),
	    short_number(s->refused_rate, f, sizeof(f)),
	    short_number(s->in_rate, i, sizeof(i)),
	    short_number(s->out_rate, o, sizeof(o)),
	    s->queue_limit == 0 ? "-" : q);
	put_spark(row, 78, &s->history);
}

static int
draw_services(int row, int end, const struct top_model *model)
{
	if (row < end)
		put_heading(row++,
		    "SERVICE            ACTIVE    REQ/S  "
		    "REFUSED/S    IN/S   OUT/S        QUEUE");
	for (size_t i = 0; i < model->n_services && row < end; i++) {
		if (row + 1 == end && i + 1 < model->n_services)
			put(row++, "(%zu more services)",
			    model->n_services - i);
		else
			draw_service(row++, &model->services[i]);
	}
	return row;
}

static void
draw_worker(int row, const struct top_worker *w, bool selected)
{
	char a[32], r[32], m[32];

	if (selected)
		attron(A_REVERSE);
	put(row, "%-16.16s  %8lld  %-8s  %6s  %7lld  %7s  %5.1f  %6s  %s",
	    w->name, (long long)w->pid, w->state,
	    short_age(w->age_s, a, sizeof(a)), (long long)w->connections,
	    short_number(w->requests_rate, r, sizeof(r)), w->cpu * 100,
	    short_number((double)w->rss_bytes, m, sizeof(m)), w->last_exit);
	if (selected)
		attroff(A_REVERSE);
}

/* The marked worker stays in sight. */
static int
draw_workers(int row, int end, const struct top_model *model,
    const struct top_view *view)
{
	size_t first = 0, selected = model->n_workers;

	if (row < end)
		put_heading(row++,
		    "WORKER                 PID  STATE        "
		    "AGE    CONNS    REQ/S   CPU%     MEM  "
		    "LAST EXIT");
	for (size_t i = 0; i < model->n_workers; i++) {
		if (model->workers[i].pid == view->selected_pid &&
		    strcmp(model->workers[i].name, view->selected) == 0)
			selected = i;
	}
	if (row < end && selected < model->n_workers &&
	    selected >= (size_t)(end - row))
		first = selected - (size_t)(end - row) + 1;
	for (size_t i = first; i < model->n_workers && row < end; i++)
		draw_worker(row++, &model->workers[i], i == selected);
	return row;
}

static const char keys_text[] = "q quit  ? help  up/down mark a worker  "
				"d drain it  R restart it now";

static const char *const help_text[] = {
	"n  workers in the order of their names",
	"c  by connections     r  by requests a second     p  by CPU time",
	"m  by memory          a  by age",
	"",
	"up, down, k, j   mark a worker",
	"d  it finishes what it serves, another takes its place",
	"R  it leaves at once, another takes its place",
	"",
	"REQ/S  connections, datagrams, and messages where the handler",
	"       knows them, in a second",
	"QUEUE  connections that wait to be accepted, and how many may",
	"MEM    resident memory, what workers share counted in each",
	"",
	"any key goes back, q quits",
};

static void
draw_help(void)
{
	int n = (int)(sizeof(help_text) / sizeof(help_text[0]));

	for (int i = 0; i < n && i < LINES - 1; i++)
		put(i, "%s", help_text[i]);
	for (int i = n; i < LINES; i++)
		put(i, "%s", "");
}

/* Services take at most half of what is left, workers the rest. */
void
screen_draw(const struct top_model *model, const struct top_view *view)
{
	int end = LINES - 1;

	if (view->help) {
		draw_help();
		refresh();
		return;
	}
	int row = draw_head(model);
	row = draw_pools(row, row + (end - row) / 3, model);
	if (row < end)
		put(row++, "%s", "");
	row = draw_services(row, row + (end - row) / 2, model);
	if (row < end)
		put(row++, "%s", "");
	row = draw_workers(row, end, model, view);
	while (row < end)
		put(row++, "%s", "");
	attrset(view->message[0] == '\0' ? A_DIM : A_BOLD);
	put(end, "%s", view->message[0] == '\0' ? keys_text : view->message);
	attrset(A_NORMAL);
	refresh();
}
