/* SPDX-License-Identifier: ISC */
#ifndef COMMON_CONFIG_UNKNOWN_H
#define COMMON_CONFIG_UNKNOWN_H

#include "common/config_raw.h"

/* Names that nobody knows, as errors. Private to common/config*.c. */

/* NAME is no handler of CATALOG; SECTION has it as a value. */
void config_unknown_handler(struct raw_section *section, const char *name,
    const struct handler_catalog *catalog, struct errors *errors);

/* The keys of SECTION that nothing has used. HANDLER is that of a service, or
 * NULL. */
void config_unknown_keys(const struct raw_section *section,
    const struct handler_info *handler, const struct handler_catalog *catalog,
    struct errors *errors);

#endif
