/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_CLIENT_CALL_H
#define CLIENTS_CLIENT_CALL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Calls FUNCTION(DATA), which may block for as long as it likes (a resolver),
 * and waits for it until DEADLINE_MS of clock_monotonic_ms(), for ever when
 * that is 0. Returns false when it was late: it then goes on by itself and
 * keeps DATA, which must be malloc'ed for that reason and must not be used or
 * freed any more; the program had better end.
 */
bool client_call(void (*function)(void *data), void *data, int64_t deadline_ms);

#endif
