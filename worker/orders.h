/* SPDX-License-Identifier: ISC */
#ifndef WORKER_ORDERS_H
#define WORKER_ORDERS_H

#include "worker/worker.h"

/* Does what a message of the supervisor says; takes FD (or -1) over. ARG is
 * the struct worker. */
void orders_obey(void *arg, const struct worker_message *message, int fd);

/* The supervisor has died: nobody may find this worker listening. */
void orders_orphaned(void *arg);

#endif
