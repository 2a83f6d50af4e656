/* SPDX-License-Identifier: ISC */
/*
 * Statistics in the Prometheus text format 0.0.4: families together, HELP and
 * TYPE once, base units, cumulative buckets up to +Inf. Supervisor only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/tls_server.h"
#include "supervisor/control_connection.h"
#include "supervisor/show.h"
#include "supervisor/stats.h"
#include "supervisor/supervisor.h"
#include "supervisor/totals.h"

static void
family(struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_printf(out, "# HELP preforkd_%s %s\n# TYPE preforkd_%s %s\n",
	    name, help, name, type);
}

/* Names of pools and services need no escaping: see the reader of the
 * configuration. Addresses may hold anything. */
static void
label_value(struct buffer *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' || *text == '"')
			buffer_text(out, "\\");
		if (*text == '\n')
			buffer_text(out, "\\n");
		else
			buffer_append(out, text, 1);
	}
}

/* One family of SERVICE_COUNTERS for all services: the rows that carry its
 * name, the first of which has its help. */
struct service_row {
	size_t offset;
	const char *family, *label, *value, *help;
};

static const struct service_row service_rows[] = {
#define ROW(field, family, label, value, help)                            \
	{ offsetof(struct service_counters, field), family, label, value, \
		help },
	SERVICE_COUNTERS(ROW)
#undef ROW
};

#define N_SERVICE_ROWS (sizeof(service_rows) / sizeof(service_rows[0]))

static uint64_t
value_of(const struct service_sum *sum, const struct service_row *row)
{
	const char *base = (const char *)&sum->counters;

	return *(const uint64_t *)(const void *)(base + row->offset);
}

static void
service_sample(struct buffer *out, const struct service_config *service,
    const struct service_sum *sum, const struct service_row *row)
{
	buffer_printf(out, "preforkd_service_%s{service=\"%s\",pool=\"%s\"",
	    row->family, service->name, service->pool);
	if (row->label[0] != '\0')
		buffer_printf(out, ",%s=\"%s\"", row->label, row->value);
	buffer_printf(out, "} %" PRIu64 "\n", value_of(sum, row));
}

static void
service_families(struct buffer *out, const struct config *config,
    const struct service_sum *sums)
{
	char name[96];

	for (size_t first = 0, end; first < N_SERVICE_ROWS; first = end) {
		const struct service_row *row = &service_rows[first];
		for (end = first; end < N_SERVICE_ROWS &&
		     strcmp(service_rows[end].family, row->family) == 0;)
			end++;
		/* Without help: not a family of its own, see below. */
		if (row->help[0] == '\0')
			continue;
		snprintf(name, sizeof(name), "service_%s", row->family);
		family(out, name, "counter", row->help);
		for (size_t s = 0; s < config->n_services; s++) {
			for (size_t i = first; i < end; i++)
				service_sample(out, config->services[s],
				    &sums[s], &service_rows[i]);
		}
	}
}

static void
service_gauges(struct buffer *out, const struct config *config,
    const struct service_sum *sums)
{
	family(out, "service_connections", "gauge", "Open connections.");
	for (size_t s = 0; s < config->n_services; s++)
		buffer_printf(out,
		    "preforkd_service_connections{service=\"%s\",pool=\"%s\"} "
		    "%" PRIu64 "\n",
		    config->services[s]->name, config->services[s]->pool,
		    sums[s].active);
	family(out, "service_busy_seconds_total", "counter",
	    "Time spent in handlers, estimated from samples.");
	for (size_t s = 0; s < config->n_services; s++)
		buffer_printf(out,
		    "preforkd_service_busy_seconds_total{service=\"%s\","
		    "pool=\"%s\"} %.6f\n",
		    config->services[s]->name, config->services[s]->pool,
		    (double)sums[s].counters.busy_us / 1e6);
}

static void
session_buckets(struct buffer *out, const char *labels,
    const struct service_counters *counters)
{
	static const char name[] = "preforkd_service_session_duration_seconds";
	uint64_t n = 0;

	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		n += counters->session[i];
		buffer_printf(out, "%s_bucket{%s,le=\"%g\"} %" PRIu64 "\n",
		    name, labels, (double)session_bounds_ms[i] / 1000, n);
	}
	n += counters->session[SESSION_BUCKETS];
	buffer_printf(
	    out, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, n);
	buffer_printf(out, "%s_sum{%s} %.3f\n%s_count{%s} %" PRIu64 "\n", name,
	    labels, (double)counters->session_ms / 1000, name, labels, n);
}

static void
service_sessions(struct buffer *out, const struct config *config,
    const struct service_sum *sums)
{
	char labels[128];

	family(out, "service_session_duration_seconds", "histogram",
	    "Length of closed connections.");
	for (size_t s = 0; s < config->n_services; s++) {
		snprintf(labels, sizeof(labels), "service=\"%s\",pool=\"%s\"",
		    config->services[s]->name, config->services[s]->pool);
		session_buckets(out, labels, &sums[s].counters);
	}
}

static void
services(struct buffer *out)
{
	const struct config *config = supervisor.config;

	if (config == NULL)
		return;
	struct service_sum *sums = calloc(config->n_services, sizeof(*sums));
	if (sums == NULL) {
		out->failed = true;
		return;
	}
	for (size_t s = 0; s < config->n_services; s++)
		totals_service(
		    &supervisor.pools, config->services[s]->name, &sums[s]);
	service_families(out, config, sums);
	service_gauges(out, config, sums);
	service_sessions(out, config, sums);
	free(sums);
}

static void
pool_state_family(struct buffer *out)
{
	const struct pool *pool;

	family(
	    out, "pool_state", "gauge", "1 for the state that the pool is in.");
	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		for (int i = POOL_STARTING; i <= POOL_FAILED; i++)
			buffer_printf(out,
			    "preforkd_pool_state{pool=\"%s\",state=\"%s\"} "
			    "%d\n",
			    pool->name, pool_state_names[i],
			    (int)pool_state(pool) == i);
	}
	family(out, "pool_workers", "gauge", "Workers by state.");
	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		for (int i = WORKER_WAITING; i <= WORKER_FAILED; i++)
			buffer_printf(out,
			    "preforkd_pool_workers{pool=\"%s\",state=\"%s\"} "
			    "%zu\n",
			    pool->name, worker_state_names[i],
			    pool_count(pool, (enum worker_state)i));
	}
}

static void
pool_exits(struct buffer *out)
{
	const struct pool *pool;

	family(out, "worker_starts_total", "counter", "Workers forked.");
	TAILQ_FOREACH (pool, &supervisor.pools, entry)
		buffer_printf(out,
		    "preforkd_worker_starts_total{pool=\"%s\"} %" PRIu64 "\n",
		    pool->name, pool->n_started);
	family(out, "worker_start_failures_total", "counter",
	    "Workers that could not be forked; each is tried again.");
	TAILQ_FOREACH (pool, &supervisor.pools, entry)
		buffer_printf(out,
		    "preforkd_worker_start_failures_total{pool=\"%s\"} "
		    "%" PRIu64 "\n",
		    pool->name, pool->n_start_failures);
	family(out, "worker_exits_total", "counter",
	    "Workers that ended, by signal; \"none\" exited with status 0, "
	    "\"failed\" with another.");
	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		buffer_printf(out,
		    "preforkd_worker_exits_total{pool=\"%s\",signal=\"none\"} "
		    "%" PRIu64 "\n"
		    "preforkd_worker_exits_total{pool=\"%s\","
		    "signal=\"failed\"} %" PRIu64 "\n",
		    pool->name, pool->n_exits - pool->n_failed_exits,
		    pool->name, pool->n_failed_exits);
		for (int i = 1; i < POOL_EXIT_SIGNALS; i++) {
			if (pool->n_killed[i] == 0)
				continue;
			char number[16];
			const char *name = sigabbrev_np(i);
			snprintf(number, sizeof(number), "%d", i);
			buffer_printf(out,
			    "preforkd_worker_exits_total{pool=\"%s\","
			    "signal=\"%s\"} %" PRIu64 "\n",
			    pool->name, name == NULL ? number : name,
			    pool->n_killed[i]);
		}
	}
	family(out, "accept_spread_ratio", "gauge",
	    "Accepted connections of the busiest serving worker over the "
	    "mean.");
	TAILQ_FOREACH (pool, &supervisor.pools, entry)
		buffer_printf(out,
		    "preforkd_accept_spread_ratio{pool=\"%s\"} %.4f\n",
		    pool->name, stats_spread(pool));
}

static void
pool_limits(struct buffer *out)
{
	const struct pool *pool;

	family(out, "time_limit_reached_total", "counter",
	    "Times that a limit of time ended a worker, or a pool's workers "
	    "(max_age), by the setting.");
	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
#define SAMPLE(field, word)                                               \
	buffer_printf(out,                                                \
	    "preforkd_time_limit_reached_total{pool=\"%s\",limit=\"" word \
	    "\"} %" PRIu64 "\n",                                          \
	    pool->name, pool->reached.field);
		POOL_LIMITS(SAMPLE)
#undef SAMPLE
	}
}

static void
worker_families(struct buffer *out)
{
	const struct pool *pool;
	struct worker_counters sum;

#define FAMILY(field, total, help)                                   \
	family(out, total, "counter", help);                         \
	TAILQ_FOREACH (pool, &supervisor.pools, entry) {             \
		totals_workers(pool, &sum);                          \
		buffer_printf(out,                                   \
		    "preforkd_" total "{pool=\"%s\"} %" PRIu64 "\n", \
		    pool->name, sum.field);                          \
	}
	WORKER_COUNTERS(FAMILY)
#undef FAMILY
}

struct memory {
	struct buffer *out;
	const char *pool;
};

static void
worker_memory(struct worker_handle *worker, void *arg)
{
	const struct memory *memory = arg;
	int64_t cpu_ms, rss;
	char name[64];

	if (!show_usage(worker->pid, &cpu_ms, &rss))
		return;
	buffer_printf(memory->out,
	    "preforkd_worker_resident_memory_bytes{pool=\"%s\",worker=\"%s\","
	    "generation=\"%" PRIu64 "\"} %" PRId64 "\n",
	    memory->pool, worker_handle_name(worker, name, sizeof(name)),
	    worker->generation->number, rss);
}

static void
worker_gauges(struct buffer *out)
{
	struct pool *pool;

	family(out, "worker_resident_memory_bytes", "gauge",
	    "Resident memory of each worker.");
	TAILQ_FOREACH (pool, &supervisor.pools, entry) {
		struct memory memory = { out, pool->name };
		pool_each_worker(pool, worker_memory, &memory);
	}
}

static void
listener_sample(struct buffer *out, const char *name,
    const struct listener_use *use, unsigned value)
{
	buffer_printf(out, "preforkd_%s{listener=\"", name);
	label_value(out, use->listener->text);
	buffer_printf(
	    out, "\",service=\"%s\"} %u\n", use->service->name, value);
}

/* The gauges of listeners are one loop each over the same queues. */
static void
listener_family(struct buffer *out, const char *name, const char *type,
    const char *help, int socket_type,
    unsigned (*pick)(const struct listener_queue *queue))
{
	struct listener_queue queue;

	family(out, name, type, help);
	for (size_t i = 0;
	     supervisor.listeners != NULL && i < supervisor.listeners->n; i++) {
		const struct listener_use *use =
		    &supervisor.listeners->items[i];
		if (use->listener->type == socket_type &&
		    listener_queue(use->listener, &queue))
			listener_sample(out, name, use, pick(&queue));
	}
}

static unsigned
pick_waiting(const struct listener_queue *queue)
{
	return queue->waiting;
}

static unsigned
pick_limit(const struct listener_queue *queue)
{
	return queue->limit;
}

static unsigned
pick_drops(const struct listener_queue *queue)
{
	return queue->drops;
}

static void
listeners(struct buffer *out)
{
	listener_family(out, "accept_queue_connections", "gauge",
	    "Connections waiting to be accepted.", SOCK_STREAM, pick_waiting);
	listener_family(out, "accept_queue_limit_connections", "gauge",
	    "Connections that may wait.", SOCK_STREAM, pick_limit);
	listener_family(out, "accept_queue_drops_total", "counter",
	    "Attempts to connect dropped by the kernel because the queue was "
	    "full; clients try again. Of TCP only.",
	    SOCK_STREAM, pick_drops);
	listener_family(out, "receive_queue_bytes", "gauge",
	    "Memory of datagrams waiting to be received.", SOCK_DGRAM,
	    pick_waiting);
	listener_family(out, "receive_queue_limit_bytes", "gauge",
	    "Memory that waiting datagrams may take.", SOCK_DGRAM, pick_limit);
	listener_family(out, "receive_queue_drops_total", "counter",
	    "Datagrams dropped by the kernel because the queue was full.",
	    SOCK_DGRAM, pick_drops);
}

static void
certificates(struct buffer *out)
{
	const struct config *config = supervisor.config;

	family(out, "certificate_expiry_timestamp_seconds", "gauge",
	    "When a certificate that a service shows expires.");
	for (size_t s = 0; config != NULL && s < config->n_services; s++) {
		const struct service_config *service = config->services[s];
		size_t n =
		    service->tls == NULL ? 0 : tls_server_count(service->tls);
		for (size_t i = 0; i < n; i++) {
			const struct tls_certificate *certificate =
			    tls_server_certificate(service->tls, i);
			buffer_printf(out,
			    "preforkd_certificate_expiry_timestamp_seconds{"
			    "service=\"%s\",file=\"",
			    service->name);
			label_value(out, certificate->file);
			buffer_printf(
			    out, "\"} %" PRId64 "\n", certificate->not_after);
		}
	}
}

static void
number(struct buffer *out, const char *name, const char *type, const char *help,
    uint64_t value)
{
	family(out, name, type, help);
	buffer_printf(out, "preforkd_%s %" PRIu64 "\n", name, value);
}

static void
daemon_gauges(struct buffer *out)
{
	char why[160];

	family(out, "build_info", "gauge", "The version of the daemon.");
	buffer_printf(
	    out, "preforkd_build_info{version=\"%s\"} 1\n", PREFORKD_VERSION);
	number(out, "tls_kernel_offered", "gauge",
	    "1 if the kernel encrypts for TLS (kTLS).", tls_kernel_offers());
	number(out, "ready", "gauge",
	    "1 if every pool is ready and the daemon not draining.",
	    supervisor_not_ready(why, sizeof(why)) == NULL);
	number(out, "uptime_seconds", "gauge", "Since the start.",
	    (uint64_t)(loop_now_ms() - supervisor.started_ms) / 1000);
	number(out, "configuration_generation", "gauge",
	    "Number of the configuration in force.", supervisor.generation);
	number(out, "reloads_total", "counter",
	    "Configurations taken up by reload.", supervisor.n_reloads);
	number(out, "reload_failures_total", "counter",
	    "Reloads that failed and changed nothing.",
	    supervisor.n_reload_failures);
	number(out, "supervisor_log_lines_dropped_total", "counter",
	    "Log lines of the supervisor dropped because the destination did "
	    "not take them.",
	    log_dropped());
}

static void
control_family(struct buffer *out)
{
	family(out, "control_clients_cut_off_total", "counter",
	    "Connections to the control socket that were ended, by the limit "
	    "that they had reached.");
#define SAMPLE(name, word)                                                \
	buffer_printf(out,                                                \
	    "preforkd_control_clients_cut_off_total{limit=\"" word "\"} " \
	    "%" PRIu64 "\n",                                              \
	    control_cut_off(CONTROL_LIMIT_##name));
	CONTROL_LIMITS(SAMPLE)
#undef SAMPLE
}

void
stats_prometheus(struct buffer *out)
{
	daemon_gauges(out);
	control_family(out);
	pool_state_family(out);
	pool_exits(out);
	pool_limits(out);
	worker_families(out);
	worker_gauges(out);
	services(out);
	listeners(out);
	certificates(out);
}
