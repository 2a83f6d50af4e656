/* SPDX-License-Identifier: ISC */
#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

#include "common/config.h"

/*
 * From here on no file can be opened (Landlock) and no program started nor
 * the system changed (seccomp). SANDBOX_LOG forbids nothing and makes the
 * kernel log what would have been forbidden. Needs no_new_privs. What the
 * kernel cannot do is told at level info, and the worker goes on without.
 */
void sandbox_enter(enum sandbox_mode mode);

#endif
