/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_FLOW_H
#define CLIENTS_PREFORKCAT_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "clients/preforkcat_ends.h"

/*
 * One direction of a stream, from a source to a sink. Nothing is read before
 * what was read is written: a slow sink makes the source wait, and the buffer
 * has one size.
 */

enum flow_state {
	FLOW_OPEN = 0,
	FLOW_ENDED,	    /* the source is at its end, all of it is written */
	FLOW_SOURCE_FAILED, /* all that came before is written */
	FLOW_SINK_FAILED,
};

struct flow {
	struct end *source, *sink;
	char direction; /* '>' to the peer, '<' from it */
	bool crlf;
	enum flow_state state;
	int error; /* errno of what failed */
	/* What poll(2) said last, until a call has said EAGAIN. */
	bool source_ready, sink_ready;

	char *buffer, *text; /* text: what was read, before crlf */
	size_t start, end;
	bool after_cr;
	enum { FLOW_COPY = 0, FLOW_SPLICE, FLOW_SENDFILE } way;
};

/* False when there is no memory. CRLF: line ends become CR LF. */
bool flow_init(struct flow *flow, struct end *source, struct end *sink,
    char direction, bool crlf);
void flow_clear(struct flow *flow);

/* True when flow_move() has something to do. */
bool flow_can_move(const struct flow *flow);

/* The events that it waits for: of the source, of the sink; 0 for none. */
short flow_source_events(const struct flow *flow);
short flow_sink_events(const struct flow *flow);

/* Bytes that were read, and not written yet. */
bool flow_is_holding(const struct flow *flow);

/* Moves what can be moved at once, a bounded part. Returns how much came out
 * of it, and changes the state. */
size_t flow_move(struct flow *flow);

#endif
