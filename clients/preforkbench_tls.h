/* SPDX-License-Identifier: ISC */
#ifndef CLIENTS_PREFORKBENCH_TLS_H
#define CLIENTS_PREFORKBENCH_TLS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "clients/preforkbench_load.h"

/*
 * TLS on the connections of a load. Nothing here blocks: what would comes back
 * as a wish, and the loop waits. The client owns its SSL.
 */
enum tls_step {
	TLS_DONE = 0,
	TLS_WANTS_READ,
	TLS_WANTS_WRITE,
	TLS_FAILED,
};

/*
 * The context that OPTIONS ask for, for all processes; with --resume each keeps
 * what servers give it for its next connection. Reads files, which may BLOCK.
 * NULL with a phrase in WHY.
 */
SSL_CTX *
load_tls_context(const struct options *options, char *why, size_t why_size);

/* Begins on a client that is connected; false when there is no memory. */
bool load_tls_begin(struct load *load, struct client *client);

/* Goes on with the handshake. TLS_FAILED: *FAILURE is the kind, and the result
 * has the reason. */
enum tls_step
load_tls_shake(struct load *load, struct client *client, enum failure *failure);

/* What was counted until now does not count. */
void load_tls_forget(struct load *load);

/*
 * As send(2) and recv(2) on a socket that does not block: -1 with errno, which
 * result_failure() knows: EAGAIN, ENODATA (the server ended without saying so),
 * EPROTO (TLS itself failed), ECONNRESET. What was received at once and is not
 * given out yet is told by has_more of the client: the loop does not tell it.
 */
ssize_t load_tls_send(
    struct load *load, struct client *client, const void *data, size_t length);
ssize_t load_tls_receive(
    struct load *load, struct client *client, void *data, size_t size);

/* Says that no more is sent. */
void load_tls_finish(struct client *client);

/* Says so too, if the server is there to hear it, and frees the SSL. */
void load_tls_close(const struct load *load, struct client *client);

#endif
