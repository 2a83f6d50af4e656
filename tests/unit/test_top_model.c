/* SPDX-License-Identifier: ISC */
/* preforkctl top: rates between two answers of the daemon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clients/preforkctl_top_model.h"

#define SECOND_US 1000000

static bool
take(struct top_model *model, const char *json, int64_t now_us)
{
	json_t *stats = json_loads(json, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(stats);
	bool taken = top_model_take(model, stats, now_us);
	json_decref(stats);
	return taken;
}

static const char first[] =
    "{\"daemon\": {\"version\": \"1.2\", \"pid\": 7, \"ready\": true},"
    " \"pools\": [{\"pool\": \"default\", \"state\": \"ready\","
    "   \"workers\": 2, \"killed\": 1, \"spread\": 1.5}],"
    " \"workers\": ["
    "   {\"worker\": \"default/2\", \"pid\": 12, \"requests\": 50,"
    "    \"cpu_ms\": 100, \"connections\": 3, \"last_exit\": \"KILL\"},"
    "   {\"worker\": \"default/10\", \"pid\": 20, \"requests\": 5,"
    "    \"cpu_ms\": 0, \"connections\": 9}],"
    " \"services\": [{\"service\": \"a\", \"active\": 4, \"accepted\": 10,"
    "   \"messages\": 20, \"datagrams_in\": 30, \"bytes_in\": 1000,"
    "   \"refused_acl\": 1, \"dropped_send\": 1}],"
    " \"listeners\": ["
    "   {\"service\": \"a\", \"queue\": 1, \"limit\": 10,"
    "    \"unit\": \"connections\"},"
    "   {\"service\": \"a\", \"queue\": 2, \"limit\": 20,"
    "    \"unit\": \"connections\"},"
    "   {\"service\": \"a\", \"queue\": 99, \"limit\": 99,"
    "    \"unit\": \"bytes\"}]}";

static const char second[] =
    "{\"daemon\": {\"version\": \"1.2\", \"pid\": 7, \"ready\": false,"
    "   \"reason\": \"draining\"},"
    " \"workers\": ["
    "   {\"worker\": \"default/2\", \"pid\": 13, \"requests\": 9,"
    "    \"cpu_ms\": 100},"
    "   {\"worker\": \"default/10\", \"pid\": 20, \"requests\": 25,"
    "    \"cpu_ms\": 500}],"
    " \"services\": [{\"service\": \"a\", \"accepted\": 20,"
    "   \"messages\": 20, \"datagrams_in\": 40, \"bytes_in\": 3000,"
    "   \"refused_acl\": 5, \"dropped_send\": 3}]}";

static void
the_first_answer_has_no_rates(void **state)
{
	struct top_model model = { 0 };

	(void)state;
	assert_true(take(&model, first, 5 * SECOND_US));
	assert_string_equal(model.version, "1.2");
	assert_true(model.ready);
	assert_int_equal(model.n_pools, 1);
	assert_int_equal(model.pools[0].killed, 1);
	assert_int_equal(model.n_workers, 2);
	assert_string_equal(model.workers[0].last_exit, "KILL");
	assert_true(model.workers[0].requests_rate == 0);
	assert_true(model.services[0].requests_rate == 0);
	assert_int_equal(model.history.n, 0);
	top_model_clear(&model);
}

static void
queues_of_a_service_are_added_up(void **state)
{
	struct top_model model = { 0 };

	(void)state;
	assert_true(take(&model, first, SECOND_US));
	assert_int_equal(model.services[0].queue, 3);
	assert_int_equal(model.services[0].queue_limit, 30);
	top_model_clear(&model);
}

static void
rates_are_differences_over_time(void **state)
{
	struct top_model model = { 0 };

	(void)state;
	assert_true(take(&model, first, SECOND_US));
	assert_true(take(&model, second, 3 * SECOND_US));
	assert_false(model.ready);
	assert_string_equal(model.reason, "draining");
	assert_true(model.services[0].requests_rate == 10);
	assert_true(model.services[0].in_rate == 1000);
	assert_true(model.services[0].refused_rate == 3);
	assert_int_equal(model.services[0].history.n, 1);
	assert_int_equal(model.history.n, 1);
	assert_true(model.history.values[0] == 10);
	/* The same place in the pool, but another process. */
	assert_true(model.workers[0].requests_rate == 0);
	assert_true(model.workers[1].requests_rate == 10);
	assert_true(model.workers[1].cpu == 0.25);
	top_model_clear(&model);
}

/* A daemon that was started anew counts from zero. */
static void
a_counter_that_went_back_is_no_rate(void **state)
{
	struct top_model model = { 0 };

	(void)state;
	assert_true(take(&model, second, SECOND_US));
	assert_true(take(&model, first, 2 * SECOND_US));
	assert_true(model.services[0].requests_rate == 0);
	assert_true(model.services[0].in_rate == 0);
	top_model_clear(&model);
}

static void
history_forgets_the_oldest(void **state)
{
	struct top_model model = { 0 };

	(void)state;
	for (int64_t i = 1; i < TOP_HISTORY * 2; i++)
		assert_true(take(&model, first, i * SECOND_US));
	assert_int_equal(model.history.n, TOP_HISTORY);
	assert_true(take(&model, second, TOP_HISTORY * 2 * SECOND_US));
	assert_int_equal(model.history.n, TOP_HISTORY);
	assert_true(model.history.values[TOP_HISTORY - 1] == 20);
	assert_true(model.history.values[TOP_HISTORY - 2] == 0);
	top_model_clear(&model);
}

static void
what_is_no_answer_changes_nothing(void **state)
{
	struct top_model model = { 0 };
	static const char *const wrong[] = { "[]", "{}", "{\"daemon\": 1}" };

	(void)state;
	assert_true(take(&model, first, SECOND_US));
	for (size_t i = 0; i < 3; i++)
		assert_false(take(&model, wrong[i], 2 * SECOND_US));
	assert_int_equal(model.n_workers, 2);
	/* Values of the wrong kind count as none. */
	assert_true(take(&model,
	    "{\"daemon\": {}, \"workers\": [3, {\"pid\": \"x\"}],"
	    " \"services\": {}}",
	    3 * SECOND_US));
	assert_int_equal(model.n_workers, 2);
	assert_int_equal(model.n_services, 0);
	top_model_clear(&model);
}

static void
orders_put_the_most_first(void **state)
{
	struct top_model model = { 0 };

	(void)state;
	assert_true(take(&model, first, SECOND_US));
	top_model_sort(&model, TOP_BY_CONNECTIONS);
	assert_string_equal(model.workers[0].name, "default/10");
	top_model_sort(&model, TOP_BY_NAME);
	assert_string_equal(model.workers[0].name, "default/2");
	assert_true(take(&model, second, 2 * SECOND_US));
	for (enum top_order order = TOP_BY_REQUESTS; order <= TOP_BY_CPU;
	     order++) {
		top_model_sort(&model, TOP_BY_NAME);
		top_model_sort(&model, order);
		assert_string_equal(model.workers[0].name, "default/10");
	}
	top_model_clear(&model);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_answer_has_no_rates),
		cmocka_unit_test(queues_of_a_service_are_added_up),
		cmocka_unit_test(rates_are_differences_over_time),
		cmocka_unit_test(a_counter_that_went_back_is_no_rate),
		cmocka_unit_test(history_forgets_the_oldest),
		cmocka_unit_test(what_is_no_answer_changes_nothing),
		cmocka_unit_test(orders_put_the_most_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
