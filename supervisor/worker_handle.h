/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_WORKER_HANDLE_H
#define SUPERVISOR_WORKER_HANDLE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/loop.h"
#include "supervisor/restart.h"
#include "worker/worker.h"

struct generation;

/*
 * A worker as the supervisor sees it: one slot of a generation, and the
 * process in it, if there is one. Everything here is the supervisor's private
 * memory.
 *
 *   vacant -> starting -> ready -> draining -> vacant
 *                |          |         |
 *                +----------+---------+--> killed -> vacant, waiting, failed
 *
 * Each state but vacant, ready and failed has one deadline.
 */
enum worker_state {
	WORKER_VACANT = 0, /* no process, none wanted */
	WORKER_WAITING,	   /* in back-off until the deadline */
	WORKER_STARTING,   /* has not said READY yet */
	WORKER_READY,
	WORKER_DRAINING,
	WORKER_ABORTED, /* watchdog: ABRT sent, KILL at the deadline */
	WORKER_KILLED,	/* KILL sent */
	WORKER_FAILED,	/* exit status 78: not started again */
};

extern const char *const worker_state_names[];

struct worker_handle {
	struct generation *generation;
	size_t slot; /* from 1 */
	enum worker_state state;
	bool retired; /* will not be replaced when it is gone */
	bool crashed; /* has told of it */
	pid_t pid;    /* 0 when there is none */
	int pid_fd;
	int channel_fd;
	struct watch channel;
	struct timer deadline;
	int64_t started_ms;
	struct restart_history history;
	uint64_t turns_seen; /* watchdog: heartbeat at its last move */
	int64_t turns_moved_ms;
	char failure[160];  /* what it said before it left */
	char last_exit[24]; /* of the one before: "KILL", "status 1" or "" */
};

/* Has a process. */
bool worker_handle_alive(const struct worker_handle *worker);

/* Forks the worker. Failure counts as a death: back-off, never an error. */
void worker_handle_start(struct worker_handle *worker);

/* Asks it to finish; EMPTY as in message_drain. KILL some time after
 * TIMEOUT_MS. A worker that is not ready yet is killed. */
void worker_handle_drain(struct worker_handle *worker, int64_t timeout_ms,
    const uint8_t *empty, size_t empty_size);

/* Asks it to leave at once; KILL soon after. */
void worker_handle_quit(struct worker_handle *worker);
void worker_handle_kill(struct worker_handle *worker);
void worker_handle_abort(struct worker_handle *worker);

/* Told by worker_channel.c: it said READY; it closed its end. */
void worker_handle_ready(struct worker_handle *worker);
void worker_handle_mute(struct worker_handle *worker);

/* Its process has ended with STATUS (waitpid(2)) and has been reaped. */
void worker_handle_ended(struct worker_handle *worker, int status);

/* "default/3", as everywhere; BUF needs 64 bytes. Returns BUF. */
char *
worker_handle_name(const struct worker_handle *worker, char *buf, size_t size);

/* What it has counted so far, as far as that can be: a private copy of its
 * slot, brought up to date once a turn, however often it is asked for. */
const struct slot *worker_handle_slot(const struct worker_handle *worker);

#endif
