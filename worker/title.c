/* SPDX-License-Identifier: ISC */
/*
 * The process title that ps(1) shows: "worker default/3 serving, 12
 * connections". One timer, started by the first change and not again until it
 * has shown the last, so that an idle worker stays asleep.
 */
#include <stdlib.h>
#include <unistd.h>

#include "worker/state.h"
#include "worker/title.h"

#define TITLE_MS 1000

static const char *const phases[] = { "starting", "serving", "draining" };

static void
expired(struct timer *timer, void *arg)
{
	(void)timer;
	title_show(arg);
}

void
title_init(struct worker *worker)
{
	timers_add_list(
	    &worker->timers, &worker->title.list, TITLE_MS, expired, worker);
}

void
title_show(struct worker *worker)
{
	uint64_t n = worker->connections.active;
	enum worker_phase phase = worker->draining.begun ? PHASE_DRAINING
	    : worker->slot == NULL			 ? PHASE_STARTING
				   : counter_get(&worker->slot->phase);

	if (phase > PHASE_DRAINING)
		phase = PHASE_SERVING;
	if (phase == PHASE_STARTING)
		setproctitle("worker %s starting", worker->name);
	else
		setproctitle("worker %s %s, %llu connection%s", worker->name,
		    phases[phase], (unsigned long long)n, n == 1 ? "" : "s");
}

void
title_touch(struct worker *worker)
{
	if (worker->title.timer.list == NULL)
		timers_start(
		    &worker->title.list, &worker->title.timer, worker->now_ms);
}

void
title_free(struct worker *worker)
{
	timers_stop(&worker->title.timer);
}
