/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCTL_REPLY_H
#define CLIENTS_PREFORKCTL_REPLY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "clients/preforkctl_connection.h"
#include "common/reply.h"

/* A reply while it is read and printed. Zero but for the first three. */
struct reply {
	bool json;	/* only the body is printed */
	bool streaming; /* events: each line at once, without end */
	FILE *body;	/* where body lines go: stdout */
	struct reply_parser parser;
	bool begun; /* a line of it came */
	int status; /* of exit, so far */
};

/*
 * Reads and prints the whole reply. PATH and TIMEOUT_MS are for complaints.
 * Returns the exit status, or exits when there is no daemon.
 */
int reply_read(struct reply *reply, struct connection *connection,
    const char *path, int64_t timeout_ms);

/* Complains that RESULT kept the reply from being whole. Returns the exit
 * status, or exits when there is no daemon. */
int reply_broken(const struct reply *reply, enum connection_result result,
    const char *path, int64_t timeout_ms);

/* What was printed must have arrived, unless its reader went away. Returns
 * STATUS, or that of a failure. */
int reply_flush(int status);

/* "preforkctl: ..." on standard error. */
void
reply_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says that nobody answers on PATH and what to do, and exits. */
_Noreturn void reply_no_daemon(const char *path, const char *why);

#endif
