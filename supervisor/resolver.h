/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_RESOLVER_H
#define SUPERVISOR_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/config.h"

/*
 * Looks host names of listeners up in a child process, because getaddrinfo(3)
 * may block for longer than a supervisor may, and because what answers it comes
 * from the network: the child has the rights of a worker. One look-up at a
 * time.
 */

/* The answer for one address. */
struct resolved_name {
	struct address address;
	size_t n; /* 0: WHY says why */
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	char why[128];
};

struct resolved {
	struct resolved_name *names;
	size_t n;
};

/* The endpoints of ADDRESS, or NULL when it was not asked for. */
const struct resolved_name *
resolved_find(const struct resolved *resolved, const struct address *address);
void resolved_clear(struct resolved *resolved);

/*
 * Asks for NAMES (addresses filled in, the array malloc'ed; resolver's from
 * now on) as the user of DAEMON. DONE is called from the loop with the answers,
 * which it must resolved_clear(), after TIMEOUT_MS at the latest: names without
 * an answer then say so. Returns false with errno when no child could be
 * started; NAMES are then still the caller's.
 */
bool resolver_start(struct resolved *names, const struct daemon_config *daemon,
    int64_t timeout_ms, void (*done)(struct resolved *answers));

/* Forgets a look-up that is under way; DONE will not be called. */
void resolver_cancel(void);

#endif
