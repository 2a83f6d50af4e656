/* SPDX-License-Identifier: ISC */
/* How connections end, by whom and when: under a handler that does odd things.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/odd_handler.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
