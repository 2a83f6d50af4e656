/* SPDX-License-Identifier: ISC */
#ifndef WORKER_LEAVE_H
#define WORKER_LEAVE_H

/* Under AddressSanitizer the leak check wants to look at the process. */
#if defined(__SANITIZE_ADDRESS__)
#define LEAVE_CHECKS_LEAKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAVE_CHECKS_LEAKS 1
#endif
#endif

#ifdef LEAVE_CHECKS_LEAKS
#define LEAVE_NEEDS_DUMPABLE 1
#else
#define LEAVE_NEEDS_DUMPABLE 0
#endif

struct worker;

/* Frees everything and ends the process. Nothing that the supervisor has
 * registered with atexit(3) or left in a stdio buffer happens here. */
_Noreturn void leave_exit(struct worker *worker, int status);

#endif
