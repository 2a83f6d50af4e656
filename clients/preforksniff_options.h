/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_OPTIONS_H
#define CLIENTS_PREFORKSNIFF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/preforksniff_capture.h"

/* What the command line asks for. */
struct options {
	bool list_interfaces;
	uint64_t count; /* 0: no end */
	struct capture_wish wish;
	bool payload;
	const char *read_path;	/* NULL: live */
	const char *write_path; /* NULL: lines */
	const char *user;	/* NULL: "nobody" */
	char **words;		/* of the filter, up to a NULL */
};

/*
 * Reads the command line. -h and -V are answered here and end the program, as
 * does what is wrong (SNIFF_USAGE, a line on standard error).
 */
void options_read(struct options *options, int argc, char **argv);

/* "preforksniff: ..." on standard error. */
void
options_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
