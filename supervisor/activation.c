/* SPDX-License-Identifier: ISC */
/*
 * Socket activation: the descriptors that systemd, or anything that speaks
 * its protocol, passed to us. Supervisor only. Believes LISTEN_PID, closes
 * nothing that it was not given.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/activation.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static struct {
	struct {
		int fd;
		char name[64];
	} sockets[ACTIVATION_MAX];
	size_t n;
} passed;

static size_t
count_passed(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	const char *error = NULL;

	if (pid == NULL || fds == NULL ||
	    strtoll(pid, NULL, 10) != (long long)getpid())
		return 0;
	long long n = strtonum(fds, 1, ACTIVATION_MAX, &error);
	if (error == NULL)
		return (size_t)n;
	log_warn("no passed socket is used: LISTEN_FDS is %s, at most %d can "
		 "be passed",
	    error, ACTIVATION_MAX);
	return 0;
}

/* The names are separated by colons; a missing one is "unknown". */
static void
take_name(const char **names, char *name, size_t size)
{
	size_t len = *names == NULL ? 0 : strcspn(*names, ":");

	if (len == 0)
		strlcpy(name, "unknown", size);
	else
		snprintf(name, size, "%.*s", (int)len, *names);
	if (*names != NULL)
		*names = (*names)[len] == ':' ? *names + len + 1 : NULL;
}

void
activation_init(void)
{
	const char *names = getenv("LISTEN_FDNAMES");
	size_t n = count_passed();

	for (size_t i = 0; i < n; i++) {
		int fd = FIRST_FD + (int)i;
		char name[64];
		take_name(&names, name, sizeof(name));
		/* One that is not open will soon be something of ours. */
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
			continue;
		passed.sockets[passed.n].fd = fd;
		strlcpy(passed.sockets[passed.n++].name, name, sizeof(name));
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

size_t
activation_find(const char *name, int *fds, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < passed.n && n < max; i++) {
		if (strcmp(passed.sockets[i].name, name) == 0)
			fds[n++] = passed.sockets[i].fd;
	}
	return n;
}

char *
activation_names(char *buf, size_t size)
{
	strlcpy(buf, passed.n == 0 ? "none" : "", size);
	for (size_t i = 0; i < passed.n; i++) {
		if (i > 0)
			strlcat(buf, ", ", size);
		strlcat(buf, passed.sockets[i].name, size);
	}
	return buf;
}
