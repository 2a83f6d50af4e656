/* SPDX-License-Identifier: ISC */
/* Connections under a handler that does in each callback what a test says:
 * the promises of preforkd.h that no built-in handler makes use of. */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/connection.h"

#define IDLE_MS 1000

typedef void (*deed)(struct pf_connection *);

/* What the handler does, and a letter for each call that it got. */
static struct {
	deed opened, received, peer_closed, drained, timeout, closed;
	char calls[64];
} script;

static struct pf_connection *last;

static void
play(struct pf_connection *c, char letter, deed what)
{
	size_t n = strlen(script.calls);

	assert_true(n + 1 < sizeof(script.calls));
	script.calls[n] = letter;
	last = c;
	if (what != NULL)
		what(c);
}

static void
on_opened(struct pf_connection *c)
{
	play(c, 'o', script.opened);
}

static void
on_received(struct pf_connection *c, void *data, size_t len)
{
	(void)data;
	(void)len;
	play(c, 'r', script.received);
}

static void
on_peer_closed(struct pf_connection *c)
{
	play(c, 'p', script.peer_closed);
}

static void
on_drained(struct pf_connection *c)
{
	play(c, 'd', script.drained);
}

static void
on_timeout(struct pf_connection *c)
{
	play(c, 't', script.timeout);
}

static void
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

static struct service_counters *
counters(void)
{
	return &worker.slot->services[0].counters;
}

static int
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
static int
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
static void
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
static int
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

static void
say(int fd)
{
	assert_int_equal(write(fd, "x", 1), 1);
}

/* The client gets TEXT, and then the end. */
static void
assert_last_words(int fd, const char *text)
{
	char got[64] = "";

	assert_int_equal(read(fd, got, sizeof(got) - 1), strlen(text));
	assert_string_equal(got, text);
	assert_int_equal(read(fd, got, sizeof(got)), 0);
	close(fd);
}

static void
assert_waits(int fd)
{
	char byte;

	assert_int_equal(read(fd, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

static void
say_bye(struct pf_connection *c)
{
	pf_send(c, "bye", 3);
	pf_finish(c);
	pf_send(c, "not this", 8);
}

/* --- ends ------------------------------------------------------------------*/

static void
test_finish_wherever(void **state)
{
	(void)state;
	script.opened = say_bye;
	assert_last_words(open_connection(), "bye");
	assert_string_equal(script.calls, "oc");
	script.opened = NULL;

	script.received = say_bye;
	int client = open_connection();
	say(client);
	turn(1);
	assert_last_words(client, "bye");

	script.peer_closed = say_bye;
	client = open_connection();
	shutdown(client, SHUT_WR);
	turn(1);
	assert_last_words(client, "bye");
	assert_string_equal(script.calls, "ocorcopc");
	assert_int_equal(counters()->closed_done, 3);
}

static void
test_half_closed_goes_on(void **state)
{
	(void)state;
	int client = open_connection();
	shutdown(client, SHUT_WR);
	turn(1);
	turn(1);
	assert_string_equal(script.calls, "op");
	/* Nothing is waited for, and nothing is heard of again. */
	assert_int_equal(last->interest, 0);
	say_bye(last);
	connection_settle_all(&worker);
	assert_last_words(client, "bye");
}

/* Whatever it does for the last time has no effect any more. */
static void
do_all(struct pf_connection *c)
{
	struct sockaddr_storage peer;
	char text[320];

	say_bye(c);
	pf_pause(c);
	pf_resume(c);
	pf_keep(c);
	pf_count_messages(c, 1);
	assert_non_null(pf_state(c));
	assert_int_equal(pf_peer(c, &peer), sizeof(sa_family_t));
	assert_string_equal(pf_peer_text(c, text, sizeof(text)), "unnamed");
	assert_string_equal(pf_service_name(pf_connection_service(c)), "odd");
}

static void
test_everything_in_closed(void **state)
{
	char byte;

	(void)state;
	script.closed = do_all;
	int client = open_connection();
	connection_kill(last, CLOSE_OPERATOR);
	connection_kill(last, CLOSE_ERROR); /* only the first counts */
	connection_settle_all(&worker);
	assert_int_equal(read(client, &byte, 1), 0);
	close(client);
	assert_string_equal(script.calls, "oc");
	assert_int_equal(counters()->closed_operator, 1);
	assert_int_equal(counters()->messages, 1);
}

static void
test_events_of_one_that_ends(void **state)
{
	(void)state;
	int client = open_connection();
	say(client);
	connection_kill(last, CLOSE_OPERATOR);
	turn(1);
	assert_string_equal(script.calls, "oc");
	close(client);
}

static struct pf_connection *other;

static void
tell_other(struct pf_connection *c)
{
	if (other == NULL || other == c)
		return;
	pf_send(other, "it left", 7);
	pf_finish(other);
	other = NULL;
}

static void
test_closed_speaks_to_others(void **state)
{
	(void)state;
	script.closed = tell_other;
	int first = open_connection();
	other = last;
	int second = open_connection();
	close(second);
	script.peer_closed = pf_finish;
	turn(1);
	assert_last_words(first, "it left");
	assert_string_equal(script.calls, "oopcc");

	/* And when that one has gone, too. */
	script.calls[0] = '\0';
	memset(script.calls, 0, sizeof(script.calls));
	first = open_connection();
	other = last;
	second = open_connection();
	connection_kill(last, CLOSE_OPERATOR);
	close(first);
	close(second);
	connection_settle_all(&worker);
	assert_string_equal(script.calls, "oocc");
	assert_int_equal(counters()->closed_reset, 1);
}

/* --- timeouts --------------------------------------------------------------*/

static void
test_timeout(void **state)
{
	(void)state;
	int client = open_connection();
	turn(IDLE_MS - 1);
	assert_string_equal(script.calls, "o");
	turn(1);
	assert_string_equal(script.calls, "otc");
	assert_int_equal(counters()->closed_idle, 1);
	assert_last_words(client, "");
}

static void
test_keep(void **state)
{
	(void)state;
	script.timeout = pf_keep;
	int client = open_connection();
	turn(IDLE_MS);
	turn(IDLE_MS - 1);
	assert_string_equal(script.calls, "ot");
	assert_waits(client);
	script.timeout = NULL;
	turn(1);
	assert_string_equal(script.calls, "ottc");
	assert_last_words(client, "");
}

static void
test_last_words_in_timeout(void **state)
{
	(void)state;
	script.timeout = say_bye;
	int client = open_connection();
	say(client); /* is thrown away, or would reset */
	pf_pause(last);
	connection_settle_all(&worker);
	turn(IDLE_MS);
	assert_string_equal(script.calls, "ot");
	assert_int_equal(worker.connections.active, 1); /* lingers */
	shutdown(client, SHUT_WR);
	turn(1);
	assert_last_words(client, "bye");
	assert_string_equal(script.calls, "otc");
	assert_int_equal(counters()->closed_done, 1);
}

static const char much[1 << 20];

static void
send_much_and_finish(struct pf_connection *c)
{
	pf_send(c, much, sizeof(much));
	pf_finish(c);
}

static void
test_last_words_have_a_deadline(void **state)
{
	(void)state;
	script.timeout = send_much_and_finish;
	int client = open_connection();
	turn(IDLE_MS);
	assert_int_equal(worker.connections.active, 1);
	turn(IDLE_MS - 1);
	assert_string_equal(script.calls, "ot");
	turn(1); /* it does not read, and is not asked a second time */
	assert_string_equal(script.calls, "otc");
	assert_int_equal(counters()->closed_idle, 1);
	close(client);
}

/* --- reading and writing ---------------------------------------------------*/

static void
test_pause_and_resume(void **state)
{
	(void)state;
	script.received = pf_pause;
	int client = open_connection();
	say(client);
	turn(1);
	say(client);
	shutdown(client, SHUT_WR);
	turn(1);
	turn(1);
	assert_string_equal(script.calls, "or");
	pf_resume(last);
	connection_settle_all(&worker);
	script.received = NULL;
	turn(1);
	turn(1);
	assert_string_equal(script.calls, "orrp");
	close(client);
}

static void
send_twice(struct pf_connection *c)
{
	pf_send(c, "a", 1);
	pf_send(c, "b", 1);
}

static void
test_drained_once(void **state)
{
	(void)state;
	handler.drained = on_drained;
	script.opened = send_twice;
	int client = open_connection();
	assert_string_equal(script.calls, "o");
	turn(1);
	turn(1);
	assert_string_equal(script.calls, "od");
	close(client);
}

static void
test_drained_when_taken(void **state)
{
	static char buf[1 << 16];

	(void)state;
	handler.drained = on_drained;
	int client = open_connection();
	pf_send(last, much, sizeof(much));
	connection_settle_all(&worker);
	turn(1);
	assert_string_equal(script.calls, "o");
	assert_int_equal(connection_state(last), CONNECTION_BLOCKED);
	say(client); /* who does not read is not read */
	for (int i = 0; i < 200; i++) {
		while (read(client, buf, sizeof(buf)) > 0)
			;
		turn(1);
	}
	assert_string_equal(script.calls, "ord");
	assert_int_equal(counters()->bytes_out, sizeof(much));
	close(client);
}

static void
test_debt_is_bounded(void **state)
{
	(void)state;
	int client = open_connection();
	for (int i = 0; i < 66; i++)
		pf_send(last, much, sizeof(much));
	connection_settle_all(&worker);
	assert_string_equal(script.calls, "oc");
	assert_int_equal(counters()->closed_error, 1);
	assert_int_equal(worker.connections.unsent, 0);
	close(client);
}

static void
test_state_is_its_own(void **state)
{
	static const char zero[24];

	(void)state;
	int first = open_connection();
	char *one = pf_state(last);
	assert_memory_equal(one, zero, sizeof(zero));
	assert_int_equal((uintptr_t)one % 16, 0);
	memset(one, 'x', sizeof(zero));
	int second = open_connection();
	assert_memory_equal(pf_state(last), zero, sizeof(zero));
	handler.state_size = 0;
	assert_null(pf_state(last));
	close(first);
	close(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_finish_wherever),
		TEST(test_half_closed_goes_on),
		TEST(test_everything_in_closed),
		TEST(test_events_of_one_that_ends),
		TEST(test_closed_speaks_to_others),
		TEST(test_timeout),
		TEST(test_keep),
		TEST(test_last_words_in_timeout),
		TEST(test_last_words_have_a_deadline),
		TEST(test_pause_and_resume),
		TEST(test_drained_once),
		TEST(test_drained_when_taken),
		TEST(test_debt_is_bounded),
		TEST(test_state_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
