/* SPDX-License-Identifier: ISC */
/*
 * Both directions of a stream in one poll(2) loop. The end of the input is
 * passed on as a half-close; the end of what the peer says is the end of the
 * exchange. What the peer said is written before anything is complained about.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/client_dial.h"
#include "clients/preforkcat_flow.h"
#include "clients/preforkcat_show.h"
#include "clients/preforkcat_stream.h"
#include "common/clock.h"
#include "common/units.h"

/* A peer that has ended its side may still take what is sent to it; one that
 * takes nothing for so long has gone. */
#define LINGER_MS 5000

/* Whoever writes our input may need a moment to go on. */
#define GRACE_MS 100

/* poll(2) again after so many moves at the latest: the other direction must
 * have its turn. */
#define MOVES_A_TURN 16

enum { STANDARD_INPUT, PEER, STANDARD_OUTPUT, N_ENDS };

struct stream {
	const struct options *options;
	struct end input, output;
	struct end *peer;
	struct flow out, in;
	int64_t moved_ms; /* when something went or came last */
	bool ended;	  /* the end of the input has been passed on */
	bool peer_ended;  /* and has been told */
	bool is_over;
	enum client_status status;
};

static void
over(struct stream *stream, enum client_status status)
{
	stream->is_over = true;
	stream->status = status;
}

/* --- ends and failures --------------------------------------------------- */

static enum client_status
connection_failed(const struct stream *stream, int error)
{
	const char *text = stream->options->text;

	if (error == EPROTO && stream->peer->ops->explain != NULL)
		return stream->peer->ops->explain(stream->peer, text);
	if (error == ETIMEDOUT) {
		complain("\"%s\" timed out", text);
		return CLIENT_TIMED_OUT;
	}
	if (error == ECONNRESET)
		complain("\"%s\" reset the connection", text);
	else if (error == EPIPE)
		complain("\"%s\" ended before it took all of the input", text);
	else
		complain("\"%s\" broke off: %s", text, strerror(error));
	return CLIENT_BROKEN;
}

static enum client_status
output_failed(int error)
{
	/* Whoever read it has had enough: no failure, as in any pipe. */
	if (error == EPIPE)
		return CLIENT_DONE;
	complain("cannot write standard output: %s", strerror(error));
	return CLIENT_BROKEN;
}

/* The peer has ended its side: how did the other go? */
static enum client_status
outcome(const struct stream *stream)
{
	const struct flow *out = &stream->out;

	if (out->state == FLOW_SINK_FAILED)
		return connection_failed(stream, out->error);
	if (out->state == FLOW_SOURCE_FAILED) {
		complain(
		    "cannot read standard input: %s", strerror(out->error));
		return CLIENT_BROKEN;
	}
	return CLIENT_DONE;
}

/* The input is at its end, or useless: the peer is told, once. */
static void
pass_end_on(struct stream *stream)
{
	if (stream->ended || stream->out.state == FLOW_OPEN)
		return;
	if (stream->out.state == FLOW_SINK_FAILED) {
		stream->ended = true;
		show_step(
		    "the peer takes no more: %s", strerror(stream->out.error));
		return;
	}
	stream->ended = stream->peer->ops->finish(stream->peer);
	if (stream->ended)
		show_timed("end of the input passed on");
}

static void
look_at_states(struct stream *stream)
{
	const struct flow *in = &stream->in;

	pass_end_on(stream);
	if (in->state == FLOW_ENDED && !stream->peer_ended) {
		stream->peer_ended = true;
		show_timed("the peer ended");
	}
	if (in->state == FLOW_SOURCE_FAILED)
		over(stream, connection_failed(stream, in->error));
	else if (in->state == FLOW_SINK_FAILED)
		over(stream, output_failed(in->error));
	else if (in->state == FLOW_ENDED &&
	    (stream->out.state != FLOW_OPEN || stream->input.is_terminal))
		over(stream, outcome(stream));
}

/* --- waiting ------------------------------------------------------------- */

/* What was there to be sent when the peer ended its side is still sent; what
 * would have to be waited for is not. */
static bool
is_lingering(const struct stream *stream)
{
	return stream->in.state == FLOW_ENDED;
}

static bool
has_input(const struct stream *stream)
{
	return stream->out.source_ready || flow_is_holding(&stream->out);
}

/* Waiting for whoever reads our output is not the peer's fault. */
static bool
waits_for_output(const struct stream *stream)
{
	return flow_sink_events(&stream->in) != 0;
}

/* For poll(2). */
static int
timeout_ms(const struct stream *stream)
{
	int64_t limit_ms = stream->options->timeout_ms;

	if (flow_can_move(&stream->out) || flow_can_move(&stream->in))
		return 0;
	if (is_lingering(stream))
		return dial_left_ms(stream->moved_ms +
		    (has_input(stream) ? LINGER_MS : GRACE_MS));
	if (limit_ms == 0 || waits_for_output(stream))
		return -1;
	return dial_left_ms(stream->moved_ms + limit_ms);
}

/* poll(2) had nothing to say within that time. */
static void
time_is_over(struct stream *stream)
{
	char limit[24];

	if (flow_can_move(&stream->out) || flow_can_move(&stream->in))
		return;
	if (is_lingering(stream)) {
		over(stream,
		    has_input(stream) ? connection_failed(stream, EPIPE)
				      : CLIENT_DONE);
		return;
	}
	complain("\"%s\" timed out: nothing came or went for %s",
	    stream->options->text,
	    unit_format_duration(
		stream->options->timeout_ms, limit, sizeof(limit)));
	over(stream, CLIENT_TIMED_OUT);
}

/* Without events a descriptor is left out, or poll(2) would tell again and
 * again that it has hung up. */
static struct pollfd
watch(const struct end *end, short events)
{
	return (struct pollfd){
		.fd = events == 0 ? -1 : end->fd,
		.events = events,
	};
}

/* Once all is sent, output that nobody reads leaves nothing to do. */
static void
watch_reader(const struct stream *stream, struct pollfd *poll_output)
{
	if (stream->out.state != FLOW_OPEN && !stream->output.is_file)
		poll_output->fd = stream->output.fd;
}

/* One of EVENTS, or an error. */
static bool
has_come(const struct pollfd *poll, short events)
{
	return events != 0 &&
	    (poll->revents & (events | ~(POLLIN | POLLOUT))) != 0;
}

static void
take_events(struct stream *stream, const struct pollfd *polls)
{
	const struct pollfd *peer = &polls[PEER];
	const struct pollfd *output = &polls[STANDARD_OUTPUT];

	if (polls[STANDARD_INPUT].revents != 0)
		stream->out.source_ready = true;
	if (has_come(peer, flow_source_events(&stream->in)))
		stream->in.source_ready = true;
	if (has_come(peer, flow_sink_events(&stream->out)))
		stream->out.sink_ready = true;
	if (output->events != 0 && output->revents != 0)
		stream->in.sink_ready = true;
	else if (output->revents & (POLLERR | POLLHUP)) {
		show_step("nobody reads the output");
		over(stream, CLIENT_DONE);
	}
}

/* An end that could not be passed on yet. */
static short
finish_events(const struct stream *stream)
{
	return stream->out.state != FLOW_OPEN && !stream->ended
	    ? stream->peer->send_waits_for
	    : 0;
}

static void
await(struct stream *stream)
{
	const struct flow *out = &stream->out, *in = &stream->in;
	struct pollfd polls[N_ENDS] = {
		[STANDARD_INPUT] =
		    watch(&stream->input, flow_source_events(out)),
		[PEER] = watch(stream->peer,
		    (short)(flow_sink_events(out) | flow_source_events(in) |
			finish_events(stream))),
		[STANDARD_OUTPUT] =
		    watch(&stream->output, flow_sink_events(in)),
	};

	watch_reader(stream, &polls[STANDARD_OUTPUT]);
	int n = poll(polls, N_ENDS, timeout_ms(stream));
	if (n == 0)
		time_is_over(stream);
	else if (n > 0)
		take_events(stream, polls);
}

/* --- moving -------------------------------------------------------------- */

static size_t
move(struct stream *stream, struct flow *flow)
{
	size_t n = 0;

	for (int i = 0; i < MOVES_A_TURN && flow_can_move(flow); i++)
		n += flow_move(flow);
	if (n > 0)
		stream->moved_ms = clock_monotonic_ms();
	return n;
}

enum client_status
stream_copy(const struct options *options, struct end *peer)
{
	struct stream stream = { .options = options, .peer = peer };

	end_standard(&stream.input, STDIN_FILENO);
	end_standard(&stream.output, STDOUT_FILENO);
	if (!flow_init(&stream.out, &stream.input, peer, '>', options->crlf) ||
	    !flow_init(&stream.in, peer, &stream.output, '<', false)) {
		complain("out of memory");
		over(&stream, CLIENT_BROKEN);
	}
	stream.moved_ms = clock_monotonic_ms();
	while (!stream.is_over) {
		await(&stream);
		/* Input first: a peer that closes at once still gets what was
		 * there for it. */
		show_sent(move(&stream, &stream.out));
		size_t n = move(&stream, &stream.in);
		if (n > 0)
			show_received(n);
		if (!stream.is_over)
			look_at_states(&stream);
	}
	flow_clear(&stream.out);
	flow_clear(&stream.in);
	return stream.status;
}
