/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_RESOLVE_H
#define CLIENTS_PREFORKCAT_RESOLVE_H

#include "clients/client_status.h"
#include "clients/preforkcat_options.h"

/*
 * Writes a line for each answer of getaddrinfo(3) for the name of the address:
 * family, type, protocol, canonical name, address, and its reverse name; "-"
 * where there is none. Complains by itself. Returns the exit status. BLOCKS.
 */
enum client_status resolve_print(const struct options *options);

#endif
