/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_PRIVILEGES_H
#define CLIENTS_PREFORKSNIFF_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Gives up everything that a packet could abuse: root becomes USER (NULL:
 * "nobody") without groups, no capability is left, none can be had again.
 * Somebody who may not change the user (not root, or root without CAP_SETUID)
 * stays who he is. Returns false with a line in WHY and errno: EPERM when USER
 * was asked for and cannot be had.
 */
bool sniff_privileges_drop(const char *user, char *why, size_t why_size);

#endif
