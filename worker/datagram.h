/* SPDX-License-Identifier: ISC */
#ifndef WORKER_DATAGRAM_H
#define WORKER_DATAGRAM_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

struct listener;
struct pf_datagram;
struct worker;

/* Prepares the datagram socket of LISTENER. False with errno. */
bool datagram_open(struct listener *listener);
void datagram_close(struct listener *listener); /* a stream's is allowed */
void datagram_free(struct worker *worker);

/* Takes one batch and answers it. */
void datagram_serve(struct listener *listener);

/* Everything that is queued, before the socket is given up. */
void datagram_serve_all(struct listener *listener);

/* For the handler's calls. */
void datagram_reply(struct pf_datagram *datagram, const void *data, size_t len);
struct pf_service *datagram_service(struct pf_datagram *datagram);
const struct sockaddr *
datagram_peer(const struct pf_datagram *datagram, socklen_t *length);

#endif
