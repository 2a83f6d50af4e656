/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKSNIFF_PRINT_H
#define CLIENTS_PREFORKSNIFF_PRINT_H

#include <sys/time.h>

#include <stdbool.h>
#include <stdio.h>

#include "clients/preforksniff_decode.h"

struct print_style {
	bool payload;	       /* in hex and escaped, below the line */
	bool interfaces_named; /* indexes are those of this machine, now */
};

/*
 * Writes a line about PACKET, which came at WHEN, and its payload if that is
 * wanted. Only printable ASCII, blanks and newlines are written, whatever is
 * in the packet. OUT tells whether that failed (ferror(3)).
 */
void print_packet(FILE *out, const struct packet *packet,
    const struct timeval *when, const struct print_style *style);

#endif
