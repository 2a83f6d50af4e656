/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

#include <stdbool.h>

#include "common/commands.h"
#include "common/errors.h"
#include "supervisor/pool.h"

/*
 * Taking up a configuration: at start (from nothing), on reload, and new
 * workers for the configuration in force (restart). One at a time.
 *
 *   idle -> reading -> resolving -> starting -> idle
 *
 * until the swap at the end nothing that serves has changed; a failure on the
 * way undoes what was opened and started.
 */

/* How it ended. TEXT is one line; ERRORS the messages of a bad file, or
 * empty; WARNINGS those about a good one, or NULL, of its configuration. */
struct reload_result {
	bool ok;
	enum control_error code; /* when not ok */
	char text[256];
	struct errors errors;
	const struct errors *warnings;
};

/* Called once with the result of a request. */
typedef void reload_done(void *arg, const struct reload_result *result);

/*
 * Asks for a reload. Requests that come while one is under way are answered
 * together by one more after it. DONE may be NULL (a signal); it is called
 * from the loop or at once. Returns false when memory ran out.
 */
bool reload_request(reload_done *done, void *arg);

/* New workers for POOL (NULL: all pools) with the configuration in force, old
 * ones drain when the new are ready. Fails with busy during a reload. */
void reload_restart(struct pool *pool, reload_done *done, void *arg);

/* The asker is gone: its DONE is not called any more. */
void reload_forget(void *arg);

/* Takes up the first configuration, already read. The daemon ends with
 * EXIT_FAILURE or EX_CONFIG when that fails. READY is called on success. */
void reload_begin_first(struct config *config, void (*ready)(void));

/* Gives up what is under way, because the daemon stops. */
void reload_cancel(const char *why);

bool reload_active(void);

/* Told by pool.c: a worker of a starting generation is ready; one ended and
 * will not be replaced. */
void reload_worker_ready(void);
void reload_worker_failed(struct pool *pool, struct worker_handle *worker);

#endif
