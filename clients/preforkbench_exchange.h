/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_EXCHANGE_H
#define CLIENTS_PREFORKBENCH_EXCHANGE_H

#include "clients/preforkbench_load.h"

/*
 * What a new connection is used for once (--exchange): nothing; reading what
 * the server says, to its end; a message that comes back; a GET request of
 * which the beginning of an answer is enough.
 */
enum exchanged {
	EXCHANGED_PART = 0, /* there is more to come */
	EXCHANGED_ALL,
	EXCHANGED_WRONG,  /* other bytes than were sent */
	EXCHANGED_CLOSED, /* by the server, in the middle */
	EXCHANGED_ERROR,  /* errno says which */
};

/* The client is connected. */
enum exchanged exchange_begin(struct load *load, struct client *client);

/* The loop says that there is something to read, or room. */
enum exchanged
exchange_go_on(struct load *load, struct client *client, uint32_t events);

/* As what EXCHANGED, which is a failure, counts; looks at errno. */
enum failure exchange_failure(enum exchanged exchanged);

#endif
