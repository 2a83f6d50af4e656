/* SPDX-License-Identifier: ISC */
#ifndef COMMON_TLS_MEMORY_H
#define COMMON_TLS_MEMORY_H

#include <stdbool.h>

/*
 * OpenSSL's readers of keys leave copies of them in memory that they free, and
 * a worker is a copy of the process that has read the keys of all pools. So
 * what OpenSSL frees is wiped first.
 *
 * To be called before anything else of OpenSSL. False when that came too late:
 * then nothing is wiped.
 */
bool tls_memory_guard(void);

/* Not any more: this process reads no keys, and should be quick. */
void tls_memory_relax(void);

#endif
