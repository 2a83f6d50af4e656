/* SPDX-License-Identifier: ISC */
/*
 * A deadline for functions of the system that know of none: they run in a
 * thread, and who is late is not waited for.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "clients/client_call.h"

struct call {
	void (*function)(void *);
	void *data;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool has_ended;
};

static void *
run(void *data)
{
	struct call *call = data;

	call->function(call->data);
	pthread_mutex_lock(&call->lock);
	call->has_ended = true;
	pthread_cond_signal(&call->ended);
	pthread_mutex_unlock(&call->lock);
	return NULL;
}

/* NULL when there is no memory. */
static struct call *
call_new(void (*function)(void *), void *data)
{
	struct call *call = calloc(1, sizeof(*call));
	pthread_condattr_t monotonic;

	if (call == NULL)
		return NULL;
	call->function = function;
	call->data = data;
	pthread_mutex_init(&call->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&call->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return call;
}

static void
call_free(struct call *call)
{
	pthread_cond_destroy(&call->ended);
	pthread_mutex_destroy(&call->lock);
	free(call);
}

static bool
has_ended_by(struct call *call, int64_t deadline_ms)
{
	const struct timespec end = {
		.tv_sec = deadline_ms / 1000,
		.tv_nsec = deadline_ms % 1000 * 1000000,
	};
	int error = 0;

	pthread_mutex_lock(&call->lock);
	while (!call->has_ended && error == 0)
		error = pthread_cond_timedwait(&call->ended, &call->lock, &end);
	bool has_ended = call->has_ended;
	pthread_mutex_unlock(&call->lock);
	return has_ended;
}

bool
client_call(void (*function)(void *data), void *data, int64_t deadline_ms)
{
	struct call *call = deadline_ms == 0 ? NULL : call_new(function, data);
	pthread_t thread;

	if (call == NULL) {
		function(data);
		return true;
	}
	if (pthread_create(&thread, NULL, run, call) != 0) {
		call_free(call);
		function(data);
		return true;
	}
	if (!has_ended_by(call, deadline_ms)) {
		pthread_detach(thread);
		return false;
	}
	pthread_join(thread, NULL);
	call_free(call);
	return true;
}
