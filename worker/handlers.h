/* SPDX-License-Identifier: ISC */
#ifndef WORKER_HANDLERS_H
#define WORKER_HANDLERS_H

#include "worker/preforkd.h"

/* The handler NAME, or NULL. */
const struct pf_handler *handlers_find(const char *name);

#endif
