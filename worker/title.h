/* SPDX-License-Identifier: ISC */
#ifndef WORKER_TITLE_H
#define WORKER_TITLE_H

struct worker;

void title_init(struct worker *worker);

/* Shows pool, slot, phase and load now. */
void title_show(struct worker *worker);

/* The load has changed: shown within a second, at most once a second. */
void title_touch(struct worker *worker);

void title_free(struct worker *worker);

#endif
