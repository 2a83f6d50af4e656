/* SPDX-License-Identifier: ISC */
#ifndef WORKER_LISTING_H
#define WORKER_LISTING_H

#include "worker/worker.h"

struct worker;

/* Answers MESSAGE_LIST: a row for each connection, as it is now, and the end.
 * Never blocks. */
void listing_send(struct worker *worker, const struct message_list *request);

#endif
