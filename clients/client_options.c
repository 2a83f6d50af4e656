/* SPDX-License-Identifier: ISC */
/*
 * From a client's table of options to its help and to what getopt_long(3)
 * wants, so that an option is named once. Decides nothing about their values.
 */
#include <stdbool.h>
#include <stdio.h>

#include "clients/client_options.h"

static bool
has_letter(const struct client_option *row)
{
	return row->value < 256;
}

void
client_options_help(const struct client_option *rows, size_t n, int width)
{
	for (const struct client_option *row = rows; row < rows + n; row++) {
		char letter[8] = "", words[48];

		if (has_letter(row))
			snprintf(letter, sizeof(letter), "-%c,", row->value);
		snprintf(words, sizeof(words), "--%s %s", row->name,
		    row->argument == NULL ? "" : row->argument);
		printf("  %3s %-*s %s\n", letter, width, words, row->help);
	}
}

void
client_options_tables(const struct client_option *rows, size_t n, char *letters,
    struct option *long_options)
{
	for (const struct client_option *row = rows; row < rows + n; row++) {
		bool has_argument = row->argument != NULL;

		if (has_letter(row)) {
			*letters++ = (char)row->value;
			if (has_argument)
				*letters++ = ':';
		}
		*long_options++ = (struct option){
			.name = row->name,
			.has_arg =
			    has_argument ? required_argument : no_argument,
			.val = row->value,
		};
	}
	*letters = '\0';
	*long_options = (struct option){ 0 };
}
