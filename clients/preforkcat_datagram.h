/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_DATAGRAM_H
#define CLIENTS_PREFORKCAT_DATAGRAM_H

#include <stddef.h>

#include "clients/client_dial.h"
#include "clients/client_status.h"
#include "clients/preforkcat_options.h"

/*
 * Sends standard input as datagrams to the first of N ENDPOINTS that answers,
 * and writes the answers to standard output. Complains by itself. Returns the
 * exit status. BLOCKS.
 */
enum client_status datagram_talk(const struct options *options,
    const struct dial_wish *wish, const struct endpoint *endpoints, size_t n);

#endif
