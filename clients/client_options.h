/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_CLIENT_OPTIONS_H
#define CLIENTS_CLIENT_OPTIONS_H

#include <getopt.h>
#include <stddef.h>

/* An option of a client: a row of its one table. */
struct client_option {
	int value;	      /* its letter; without one, 256 or more */
	const char *name;     /* behind "--" */
	const char *argument; /* what stands for it in the help, or NULL */
	const char *help;
	unsigned use; /* what it has a meaning for, in bits of the client's */
};

/* Prints the help of N rows, the words in a column of WIDTH. */
void client_options_help(const struct client_option *rows, size_t n, int width);

/* Fills LETTERS (2 * N + 1 bytes) and LONG_OPTIONS (N + 1) with what
 * getopt_long(3) wants for N rows; both point into them. */
void client_options_tables(const struct client_option *rows, size_t n,
    char *letters, struct option *long_options);

#endif
