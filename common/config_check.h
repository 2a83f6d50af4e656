/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CONFIG_CHECK_H
#define COMMON_CONFIG_CHECK_H

#include "common/config.h"
#include "common/config_raw.h"

/*
 * Checks between values of a configuration that are good by themselves. Adds
 * to ERRORS; sets service->pool_config. RAW tells where things were written.
 */
void config_check(struct config *config, struct raw_config *raw,
    const struct handler_catalog *catalog, struct errors *errors);

#endif
