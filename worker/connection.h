/* SPDX-License-Identifier: ISC */
#ifndef WORKER_CONNECTION_H
#define WORKER_CONNECTION_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "worker/peer.h"
#include "worker/state.h"

/* Why a connection ends. X(name, counter, word in logs) */
#define CLOSE_CAUSES(X)                               \
	X(DONE, closed_done, "done")                  \
	X(RESET, closed_reset, "reset")               \
	X(ERROR, closed_error, "error")               \
	X(IDLE, closed_idle, "idle_timeout")          \
	X(SESSION, closed_session, "session_timeout") \
	X(TLS, closed_tls, "tls_handshake")           \
	X(TRUNCATED, closed_truncated, "truncated")   \
	X(DRAIN, closed_drain, "drain_timeout")       \
	X(OPERATOR, closed_operator, "operator")

enum close_cause {
#define CAUSE(name, counter, word) CLOSE_##name,
	CLOSE_CAUSES(CAUSE)
#undef CAUSE
};

/*
 * A stream from accept to close. Small, for there are thousands: no buffer
 * while nothing is pending, and the handler's state behind it.
 */
struct pf_connection {
	struct watch watch; /* first */
	int fd;
	uint8_t cause;	      /* enum close_cause, when dead */
	uint8_t end_cause;    /* the one of an end in order */
	bool eof : 1;	      /* the peer has shut down its side */
	bool finishing : 1;   /* the handler has said its last */
	bool lingering : 1;   /* ... and what still comes is thrown away */
	bool paused : 1;      /* the handler wants no more for now */
	bool drained_due : 1; /* drained() is owed for a pf_send() */
	bool keep : 1;	      /* pf_keep() was called in timeout() */
	bool dead : 1;	      /* to be buried at the end of the turn */
	bool in_touched : 1;  /* on the list of those to settle */
	bool handshaking : 1; /* TLS begins; the handler knows nothing yet */
	bool opened : 1;      /* the handler knows of it */
	uint32_t interest;    /* EPOLL* bits; 0 = not in the poller */
	uint32_t lingered;    /* bytes thrown away */
	struct listener *listener;
	struct tls *tls;	/* NULL: none is spoken */
	struct buffer *pending; /* what the kernel did not take, or NULL */
	LIST_ENTRY(pf_connection) entry;
	STAILQ_ENTRY(pf_connection) touched;
	struct timer idle;    /* idle_timeout, later the lingering */
	struct timer session; /* session_timeout */
	uint64_t id;
	int64_t opened_ms, active_ms;
	uint64_t bytes_in, bytes_out;
	struct peer peer;
	_Alignas(16) char state[]; /* the handler's */
};

bool connection_init(struct worker *worker); /* false: no memory */
void connection_free(struct worker *worker);
void connection_init_timeouts(struct pf_service *service);

/* A client has come: checks `allow`, makes the connection and calls opened().
 * Takes FD over in any case. */
void connection_open(struct listener *listener, int fd,
    const struct sockaddr *peer, socklen_t length);

/* Bytes may go to and fro from now on: calls opened(). */
void connection_established(struct pf_connection *connection);

/* Something changed: it is looked at when the turn ends. */
void connection_touch(struct pf_connection *connection);

/* Ends the connection when the turn ends; only the first CAUSE counts. */
void connection_kill(struct pf_connection *connection, enum close_cause cause);
void connection_kill_all(struct worker *worker, enum close_cause cause);

/* The beat at the end of a turn: finishes, registers, buries. */
void connection_settle_all(struct worker *worker);

/* The connection with that number, or NULL. */
struct pf_connection *connection_find(struct worker *worker, uint64_t id);

enum connection_state connection_state(const struct pf_connection *connection);
const char *connection_cause(enum close_cause cause);

static inline struct pf_service *
connection_service(const struct pf_connection *connection)
{
	return connection->listener->service;
}

static inline struct worker *
connection_worker(const struct pf_connection *connection)
{
	return connection->listener->worker;
}

#endif
