/* SPDX-License-Identifier: ISC */
/*
 * From root to a user that has no rights here. Runs in each worker, early, and
 * in the supervisor's resolver. Names are looked up before chroot(2), while the
 * files that tell them are there; after it nothing of the old identity is left,
 * and that is checked.
 */
#include <sys/types.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/privileges.h"

#define GROUPS_MAX 1024

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	int n_groups;
};

static bool
fail(char *why, size_t size, const char *what, const char *name)
{
	int error = errno;

	snprintf(why, size, "cannot %s \"%s\": %s", what, name,
	    error == 0 ? "no such name" : strerror(error));
	errno = error;
	return false;
}

static bool
look_up(struct identity *identity, const struct privileges *wanted, char *why,
    size_t why_size)
{
	errno = 0;
	const struct passwd *user = getpwnam(wanted->user);
	if (user == NULL)
		return fail(why, why_size, "become user", wanted->user);
	identity->uid = user->pw_uid;
	identity->gid = user->pw_gid;
	if (*wanted->group != '\0') {
		errno = 0;
		const struct group *group = getgrnam(wanted->group);
		if (group == NULL)
			return fail(
			    why, why_size, "become group", wanted->group);
		identity->gid = group->gr_gid;
	}
	identity->n_groups = GROUPS_MAX;
	errno = E2BIG;
	if (getgrouplist(wanted->user, identity->gid, identity->groups,
		&identity->n_groups) == -1)
		return fail(why, why_size, "take groups of", wanted->user);
	return true;
}

/* Without being root: is it what we are already? */
static bool
keep(const struct privileges *wanted, char *why, size_t why_size)
{
	static struct identity identity;

	if (*wanted->chroot != '\0') {
		snprintf(why, why_size,
		    "cannot change root folder to \"%s\": only root can",
		    wanted->chroot);
		errno = EPERM;
		return false;
	}
	if (*wanted->user == '\0')
		return true;
	if (!look_up(&identity, wanted, why, why_size))
		return false;
	if (identity.uid == geteuid() &&
	    (*wanted->group == '\0' || identity.gid == getegid()))
		return true;
	snprintf(why, why_size, "cannot become user \"%s\": only root can",
	    wanted->user);
	errno = EPERM;
	return false;
}

static bool
has_become(const struct identity *identity)
{
	uid_t uids[3];
	gid_t gids[3];

	if (getresuid(&uids[0], &uids[1], &uids[2]) == -1 ||
	    getresgid(&gids[0], &gids[1], &gids[2]) == -1)
		return false;
	for (int i = 0; i < 3; i++) {
		if (uids[i] != identity->uid || gids[i] != identity->gid)
			return false;
	}
	/* There must be no way back. */
	return identity->uid == 0 || setuid(0) == -1;
}

bool
privileges_drop(const struct privileges *wanted, char *why, size_t why_size)
{
	static struct identity identity;

	if (geteuid() != 0)
		return keep(wanted, why, why_size);
	if (!look_up(&identity, wanted, why, why_size))
		return false;
	if (*wanted->chroot != '\0' &&
	    (chroot(wanted->chroot) == -1 || chdir("/") == -1))
		return fail(
		    why, why_size, "change root folder to", wanted->chroot);
	if (setgroups((size_t)identity.n_groups, identity.groups) == -1)
		return fail(why, why_size, "take groups of", wanted->user);
	if (setresgid(identity.gid, identity.gid, identity.gid) == -1)
		return fail(why, why_size, "take group of", wanted->user);
	if (setresuid(identity.uid, identity.uid, identity.uid) == -1)
		return fail(why, why_size, "become user", wanted->user);
	errno = EPERM;
	return has_become(&identity) ||
	    fail(why, why_size, "become nothing but", wanted->user);
}
