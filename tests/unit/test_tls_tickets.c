/* SPDX-License-Identifier: ISC */
/* Session tickets: which of them are read, and by whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/tls_tickets.h"
#include "tests/unit/certificates.h"
#include "tests/unit/tls_talk.h"

static struct made made;
static SSL_CTX *client;

static int
prepare(void **state)
{
	(void)state;
	made = make_certificate((struct wish){ .names = "DNS:a.test" });
	client = talk_client();
	return 0;
}

static int
clean_up(void **state)
{
	(void)state;
	talk_forget();
	made_free(made);
	SSL_CTX_free(client);
	return 0;
}

static SSL_CTX *
server_with(const struct tls_ticket_page *page)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	SSL_CTX_use_certificate(context, made.certificate);
	SSL_CTX_use_PrivateKey(context, made.key);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(context, (const unsigned char *)"x", 1);
	SSL_CTX_set_num_tickets(context, 1);
	assert_true(tls_tickets_use(context, page));
	return context;
}

/* Whether the client resumes; it keeps its new ticket. */
static bool
meet(SSL_CTX *server, int version)
{
	SSL_SESSION *before = talk_session;

	talk_session = NULL;
	SSL_CTX_set_max_proto_version(client, version);
	struct talk talk = talk_begin(server, client, before);
	talk_handshake(&talk);
	if (!talk.established || talk.error != 0)
		fail_msg("%s",
		    ERR_reason_error_string(
			ERR_PACK(ERR_LIB_SSL, 0, talk.error)));
	bool resumed = SSL_session_reused(talk.server) == 1;
	assert_int_equal(SSL_session_reused(talk.client), resumed);
	/* OpenSSL's client is not told of a renewed one in TLS 1.2. */
	if (version == TLS1_2_VERSION && resumed)
		talk_session = SSL_get1_session(talk.client);
	talk_end(&talk);
	error_queue_is_empty();
	if (talk_session == NULL)
		talk_session = before;
	else
		SSL_SESSION_free(before);
	return resumed;
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void
current_and_previous_key_are_good_older_ones_not(void **state)
{
	(void)state;
	for (int v = 0; v < 2; v++) {
		struct tls_ticket_page page = { 0 };
		SSL_CTX *server = server_with(&page);

		for (int before = 0; before < 6; before++) {
			for (int more = 0; more < 6; more++) {
				talk_forget();
				assert_true(tls_tickets_rotate(&page));
				assert_false(meet(server, versions[v]));
				for (int i = 0; i < more; i++)
					assert_true(tls_tickets_rotate(&page));
				if (meet(server, versions[v]) != (more < 2))
					fail_msg("rotated %d times", more);
			}
		}
		SSL_CTX_free(server);
	}
	talk_forget();
}

static bool
ticket_has_key(const struct tls_ticket_page *page)
{
	const unsigned char *ticket;
	size_t len;

	assert_non_null(talk_session);
	SSL_SESSION_get0_ticket(talk_session, &ticket, &len);
	const struct tls_ticket_key *key =
	    &page->keys[page->rotations % TLS_TICKET_KEYS];
	return len > sizeof(key->name) &&
	    memcmp(ticket, key->name, sizeof(key->name)) == 0;
}

static void
who_comes_with_the_previous_key_gets_a_new_ticket(void **state)
{
	(void)state;
	for (int v = 0; v < 2; v++) {
		struct tls_ticket_page page = { 0 };
		SSL_CTX *server = server_with(&page);

		talk_forget();
		tls_tickets_rotate(&page);
		assert_false(meet(server, versions[v]));
		assert_true(ticket_has_key(&page));
		for (int i = 0; i < 5; i++) {
			tls_tickets_rotate(&page);
			assert_false(ticket_has_key(&page));
			assert_true(meet(server, versions[v]));
			assert_true(ticket_has_key(&page));
		}
		SSL_CTX_free(server);
	}
	talk_forget();
}

static void
contexts_with_the_same_page_read_each_others(void **state)
{
	struct tls_ticket_page page = { 0 }, other = { 0 };

	(void)state;
	tls_tickets_rotate(&page);
	tls_tickets_rotate(&other);
	SSL_CTX *one = server_with(&page), *two = server_with(&page);
	SSL_CTX *third = server_with(&other);
	for (int v = 0; v < 2; v++) {
		talk_forget();
		assert_false(meet(one, versions[v]));
		assert_true(meet(two, versions[v]));
		assert_true(meet(one, versions[v]));
		assert_false(meet(third, versions[v]));
	}
	talk_forget();
	SSL_CTX_free(one);
	SSL_CTX_free(two);
	SSL_CTX_free(third);
}

/* A client of TLS 1.3 shows a ticket once: with each it gets the next. */
static void
whoever_resumes_can_resume_again(void **state)
{
	struct tls_ticket_page page = { 0 };
	SSL_CTX *server = server_with(&page);

	(void)state;
	tls_tickets_rotate(&page);
	for (int v = 0; v < 2; v++) {
		talk_forget();
		assert_false(meet(server, versions[v]));
		for (int i = 0; i < 5; i++)
			assert_true(meet(server, versions[v]));
	}
	talk_forget();
	SSL_CTX_free(server);
}

/* The bytes of two rotations differ in every part. */
static void
each_key_is_new(void **state)
{
	struct tls_ticket_page page = { 0 };

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_true(tls_tickets_rotate(&page));
	assert_int_equal(page.rotations, 8);
	for (int i = 0; i < TLS_TICKET_KEYS; i++) {
		for (int j = 0; j < i; j++) {
			const struct tls_ticket_key *a = &page.keys[i];
			const struct tls_ticket_key *b = &page.keys[j];
			assert_memory_not_equal(a->name, b->name, 16);
			assert_memory_not_equal(a->cipher, b->cipher, 32);
			assert_memory_not_equal(a->mac, b->mac, 32);
		}
	}
}

static void
an_unused_page_gives_no_ticket(void **state)
{
	struct tls_ticket_page page = { 0 };
	SSL_CTX *server = server_with(&page);

	(void)state;
	for (int v = 0; v < 2; v++) {
		talk_forget();
		assert_false(meet(server, versions[v]));
		assert_false(meet(server, versions[v]));
		assert_true(talk_session == NULL ||
		    SSL_SESSION_has_ticket(talk_session) == 0);
	}
	SSL_CTX_free(server);
}

/* Also the name of a key that is all zeros is no key then. */
static void
an_unused_page_reads_no_ticket(void **state)
{
	struct tls_ticket_page page = { 0 }, unused = { 0 };

	(void)state;
	tls_tickets_rotate(&page);
	memset(page.keys, 0, sizeof(page.keys));
	SSL_CTX *server = server_with(&page), *other = server_with(&unused);
	for (int v = 0; v < 2; v++) {
		talk_forget();
		assert_false(meet(server, versions[v]));
		assert_true(meet(server, versions[v]));
		unused.rotations = 1;
		assert_true(meet(other, versions[v]));
		unused.rotations = 0;
		assert_false(meet(other, versions[v]));
	}
	SSL_CTX_free(server);
	SSL_CTX_free(other);
}

/* A ticket that was changed on the way costs a whole handshake, no more. */
static void
a_spoiled_ticket_is_not_believed(void **state)
{
	struct tls_ticket_page page = { 0 };
	SSL_CTX *server = server_with(&page);
	unsigned char *der = NULL;

	(void)state;
	tls_tickets_rotate(&page);
	talk_forget();
	assert_false(meet(server, TLS1_3_VERSION));
	int len = i2d_SSL_SESSION(talk_session, &der);
	assert_true(len > 0);
	const unsigned char *ticket;
	size_t ticket_len;
	SSL_SESSION_get0_ticket(talk_session, &ticket, &ticket_len);
	unsigned char *copy = memmem(der, (size_t)len, ticket, ticket_len);
	assert_non_null(copy);
	for (size_t i = 0; i < ticket_len; i += 7) {
		copy[i] ^= 1;
		const unsigned char *from = der;
		SSL_SESSION *spoiled = d2i_SSL_SESSION(NULL, &from, len);
		assert_non_null(spoiled);
		talk_forget();
		talk_session = spoiled;
		assert_false(meet(server, TLS1_3_VERSION));
		copy[i] ^= 1;
	}
	OPENSSL_free(der);
	talk_forget();
	SSL_CTX_free(server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    current_and_previous_key_are_good_older_ones_not),
		cmocka_unit_test(
		    who_comes_with_the_previous_key_gets_a_new_ticket),
		cmocka_unit_test(contexts_with_the_same_page_read_each_others),
		cmocka_unit_test(whoever_resumes_can_resume_again),
		cmocka_unit_test(each_key_is_new),
		cmocka_unit_test(an_unused_page_gives_no_ticket),
		cmocka_unit_test(an_unused_page_reads_no_ticket),
		cmocka_unit_test(a_spoiled_ticket_is_not_believed),
	};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
