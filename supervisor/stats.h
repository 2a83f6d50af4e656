/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_STATS_H
#define SUPERVISOR_STATS_H

#include <jansson.h>

#include "common/buffer.h"
#include "supervisor/pool.h"

/*
 * The statistics, in three forms. Counters are sums over living and dead
 * workers and never go back; gauges are of the living.
 */

/* Everything, as one object. NULL when memory ran out. */
json_t *stats_json(void);

/* Tables for people. */
void stats_text(struct buffer *out);

/* Prometheus text format 0.0.4. */
void stats_prometheus(struct buffer *out);

/* Accepted connections over the serving workers of POOL: the highest over the
 * mean; 0 when there were none. */
double stats_spread(const struct pool *pool);

#endif
