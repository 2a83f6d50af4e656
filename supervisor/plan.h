/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_PLAN_H
#define SUPERVISOR_PLAN_H

#include <stdbool.h>

#include "common/buffer.h"
#include "common/config.h"
#include "supervisor/listener_set.h"

/*
 * What has to happen to go from one configuration to another. Pure: looks at
 * two configurations and does nothing. A reload carries it out, `reload plan`
 * prints it.
 */
struct plan_pool {
	const struct pool_config *before, *after; /* NULL: not there */
	bool renew;				  /* needs new workers */
};

struct plan {
	struct config_changes changes;
	struct plan_pool *pools; /* those of either configuration */
	size_t n_pools;
	bool restart; /* some change needs a restart of the daemon */
};

/* BEFORE is NULL at the start: then every pool is new. False when memory ran
 * out; the plan is empty then. The configurations must outlive it. */
bool plan_make(
    struct plan *plan, const struct config *before, const struct config *after);
void plan_clear(struct plan *plan);

/* The names of what needs a restart: "control, pid_file". BUF is returned. */
char *plan_restart_names(const struct plan *plan, char *buf, size_t size);

/* The plan as lines of text, with the listeners that would open and close. */
void plan_print(const struct plan *plan, const struct config *after,
    const struct listener_set *listeners, struct buffer *out);

#endif
