/* SPDX-License-Identifier: ISC */
/* A connection of the control socket: the limit of its replies, which no
 * command that there is can reach. */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/commands.h"
#include "supervisor/control_connection.h"
#include "supervisor/loop.h"

#define REPLY_MAX ((size_t)32 * 1024 * 1024)
/* What a reply has besides its body: "OK\n" and ".\n". */
#define FRAME 5

static const struct control_peer peer = { .uid = 0, .privileged = true };
static int client_fd;
static size_t n_received;
static bool ended;

/* In the place of all commands: the request is the size of the body. */
void
commands_run(struct control_connection *connection, char *line)
{
	static const char block[4096] = "one line, padded with NUL";
	size_t left = (size_t)strtoull(line, NULL, 10);

	while (left > 0) {
		size_t n = left < sizeof(block) ? left : sizeof(block);
		buffer_append(control_body(connection), block, n - 1);
		buffer_append(control_body(connection), "\n", 1);
		left -= n;
	}
	control_ok(connection, "%s", "");
}

static void
read_all(void *arg)
{
	char part[65536];
	ssize_t n;

	(void)arg;
	while ((n = recv(client_fd, part, sizeof(part), MSG_DONTWAIT)) > 0)
		n_received += (size_t)n;
	ended = n == 0 || errno != EAGAIN;
	if (ended)
		loop_stop();
}

static int
setup(void **state)
{
	int fds[2];

	(void)state;
	n_received = 0;
	ended = false;
	if (loop_init() == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == -1)
		return -1;
	client_fd = fds[0];
	return control_connection_add(fds[1], &peer) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	control_connection_close_all();
	close(client_fd);
	loop_close();
	return 0;
}

static void
ask_for(size_t size)
{
	assert_true(dprintf(client_fd, "%zu\n", size) > 0);
	assert_int_equal(shutdown(client_fd, SHUT_WR), 0);
	loop_run(read_all, NULL);
}

static void
test_longest_reply_arrives_whole(void **state)
{
	uint64_t before = control_cut_off(CONTROL_LIMIT_REPLY_LENGTH);

	(void)state;
	ask_for(REPLY_MAX - FRAME);
	assert_int_equal(n_received, REPLY_MAX);
	assert_int_equal(control_cut_off(CONTROL_LIMIT_REPLY_LENGTH), before);
	assert_int_equal(control_connection_count(), 0);
}

static void
test_longer_reply_cuts_off(void **state)
{
	uint64_t before = control_cut_off(CONTROL_LIMIT_REPLY_LENGTH);

	(void)state;
	ask_for(REPLY_MAX - FRAME + 1);
	/* Nothing of it: half a reply could be taken for a whole one. */
	assert_int_equal(n_received, 0);
	assert_int_equal(
	    control_cut_off(CONTROL_LIMIT_REPLY_LENGTH), before + 1);
	assert_int_equal(control_connection_count(), 0);
}

static void
test_much_longer_reply_cuts_off(void **state)
{
	(void)state;
	ask_for(4 * REPLY_MAX);
	assert_int_equal(n_received, 0);
	assert_int_equal(control_connection_count(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_longest_reply_arrives_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_longer_reply_cuts_off, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_much_longer_reply_cuts_off, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
