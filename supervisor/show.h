/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_SHOW_H
#define SUPERVISOR_SHOW_H

#include <jansson.h>

#include "supervisor/pool.h"

/*
 * The state of things as JSON values, for the control socket. Each returns a
 * new reference, or NULL when memory ran out.
 */
json_t *show_status(void);    /* object, with the pools */
json_t *show_pools(void);     /* array, a row a pool */
json_t *show_listeners(void); /* array, a row a socket */
/* Array, a row a slot in use; of POOL, or of all when NULL. */
json_t *show_workers(struct pool *pool);

/* Takes what is too long for a column out of the table of pools of
 * show_status() into one of its own, for people. Takes the reference and
 * returns it; NULL when memory ran out. */
json_t *show_last_exits_apart(json_t *status);

/* CPU time in ms and resident memory in bytes of a process, from /proc; false
 * when it is gone. */
bool show_usage(pid_t pid, int64_t *cpu_ms, int64_t *rss_bytes);

#endif
