/* SPDX-License-Identifier: ISC */
/* Counters: adding, buckets, and the size of a slot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/counters.h"

static void
adding_adds_every_word(void **state)
{
	struct service_counters from, into;
	uint64_t *word = (uint64_t *)&from;
	const uint64_t *sum = (const uint64_t *)&into;
	size_t n = sizeof(from) / sizeof(*word);

	(void)state;
	memset(&into, 0, sizeof(into));
	for (size_t i = 0; i < n; i++)
		word[i] = i + 1;
	service_counters_add(&into, &from);
	service_counters_add(&into, &from);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sum[i], 2 * (i + 1));
}

static void
a_session_counts_in_the_first_bucket_that_holds_it(void **state)
{
	struct service_counters counters = { 0 };

	(void)state;
	service_counters_session(&counters, 0);
	service_counters_session(&counters, session_bounds_ms[0]);
	service_counters_session(&counters, session_bounds_ms[0] + 1);
	service_counters_session(&counters, INT32_MAX);
	assert_int_equal(counters.session[0], 2);
	assert_int_equal(counters.session[1], 1);
	assert_int_equal(counters.session[SESSION_BUCKETS], 1);
	assert_int_equal(
	    counters.session_ms, 2 * session_bounds_ms[0] + 1 + INT32_MAX);
}

static void
bounds_ascend(void **state)
{
	(void)state;
	for (size_t i = 1; i < SESSION_BUCKETS; i++)
		assert_true(session_bounds_ms[i] > session_bounds_ms[i - 1]);
}

static void
slots_are_whole_pages_that_do_not_overlap(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *region = (char *)(uintptr_t)(16 * page);

	(void)state;
	for (size_t n = 0; n < 100; n++) {
		size_t size = slot_size(n);
		assert_int_equal(size % page, 0);
		assert_true(size >=
		    sizeof(struct slot) + n * sizeof(struct slot_service));
		assert_ptr_equal(slot_at(region, size, 3), region + 3 * size);
	}
}

/* Two slots of one service, in memory of their own. */
static struct slot *
new_slot(void)
{
	static union {
		struct slot slot; /* for its alignment */
		char bytes[sizeof(struct slot) + sizeof(struct slot_service)];
	} memory[2];
	static int next;
	struct slot *slot = &memory[next++ % 2].slot;

	memset(slot, 0, sizeof(memory[0]));
	return slot;
}

static void
a_look_takes_what_has_grown(void **state)
{
	struct slot *slot = new_slot(), *seen = new_slot();

	(void)state;
	slot->active = 3;
	slot->turns = 17;
	slot->turn_since_ms = 170;
	slot->worker.stand_backs = 4;
	slot->services[0].active = 2;
	slot->services[0].counters.accepted = 5;
	slot->services[0].counters.session_ms = COUNTER_MAX;
	slot_look(seen, slot, 1);
	assert_memory_equal(seen, slot, sizeof(*slot));
	assert_memory_equal(&seen->services[0], &slot->services[0],
	    sizeof(struct slot_service));
	slot->active = 1; /* a gauge may fall */
	slot_look(seen, slot, 1);
	assert_int_equal(seen->active, 1);
}

static void
a_look_leaves_what_cannot_be(void **state)
{
	struct slot *slot = new_slot(), *seen = new_slot();
	static const uint64_t wrong[] = { 0, 4, COUNTER_MAX + 1, INT64_MAX,
		UINT64_MAX };

	(void)state;
	slot->active = 3;
	slot->worker.stand_backs = 5;
	slot->services[0].active = 2;
	slot->services[0].counters.accepted = 5;
	slot_look(seen, slot, 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		slot->worker.stand_backs = wrong[i];
		slot->services[0].counters.accepted = wrong[i];
		slot_look(seen, slot, 1);
		assert_int_equal(seen->worker.stand_backs, 5);
		assert_int_equal(seen->services[0].counters.accepted, 5);
	}
	slot->active = slot->services[0].active = GAUGE_MAX + 1;
	slot_look(seen, slot, 1);
	assert_int_equal(seen->active, 3);
	assert_int_equal(seen->services[0].active, 2);
}

static void
a_look_stays_within_the_services(void **state)
{
	struct slot *slot = new_slot(), *seen = new_slot();

	(void)state;
	slot->services[0].active = 2;
	slot_look(seen, slot, 0);
	assert_int_equal(seen->services[0].active, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adding_adds_every_word),
		cmocka_unit_test(
		    a_session_counts_in_the_first_bucket_that_holds_it),
		cmocka_unit_test(bounds_ascend),
		cmocka_unit_test(a_look_takes_what_has_grown),
		cmocka_unit_test(a_look_leaves_what_cannot_be),
		cmocka_unit_test(a_look_stays_within_the_services),
		cmocka_unit_test(slots_are_whole_pages_that_do_not_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
