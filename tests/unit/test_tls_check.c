/* SPDX-License-Identifier: ISC */
/* What is wrong, or doubtful, about certificates and keys that can be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pwd.h>

#include "common/tls_check.h"
#include "common/tls_server.h"
#include "tests/unit/certificates.h"
#include "tests/unit/folder.h"

#define NOW INT64_C(1800000000) /* 2027-01-15 */

static struct made root, middle, leaf, other;

static int
prepare(void **state)
{
	root = make_certificate(
	    (struct wish){ .subject = "root", .authority = true });
	middle = make_certificate((struct wish){
	    .subject = "middle", .authority = true, .issuer = &root });
	leaf = make_certificate(
	    (struct wish){ .subject = "leaf", .issuer = &middle });
	other = make_certificate(
	    (struct wish){ .subject = "other", .authority = true });
	return folder_make(state);
}

static int
clean_up(void **state)
{
	made_free(root);
	made_free(middle);
	made_free(leaf);
	made_free(other);
	return folder_remove(state);
}

/* "" when the chain is good. */
static const char *
chain_error(const struct made *first, const struct made *second,
    const struct made *third)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	static char why[512];

	sk_X509_push(chain, first->certificate);
	if (second != NULL)
		sk_X509_push(chain, second->certificate);
	if (third != NULL)
		sk_X509_push(chain, third->certificate);
	why[0] = '\0';
	ERR_clear_error();
	bool good = tls_check_chain(chain, why, sizeof(why));
	assert_int_equal(good, why[0] == '\0');
	error_queue_is_empty();
	sk_X509_free(chain);
	return why;
}

static void
each_certificate_is_followed_by_its_issuers(void **state)
{
	(void)state;
	assert_string_equal(chain_error(&leaf, NULL, NULL), "");
	assert_string_equal(chain_error(&leaf, &middle, NULL), "");
	assert_string_equal(chain_error(&leaf, &middle, &root), "");
	assert_string_equal(chain_error(&root, NULL, NULL), "");
	assert_string_equal(chain_error(&leaf, &root, &middle),
	    "has certificates in a wrong order: number 2 is not the issuer of "
	    "number 1; the server's own comes first, behind each the one of "
	    "its issuer");
	assert_non_null(
	    strstr(chain_error(&middle, &leaf, NULL), "number 2 is not"));
	assert_non_null(
	    strstr(chain_error(&leaf, &middle, &other), "number 3 is not"));
	assert_non_null(
	    strstr(chain_error(&leaf, &leaf, NULL), "number 2 is not"));
}

/* A name may be borrowed, what a key has signed not. */
static void
an_issuer_of_the_same_name_is_not_enough(void **state)
{
	struct made false_root = make_certificate((struct wish){
	    .subject = "root", .authority = true, .key = "P-384" });
	struct made no_authority =
	    make_certificate((struct wish){ .subject = "no authority" });
	struct made under_it = make_certificate(
	    (struct wish){ .subject = "x", .issuer = &no_authority });

	(void)state;
	add_extension(no_authority.certificate, &no_authority, NID_key_usage,
	    "digitalSignature");
	sign(&no_authority, &no_authority);
	assert_non_null(strstr(chain_error(&under_it, &no_authority, NULL),
	    "number 2 is not the issuer"));
	assert_non_null(strstr(chain_error(&middle, &false_root, NULL),
	    "number 2 is not the issuer"));
	made_free(false_root);
	made_free(no_authority);
	made_free(under_it);
}

static void
assert_dates(int64_t from, int64_t until, const char *expected)
{
	const struct config_place place = { "x.ini", 7 };
	struct errors warnings;

	errors_init(&warnings);
	assert_int_equal(tls_check_dates("a.pem", "a.test", NOW + from,
			     NOW + until, NOW, &place, &warnings),
	    *expected != '\0');
	assert_string_equal(error_text(&warnings), expected);
	errors_clear(&warnings);
}

static void
dates_are_warned_of_at_their_borders(void **state)
{
	static const char early[] =
	    "x.ini:7: \"a.pem\": the certificate of a.test is not valid before "
	    "2027-01-15T08:00:01.000Z\n";
	static const char late[] =
	    "x.ini:7: \"a.pem\": the certificate of a.test has expired, at "
	    "2027-01-15T08:00:00.000Z\n";
	static const char soon[] =
	    "x.ini:7: \"a.pem\": the certificate of a.test expires in 14 days, "
	    "at 2027-01-29T08:00:00.000Z\n";
	const int64_t weeks = TLS_WARN_DAYS * DAY_S;

	(void)state;
	assert_dates(0, weeks + 1, "");
	assert_dates(0, weeks, soon);
	assert_dates(1, 1000 * DAY_S, early);
	/* As OpenSSL's clients: in its last second it is no longer good. */
	assert_dates(-DAY_S, 0, late);
	assert_dates(-DAY_S, 1,
	    "x.ini:7: \"a.pem\": the certificate of a.test expires in 0 days, "
	    "at 2027-01-15T08:00:01.000Z\n");
	/* The end of time, as RFC 5280 writes "none". */
	assert_dates(-DAY_S, INT64_C(253402300799) - NOW, "");
	/* What cannot be read has always been over. */
	assert_dates(-NOW, -NOW,
	    "x.ini:7: \"a.pem\": the certificate of a.test has expired, at "
	    "1970-01-01T00:00:00.000Z\n");
}

static void
times_are_read(void **state)
{
	ASN1_TIME *when = ASN1_TIME_new();

	(void)state;
	assert_int_equal(ASN1_TIME_set_string_X509(when, "270115080000Z"), 1);
	assert_int_equal(tls_seconds(when), NOW);
	assert_int_equal(ASN1_TIME_set_string_X509(when, "500101000000Z"), 1);
	assert_true(tls_seconds(when) < 0); /* 1950 */
	assert_int_equal(ASN1_TIME_set_string(when, "99991231235959Z"), 1);
	assert_int_equal(tls_seconds(when), INT64_C(253402300799));
	assert_int_equal(ASN1_STRING_set(when, "nonsense", -1), 1);
	assert_int_equal(tls_seconds(when), 0);
	error_queue_is_empty();
	ASN1_TIME_free(when);
}

static void
assert_key_file(mode_t mode, const char *user, const char *expected)
{
	const struct config_place place = { "x.ini", 7 };
	struct errors warnings;
	const char *path = write_file("a.key", "");

	assert_int_equal(chmod(path, mode), 0);
	errors_init(&warnings);
	tls_check_key_file(path, user, &place, &warnings);
	assert_string_equal(error_text(&warnings), expected);
	errors_clear(&warnings);
}

static void
a_key_that_all_can_read_is_warned_of(void **state)
{
	static const char expected[] =
	    "x.ini:7: \"@/a.key\": everybody can read this key (mode 0644); "
	    "only root should be able to\n";

	(void)state;
	assert_key_file(0600, "", "");
	assert_key_file(0640, "", "");
	assert_key_file(0644, "", expected);
	assert_key_file(0644, "nobody", expected);
	assert_key_file(0600, "no such user", "");
}

static void
one_that_the_workers_user_can_read_too(void **state)
{
	static const char expected[] =
	    "x.ini:7: \"@/a.key\": user \"nobody\", as whom workers run, can "
	    "read this key; only root should be able to\n";
	const struct passwd *nobody = getpwnam("nobody");

	(void)state;
	if (geteuid() != 0 || nobody == NULL)
		return; /* nobody else owns a file then */
	uid_t uid = nobody->pw_uid;
	gid_t gid = nobody->pw_gid;
	const char *path = write_file("a.key", "");
	assert_int_equal(chown(path, 0, gid), 0);
	assert_key_file(0640, "nobody", expected);
	assert_key_file(0600, "nobody", "");
	assert_key_file(0640, "root", "");
	assert_int_equal(chown(path, uid, 0), 0);
	assert_key_file(0400, "nobody", expected);
	/* An owner can give himself what he has not. */
	assert_key_file(0000, "nobody", expected);
	assert_int_equal(chown(path, 0, 0), 0);
}

static void
a_key_file_that_is_gone_is_not_its_matter(void **state)
{
	const struct config_place place = { "x.ini", 7 };
	struct errors warnings;

	(void)state;
	errors_init(&warnings);
	tls_check_key_file(in_folder("missing"), "", &place, &warnings);
	assert_true(errors_none(&warnings));
	errors_clear(&warnings);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_certificate_is_followed_by_its_issuers),
		cmocka_unit_test(an_issuer_of_the_same_name_is_not_enough),
		cmocka_unit_test(dates_are_warned_of_at_their_borders),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(a_key_that_all_can_read_is_warned_of),
		cmocka_unit_test(one_that_the_workers_user_can_read_too),
		cmocka_unit_test(a_key_file_that_is_gone_is_not_its_matter),
	};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
