/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CONFIG_CHECK_H
#define COMMON_CONFIG_CHECK_H

#include "common/config.h"

/*
 * Checks between values of a configuration that are good by themselves. Adds
 * to ERRORS; sets service->pool_config. A required value that was wrong is
 * NULL in CONFIG and has been told.
 */
void config_check(struct config *config, const struct handler_catalog *catalog,
    struct errors *errors);

#endif
