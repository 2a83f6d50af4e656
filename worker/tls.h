/* SPDX-License-Identifier: ISC */
#ifndef WORKER_TLS_H
#define WORKER_TLS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/connection.h"

/*
 * TLS on a connection: the handshake, and what stands in for recv(2), send(2)
 * and the end of either side. Nothing here blocks.
 *
 * A handshake costs a hundred times what an answer does. Those that can go on
 * wait in a line, and a turn of the loop serves it for HANDSHAKES_US only, so
 * that connections which are open already are not held up by a crowd.
 */
#define HANDSHAKES_US 500

void tls_init(struct worker *worker);

/* C begins with a handshake: connection_established() follows when it has
 * succeeded. False when memory ran out. */
bool tls_open(struct pf_connection *c);
void tls_free(struct pf_connection *c); /* also without TLS */

/* The poller says that the handshake of C can go on: it joins the line. */
void tls_ready(struct pf_connection *c);

/* handshake_timeout is over for C. */
void tls_expired(struct pf_connection *c);

/* As recv(2) and send(2). Besides their errors: EPROTO, the peer sent what is
 * not TLS; ESHUTDOWN, its stream ends without close_notify, so that something
 * may be missing (RFC 8446, 6.1). */
ssize_t tls_receive(struct pf_connection *c, void *buf, size_t size);
ssize_t tls_send(struct pf_connection *c, const void *data, size_t len);

/* Our side has said everything: sends close_notify. False when it must be
 * called again as soon as C can be written to. */
bool tls_finish(struct pf_connection *c);

/* EPOLL* bits that TLS waits for: before C can be read when it is open, while
 * the handshake lasts to go on with that. */
uint32_t tls_wanted(const struct pf_connection *c);

/* C may read, and bytes have been received that the poller knows nothing of:
 * it is read again in the next turn. */
void tls_review(struct pf_connection *c);

/* Serves those that tls_review() has noted, and the line. Called in each turn
 * behind the poller's events. While not ALL_HEARD, for there may be more events
 * than one turn takes, the line waits: who comes behind a crowd of handshakes
 * is not one of them. */
void tls_turn(struct worker *worker, bool all_heard);

/* The end of a turn, behind the burials: memory of a crowd that has gone. */
void tls_settle(struct worker *worker);

/* Whether the next turn has work and must not wait for events. */
bool tls_is_busy(const struct worker *worker);

/* " TLSv1.3 TLS_AES_128_GCM_SHA256", "" without a finished handshake. BUF is
 * returned. */
char *tls_describe(const struct pf_connection *c, char *buf, size_t size);

#endif
