/* SPDX-License-Identifier: ISC */
#ifndef COMMON_PRIVILEGES_H
#define COMMON_PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

/* Who to become. "" = not asked for. */
struct privileges {
	const char *user;
	const char *group; /* "" = that of USER */
	const char *chroot;
};

/*
 * The one place where privileges are given up: root folder, supplementary
 * groups, group, user, in that order, each verified. Without being root there
 * is nothing to give up, and only the identity that the process has can be
 * asked for. Returns false with a line in WHY and errno: 0, EPERM and the like
 * when the configuration asks for what cannot be had.
 */
bool
privileges_drop(const struct privileges *wanted, char *why, size_t why_size);

#endif
