/* SPDX-License-Identifier: ISC */
/*
 * Connections of the control socket: lines in, replies out. Supervisor only; it
 * owns them. A request is a line, a reply is framed by common/reply.h. Nothing
 * here waits: what a client does not send or read costs it its connection at a
 * deadline, what it sends too much of is refused.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/reply.h"
#include "supervisor/commands.h"
#include "supervisor/control_connection_state.h"

#define OUTPUT_MAX	((size_t)32 * 1024 * 1024) /* a long list */
#define EVENTS_MAX	((size_t)256 * 1024)	   /* behind: cut off */
#define BUSY_OUTPUT	((size_t)64 * 1024)	   /* more: no next request */
#define HALF_LINE_MS	5000
#define UNREAD_REPLY_MS 10000
#define IDLE_MS		60000
#define COMMANDS_A_TURN 16

static TAILQ_HEAD(, control_connection) connections = TAILQ_HEAD_INITIALIZER(
    connections);
static size_t n_connections;
static uint64_t n_cut_off[CONTROL_N_LIMITS];

static void process(struct control_connection *connection);

uint64_t
control_cut_off(enum control_limit limit)
{
	return n_cut_off[limit];
}

void
control_count_cut_off(enum control_limit limit)
{
	n_cut_off[limit]++;
}

static void
drop(struct control_connection *connection)
{
	if (connection->waiting && connection->cancel != NULL)
		connection->cancel(connection);
	TAILQ_REMOVE(&connections, connection, entry);
	n_connections--;
	loop_unwatch(&connection->watch);
	loop_timer_cancel(&connection->deadline);
	close(connection->fd);
	buffer_clear(&connection->out);
	buffer_clear(&connection->answer.body);
	free(connection);
}

static void
cut_off(struct control_connection *connection, enum control_limit limit)
{
	control_count_cut_off(limit);
	drop(connection);
}

static void
on_deadline(void *arg)
{
	static const enum control_limit limits[] = {
		[WAIT_REQUEST] = CONTROL_LIMIT_IDLE,
		[WAIT_LINE] = CONTROL_LIMIT_LINE_TIME,
		[WAIT_READER] = CONTROL_LIMIT_UNREAD_REPLY,
	};
	struct control_connection *connection = arg;

	cut_off(connection, limits[connection->wait]);
}

static enum wait
waits_for(const struct control_connection *connection)
{
	if (buffer_length(&connection->out) > 0)
		return WAIT_READER;
	if (connection->waiting)
		return WAIT_NOTHING;
	return connection->n_in > 0 ? WAIT_LINE : WAIT_REQUEST;
}

/* Begun anew with progress, but for a line: that must be complete in its time,
 * however it drips in. */
static void
set_deadline(struct control_connection *connection)
{
	static const int64_t delays_ms[] = {
		[WAIT_REQUEST] = IDLE_MS,
		[WAIT_LINE] = HALF_LINE_MS,
		[WAIT_READER] = UNREAD_REPLY_MS,
	};
	enum wait before = connection->wait;

	connection->wait = waits_for(connection);
	if (connection->wait == WAIT_NOTHING)
		loop_timer_cancel(&connection->deadline);
	else if (connection->wait != WAIT_LINE || before != WAIT_LINE)
		loop_timer_set(&connection->deadline,
		    delays_ms[connection->wait], on_deadline, connection);
}

/* May the next request be answered? */
static bool
may_answer(const struct control_connection *connection)
{
	return !connection->waiting && !connection->closing &&
	    buffer_length(&connection->out) < BUSY_OUTPUT;
}

static bool
has_request(const struct control_connection *connection)
{
	return connection->n_in == sizeof(connection->in) ||
	    memchr(connection->in, '\n', connection->n_in) != NULL;
}

static void
set_interest(struct control_connection *connection)
{
	bool reads = connection->streaming ||
	    (may_answer(connection) &&
		connection->n_in < sizeof(connection->in));
	uint32_t events = 0;

	if (reads && !connection->ended)
		events |= EPOLLIN;
	if (buffer_length(&connection->out) > 0)
		events |= EPOLLOUT;
	/* EPOLLHUP comes in any case: a vanished client is noticed. */
	loop_watch_change(&connection->watch, events);
}

/* True while the connection is still there. */
static bool
flush(struct control_connection *connection)
{
	struct buffer *out = &connection->out;

	while (buffer_length(out) > 0) {
		ssize_t n = send(connection->fd, buffer_data(out),
		    buffer_length(out), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return true;
		if (n == -1) {
			drop(connection);
			return false;
		}
		buffer_consume(out, (size_t)n);
	}
	bool finished = connection->closing ||
	    (connection->ended && !connection->waiting &&
		connection->n_in == 0);
	if (finished)
		drop(connection);
	return !finished;
}

static void
on_more_work(void *arg)
{
	process(arg);
}

/* Goes on with what has been received, when others had their turn. */
static void
process_later(struct control_connection *connection)
{
	connection->wait = WAIT_NOTHING;
	loop_timer_set(&connection->deadline, 0, on_more_work, connection);
}

/* After anything happened: write, and wait for what comes next. */
static void
settle(struct control_connection *connection)
{
	if (connection->out.failed) {
		log_warn("a client of the control socket is cut off: its "
			 "reply is too long, or memory ran out");
		cut_off(connection, CONTROL_LIMIT_REPLY_LENGTH);
		return;
	}
	if (!flush(connection))
		return;
	if (may_answer(connection) && has_request(connection))
		process_later(connection);
	else
		set_deadline(connection);
	set_interest(connection);
}

void
control_connection_answered(struct control_connection *connection)
{
	connection->waiting = false;
	connection->cancel = NULL;
	/* Whoever answers late is in the middle of something. */
	if (!connection->processing)
		process_later(connection);
}

static void
tell_event(struct control_connection *connection, const char *line)
{
	reply_append_body(&connection->out, line, strlen(line));
	if (connection->out.failed ||
	    buffer_length(&connection->out) > EVENTS_MAX)
		cut_off(connection, CONTROL_LIMIT_UNREAD_EVENTS);
	else
		set_interest(connection);
}

void
control_tell_event(const char *text_line, const char *json_line)
{
	struct control_connection *connection, *next;

	TAILQ_FOREACH_SAFE (connection, &connections, entry, next) {
		if (connection->streaming)
			tell_event(connection,
			    connection->answer.json ? json_line : text_line);
	}
}

static void
refuse_line(struct control_connection *connection, const char *why)
{
	connection->n_in = 0;
	connection->closing = true;
	control_error(connection, CONTROL_ARGUMENT, "%s", why);
}

/* Runs the first whole line; false when there is none. */
static bool
run_next(struct control_connection *connection)
{
	char line[CONTROL_LINE_MAX];
	char *end = memchr(connection->in, '\n', connection->n_in);

	if (end == NULL) {
		if (connection->n_in < sizeof(connection->in))
			return false;
		control_count_cut_off(CONTROL_LIMIT_LINE_LENGTH);
		refuse_line(connection, "a line has at most 4096 bytes");
		return false;
	}
	size_t len = (size_t)(end - connection->in);
	memcpy(line, connection->in, len);
	line[len] = '\0';
	connection->n_in -= len + 1;
	connection->wait = WAIT_NOTHING;
	memmove(connection->in, end + 1, connection->n_in);
	if (memchr(line, '\0', len) != NULL)
		refuse_line(connection, "a line has no NUL bytes");
	else
		commands_run(connection, line);
	return true;
}

static void
process(struct control_connection *connection)
{
	connection->processing = true;
	for (int n = 0; n < COMMANDS_A_TURN && may_answer(connection); n++) {
		if (!run_next(connection))
			break;
	}
	connection->processing = false;
	/* What an ended client leaves behind is no request. */
	if (connection->ended && !connection->waiting &&
	    !has_request(connection))
		connection->n_in = 0;
	settle(connection);
}

/* False when the connection is gone. */
static bool
receive(struct control_connection *connection)
{
	size_t room = sizeof(connection->in) - connection->n_in;
	char ignored[512];
	char *into = connection->in + connection->n_in;

	/* Whoever reads events has nothing more to say. */
	if (connection->streaming) {
		into = ignored;
		room = sizeof(ignored);
	}
	ssize_t n = recv(connection->fd, into, room, MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n == -1) {
		drop(connection);
		return false;
	}
	if (n == 0)
		connection->ended = true;
	else if (!connection->streaming)
		connection->n_in += (size_t)n;
	return true;
}

static void
on_connection(void *arg, uint32_t events)
{
	struct control_connection *connection = arg;

	/* Both directions are gone: nobody reads an answer. */
	if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) {
		drop(connection);
		return;
	}
	if ((events & EPOLLIN) != 0 && !receive(connection))
		return;
	process(connection);
}

bool
control_peer_of(int fd, struct control_peer *peer)
{
	struct ucred credentials;
	socklen_t length = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) ==
	    -1)
		return false;
	*peer = (struct control_peer){
		.uid = credentials.uid,
		.pid = credentials.pid,
		.privileged =
		    credentials.uid == 0 || credentials.uid == geteuid(),
	};
	return true;
}

bool
control_connection_add(int fd, const struct control_peer *peer)
{
	struct control_connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		return false;
	if (loop_watch(&connection->watch, fd, EPOLLIN, on_connection,
		connection) == -1) {
		int saved = errno;
		free(connection);
		errno = saved;
		return false;
	}
	connection->fd = fd;
	connection->peer = *peer;
	buffer_init(&connection->out, OUTPUT_MAX);
	buffer_init(&connection->answer.body, OUTPUT_MAX);
	TAILQ_INSERT_TAIL(&connections, connection, entry);
	n_connections++;
	set_deadline(connection);
	return true;
}

static bool
has_work(const struct control_connection *connection)
{
	return connection->waiting || connection->n_in > 0 ||
	    buffer_length(&connection->out) > 0;
}

/* Which may be dropped: of somebody who may only look, or anybody; one that has
 * nothing under way, or any. */
static bool
drop_oldest(bool of_anybody, bool at_work)
{
	struct control_connection *connection;

	TAILQ_FOREACH (connection, &connections, entry) {
		if ((connection->peer.privileged && !of_anybody) ||
		    (has_work(connection) && !at_work))
			continue;
		cut_off(connection, CONTROL_LIMIT_CONNECTIONS);
		return true;
	}
	return false;
}

/* The oldest that has nothing under way. For the operator, somebody else's in
 * any case; an operator's never for somebody else: who has just come and could
 * not be heard yet has nothing under way, either. */
bool
control_connection_make_room(const struct control_peer *peer)
{
	if (drop_oldest(false, false))
		return true;
	return peer->privileged &&
	    (drop_oldest(true, false) || drop_oldest(false, true));
}

size_t
control_connection_count(void)
{
	return n_connections;
}

void
control_connection_close_all(void)
{
	struct control_connection *connection, *next;

	TAILQ_FOREACH_SAFE (connection, &connections, entry, next) {
		/* Last words, as far as they fit. */
		connection->closing = true;
		if (flush(connection))
			drop(connection);
	}
}
