/* SPDX-License-Identifier: ISC */
#ifndef WORKER_OOM_SCORE_H
#define WORKER_OOM_SCORE_H

/* When memory runs out the kernel should take a worker, which is replaced, and
 * not the supervisor: this process gets a score 100 above the one it has
 * inherited. Needs files; what cannot be done is left undone. */
void oom_score_raise(void);

#endif
