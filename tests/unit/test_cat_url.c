/* SPDX-License-Identifier: ISC */
/* URLs of http: whom they name, and what is sent for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/preforkcat_url.h"

static void
assert_url(
    const char *text, const char *server, const char *host, const char *target)
{
	char address[ADDRESS_TEXT_MAX], why[256] = "";
	struct url url;

	assert_true(url_is(text));
	if (!url_parse(&url, text, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	assert_string_equal(
	    address_format(&url.address, address, sizeof(address)), server);
	assert_string_equal(url.host, host);
	assert_string_equal(url.target, target);
}

static void
takes_urls(void **state)
{
	(void)state;
	assert_url("http://a", "tcp://a:80", "a", "/");
	assert_url("HTTP://a/", "tcp://a:80", "a", "/");
	assert_url("http://a:80/x", "tcp://a:80", "a", "/x");
	assert_url("http://a:8080/x/y", "tcp://a:8080", "a:8080", "/x/y");
	assert_url(
	    "http://127.0.0.1:1/", "tcp://127.0.0.1:1", "127.0.0.1:1", "/");
	assert_url("http://[::1]/", "tcp://[::1]:80", "[::1]", "/");
	assert_url("http://[::1]:81/", "tcp://[::1]:81", "[::1]:81", "/");
	/* A zone is ours alone. */
	assert_url("http://[fe80::1%lo]:81/", "tcp://[fe80::1%lo]:81",
	    "[fe80::1]:81", "/");
	assert_url("http://a?b=c", "tcp://a:80", "a", "/?b=c");
	assert_url("http://a/x?b=c&d=/?", "tcp://a:80", "a", "/x?b=c&d=/?");
	assert_url("http://a#b", "tcp://a:80", "a", "/");
	assert_url("http://a/x#b?c", "tcp://a:80", "a", "/x");
	assert_url("http://a//x", "tcp://a:80", "a", "//x");
	assert_url("https://a", "tls://a:443", "a", "/");
	assert_url("HTTPS://a:443/x", "tls://a:443", "a", "/x");
	assert_url("https://a:80/", "tls://a:80", "a:80", "/");
	assert_url("http://a:443/", "tcp://a:443", "a:443", "/");
	assert_url(
	    "https://[::1]:8443/", "tls://[::1]:8443", "[::1]:8443", "/");
}

static void
encodes_what_a_request_cannot_hold(void **state)
{
	(void)state;
	assert_url("http://a/x y", "tcp://a:80", "a", "/x%20y");
	assert_url(
	    "http://a/\r\nHost: b", "tcp://a:80", "a", "/%0D%0AHost:%20b");
	assert_url("http://a/\xc3\xa4\x7f\"<>", "tcp://a:80", "a",
	    "/%C3%A4%7F%22%3C%3E");
	/* What is encoded stays as it is. */
	assert_url("http://a/%20%zz", "tcp://a:80", "a", "/%20%zz");
}

static void
refuses(void **state)
{
	static const char *const wrong[] = { "http://", "http:///x",
		"http://:80/", "http://a:/", "http://a:x/", "http://a:70000/",
		"http://a b/", "http://user@a/", "http://[::1/", "http://[a]/",
		"http://1.2.3/", "http://a:80:80/", "http://a\r\n/" };
	static char longest[URL_TARGET_MAX + 32];
	static struct url url;
	char why[256];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		why[0] = '\0';
		if (url_parse(&url, wrong[i], why, sizeof(why)))
			fail_msg("%s is taken", wrong[i]);
		assert_string_not_equal(why, "");
	}
	memset(longest, 'x', sizeof(longest) - 1);
	memcpy(longest, "http://a/", 9);
	assert_false(url_parse(&url, longest, why, sizeof(why)));
	memset(longest, 'x', sizeof(longest) - 1);
	memcpy(longest, "http://", 7);
	assert_false(url_parse(&url, longest, why, sizeof(why)));
	assert_false(url_is("httpss://a/"));
	assert_false(url_is("tcp://a:1"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_urls),
		cmocka_unit_test(encodes_what_a_request_cannot_hold),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
