/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_ASKERS_H
#define SUPERVISOR_ASKERS_H

#include <sys/queue.h>

#include <stdbool.h>

#include "supervisor/reload.h"

/* Those who asked for a reload and wait for its result. */
struct asker {
	TAILQ_ENTRY(asker) entry;
	reload_done *done;
	void *arg;
};

TAILQ_HEAD(askers, asker);

/* DONE may be NULL: nobody waits. False when memory ran out. */
bool askers_add(struct askers *askers, reload_done *done, void *arg);

/* The one with ARG is gone and must not be called. */
void askers_forget(struct askers *askers, const void *arg);

/* Calls each once and forgets it. */
void askers_answer(struct askers *askers, const struct reload_result *result);

#endif
