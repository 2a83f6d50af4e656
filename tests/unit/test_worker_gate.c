/* SPDX-License-Identifier: ISC */
/* Who stands back: the arithmetic, and siblings that lie or stand still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/gate.h"

#define SLOT 4096

static struct gate gate;
static char *region;

static struct slot *
slot(size_t i)
{
	return slot_at(region, SLOT, i);
}

static int
setup(void **state)
{
	(void)state;
	region = aligned_alloc(64, 4 * SLOT);
	assert_non_null(region);
	memset(region, 0, 4 * SLOT);
	for (size_t i = 0; i < 4; i++)
		slot(i)->accepting = 1;
	gate_init(&gate, region, SLOT, 1, 4);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(region);
	return 0;
}

static void
set_active(uint64_t a, uint64_t c, uint64_t d)
{
	slot(0)->active = a;
	slot(2)->active = c;
	slot(3)->active = d;
}

static void
test_small_numbers(void **state)
{
	(void)state;
	set_active(0, 0, 0);
	assert_false(gate_over(&gate, 0));
	assert_false(gate_over(&gate, 1));
	assert_true(gate_over(&gate, 2));
	set_active(1, 1, 1);
	assert_false(gate_over(&gate, 2));
	assert_true(gate_over(&gate, 3));
}

static void
test_slack_grows_with_the_mean(void **state)
{
	(void)state;
	set_active(640, 640, 640);
	assert_false(gate_over(&gate, 650));
	assert_true(gate_over(&gate, 660));
}

static void
test_only_those_that_compete(void **state)
{
	(void)state;
	set_active(0, 0, 10);
	slot(0)->accepting = slot(2)->accepting = 0;
	assert_false(gate_over(&gate, 10));
	slot(3)->accepting = 0;
	assert_false(gate_over(&gate, 1000));
}

static void
test_alone(void **state)
{
	(void)state;
	gate_init(&gate, region, SLOT, 0, 1);
	assert_false(gate_over(&gate, 1000));
	gate_set_slots(&gate, 0);
	assert_false(gate_over(&gate, 1000));
}

static void
test_hostile_numbers(void **state)
{
	(void)state;
	memset(slot(0), 0xff, SLOT);
	set_active(UINT64_MAX, 1, 1);
	assert_true(gate_over(&gate, 10)); /* slot 0 does not say it accepts */
	slot(0)->accepting = 1;
	assert_false(gate_over(&gate, 10));
	/* However much it says that it has, the others are not forgotten. */
	assert_true(gate_over(&gate, 30));
	slot(2)->accepting = 0;
	assert_true(gate_over(&gate, 60));
	gate_set_slots(&gate, UINT64_MAX);
	assert_int_equal(gate.n, WORKERS_MAX);
}

static void
test_stalled_sibling(void **state)
{
	(void)state;
	set_active(0, 100, 100);
	assert_true(gate_over(&gate, 101));
	/* A processor may be late to give it a turn, but not for ever. */
	int n = 0;
	while (gate_over(&gate, 101) && n < 100) {
		gate_stand_back(&gate);
		slot(2)->turns++;
		slot(3)->turns++;
		gate_nobody_took(&gate);
		n++;
	}
	assert_in_range(n, 2, 20);
	assert_int_equal(gate.missed[2], 0);
	slot(0)->turns++; /* it lives */
	assert_true(gate_over(&gate, 101));
	assert_int_equal(gate.missed[0], 0);
}

static void
test_rotation(void **state)
{
	int n = 0;

	(void)state;
	for (int i = 0; i < 160; i++)
		n += gate_rotate(&gate);
	assert_int_equal(n, 10);
	gate_set_slots(&gate, 1);
	for (int i = 0; i < 160; i++)
		assert_false(gate_rotate(&gate));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_small_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_slack_grows_with_the_mean, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_only_those_that_compete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_hostile_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_stalled_sibling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
