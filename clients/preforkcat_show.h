/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_SHOW_H
#define CLIENTS_PREFORKCAT_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What goes to standard error: complaints, the steps (-v), the bytes (--hex).
 * Standard output is for what the peer says. */

/* From now on time is counted; STEPS and BYTES are shown or not. */
void show_begin(bool steps, bool bytes);

/* "preforkcat: ...", always. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, for -v. */
void show_step(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with how long it took since the step before. */
void show_timed(const char *format, ...) __attribute__((format(printf, 1, 2)));

bool show_wants_bytes(void);

/* Bytes that go out ('>') or came in ('<'): offset, hex, escaped text. */
void show_bytes(char direction, const void *data, size_t len);

/* LEN bytes went out or came in, seen or not: what show_total() adds up. The
 * first that come are a step. */
void show_sent(size_t len);
void show_received(size_t len);

/* The last step: both sums, and the time since show_begin(). */
void show_total(void);

#endif
