/* SPDX-License-Identifier: ISC */
/*
 * Who else can change a configuration. Who writes it decides what root's
 * daemon does, so others are told of; but it is no error: in containers and
 * on shared folders owners may be meant as they are, and a server that is not
 * started protects nobody. Used while a configuration is read.
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "common/config_owner.h"

static const char advice[] =
    "only root, or the user that runs the daemon, should be able to";

static void
tell_owner(const char *file, const struct stat *st, struct errors *warnings)
{
	const struct passwd *user = getpwuid(st->st_uid);

	if (user != NULL)
		errors_add(warnings, file, 0,
		    "user \"%s\", whose file it is, can change it; %s",
		    user->pw_name, advice);
	else
		errors_add(warnings, file, 0,
		    "user %u, whose file it is, can change it; %s",
		    (unsigned)st->st_uid, advice);
}

static void
tell_group(const char *file, const struct stat *st, struct errors *warnings)
{
	const struct group *group = getgrgid(st->st_gid);

	if (group != NULL)
		errors_add(warnings, file, 0,
		    "group \"%s\" can change it (mode %04o); %s",
		    group->gr_name, st->st_mode & 07777, advice);
	else
		errors_add(warnings, file, 0,
		    "group %u can change it (mode %04o); %s",
		    (unsigned)st->st_gid, st->st_mode & 07777, advice);
}

void
config_owner_check(
    const char *file, const struct stat *st, struct errors *warnings)
{
	bool own_group = geteuid() != 0 && st->st_gid == getegid();

	if (st->st_uid != 0 && st->st_uid != geteuid())
		tell_owner(file, st, warnings);
	if (st->st_mode & S_IWOTH)
		errors_add(warnings, file, 0,
		    "everybody can change it (mode %04o); %s",
		    st->st_mode & 07777, advice);
	else if ((st->st_mode & S_IWGRP) && !own_group)
		tell_group(file, st, warnings);
}
