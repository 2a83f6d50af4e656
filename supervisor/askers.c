/* SPDX-License-Identifier: ISC */
/*
 * The list of those who wait for a reload. Supervisor only. An asker may go
 * away at any time, also while others are being answered.
 */
#include <stdlib.h>

#include "supervisor/askers.h"

bool
askers_add(struct askers *askers, reload_done *done, void *arg)
{
	if (done == NULL)
		return true;
	struct asker *asker = calloc(1, sizeof(*asker));
	if (asker == NULL)
		return false;
	asker->done = done;
	asker->arg = arg;
	TAILQ_INSERT_TAIL(askers, asker, entry);
	return true;
}

void
askers_forget(struct askers *askers, const void *arg)
{
	struct asker *asker, *next;

	TAILQ_FOREACH_SAFE (asker, askers, entry, next) {
		if (asker->arg != arg)
			continue;
		TAILQ_REMOVE(askers, asker, entry);
		free(asker);
	}
}

void
askers_answer(struct askers *askers, const struct reload_result *result)
{
	struct asker *asker;

	while ((asker = TAILQ_FIRST(askers)) != NULL) {
		TAILQ_REMOVE(askers, asker, entry);
		asker->done(asker->arg, result);
		free(asker);
	}
}
