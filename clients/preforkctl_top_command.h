/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCTL_TOP_COMMAND_H
#define CLIENTS_PREFORKCTL_TOP_COMMAND_H

#include <stddef.h>

/*
 * Sends TEXT, a request line with its newline, to the daemon behind the control
 * socket PATH, over a connection of its own. What it answers first, or why it
 * did not, goes into MESSAGE of SIZE bytes. Blocks for two seconds at most.
 */
void
top_command(const char *path, const char *text, char *message, size_t size);

#endif
