/* SPDX-License-Identifier: ISC */
/*
 * The connections of a worker: making them, deciding after each turn what
 * they wait for, ending and counting them. Bytes are moved by stream.c.
 *
 * Nothing is freed while a turn runs, since handlers and events may still
 * point at it: whatever changes a connection touches it, and the end of the
 * turn settles all that were touched.
 */
#include <sys/epoll.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/address.h"
#include "worker/accept.h"
#include "worker/access_log.h"
#include "worker/connection.h"
#include "worker/service.h"
#include "worker/stream.h"
#include "worker/title.h"
#include "worker/tls.h"

#define LINGER_MS 2000 /* for a peer to read our last words */

static void
idle_expired(struct timer *timer, void *arg)
{
	struct pf_connection *c = (struct pf_connection *)((char *)timer -
	    offsetof(struct pf_connection, idle));
	struct pf_service *service = arg;

	c->keep = false;
	if (service->handler->timeout != NULL && !c->finishing) {
		int64_t entered_us = service_enter(service);
		service->handler->timeout(c);
		service_leave(service, entered_us);
		c->keep |= c->finishing; /* time for its last words */
	}
	if (!c->keep)
		connection_kill(c, CLOSE_IDLE);
	else if (!c->dead)
		timers_start(&service->idle, timer, service->worker->now_ms);
}

static void
session_expired(struct timer *timer, void *arg)
{
	(void)arg;
	connection_kill((struct pf_connection *)((char *)timer -
			    offsetof(struct pf_connection, session)),
	    CLOSE_SESSION);
}

static void
lingering_expired(struct timer *timer, void *arg)
{
	(void)arg;
	struct pf_connection *c = (struct pf_connection *)((char *)timer -
	    offsetof(struct pf_connection, idle));

	connection_kill(c, c->end_cause);
}

static void
handshake_expired(struct timer *timer, void *arg)
{
	(void)arg;
	tls_expired((struct pf_connection *)((char *)timer -
	    offsetof(struct pf_connection, idle)));
}

bool
connection_init(struct worker *worker)
{
	struct connections *all = &worker->connections;

	LIST_INIT(&all->all);
	STAILQ_INIT(&all->touched);
	tls_init(worker);
	all->next_id = 1;
	timers_add_list(&worker->timers, &all->lingering, LINGER_MS,
	    lingering_expired, NULL);
	all->input = malloc(INPUT_MAX);
	return all->input != NULL;
}

void
connection_free(struct worker *worker)
{
	free(worker->connections.input);
	worker->connections.input = NULL;
}

void
connection_init_timeouts(struct pf_service *service)
{
	struct timers *timers = &service->worker->timers;

	timers_add_list(timers, &service->idle,
	    service->config->idle_timeout_ms, idle_expired, service);
	timers_add_list(timers, &service->session,
	    service->config->session_timeout_ms, session_expired, service);
	timers_add_list(timers, &service->handshake,
	    service->config->handshake_timeout_ms, handshake_expired, service);
}

static struct pf_connection *
make(struct listener *listener, int fd, const struct sockaddr *peer,
    socklen_t length)
{
	struct worker *worker = listener->worker;
	size_t state_size = listener->service->handler->state_size;
	struct pf_connection *c = malloc(sizeof(*c) + state_size);

	if (c == NULL)
		return NULL;
	/* Not calloc(3), which in glibc knows no shortcut for small blocks. */
	memset(c, 0, sizeof(*c) + state_size);
	if (!peer_set(&c->peer, peer, length)) {
		free(c);
		return NULL;
	}
	c->watch.ready = stream_ready;
	c->fd = fd;
	c->listener = listener;
	c->id = worker->connections.next_id++;
	c->opened_ms = c->active_ms = worker->now_ms;
	c->end_cause = CLOSE_DONE;
	if (!listener->given->tls || tls_open(c))
		return c;
	peer_clear(&c->peer);
	free(c);
	return NULL;
}

static void
count(struct worker *worker, int change)
{
	worker->connections.active += (uint64_t)change;
	counter_set(&worker->slot->active, worker->connections.active);
	title_touch(worker);
}

static void
refuse(struct listener *listener, int fd, uint64_t *counter, const char *why,
    const struct sockaddr *peer, socklen_t length)
{
	struct worker *worker = listener->worker;
	uint64_t suppressed;
	char text[ADDRESS_TEXT_MAX];

	close(fd);
	counter_add(counter, 1);
	if (!log_allowed(
		&worker->connections.refused, worker->now_ms, &suppressed))
		return;
	log_warn("%s: refused %s: %s (and %llu before)",
	    listener->service->config->name,
	    endpoint_format(peer, length, text, sizeof(text)), why,
	    (unsigned long long)suppressed);
}

static bool
allowed(const struct listener *listener, const struct sockaddr *peer)
{
	const struct network_list *list = &listener->service->config->allow;

	return list->n == 0 || listener->given->family == AF_UNIX ||
	    network_list_contains(list, peer);
}

static void
log_opened(const struct pf_connection *c)
{
	char text[ADDRESS_TEXT_MAX];

	if (log_get_level() != LOG_LEVEL_DEBUG)
		return;
	log_debug("%s: connection %llu from %s opened",
	    connection_service(c)->config->name, (unsigned long long)c->id,
	    peer_format(&c->peer, text, sizeof(text)));
}

void
connection_open(struct listener *listener, int fd, const struct sockaddr *peer,
    socklen_t length)
{
	struct worker *worker = listener->worker;
	struct pf_service *service = listener->service;

	if (!allowed(listener, peer)) {
		refuse(listener, fd, &service->counters->refused_acl,
		    "not in allow", peer, length);
		return;
	}
	struct pf_connection *c = make(listener, fd, peer, length);
	if (c == NULL) {
		refuse(listener, fd, &service->counters->refused_memory,
		    "out of memory", peer, length);
		return;
	}
	LIST_INSERT_HEAD(&worker->connections.all, c, entry);
	service_count_opened(service);
	count(worker, 1);
	timers_start(&service->session, &c->session, worker->now_ms);
	log_opened(c);
	connection_touch(c);
	if (c->handshaking)
		timers_start(&service->handshake, &c->idle, worker->now_ms);
	else
		connection_established(c);
}

void
connection_established(struct pf_connection *c)
{
	c->opened = true;
	timers_start(&connection_service(c)->idle, &c->idle,
	    connection_worker(c)->now_ms);
	connection_touch(c);
	stream_opened(c);
}

void
connection_touch(struct pf_connection *c)
{
	if (c->in_touched)
		return;
	c->in_touched = true;
	STAILQ_INSERT_TAIL(
	    &connection_worker(c)->connections.touched, c, touched);
}

void
connection_kill(struct pf_connection *c, enum close_cause cause)
{
	if (c->dead)
		return;
	c->dead = true;
	c->cause = (uint8_t)cause;
	timers_stop(&c->idle);
	timers_stop(&c->session);
	connection_touch(c);
}

void
connection_kill_all(struct worker *worker, enum close_cause cause)
{
	struct pf_connection *c;

	LIST_FOREACH (c, &worker->connections.all, entry)
		connection_kill(c, cause);
}

struct pf_connection *
connection_find(struct worker *worker, uint64_t id)
{
	struct pf_connection *c;

	LIST_FOREACH (c, &worker->connections.all, entry) {
		if (c->id == id && !c->dead)
			return c;
	}
	return NULL;
}

enum connection_state
connection_state(const struct pf_connection *c)
{
	if (c->pending != NULL)
		return CONNECTION_BLOCKED;
	if (c->handshaking)
		return CONNECTION_HANDSHAKE;
	if (c->finishing)
		return CONNECTION_CLOSING;
	return c->eof ? CONNECTION_HALF_CLOSED : CONNECTION_OPEN;
}

const char *
connection_cause(enum close_cause cause)
{
	static const char *const words[] = {
#define WORD(name, counter, word) word,
		CLOSE_CAUSES(WORD)
#undef WORD
	};

	return words[cause];
}

static uint64_t *
cause_counter(struct service_counters *counters, enum close_cause cause)
{
	switch (cause) {
#define COUNTER(name, counter, word) \
	case CLOSE_##name:           \
		return &counters->counter;
		CLOSE_CAUSES(COUNTER)
#undef COUNTER
	}
	return &counters->closed_error;
}

static void
bury(struct worker *worker, struct pf_connection *c)
{
	struct pf_service *service = connection_service(c);
	int64_t length_ms = worker->now_ms - c->opened_ms;

	if (service->handler->closed != NULL && c->opened) {
		int64_t entered_us = service_enter(service);
		service->handler->closed(c);
		service_leave(service, entered_us);
	}
	access_log_write(c, length_ms);
	/* Only then it is a whole: what was cut off must not look like it. */
	if (c->cause == CLOSE_IDLE && c->pending == NULL)
		(void)tls_finish(c);
	tls_free(c);
	close(c->fd);
	LIST_REMOVE(c, entry);
	service_count_closed(service);
	count(worker, -1);
	counter_add(cause_counter(service->counters, c->cause), 1);
	service_counters_session(service->counters, length_ms);
	worker->accepting.review |= worker->accepting.limited;
	if (c->pending != NULL) {
		worker->connections.unsent -= buffer_length(c->pending);
		buffer_clear(c->pending);
	}
	free(c->pending);
	peer_clear(&c->peer);
	free(c);
}

/* What the connection waits for. Nothing at all takes it out of the poller,
 * which would otherwise tell of a vanished peer again and again. */
static uint32_t
wanted(const struct pf_connection *c)
{
	uint32_t events = tls_wanted(c);

	if (c->lingering)
		return EPOLLIN;
	if (c->handshaking)
		return events;
	if (c->pending != NULL || c->drained_due)
		events |= EPOLLOUT;
	/* Who must write before it can read would be told again and again of
	 * what it cannot take. */
	if (!c->eof && !c->paused && !c->finishing && c->pending == NULL &&
	    tls_wanted(c) == 0)
		events |= EPOLLIN;
	return events;
}

static void
update_interest(struct worker *worker, struct pf_connection *c)
{
	uint32_t events = wanted(c);
	bool done = true;

	if (events == c->interest)
		return;
	if (events == 0)
		poller_remove(&worker->poller, c->fd);
	else if (c->interest == 0)
		done = poller_add(&worker->poller, c->fd, &c->watch, events);
	else
		done = poller_change(&worker->poller, c->fd, &c->watch, events);
	c->interest = events;
	if (!done)
		connection_kill(c, CLOSE_ERROR);
}

void
connection_settle_all(struct worker *worker)
{
	struct connection_touched *touched = &worker->connections.touched;
	struct pf_connection *c;

	while ((c = STAILQ_FIRST(touched)) != NULL) {
		STAILQ_REMOVE_HEAD(touched, touched);
		if (!c->dead && c->finishing && !c->lingering &&
		    c->pending == NULL)
			stream_end(c);
		if (!c->dead)
			update_interest(worker, c);
		if (!c->dead && stream_may_read(c))
			tls_review(c);
		/* Until here, and for ever when dead, it is not put on the
		 * list again. */
		if (c->dead)
			bury(worker, c);
		else
			c->in_touched = false;
	}
}
