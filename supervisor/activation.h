/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_ACTIVATION_H
#define SUPERVISOR_ACTIVATION_H

#include <stddef.h>

#define ACTIVATION_MAX 64 /* sockets taken from the service manager */

/*
 * Sockets passed by a service manager (sd_listen_fds(3)): descriptors from 3
 * on, named by $LISTEN_FDNAMES. They stay open for the daemon's whole life, so
 * that a reload may use one that the start did not.
 */

/* Takes them over and removes the variables from the environment. To be called
 * before any other descriptor is opened, which could be taken for one. */
void activation_init(void);

/* Fills FDS (at most MAX) with the descriptors named NAME; returns their
 * number. They remain activation's. */
size_t activation_find(const char *name, int *fds, size_t max);

/* The names, separated by commas, for messages; "none" if there are none.
 * Returns BUF. */
char *activation_names(char *buf, size_t size);

#endif
