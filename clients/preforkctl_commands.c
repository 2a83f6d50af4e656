/* SPDX-License-Identifier: ISC */
/*
 * What preforkctl knows of the commands without asking a daemon: names, help,
 * what a misspelt one may have meant, and which exit status an error becomes.
 * All of it comes from the tables in common/commands.h.
 */
#include <stdint.h>
#include <string.h>

#include "clients/preforkctl_commands.h"
#include "common/commands.h"
#include "common/nearest.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct command {
	const char *name, *arguments;
	enum command_right right;
	const char *help;
} commands[] = {
#define ROW(name, arguments, right, help) \
	{ #name, arguments, RIGHT_##right, help },
	CONTROL_COMMANDS(ROW)
#undef ROW
	/* What preforkctl does by itself, with commands of the daemon. */
	{ "top", "[INTERVAL]", RIGHT_READ,
	    "watch pools, services and workers on the screen" },
};

static const struct {
	const char *code;
	int status;
} statuses[] = {
	{ "unknown", STATUS_USAGE },
	{ "argument", STATUS_USAGE },
	{ "restart", STATUS_RESTART },
	{ "config", STATUS_CONFIG },
};

bool
commands_known(const char *name)
{
	for (size_t i = 0; i < LENGTH(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return true;
	return false;
}

/* The beginning of a name says enough; else the nearest by letters. */
const char *
commands_nearest(const char *name)
{
	struct nearest nearest = { 0 };
	size_t len = strlen(name);

	for (size_t i = 0; i < LENGTH(commands); i++) {
		const char *known = commands[i].name;

		if (len >= 3 && strncmp(known, name, len) == 0)
			return known;
		nearest_offer(&nearest, name, known);
	}
	return nearest.name;
}

void
commands_print(FILE *out)
{
	for (size_t i = 0; i < LENGTH(commands); i++) {
		const struct command *c = &commands[i];
		int width = 36 - (int)strlen(c->name) - 1;

		fprintf(out, " %c%s %-*s %s\n",
		    c->right == RIGHT_CONTROL ? '*' : ' ', c->name, width,
		    c->arguments, c->help);
	}
}

int
commands_exit_status(const char *code)
{
	for (size_t i = 0; i < LENGTH(statuses); i++)
		if (strcmp(statuses[i].code, code) == 0)
			return statuses[i].status;
	return STATUS_FAILED;
}
