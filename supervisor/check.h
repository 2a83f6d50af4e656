/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_CHECK_H
#define SUPERVISOR_CHECK_H

#include "common/config.h"
#include "common/errors.h"

/*
 * What `preforkd -t` looks at beyond the file itself: that logs can be opened,
 * folders exist, host names resolve and addresses are this machine's and
 * allowed. An address that is in use is no error, the running daemon has it.
 * Blocks for name look-ups. Leaves nothing behind.
 */
void check_config(const struct config *config, struct errors *errors);

/* The part of it about log and access_log, which a reload asks too; does not
 * block. */
void check_logs(const struct config *config, struct errors *errors);

#endif
