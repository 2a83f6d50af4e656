/* SPDX-License-Identifier: ISC */
/*
 * Connecting: look-up with a deadline, then a race of the addresses. Attempts
 * overlap; those that lose are closed. Owns nothing but the attempts while they
 * last.
 */
#include <sys/ioctl.h>
#include <sys/time.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/client_call.h"
#include "clients/client_dial.h"
#include "clients/client_order.h"
#include "common/clock.h"

/* --- looking up ---------------------------------------------------------- */

struct look_up {
	struct address address;
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	size_t n;
	char why[256];
};

static void
look_up_run(void *data)
{
	struct look_up *job = data;

	job->n = address_resolve(
	    &job->address, job->endpoints, job->why, sizeof(job->why));
}

/* What is left for WISH of what was found. */
static enum client_status
choose(const struct address *address, const struct dial_wish *wish,
    struct endpoint *endpoints, size_t *n, char *why, size_t why_size)
{
	int family = wish->family;

	if (address_is_inet(address)) {
		if (family == AF_UNSPEC && wish->source != NULL)
			family = wish->source->storage.ss_family;
		*n = order_keep_family(endpoints, *n, family);
	}
	if (*n > 0) {
		order_interleave(endpoints, *n);
		return CLIENT_DONE;
	}
	snprintf(why, why_size, "\"%s\" has no IPv%d address", address->host,
	    family == AF_INET ? 4 : 6);
	return address_needs_lookup(address) ? CLIENT_NO_NAME : CLIENT_USAGE;
}

enum client_status
dial_look_up(const struct address *address, const struct dial_wish *wish,
    struct endpoint *endpoints, size_t *n, char *why, size_t why_size)
{
	enum client_status status = CLIENT_DONE;
	bool slow = address_needs_lookup(address);
	struct look_up *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		snprintf(why, why_size, "out of memory");
		return CLIENT_UNREACHABLE;
	}
	job->address = *address;
	if (!client_call(look_up_run, job, slow ? wish->deadline_ms : 0)) {
		snprintf(why, why_size,
		    "cannot look up \"%s\": no answer in time", address->host);
		return CLIENT_TIMED_OUT;
	}
	if (job->n == 0) {
		snprintf(why, why_size, "cannot look up \"%s\": %s",
		    address->host, job->why);
		status = CLIENT_NO_NAME;
	} else {
		*n = job->n;
		memcpy(endpoints, job->endpoints, job->n * sizeof(*endpoints));
		status = choose(address, wish, endpoints, n, why, why_size);
	}
	free(job);
	return status;
}

/* --- one attempt --------------------------------------------------------- */

int
dial_left_ms(int64_t deadline_ms)
{
	if (deadline_ms == 0)
		return -1;
	int64_t left = deadline_ms - clock_monotonic_ms();
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

enum client_status
dial_status(int error)
{
	/* EAGAIN: the queue of a unix socket was full for all that time. */
	return error == ETIMEDOUT || error == EAGAIN ? CLIENT_TIMED_OUT
						     : CLIENT_UNREACHABLE;
}

static bool
bind_source(int fd, int type, const struct endpoint *source)
{
	const struct sockaddr *sa = (const void *)&source->storage;
	const struct sockaddr_in *sin = (const void *)sa;
	int on = 1;

	if (sin->sin_port != 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	else if (type == SOCK_STREAM)
		/* Chosen by connect(2), which knows what is free towards there.
		 */
		setsockopt(
		    fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, sa, source->length) == 0;
}

int
dial_socket(
    const struct endpoint *endpoint, int type, const struct dial_wish *wish)
{
	int fd = socket(endpoint->storage.ss_family,
	    type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1 || wish->source == NULL ||
	    bind_source(fd, type, wish->source))
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* A race of attempts: fds[i] belongs to endpoints[i] and is -1 before it began
 * and after it failed. */
struct race {
	const struct dial_wish *wish;
	const struct endpoint *endpoints;
	size_t n, n_begun, n_running;
	int fds[ADDRESS_MAX_ENDPOINTS];
	int64_t next_ms; /* when the next begins; a failure makes it now */
	int error;	 /* the failure that tells most */
};

static const char *
format(const struct endpoint *endpoint, char *buf)
{
	return endpoint_format((const struct sockaddr *)&endpoint->storage,
	    endpoint->length, buf, ADDRESS_TEXT_MAX);
}

/* How much a failure tells: that there is no IPv6 here explains nothing when
 * another address refused. */
static int
weight(int error)
{
	switch (error) {
	case 0:
		return 0;
	case EAFNOSUPPORT:
	case ENETUNREACH:
	case EADDRNOTAVAIL:
		return 1;
	case ECONNREFUSED:
		return 3;
	default:
		return 2;
	}
}

static void
attempt_failed(struct race *race, size_t i, int error)
{
	char text[ADDRESS_TEXT_MAX];

	if (race->fds[i] != -1) {
		close(race->fds[i]);
		race->fds[i] = -1;
		race->n_running--;
	}
	race->next_ms = 0;
	if (weight(error) > weight(race->error))
		race->error = error;
	if (race->wish->tell != NULL)
		race->wish->tell("cannot connect to %s: %s",
		    format(&race->endpoints[i], text), strerror(error));
}

/* connect(2) on a unix socket whose queue is full would give up at once, and
 * poll(2) does not tell when there is room: it waits by itself, as long as a
 * send may. */
static int
connect_unix(int fd, const struct endpoint *endpoint, int64_t deadline_ms)
{
	const struct sockaddr *sa = (const void *)&endpoint->storage;
	int left = dial_left_ms(deadline_ms), on = 1, off = 0, rc;
	struct timeval time = { 0 };

	if (left != -1) {
		time.tv_sec = left / 1000;
		time.tv_usec = left % 1000 * 1000 + 1;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
	ioctl(fd, FIONBIO, &off);
	do {
		rc = connect(fd, sa, endpoint->length);
	} while (rc == -1 && errno == EINTR);
	int saved = errno;
	ioctl(fd, FIONBIO, &on);
	errno = saved;
	return rc;
}

static int
begin_connect(int fd, const struct endpoint *endpoint, int64_t deadline_ms)
{
	if (endpoint->storage.ss_family == AF_UNIX)
		return connect_unix(fd, endpoint, deadline_ms);
	return connect(
	    fd, (const struct sockaddr *)&endpoint->storage, endpoint->length);
}

/* Begins the next attempt. True when it is connected already. */
static bool
attempt_begin(struct race *race)
{
	size_t i = race->n_begun++;
	const struct endpoint *endpoint = &race->endpoints[i];
	char text[ADDRESS_TEXT_MAX];

	if (race->wish->tell != NULL)
		race->wish->tell("connecting to %s", format(endpoint, text));
	race->fds[i] = dial_socket(endpoint, SOCK_STREAM, race->wish);
	if (race->fds[i] == -1) {
		attempt_failed(race, i, errno);
		return false;
	}
	race->n_running++;
	if (begin_connect(race->fds[i], endpoint, race->wish->deadline_ms) == 0)
		return true;
	if (errno != EINPROGRESS && errno != EINTR)
		attempt_failed(race, i, errno);
	return false;
}

/* --- the race ------------------------------------------------------------ */

/* The error of an attempt that poll(2) has something to say about. */
static int
outcome(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return errno;
	return error;
}

/* Waits until the next attempt is due or one that runs is decided. Returns the
 * one that has won, or race->n. */
static size_t
await(struct race *race)
{
	struct pollfd polls[ADDRESS_MAX_ENDPOINTS];
	int64_t until_ms = race->wish->deadline_ms;

	if (race->n_begun < race->n &&
	    (until_ms == 0 || race->next_ms < until_ms))
		until_ms = race->next_ms;
	for (size_t i = 0; i < race->n_begun; i++)
		polls[i] = (struct pollfd){
			.fd = race->fds[i],
			.events = POLLOUT,
		};
	if (poll(polls, race->n_begun, dial_left_ms(until_ms)) <= 0)
		return race->n;
	for (size_t i = 0; i < race->n_begun; i++) {
		if (polls[i].fd == -1 || polls[i].revents == 0)
			continue;
		int error = outcome(polls[i].fd);
		if (error == 0)
			return i;
		attempt_failed(race, i, error);
	}
	return race->n;
}

static bool
is_late(const struct race *race)
{
	int64_t deadline_ms = race->wish->deadline_ms;

	return deadline_ms != 0 && clock_monotonic_ms() >= deadline_ms;
}

/* True when an attempt is to begin now. */
static bool
is_due(const struct race *race)
{
	return race->n_begun < race->n &&
	    (race->n_running == 0 || clock_monotonic_ms() >= race->next_ms);
}

/* Returns the winner, or race->n with race->error. */
static size_t
run(struct race *race)
{
	size_t winner = race->n;

	while (winner == race->n &&
	    (race->n_running > 0 || race->n_begun < race->n)) {
		if (is_late(race)) {
			race->error = ETIMEDOUT;
			return race->n;
		}
		if (!is_due(race)) {
			winner = await(race);
			continue;
		}
		race->next_ms = clock_monotonic_ms() + DIAL_ATTEMPT_DELAY_MS;
		if (attempt_begin(race))
			winner = race->n_begun - 1;
	}
	return winner;
}

enum client_status
dial_connect(const struct address *address, const struct dial_wish *wish,
    const struct endpoint *endpoints, size_t n, int *fd, char *why,
    size_t why_size)
{
	struct race race = {
		.wish = wish,
		.endpoints = endpoints,
		.n = n,
	};
	char text[ADDRESS_TEXT_MAX];
	int on = 1;

	for (size_t i = 0; i < ADDRESS_MAX_ENDPOINTS; i++)
		race.fds[i] = -1;
	size_t winner = run(&race);
	for (size_t i = 0; i < race.n_begun; i++) {
		if (i != winner && race.fds[i] != -1)
			close(race.fds[i]);
	}
	if (winner < n) {
		*fd = race.fds[winner];
		/* What is written in two parts need not wait for an
		 * acknowledgement of the first. Fails on unix sockets. */
		setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		return CLIENT_DONE;
	}
	snprintf(why, why_size, "cannot connect to \"%s\": %s",
	    address_format(address, text, sizeof(text)),
	    dial_status(race.error) == CLIENT_TIMED_OUT ? "timed out"
							: strerror(race.error));
	return dial_status(race.error);
}
