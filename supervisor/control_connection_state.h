/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_CONTROL_CONNECTION_STATE_H
#define SUPERVISOR_CONTROL_CONNECTION_STATE_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "supervisor/answer.h"
#include "supervisor/control_connection.h"
#include "supervisor/loop.h"

/*
 * What a control connection is: for control_connection.c, which owns it and
 * moves its bytes, and control_answer.c, which fills in what a command says.
 */

/* What a connection waits for; each has its deadline. */
enum wait {
	WAIT_NOTHING = 0, /* of the client: its answer, or events, come */
	WAIT_REQUEST,
	WAIT_LINE, /* the rest of one */
	WAIT_READER,
};

struct control_connection {
	TAILQ_ENTRY(control_connection) entry;
	int fd;
	struct watch watch;
	struct timer deadline;
	enum wait wait;
	struct control_peer peer;
	struct answer answer; /* to the request being answered */
	bool waiting;	      /* its answer comes later */
	bool streaming;	      /* gets events */
	bool ended;	      /* the client sends no more */
	bool closing;	      /* closed when the output is gone */
	bool processing;      /* within process(): it goes on by itself */
	void (*cancel)(struct control_connection *connection);
	struct buffer out;
	size_t n_in;
	char in[CONTROL_LINE_MAX];
};

/* The answer is in OUT: the connection goes on with what it has received. */
void control_connection_answered(struct control_connection *connection);

#endif
