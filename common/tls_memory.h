/* SPDX-License-Identifier: ISC */
#ifndef COMMON_TLS_MEMORY_H
#define COMMON_TLS_MEMORY_H

#include <stdbool.h>

/*
 * The memory of OpenSSL.
 *
 * Its readers of keys leave copies of them in memory that they free, and a
 * worker is a copy of the process that has read the keys of all pools. So what
 * OpenSSL frees is wiped first.
 *
 * To be called before anything else of OpenSSL. False when that came too late:
 * then its memory is as it would be without us.
 */
bool tls_memory_guard(void);

/*
 * For a process that reads no keys and should be quick: nothing is wiped any
 * more. Instead the buffers of records are kept for the next who needs one. A
 * connection has them only while bytes move (SSL_MODE_RELEASE_BUFFERS), so
 * that a few serve all, and malloc(3) is not quick with blocks of that size.
 */
void tls_memory_relax(void);

#endif
