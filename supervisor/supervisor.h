/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "supervisor/listener_set.h"
#include "supervisor/pool.h"

/*
 * What the supervisor is at the moment: the configuration in force, its
 * listeners and pools, and whether it starts, runs or stops. One object in
 * the process; the modules beside this one work on it.
 */
enum supervisor_state {
	SUPERVISOR_STARTING = 0,
	SUPERVISOR_RUNNING,
	SUPERVISOR_STOPPING,
};

struct supervisor {
	enum supervisor_state state;
	char *config_path;		/* absolute */
	struct config *config;		/* in force; NULL while starting */
	struct listener_set *listeners; /* in force */
	struct pools pools;
	bool draining; /* told to report not ready */
	bool detached; /* -d */
	bool verbose;  /* -v: log_level is debug */
	int64_t started_ms;
	uint64_t generation; /* grows with each configuration taken up */
	uint64_t n_reloads, n_reload_failures;
	int exit_status;
};

extern struct supervisor supervisor;

/*
 * Runs the daemon with CONFIG (read and checked; its reference is taken over)
 * until it has stopped; returns the exit status. READY is called once, when
 * every pool is ready. supervisor.config_path must be set.
 */
int supervisor_run(struct config *config, void (*ready)(void));

/* The state in a few words, for titles and STATUS=. BUF of 128 bytes. */
char *supervisor_describe(char *buf, size_t size);

/* NULL when ready, else why not ("pool "default" is failed"). BUF of 160. */
const char *supervisor_not_ready(char *buf, size_t size);

#endif
