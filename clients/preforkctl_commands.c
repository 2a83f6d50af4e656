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

#define NAME_MAX_GUESSED 24 /* longer words are no misspelt command */
#define DISTANCE_GUESSED 2  /* changed letters that are still a slip */
#define LENGTH(array)	 (sizeof(array) / sizeof((array)[0]))

static const struct command {
	const char *name, *arguments;
	enum command_right right;
	const char *help;
} commands[] = {
#define ROW(name, arguments, right, help) \
	{ #name, arguments, RIGHT_##right, help },
	CONTROL_COMMANDS(ROW)
#undef ROW
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

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Letters to change, add or drop to make B of A (Levenshtein), row by row. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_GUESSED + 1];
	size_t n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			size_t changed = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			row[j + 1] = least(changed, row[j] + 1, row[j + 1] + 1);
		}
	}
	return row[n];
}

const char *
commands_nearest(const char *name)
{
	const char *nearest = NULL;
	size_t best = DISTANCE_GUESSED + 1;
	size_t len = strlen(name);

	if (len > NAME_MAX_GUESSED)
		return NULL;
	for (size_t i = 0; i < LENGTH(commands); i++) {
		const char *known = commands[i].name;
		bool begun = len >= 3 && strncmp(known, name, len) == 0;
		size_t far = begun ? 0 : distance(known, name);

		if (far < best && far < len) {
			best = far;
			nearest = known;
		}
	}
	return nearest;
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
