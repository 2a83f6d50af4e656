/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_LOAD_H
#define CLIENTS_PREFORKBENCH_LOAD_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <openssl/types.h>

#include "clients/preforkbench_message.h"
#include "clients/preforkbench_options.h"
#include "clients/preforkbench_result.h"
#include "clients/preforkbench_schedule.h"

/*
 * One process of load: clients in one epoll loop, in a closed loop (each begins
 * a request when one is answered) or an open one (requests are due by a
 * schedule, and who is free takes the next). The kinds of load, which are
 * preforkbench_stream.c, _connect.c, _datagram.c and _idle.c, say what a client
 * does; how it is connected, when it may begin and what counts is the same for
 * all. Everything here belongs to one process but the clock and the result,
 * which it shares with the first one.
 */

/* When what happens, as the first process says; nanoseconds of
 * CLOCK_MONOTONIC. Without a warm-up all is known at the start; with one, what
 * counts begins for each process when it sees that it does. */
struct load_clock {
	int64_t start_ns, begin_ns, end_ns; /* warm-up, what counts */
	int counts;			    /* the warm-up is over */
	int stop;			    /* end at once */
};

enum client_state {
	STATE_CLOSED = 0,
	STATE_RETRYING, /* closed; is connected anew at retry_ns */
	STATE_CONNECTING,
	STATE_SHAKING, /* connected; the TLS handshake is under way */
	STATE_OPEN,
};

struct client {
	int fd; /* -1: none */
	enum client_state state;
	bool writing;	 /* waits for room to send */
	bool is_free;	 /* is in the list of those that are */
	bool is_new;	 /* not yet known whether it gets a connection */
	bool queue_full; /* of the listener, which is why it is retrying */
	bool has_more;	 /* TLS has bytes that the loop does not see */
	uint32_t number;
	uint32_t begun, sent, answered; /* requests; begun is the highest */
	uint32_t in_flight; /* datagrams: begun, neither answered nor lost */
	uint32_t expected;  /* datagrams: behind the highest answer */
	size_t sent_bytes, received; /* of requests sent and answered */
	int64_t waiting_ns; /* since when nothing has come that should */
	int64_t retry_ns;
	int64_t begun_ns;   /* TLS: the connection, then the handshake */
	int64_t connect_ns; /* TLS: how long the former took */
	SSL *ssl;	    /* NULL: plain */
	int64_t *since;	    /* when each in flight began, by number */
	STAILQ_ENTRY(client) next_free;
};

struct load;

struct load_kind {
	/* The load begins with clients that are connected. */
	bool connects_first;
	/* A connection stands. False: there is more to do before the client
	 * is free, and load_opened() will be called. May be NULL. */
	bool (*connected)(struct load *load, struct client *client);
	/* Begins requests as far as load_take() allows. May be NULL. */
	void (*begin)(struct load *load, struct client *client);
	/* Something has come, or there is room. */
	void (*ready)(
	    struct load *load, struct client *client, uint32_t events);
	/* Is called now and then for a client that is open. */
	void (*look)(struct load *load, struct client *client);
};

extern const struct load_kind load_stream, load_connect, load_datagram,
    load_idle;

/* Where to; made by the first process. */
struct target {
	struct endpoint endpoint;
	SSL_CTX *context; /* NULL: plain; the others' copies are theirs */
};

struct load {
	const struct options *options;
	const struct load_kind *kind;
	const struct target *target;
	struct load_clock *clock;
	struct result *result;
	unsigned number; /* of the process, from 0 */

	/* Copies, for speed. */
	int64_t now_ns, begin_ns, end_ns, timeout_ns;
	size_t size;
	unsigned pipeline;
	bool is_open_loop, verify;

	uint64_t left; /* requests that may still begin */
	uint64_t in_flight;
	struct schedule schedule;
	STAILQ_HEAD(, client) free;

	int epoll_fd;
	struct client *clients;
	size_t n_clients, n_open, n_new, n_retrying, n_connecting;
	size_t ring; /* numbers that `since` of a client has room for, 2^n */
	int64_t *rings;
	size_t next_source;
	bool is_started, is_counting;
	int64_t next_look_ns, progress_ns;
	struct message message;
	char *buffer; /* LOAD_BUFFER bytes */
};

#define LOAD_BUFFER 262144

static inline int64_t
load_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/*
 * Prepares process NUMBER of those that share the load. Returns false with
 * errno. What it makes is the process's until its end.
 */
bool load_init(struct load *load, const struct options *options,
    const struct target *target, struct load_clock *clock,
    struct result *result, unsigned number);

/* BLOCKS until all clients are connected that will be. */
void load_open(struct load *load);

/* BLOCKS until the load is over, or the clock says stop. */
void load_run(struct load *load);

/* Says farewell on connections of TLS. Others end with the process. */
void load_close(struct load *load);

/*
 * For the kinds. A request may begin: true, and *SINCE is when, which is
 * before now when it was due before.
 */
static inline bool
load_take(struct load *load, int64_t *since_ns)
{
	if (load->left == 0)
		return false;
	*since_ns = load->now_ns;
	if (load->is_open_loop) {
		*since_ns = schedule_due(&load->schedule);
		if (*since_ns > load->now_ns)
			return false;
	}
	if (*since_ns >= load->end_ns)
		return false;
	if (load->is_open_loop)
		schedule_advance(&load->schedule);
	if (*since_ns >= load->begin_ns)
		load->left--;
	load->in_flight++;
	return true;
}

/* A request of SINCE_NS has been answered, now. */
static inline void
load_count(struct load *load, int64_t since_ns)
{
	load->in_flight--;
	if (since_ns < load->begin_ns)
		return;
	load->result->requests++;
	load->result->last_ns = load->now_ns;
	histogram_add(&load->result->latency, load->now_ns - since_ns);
}

/* A request of SINCE_NS has failed; ERROR is its errno, or 0. */
void load_count_failed(
    struct load *load, enum failure failure, int error, int64_t since_ns);

/* CLIENT can begin a request: it does, or will when one is due. */
void load_set_free(struct load *load, struct client *client);

/* Its connection, with all that belongs to it, is ready: see connected. */
void load_opened(struct load *load, struct client *client);

/* It is known what came of the client's first attempt to connect. */
void load_set_known(struct load *load, struct client *client);

/* No request begins any more. */
bool load_is_over(const struct load *load);

#endif
