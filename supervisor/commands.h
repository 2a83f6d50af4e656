/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_COMMANDS_H
#define SUPERVISOR_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/commands.h"
#include "supervisor/control_connection.h"
#include "supervisor/pool.h"

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

#define DECLARE(name, ...) command_function command_##name;
CONTROL_COMMANDS(DECLARE)
#undef DECLARE

/* Splits LINE (changed in place) into words and runs its command, which
 * answers CONNECTION. */
void commands_run(struct control_connection *connection, char *line);

/* NULL when there is none. */
const struct command *commands_find(const char *name);
/* The name of the one that NAME was probably meant to be, or NULL. */
const char *commands_nearest(const char *name);

/* For commands: true when no more than MAX words follow; answers otherwise. */
bool commands_at_most(
    struct control_connection *connection, int argc, char **argv, int max);
/* Answers that word I is not possible. */
void
commands_bad_word(struct control_connection *connection, char **argv, int i);
/* The pool that word I names; NULL after answering that there is none. */
struct pool *
commands_pool(struct control_connection *connection, char **argv, int i);

#endif
