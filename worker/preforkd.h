/* SPDX-License-Identifier: ISC */
#ifndef PREFORKD_H
#define PREFORKD_H

#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

/*
 * The handler interface: what answers. A handler never sees a descriptor, a
 * partial write or the kind of socket; the same code serves TCP, Unix streams,
 * UDP and Unix datagrams.
 *
 * It runs in a worker process, which has dropped its privileges, in one
 * thread, and must not block: while one of its callbacks runs, the whole worker
 * waits, and one that lasts for `watchdog` of the pool is its end (ABRT).
 *
 * None of the calls below blocks, calls back, or fails in a way that has to be
 * looked at. Each may be made from any callback, and for any connection of the
 * worker from its opened() to the end of its closed().
 */

#define PF_ABI 1

struct pf_connection; /* a stream, from opened to closed */
struct pf_datagram;   /* one datagram, during its callback */
struct pf_service;    /* the service that the handler answers for */

/* How preforkd.ini(5) writes it, and what it is as a number. */
enum pf_setting_type {
	PF_STRING = 0, /* no number */
	PF_INTEGER,
	PF_DURATION, /* milliseconds */
	PF_SIZE,     /* bytes */
	PF_BOOLEAN,  /* 0, 1 */
};

/* A setting of [service NAME] that exists when the service has this handler. */
struct pf_setting {
	const char *name;
	enum pf_setting_type type;
	const char *fallback; /* the default, as in the file; NULL = required */
	int64_t min, max;     /* of numbers */
	const char *help;     /* one line, lower case, no full stop */
	/* Judges a PF_STRING when the configuration is read, before any
	 * worker starts: 0, or -1 with a phrase in WHY. NULL: any text is
	 * good. */
	int (*check)(const char *text, char *why, size_t why_size);
};

enum pf_transport {
	PF_STREAM = 1,	 /* answers connections */
	PF_DATAGRAM = 2, /* answers datagrams */
};

enum pf_log_level { PF_DEBUG = 0, PF_INFO, PF_WARN, PF_ERROR };

/*
 * Constant, and the same in every worker. A callback that a handler does not
 * need is NULL, but one with PF_DATAGRAM has datagram(). DATA belongs to the
 * worker and is valid until the callback returns; the handler may change the
 * bytes.
 */
struct pf_handler {
	unsigned abi; /* PF_ABI */
	const char *name;
	const char *help;    /* one line, lower case, no full stop */
	unsigned transports; /* of enum pf_transport, or'ed */
	size_t state_size;   /* bytes kept for each connection, zeroed */
	const struct pf_setting *settings;
	size_t n_settings;

	/* Once in each worker for each service, before the first client and
	 * before READY. Files can no longer be opened (sandbox). Returns 0, or
	 * -1 after pf_service_log(): the worker then leaves and, unless errno
	 * tells of something that passes (ENOMEM, EMFILE, ENFILE, EAGAIN,
	 * EINTR, EIO), is not started again. */
	int (*start)(struct pf_service *service);
	/* Once for each start() that returned 0, when the worker leaves in
	 * order; all connections have ended. */
	void (*stop)(struct pf_service *service);

	/* A client has come. Exactly one closed() will follow. */
	void (*opened)(struct pf_connection *connection);
	/* LEN bytes, at least 1; a stream has no messages, so they may be any
	 * part of what the peer sends. NULL: thrown away. */
	void (*received)(
	    struct pf_connection *connection, void *data, size_t len);
	/* The peer has shut down its sending side, once; it may still read.
	 * NULL: pf_finish(). */
	void (*peer_closed)(struct pf_connection *connection);
	/* All that was sent is on its way and there is room for more: for
	 * handlers that produce without end. Called from the loop, never from
	 * within pf_send(), once after one or several pf_send(), not after
	 * pf_finish(). */
	void (*drained)(struct pf_connection *connection);
	/* No byte has moved for idle_timeout. Closed, unless pf_keep() is
	 * called in it, or pf_finish(), whose last words have another
	 * idle_timeout to get through. NULL: closed. */
	void (*timeout)(struct pf_connection *connection);
	/* Last call for a connection, whatever ended it; nothing can be sent
	 * to it any more. */
	void (*closed)(struct pf_connection *connection);

	/* LEN may be 0: an empty datagram is a message too. */
	void (*datagram)(struct pf_datagram *datagram, void *data, size_t len);
};

/*
 * Sends LEN bytes; DATA remains the caller's. What the kernel does not take at
 * once is copied and sent later; meanwhile the connection is not read, so that
 * a slow reader slows its own sender. One that owes a peer more than 64 MiB, or
 * for whose copy there is no memory, is closed. After such an error, one of
 * the network or pf_finish() it does nothing.
 */
void pf_send(struct pf_connection *connection, const void *data, size_t len);

/* No more to say: when everything is sent, the connection is closed in order.
 * Nothing more is received; what the peer still sends is thrown away for up to
 * 2 s, for closing over it would reset the connection and take our last words
 * along (RFC 1122, 4.2.2.13). Cannot be taken back. */
void pf_finish(struct pf_connection *connection);

/* Stops and resumes receiving, peer_closed() included; nothing is lost, the
 * peer has to wait. idle_timeout goes on. */
void pf_pause(struct pf_connection *connection);
void pf_resume(struct pf_connection *connection);

/* In timeout(): keep the connection for another idle_timeout. */
void pf_keep(struct pf_connection *connection);

/* The handler's state_size bytes, aligned for every type, from opened() to the
 * end of closed(); NULL when state_size is 0. */
void *pf_state(struct pf_connection *connection);

/* The service, and the service's pointer for the handler's own use: NULL until
 * it is set, and the handler's to free, in stop(). Names live as long as the
 * service. */
struct pf_service *pf_connection_service(struct pf_connection *connection);
struct pf_service *pf_datagram_service(struct pf_datagram *datagram);
void pf_service_set_data(struct pf_service *service, void *data);
void *pf_service_data(struct pf_service *service);
const char *pf_service_name(const struct pf_service *service);

/* "pool/slot" of the worker, as in its process title. */
const char *pf_worker_name(const struct pf_service *service);

/*
 * The peer, as accept(2) or recvmsg(2) told it, also when it has gone: its
 * address, and as text ("127.0.0.1:4711", "[::1]:4711", "/path", "@name",
 * "unnamed"; bytes that are not printable come escaped). PEER is filled with
 * zeros first. BUF of 320 bytes is always enough. Return the length, which of
 * an unnamed Unix peer is that of sa_family (unix(7)), and BUF.
 */
socklen_t
pf_peer(const struct pf_connection *connection, struct sockaddr_storage *peer);
char *
pf_peer_text(const struct pf_connection *connection, char *buf, size_t size);
socklen_t pf_datagram_peer(
    const struct pf_datagram *datagram, struct sockaddr_storage *peer);
char *pf_datagram_peer_text(
    const struct pf_datagram *datagram, char *buf, size_t size);

/* The value of a setting that the handler declared, as a text, which lives as
 * long as the service, or as a number. NAME must be one: "" and 0, with an
 * error in the log, if it is not. */
const char *pf_setting_text(const struct pf_service *service, const char *name);
int64_t pf_setting_number(const struct pf_service *service, const char *name);

/*
 * Answers a datagram to its sender; from within the callback only, any number
 * of times. Subject to the service's rules against amplification: an answer is
 * dropped and counted when all of them together would be longer than the
 * question, unless udp_amplify = yes (not on Unix sockets, where no sender can
 * be forged). What the kernel does not take is dropped and counted, too.
 *
 * DATA is copied, or sent at once; but an answer that lies in the datagram's
 * own bytes is sent from there after the callback: do not change it after this
 * call.
 */
void pf_reply(struct pf_datagram *datagram, const void *data, size_t len);

/* Counts N messages answered: `messages` in the statistics of the service, for
 * handlers that know them. */
void pf_count_messages(struct pf_connection *connection, uint64_t n);

/*
 * Logs a line with the service, and the peer, in front; cut after 1023 bytes.
 * Nothing is formatted when log_level is higher. Bytes of the peer must have
 * been escaped, and what a peer can cause again and again must be limited:
 * both are the handler's duty.
 */
void pf_log(struct pf_connection *connection, enum pf_log_level level,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
void pf_service_log(struct pf_service *service, enum pf_log_level level,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What a plugin exports. */
extern const struct pf_handler preforkd_handler;

#endif
