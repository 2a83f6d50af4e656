/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_TICKET_KEYS_H
#define SUPERVISOR_TICKET_KEYS_H

#include <stdbool.h>

#include "common/config.h"

/*
 * Gives each service of CONFIG that speaks TLS its page of ticket keys, by the
 * service's name: the one that it has already, or a new one. To be called
 * before anything is forked for CONFIG. False with errno; what is in force is
 * not touched either way.
 */
bool ticket_keys_assign(const struct config *config);

/* CONFIG (NULL: none) is in force, or is again after a failed attempt: pages of
 * services that it has not are given up, the others rotated by its settings. */
void ticket_keys_keep(const struct config *config);

#endif
