/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_CONTROL_CONNECTION_H
#define SUPERVISOR_CONTROL_CONNECTION_H

#include <sys/types.h>

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/commands.h"

/*
 * A connection of the control socket, as commands see it: whom to answer. It
 * reads requests, runs their commands and writes the replies.
 */
struct control_connection;

/* What ends the connection of a client that asks too much. X(name, word) */
#define CONTROL_LIMITS(X)                 \
	X(CONNECTIONS, "connections")     \
	X(IDLE, "idle")                   \
	X(LINE_TIME, "line_time")         \
	X(LINE_LENGTH, "line_length")     \
	X(UNREAD_REPLY, "unread_reply")   \
	X(UNREAD_EVENTS, "unread_events") \
	X(REPLY_LENGTH, "reply_length")

enum control_limit {
#define LIMIT(name, word) CONTROL_LIMIT_##name,
	CONTROL_LIMITS(LIMIT)
#undef LIMIT
	    CONTROL_N_LIMITS
};

/* How many were ended by LIMIT so far; and one more. */
uint64_t control_cut_off(enum control_limit limit);
void control_count_cut_off(enum control_limit limit);

/* Who is at the other end. */
struct control_peer {
	uid_t uid;
	pid_t pid;
	bool privileged; /* root, or the user that the daemon was started by */
};

/* Asks the kernel; false with errno. */
bool control_peer_of(int fd, struct control_peer *peer);

/* Takes over FD, unless it returns false with errno. */
bool control_connection_add(int fd, const struct control_peer *peer);
size_t control_connection_count(void);
/* Drops one for the newcomer PEER; false when there is none to be dropped. */
bool control_connection_make_room(const struct control_peer *peer);
void control_connection_close_all(void);

/* A line, newline included, to everybody who asked for events: one for people,
 * or one JSON object. */
void control_tell_event(const char *text_line, const char *json_line);

/*
 * For commands. A command answers its connection exactly once, by
 * control_ok(), control_error(), control_report() or control_stream(): at
 * once, or after control_defer() whenever it can. An answer only fills
 * memory: no other command runs within it and the connection stays.
 */

/* A request is there, and in which form its answer is wished. */
void control_begin(struct control_connection *connection, bool json);

/* Body of the reply, written before control_ok() or control_error(). Lines of
 * text become a JSON object when JSON was asked for, unless control_as_is()
 * says that they are what was asked for. */
struct buffer *control_body(struct control_connection *connection);
void control_as_is(struct control_connection *connection);

void control_ok(struct control_connection *connection, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void
control_error(struct control_connection *connection, enum control_error code,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* OK with ROOT as the body, as text or as JSON as the asker wished. Takes the
 * reference of ROOT; NULL (out of memory) becomes an error. */
void control_report(struct control_connection *connection, json_t *root);

/* The same for an array of WHAT, of which text says when there are none. */
void control_report_list(
    struct control_connection *connection, json_t *rows, const char *what);

/* The answer comes later. CANCEL is called with the connection when the asker
 * goes away before; then nothing may be answered any more. */
void control_defer(struct control_connection *connection,
    void (*cancel)(struct control_connection *connection));

/* OK without an end: events follow. */
void control_stream(struct control_connection *connection);

/* May only look: logs that, and answers. */
void control_refuse(struct control_connection *connection, const char *command);

bool control_is_privileged(const struct control_connection *connection);
bool control_wants_json(const struct control_connection *connection);

#endif
