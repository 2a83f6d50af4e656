/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_RESULT_H
#define CLIENTS_PREFORKBENCH_RESULT_H

#include <stddef.h>
#include <stdint.h>

#include "clients/preforkbench_histogram.h"

/*
 * What came of the requests. Each process writes one of these in memory that it
 * shares with the first process, which adds them up. All zero: nothing yet.
 */

/* Why a request failed: name in JSON, what it is called. */
#define FAILURES(X)                                             \
	X(REFUSED, "refused", "refused")                        \
	X(UNREACHABLE, "unreachable", "not reachable")          \
	X(RESET, "reset", "reset")                              \
	X(CLOSED, "closed", "closed by the server")             \
	X(TIMED_OUT, "timed_out", "timed out")                  \
	X(WRONG, "wrong_bytes", "wrong bytes")                  \
	X(LOST, "lost", "lost")                                 \
	X(NO_PORT, "no_port", "without a free port")            \
	X(HANDSHAKE, "handshake", "in the TLS handshake")       \
	X(CERTIFICATE, "certificate", "by the certificate")     \
	X(TLS, "tls", "in TLS")                                 \
	X(TRUNCATED, "truncated", "ended without close_notify") \
	X(OTHER, "other", "failed otherwise")

enum failure {
#define FAILURE(name, json, text) FAILURE_##name,
	FAILURES(FAILURE)
#undef FAILURE
	    N_FAILURES
};

#define RESULT_WHY  160
#define RESULT_NAME 40

/* TLS. Where each request is a connection, of those that count. */
struct result_tls {
	uint64_t full, resumed; /* handshakes */
	/* Of the first one. */
	char version[RESULT_NAME], cipher[RESULT_NAME], group[RESULT_NAME];
	struct histogram connect;   /* nanoseconds until connected */
	struct histogram handshake; /* and from there until shaken */
};

struct result {
	uint64_t requests; /* answered; those of the warm-up are not in it */
	uint64_t bytes_sent, bytes_received;
	uint64_t opened;     /* connections that were ever made */
	uint64_t open;	     /* idle: those that are still there */
	uint64_t reconnects; /* of connections that owed no answer */
	uint64_t reordered;  /* answers behind a later one's */
	uint64_t late;	     /* answers to what was lost, or second ones */
	uint64_t failed[N_FAILURES];
	int errors[N_FAILURES]; /* the first errno of each; 0: none */
	char whys[N_FAILURES][RESULT_WHY]; /* the first reason in words */
	uint64_t opened_first;		   /* before the load began */
	int64_t opening_ns;		   /* which took so long */
	int64_t last_ns;		   /* when the last answer came */
	struct histogram latency;	   /* nanoseconds */
	struct result_tls tls;
};

/* What goes with errno ERROR. */
enum failure result_failure(int error);

/* WHY is the reason of a FAILURE, unless one is known already. */
void
result_set_why(struct result *result, enum failure failure, const char *why);

/* How it is called: a name for JSON, words for people. */
const char *result_name(enum failure failure);
const char *result_text(enum failure failure);

void result_merge(struct result *into, const struct result *from);
uint64_t result_n_failed(const struct result *result);

#endif
