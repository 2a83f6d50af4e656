/* SPDX-License-Identifier: ISC */
/* Shares of a service's max_connections, handlers that refuse to start, and the
 * catalogue of handlers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/handlers.h"
#include "worker/service.h"
#include "worker/worker.h"

static void
test_shares_add_up(void **state)
{
	(void)state;
	for (uint64_t max = 1; max < 40; max++) {
		for (uint64_t n = 1; n < 12; n++) {
			uint64_t sum = 0;
			for (uint64_t slot = 1; slot <= n; slot++)
				sum += service_share(max, slot, n);
			assert_int_equal(sum, max);
		}
	}
	assert_true(service_share(0, 1, 4) == UINT64_MAX);
	assert_int_equal(service_share(5, 1, 0), 5);
}

static int start_errno, n_started;

static int
start(struct pf_service *service)
{
	(void)service;
	n_started++;
	if (start_errno != -1)
		errno = start_errno;
	return n_started == 2 ? -1 : 0;
}

static void
stop(struct pf_service *service)
{
	(void)service;
	n_started--;
}

/* Whether a pool is given up depends on it. */
static void
test_refusal_tells_errno(void **state)
{
	static const struct pf_handler handler = { .start = start,
		.stop = stop };
	static char first[] = "first", second[] = "second", third[] = "third";
	struct service_config configs[] = { { .name = first },
		{ .name = second }, { .name = third } };
	struct pf_service services[3];
	struct worker worker = { .services = services, .n_services = 3 };
	const char *name = NULL;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		services[i] = (struct pf_service){ .handler = &handler,
			.config = &configs[i] };
	start_errno = ENOMEM;
	assert_false(service_start_all(&worker, &name));
	assert_int_equal(errno, ENOMEM);
	assert_string_equal(name, "second");
	/* Only those that have started are stopped. */
	n_started = 1;
	service_stop_all(&worker);
	assert_int_equal(n_started, 0);
	/* What others have left is no reason. */
	start_errno = -1;
	errno = ENOMEM;
	assert_false(service_start_all(&worker, &name));
	assert_int_equal(errno, 0);
}

static void
test_catalogue_is_the_handlers(void **state)
{
	const struct handler_catalog *catalog = worker_handlers();

	(void)state;
	assert_ptr_equal(catalog, worker_handlers());
	assert_int_equal(catalog->n, 7);
	for (size_t i = 0; i < catalog->n; i++) {
		const struct handler_info *info = &catalog->handlers[i];
		const struct pf_handler *handler = handlers_find(info->name);
		assert_non_null(handler);
		assert_int_equal(handler->abi, PF_ABI);
		assert_true(info->help != NULL && *info->help != '\0');
		assert_true(info->stream);
		assert_int_equal(info->datagram, handler->datagram != NULL);
		assert_int_equal(info->n_settings, handler->n_settings);
		for (size_t j = 0; j < info->n_settings; j++)
			assert_string_equal(
			    info->settings[j].name, handler->settings[j].name);
	}
	assert_null(handlers_find("nosuch"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares_add_up),
		cmocka_unit_test(test_refusal_tells_errno),
		cmocka_unit_test(test_catalogue_is_the_handlers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
