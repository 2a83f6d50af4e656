/* SPDX-License-Identifier: ISC */
/*
 * Statistics as JSON and as tables. Supervisor only; what is shown comes from
 * totals.c and show.c, here it is only put in order.
 */
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/certificates.h"
#include "supervisor/control_connection.h"
#include "supervisor/report.h"
#include "supervisor/show.h"
#include "supervisor/stats.h"
#include "supervisor/supervisor.h"
#include "supervisor/totals.h"

double
stats_spread(const struct pool *pool)
{
	const struct generation *generation = pool->serving;
	uint64_t sum = 0, highest = 0, n = 0;

	for (size_t i = 0; generation != NULL && i < generation->n_slots; i++) {
		const struct worker_handle *worker = &generation->workers[i];
		uint64_t accepted = 0;
		if (worker->state != WORKER_READY)
			continue;
		const struct slot *slot = worker_handle_slot(worker);
		for (size_t s = 0; s < generation->n_services; s++)
			accepted +=
			    counter_get(&slot->services[s].counters.accepted);
		sum += accepted;
		highest = accepted > highest ? accepted : highest;
		n++;
	}
	return sum == 0 ? 0 : (double)highest * (double)n / (double)sum;
}

static json_t *
set_number(json_t *object, const char *key, uint64_t number)
{
	return report_set(object, key, json_integer((json_int_t)number));
}

static json_t *
histogram(const struct service_counters *counters)
{
	json_t *buckets = json_array();
	uint64_t n = 0;

	for (size_t i = 0; i <= SESSION_BUCKETS; i++) {
		n += counters->session[i];
		json_t *bound = i < SESSION_BUCKETS
		    ? json_integer(session_bounds_ms[i])
		    : json_null();
		buckets = report_add(buckets,
		    json_pack("{s:o, s:I}", "up_to_ms", bound, "sessions",
			(json_int_t)n));
	}
	return buckets;
}

/* Every counter by the name of its field. */
static json_t *
service_object(const struct service_config *service)
{
	struct service_sum sum;

	totals_service(&supervisor.pools, service->name, &sum);
	json_t *object = json_pack("{s:s, s:s, s:s, s:I}", "service",
	    service->name, "pool", service->pool, "handler", service->handler,
	    "active", (json_int_t)sum.active);
#define SET(field, ...) object = set_number(object, #field, sum.counters.field);
	SERVICE_COUNTERS(SET)
#undef SET
	object = set_number(object, "session_ms", sum.counters.session_ms);
	return report_set(object, "sessions", histogram(&sum.counters));
}

static json_t *
pool_object(struct pool *pool)
{
	struct worker_counters sum;
	uint64_t killed = 0;

	totals_workers(pool, &sum);
	for (int i = 0; i < POOL_EXIT_SIGNALS; i++)
		killed += pool->n_killed[i];
	json_t *object =
	    json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "pool",
		pool->name, "state", pool_state_names[pool_state(pool)],
		"workers", (json_int_t)pool_workers(pool), "started",
		(json_int_t)pool->n_started, "not_started",
		(json_int_t)pool->n_start_failures, "exited",
		(json_int_t)pool->n_exits, "failed",
		(json_int_t)pool->n_failed_exits, "killed", (json_int_t)killed,
		"spread", stats_spread(pool));
#define SET(field, ...) object = set_number(object, #field, sum.field);
	WORKER_COUNTERS(SET)
#undef SET
#define SET(field, word) \
	object = set_number(object, #field "_reached", pool->reached.field);
	POOL_LIMITS(SET)
#undef SET
	return object;
}

static json_t *
all_services(void)
{
	json_t *rows = json_array();

	for (size_t i = 0;
	     supervisor.config != NULL && i < supervisor.config->n_services;
	     i++)
		rows = report_add(
		    rows, service_object(supervisor.config->services[i]));
	return rows;
}

static json_t *
all_pools(void)
{
	json_t *rows = json_array();
	struct pool *pool;

	TAILQ_FOREACH (pool, &supervisor.pools, entry)
		rows = report_add(rows, pool_object(pool));
	return rows;
}

/* Of each limit of the control socket, how many clients it has ended. */
static json_t *
control_object(void)
{
	json_t *object = json_object();

#define SET(name, word) \
	object =        \
	    set_number(object, word, control_cut_off(CONTROL_LIMIT_##name));
	CONTROL_LIMITS(SET)
#undef SET
	return object;
}

json_t *
stats_json(void)
{
	json_t *status = show_status();

	json_object_del(status, "pools");
	status = set_number(status, "log_dropped", log_dropped());
	status = report_set(status, "control_cut_off", control_object());
	status = report_set(status, "tls", json_string(certificates_library()));
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "daemon", status,
	    "pools", all_pools(), "workers", show_workers(NULL), "services",
	    all_services(), "listeners", show_listeners(), "certificates",
	    certificates_show());
}

/* The columns that fit a terminal; the rest follows as causes. */
static json_t *
brief_row(const struct service_config *service, const struct service_sum *sum)
{
	const struct service_counters *c = &sum->counters;
	uint64_t closed = 0, refused = 0, dropped = 0;

#define ADD(field, family, ...)                                  \
	if (strcmp(family, "closed_total") == 0)                 \
		closed += c->field;                              \
	else if (strcmp(family, "refused_total") == 0)           \
		refused += c->field;                             \
	else if (strcmp(family, "datagrams_dropped_total") == 0) \
		dropped += c->field;
	SERVICE_COUNTERS(ADD)
#undef ADD
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
	    "service", service->name, "active", (json_int_t)sum->active,
	    "accepted", (json_int_t)c->accepted, "closed", (json_int_t)closed,
	    "refused", (json_int_t)refused, "bytes_in", (json_int_t)c->bytes_in,
	    "bytes_out", (json_int_t)c->bytes_out, "dgrams_in",
	    (json_int_t)c->datagrams_in, "dgrams_out",
	    (json_int_t)c->datagrams_out, "dropped", (json_int_t)dropped);
}

static json_t *
add_cause(json_t *rows, const char *kind, const char *of, const char *counter,
    const char *cause, uint64_t count)
{
	if (count == 0)
		return rows;
	return report_add(rows,
	    json_pack("{s:s, s:s, s:s, s:s, s:I}", "of", kind, "name", of,
		"counter", counter, "cause", cause, "count",
		(json_int_t)count));
}

/* Causes and reasons that have happened, a row each. */
static json_t *
add_service_causes(json_t *rows, const struct service_config *service,
    const struct service_counters *counters)
{
#define ROW(field, family, label, value, help)                           \
	if (label[0] != '\0')                                            \
		rows = add_cause(rows, "service", service->name, family, \
		    value, counters->field);
	SERVICE_COUNTERS(ROW)
#undef ROW
	return add_cause(rows, "service", service->name, "limit_reached_total",
	    "-", counters->limit_reached);
}

static json_t *
add_pool_causes(json_t *rows, const struct pool *pool)
{
	struct worker_counters sum;

	totals_workers(pool, &sum);
#define ROW(field, family, help) \
	rows = add_cause(rows, "pool", pool->name, family, "-", sum.field);
	WORKER_COUNTERS(ROW)
#undef ROW
	rows = add_cause(rows, "pool", pool->name,
	    "worker_start_failures_total", "-", pool->n_start_failures);
#define ROW(field, word)                                                       \
	rows = add_cause(rows, "pool", pool->name, "time_limit_reached_total", \
	    word, pool->reached.field);
	POOL_LIMITS(ROW)
#undef ROW
	return rows;
}

static json_t *
add_daemon_causes(json_t *rows)
{
#define ROW(name, word)                             \
	rows = add_cause(rows, "daemon", "control", \
	    "control_clients_cut_off_total", word,  \
	    control_cut_off(CONTROL_LIMIT_##name));
	CONTROL_LIMITS(ROW)
#undef ROW
	return add_cause(rows, "daemon", "log",
	    "supervisor_log_lines_dropped_total", "-", log_dropped());
}

static json_t *
all_causes(void)
{
	const struct config *config = supervisor.config;
	json_t *rows = json_array();
	const struct pool *pool;
	struct service_sum sum;

	for (size_t i = 0; config != NULL && i < config->n_services; i++) {
		totals_service(
		    &supervisor.pools, config->services[i]->name, &sum);
		rows = add_service_causes(
		    rows, config->services[i], &sum.counters);
	}
	TAILQ_FOREACH (pool, &supervisor.pools, entry)
		rows = add_pool_causes(rows, pool);
	return add_daemon_causes(rows);
}

static json_t *
brief_services(void)
{
	const struct config *config = supervisor.config;
	json_t *rows = json_array();
	struct service_sum sum;

	for (size_t i = 0; config != NULL && i < config->n_services; i++) {
		totals_service(
		    &supervisor.pools, config->services[i]->name, &sum);
		rows = report_add(rows, brief_row(config->services[i], &sum));
	}
	return rows;
}

/* `workers` has the rest. */
static json_t *
brief_workers(void)
{
	json_t *rows = show_workers(NULL), *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		json_object_del(row, "requests");
		json_object_del(row, "last_exit");
	}
	return rows;
}

/* What stands among the causes is left out. */
static json_t *
brief_pools(void)
{
	json_t *rows = all_pools(), *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
#define DROP(field, ...) json_object_del(row, #field);
		WORKER_COUNTERS(DROP)
#undef DROP
#define DROP(field, ...) json_object_del(row, #field "_reached");
		POOL_LIMITS(DROP)
#undef DROP
		json_object_del(row, "not_started");
	}
	return rows;
}

static void
text_head(struct buffer *out)
{
	char why[160], uptime[24];
	const char *not_ready = supervisor_not_ready(why, sizeof(why));

	report_duration(
	    loop_now_ms() - supervisor.started_ms, uptime, sizeof(uptime));
	buffer_printf(out,
	    "preforkd %s (pid %d) up %s, configuration %llu, %s%s\n",
	    PREFORKD_VERSION, (int)getpid(), uptime,
	    (unsigned long long)supervisor.generation,
	    not_ready == NULL ? "ready" : "NOT READY: ",
	    not_ready == NULL ? "" : not_ready);
}

static void
text_section(const char *title, json_t *rows, struct buffer *out)
{
	if (rows == NULL)
		out->failed = true;
	if (json_array_size(rows) > 0) {
		buffer_printf(out, "\n%s\n", title);
		report_text(rows, out);
	} else
		buffer_printf(out, "\nno %s\n", title);
	json_decref(rows);
}

void
stats_text(struct buffer *out)
{
	text_head(out);
	text_section("services", brief_services(), out);
	text_section("causes", all_causes(), out);
	text_section("pools", brief_pools(), out);
	text_section("workers", brief_workers(), out);
	text_section("listeners", show_listeners(), out);
	json_t *certificates = certificates_show();
	if (certificates == NULL || json_array_size(certificates) > 0) {
		text_section("certificates", certificates, out);
		buffer_printf(out, "TLS: %s\n", certificates_library());
	} else
		json_decref(certificates);
}
