/* SPDX-License-Identifier: ISC */
/* Datagrams under a handler that does what a test says: the promises of
 * preforkd.h about peers and answers that no built-in handler makes use of. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/datagram.h"
#include "worker/state.h"

typedef void (*deed)(struct pf_datagram *, char *, size_t);

static deed script;
static unsigned n_calls;

static void
on_datagram(struct pf_datagram *datagram, void *data, size_t len)
{
	n_calls++;
	script(datagram, data, len);
}

static const struct pf_handler handler = {
	.abi = PF_ABI,
	.name = "odd",
	.transports = PF_DATAGRAM,
	.datagram = on_datagram,
};

static char name[] = "odd";
static struct service_config config;
static const struct worker_context context;
static struct worker_listener given;
static struct worker worker;
static struct pf_service service;
static struct listener listener;
static int client = -1;

static struct service_counters *
counters(void)
{
	return &worker.slot->services[0].counters;
}

static int
setup(void **state)
{
	(void)state;
	n_calls = 0;
	config = (struct service_config){ .name = name };
	worker = (struct worker){ .context = &context, .now_ms = 1 };
	worker.slot = aligned_alloc(4096, slot_size(1));
	assert_non_null(worker.slot);
	memset(worker.slot, 0, slot_size(1));
	service = (struct pf_service){
		.worker = &worker,
		.config = &config,
		.handler = &handler,
		.counters = counters(),
	};
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	datagram_close(&listener);
	datagram_free(&worker);
	close(listener.fd);
	close(client);
	free(worker.slot);
	return 0;
}

static void
listen_to(int fd, int family)
{
	given = (struct worker_listener){
		.type = SOCK_DGRAM,
		.family = family,
		.text = "test",
	};
	listener = (struct listener){
		.worker = &worker,
		.service = &service,
		.given = &given,
		.fd = fd,
	};
	assert_true(datagram_open(&listener));
}

static int
udp_socket(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_return_code(
	    bind(fd, (struct sockaddr *)address, sizeof(*address)), errno);
	assert_return_code(
	    getsockname(fd, (struct sockaddr *)address, &length), errno);
	return fd;
}

static struct sockaddr_in client_address;

static void
use_udp(void)
{
	struct sockaddr_in address;
	int fd = udp_socket(&address);

	client = udp_socket(&client_address);
	assert_return_code(
	    connect(client, (struct sockaddr *)&address, sizeof(address)),
	    errno);
	listen_to(fd, AF_INET);
}

/* A client without a name. */
static void
use_unix(void)
{
	int ends[2];

	assert_return_code(
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), errno);
	client = ends[0];
	listen_to(ends[1], AF_UNIX);
}

static void
ask(const char *question)
{
	assert_int_equal(
	    send(client, question, strlen(question), 0), strlen(question));
	datagram_serve(&listener);
}

static void
assert_answer(const char *text)
{
	char got[64] = "";

	assert_int_equal(recv(client, got, sizeof(got) - 1, 0), strlen(text));
	assert_string_equal(got, text);
}

static void
assert_no_more(void)
{
	char byte;

	assert_int_equal(recv(client, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

/* --- peers -----------------------------------------------------------------*/

static void
see_nobody(struct pf_datagram *datagram, char *data, size_t len)
{
	struct sockaddr_storage peer;
	char text[320];

	assert_int_equal(
	    pf_datagram_peer(datagram, &peer), sizeof(sa_family_t));
	assert_int_equal(peer.ss_family, AF_UNIX);
	assert_string_equal(
	    pf_datagram_peer_text(datagram, text, sizeof(text)), "unnamed");
	pf_reply(datagram, data, len);
}

static void
test_unnamed_peer(void **state)
{
	(void)state;
	use_unix();
	script = see_nobody;
	ask("who am I?");
	assert_int_equal(n_calls, 1);
	assert_no_more();
	assert_int_equal(counters()->dropped_source, 1);
}

static void
see_client(struct pf_datagram *datagram, char *data, size_t len)
{
	struct sockaddr_storage peer;
	char text[320], wanted[32];

	(void)data;
	(void)len;
	assert_int_equal(
	    pf_datagram_peer(datagram, &peer), sizeof(client_address));
	assert_memory_equal(&peer, &client_address, sizeof(client_address));
	snprintf(wanted, sizeof(wanted), "127.0.0.1:%u",
	    ntohs(client_address.sin_port));
	assert_string_equal(
	    pf_datagram_peer_text(datagram, text, sizeof(text)), wanted);
	assert_string_equal(
	    pf_service_name(pf_datagram_service(datagram)), "odd");
}

static void
test_udp_peer(void **state)
{
	(void)state;
	use_udp();
	script = see_client;
	ask("and now?");
	ask("");
	assert_int_equal(n_calls, 2);
	assert_no_more();
}

/* --- answers ---------------------------------------------------------------*/

/* Of what a call was given nothing may be needed after it, but the datagram. */
static void
answer_in_parts(struct pf_datagram *datagram, char *data, size_t len)
{
	char copied[] = "abc";

	assert_int_equal(len, 8);
	pf_reply(datagram, copied, 3);
	memset(copied, 'x', sizeof(copied));
	pf_reply(datagram, data + 1, 4);
	pf_reply(datagram, "no", 2); /* 9 bytes for 8 */
	pf_reply(datagram, "!", 1);
}

static void
test_answers_are_no_longer_than_the_question(void **state)
{
	(void)state;
	use_udp();
	script = answer_in_parts;
	ask("12345678");
	assert_answer("abc");
	assert_answer("2345");
	assert_answer("!");
	assert_no_more();
	assert_int_equal(counters()->dropped_larger, 1);
	assert_int_equal(counters()->datagrams_out, 3);
	assert_int_equal(counters()->bytes_out, 8);
}

static void
answer_much(struct pf_datagram *datagram, char *data, size_t len)
{
	(void)data;
	(void)len;
	for (int i = 0; i < 3; i++)
		pf_reply(datagram, "a long answer", 13);
}

static void
test_amplifies_when_told_to(void **state)
{
	(void)state;
	use_udp();
	script = answer_much;
	ask("?");
	assert_no_more();
	assert_int_equal(counters()->dropped_larger, 3);
	config.udp_amplify = true;
	ask("?");
	for (int i = 0; i < 3; i++)
		assert_answer("a long answer");
	assert_no_more();
	assert_int_equal(counters()->dropped_larger, 3);
}

static char large[70000];

static void
answer_too_much(struct pf_datagram *datagram, char *data, size_t len)
{
	pf_reply(datagram, large, sizeof(large)); /* no datagram is so long */
	pf_reply(datagram, data, len);
	pf_reply(datagram, large, SIZE_MAX); /* nor is this */
}

static void
test_what_cannot_be_sent_costs_only_itself(void **state)
{
	(void)state;
	use_udp();
	config.udp_amplify = true;
	script = answer_too_much;
	ask("short");
	assert_answer("short");
	assert_no_more();
	assert_int_equal(counters()->dropped_send, 2);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unnamed_peer),
		TEST(test_udp_peer),
		TEST(test_answers_are_no_longer_than_the_question),
		TEST(test_amplifies_when_told_to),
		TEST(test_what_cannot_be_sent_costs_only_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
