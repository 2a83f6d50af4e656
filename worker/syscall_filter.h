/* SPDX-License-Identifier: ISC */
#ifndef WORKER_SYSCALL_FILTER_H
#define WORKER_SYSCALL_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#define SYSCALL_FILTER_MAX 200 /* a jump of BPF reaches no further */

/*
 * From now on the N system calls in NUMBERS fail with EPERM in this process,
 * as do those of other architectures' tables; with LOG_ONLY they succeed and
 * the kernel logs them. Needs no_new_privs. Returns false with errno.
 */
bool syscall_filter_install(const unsigned *numbers, size_t n, bool log_only);

#endif
