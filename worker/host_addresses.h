/* SPDX-License-Identifier: ISC */
#ifndef WORKER_HOST_ADDRESSES_H
#define WORKER_HOST_ADDRESSES_H

#include <stddef.h>

#include "worker/datagram_rules.h"

/* The addresses that this host has now (getifaddrs(3)), malloc'ed, the
 * caller's; *N tells how many. NULL with errno, and 0, when they cannot be
 * had. */
struct host_address *host_addresses_get(size_t *n);

#endif
