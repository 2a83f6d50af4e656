/* SPDX-License-Identifier: ISC */
/* Names in certificates, and which of them a client means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "common/tls_names.h"
#include "tests/unit/certificates.h"

static struct tls_names
names_of(struct wish wish)
{
	struct made made = make_certificate(wish);
	struct tls_names names;

	ERR_clear_error();
	assert_true(tls_names_read(&names, made.certificate));
	error_queue_is_empty();
	made_free(made);
	return names;
}

static void
assert_names(struct wish wish, const char *expected)
{
	struct tls_names names = names_of(wish);
	char text[512] = "";

	for (size_t i = 0; i < names.n; i++) {
		strcat(text, i == 0 ? "" : " ");
		strcat(text, names.items[i]);
	}
	assert_string_equal(text, expected);
	tls_names_clear(&names);
	assert_int_equal(names.n, 0);
}

static void
assert_title(struct wish wish, const char *expected)
{
	struct made made = make_certificate(wish);
	char *title;

	ERR_clear_error();
	title = tls_names_title(made.certificate);
	assert_string_equal(title, expected);
	error_queue_is_empty();
	free(title);
	made_free(made);
}

static void
dns_names_are_read_in_lower_case_and_once(void **state)
{
	(void)state;
	assert_names(
	    (struct wish){ .names = "DNS:One.Test,DNS:two.test,"
				    "DNS:ONE.test,IP:127.0.0.1,"
				    "email:a@b.test,DNS:*.Three.test" },
	    "one.test two.test *.three.test");
}

static void
the_common_name_counts_where_there_is_no_other(void **state)
{
	(void)state;
	assert_names((struct wish){ .subject = "Common.Test" }, "common.test");
	assert_names((struct wish){ .subject = "common.test",
			 .names = "DNS:other.test" },
	    "other.test");
	assert_names(
	    (struct wish){ .subject = "common.test", .names = "IP:127.0.0.1" },
	    "");
	assert_names((struct wish){ 0 }, "");
}

static void
a_name_with_a_nul_is_left_out(void **state)
{
	static const char name[] = "good.test\0.evil.test";

	(void)state;
	assert_names((struct wish){ .names = "DNS:a.test",
			 .raw = name,
			 .raw_len = sizeof(name) - 1 },
	    "a.test");
	assert_names(
	    (struct wish){ .subject = name, .subject_len = sizeof(name) - 1 },
	    "");
	/* Not even the common name stands in for it. */
	assert_names((struct wish){ .subject = "common.test",
			 .raw = name,
			 .raw_len = sizeof(name) - 1 },
	    "");
}

static void
a_name_has_1_to_255_bytes(void **state)
{
	char longest[256];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	struct tls_names names =
	    names_of((struct wish){ .raw = longest, .raw_len = 255 });
	assert_int_equal(names.n, 1);
	assert_int_equal(strlen(names.items[0]), 255);
	tls_names_clear(&names);
	assert_names((struct wish){ .raw = longest, .raw_len = 256 }, "");
	assert_names((struct wish){ .raw = "", .raw_len = 0 }, "");
}

/* Nor does the common name stand in for them. */
static void
names_that_cannot_be_read_leave_no_error_behind(void **state)
{
	struct made made = make_certificate(
	    (struct wish){ .subject = "x.test", .names = "DNS:a.test" });
	ASN1_OCTET_STRING *garbage = ASN1_OCTET_STRING_new();
	struct tls_names names;

	(void)state;
	ASN1_OCTET_STRING_set(garbage, (const unsigned char *)"\x30\x7f!", 3);
	X509_EXTENSION *spoiled = X509_get_ext(made.certificate,
	    X509_get_ext_by_NID(made.certificate, NID_subject_alt_name, -1));
	X509_EXTENSION_set_data(spoiled, garbage);
	ASN1_OCTET_STRING_free(garbage);
	ERR_clear_error();
	assert_true(tls_names_read(&names, made.certificate));
	error_queue_is_empty();
	assert_int_equal(names.n, 0);
	tls_names_clear(&names);
	char *title = tls_names_title(made.certificate);
	assert_string_equal(title, "/CN=x.test");
	error_queue_is_empty();
	free(title);
	made_free(made);
}

static void
a_client_writes_them_in_any_case_and_with_a_dot(void **state)
{
	struct tls_names names =
	    names_of((struct wish){ .names = "DNS:one.test,DNS:*.wild.test" });

	(void)state;
	assert_true(tls_names_have(&names, "one.test"));
	assert_true(tls_names_have(&names, "ONE.Test"));
	assert_true(tls_names_have(&names, "one.test."));
	assert_false(tls_names_have(&names, "one.test.."));
	assert_false(tls_names_have(&names, "one"));
	assert_false(tls_names_have(&names, "a.one.test"));
	assert_false(tls_names_have(&names, ""));
	assert_false(tls_names_have(&names, "."));
	/* What is no name is none, though it stands there. */
	assert_false(tls_names_have(&names, "*.wild.test"));
	tls_names_clear(&names);
}

static void
a_wildcard_stands_for_one_label(void **state)
{
	struct tls_names names = names_of((struct wish){
	    .names = "DNS:*.wild.test,DNS:f*.part.test,DNS:one.test" });

	(void)state;
	assert_true(tls_names_match_wildcard(&names, "a.wild.test"));
	assert_true(tls_names_match_wildcard(&names, "A.Wild.Test."));
	assert_false(tls_names_match_wildcard(&names, "a.b.wild.test"));
	assert_false(tls_names_match_wildcard(&names, "wild.test"));
	assert_false(tls_names_match_wildcard(&names, ".wild.test"));
	assert_false(tls_names_match_wildcard(&names, "foo.part.test"));
	assert_false(tls_names_match_wildcard(&names, "one.test"));
	assert_false(tls_names_match_wildcard(&names, "test"));
	assert_false(tls_names_match_wildcard(&names, ""));
	tls_names_clear(&names);
}

static void
a_name_of_any_length_is_compared(void **state)
{
	char wildcard[256] = "*.", name[600];
	struct tls_names names;

	(void)state;
	memset(wildcard + 2, 'b', 253);
	names = names_of((struct wish){ .raw = wildcard, .raw_len = 255 });
	for (size_t len = 250; len < sizeof(name) - 1; len++) {
		memset(name, 'b', len);
		name[len] = '\0';
		name[1] = '.';
		assert_false(tls_names_have(&names, name));
		assert_int_equal(
		    tls_names_match_wildcard(&names, name), len == 255);
		name[len - 1] = '.';
		assert_int_equal(
		    tls_names_match_wildcard(&names, name), len == 256);
	}
	tls_names_clear(&names);
}

static void
the_order_of_names_does_not_matter(void **state)
{
	struct tls_names a =
	    names_of((struct wish){ .names = "DNS:a.test,DNS:b.test" });
	struct tls_names b =
	    names_of((struct wish){ .names = "DNS:B.test,DNS:a.test" });
	struct tls_names c =
	    names_of((struct wish){ .names = "DNS:a.test,DNS:c.test" });
	struct tls_names none = names_of((struct wish){ 0 });

	(void)state;
	assert_true(tls_names_equal(&a, &b));
	assert_false(tls_names_equal(&a, &c));
	assert_false(tls_names_equal(&a, &none));
	assert_true(tls_names_equal(&none, &none));
	tls_names_clear(&a);
	tls_names_clear(&b);
	tls_names_clear(&c);
	tls_names_clear(&none);
}

static void
a_title_is_a_name_an_address_or_the_subject(void **state)
{
	(void)state;
	assert_title(
	    (struct wish){ .subject = "s", .names = "IP:127.0.0.1,DNS:a.test" },
	    "a.test");
	assert_title(
	    (struct wish){ .subject = "s", .names = "IP:::1,IP:127.0.0.1" },
	    "::1");
	assert_title((struct wish){ .subject = "s", .names = "email:a@b.test" },
	    "/CN=s");
	assert_title(
	    (struct wish){ .raw = "a\n\x1b[b", .raw_len = 5 }, "a\\n\\033[b");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dns_names_are_read_in_lower_case_and_once),
		cmocka_unit_test(
		    the_common_name_counts_where_there_is_no_other),
		cmocka_unit_test(a_name_with_a_nul_is_left_out),
		cmocka_unit_test(a_name_has_1_to_255_bytes),
		cmocka_unit_test(
		    names_that_cannot_be_read_leave_no_error_behind),
		cmocka_unit_test(
		    a_client_writes_them_in_any_case_and_with_a_dot),
		cmocka_unit_test(a_wildcard_stands_for_one_label),
		cmocka_unit_test(a_name_of_any_length_is_compared),
		cmocka_unit_test(the_order_of_names_does_not_matter),
		cmocka_unit_test(a_title_is_a_name_an_address_or_the_subject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
