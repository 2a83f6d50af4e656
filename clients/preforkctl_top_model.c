/* SPDX-License-Identifier: ISC */
/*
 * preforkctl top: from two answers of the daemon to rates. Works on numbers of
 * an answer only, so that a test can tell it any.
 */
#include <stdlib.h>
#include <string.h>

#include "clients/preforkctl_top_model.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const char *const refusals[] = { "refused_acl", "refused_memory",
	"dropped_acl", "dropped_source", "dropped_broadcast", "dropped_loop",
	"dropped_larger", "dropped_truncated", "dropped_send" };

static int64_t
number(const json_t *row, const char *key)
{
	const json_t *value = json_object_get(row, key);

	return json_is_integer(value) ? json_integer_value(value) : 0;
}

static void
text(const json_t *row, const char *key, char *buf, size_t size)
{
	const char *value = json_string_value(json_object_get(row, key));

	strlcpy(buf, value == NULL ? "" : value, size);
}

/* A daemon that was started anew counts from zero. */
static double
rate(int64_t now, int64_t before, int64_t elapsed_us)
{
	if (elapsed_us <= 0 || now < before)
		return 0;
	return (double)(now - before) * 1e6 / (double)elapsed_us;
}

static void
remember(struct top_history *history, double value)
{
	if (history->n == TOP_HISTORY) {
		memmove(history->values, history->values + 1,
		    (TOP_HISTORY - 1) * sizeof(history->values[0]));
		history->n--;
	}
	history->values[history->n++] = value;
}

/* --- one row of each kind ------------------------------------------------ */

static void
take_pool(struct top_pool *pool, const json_t *row)
{
	text(row, "pool", pool->name, sizeof(pool->name));
	text(row, "state", pool->state, sizeof(pool->state));
	pool->workers = number(row, "workers");
	pool->exited = number(row, "exited");
	pool->failed = number(row, "failed");
	pool->killed = number(row, "killed");
	pool->spread = json_number_value(json_object_get(row, "spread"));
}

/* A pid tells that it is the same worker; a place in its pool does not. */
static const struct top_worker *
worker_before(const struct top_model *before, int64_t pid)
{
	for (size_t i = 0; i < before->n_workers; i++) {
		if (before->workers[i].pid == pid)
			return &before->workers[i];
	}
	return NULL;
}

static void
take_worker(struct top_worker *worker, const json_t *row,
    const struct top_model *before, int64_t elapsed_us)
{
	text(row, "worker", worker->name, sizeof(worker->name));
	text(row, "state", worker->state, sizeof(worker->state));
	text(row, "role", worker->role, sizeof(worker->role));
	text(row, "last_exit", worker->last_exit, sizeof(worker->last_exit));
	worker->pid = number(row, "pid");
	worker->age_s = number(row, "age_seconds");
	worker->connections = number(row, "connections");
	worker->rss_bytes = number(row, "rss_bytes");
	worker->requests = number(row, "requests");
	worker->cpu_ms = number(row, "cpu_ms");
	const struct top_worker *old = worker_before(before, worker->pid);
	if (old == NULL || worker->pid == 0)
		return;
	worker->requests_rate =
	    rate(worker->requests, old->requests, elapsed_us);
	worker->cpu = rate(worker->cpu_ms, old->cpu_ms, elapsed_us) / 1000;
}

static const struct top_service *
service_before(const struct top_model *before, const char *name)
{
	for (size_t i = 0; i < before->n_services; i++) {
		if (strcmp(before->services[i].name, name) == 0)
			return &before->services[i];
	}
	return NULL;
}

static void
take_service(struct top_service *service, const json_t *row,
    const struct top_model *before, int64_t elapsed_us)
{
	text(row, "service", service->name, sizeof(service->name));
	service->active = number(row, "active");
	service->requests = number(row, "accepted") + number(row, "messages") +
	    number(row, "datagrams_in");
	for (size_t i = 0; i < LENGTH(refusals); i++)
		service->refused += number(row, refusals[i]);
	service->bytes_in = number(row, "bytes_in");
	service->bytes_out = number(row, "bytes_out");
	const struct top_service *old = service_before(before, service->name);
	if (old == NULL)
		return;
	service->requests_rate =
	    rate(service->requests, old->requests, elapsed_us);
	service->refused_rate =
	    rate(service->refused, old->refused, elapsed_us);
	service->in_rate = rate(service->bytes_in, old->bytes_in, elapsed_us);
	service->out_rate =
	    rate(service->bytes_out, old->bytes_out, elapsed_us);
	service->history = old->history;
	remember(&service->history, service->requests_rate);
}

/* The accept queues of a service, together. */
static void
take_listener(struct top_model *model, const json_t *row)
{
	char name[64], unit[16];

	text(row, "service", name, sizeof(name));
	text(row, "unit", unit, sizeof(unit));
	for (size_t i = 0; i < model->n_services; i++) {
		struct top_service *service = &model->services[i];
		if (strcmp(service->name, name) != 0 ||
		    strcmp(unit, "connections") != 0)
			continue;
		service->queue += number(row, "queue");
		service->queue_limit += number(row, "limit");
	}
}

/* --- all of it ----------------------------------------------------------- */

static bool
make_room(struct top_model *model, const json_t *stats)
{
	model->n_pools = json_array_size(json_object_get(stats, "pools"));
	model->n_workers = json_array_size(json_object_get(stats, "workers"));
	model->n_services = json_array_size(json_object_get(stats, "services"));
	/* One more, so that none is NULL where there is none. */
	model->pools = calloc(model->n_pools + 1, sizeof(*model->pools));
	model->workers = calloc(model->n_workers + 1, sizeof(*model->workers));
	model->services =
	    calloc(model->n_services + 1, sizeof(*model->services));
	return model->pools != NULL && model->workers != NULL &&
	    model->services != NULL;
}

static void
take_rows(struct top_model *model, const json_t *stats,
    const struct top_model *before, int64_t elapsed_us)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(stats, "pools"), i, row)
	{
		take_pool(&model->pools[i], row);
	}
	json_array_foreach(json_object_get(stats, "workers"), i, row)
	{
		take_worker(&model->workers[i], row, before, elapsed_us);
	}
	json_array_foreach(json_object_get(stats, "services"), i, row)
	{
		take_service(&model->services[i], row, before, elapsed_us);
	}
	json_array_foreach(json_object_get(stats, "listeners"), i, row)
	{
		take_listener(model, row);
	}
}

static void
take_total(struct top_model *model, const struct top_model *before)
{
	double sum = 0;

	for (size_t i = 0; i < model->n_services; i++)
		sum += model->services[i].requests_rate;
	model->history = before->history;
	if (before->taken_us != 0)
		remember(&model->history, sum);
}

bool
top_model_take(struct top_model *model, const json_t *stats, int64_t now_us)
{
	const json_t *daemon = json_object_get(stats, "daemon");
	struct top_model next = { .taken_us = now_us };
	int64_t elapsed_us = now_us - model->taken_us;

	if (!json_is_object(daemon))
		return false;
	if (!make_room(&next, stats)) {
		top_model_clear(&next);
		return false;
	}
	text(daemon, "version", next.version, sizeof(next.version));
	text(daemon, "reason", next.reason, sizeof(next.reason));
	next.ready = json_is_true(json_object_get(daemon, "ready"));
	next.pid = number(daemon, "pid");
	next.uptime_s = number(daemon, "uptime_seconds");
	next.configuration = number(daemon, "configuration");
	take_rows(&next, stats, model, elapsed_us);
	take_total(&next, model);
	top_model_clear(model);
	*model = next;
	return true;
}

void
top_model_clear(struct top_model *model)
{
	free(model->pools);
	free(model->workers);
	free(model->services);
	*model = (struct top_model){ 0 };
}

/* --- order --------------------------------------------------------------- */

static int
descending(double a, double b)
{
	return (a < b) - (a > b);
}

/* "default/2" before "default/10". */
static int
by_name(const void *a, const void *b)
{
	const struct top_worker *left = a, *right = b;
	int order = strverscmp(left->name, right->name);

	return order != 0 ? order
			  : (left->pid > right->pid) - (left->pid < right->pid);
}

#define ORDER(function, field)                                             \
	static int function(const void *a, const void *b)                  \
	{                                                                  \
		const struct top_worker *left = a, *right = b;             \
		int order =                                                \
		    descending((double)left->field, (double)right->field); \
		return order != 0 ? order : by_name(a, b);                 \
	}

ORDER(by_connections, connections)
ORDER(by_requests, requests_rate)
ORDER(by_cpu, cpu)
ORDER(by_memory, rss_bytes)
ORDER(by_age, age_s)

void
top_model_sort(struct top_model *model, enum top_order order)
{
	static int (*const functions[])(const void *, const void *) = {
		[TOP_BY_NAME] = by_name,
		[TOP_BY_CONNECTIONS] = by_connections,
		[TOP_BY_REQUESTS] = by_requests,
		[TOP_BY_CPU] = by_cpu,
		[TOP_BY_MEMORY] = by_memory,
		[TOP_BY_AGE] = by_age,
	};

	qsort(model->workers, model->n_workers, sizeof(*model->workers),
	    functions[order]);
}
