/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCTL_COMMANDS_H
#define CLIENTS_PREFORKCTL_COMMANDS_H

#include <stdbool.h>
#include <stdio.h>

/* The commands of common/commands.h as preforkctl needs them. */

bool commands_known(const char *name);

/* The command that NAME was probably meant to be, or NULL. Static. */
const char *commands_nearest(const char *name);

/* One line a command, with arguments and help. */
void commands_print(FILE *out);

/* The exit status that stands for the error code CODE of a reply. */
int commands_exit_status(const char *code);

/* Exit statuses. */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED,
	STATUS_USAGE,
	STATUS_RESTART,	  /* valid, but needs a restart */
	STATUS_CONFIG,	  /* errors in the configuration */
	STATUS_NO_DAEMON, /* nobody answers on the control socket */
};

#endif
