/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_OPTIONS_H
#define CLIENTS_PREFORKCAT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/client_tls.h"
#include "clients/preforkcat_proxy.h"
#include "clients/preforkcat_url.h"
#include "common/address.h"

#define DATAGRAM_LINE 0	 /* datagram_size: one a line */
#define DATAGRAM_ALL  -1 /* all of the input as one */

/* What the command line asks for. */
struct options {
	const char *text;	/* the address as it was written */
	struct address address; /* what to connect to */
	bool is_url;
	struct url url;
	int family; /* AF_UNSPEC, AF_INET, AF_INET6 */
	bool has_source;
	struct endpoint source;
	int64_t connect_timeout_ms; /* 0: as long as the system tries */
	int64_t timeout_ms;	    /* 0: none */
	bool broadcast, crlf, hex, include, no_answer, resolve, verbose;
	enum proxy_version proxy;
	struct client_tls_options tls;
	unsigned retries;
	int64_t datagram_size;
};

/*
 * Reads the command line. -h and -V are answered here and end the program, as
 * does what is wrong (CLIENT_USAGE, a line on standard error).
 */
void options_read(struct options *options, int argc, char **argv);

#endif
