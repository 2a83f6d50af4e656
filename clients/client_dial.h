/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_CLIENT_DIAL_H
#define CLIENTS_CLIENT_DIAL_H

#include <stddef.h>
#include <stdint.h>

#include "clients/client_status.h"
#include "common/address.h"

/*
 * From an address to a connected socket: the name is looked up, its addresses
 * are tried as RFC 8305 says, the first that answers wins.
 */

/* The next address is tried when the one before has not answered for so long
 * (RFC 8305, section 5). */
#define DIAL_ATTEMPT_DELAY_MS 250

struct dial_wish {
	int family;		       /* AF_UNSPEC, AF_INET, AF_INET6 */
	const struct endpoint *source; /* to bind to; NULL: the kernel's */
	int64_t deadline_ms;	       /* clock_monotonic_ms(); 0: none */
	/* Is told each step, as printf(3); may be NULL. */
	void (*tell)(const char *format, ...)
	    __attribute__((format(printf, 1, 2)));
};

/*
 * The socket addresses of ADDRESS that WISH allows, best first: at most
 * ADDRESS_MAX_ENDPOINTS, *N of them. BLOCKS until the deadline. Returns
 * CLIENT_DONE, or the status for it with a line in WHY.
 */
enum client_status
dial_look_up(const struct address *address, const struct dial_wish *wish,
    struct endpoint *endpoints, size_t *n, char *why, size_t why_size);

/*
 * Connects to the first of N ENDPOINTS, which belong to ADDRESS, that takes a
 * connection. BLOCKS until the deadline. *FD is a non-blocking stream socket,
 * the caller's. The same results.
 */
enum client_status dial_connect(const struct address *address,
    const struct dial_wish *wish, const struct endpoint *endpoints, size_t n,
    int *fd, char *why, size_t why_size);

/*
 * Opens a non-blocking socket of TYPE for ENDPOINT and binds it to the source
 * of WISH. Does not block. Returns -1 with errno.
 */
int dial_socket(
    const struct endpoint *endpoint, int type, const struct dial_wish *wish);

/* The status that says what ERROR (errno) of a connection attempt means. */
enum client_status dial_status(int error);

/* Milliseconds until DEADLINE_MS for poll(2): not below 0; -1 when it is 0. */
int dial_left_ms(int64_t deadline_ms);

#endif
