/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_CRLF_H
#define CLIENTS_PREFORKCAT_CRLF_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies LEN bytes of SRC to DST (2 * LEN) with CR LF for each LF that has no
 * CR before it. *AFTER_CR is the state between calls; it begins false. Returns
 * the number of bytes. Pure.
 */
size_t crlf_copy(char *dst, const char *src, size_t len, bool *after_cr);

#endif
