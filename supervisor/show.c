/* SPDX-License-Identifier: ISC */
/*
 * What there is: daemon, pools, workers, listeners, in rows for people and
 * programs. Supervisor only; looks, changes nothing. Numbers from slots are
 * printed and used for nothing else.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/report.h"
#include "supervisor/show.h"
#include "supervisor/supervisor.h"
#include "supervisor/totals.h"

static const char *const state_names[] = { "starting", "running", "stopping" };

static const char *const generation_names[] = { "starting", "serving",
	"draining" };

bool
show_usage(pid_t pid, int64_t *cpu_ms, int64_t *rss_bytes)
{
	char path[64], line[1024];
	unsigned long long user, system;
	long long pages;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	char *got = fgets(line, sizeof(line), file);
	fclose(file);
	/* Behind the name, which may contain anything: proc(5). */
	char *rest = got == NULL ? NULL : strrchr(line, ')');
	if (rest == NULL ||
	    sscanf(rest + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu "
		"%*d %*d %*d %*d %*d %*d %*u %*u %lld",
		&user, &system, &pages) != 3)
		return false;
	*cpu_ms = (int64_t)(user + system) * 1000 / sysconf(_SC_CLK_TCK);
	*rss_bytes = pages * sysconf(_SC_PAGESIZE);
	return true;
}

static void
add_active(struct worker_handle *worker, void *arg)
{
	uint64_t *sum = arg;

	*sum += counter_get(&worker_handle_slot(worker)->active);
}

static uint64_t
active_connections(struct pool *pool)
{
	uint64_t sum = 0;

	pool_each_worker(pool, add_active, &sum);
	return sum;
}

static json_t *
pool_row(struct pool *pool)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}",
	    "pool", pool->name, "state", pool_state_names[pool_state(pool)],
	    "generation", (json_int_t)pool->n_generations, "workers",
	    (json_int_t)pool_workers(pool), "ready",
	    (json_int_t)pool_count(pool, WORKER_READY), "waiting",
	    (json_int_t)pool_count(pool, WORKER_WAITING), "draining",
	    (json_int_t)pool_count(pool, WORKER_DRAINING), "failed",
	    (json_int_t)pool_count(pool, WORKER_FAILED), "connections",
	    (json_int_t)active_connections(pool), "last_exit",
	    pool->last_exit[0] == '\0' ? "-" : pool->last_exit);
}

json_t *
show_pools(void)
{
	json_t *rows = json_array();
	struct pool *pool;

	TAILQ_FOREACH (pool, &supervisor.pools, entry)
		rows = report_add(rows, pool_row(pool));
	return rows;
}

json_t *
show_status(void)
{
	char why[160];
	const char *not_ready = supervisor_not_ready(why, sizeof(why));

	return json_pack(
	    "{s:s, s:b, s:s, s:i, s:s, s:o, s:I, s:I, s:I, s:I, s:o}", "state",
	    state_names[supervisor.state], "ready", not_ready == NULL, "reason",
	    not_ready == NULL ? "-" : not_ready, "pid", (int)getpid(),
	    "version", PREFORKD_VERSION, "file",
	    report_string(
		supervisor.config_path, strlen(supervisor.config_path)),
	    "uptime_seconds",
	    (json_int_t)((loop_now_ms() - supervisor.started_ms) / 1000),
	    "configuration", (json_int_t)supervisor.generation, "reloads",
	    (json_int_t)supervisor.n_reloads, "failed_reloads",
	    (json_int_t)supervisor.n_reload_failures, "pools", show_pools());
}

json_t *
show_last_exits_apart(json_t *status)
{
	json_t *exits = json_array(), *row;
	size_t i;

	json_array_foreach(json_object_get(status, "pools"), i, row)
	{
		const char *last =
		    json_string_value(json_object_get(row, "last_exit"));
		if (last != NULL && strcmp(last, "-") != 0)
			exits = report_add(exits,
			    json_pack("{s:O, s:s}", "pool",
				json_object_get(row, "pool"), "last_exit",
				last));
		json_object_del(row, "last_exit");
	}
	return report_set(status, "last exits", exits);
}

static json_t *
queue_number(bool known, unsigned number)
{
	return known ? json_integer(number) : json_null();
}

static json_t *
listener_row(const struct listener_use *use)
{
	struct listener_queue queue;
	bool known = listener_queue(use->listener, &queue);
	bool datagrams = use->listener->type == SOCK_DGRAM;
	bool drops_known = known && use->listener->family != AF_UNIX;

	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s}", "listener",
	    use->listener->text, "service", use->service->name, "handler",
	    use->service->handler, "queue", queue_number(known, queue.waiting),
	    "limit", queue_number(known, queue.limit), "drops",
	    queue_number(drops_known, queue.drops), "unit",
	    datagrams ? "bytes" : "connections");
}

json_t *
show_listeners(void)
{
	json_t *rows = json_array();

	for (size_t i = 0;
	     supervisor.listeners != NULL && i < supervisor.listeners->n; i++)
		rows = report_add(
		    rows, listener_row(&supervisor.listeners->items[i]));
	return rows;
}

/* What its slot tells of a worker that has a process. */
static uint64_t
accepted_by(const struct worker_handle *worker)
{
	const struct slot *slot = worker_handle_slot(worker);
	uint64_t sum = 0;

	for (size_t i = 0; i < worker->generation->n_services; i++)
		sum += counter_get(&slot->services[i].counters.accepted);
	return sum;
}

/* What it was asked: connections, datagrams, and messages where the handler
 * knows them. */
static uint64_t
requests_of(const struct worker_handle *worker)
{
	const struct slot *slot = worker_handle_slot(worker);
	uint64_t sum = accepted_by(worker);

	for (size_t i = 0; i < worker->generation->n_services; i++)
		sum += counter_get(&slot->services[i].counters.messages) +
		    counter_get(&slot->services[i].counters.datagrams_in);
	return sum;
}

/* A worker whose loop has been in one turn for long is stuck. */
static int64_t
lag_ms(const struct slot *slot)
{
	int64_t since = (int64_t)counter_get(&slot->turn_since_ms);
	int64_t now = loop_now_ms();

	return since <= 0 || since > now ? 0 : now - since;
}

static json_t *
worker_row(const struct worker_handle *worker)
{
	const struct generation *generation = worker->generation;
	const struct slot *slot = worker_handle_slot(worker);
	int64_t cpu_ms = 0, rss = 0;
	char name[64];
	bool alive = worker_handle_alive(worker);

	if (alive)
		show_usage(worker->pid, &cpu_ms, &rss);
	return json_pack(
	    "{s:s, s:i, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}",
	    "worker", worker_handle_name(worker, name, sizeof(name)), "pid",
	    (int)worker->pid, "state", worker_state_names[worker->state],
	    "generation", (json_int_t)generation->number, "role",
	    generation_names[generation->state], "age_seconds",
	    alive ? (json_int_t)(loop_now_ms() - worker->started_ms) / 1000
		  : (json_int_t)0,
	    "connections",
	    alive ? (json_int_t)counter_get(&slot->active) : (json_int_t)0,
	    "accepted", alive ? (json_int_t)accepted_by(worker) : 0, "requests",
	    alive ? (json_int_t)requests_of(worker) : 0, "lag_ms",
	    alive ? (json_int_t)lag_ms(slot) : 0, "cpu_ms", (json_int_t)cpu_ms,
	    "rss_bytes", (json_int_t)rss, "last_exit",
	    worker->last_exit[0] == '\0' ? "-" : worker->last_exit);
}

static json_t *
add_generation(json_t *rows, const struct generation *generation)
{
	for (size_t i = 0; generation != NULL && i < generation->n_slots; i++) {
		if (generation->workers[i].state != WORKER_VACANT)
			rows = report_add(
			    rows, worker_row(&generation->workers[i]));
	}
	return rows;
}

static json_t *
add_pool(json_t *rows, const struct pool *pool)
{
	const struct generation *generation;

	rows = add_generation(rows, pool->serving);
	rows = add_generation(rows, pool->starting);
	TAILQ_FOREACH (generation, &pool->draining, entry)
		rows = add_generation(rows, generation);
	return rows;
}

json_t *
show_workers(struct pool *pool)
{
	json_t *rows = json_array();

	if (pool != NULL)
		return add_pool(rows, pool);
	TAILQ_FOREACH (pool, &supervisor.pools, entry)
		rows = add_pool(rows, pool);
	return rows;
}
