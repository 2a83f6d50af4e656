/* SPDX-License-Identifier: ISC */
/* The bytes of connections: pausing, slow peers, what is told when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/odd_handler.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pause_and_resume),
		TEST(test_drained_once),
		TEST(test_drained_when_taken),
		TEST(test_debt_is_bounded),
		TEST(test_state_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
