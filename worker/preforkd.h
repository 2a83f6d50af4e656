/* SPDX-License-Identifier: ISC */
#ifndef PREFORKD_H
#define PREFORKD_H

#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

/*
 * The handler interface: what answers. A handler never sees a descriptor, a
 * partial write or the kind of socket; the same code serves TCP, Unix streams,
 * UDP and Unix datagrams. It runs in a worker, single-threaded, and must not
 * block: while one of its callbacks runs, the whole worker waits.
 */

#define PF_ABI 1

struct pf_connection; /* a stream, from opened to closed */
struct pf_datagram;   /* one datagram, during its callback */
struct pf_service;    /* the service that the handler answers for */

enum pf_setting_type {
	PF_STRING = 0,
	PF_INTEGER,
	PF_DURATION, /* milliseconds */
	PF_SIZE,     /* bytes */
	PF_BOOLEAN,
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
 * A callback that a handler does not need is NULL. DATA belongs to the worker
 * and is valid until the callback returns; the handler may change the bytes.
 */
struct pf_handler {
	unsigned abi; /* PF_ABI */
	const char *name;
	const char *help;
	unsigned transports; /* of enum pf_transport */
	size_t state_size;   /* bytes kept for each connection, zeroed */
	const struct pf_setting *settings;
	size_t n_settings;

	/* Once in each worker for each service, before the first client and
	 * before READY. Returns 0, or -1 after pf_service_log(): the worker
	 * then fails to start. */
	int (*start)(struct pf_service *service);
	void (*stop)(struct pf_service *service);

	void (*opened)(struct pf_connection *connection);
	void (*received)(
	    struct pf_connection *connection, void *data, size_t len);
	/* The peer has shut down its sending side. NULL: pf_finish(). */
	void (*peer_closed)(struct pf_connection *connection);
	/* All that was sent is on its way and there is room for more: for
	 * handlers that produce without end. Called from the loop, never from
	 * within pf_send(), once after each pf_send(). */
	void (*drained)(struct pf_connection *connection);
	/* idle_timeout has passed. NULL, or no pf_keep() in it: closed. */
	void (*timeout)(struct pf_connection *connection);
	/* Last call for a connection; nothing can be sent any more. */
	void (*closed)(struct pf_connection *connection);

	/* len may be 0: an empty datagram is a message too. */
	void (*datagram)(struct pf_datagram *datagram, void *data, size_t len);
};

/*
 * Sends LEN bytes. What the kernel does not take at once is copied and sent
 * later; meanwhile the connection is not read, so that a slow reader slows
 * its own sender. Never blocks. After an error it does nothing: closed() will
 * come.
 */
void pf_send(struct pf_connection *connection, const void *data, size_t len);

/* No more to say: when everything is sent, the connection is closed in order.
 * Nothing more is received. */
void pf_finish(struct pf_connection *connection);

/* Stops and resumes receiving; nothing is lost, the peer has to wait. */
void pf_pause(struct pf_connection *connection);
void pf_resume(struct pf_connection *connection);

/* In timeout(): keep the connection for another idle_timeout. */
void pf_keep(struct pf_connection *connection);

/* state_size bytes, or NULL when that is 0. */
void *pf_state(struct pf_connection *connection);

/* The service, and the service's pointer for the handler's own use. */
struct pf_service *pf_connection_service(struct pf_connection *connection);
struct pf_service *pf_datagram_service(struct pf_datagram *datagram);
void pf_service_set_data(struct pf_service *service, void *data);
void *pf_service_data(struct pf_service *service);
const char *pf_service_name(const struct pf_service *service);

/* "pool/slot" of the worker, as in its process title. */
const char *pf_worker_name(const struct pf_service *service);

/* The peer: its address, and as text ("127.0.0.1:4711", "/path", "unnamed");
 * BUF of 320 bytes is always enough. Return the length, and BUF. */
socklen_t
pf_peer(const struct pf_connection *connection, struct sockaddr_storage *peer);
char *
pf_peer_text(const struct pf_connection *connection, char *buf, size_t size);
socklen_t pf_datagram_peer(
    const struct pf_datagram *datagram, struct sockaddr_storage *peer);
char *pf_datagram_peer_text(
    const struct pf_datagram *datagram, char *buf, size_t size);

/* The value of a setting that the handler declared. NAME must be one. */
const char *pf_setting_text(const struct pf_service *service, const char *name);
int64_t pf_setting_number(const struct pf_service *service, const char *name);

/* Answers a datagram to its sender; from within the callback only, any number
 * of times. Subject to the service's rules against amplification: an answer
 * longer than the question is dropped and counted unless udp_amplify = yes
 * (not on Unix sockets, where no sender can be forged). An answer that lies in
 * the datagram's own bytes is sent from there after the callback: do not
 * change it after this call. */
void pf_reply(struct pf_datagram *datagram, const void *data, size_t len);

/* Counts N messages answered. */
void pf_count_messages(struct pf_connection *connection, uint64_t n);

/* Logs a line with service and peer in front. Bytes of the peer must have been
 * escaped. */
void pf_log(struct pf_connection *connection, enum pf_log_level level,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
void pf_service_log(struct pf_service *service, enum pf_log_level level,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What a plugin exports. */
extern const struct pf_handler preforkd_handler;

#endif
