/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CONFIG_BUILD_H
#define COMMON_CONFIG_BUILD_H

#include "common/config.h"

/*
 * Makes pools, services and all values out of what config->extra holds. Adds
 * to ERRORS; a required value that is missing or wrong stays NULL then.
 */
void config_build(struct config *config, const struct handler_catalog *catalog,
    struct errors *errors);

#endif
