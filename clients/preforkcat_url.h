/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_URL_H
#define CLIENTS_PREFORKCAT_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"

#define URL_TARGET_MAX 8192 /* what servers take as a rule */

/* http[s]://host[:port][/path][?query][#fragment] */
struct url {
	struct address address;	     /* tcp or tls, of the server */
	char host[ADDRESS_TEXT_MAX]; /* for the Host field: port if not its own
				      */
	char target[URL_TARGET_MAX]; /* path and query, as they are sent */
};

/* True when TEXT begins as such a URL does. */
bool url_is(const char *text);

/*
 * Parses TEXT. Bytes that a request cannot hold are encoded ("%20"); the
 * fragment is not sent. Returns false with a phrase in WHY. Pure.
 */
bool url_parse(struct url *url, const char *text, char *why, size_t why_size);

#endif
