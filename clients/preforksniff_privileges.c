/* SPDX-License-Identifier: ISC */
/*
 * Out of privileges: what is opened is open, from here on there are only bytes
 * to take apart that anybody may have sent. Runs once, before the first packet
 * or byte of a file is looked at; what was given up is checked.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include <linux/capability.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clients/preforksniff_privileges.h"

#define USER_DEFAULT "nobody"
#define NOBODY_ID    65534 /* where that name is not known */

struct identity {
	uid_t uid;
	gid_t gid;
};

struct capabilities {
	uint32_t effective[2], permitted[2];
};

static bool
fail(char *why, size_t size, const char *what)
{
	int error = errno;

	snprintf(why, size, "cannot %s: %s", what, strerror(error));
	errno = error;
	return false;
}

static bool
fail_user(char *why, size_t size, const char *name)
{
	int error = errno;

	snprintf(why, size, "cannot become user \"%s\": %s", name,
	    error == ENOENT ? "no such name" : strerror(error));
	errno = error;
	return false;
}

/* --- capabilities -------------------------------------------------------- */

static bool
get_capabilities(struct capabilities *capabilities)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) == -1)
		return false;
	for (int i = 0; i < 2; i++) {
		capabilities->effective[i] = data[i].effective;
		capabilities->permitted[i] = data[i].permitted;
	}
	return true;
}

static bool
has_capability(unsigned capability)
{
	struct capabilities own;

	return get_capabilities(&own) &&
	    (own.effective[CAP_TO_INDEX(capability)] &
		CAP_TO_MASK(capability)) != 0;
}

/* No program that is executed could get them back. Needs CAP_SETPCAP, and
 * without it no_new_privs does the same. */
static void
empty_bounding_set(void)
{
	for (int i = 0; i < 64; i++)
		prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
}

static bool
give_up_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };
	struct capabilities left;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 ||
	    syscall(SYS_capset, &header, none) == -1 ||
	    !get_capabilities(&left))
		return false;
	errno = EPERM;
	return (left.effective[0] | left.effective[1] | left.permitted[0] |
		   left.permitted[1]) == 0;
}

/* --- user ---------------------------------------------------------------- */

static bool
look_up(const char *user, struct identity *identity)
{
	errno = 0;
	const struct passwd *entry =
	    getpwnam(user == NULL ? USER_DEFAULT : user);
	if (entry != NULL) {
		identity->uid = entry->pw_uid;
		identity->gid = entry->pw_gid;
		return true;
	}
	if (errno == 0)
		errno = ENOENT;
	if (user != NULL)
		return false;
	identity->uid = NOBODY_ID;
	identity->gid = NOBODY_ID;
	return true;
}

static bool
become(const struct identity *identity)
{
	uid_t uids[3];
	gid_t gids[3];

	if (setgroups(0, NULL) == -1 ||
	    setresgid(identity->gid, identity->gid, identity->gid) == -1 ||
	    setresuid(identity->uid, identity->uid, identity->uid) == -1 ||
	    getresuid(&uids[0], &uids[1], &uids[2]) == -1 ||
	    getresgid(&gids[0], &gids[1], &gids[2]) == -1)
		return false;
	errno = EPERM;
	for (int i = 0; i < 3; i++) {
		if (uids[i] != identity->uid || gids[i] != identity->gid)
			return false;
	}
	return true;
}

static bool
change_user(const char *user, char *why, size_t why_size)
{
	const char *name = user == NULL ? USER_DEFAULT : user;
	struct identity identity;

	if (!look_up(user, &identity))
		return fail_user(why, why_size, name);
	if (identity.uid == geteuid() && identity.gid == getegid())
		return true;
	if (!has_capability(CAP_SETUID) || !has_capability(CAP_SETGID)) {
		if (user == NULL)
			return true;
		errno = EPERM;
		return fail_user(why, why_size, name);
	}
	return become(&identity) || fail_user(why, why_size, name);
}

bool
sniff_privileges_drop(const char *user, char *why, size_t why_size)
{
	empty_bounding_set();
	if (!change_user(user, why, why_size))
		return false;
	if (!give_up_capabilities())
		return fail(why, why_size, "give up capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return fail(why, why_size, "set no_new_privs");
	return true;
}
