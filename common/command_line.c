/* SPDX-License-Identifier: ISC */
/*
 * Command lines in a configuration, split into words without a shell: what is
 * written is what the program gets. Pure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/command_line.h"

void
command_line_clear(struct command_line *command)
{
	for (size_t i = 0; i < command->n; i++)
		free(command->argv[i]);
	free(command->argv);
	*command = (struct command_line){ 0 };
}

static bool
add_word(struct command_line *command, const char *word)
{
	char **grown =
	    reallocarray(command->argv, command->n + 2, sizeof(*grown));

	if (grown == NULL)
		return false;
	command->argv = grown;
	grown[command->n] = strdup(word);
	if (grown[command->n] == NULL)
		return false;
	grown[++command->n] = NULL;
	return true;
}

/* In double quotes a backslash is a byte like others but before these. */
static bool
is_escape(const char *text, char quote)
{
	if (*text != '\\' || quote == '\'')
		return false;
	return quote == '\0' || strchr("\"\\$`", text[1]) != NULL;
}

/* Copies one word to WORD, quotes resolved; returns what follows it, NULL when
 * a quote does not end. */
static const char *
next_word(const char *text, char *word)
{
	char quote = '\0';

	for (; *text != '\0'; text++) {
		if (quote == '\0' && (*text == ' ' || *text == '\t'))
			break;
		if (*text == quote && quote != '\0')
			quote = '\0';
		else if (quote == '\0' && (*text == '\'' || *text == '"'))
			quote = *text;
		else if (is_escape(text, quote)) {
			if (*++text == '\0')
				return NULL;
			*word++ = *text;
		} else
			*word++ = *text;
	}
	*word = '\0';
	return quote == '\0' ? text : NULL;
}

static const char *
split(struct command_line *command, const char *text, char *word)
{
	for (;;) {
		text += strspn(text, " \t");
		if (*text == '\0')
			return command->n > 0 ? NULL
					      : "a command line is missing";
		text = next_word(text, word);
		if (text == NULL)
			return "a quote or backslash has no end";
		if (!add_word(command, word))
			return "out of memory";
	}
}

bool
command_line_parse(
    struct command_line *command, const char *text, char *why, size_t why_size)
{
	char *word = malloc(strlen(text) + 1);

	*command = (struct command_line){ 0 };
	const char *error =
	    word == NULL ? "out of memory" : split(command, text, word);
	free(word);
	if (error == NULL)
		return true;
	strlcpy(why, error, why_size);
	command_line_clear(command);
	return false;
}
