/* SPDX-License-Identifier: ISC */
/* Greetings: what is filled in, and what is refused. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/state.h"
#include "worker/template.h"

static char service_name[] = "greeter";
static struct service_config config = { .name = service_name };
static struct worker worker = { .name = "default/3" };
static struct pf_service service = { .worker = &worker, .config = &config };

static const char *
filled(const char *text, const struct sockaddr_storage *peer, socklen_t length)
{
	static char buf[TEMPLATE_MAX + 1];
	char why[128] = "";
	struct template *template =
	    template_new(text, &service, why, sizeof(why));

	if (template == NULL)
		fail_msg("%s: %s", text, why);
	buf[template_fill(template, peer, length, buf)] = '\0';
	template_free(template);
	return buf;
}

static struct sockaddr_storage
inet_peer(void)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(4711),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	memcpy(&storage, &in, sizeof(in));
	return storage;
}

static void
test_fills_in(void **state)
{
	struct sockaddr_storage peer = inet_peer();
	socklen_t length = sizeof(struct sockaddr_in);
	char host[256] = "";

	(void)state;
	gethostname(host, sizeof(host) - 1);
	assert_string_equal(
	    filled("Hello %a\\n", &peer, length), "Hello 127.0.0.1\n");
	assert_string_equal(filled("", &peer, length), "");
	assert_string_equal(
	    filled("%p%a%p", &peer, length), "4711127.0.0.14711");
	assert_string_equal(
	    filled("%s %w 100%%", &peer, length), "greeter default/3 100%");
	assert_string_equal(filled("%h", &peer, length), host);
	assert_string_equal(
	    filled("a\\tb\\r\\nc\\\\n", &peer, length), "a\tb\r\nc\\n");
}

static void
test_ipv6_and_unix(void **state)
{
	struct sockaddr_storage peer = { 0 };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(1),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };

	(void)state;
	memcpy(&peer, &in6, sizeof(in6));
	assert_string_equal(filled("%a %p", &peer, sizeof(in6)), "::1 1");
	memset(&peer, 0, sizeof(peer));
	peer.ss_family = AF_UNIX;
	assert_string_equal(
	    filled("%a %p", &peer, sizeof(sa_family_t)), "unnamed -");
}

static void
test_refuses(void **state)
{
	static const char *const bad[] = { "%x", "%", "50% off", "\\q", "\\",
		"%a\\" };
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_null(template_new(bad[i], &service, why, sizeof(why)));
		assert_non_null(strstr(why, "unknown \""));
	}
	assert_null(template_new(
	    "%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a", &service, why, sizeof(why)));
	char text[4000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_null(template_new(text, &service, why, sizeof(why)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fills_in),
		cmocka_unit_test(test_ipv6_and_unix),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
