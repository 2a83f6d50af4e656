/* SPDX-License-Identifier: ISC */
/*
 * Questions to workers on behalf of the control socket. Supervisor only. Each
 * question has a number; answers with another one, or from a worker that was
 * not asked, are ignored, and a worker can add only so many rows. What rows
 * contain is printed, after its text was made printable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "supervisor/generation.h"
#include "supervisor/queries.h"
#include "supervisor/supervisor.h"
#include "supervisor/worker_channel.h"

#define ANSWER_MS 2000	/* a worker that takes longer is left out */
#define ROWS_MAX  50000 /* of one question; a worker may say anything */

enum query_kind { QUERY_LIST = 0, QUERY_CLOSE };

struct query {
	TAILQ_ENTRY(query) entry;
	uint64_t number;
	enum query_kind kind;
	struct control_connection *connection;
	json_t *rows;
	struct timer deadline;
	bool found;	   /* QUERY_CLOSE */
	size_t n_left_out; /* rows over ROWS_MAX, or without memory */
	size_t n_unasked;  /* workers that could not be asked */
	/* The pids that have not answered yet. */
	pid_t *pending;
	size_t n_pending;
};

static TAILQ_HEAD(, query) queries = TAILQ_HEAD_INITIALIZER(queries);
static uint64_t last_number;

static void
query_free(struct query *query)
{
	TAILQ_REMOVE(&queries, query, entry);
	loop_timer_cancel(&query->deadline);
	json_decref(query->rows);
	free(query->pending);
	free(query);
}

static void
cancel(struct control_connection *connection)
{
	struct query *query, *next;

	TAILQ_FOREACH_SAFE (query, &queries, entry, next) {
		if (query->connection == connection)
			query_free(query);
	}
}

/* A list that is not whole says so. */
static void
tell_gaps(
    struct control_connection *connection, size_t n_mute, size_t n_left_out)
{
	bool text = !control_wants_json(connection);

	if (n_mute > 0) {
		log_warn("%zu workers did not tell their connections", n_mute);
		if (text)
			buffer_printf(control_body(connection),
			    "(%zu workers did not tell theirs)\n", n_mute);
	}
	if (n_left_out > 0) {
		log_warn("%zu connections are not listed, at most %d are",
		    n_left_out, ROWS_MAX);
		if (text)
			buffer_printf(control_body(connection),
			    "(%zu more than these)\n", n_left_out);
	}
}

static void
conclude(struct query *query)
{
	struct control_connection *connection = query->connection;
	json_t *rows = json_incref(query->rows);
	bool found = query->found, list = query->kind == QUERY_LIST;
	size_t n_mute = query->n_pending + query->n_unasked;
	size_t n_left_out = query->n_left_out;

	query_free(query);
	if (list) {
		tell_gaps(connection, n_mute, n_left_out);
		control_report_list(connection, rows, "connections");
		return;
	}
	json_decref(rows);
	if (found)
		control_ok(connection, "closed");
	else if (n_mute > 0)
		control_error(connection, CONTROL_FAILED,
		    "its worker does not answer; it is unknown whether the "
		    "connection was closed");
	else
		control_error(
		    connection, CONTROL_FAILED, "there is no such connection");
}

static void
on_deadline(void *arg)
{
	conclude(arg);
}

static void
answered(struct query *query, pid_t pid)
{
	for (size_t i = 0; i < query->n_pending; i++) {
		if (query->pending[i] == pid) {
			query->pending[i] = query->pending[--query->n_pending];
			break;
		}
	}
	if (query->n_pending == 0)
		conclude(query);
}

/* The question with NUMBER, if it was put to this worker. */
static struct query *
find(uint64_t number, const struct worker_handle *worker)
{
	struct query *query;

	TAILQ_FOREACH (query, &queries, entry) {
		if (query->number != number)
			continue;
		for (size_t i = 0; i < query->n_pending; i++) {
			if (query->pending[i] == worker->pid)
				return query;
		}
	}
	return NULL;
}

static struct query *
query_new(struct control_connection *connection, enum query_kind kind)
{
	struct query *query = calloc(1, sizeof(*query));

	if (query == NULL)
		return NULL;
	query->number = ++last_number;
	query->kind = kind;
	query->connection = connection;
	query->rows = json_array();
	TAILQ_INSERT_TAIL(&queries, query, entry);
	return query;
}

static bool
expect(struct query *query, pid_t pid)
{
	pid_t *grown =
	    reallocarray(query->pending, query->n_pending + 1, sizeof(*grown));

	if (grown == NULL)
		return false;
	query->pending = grown;
	query->pending[query->n_pending++] = pid;
	return true;
}

/* Index of a service in a generation, or -1 when it has none. */
static int64_t
service_in(const struct generation *generation, const char *service)
{
	for (size_t i = 0; i < generation->n_services; i++) {
		if (strcmp(generation->services[i]->name, service) == 0)
			return (int64_t)i;
	}
	return -1;
}

struct list_request {
	struct query *query;
	const char *service; /* NULL: all */
};

static void
ask_list(struct worker_handle *worker, void *arg)
{
	const struct list_request *request = arg;
	struct query *query = request->query;
	struct message_list list = { .request = query->number,
		.service = UINT64_MAX };

	if (worker->state != WORKER_READY && worker->state != WORKER_DRAINING)
		return;
	if (request->service != NULL) {
		int64_t index =
		    service_in(worker->generation, request->service);
		if (index == -1)
			return;
		list.service = (uint64_t)index;
	}
	if (!expect(query, worker->pid))
		query->n_unasked++;
	else if (!worker_channel_send(
		     worker, MESSAGE_LIST, &list, sizeof(list), -1)) {
		query->n_pending--;
		query->n_unasked++;
	}
}

/* The answer is put off even when nobody was asked: it must not come before
 * control_defer(). */
static void
await(struct query *query)
{
	loop_timer_set(&query->deadline, query->n_pending > 0 ? ANSWER_MS : 0,
	    on_deadline, query);
	control_defer(query->connection, cancel);
}

static void
ask_all(void (*ask)(struct worker_handle *worker, void *arg), void *arg)
{
	struct pool *pool;

	TAILQ_FOREACH (pool, &supervisor.pools, entry)
		pool_each_worker(pool, ask, arg);
}

void
queries_list(struct control_connection *connection, const char *service)
{
	struct list_request request = { .service = service };

	request.query = query_new(connection, QUERY_LIST);
	if (request.query == NULL) {
		control_error(connection, CONTROL_FAILED, "out of memory");
		return;
	}
	ask_all(ask_list, &request);
	await(request.query);
}

struct close_request {
	struct query *query;
	pid_t pid;
	uint64_t connection;
};

static void
ask_close(struct worker_handle *worker, void *arg)
{
	const struct close_request *request = arg;
	const struct message_close close = {
		.request = request->query->number,
		.connection = request->connection,
	};

	if (worker->pid != request->pid)
		return;
	if (!expect(request->query, worker->pid))
		request->query->n_unasked++;
	else if (!worker_channel_send(
		     worker, MESSAGE_CLOSE, &close, sizeof(close), -1)) {
		request->query->n_pending--;
		request->query->n_unasked++;
	}
}

static bool
parse_id(const char *id, pid_t *pid, uint64_t *number)
{
	char copy[48], *dot;
	const char *error = NULL;

	if (strlcpy(copy, id, sizeof(copy)) >= sizeof(copy) ||
	    (dot = strchr(copy, '.')) == NULL)
		return false;
	*dot = '\0';
	*pid = (pid_t)strtonum(copy, 1, INT32_MAX, &error);
	if (error != NULL)
		return false;
	*number = (uint64_t)strtonum(dot + 1, 0, INT64_MAX, &error);
	return error == NULL;
}

void
queries_close(struct control_connection *connection, const char *id)
{
	struct close_request request;

	if (!parse_id(id, &request.pid, &request.connection)) {
		control_error(connection, CONTROL_ARGUMENT,
		    "an ID is as \"connections\" lists it: PID.NUMBER");
		return;
	}
	request.query = query_new(connection, QUERY_CLOSE);
	if (request.query == NULL) {
		control_error(connection, CONTROL_FAILED, "out of memory");
		return;
	}
	ask_all(ask_close, &request);
	await(request.query);
}

static const char *
state_name(uint64_t state)
{
	static const char *const names[] = { "open", "half-closed", "blocked",
		"closing", "handshake" };

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

/* Any bytes may come from a worker: only printable ones go on. */
static void
clean(char *dst, size_t size, const char *src, size_t src_size)
{
	log_escape(dst, size, src, strnlen(src, src_size));
}

static json_t *
row_object(const struct worker_handle *worker, const struct message_row *row)
{
	const struct generation *generation = worker->generation;
	const char *service = row->service < generation->n_services
	    ? generation->services[row->service]->name
	    : "?";
	char id[48], name[64], peer[512], local[512];

	snprintf(id, sizeof(id), "%d.%llu", (int)worker->pid,
	    (unsigned long long)row->connection);
	clean(peer, sizeof(peer), row->peer, sizeof(row->peer));
	clean(local, sizeof(local), row->local, sizeof(row->local));
	return json_pack(
	    "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "id", id,
	    "service", service, "worker",
	    worker_handle_name(worker, name, sizeof(name)), "peer", peer,
	    "local", local, "state", state_name(row->state), "age_ms",
	    (json_int_t)row->age_ms, "idle_ms", (json_int_t)row->idle_ms,
	    "bytes_in", (json_int_t)row->bytes_in, "bytes_out",
	    (json_int_t)row->bytes_out, "unsent_bytes",
	    (json_int_t)row->unsent);
}

void
queries_row(struct worker_handle *worker, const struct message_row *row)
{
	struct query *query = find(row->request, worker);

	if (query == NULL || query->kind != QUERY_LIST)
		return;
	if (json_array_size(query->rows) >= ROWS_MAX) {
		query->n_left_out++;
		return;
	}
	if (json_array_append_new(query->rows, row_object(worker, row)) == -1)
		query->n_left_out++;
}

void
queries_list_end(struct worker_handle *worker, const struct message_list *end)
{
	struct query *query = find(end->request, worker);

	if (query != NULL && query->kind == QUERY_LIST)
		answered(query, worker->pid);
}

void
queries_closed(struct worker_handle *worker, const struct message_close *closed)
{
	struct query *query = find(closed->request, worker);

	if (query == NULL || query->kind != QUERY_CLOSE)
		return;
	query->found = closed->found == 1;
	answered(query, worker->pid);
}

void
queries_worker_gone(struct worker_handle *worker)
{
	struct query *query, *next;

	TAILQ_FOREACH_SAFE (query, &queries, entry, next) {
		if (find(query->number, worker) == query)
			answered(query, worker->pid);
	}
}
