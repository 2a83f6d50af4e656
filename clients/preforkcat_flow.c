/* SPDX-License-Identifier: ISC */
/*
 * One direction of a stream. Bytes that nobody looks at go from descriptor to
 * descriptor inside the kernel where that is possible, through a buffer where
 * it is not.
 */
#include <sys/sendfile.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "clients/preforkcat_crlf.h"
#include "clients/preforkcat_flow.h"
#include "clients/preforkcat_show.h"

/* More at a time gained nothing on a loopback; a splice is limited by the pipe
 * anyway. */
#define BUFFER_SIZE (256 * 1024)
#define SPLICE_SIZE (1024 * 1024)

static int
choose_way(const struct flow *flow)
{
	const struct end *source = flow->source, *sink = flow->sink;

	if (flow->crlf || show_wants_bytes() || !source->bare || !sink->bare)
		return FLOW_COPY;
	if (source->is_pipe || sink->is_pipe)
		return FLOW_SPLICE;
	return source->is_file ? FLOW_SENDFILE : FLOW_COPY;
}

bool
flow_init(struct flow *flow, struct end *source, struct end *sink,
    char direction, bool crlf)
{
	*flow = (struct flow){
		.source = source,
		.sink = sink,
		.direction = direction,
		.crlf = crlf,
		.source_ready = source->holds,
	};
	flow->way = choose_way(flow);
	flow->buffer = malloc(BUFFER_SIZE);
	if (crlf)
		flow->text = malloc(BUFFER_SIZE / 2);
	return flow->buffer != NULL && (!crlf || flow->text != NULL);
}

void
flow_clear(struct flow *flow)
{
	free(flow->buffer);
	free(flow->text);
	flow->buffer = flow->text = NULL;
}

bool
flow_is_holding(const struct flow *flow)
{
	return flow->start < flow->end;
}

short
flow_source_events(const struct flow *flow)
{
	bool wants = flow->state == FLOW_OPEN && !flow->source_ready &&
	    !flow_is_holding(flow);

	return wants ? flow->source->receive_waits_for : 0;
}

/* Whether there is room is asked for once there is something. */
short
flow_sink_events(const struct flow *flow)
{
	bool wants = flow->state == FLOW_OPEN && !flow->sink_ready &&
	    (flow->source_ready || flow_is_holding(flow));

	return wants ? flow->sink->send_waits_for : 0;
}

bool
flow_can_move(const struct flow *flow)
{
	return flow->state == FLOW_OPEN && flow->sink_ready &&
	    (flow->source_ready || flow_is_holding(flow));
}

static void
fail(struct flow *flow, enum flow_state state, int error)
{
	flow->state = state;
	flow->error = error;
}

/* --- inside the kernel --------------------------------------------------- */

/* Which side an error of splice(2) or sendfile(2) comes from. */
static enum flow_state
blame(const struct flow *flow, int error)
{
	if (flow->direction == '>')
		return FLOW_SINK_FAILED;
	return error == EPIPE ? FLOW_SINK_FAILED : FLOW_SOURCE_FAILED;
}

/* Errors that mean: not with these descriptors. The next way is tried then, and
 * its calls tell what is really wrong. */
static bool
is_impossible(int error)
{
	return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP ||
	    error == EBADF || error == ESPIPE || error == EOVERFLOW ||
	    error == EIO || error == EISDIR || error == ENOMEM ||
	    error == EPERM;
}

static ssize_t
move_within(struct flow *flow)
{
	if (flow->way == FLOW_SENDFILE)
		return sendfile(
		    flow->sink->fd, flow->source->fd, NULL, SPLICE_SIZE);
	return splice(flow->source->fd, NULL, flow->sink->fd, NULL, SPLICE_SIZE,
	    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

static size_t
move_in_kernel(struct flow *flow)
{
	ssize_t n = move_within(flow);

	if (n > 0)
		return (size_t)n;
	if (n == 0)
		flow->state = FLOW_ENDED;
	else if (errno == EAGAIN)
		/* One of both, it does not say which. */
		flow->source_ready = flow->sink_ready = false;
	else if (is_impossible(errno))
		flow->way = FLOW_COPY;
	else if (errno != EINTR)
		fail(flow, blame(flow, errno), errno);
	return 0;
}

/* --- through the buffer -------------------------------------------------- */

static void
fill(struct flow *flow)
{
	struct end *source = flow->source;
	char *to = flow->crlf ? flow->text : flow->buffer;
	size_t room = flow->crlf ? BUFFER_SIZE / 2 : BUFFER_SIZE;
	ssize_t n = source->ops->receive(source, to, room);

	if (n == -1) {
		if (errno == EAGAIN)
			flow->source_ready = false;
		else if (errno != EINTR)
			fail(flow, FLOW_SOURCE_FAILED, errno);
		return;
	}
	/* A descriptor that cannot say EAGAIN is asked after poll(2) only. */
	if (!source->never_waits)
		flow->source_ready = false;
	if (n == 0) {
		flow->state = FLOW_ENDED;
		return;
	}
	flow->start = 0;
	flow->end = (size_t)n;
	if (flow->crlf)
		flow->end = crlf_copy(
		    flow->buffer, flow->text, (size_t)n, &flow->after_cr);
	show_bytes(flow->direction, flow->buffer, flow->end);
}

static size_t
empty(struct flow *flow)
{
	struct end *sink = flow->sink;
	ssize_t n = sink->ops->send(
	    sink, flow->buffer + flow->start, flow->end - flow->start);

	if (n == -1) {
		if (errno == EAGAIN)
			flow->sink_ready = false;
		else if (errno != EINTR)
			fail(flow, FLOW_SINK_FAILED, errno);
		return 0;
	}
	if (!sink->never_waits)
		flow->sink_ready = false;
	flow->start += (size_t)n;
	return (size_t)n;
}

size_t
flow_move(struct flow *flow)
{
	if (!flow_is_holding(flow)) {
		if (flow->way != FLOW_COPY)
			return move_in_kernel(flow);
		fill(flow);
	}
	return flow_is_holding(flow) ? empty(flow) : 0;
}
