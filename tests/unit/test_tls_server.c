/* SPDX-License-Identifier: ISC */
/* What a service speaks TLS with, made of a configuration: each wrong setting
 * is one message, and handshakes show what came out of the good ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>

#include "common/config.h"
#include "common/tls_server.h"
#include "tests/unit/certificates.h"
#include "tests/unit/folder.h"
#include "tests/unit/tls_talk.h"
#include "worker/worker.h"

#define HEAD	   "[service s]\nhandler = echo\nlisten = tls://127.0.0.1:0\n"
#define PAIR(name) "tls_certificate = " name ".pem\ntls_key = " name ".key\n"

static struct made authority;
static SSL_CTX *client;

/* NAME.pem and NAME.key in the folder. */
static void
write_pair(const char *name, struct wish wish)
{
	struct made made = make_certificate(wish);
	char file[64];

	snprintf(file, sizeof(file), "%s.pem", name);
	write_file(file, pem_of(made.certificate, NULL, NULL));
	snprintf(file, sizeof(file), "%s.key", name);
	const char *path = write_file(file, pem_of_key(made.key, NULL));
	assert_int_equal(chmod(path, 0600), 0);
	made_free(made);
}

static int
prepare(void **state)
{
	if (folder_make(state) != 0)
		return -1;
	authority = make_certificate(
	    (struct wish){ .subject = "ca", .authority = true });
	client = talk_client();
	write_file("ca.pem", pem_of(authority.certificate, NULL, NULL));
	write_pair("a", (struct wish){ .names = "DNS:a.test" });
	write_pair("b", (struct wish){ .names = "DNS:b.test,DNS:x.wild.test" });
	write_pair("wild", (struct wish){ .names = "DNS:*.wild.test" });
	write_pair("rsa", (struct wish){ .names = "DNS:a.test", .key = "RSA" });
	write_pair("ed25519",
	    (struct wish){ .names = "DNS:a.test", .key = "ED25519" });
	write_pair("weak",
	    (struct wish){ .names = "DNS:a.test", .key = "RSA", .bits = 1024 });
	return 0;
}

static int
clean_up(void **state)
{
	talk_forget();
	made_free(authority);
	SSL_CTX_free(client);
	return folder_remove(state);
}

static void
text_is_refused(const char *text, const char *expected)
{
	struct errors errors;

	errors_init(&errors);
	ERR_clear_error();
	assert_null(config_load(
	    write_file("main.ini", text), worker_handlers(), &errors));
	assert_string_equal(error_text(&errors), expected);
	error_queue_is_empty();
	errors_clear(&errors);
}

static struct config *
load_text(const char *text)
{
	struct errors errors;

	errors_init(&errors);
	ERR_clear_error();
	struct config *config = config_load(
	    write_file("main.ini", text), worker_handlers(), &errors);
	if (config == NULL)
		fail_msg("%s", error_text(&errors));
	error_queue_is_empty();
	errors_clear(&errors);
	return config;
}

#define refused(lines, expected) text_is_refused(HEAD lines, expected)
#define load(lines)		 load_text(HEAD lines)

/* --- what is wrong -------------------------------------------------------- */

static void
pairs_have_to_be_whole(void **state)
{
	(void)state;
	refused("",
	    "@/main.ini:1: [service s] speaks TLS and has no "
	    "\"tls_certificate\" and \"tls_key\", which are needed\n");
	refused("tls_certificate = a.pem\n",
	    "@/main.ini:4: there are 1 \"tls_certificate\" and 0 \"tls_key\" "
	    "in [service s]; each certificate needs its key, in the same "
	    "order\n");
	refused(PAIR("a") "tls_key = b.key\n",
	    "@/main.ini:6: there are 1 \"tls_certificate\" and 2 \"tls_key\" "
	    "in [service s]; each certificate needs its key, in the same "
	    "order\n");
	refused("tls_certificate = a.pem\ntls_key = b.key\n",
	    "@/main.ini:5: tls_key: \"@/b.key\" does not belong to the "
	    "certificate in \"@/a.pem\"\n");
	/* A key of another kind. */
	refused("tls_certificate = a.pem\ntls_key = rsa.key\n",
	    "@/main.ini:5: tls_key: \"@/rsa.key\" does not belong to the "
	    "certificate in \"@/a.pem\"\n");
}

static void
both_files_of_each_pair_are_told_of(void **state)
{
	(void)state;
	refused("tls_certificate = none.pem\ntls_key = none.key\n" PAIR(
		    "a") "tls_certificate = a.key\ntls_key = a.pem\n",
	    "@/main.ini:4: tls_certificate: \"@/none.pem\" cannot be read: No "
	    "such file or directory\n"
	    "@/main.ini:5: tls_key: \"@/none.key\" cannot be read: No such "
	    "file or directory\n"
	    "@/main.ini:8: tls_certificate: \"@/a.key\" has no certificate "
	    "(\"-----BEGIN CERTIFICATE-----\")\n"
	    "@/main.ini:9: tls_key: \"@/a.pem\" has no private key "
	    "(\"-----BEGIN PRIVATE KEY-----\")\n");
}

static void
a_chain_in_a_wrong_order_is_refused(void **state)
{
	struct made leaf = make_certificate(
	    (struct wish){ .names = "DNS:l.test", .issuer = &authority });

	(void)state;
	write_file("l.key", pem_of_key(leaf.key, NULL));
	write_file("l.pem", pem_of(leaf.certificate, leaf.certificate, NULL));
	refused(PAIR("l"),
	    "@/main.ini:4: tls_certificate: \"@/l.pem\" has certificates in a "
	    "wrong order: number 2 is not the issuer of number 1; the server's "
	    "own comes first, behind each the one of its issuer\n");
	/* The issuer first: told as that, not as a wrong key. */
	write_file(
	    "l.pem", pem_of(authority.certificate, leaf.certificate, NULL));
	refused(PAIR("l"),
	    "@/main.ini:4: tls_certificate: \"@/l.pem\" has certificates in a "
	    "wrong order: number 2 is not the issuer of number 1; the server's "
	    "own comes first, behind each the one of its issuer\n");
	made_free(leaf);
}

#define TOO_SMALL                                                           \
	"@/main.ini:4: tls_certificate: \"@/weak.pem\" cannot be used: ee " \
	"key too small\n"

static void
a_key_that_is_too_small_is_refused(void **state)
{
	(void)state;
	refused(PAIR("weak"), TOO_SMALL);
	/* What it leaves behind does not harm the next of the same names. */
	refused(PAIR("weak") PAIR("a"), TOO_SMALL);
	refused(PAIR("weak") PAIR("rsa"), TOO_SMALL);
}

#define BAD_CIPHERS                                                        \
	"@/main.ini:4: \"tls_ciphers = none\" has no cipher that OpenSSL " \
	"knows; ciphers(1) has the names\n"
#define BAD_SUITES                                                     \
	"@/main.ini:5: \"tls_ciphersuites = none\" has a cipher that " \
	"OpenSSL does not know; allowed are names such as "            \
	"TLS_AES_128_GCM_SHA256, with colons\n"
#define BAD_GROUPS                                                           \
	"@/main.ini:6: \"tls_groups = none\" has a group that OpenSSL does " \
	"not know; allowed are names such as X25519, P-256 and P-384, with " \
	"colons\n"

static void
each_wrong_algorithm_is_told_once(void **state)
{
	(void)state;
	refused("tls_ciphers = none\n" PAIR("a"), BAD_CIPHERS);
	refused("\ntls_ciphersuites = none\n" PAIR("a"), BAD_SUITES);
	refused("\n\ntls_groups = none\n" PAIR("a"), BAD_GROUPS);
	refused("tls_ciphers = none\ntls_ciphersuites = none\n"
		"tls_groups = none\n" PAIR("a") PAIR("b") PAIR("wild"),
	    BAD_CIPHERS BAD_SUITES BAD_GROUPS);
	/* Nor do they hide what else is wrong. */
	refused("tls_ciphers = none\ntls_certificate = a.pem\n"
		"tls_key = b.key\n",
	    BAD_CIPHERS
	    "@/main.ini:6: tls_key: \"@/b.key\" does not belong to the "
	    "certificate in \"@/a.pem\"\n");
}

#define BAD_ALPN                                                              \
	"is not a list of protocols such as h2, http/1.1; allowed are names " \
	"of 1 to 255 bytes without blanks, with commas\n"

static void
wrong_protocols_are_refused(void **state)
{
	char text[4096], expected[4096], name[300];

	(void)state;
	refused(PAIR("a") "tls_alpn = h2,,x\n",
	    "@/main.ini:6: \"tls_alpn = h2,,x\" " BAD_ALPN);
	refused(PAIR("a") "tls_alpn = ,\n",
	    "@/main.ini:6: \"tls_alpn = ,\" " BAD_ALPN);
	refused(PAIR("a") "tls_alpn = h2,\n",
	    "@/main.ini:6: \"tls_alpn = h2,\" " BAD_ALPN);
	refused(PAIR("a") "tls_alpn = h 2\n",
	    "@/main.ini:6: \"tls_alpn = h 2\" " BAD_ALPN);
	for (size_t len = 255; len <= 256; len++) {
		memset(name, 'p', len);
		name[len] = '\0';
		snprintf(
		    text, sizeof(text), HEAD PAIR("a") "tls_alpn = %s\n", name);
		snprintf(expected, sizeof(expected),
		    "@/main.ini:6: \"tls_alpn = %s\" " BAD_ALPN, name);
		if (len == 255)
			config_unref(load_text(text));
		else
			text_is_refused(text, expected);
	}
	/* 1,024 bytes on the wire: four of 255 and their lengths. */
	name[255] = '\0';
	snprintf(text, sizeof(text), HEAD PAIR("a") "tls_alpn = %s,%s,%s,%s\n",
	    name, name, name, name);
	config_unref(load_text(text));
	snprintf(text, sizeof(text),
	    HEAD PAIR("a") "tls_alpn = %s,%s,%s,%s,x\n", name, name, name,
	    name);
	snprintf(expected, sizeof(expected),
	    "@/main.ini:6: \"tls_alpn = %s,%s,%s,%s,x\" " BAD_ALPN, name, name,
	    name, name);
	text_is_refused(text, expected);
}

static void
clients_need_somebody_who_is_believed(void **state)
{
	(void)state;
	refused(PAIR("a") "tls_client_verify = required\n",
	    "@/main.ini:6: \"tls_client_verify = required\" needs "
	    "tls_client_ca, the issuers that are believed\n");
	refused(PAIR("a") "tls_client_verify = optional\n",
	    "@/main.ini:6: \"tls_client_verify = optional\" needs "
	    "tls_client_ca, the issuers that are believed\n");
	refused(PAIR("a") "tls_client_ca = none.pem\n",
	    "@/main.ini:6: \"tls_client_ca = @/none.pem\" is wrong: the file "
	    "cannot be read: No such file or directory\n");
	refused(PAIR("a") "tls_client_ca = a.key\n",
	    "@/main.ini:6: \"tls_client_ca = @/a.key\" is wrong: the file has "
	    "no certificate (\"-----BEGIN CERTIFICATE-----\")\n");
}

static void
words_and_durations_have_their_range(void **state)
{
	static const char *const lines[] = { "tls_min_version = 1.1",
		"tls_client_verify = maybe", "tls_session_tickets = 3",
		"tls_ticket_lifetime = 10ms", "tls_ticket_lifetime = 8d",
		"handshake_timeout = 10ms", "handshake_timeout = 0" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char text[512];
		struct errors errors;

		snprintf(text, sizeof(text), HEAD PAIR("a") "%s\n", lines[i]);
		errors_init(&errors);
		assert_null(config_load(
		    write_file("main.ini", text), worker_handlers(), &errors));
		assert_int_equal(errors.n, 1);
		const char *said = error_text(&errors);
		if (strstr(said, "@/main.ini:6: ") != said)
			fail_msg("%s", said);
		errors_clear(&errors);
	}
}

/* --- warnings ------------------------------------------------------------- */

static void
warned(const char *lines, const char *expected)
{
	char text[1024];

	snprintf(text, sizeof(text), HEAD "%s", lines);
	struct config *config = load_text(text);
	assert_string_equal(error_text(config_warnings(config)), expected);
	config_unref(config);
}

static void
what_is_doubtful_is_a_warning(void **state)
{
	(void)state;
	warned(PAIR("a"), "");
	assert_int_equal(chmod(in_folder("a.key"), 0644), 0);
	warned(PAIR("a"),
	    "@/main.ini:5: \"@/a.key\": everybody can read this key (mode "
	    "0644); only root should be able to\n");
	assert_int_equal(chmod(in_folder("a.key"), 0600), 0);
	write_pair(
	    "old", (struct wish){ .names = "DNS:a.test", .until = -DAY_S });
	struct config *config = load(PAIR("old"));
	const char *said = error_text(config_warnings(config));
	assert_non_null(strstr(said,
	    "@/main.ini:4: \"@/old.pem\": the certificate of a.test has "
	    "expired, at "));
	config_unref(config);
}

/* --- what came out of it -------------------------------------------------- */

static struct tls_server *
tls_of(const struct config *config)
{
	return config->services[0]->tls;
}

static void
certificates_are_told_of(void **state)
{
	struct config *config = load(PAIR("a") PAIR("b"));
	const struct tls_server *server = tls_of(config);
	const struct tls_certificate *one = tls_server_certificate(server, 1);
	int64_t now = (int64_t)time(NULL);

	(void)state;
	assert_int_equal(tls_server_count(server), 2);
	assert_string_equal(tls_server_certificate(server, 0)->name, "a.test");
	assert_string_equal(one->name, "b.test");
	assert_string_equal(one->file, in_folder("b.pem"));
	assert_true(one->not_before < now && one->not_before > now - 2 * DAY_S);
	assert_true(one->not_after > now + 99 * DAY_S);
	config_unref(config);
}

/* A chain is good for as long as all of it. */
static void
the_end_is_that_of_the_first_to_expire(void **state)
{
	struct made shorter = make_certificate((struct wish){
	    .subject = "short", .authority = true, .until = 20 * DAY_S });
	struct made leaf = make_certificate(
	    (struct wish){ .names = "DNS:l.test", .issuer = &shorter });
	int64_t now = (int64_t)time(NULL);

	(void)state;
	write_file("l.key", pem_of_key(leaf.key, NULL));
	write_file(
	    "l.pem", pem_of(leaf.certificate, shorter.certificate, NULL));
	struct config *config = load(PAIR("l"));
	const struct tls_certificate *one =
	    tls_server_certificate(tls_of(config), 0);
	assert_string_equal(one->name, "l.test");
	assert_true(one->not_after <= now + 20 * DAY_S);
	assert_true(one->not_after > now + 19 * DAY_S);
	config_unref(config);
	made_free(shorter);
	made_free(leaf);
}

/* Whether two configurations show and believe the same. */
static bool
are_equal(const char *before, const char *after)
{
	struct config *one = load_text(before), *two = load_text(after);
	bool equal = tls_server_equal(tls_of(one), tls_of(two));

	assert_int_equal(strcmp(tls_server_fingerprint(tls_of(one)),
			     tls_server_fingerprint(tls_of(two))) == 0,
	    equal);
	config_unref(one);
	config_unref(two);
	return equal;
}

static void
a_fingerprint_is_of_contents(void **state)
{
	static const char usual[] = HEAD PAIR("a") PAIR("b");

	(void)state;
	assert_true(are_equal(usual, usual));
	assert_true(are_equal(HEAD PAIR("a"), HEAD "\n\n" PAIR("a")));
	assert_false(are_equal(usual, HEAD PAIR("b") PAIR("a")));
	assert_false(are_equal(usual, HEAD PAIR("a")));
	assert_false(are_equal(HEAD PAIR("a") "tls_client_ca = ca.pem\n",
	    HEAD PAIR("a") "tls_client_ca = a.pem\n"));
	assert_false(are_equal(HEAD PAIR("a") "tls_client_ca = ca.pem\n",
	    HEAD PAIR("a") "tls_client_ca = ca.pem\n"
			   "tls_client_verify = optional\n"));
	/* A certificate that was renewed, under its old name. */
	write_pair("new", (struct wish){ .names = "DNS:a.test" });
	struct config *before = load(PAIR("new"));
	write_pair("new", (struct wish){ .names = "DNS:a.test" });
	struct config *after = load(PAIR("new"));
	assert_false(tls_server_equal(tls_of(before), tls_of(after)));
	assert_false(tls_server_equal(tls_of(before), NULL));
	assert_true(tls_server_equal(NULL, NULL));
	config_unref(before);
	config_unref(after);
}

/* The title of the certificate that a client gets, "" when the handshake fails.
 * NAME, SIGALGS and ALPN (on the wire, one protocol) may be NULL. */
static const char *
shown_to(const struct config *config, const char *name, const char *sigalgs,
    const char *alpn)
{
	static char title[128];
	struct talk talk =
	    talk_begin(tls_server_context(tls_of(config)), client, NULL);

	if (name != NULL)
		assert_int_equal(
		    SSL_set_tlsext_host_name(talk.client, name), 1);
	if (sigalgs != NULL)
		assert_int_equal(
		    SSL_set1_sigalgs_list(talk.client, sigalgs), 1);
	if (alpn != NULL)
		assert_int_equal(
		    SSL_set_alpn_protos(talk.client,
			(const unsigned char *)alpn, (unsigned)strlen(alpn)),
		    0);
	talk_handshake(&talk);
	title[0] = '\0';
	if (talk.established) {
		X509 *shown = SSL_get0_peer_certificate(talk.client);
		X509_NAME *subject = X509_get_subject_name(shown);
		GENERAL_NAMES *names =
		    X509_get_ext_d2i(shown, NID_subject_alt_name, NULL, NULL);
		assert_non_null(subject);
		const GENERAL_NAME *first = sk_GENERAL_NAME_value(names, 0);
		snprintf(title, sizeof(title), "%s %s",
		    (const char *)ASN1_STRING_get0_data(first->d.dNSName),
		    OBJ_nid2sn(EVP_PKEY_get_base_id(X509_get0_pubkey(shown))));
		GENERAL_NAMES_free(names);
	}
	talk_end(&talk);
	ERR_clear_error();
	return title;
}

#define ANY_KIND NULL
#define A	 "a.test id-ecPublicKey"
#define B	 "b.test id-ecPublicKey"
#define WILD	 "*.wild.test id-ecPublicKey"

static void
a_client_gets_the_certificate_that_it_names(void **state)
{
	/* The wildcard stands first: an exact name goes before it. */
	struct config *config = load(PAIR("wild") PAIR("b") PAIR("a"));

	(void)state;
	assert_string_equal(shown_to(config, NULL, NULL, NULL), WILD);
	assert_string_equal(shown_to(config, "other.test", NULL, NULL), WILD);
	assert_string_equal(shown_to(config, "a.test", NULL, NULL), A);
	assert_string_equal(shown_to(config, "B.Test", NULL, NULL), B);
	assert_string_equal(shown_to(config, "x.wild.test", NULL, NULL), B);
	assert_string_equal(shown_to(config, "y.wild.test", NULL, NULL), WILD);
	config_unref(config);
	config = load(PAIR("a") PAIR("wild"));
	assert_string_equal(shown_to(config, NULL, NULL, NULL), A);
	assert_string_equal(shown_to(config, "y.wild.test", NULL, NULL), WILD);
	assert_string_equal(shown_to(config, "y.z.wild.test", NULL, NULL), A);
	config_unref(config);
}

#define RSA_ONLY "rsa_pss_rsae_sha256:RSA+SHA256"
#define EC_ONLY	 "ECDSA+SHA256"
#define ED_ONLY	 "ed25519"

static void
of_several_kinds_of_key_it_gets_what_it_can_use(void **state)
{
	struct config *config = load(PAIR("rsa") PAIR("a") PAIR("ed25519"));

	(void)state;
	assert_string_equal(shown_to(config, NULL, EC_ONLY, NULL), A);
	assert_string_equal(
	    shown_to(config, "a.test", RSA_ONLY, NULL), "a.test rsaEncryption");
	assert_string_equal(
	    shown_to(config, "a.test", ED_ONLY, NULL), "a.test ED25519");
	config_unref(config);
	config = load(PAIR("a"));
	assert_string_equal(shown_to(config, NULL, RSA_ONLY, NULL), "");
	config_unref(config);
}

/* The first counts, however many kinds stand between the two. */
static void
a_second_of_the_same_kind_is_allowed(void **state)
{
	struct config *config = load(PAIR("a") PAIR("a"));

	(void)state;
	assert_string_equal(shown_to(config, "a.test", EC_ONLY, NULL), A);
	config_unref(config);
	config = load(PAIR("a") PAIR("rsa") PAIR("a") PAIR("rsa"));
	assert_string_equal(shown_to(config, "a.test", EC_ONLY, NULL), A);
	assert_string_equal(
	    shown_to(config, "a.test", RSA_ONLY, NULL), "a.test rsaEncryption");
	config_unref(config);
}

static void
a_protocol_that_nobody_has_ends_the_handshake(void **state)
{
	struct config *config = load(PAIR("a") "tls_alpn = h2, http/1.1\n");

	(void)state;
	assert_string_equal(shown_to(config, NULL, NULL, "\x02h2"), A);
	assert_string_equal(shown_to(config, NULL, NULL, "\x08http/1.1"), A);
	assert_string_equal(shown_to(config, NULL, NULL, "\x02h3"), "");
	assert_string_equal(shown_to(config, NULL, NULL, NULL), A);
	config_unref(config);
	config = load(PAIR("a"));
	assert_string_equal(shown_to(config, NULL, NULL, "\x02h3"), A);
	config_unref(config);
}

static bool
establishes(const struct config *config, int version, SSL_SESSION *session,
    bool *resumed)
{
	SSL_CTX_set_max_proto_version(client, version);
	struct talk talk =
	    talk_begin(tls_server_context(tls_of(config)), client, session);
	SSL_CTX_set_max_proto_version(client, 0);
	talk_handshake(&talk);
	bool established = talk.established && talk.error == 0;
	*resumed = SSL_session_reused(talk.server) == 1;
	talk_end(&talk);
	ERR_clear_error();
	return established;
}

static void
the_least_version_counts(void **state)
{
	struct config *config = load(PAIR("a") "tls_min_version = 1.3\n");
	bool resumed;

	(void)state;
	assert_false(establishes(config, TLS1_2_VERSION, NULL, &resumed));
	assert_true(establishes(config, TLS1_3_VERSION, NULL, &resumed));
	config_unref(config);
	config = load(PAIR("a"));
	assert_true(establishes(config, TLS1_2_VERSION, NULL, &resumed));
	config_unref(config);
}

/* A client of one service comes to another, both with the same ticket keys. */
static void
resumes_at(const char *first, const char *second, bool expected)
{
	struct tls_ticket_page page = { 0 };
	struct config *one = load_text(first), *two = load_text(second);
	bool resumed;

	assert_true(tls_tickets_rotate(&page));
	assert_true(tls_server_set_tickets(tls_of(one), &page));
	assert_true(tls_server_set_tickets(tls_of(two), &page));
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION;
	     version++) {
		talk_forget();
		assert_true(establishes(one, version, NULL, &resumed));
		assert_false(resumed);
		SSL_SESSION *session = talk_session;
		talk_session = NULL;
		assert_non_null(session);
		assert_true(establishes(two, version, session, &resumed));
		if (resumed != expected)
			fail_msg("%s%s%d", first, second, resumed);
		SSL_SESSION_free(session);
	}
	talk_forget();
	config_unref(one);
	config_unref(two);
}

static void
a_ticket_is_good_where_the_same_is_believed(void **state)
{
	static const char usual[] = HEAD PAIR("a");

	(void)state;
	resumes_at(usual, usual, true);
	resumes_at(usual, HEAD PAIR("b"), true);
	resumes_at(usual,
	    "[service t]\nhandler = echo\nlisten = tls://127.0.0.1:0\n" PAIR(
		"a"),
	    false);
	resumes_at(usual,
	    HEAD PAIR("a") "tls_client_verify = optional\n"
			   "tls_client_ca = ca.pem\n",
	    false);
	resumes_at(HEAD PAIR("a") "tls_client_verify = optional\n"
				  "tls_client_ca = ca.pem\n",
	    HEAD PAIR("a") "tls_client_verify = optional\n"
			   "tls_client_ca = a.pem\n",
	    false);
}

static void
without_tickets_there_are_none(void **state)
{
	struct config *config = load(PAIR("a") "tls_session_tickets = no\n");
	bool resumed;

	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION;
	     version++) {
		talk_forget();
		assert_true(establishes(config, version, NULL, &resumed));
		assert_true(talk_session == NULL ||
		    SSL_SESSION_has_ticket(talk_session) == 0);
	}
	talk_forget();
	config_unref(config);
}

static void
what_no_client_needs_is_off(void **state)
{
	struct config *config = load(PAIR("a"));
	SSL_CTX *context = tls_server_context(tls_of(config));
	uint64_t options = SSL_CTX_get_options(context);

	(void)state;
	assert_true(options & SSL_OP_NO_RENEGOTIATION);
	assert_true(options & SSL_OP_NO_COMPRESSION);
	assert_int_equal(SSL_CTX_get_max_early_data(context), 0);
	assert_int_equal(
	    SSL_CTX_get_session_cache_mode(context), SSL_SESS_CACHE_OFF);
	assert_int_equal(
	    SSL_CTX_get_min_proto_version(context), TLS1_2_VERSION);
	config_unref(config);
}

/* Descriptors are closed on every way out. */
static void
no_descriptor_is_left_open(void **state)
{
	struct rlimit limit, few = { 12, 12 };

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few.rlim_max = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 20; i++) {
		config_unref(load(PAIR("a") "tls_client_ca = ca.pem\n"));
		refused("tls_certificate = a.key\ntls_key = .\n",
		    "@/main.ini:4: tls_certificate: \"@/a.key\" has no "
		    "certificate (\"-----BEGIN CERTIFICATE-----\")\n"
		    "@/main.ini:5: tls_key: \"@/.\" is not a file\n");
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_have_to_be_whole),
		cmocka_unit_test(both_files_of_each_pair_are_told_of),
		cmocka_unit_test(a_chain_in_a_wrong_order_is_refused),
		cmocka_unit_test(a_key_that_is_too_small_is_refused),
		cmocka_unit_test(each_wrong_algorithm_is_told_once),
		cmocka_unit_test(wrong_protocols_are_refused),
		cmocka_unit_test(clients_need_somebody_who_is_believed),
		cmocka_unit_test(words_and_durations_have_their_range),
		cmocka_unit_test(what_is_doubtful_is_a_warning),
		cmocka_unit_test(certificates_are_told_of),
		cmocka_unit_test(the_end_is_that_of_the_first_to_expire),
		cmocka_unit_test(a_fingerprint_is_of_contents),
		cmocka_unit_test(a_client_gets_the_certificate_that_it_names),
		cmocka_unit_test(
		    of_several_kinds_of_key_it_gets_what_it_can_use),
		cmocka_unit_test(a_second_of_the_same_kind_is_allowed),
		cmocka_unit_test(a_protocol_that_nobody_has_ends_the_handshake),
		cmocka_unit_test(the_least_version_counts),
		cmocka_unit_test(a_ticket_is_good_where_the_same_is_believed),
		cmocka_unit_test(without_tickets_there_are_none),
		cmocka_unit_test(what_no_client_needs_is_off),
		cmocka_unit_test(no_descriptor_is_left_open),
	};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
