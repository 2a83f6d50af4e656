/* SPDX-License-Identifier: ISC */
#ifndef COMMON_NETWORKS_H
#define COMMON_NETWORKS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

/* Lists of networks in CIDR notation (RFC 4632), separated by blanks or
 * commas. The parser returns false with a phrase in WHY; LIST is empty then. */
bool networks_parse(
    struct network_list *list, const char *text, char *why, size_t why_size);
void networks_clear(struct network_list *list);

/* One network as text; BUF needs 64 bytes. Returns BUF. */
char *network_format(const struct network *network, char *buf, size_t size);

#endif
