/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_CERTIFICATES_H
#define SUPERVISOR_CERTIFICATES_H

#include <jansson.h>

#include "common/buffer.h"

/* Warns once a day from now on of each certificate in force that is not valid,
 * or not for long. Those warnings a reload has given already. */
void certificates_watch(void);

/* A row for each certificate in force, for the control socket; NULL when
 * memory ran out. */
json_t *certificates_show(void);

/* "OpenSSL 3.0.15, without the kernel": what TLS is made with. */
const char *certificates_library(void);

#endif
