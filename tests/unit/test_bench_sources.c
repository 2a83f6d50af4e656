/* SPDX-License-Identifier: ISC */
/* preforkbench: lists of source addresses, and results of several processes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/preforkbench_result.h"
#include "clients/preforkbench_sources.h"

/* The sources of TEXT, in turn, with blanks between them. */
static const char *
list(const char *text, size_t n)
{
	static char all[1024];
	char one[ADDRESS_TEXT_MAX];
	struct sources sources;
	const char *why;

	assert_true(sources_parse(&sources, text, &why));
	all[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		struct endpoint endpoint;
		sources_get(&sources, i, &endpoint);
		endpoint_format((const struct sockaddr *)&endpoint.storage,
		    endpoint.length, one, sizeof(one));
		strlcat(all, i == 0 ? "" : " ", sizeof(all));
		strlcat(all, one, sizeof(all));
	}
	return all;
}

static void
sources_take_turns(void **state)
{
	(void)state;
	assert_string_equal(list("127.0.0.2", 2), "127.0.0.2:0 127.0.0.2:0");
	assert_string_equal(list("127.0.0.2-127.0.0.4,10.0.0.1", 5),
	    "127.0.0.2:0 127.0.0.3:0 127.0.0.4:0 10.0.0.1:0 127.0.0.2:0");
	assert_string_equal(list("127.0.0.254-127.0.1.1", 4),
	    "127.0.0.254:0 127.0.0.255:0 127.0.1.0:0 127.0.1.1:0");
	assert_string_equal(
	    list("::1-::2,fe80::ffff", 3), "[::1]:0 [::2]:0 [fe80::ffff]:0");
}

static void
ranges_have_bounds(void **state)
{
	struct sources sources;
	const char *why;

	(void)state;
	assert_true(sources_parse(&sources, "10.0.0.0-10.0.255.255", &why));
	assert_int_equal(sources.n, 65536);
	assert_true(sources_parse(&sources,
	    "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
	    "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
	    "1.1.1.1,1.1.1.1",
	    &why));
	assert_int_equal(sources.n, 16);
}

static void
what_is_no_list_is_told(void **state)
{
	static const char *const wrong[] = { "", ",", "127.0.0.1,", "x",
		"127.0.0.1-", "-127.0.0.1", "127.0.0.1:80", "127.0.0.1/8",
		"127.0.0.2-127.0.0.1", "10.0.0.0-10.1.0.0", "127.0.0.1-::1",
		"127.0.0.1,::1", "::1-1::1", "::1-::2-::3",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222",
		"1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
		"1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
		"1.1.1.1,1.1.1.1,1.1.1.1" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct sources sources;
		const char *why = NULL;

		assert_false(sources_parse(&sources, wrong[i], &why));
		assert_non_null(why);
	}
}

static void
results_of_processes_become_one(void **state)
{
	struct result *results = calloc(3, sizeof(*results));

	(void)state;
	assert_non_null(results);
	for (int i = 1; i < 3; i++) {
		results[i].requests = 10;
		results[i].failed[FAILURE_LOST] = 2;
		results[i].failed[FAILURE_OTHER] = (uint64_t)i;
		results[i].errors[FAILURE_OTHER] = i == 1 ? EMFILE : ENOMEM;
		results[i].last_ns = 100 * i;
		histogram_add(&results[i].latency, i);
		result_merge(&results[0], &results[i]);
	}
	assert_int_equal(results[0].requests, 20);
	assert_int_equal(result_n_failed(&results[0]), 4 + 3);
	assert_int_equal(results[0].errors[FAILURE_OTHER], EMFILE);
	assert_int_equal(results[0].last_ns, 200);
	assert_int_equal(results[0].latency.n, 2);
	free(results);
}

static void
every_failure_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < N_FAILURES; i++) {
		assert_non_null(result_name((enum failure)i));
		assert_non_null(result_text((enum failure)i));
	}
	assert_int_equal(result_failure(ECONNREFUSED), FAILURE_REFUSED);
	assert_int_equal(result_failure(EPIPE), FAILURE_RESET);
	assert_int_equal(result_failure(EADDRNOTAVAIL), FAILURE_NO_PORT);
	assert_int_equal(result_failure(ENOMEM), FAILURE_OTHER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_take_turns),
		cmocka_unit_test(ranges_have_bounds),
		cmocka_unit_test(what_is_no_list_is_told),
		cmocka_unit_test(results_of_processes_become_one),
		cmocka_unit_test(every_failure_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
