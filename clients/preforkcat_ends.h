/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKCAT_ENDS_H
#define CLIENTS_PREFORKCAT_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "clients/client_status.h"

/*
 * An end of a stream: the peer, standard input, standard output. Nothing here
 * waits where the system can help it; EAGAIN means that poll(2) should. TLS
 * (preforkcat_tls.h) has a `struct end_ops` of its own.
 */

struct end;
struct ssl_st; /* SSL of OpenSSL */

struct end_ops {
	/* As read(2) and write(2), and never a SIGPIPE. */
	ssize_t (*receive)(struct end *end, void *data, size_t len);
	ssize_t (*send)(struct end *end, const void *data, size_t len);
	/* Nothing more will be sent; what the peer sends still comes. False
	 * when it must be called again, once poll(2) says so. */
	bool (*finish)(struct end *end);
	/* Complains about the peer TEXT when errno was EPROTO, and returns the
	 * status; NULL for ends that know no such failure. */
	enum client_status (*explain)(const struct end *end, const char *text);
};

struct end {
	const struct end_ops *ops;
	int fd;		  /* poll(2) tells when it is ready */
	bool bare;	  /* bytes may pass by splice(2) on fd, too */
	bool never_waits; /* a call does not block, whatever poll(2) said */
	bool is_pipe, is_file, is_terminal;
	/* For what to poll(2) after EAGAIN: POLLIN and POLLOUT, but for TLS. */
	short receive_waits_for, send_waits_for;
	bool holds;	    /* bytes may be inside that poll(2) knows not of */
	struct ssl_st *tls; /* or NULL */
};

/* The peer at the other end of a connected, non-blocking socket. */
void end_peer(struct end *end, int fd);

/*
 * Standard input or output. The descriptor is shared with others (the shell's
 * terminal, the next program's pipe): O_NONBLOCK is never set on it.
 */
void end_standard(struct end *end, int fd);

/* Writes all of it, and waits as long as that takes. False with errno. */
bool end_write_all(struct end *end, const void *data, size_t len);

/* A descriptor below 3 that is closed would be taken by the next one that is
 * opened, and the peer would get what is for people: fills the gaps. */
void ends_fill_standard(void);

#endif
