/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCTL_TOP_MODEL_H
#define CLIENTS_PREFORKCTL_TOP_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOP_HISTORY 60 /* samples of a sparkline */

/* The last samples of a rate, oldest first. */
struct top_history {
	double values[TOP_HISTORY];
	size_t n;
};

struct top_pool {
	char name[64], state[16];
	int64_t workers, exited, failed, killed;
	double spread; /* highest over mean of accepted connections */
};

struct top_worker {
	char name[64], state[16], role[16], last_exit[24];
	int64_t pid, age_s, connections, rss_bytes;
	int64_t requests, cpu_ms; /* so far */
	double requests_rate;	  /* per second */
	double cpu;		  /* parts of one core: 1.0 = all of it */
};

struct top_service {
	char name[64];
	int64_t active;
	int64_t queue, queue_limit; /* of its accept queues; limit 0: none */
	int64_t requests, refused, bytes_in, bytes_out; /* so far */
	double requests_rate, refused_rate, in_rate, out_rate;
	struct top_history history; /* of requests_rate */
};

/* What the screen shows: the last answer of the daemon, and how it differs
 * from the one before. Zero to begin. */
struct top_model {
	char version[32], reason[160];
	bool ready;
	int64_t pid, uptime_s, configuration;
	struct top_pool *pools;
	struct top_worker *workers;
	struct top_service *services;
	size_t n_pools, n_workers, n_services;
	struct top_history history; /* requests a second, of all services */
	int64_t taken_us;	    /* when; 0: never */
};

enum top_order {
	TOP_BY_NAME = 0, /* as the daemon lists them */
	TOP_BY_CONNECTIONS,
	TOP_BY_REQUESTS,
	TOP_BY_CPU,
	TOP_BY_MEMORY,
	TOP_BY_AGE,
};

/*
 * Takes STATS, the answer to "stats json", of the monotonic time NOW_US. Rates
 * are those since the answer before; 0 for what was not there then. False, and
 * nothing is changed, when it is no such answer or memory ran out. STATS stays
 * the caller's. Pure: no clock, no socket.
 */
bool
top_model_take(struct top_model *model, const json_t *stats, int64_t now_us);

/* Sorts the workers, those with most first. */
void top_model_sort(struct top_model *model, enum top_order order);

void top_model_clear(struct top_model *model);

#endif
