/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_STREAM_H
#define CLIENTS_PREFORKCAT_STREAM_H

#include "clients/client_status.h"
#include "clients/preforkcat_ends.h"
#include "clients/preforkcat_options.h"

/*
 * Copies standard input to PEER and PEER to standard output, until the peer has
 * ended its side and everything that it said is written. Complains by itself.
 * Returns the exit status. BLOCKS.
 */
enum client_status stream_copy(const struct options *options, struct end *peer);

#endif
