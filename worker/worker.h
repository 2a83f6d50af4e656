/* SPDX-License-Identifier: ISC */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/counters.h"

/*
 * The one header of worker/ that supervisor/ includes: what a worker is given,
 * and the messages between the two.
 */

#define WORKERS_MAX	     512  /* slots of a generation */
#define WORKER_LISTENERS_MAX 1024 /* sockets of a pool */

/* A bound socket; the descriptor is shared with all siblings. */
struct worker_listener {
	int fd;
	int type;	  /* SOCK_STREAM or SOCK_DGRAM */
	int family;	  /* AF_INET, AF_INET6, AF_UNIX */
	bool tls;	  /* spoken on its connections */
	size_t service;	  /* index in worker_context.services */
	const char *text; /* "tcp://127.0.0.1:7001" */
};

/* Everything that a worker knows. It reads no other state of the supervisor,
 * whose memory it has as a copy. All pointers outlive the worker. */
struct worker_context {
	const struct config *config;
	const struct pool_config *pool;
	const struct service_config *const *services; /* of the pool */
	size_t n_services;
	const struct worker_listener *listeners;
	size_t n_listeners;
	size_t slot; /* from 1, as people count; region slot - 1 */
	uint64_t generation;
	size_t n_workers; /* that the pool should have: for shares */
	size_t rank;	  /* among them, from 1: whose share is larger */
	size_t n_slots;	  /* siblings are in the first so many slots */
	void *region;	  /* WORKERS_MAX slots, shared; see counters.h */
	size_t region_slot_size;
	int channel_fd;		   /* SOCK_SEQPACKET to the supervisor */
	int access_log_fd;	   /* or -1 */
	const uint16_t *udp_ports; /* of all services: never answered to */
	size_t n_udp_ports;
};

/*
 * Runs a worker in the process that has just been forked, to its end. Never
 * returns. Exit status: 0 drained or told to quit, 1 failed, 78 (EX_CONFIG)
 * when the configuration asks for what cannot be had; 23 when the address
 * sanitizer has found leaks.
 */
_Noreturn void worker_main(const struct worker_context *context);

/* The built-in handlers, for the configuration reader. Static data. */
const struct handler_catalog *worker_handlers(void);

/*
 * Messages on the channel: one packet each, a header and a body of the type's
 * struct. The supervisor believes nothing of what it receives: it checks type
 * and length and uses contents as text and numbers only.
 */
#define WORKER_TEXT_MAX 512

enum worker_message_type {
	/* supervisor to worker */
	MESSAGE_DRAIN = 1, /* message_drain: stop accepting, finish, leave */
	MESSAGE_QUIT,	   /* leave now */
	MESSAGE_LIST,	   /* message_list: tell the connections */
	MESSAGE_CLOSE,	   /* message_close: close one connection */
	MESSAGE_LOG,	   /* message_log, with a descriptor or none */
	MESSAGE_WORKERS,   /* message_workers: the pool's size has changed */
	MESSAGE_PING,	   /* nothing: makes the loop turn */
	/* worker to supervisor */
	MESSAGE_READY = 64, /* nothing: serving */
	MESSAGE_FAILED,	    /* text: why it leaves with 1 or 78 */
	MESSAGE_ROW,	    /* message_row: one connection */
	MESSAGE_LIST_END,   /* message_list: no more rows */
	MESSAGE_CLOSED,	    /* message_close: `found` tells */
	MESSAGE_CRASHED,    /* text: for the log, which it cannot write to */
};

struct message_drain {
	int64_t timeout_ms; /* connections left by then are closed */
	/* 1 for each listener whose queue must be emptied before it is given
	 * up, because nobody else will: removed, or the daemon stops. */
	uint8_t empty[WORKER_LISTENERS_MAX / 8]; /* bit i % 8 of byte i / 8 */
};

struct message_list {
	uint64_t request;
	uint64_t service; /* index, or UINT64_MAX for all */
};

struct message_close {
	uint64_t request;
	uint64_t connection;
	uint64_t found; /* in the answer: 1 closed, 0 no such connection */
};

enum message_log_kind { LOG_KIND_LOG = 0, LOG_KIND_ACCESS };

struct message_log {
	uint64_t kind;	 /* enum message_log_kind */
	uint64_t level;	 /* for LOG_KIND_LOG: enum log_level */
	uint64_t has_fd; /* 1: the packet carries the new descriptor; 0: the
			  * log goes to syslog, by the socket that the packet
			  * carries, access lines to no file */
	uint64_t to_log; /* for LOG_KIND_ACCESS, 1: lines go to the log */
};

struct message_workers {
	uint64_t n_workers;
	uint64_t rank;	  /* as in worker_context */
	uint64_t n_slots; /* as in worker_context */
};

enum connection_state {
	CONNECTION_OPEN = 0,
	CONNECTION_HALF_CLOSED, /* the peer has shut down its side */
	CONNECTION_BLOCKED,	/* the peer does not read */
	CONNECTION_CLOSING,	/* everything said, waiting for the end */
	CONNECTION_HANDSHAKE,	/* TLS has begun */
};

struct message_row {
	uint64_t request;
	uint64_t connection; /* number in this worker */
	uint64_t service;
	uint64_t listener;
	uint64_t state; /* enum connection_state */
	uint64_t age_ms, idle_ms;
	uint64_t bytes_in, bytes_out, unsent;
	char peer[128];
	char local[128];
};

struct worker_message {
	uint64_t type;
	union {
		struct message_drain drain;
		struct message_list list;
		struct message_close close;
		struct message_log log;
		struct message_workers workers;
		struct message_row row;
		char text[WORKER_TEXT_MAX]; /* terminated */
	} body;
};

#endif
