/* SPDX-License-Identifier: ISC */
#ifndef WORKER_STATE_H
#define WORKER_STATE_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log.h"
#include "worker/channel.h"
#include "worker/gate.h"
#include "worker/poller.h"
#include "worker/preforkd.h"
#include "worker/timers.h"
#include "worker/worker.h"

/*
 * The worker's own state, private to worker/: one struct worker a process,
 * made by worker_main(). Each part has the module that writes it; the others
 * only read, but where a field says so.
 */

struct worker;
struct datagrams;

/* One socket that the siblings compete for. Owner: accept.c. */
struct listener {
	struct watch watch; /* first: the poller hands it back */
	struct worker *worker;
	struct pf_service *service;
	const struct worker_listener *given; /* type, family, text */
	size_t index;
	int fd;				  /* -1: given up */
	bool armed;			  /* in the poller */
	bool paused;			  /* descriptors or memory ran out */
	struct datagram_socket *datagram; /* of datagram.c, or NULL */
};

/* A service as this worker serves it. Owner: service.c. */
struct pf_service {
	struct worker *worker;
	const struct service_config *config;
	const struct pf_handler *handler;
	struct service_counters *counters; /* in the slot */
	uint64_t *active_gauge;		   /* in the slot */
	size_t index;			   /* in worker_context.services */
	uint64_t active;		   /* connections here */
	uint64_t share;			   /* of max_connections; UINT64_MAX */
	unsigned calls;			   /* for sampling busy time */
	bool started;
	void *data; /* the handler's */
	struct timer_list idle, session, handshake;
};

/* Owner: tls.c. */
TAILQ_HEAD(tls_queue, tls);
struct tls_line {
	struct tls_queue handshakes; /* that can go on */
	struct tls_queue again;	     /* received bytes wait in OpenSSL */
	unsigned put_off;	     /* turns for which the line has waited */
	struct log_limit failed;     /* lines that clients can cause */
	uint64_t n_open;
	uint64_t n_few; /* of a crowd that has gone */
	bool crowded;	/* there has been one */
};

STAILQ_HEAD(connection_touched, pf_connection);
LIST_HEAD(connection_all, pf_connection);

/* Owner: connection.c. */
struct connections {
	struct connection_all all;
	struct connection_touched touched; /* to settle at the turn's end */
	uint64_t active;		   /* not yet closed */
	uint64_t limit;			   /* of this worker */
	uint64_t next_id;		   /* never used twice */
	struct timer_list lingering;
	char *input;   /* INPUT_MAX bytes, in use during one callback only */
	size_t unsent; /* bytes kept for peers that do not read; stream.c too */
	struct log_limit refused; /* lines that clients can cause */
	struct log_limit failed;  /* the same, of stream.c */
};

/* Bytes of one recv(2), a connection's turn: as much as stays in a core's cache
 * from the receiving to the sending. It may all have to be kept for a peer that
 * does not read, so it is less once UNSENT_MUCH bytes are kept. */
#define INPUT_MAX   (256 * 1024)
#define INPUT_MIN   (32 * 1024)
#define UNSENT_MUCH (4 * 1024 * 1024)

/* Owner: accept.c. */
struct accepting {
	struct listener *listeners;
	size_t n;
	bool standing_back; /* the siblings shall take what comes next */
	bool review;	/* anybody's: arm and disarm at the end of the turn */
	bool limited;	/* a limit keeps a listener waiting for an end */
	bool poll_once; /* just came back: is anything still queued? */
	bool came_back; /* this turn answers that */
	unsigned n_failures; /* of accept(2), harmless ones, in a row */
	struct gate gate;
	struct timer_list back;	  /* end of standing back */
	struct timer_list resume; /* end of a pause */
	struct timer back_timer, resume_timer;
	struct log_limit exhausted;
};

/* Owner: drain.c. */
struct draining {
	bool asked; /* begins at the end of the turn */
	bool begun;
	struct message_drain order;
	struct timer_list end;
	struct timer end_timer;
};

/* Owner: title.c. */
struct title {
	struct timer_list list;
	struct timer timer;
};

struct worker {
	const struct worker_context *context;
	char name[80]; /* "default/3" */
	struct slot *slot;
	struct poller poller;
	struct timers timers;
	int64_t now_ms; /* read once a turn */
	bool done;	/* close everything and leave at the end of this turn */
	unsigned put_off;	 /* turns for which timers have waited */
	uint64_t n_workers;	 /* that the pool should have */
	uint64_t rank;		 /* among them, from 1 */
	int access_log_fd;	 /* or -1 */
	bool access_to_log;	 /* access lines are lines of the log */
	bool access_torn;	 /* the file ends with half a line of ours */
	uint64_t access_dropped; /* lines that the file did not take */
	struct pf_service *services;
	size_t n_services;
	struct connections connections;
	struct tls_line tls;
	struct accepting accepting;
	struct draining draining;
	struct channel channel;
	struct watch signals;
	int signal_fd;
	struct title title;
	struct datagrams *datagrams; /* NULL without datagram sockets */
};

#endif
