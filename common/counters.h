/* SPDX-License-Identifier: ISC */
#ifndef COMMON_COUNTERS_H
#define COMMON_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a worker counts, as plain 64-bit words in memory shared with the
 * supervisor. Each word has one writer, the worker; a reader may see any
 * value (workers are hostile) and only ever adds and prints it.
 *
 * One row a counter: field, family ("preforkd_service_..."; rows of one family
 * stand together), label and its value or "", help of the family.
 */
#define SERVICE_COUNTERS(X)                                                    \
	X(accepted, "accepted_total", "", "", "Connections accepted.")         \
	X(closed_done, "closed_total", "cause", "done",                        \
	    "Connections closed, by cause.")                                   \
	X(closed_reset, "closed_total", "cause", "reset", "")                  \
	X(closed_error, "closed_total", "cause", "error", "")                  \
	X(closed_idle, "closed_total", "cause", "idle_timeout", "")            \
	X(closed_session, "closed_total", "cause", "session_timeout", "")      \
	X(closed_drain, "closed_total", "cause", "drain_timeout", "")          \
	X(closed_operator, "closed_total", "cause", "operator", "")            \
	X(closed_tls, "closed_total", "cause", "tls_handshake", "")            \
	X(closed_truncated, "closed_total", "cause", "truncated", "")          \
	X(closed_lost, "closed_total", "cause", "worker_died", "")             \
	X(refused_acl, "refused_total", "reason", "acl",                       \
	    "Connections refused right after accept, by reason.")              \
	X(refused_memory, "refused_total", "reason", "memory", "")             \
	X(limit_reached, "limit_reached_total", "", "",                        \
	    "Times a worker stopped accepting because of max_connections.")    \
	X(tls_handshakes, "tls_handshakes_total", "", "",                      \
	    "TLS handshakes that succeeded.")                                  \
	X(tls_resumed, "tls_resumed_total", "", "",                            \
	    "TLS handshakes among them that a session ticket shortened.")      \
	X(tls_kernel, "tls_kernel_total", "", "",                              \
	    "TLS connections that the kernel encrypts (kTLS).")                \
	X(tls_failed_timeout, "tls_handshakes_failed_total", "reason",         \
	    "timeout", "TLS handshakes that failed, by reason.")               \
	X(tls_failed_closed, "tls_handshakes_failed_total", "reason",          \
	    "closed", "")                                                      \
	X(tls_failed_protocol, "tls_handshakes_failed_total", "reason",        \
	    "protocol", "")                                                    \
	X(tls_failed_http, "tls_handshakes_failed_total", "reason", "http",    \
	    "")                                                                \
	X(tls_failed_mismatch, "tls_handshakes_failed_total", "reason",        \
	    "mismatch", "")                                                    \
	X(tls_failed_certificate, "tls_handshakes_failed_total", "reason",     \
	    "certificate", "")                                                 \
	X(tls_failed_alert, "tls_handshakes_failed_total", "reason", "alert",  \
	    "")                                                                \
	X(tls_truncated, "tls_truncated_total", "", "",                        \
	    "TLS connections whose peer ended them without close_notify.")     \
	X(bytes_in, "received_bytes_total", "", "",                            \
	    "Bytes received from peers.")                                      \
	X(bytes_out, "sent_bytes_total", "", "", "Bytes sent to peers.")       \
	X(messages, "messages_total", "", "",                                  \
	    "Messages answered, where the handler knows them.")                \
	X(datagrams_in, "datagrams_received_total", "", "",                    \
	    "Datagrams received.")                                             \
	X(datagrams_out, "datagrams_sent_total", "", "", "Datagrams sent.")    \
	X(dropped_acl, "datagrams_dropped_total", "reason", "acl",             \
	    "Datagrams not answered, by reason.")                              \
	X(dropped_source, "datagrams_dropped_total", "reason", "source", "")   \
	X(dropped_broadcast, "datagrams_dropped_total", "reason", "broadcast", \
	    "")                                                                \
	X(dropped_loop, "datagrams_dropped_total", "reason", "loop", "")       \
	X(dropped_larger, "datagrams_dropped_total", "reason", "larger", "")   \
	X(dropped_truncated, "datagrams_dropped_total", "reason", "truncated", \
	    "")                                                                \
	X(dropped_send, "datagrams_dropped_total", "reason", "send", "")       \
	X(busy_us, "busy_microseconds", "", "", "")

/* Of the worker itself, not of one of its services. */
#define WORKER_COUNTERS(X)                                                \
	X(accept_errors, "accept_errors_total",                           \
	    "Failed accept calls, transient ones left out.")              \
	X(resource_pauses, "resource_pauses_total",                       \
	    "Times a worker paused its listeners because descriptors or " \
	    "memory ran out.")                                            \
	X(stand_backs, "stand_backs_total",                               \
	    "Times a worker left the next connections to its siblings.")  \
	X(log_dropped, "log_lines_dropped_total",                         \
	    "Log lines dropped because the destination did not take them.")

/* Upper bounds of session lengths in milliseconds; one more is +Inf. */
#define SESSION_BUCKETS 12
extern const int64_t session_bounds_ms[SESSION_BUCKETS];

struct service_counters {
#define FIELD(name, ...) uint64_t name;
	SERVICE_COUNTERS(FIELD)
#undef FIELD
	uint64_t session[SESSION_BUCKETS + 1]; /* not cumulative */
	uint64_t session_ms;		       /* sum of lengths */
};

struct worker_counters {
#define FIELD(name, ...) uint64_t name;
	WORKER_COUNTERS(FIELD)
#undef FIELD
};

enum worker_phase { PHASE_STARTING = 0, PHASE_SERVING, PHASE_DRAINING };

/*
 * The page of one worker. The first cache line is what its siblings read.
 * `active` of the services are gauges: they are not added to totals.
 */
struct slot {
	uint64_t active;	/* stream connections of the worker */
	uint64_t turns;		/* of its loop: the heartbeat */
	uint64_t turn_since_ms; /* when this turn began; 0 while waiting */
	uint64_t phase;		/* enum worker_phase */
	uint64_t accepting;	/* 1 while it competes for connections */
	uint64_t reserved[3];
	struct worker_counters worker;
	struct slot_service {
		uint64_t active;
		struct service_counters counters;
	} services[]; /* of the generation, by index */
} __attribute__((aligned(64)));

/* Bytes of a slot for N services, a whole number of pages. */
size_t slot_size(size_t n_services);

/* The slot with NUMBER (from 0) in a region of slots of SIZE bytes each. */
struct slot *slot_at(void *region, size_t size, size_t number);

/* More of anything than there can be: 2^53, which a double still tells apart,
 * and the connections of one process. */
#define COUNTER_MAX ((uint64_t)1 << 53)
#define GAUGE_MAX   ((uint64_t)1 << 24)

/* Brings SEEN, which is private, up to date with a slot of N services, which
 * is not: a counter only grows, and what cannot be is left as it was. */
void slot_look(struct slot *seen, const struct slot *slot, size_t n_services);

/* One writer each: relaxed atomics, so that a reader never sees half a word.
 * No lock, no fence. */
static inline uint64_t
counter_get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline void
counter_set(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static inline void
counter_add(uint64_t *counter, uint64_t n)
{
	counter_set(counter, *counter + n);
}

/* Adds FROM to INTO, both private. */
void service_counters_add(
    struct service_counters *into, const struct service_counters *from);
void worker_counters_add(
    struct worker_counters *into, const struct worker_counters *from);

/* Counts one session of LENGTH_MS in its bucket and sum. */
void
service_counters_session(struct service_counters *counters, int64_t length_ms);

#endif
