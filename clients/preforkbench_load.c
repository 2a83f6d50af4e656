/* SPDX-License-Identifier: ISC */
/*
 * The loop of a process that makes load. It must cost as little as it can, for
 * what it costs looks like the server's: on the way of a request there is one
 * send, one recv, one look at the clock and a share of an epoll_wait. All the
 * rest, such as deadlines, is looked at now and then.
 */
#include <sys/epoll.h>
#include <sys/prctl.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "clients/preforkbench_connection.h"
#include "clients/preforkbench_load.h"
#include "clients/preforkbench_tls.h"

#define MS_NS		INT64_C(1000000)
#define SECOND_NS	INT64_C(1000000000)
#define LOOK_NS		(20 * MS_NS)
#define EVENTS_A_TURN	256
#define OPENING_AT_ONCE 64 /* fewer than most queues are long */
#define COPIES_MAX	64 /* messages of one call */
#define COPIES_BYTES	262144
#define GSO_BYTES	65000 /* of one call */
#define RING_MIN	16

/* --- requests ------------------------------------------------------------- */

bool
load_is_over(const struct load *load)
{
	if (load->left == 0 ||
	    __atomic_load_n(&load->clock->stop, __ATOMIC_RELAXED))
		return true;
	if (load->is_open_loop)
		return schedule_due(&load->schedule) >= load->end_ns;
	return load->now_ns >= load->end_ns;
}

void
load_count_failed(
    struct load *load, enum failure failure, int error, int64_t since_ns)
{
	struct result *result = load->result;

	load->in_flight--;
	if (since_ns < load->begin_ns)
		return;
	result->failed[failure]++;
	if (result->errors[failure] == 0)
		result->errors[failure] = error;
}

/* It is known now what came of the first try of this client. */
void
load_set_known(struct load *load, struct client *client)
{
	load->n_new -= client->is_new;
	client->is_new = false;
}

void
load_set_free(struct load *load, struct client *client)
{
	if (!load->is_started || client->is_free)
		return;
	if (!load->is_open_loop) {
		load->kind->begin(load, client);
		return;
	}
	client->is_free = true;
	STAILQ_INSERT_TAIL(&load->free, client, next_free);
}

void
load_opened(struct load *load, struct client *client)
{
	load_set_known(load, client);
	load->progress_ns = load->now_ns;
	if (load->kind->begin != NULL)
		load_set_free(load, client);
}

/* --- the loop ------------------------------------------------------------ */

static void
look_at(struct load *load, struct client *client)
{
	switch (client->state) {
	case STATE_RETRYING:
		if (load->now_ns >= client->retry_ns)
			connection_retry(load, client);
		break;
	case STATE_CONNECTING:
	case STATE_SHAKING:
		if (load->now_ns - client->waiting_ns > load->timeout_ns)
			connection_failed(load, client, ETIMEDOUT);
		break;
	case STATE_OPEN:
		load->kind->look(load, client);
		break;
	default:
		break;
	}
}

static void
look_around(struct load *load)
{
	for (size_t i = 0; i < load->n_clients; i++)
		look_at(load, &load->clients[i]);
	load->next_look_ns = load->now_ns +
	    (load->n_retrying > 0 ? CONNECTION_RETRY_NS : LOOK_NS);
}

/* Those that are free begin what is due. */
static void
begin_due(struct load *load)
{
	struct client *client;

	while ((client = STAILQ_FIRST(&load->free)) != NULL && load->left > 0 &&
	    schedule_due(&load->schedule) <= load->now_ns &&
	    schedule_due(&load->schedule) < load->end_ns) {
		STAILQ_REMOVE_HEAD(&load->free, next_free);
		client->is_free = false;
		if (client->state == STATE_OPEN || !load->kind->connects_first)
			load->kind->begin(load, client);
	}
}

/* Waits for events; with a schedule, to the very moment when a request is due
 * and somebody is free for it, but no longer than until the next look. */
static int
wait_for_events(struct load *load, struct epoll_event *events)
{
	int64_t until_ns = load->next_look_ns;
	int ms = (int)((until_ns - load->now_ns + MS_NS - 1) / MS_NS);

	if (!load->is_open_loop || !load->is_started)
		return epoll_wait(
		    load->epoll_fd, events, EVENTS_A_TURN, ms < 0 ? 0 : ms);
	if (!STAILQ_EMPTY(&load->free) && load->left > 0 &&
	    schedule_due(&load->schedule) < until_ns)
		until_ns = schedule_due(&load->schedule);
	int64_t left_ns = until_ns - load_time();
	if (left_ns > 0) {
		const struct timespec left = {
			.tv_sec = left_ns / SECOND_NS,
			.tv_nsec = left_ns % SECOND_NS,
		};
		struct pollfd fd = { .fd = load->epoll_fd, .events = POLLIN };
		ppoll(&fd, 1, &left, NULL);
	}
	return epoll_wait(load->epoll_fd, events, EVENTS_A_TURN, 0);
}

/* Looks whether the warm-up is over. What has begun by now, or was due, does
 * not count. */
static void
look_at_clock(struct load *load)
{
	if (!__atomic_load_n(&load->clock->counts, __ATOMIC_RELAXED))
		return;
	load->is_counting = true;
	load->begin_ns = load->now_ns + 1;
	load->end_ns = load->begin_ns + load->options->duration_ms * MS_NS;
	load->result->bytes_sent = 0;
	load->result->bytes_received = 0;
	if (load->target->context != NULL && load->kind == &load_connect)
		load_tls_forget(load);
}

static void
turn(struct load *load)
{
	struct epoll_event events[EVENTS_A_TURN];
	int n = wait_for_events(load, events);

	load->now_ns = load_time();
	if (load->is_started && !load->is_counting)
		look_at_clock(load);
	for (int i = 0; i < n; i++) {
		struct client *client = events[i].data.ptr;

		if (client->state == STATE_CONNECTING &&
		    load->kind->connects_first)
			connection_decide(load, client);
		else if (client->state == STATE_SHAKING)
			connection_shake(load, client);
		else if (client->state != STATE_CLOSED)
			load->kind->ready(load, client, events[i].events);
		connection_give_rest(load, client);
	}
	if (load->is_open_loop && load->is_started)
		begin_due(load);
	if (load->now_ns >= load->next_look_ns)
		look_around(load);
}

/* --- one process --------------------------------------------------------- */

static bool
is_stopped(const struct load *load)
{
	return __atomic_load_n(&load->clock->stop, __ATOMIC_RELAXED) != 0;
}

void
load_open(struct load *load)
{
	size_t next = 0;

	int64_t begin_ns = load->now_ns = load->progress_ns = load_time();
	load->next_look_ns = load->now_ns + LOOK_NS;
	if (!load->kind->connects_first)
		return;
	while (load->n_new > 0 && !is_stopped(load) &&
	    load->now_ns - load->progress_ns < load->timeout_ns + 2 * LOOK_NS) {
		/* Of those that were tried, this many are not known yet: */
		while (next < load->n_clients &&
		    next + load->n_new < load->n_clients + OPENING_AT_ONCE)
			connection_begin(load, &load->clients[next++]);
		turn(load);
	}
	load->result->open = load->n_open;
	load->result->opened_first = load->result->opened;
	load->result->opening_ns = load_time() - begin_ns;
}

/* What is under way, or was due and has not begun, when all is over, has not
 * been answered in time. */
static void
count_overdue(struct load *load)
{
	uint64_t n;

	if (is_stopped(load))
		return;
	load->result->failed[FAILURE_TIMED_OUT] += load->in_flight;
	if (!load->is_open_loop)
		return;
	n = schedule_left(&load->schedule, load->end_ns);
	if (n > load->left)
		n = load->left;
	load->result->failed[FAILURE_TIMED_OUT] += n;
}

static bool
has_ended(const struct load *load)
{
	if (is_stopped(load))
		return true;
	if (load->kind == &load_idle)
		return load->now_ns >= load->end_ns || load->n_open == 0;
	if (load_is_over(load) && load->in_flight == 0)
		return true;
	if (load->now_ns < load->end_ns)
		return false;
	return (load->kind->connects_first && load->n_open == 0) ||
	    load->now_ns - load->end_ns > load->timeout_ns + 2 * LOOK_NS;
}

/* Who has not been tried yet, for all the time that the first took, is now. */
static void
start_client(struct load *load, struct client *client)
{
	const struct load_kind *kind = load->kind;

	if (kind->begin == NULL)
		return;
	if (client->state == STATE_OPEN || !kind->connects_first)
		load_set_free(load, client);
	else if (client->state == STATE_CLOSED)
		connection_renew(load, client, 0);
}

void
load_run(struct load *load)
{
	const struct options *options = load->options;

	load->is_started = true;
	load->is_counting = options->warm_up_ms == 0;
	load->begin_ns = load->end_ns = INT64_MAX;
	if (load->is_counting) {
		load->begin_ns = load->clock->begin_ns;
		load->end_ns = load->clock->end_ns;
	}
	if (load->is_open_loop)
		schedule_init(&load->schedule, load->clock->start_ns,
		    options->rate, load->number, options->n_processes);
	load->now_ns = load_time();
	load->next_look_ns = load->now_ns + LOOK_NS;
	for (size_t i = 0; i < load->n_clients; i++)
		start_client(load, &load->clients[i]);
	while (!has_ended(load))
		turn(load);
	count_overdue(load);
	load->result->open = load->n_open;
}

void
load_close(struct load *load)
{
	if (load->target->context == NULL)
		return;
	for (size_t i = 0; i < load->n_clients; i++)
		connection_close(load, &load->clients[i]);
}

/* --- making one ---------------------------------------------------------- */

static const struct load_kind *
kind_of(const struct options *options)
{
	if (options->mode == MODE_CONNECT)
		return &load_connect;
	if (options->mode == MODE_IDLE)
		return &load_idle;
	return options_are_datagrams(options) ? &load_datagram : &load_stream;
}

/* Process NUMBER's share of N. */
static uint64_t
share_of(uint64_t n, unsigned number, unsigned n_processes)
{
	return n / n_processes + (number < n % n_processes);
}

/* As many as are sent at once. */
static size_t
copies_of(const struct options *options)
{
	size_t most = options->gso ? GSO_BYTES : COPIES_BYTES;
	size_t n = options->pipeline;

	if (n > COPIES_MAX)
		n = COPIES_MAX;
	if (n > most / options->size)
		n = most / options->size;
	return n == 0 ? 1 : n;
}

static bool
make_clients(struct load *load)
{
	load->ring = RING_MIN;
	while (load->ring < (size_t)8 * load->pipeline)
		load->ring *= 2;
	load->clients = calloc(load->n_clients, sizeof(*load->clients));
	load->rings = reallocarray(
	    NULL, load->n_clients * load->ring, sizeof(*load->rings));
	if (load->clients == NULL || load->rings == NULL)
		return false;
	for (size_t i = 0; i < load->n_clients; i++) {
		struct client *client = &load->clients[i];
		client->fd = -1;
		client->is_new = true;
		client->number =
		    (uint32_t)(i * load->options->n_processes + load->number);
		client->since = load->rings + i * load->ring;
	}
	load->n_new = load->n_clients;
	return true;
}

bool
load_init(struct load *load, const struct options *options,
    const struct target *target, struct load_clock *clock,
    struct result *result, unsigned number)
{
	unsigned n_processes = options->n_processes;

	*load = (struct load){
		.options = options,
		.kind = kind_of(options),
		.target = target,
		.clock = clock,
		.result = result,
		.number = number,
		.end_ns = INT64_MAX,
		.timeout_ns = options->timeout_ms * MS_NS,
		.size = options->size,
		.pipeline = options->pipeline,
		.is_open_loop = options->rate > 0,
		.verify = options->verify,
		.left = UINT64_MAX,
		.n_clients = share_of(options->n_clients, number, n_processes),
	};
	if (options->n_requests > 0)
		load->left = share_of(options->n_requests, number, n_processes);
	/* Each process begins somewhere else. */
	if (options->sources.n > 0)
		load->next_source = options->sources.n * number / n_processes;
	STAILQ_INIT(&load->free);
	/* Sleep until a request is due, not until it suits. */
	prctl(PR_SET_TIMERSLACK, 1);
	load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	load->buffer = malloc(LOAD_BUFFER);
	return load->epoll_fd != -1 && load->buffer != NULL &&
	    make_clients(load) &&
	    message_init(&load->message, options->size, copies_of(options));
}
