/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_COMMANDS_H
#define SUPERVISOR_COMMANDS_H

#include <stddef.h>

#include "common/commands.h"
#include "supervisor/control_connection.h"

/* The commands of the control socket: CONTROL_COMMANDS with their functions. */
typedef void
command_function(struct control_connection *connection, int argc, char **argv);

struct command {
	const char *name, *arguments, *help;
	enum command_right right;
	command_function *run;
};
extern const struct command commands[];
extern const size_t commands_count;

/* NULL when there is none. */
const struct command *commands_find(const char *name);
/* The name of the one that NAME was probably meant to be, or NULL. */
const char *commands_nearest(const char *name);

#endif
