/* SPDX-License-Identifier: ISC */
/*
 * Datagrams: one is sent, its answer is waited for, then the next. What is lost
 * is sent again if that is wanted, with growing waits. The socket is connected,
 * so that only the peer's answers count and its refusal is heard; but for a
 * broadcast, which anybody may answer.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/preforkcat_datagram.h"
#include "clients/preforkcat_ends.h"
#include "clients/preforkcat_messages.h"
#include "clients/preforkcat_proxy.h"
#include "clients/preforkcat_show.h"
#include "common/clock.h"
#include "common/units.h"

#define ANSWER_MAX  (256 * 1024) /* unix sockets carry more than UDP does */
#define INPUT_SIZE  (64 * 1024)
#define WAIT_MAX_MS (INT64_C(3600) * 1000)

enum result {
	ANSWERED = 0, /* or sent, when no answer is wanted */
	LATE,
	REFUSED, /* error says why */
	FAILED,	 /* status is set, and told */
};

struct talk {
	const struct options *options;
	const struct dial_wish *wish;
	const struct endpoint *endpoints;
	size_t n, current, n_refused;
	int fd; /* towards endpoints[current], or -1 */
	int error;
	bool has_answered; /* from then on the endpoint stays the same */
	unsigned n_late;   /* answers that may still come twice */
	struct end input, output;
	struct messages messages;
	enum client_status status;
	char header[PROXY_HEADER_MAX];
	size_t header_len;
	char answer[ANSWER_MAX], part[INPUT_SIZE];
};

static enum result
fail(struct talk *talk, enum client_status status)
{
	talk->status = status;
	return FAILED;
}

/* --- the socket ---------------------------------------------------------- */

static void
close_socket(struct talk *talk)
{
	if (talk->fd != -1)
		close(talk->fd);
	talk->fd = -1;
}

/* A unix socket gets a name of its own, or nobody could answer. */
static void
bind_name(int fd)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };

	if (bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) ==
	    -1)
		show_step("no name to answer to: %s", strerror(errno));
}

static bool
connect_socket(struct talk *talk, const struct endpoint *endpoint)
{
	const struct sockaddr *sa = (const void *)&endpoint->storage;
	int on = 1;

	if (sa->sa_family == AF_UNIX)
		bind_name(talk->fd);
	if (talk->options->broadcast)
		return setsockopt(talk->fd, SOL_SOCKET, SO_BROADCAST, &on,
			   sizeof(on)) == 0;
	return connect(talk->fd, sa, endpoint->length) == 0;
}

/* False with talk->error. */
static bool
open_socket(struct talk *talk)
{
	const struct endpoint *endpoint = &talk->endpoints[talk->current];
	char text[ADDRESS_TEXT_MAX];

	if (talk->fd != -1)
		return true;
	talk->fd = dial_socket(endpoint, SOCK_DGRAM, talk->wish);
	if (talk->fd != -1 && connect_socket(talk, endpoint)) {
		talk->header_len = proxy_header_of(
		    talk->header, talk->options->proxy, talk->fd);
		show_step("sending to %s",
		    endpoint_format((const struct sockaddr *)&endpoint->storage,
			endpoint->length, text, sizeof(text)));
		return true;
	}
	talk->error = errno;
	close_socket(talk);
	return false;
}

/* Another address of the name, as long as none has answered. */
static void
next_endpoint(struct talk *talk)
{
	if (talk->has_answered || talk->n < 2)
		return;
	close_socket(talk);
	talk->current = (talk->current + 1) % talk->n;
}

/* True when there is an address that has not refused yet. */
static bool
try_next(struct talk *talk)
{
	if (talk->wish->tell != NULL)
		talk->wish->tell("refused: %s", strerror(talk->error));
	if (talk->endpoints[0].storage.ss_family == AF_UNIX)
		close_socket(
		    talk); /* its peer is gone; there may be a new one */
	next_endpoint(talk);
	if (!talk->has_answered && ++talk->n_refused < talk->n)
		return true;
	talk->n_refused = 0;
	return false;
}

/* --- answers ------------------------------------------------------------- */

static enum result
write_answer(struct talk *talk, size_t len)
{
	if (end_write_all(&talk->output, talk->answer, len))
		return ANSWERED;
	if (errno == EPIPE)
		return fail(talk, CLIENT_DONE);
	complain("cannot write standard output: %s", strerror(errno));
	return fail(talk, CLIENT_BROKEN);
}

/* Takes one datagram that is there. LATE: there was none after all. */
static enum result
take_answer(struct talk *talk, bool wanted)
{
	struct iovec part = { talk->answer, sizeof(talk->answer) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n = recvmsg(talk->fd, &message, MSG_DONTWAIT | MSG_TRUNC);

	if (n == -1) {
		talk->error = errno;
		return errno == EAGAIN || errno == EINTR ? LATE : REFUSED;
	}
	size_t len =
	    (size_t)n < sizeof(talk->answer) ? (size_t)n : sizeof(talk->answer);
	show_received(len);
	show_bytes('<', talk->answer, len);
	if (!wanted) {
		show_step("an answer that came twice is dropped");
		return ANSWERED;
	}
	if (message.msg_flags & MSG_TRUNC) {
		complain("an answer of %zd bytes was cut to %zu", n, len);
		talk->status = CLIENT_PROTOCOL;
	}
	return write_answer(talk, len);
}

static enum result
await_answer(struct talk *talk, int64_t deadline_ms)
{
	struct pollfd readable = { .fd = talk->fd, .events = POLLIN };
	enum result result = LATE;
	bool any = false;

	for (;;) {
		int n = poll(&readable, 1, dial_left_ms(deadline_ms));
		if (n == 0)
			return any ? ANSWERED : LATE;
		if (n == -1)
			continue;
		result = take_answer(talk, true);
		any = any || result == ANSWERED;
		/* A broadcast may be answered by many. */
		if (result == FAILED ||
		    (result != LATE && !talk->options->broadcast))
			return result;
	}
}

/* Answers to what had to be sent again may come late, and must not be taken for
 * those to what is sent next. */
static void
drop_late(struct talk *talk)
{
	while (talk->n_late > 0 && talk->fd != -1 &&
	    take_answer(talk, false) == ANSWERED)
		talk->n_late--;
	talk->n_late = 0;
}

/* --- asking -------------------------------------------------------------- */

static ssize_t
send_datagram(struct talk *talk, const char *data, size_t len)
{
	const struct endpoint *endpoint = &talk->endpoints[talk->current];
	struct iovec parts[] = {
		{ talk->header, talk->header_len },
		{ (void *)(uintptr_t)data, len },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	if (talk->options->broadcast) {
		message.msg_name = (void *)(uintptr_t)&endpoint->storage;
		message.msg_namelen = endpoint->length;
	}
	return sendmsg(talk->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ERROR of a sendmsg(2) or connect(2) that no other address can cure; true when
 * it was such a one. */
static bool
is_hopeless(struct talk *talk, int error, size_t len)
{
	const char *text = talk->options->text;

	if (error == EMSGSIZE)
		complain("a datagram of %zu bytes is too long for \"%s\"",
		    len + talk->header_len, text);
	else if (error == EACCES &&
	    talk->options->address.kind == ADDRESS_UDP &&
	    !talk->options->broadcast)
		complain("\"%s\" is a broadcast address: --broadcast allows it",
		    text);
	else
		return false;
	talk->status = CLIENT_USAGE;
	return true;
}

/* Sends until it is sent: ANSWERED. */
static enum result
put(struct talk *talk, const char *data, size_t len, int64_t deadline_ms)
{
	struct pollfd writable = { .fd = talk->fd, .events = POLLOUT };
	bool has_failed = false;

	for (;;) {
		if (send_datagram(talk, data, len) != -1)
			return ANSWERED;
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN) {
			if (poll(&writable, 1, dial_left_ms(deadline_ms)) == 0)
				return LATE;
			continue;
		}
		talk->error = errno;
		if (is_hopeless(talk, errno, len))
			return FAILED;
		/* The first may be about what was sent before. */
		if (has_failed)
			return REFUSED;
		has_failed = true;
	}
}

/* What the system knows at once of a datagram that no answer is wanted to. */
static enum result
look_for_refusal(struct talk *talk)
{
	socklen_t len = sizeof(talk->error);

	getsockopt(talk->fd, SOL_SOCKET, SO_ERROR, &talk->error, &len);
	return talk->error == 0 ? ANSWERED : REFUSED;
}

static enum result
attempt(struct talk *talk, const char *data, size_t len, int64_t deadline_ms)
{
	if (!open_socket(talk))
		return is_hopeless(talk, talk->error, len) ? FAILED : REFUSED;
	show_bytes('>', talk->header, talk->header_len);
	show_bytes('>', data, len);
	enum result result = put(talk, data, len, deadline_ms);
	if (result != ANSWERED)
		return result;
	show_sent(talk->header_len + len);
	if (talk->options->no_answer)
		return look_for_refusal(talk);
	return await_answer(talk, deadline_ms);
}

/* How long the answer to try number N (from 0) is waited for. */
static int64_t
wait_ms(const struct talk *talk, unsigned n)
{
	int64_t ms = talk->options->timeout_ms;

	while (n-- > 0 && ms < WAIT_MAX_MS)
		ms *= 2;
	return ms;
}

static enum result
report(struct talk *talk, enum result result)
{
	char limit[24];

	if (result == REFUSED) {
		complain("cannot reach \"%s\": %s", talk->options->text,
		    strerror(talk->error));
		return fail(talk, CLIENT_UNREACHABLE);
	}
	complain("no answer from \"%s\" within %s", talk->options->text,
	    unit_format_duration(
		wait_ms(talk, talk->options->retries), limit, sizeof(limit)));
	return fail(talk, CLIENT_TIMED_OUT);
}

/* Sends one message and gets its answer, with all the tries there are. */
static enum result
ask(struct talk *talk, const char *data, size_t len)
{
	enum result result = LATE;

	drop_late(talk);
	for (unsigned i = 0; i <= talk->options->retries; i++) {
		int64_t limit_ms = wait_ms(talk, i);
		int64_t deadline_ms =
		    limit_ms == 0 ? 0 : clock_monotonic_ms() + limit_ms;

		if (i > 0)
			show_step("trying again");
		do {
			result = attempt(talk, data, len, deadline_ms);
		} while (result == REFUSED && try_next(talk));
		if (result == ANSWERED) {
			talk->has_answered = !talk->options->no_answer;
			talk->n_late = i;
			return ANSWERED;
		}
		if (result == FAILED)
			return FAILED;
		if (result == LATE)
			next_endpoint(talk);
		else if (i < talk->options->retries && deadline_ms != 0)
			/* It may be about to come back. */
			poll(NULL, 0, dial_left_ms(deadline_ms));
	}
	return report(talk, result);
}

/* --- the input ----------------------------------------------------------- */

/* A datagram that nobody asked for, or an answer that came twice. */
static enum result
take_unasked(struct talk *talk)
{
	bool wanted = talk->n_late == 0;

	if (!wanted)
		talk->n_late--;
	enum result result = take_answer(talk, wanted);
	if (result == REFUSED)
		show_step("refused: %s", strerror(talk->error));
	return result;
}

static enum result
read_input(struct talk *talk)
{
	struct end *input = &talk->input;
	ssize_t n = input->ops->receive(input, talk->part, sizeof(talk->part));

	if (n > 0)
		messages_add(&talk->messages, talk->part, (size_t)n);
	else if (n == 0)
		messages_end(&talk->messages);
	else if (errno != EAGAIN && errno != EINTR) {
		complain("cannot read standard input: %s", strerror(errno));
		return fail(talk, CLIENT_BROKEN);
	}
	return ANSWERED;
}

/* Waits for input, and shows what comes meanwhile. */
static enum result
await_input(struct talk *talk)
{
	struct pollfd polls[2] = {
		{ .fd = talk->input.fd, .events = POLLIN },
		{ .fd = talk->options->no_answer ? -1 : talk->fd,
		    .events = POLLIN },
	};

	if (poll(polls, 2, -1) == -1)
		return ANSWERED;
	if (polls[1].revents != 0 && take_unasked(talk) == FAILED)
		return FAILED;
	return polls[0].revents != 0 ? read_input(talk) : ANSWERED;
}

static void
run(struct talk *talk)
{
	enum result result = ANSWERED;
	const char *data;
	size_t len;

	while (result != FAILED) {
		if (messages_next(&talk->messages, &data, &len))
			result = ask(talk, data, len);
		else if (messages_too_long(&talk->messages)) {
			complain(
			    "more than %d bytes are no datagram", MESSAGE_MAX);
			result = fail(talk, CLIENT_USAGE);
		} else if (talk->messages.ended)
			return;
		else
			result = await_input(talk);
	}
}

enum client_status
datagram_talk(const struct options *options, const struct dial_wish *wish,
    const struct endpoint *endpoints, size_t n)
{
	struct talk *talk = calloc(1, sizeof(*talk));

	if (talk == NULL) {
		complain("out of memory");
		return CLIENT_BROKEN;
	}
	talk->options = options;
	talk->wish = wish;
	talk->endpoints = endpoints;
	talk->n = n;
	talk->fd = -1;
	end_standard(&talk->input, STDIN_FILENO);
	end_standard(&talk->output, STDOUT_FILENO);
	messages_init(&talk->messages, options->datagram_size, options->crlf);
	run(talk);
	enum client_status status = talk->status;
	close_socket(talk);
	messages_clear(&talk->messages);
	free(talk);
	return status;
}
