/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_ODD_HANDLER_H
#define TESTS_UNIT_ODD_HANDLER_H

/*
 * A worker with one service, whose handler does in each callback what a test
 * says: for the promises of preforkd.h that no built-in handler makes use of.
 * Include after cmocka.h.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/connection.h"

#define IDLE_MS 1000

typedef void (*deed)(struct pf_connection *);

/* What the handler does, and a letter for each call that it got. */
static struct {
	deed opened, received, peer_closed, drained, timeout, closed;
	char calls[64];
} script;

static struct pf_connection *last;

static inline void
play(struct pf_connection *c, char letter, deed what)
{
	size_t n = strlen(script.calls);

	assert_true(n + 1 < sizeof(script.calls));
	script.calls[n] = letter;
	last = c;
	if (what != NULL)
		what(c);
}

static inline void
on_opened(struct pf_connection *c)
{
	play(c, 'o', script.opened);
}

static inline void
on_received(struct pf_connection *c, void *data, size_t len)
{
	(void)data;
	(void)len;
	play(c, 'r', script.received);
}

static inline void
on_peer_closed(struct pf_connection *c)
{
	play(c, 'p', script.peer_closed);
}

static inline void
on_drained(struct pf_connection *c)
{
	play(c, 'd', script.drained);
}

static inline void
on_timeout(struct pf_connection *c)
{
	play(c, 't', script.timeout);
}

static inline void
on_closed(struct pf_connection *c)
{
	play(c, 'c', script.closed);
}

static const struct pf_handler whole = {
	.abi = PF_ABI,
	.name = "whole",
	.transports = PF_STREAM,
	.state_size = 24,
	.opened = on_opened,
	.received = on_received,
	.peer_closed = on_peer_closed,
	.timeout = on_timeout,
	.closed = on_closed,
};

static struct pf_handler handler;
static char name[] = "odd";
static struct service_config config;
static const struct worker_listener given = {
	.type = SOCK_STREAM,
	.family = AF_UNIX,
	.text = "unix:/odd",
};
static struct worker worker;
static struct pf_service service;
static struct listener listener;

static inline struct service_counters *
counters(void)
{
	return &worker.slot->services[0].counters;
}

static inline int
setup(void **state)
{
	(void)state;
	memset(&script, 0, sizeof(script));
	handler = whole;
	config = (struct service_config){
		.name = name,
		.idle_timeout_ms = IDLE_MS,
	};
	worker = (struct worker){ .access_log_fd = -1, .now_ms = 1 };
	worker.slot = aligned_alloc(4096, slot_size(1));
	assert_non_null(worker.slot);
	memset(worker.slot, 0, slot_size(1));
	timers_init(&worker.timers);
	assert_true(poller_open(&worker.poller));
	assert_true(connection_init(&worker));
	service = (struct pf_service){
		.worker = &worker,
		.config = &config,
		.handler = &handler,
		.counters = counters(),
		.active_gauge = &worker.slot->services[0].active,
	};
	connection_init_timeouts(&service);
	listener = (struct listener){
		.worker = &worker,
		.service = &service,
		.given = &given,
		.fd = -1,
	};
	return 0;
}

/* Whatever a test has left ends here, and only once. */
static inline int
teardown(void **state)
{
	(void)state;
	connection_kill_all(&worker, CLOSE_OPERATOR);
	connection_settle_all(&worker);
	assert_int_equal(worker.connections.active, 0);
	assert_int_equal(worker.connections.unsent, 0);
	assert_int_equal(timers_wait_ms(&worker.timers, worker.now_ms), -1);
	connection_free(&worker);
	poller_close(&worker.poller);
	free(worker.slot);
	return 0;
}

/* A turn of the loop, MS after the one before. */
static inline void
turn(int ms)
{
	struct epoll_event events[POLLER_EVENTS];
	int n = poller_wait(&worker.poller, events, 0);

	worker.now_ms += ms;
	for (int i = 0; i < n; i++) {
		struct watch *watch = events[i].data.ptr;
		watch->ready(watch, events[i].events);
	}
	timers_run(&worker.timers, worker.now_ms);
	connection_settle_all(&worker);
}

/* A client's end; `last` is ours. */
static inline int
open_connection(void)
{
	const struct sockaddr peer = { .sa_family = AF_UNIX };
	int ends[2];

	assert_return_code(
	    socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
	    errno);
	connection_open(&listener, ends[1], &peer, sizeof(sa_family_t));
	connection_settle_all(&worker);
	return ends[0];
}

static inline void
say(int fd)
{
	assert_int_equal(write(fd, "x", 1), 1);
}

/* The client gets TEXT, and then the end. */
static inline void
assert_last_words(int fd, const char *text)
{
	char got[64] = "";

	assert_int_equal(read(fd, got, sizeof(got) - 1), strlen(text));
	assert_string_equal(got, text);
	assert_int_equal(read(fd, got, sizeof(got)), 0);
	close(fd);
}

static inline void
assert_waits(int fd)
{
	char byte;

	assert_int_equal(read(fd, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

static inline void
say_bye(struct pf_connection *c)
{
	pf_send(c, "bye", 3);
	pf_finish(c);
	pf_send(c, "not this", 8);
}

static const char much[1 << 20];

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
