/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CONFIG_OWNER_H
#define COMMON_CONFIG_OWNER_H

#include <sys/stat.h>

#include "common/errors.h"

/*
 * Adds to WARNINGS when somebody can change the configuration FILE, which ST
 * describes, who is neither root nor the user of this process: its owner, its
 * group, everybody. The group of a process that is not root's is as good as
 * its user.
 */
void config_owner_check(
    const char *file, const struct stat *st, struct errors *warnings);

#endif
