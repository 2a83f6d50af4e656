/* SPDX-License-Identifier: ISC */
/*
 * The worker's side of competing for connections. Listening sockets are
 * shared with all siblings; EPOLLEXCLUSIVE makes the kernel wake one of those
 * that wait. When this worker should take nothing (at its limit, above its
 * part, out of descriptors) it does not watch the listener: clients wait in
 * the accept queue, where a sibling finds them.
 *
 * Whatever happens during a turn takes effect at its end, so that a listener
 * that woke this worker gets its one accept: nobody else was woken for it.
 */
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/accept.h"
#include "worker/connection.h"
#include "worker/datagram.h"
#include "worker/service.h"
#include "worker/state.h"

#define STAND_BACK_MS 2	    /* long enough for an idle sibling to come */
#define QUEUE_MAX     65536 /* no backlog is longer */
#define PAUSE_MS      100   /* when descriptors or memory have run out */
#define FAILURES_MAX  8	    /* harmless ones in a row: will they ever end? */

static bool
is_stream(const struct listener *listener)
{
	return listener->given->type == SOCK_STREAM;
}

static bool
at_limit(const struct worker *worker)
{
	return worker->connections.active >= worker->connections.limit;
}

static bool
may_accept(const struct listener *listener)
{
	const struct worker *worker = listener->worker;

	if (listener->fd == -1 || listener->paused)
		return false;
	return !is_stream(listener) ||
	    (!at_limit(worker) &&
		listener->service->active < listener->service->share);
}

static void
log_exhausted(struct worker *worker, int error)
{
	uint64_t suppressed;

	if (log_allowed(
		&worker->accepting.exhausted, worker->now_ms, &suppressed))
		log_warn("cannot accept, pausing for %d ms: %s (and %llu "
			 "times before)",
		    PAUSE_MS, strerror(error), (unsigned long long)suppressed);
}

void
accept_pause(struct worker *worker, struct listener *only, int error)
{
	struct accepting *accepting = &worker->accepting;

	for (size_t i = 0; i < accepting->n; i++) {
		struct listener *listener = &accepting->listeners[i];
		if (only == NULL ? is_stream(listener) : listener == only)
			listener->paused = true;
	}
	counter_add(&worker->slot->worker.resource_pauses, 1);
	timers_start(
	    &accepting->resume, &accepting->resume_timer, worker->now_ms);
	accepting->review = true;
	log_exhausted(worker, error);
}

static void
resume(struct timer *timer, void *arg)
{
	struct accepting *accepting = &((struct worker *)arg)->accepting;

	(void)timer;
	for (size_t i = 0; i < accepting->n; i++)
		accepting->listeners[i].paused = false;
	accepting->review = true;
}

/* The end of standing back: whoever is still waiting is taken at once. */
static void
come_back(struct timer *timer, void *arg)
{
	struct accepting *accepting = &((struct worker *)arg)->accepting;

	(void)timer;
	accepting->standing_back = false;
	accepting->poll_once = true;
	accepting->review = true;
}

/* What accept(2) says when nothing is wrong here: it passes on what is wrong
 * with the client, or its network, and wants to be called again. */
static bool
is_transient(int error)
{
	static const int errors[] = { EINTR, ECONNABORTED, EPROTO, EPERM,
		ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH,
		EOPNOTSUPP, ENETUNREACH, ECONNRESET, ETIMEDOUT };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i] == error)
			return true;
	}
	return false;
}

/* A harmless failure takes the client along. One that comes again and again
 * does not (a security module forbids), and would keep this worker busy. */
static void
failed(struct listener *listener, int error)
{
	struct worker *worker = listener->worker;

	if (error == EAGAIN)
		return;
	if (is_transient(error) &&
	    ++worker->accepting.n_failures < FAILURES_MAX)
		return;
	worker->accepting.n_failures = 0;
	counter_add(&worker->slot->worker.accept_errors, 1);
	accept_pause(worker, NULL, error);
}

static void
stand_back(struct accepting *accepting)
{
	accepting->standing_back = true;
	accepting->review = true;
}

/* After an accept: is it the others' turn? */
static void
consider_siblings(struct worker *worker)
{
	struct accepting *accepting = &worker->accepting;
	struct gate *gate = &accepting->gate;

	if (accepting->came_back) {
		gate_nobody_took(gate);
		accepting->came_back = false;
	}
	if (gate_over(gate, worker->connections.active))
		stand_back(accepting);
}

/* Woken for nothing: a sibling that is awake was faster, and will be with the
 * next one, too. To wake and sleep again for each costs more than to serve
 * it, so only as many workers stay awake as there is work for. */
static void
woken_in_vain(struct worker *worker)
{
	if (gate_has_siblings(&worker->accepting.gate))
		stand_back(&worker->accepting);
}

static void
look_at_limits(struct listener *listener)
{
	struct pf_service *service = listener->service;

	if (may_accept(listener))
		return;
	counter_add(&service->counters->limit_reached, 1);
	listener->worker->accepting.review = true;
}

/* Returns false when there was nothing to take: a sibling was faster. */
static bool
take_one(struct listener *listener)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);

	peer.ss_family = AF_UNSPEC;
	int fd = accept4(listener->fd, (struct sockaddr *)&peer, &length,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		int error = errno;
		failed(listener, error);
		return error != EAGAIN;
	}
	listener->worker->accepting.n_failures = 0;
	connection_open(listener, fd, (struct sockaddr *)&peer, length);
	look_at_limits(listener);
	return true;
}

/* Goes to the end of the kernel's queue of waiters. */
static void
rotate(struct worker *worker)
{
	struct accepting *accepting = &worker->accepting;

	for (size_t i = 0; i < accepting->n; i++) {
		struct listener *listener = &accepting->listeners[i];
		if (!listener->armed || !is_stream(listener))
			continue;
		poller_remove(&worker->poller, listener->fd);
		listener->armed = false;
	}
	accepting->review = true;
}

static void
stream_waiting(struct watch *watch, uint32_t events)
{
	struct listener *listener = (struct listener *)watch;
	struct worker *worker = listener->worker;

	(void)events;
	if (!may_accept(listener)) {
		worker->accepting.review = true;
		return;
	}
	if (!take_one(listener)) {
		woken_in_vain(worker);
		return;
	}
	if (listener->fd == -1)
		return;
	consider_siblings(worker);
	if (gate_rotate(&worker->accepting.gate))
		rotate(worker);
}

static void
datagram_waiting(struct watch *watch, uint32_t events)
{
	struct listener *listener = (struct listener *)watch;

	(void)events;
	if (may_accept(listener))
		datagram_serve(listener);
}

static void
set_option(int fd, int level, int name, bool on)
{
	int value = on;

	/* What a socket cannot do is no reason not to serve. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

/* Accepted sockets inherit these, which spares a system call for each. */
static void
set_inherited_options(const struct listener *listener)
{
	const struct service_config *config = listener->service->config;

	if (!is_stream(listener) || listener->given->family == AF_UNIX)
		return;
	set_option(listener->fd, IPPROTO_TCP, TCP_NODELAY, config->nodelay);
	set_option(listener->fd, SOL_SOCKET, SO_KEEPALIVE, config->keepalive);
}

static bool
init_one(struct worker *worker, size_t i, char *why, size_t why_size)
{
	struct listener *listener = &worker->accepting.listeners[i];
	const struct worker_listener *given = &worker->context->listeners[i];
	int flags = fcntl(given->fd, F_GETFL);

	*listener = (struct listener){
		.worker = worker,
		.service = &worker->services[given->service],
		.given = given,
		.index = i,
		.fd = given->fd,
	};
	if (flags == -1 ||
	    fcntl(given->fd, F_SETFL, flags | O_NONBLOCK) == -1) {
		snprintf(why, why_size, "cannot use listener \"%s\": %s",
		    given->text, strerror(errno));
		return false;
	}
	listener->watch.ready =
	    is_stream(listener) ? stream_waiting : datagram_waiting;
	set_inherited_options(listener);
	if (is_stream(listener) || datagram_open(listener))
		return true;
	snprintf(why, why_size, "cannot serve \"%s\": %s", given->text,
	    strerror(errno));
	return false;
}

bool
accept_init(struct worker *worker, char *why, size_t why_size)
{
	struct accepting *accepting = &worker->accepting;
	const struct worker_context *context = worker->context;

	accepting->listeners =
	    calloc(context->n_listeners + 1, sizeof(*accepting->listeners));
	if (accepting->listeners == NULL) {
		snprintf(why, why_size, "out of memory");
		return false;
	}
	gate_init(&accepting->gate, context->region, context->region_slot_size,
	    context->slot - 1, context->n_slots);
	timers_add_list(&worker->timers, &accepting->back, STAND_BACK_MS,
	    come_back, worker);
	timers_add_list(
	    &worker->timers, &accepting->resume, PAUSE_MS, resume, worker);
	for (size_t i = 0; i < context->n_listeners; i++) {
		accepting->n = i + 1;
		if (!init_one(worker, i, why, why_size))
			return false;
	}
	return true;
}

static void
disarm(struct listener *listener)
{
	if (listener->armed)
		poller_remove(&listener->worker->poller, listener->fd);
	listener->armed = false;
}

static void
give_up(struct listener *listener)
{
	if (listener->fd == -1)
		return;
	disarm(listener);
	datagram_close(listener);
	close(listener->fd);
	listener->fd = -1;
}

void
accept_free(struct worker *worker)
{
	struct accepting *accepting = &worker->accepting;

	timers_stop(&accepting->back_timer);
	timers_stop(&accepting->resume_timer);
	for (size_t i = 0; i < accepting->n; i++)
		give_up(&accepting->listeners[i]);
	free(accepting->listeners);
	accepting->listeners = NULL;
	accepting->n = 0;
}

static void
arm(struct listener *listener)
{
	struct worker *worker = listener->worker;

	listener->armed = poller_add(&worker->poller, listener->fd,
	    &listener->watch, EPOLLIN | EPOLLEXCLUSIVE);
	if (!listener->armed)
		accept_pause(worker, NULL, errno);
}

/* Watches LISTENER or not. Returns true when this worker could take a
 * connection from it, now or after standing back. */
static bool
review_one(struct listener *listener)
{
	bool may = may_accept(listener);
	bool wanted = may &&
	    (!listener->worker->accepting.standing_back ||
		!is_stream(listener));

	if (wanted && !listener->armed)
		arm(listener);
	else if (!wanted)
		disarm(listener);
	listener->worker->accepting.limited |= !may;
	return may && is_stream(listener);
}

void
accept_review(struct worker *worker)
{
	struct accepting *accepting = &worker->accepting;
	bool competes = false;

	accepting->came_back = accepting->poll_once;
	if (!accepting->review)
		return;
	accepting->review = false;
	if (accepting->standing_back && accepting->back_timer.list == NULL) {
		counter_add(&worker->slot->worker.stand_backs, 1);
		gate_stand_back(&accepting->gate);
		timers_start(
		    &accepting->back, &accepting->back_timer, worker->now_ms);
	}
	accepting->limited = false;
	for (size_t i = 0; i < accepting->n; i++)
		competes |= review_one(&accepting->listeners[i]);
	counter_set(&worker->slot->accepting, competes ? 1 : 0);
}

void
accept_start(struct worker *worker)
{
	worker->accepting.review = true;
	accept_review(worker);
}

void
accept_set_slots(struct worker *worker, uint64_t n_slots)
{
	gate_set_slots(&worker->accepting.gate, n_slots);
	worker->accepting.review = true;
}

/* Everything that is queued, for nobody else will take it; not more than a
 * queue can hold, so that this ends even while clients go on coming. */
static void
empty_queue(struct listener *listener)
{
	int left = QUEUE_MAX;

	if (!is_stream(listener)) {
		datagram_serve_all(listener);
		return;
	}
	listener->paused = false;
	while (left-- > 0 && may_accept(listener)) {
		if (!take_one(listener))
			return;
	}
}

void
accept_stop(struct worker *worker, const unsigned char *empty)
{
	struct accepting *accepting = &worker->accepting;

	for (size_t i = 0; i < accepting->n; i++) {
		struct listener *listener = &accepting->listeners[i];
		if (listener->fd != -1 && empty != NULL &&
		    (empty[i / 8] >> (i % 8) & 1) != 0)
			empty_queue(listener);
		give_up(listener);
	}
	timers_stop(&accepting->back_timer);
	timers_stop(&accepting->resume_timer);
	counter_set(&worker->slot->accepting, 0);
}
