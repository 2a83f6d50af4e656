/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_HTTP_H
#define CLIENTS_PREFORKCAT_HTTP_H

#include "clients/client_status.h"
#include "clients/preforkcat_ends.h"
#include "clients/preforkcat_options.h"

/*
 * Asks PEER for the URL and writes the body of the response to standard output,
 * behind its header if that is wanted. Complains by itself. Returns the exit
 * status: 0 for a status of 2xx, its first digit for another, or one of
 * client_status.h. BLOCKS.
 */
int http_get(const struct options *options, struct end *peer);

#endif
