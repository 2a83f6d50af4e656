/* SPDX-License-Identifier: ISC */
/* Shared counters: what is seen of them, when, and who has them. */
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/region.h"
#include "worker/worker.h"

/* As its worker writes it. */
static struct slot *
shared_slot(const struct region *region, size_t slot)
{
	return slot_at(region->shared, region->slot_size, slot - 1);
}

static uint64_t
turns(const struct region *region, uint64_t when)
{
	return region_look(region, WORKERS_MAX, when)->turns;
}

static void
a_slot_is_looked_at_once_at_a_time(void **state)
{
	struct region region;

	(void)state;
	assert_true(region_map(&region, 3));
	assert_int_equal(turns(&region, 1), 0);
	shared_slot(&region, WORKERS_MAX)->turns = 7;
	assert_int_equal(turns(&region, 1), 0);
	assert_int_equal(turns(&region, 2), 7);
	shared_slot(&region, WORKERS_MAX)->turns = 8;
	assert_int_equal(turns(&region, 0), 8);
	shared_slot(&region, WORKERS_MAX)->turns = 9;
	assert_int_equal(turns(&region, 2), 9);
	region_clear(&region, WORKERS_MAX);
	assert_int_equal(turns(&region, 2), 0);
	assert_int_equal(turns(&region, 3), 0);
	region_unmap(&region);
}

/* Adds one to the turns of a slot of OWN, and dies of looking at OTHER. */
static int
child_of(struct region *own, const struct region *other)
{
	int status;
	pid_t pid = region_fork(own);

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL); /* cmocka has a handler */
		shared_slot(own, 1)->turns++;
		_exit((int)shared_slot(other, 1)->turns);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
a_child_has_its_own_region_and_no_other(void **state)
{
	struct region one, other;

	(void)state;
	assert_true(region_map(&one, 1));
	assert_true(region_map(&other, 1));
	/* A sanitizer makes an exit of the signal. */
	assert_int_not_equal(child_of(&one, &other), 0);
	assert_int_not_equal(child_of(&other, &one), 0);
	assert_int_equal(shared_slot(&one, 1)->turns, 1);
	assert_int_equal(shared_slot(&other, 1)->turns, 1);
	region_unmap(&other);
	region_unmap(&one);
	region_unmap(&one);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot_is_looked_at_once_at_a_time),
		cmocka_unit_test(a_child_has_its_own_region_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
