/* SPDX-License-Identifier: ISC */
#ifndef COMMON_TLS_TICKETS_H
#define COMMON_TLS_TICKETS_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * The keys that session tickets are encrypted with (RFC 5077, RFC 8446 4.6.1).
 * One page a service, written by the supervisor and shared, for reading alone,
 * with its workers: whichever worker a client meets can read its ticket.
 *
 * Keys are written into the next of four places before `current` tells of them,
 * so nobody waits for anybody. A reader that sleeps through three rotations in
 * the middle of copying may get a torn key: its ticket then is not believed,
 * which costs a whole handshake and nothing else.
 */
#define TLS_TICKET_KEYS 4 /* places; two of them are in use */

struct tls_ticket_key {
	unsigned char name[16];	  /* in clear text in the ticket */
	unsigned char cipher[32]; /* AES-256-CBC */
	unsigned char mac[32];	  /* HMAC-SHA-256 */
};

struct tls_ticket_page {
	uint64_t rotations; /* keys[rotations % TLS_TICKET_KEYS] is current */
	struct tls_ticket_key keys[TLS_TICKET_KEYS];
};

/* The next key, of random bytes, becomes current. The first call makes the page
 * usable. False when there is no randomness; nothing has changed then. */
bool tls_tickets_rotate(struct tls_ticket_page *page);

/* Contexts use PAGE, which must outlive them, from their next handshake on. The
 * previous key is good for reading; who comes with it gets a new ticket. False
 * when memory ran out. */
bool tls_tickets_use(SSL_CTX *context, const struct tls_ticket_page *page);

#endif
