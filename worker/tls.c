/* SPDX-License-Identifier: ISC */
/*
 * TLS by OpenSSL, over the connection's own socket. OpenSSL keeps its errors in
 * a queue of the process: it is emptied before each call, so that what one
 * connection did wrong is not taken for the fault of the next.
 */
#include <sys/epoll.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/tls_server.h"
#include "worker/service.h"
#include "worker/stream.h"
#include "worker/tls.h"
#include "worker/tls_failure.h"

/* Steps of the protocol without data in between: changes of keys, handshakes
 * that are not wanted, alerts. A client can send them as fast as they are read,
 * and whoever causes more is not read any more. One call of OpenSSL returns
 * when a message ends where its buffer does (SSL_MODE_AUTO_RETRY is off); a
 * client can see to it that this never happens, but not when nothing is read
 * ahead. */
#define MESSAGES_MAX 1000

/* What is read of a connection in one turn, however small it is. */
#define RECORDS_TURN  256
#define MESSAGES_TURN 100

/* Turns for which the line waits while there may be more events than one turn
 * takes: enough for 4,096 clients. */
#define PUT_OFF_TURNS 64

#define CROWD 1000 /* connections */

struct tls {
	SSL *ssl;
	struct pf_connection *connection;
	TAILQ_ENTRY(tls) entry; /* in the line, or among those to read again */
	struct tls_queue *queue;
	uint32_t waits;	      /* EPOLL* bits of the handshake */
	int error;	      /* found behind bytes: for the next receive */
	bool ended;	      /* the same, close_notify */
	bool more;	      /* OpenSSL has bytes, or one of those two */
	bool established;     /* the handshake has succeeded */
	bool broken;	      /* nothing more can be sent */
	bool read_must_write; /* an answer to a change of keys */
	bool end_must_write;  /* close_notify */
	uint16_t n_messages;  /* and answers to them, since the last data */
	uint16_t n_turn;      /* the same, in this turn, before that */
};

void
tls_init(struct worker *worker)
{
	TAILQ_INIT(&worker->tls.handshakes);
	TAILQ_INIT(&worker->tls.again);
}

static void
leave_queue(struct tls *tls)
{
	if (tls->queue != NULL)
		TAILQ_REMOVE(tls->queue, tls, entry);
	tls->queue = NULL;
}

static void
join_queue(struct tls *tls, struct tls_queue *queue)
{
	if (tls->queue != NULL)
		return;
	TAILQ_INSERT_TAIL(queue, tls, entry);
	tls->queue = queue;
}

/* Most often there is nothing to forget, and to look is quicker. */
static void
forget_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* After the handshake: an alert, or a step in a handshake that follows it. */
static void
count_message(const SSL *ssl, int where, int value)
{
	struct tls *tls = SSL_get_app_data(ssl);

	(void)value;
	if ((where & (SSL_CB_ALERT | SSL_CB_LOOP)) == 0 ||
	    tls->n_messages > MESSAGES_MAX)
		return;
	if (++tls->n_messages > MESSAGES_MAX)
		SSL_set_read_ahead(tls->ssl, 0);
}

bool
tls_open(struct pf_connection *c)
{
	const struct tls_server *server = connection_service(c)->config->tls;
	struct tls *tls = calloc(1, sizeof(*tls));

	if (tls == NULL)
		return false;
	forget_errors();
	tls->ssl = SSL_new(tls_server_context(server));
	if (tls->ssl == NULL || SSL_set_fd(tls->ssl, c->fd) != 1 ||
	    SSL_set_app_data(tls->ssl, tls) != 1) {
		SSL_free(tls->ssl);
		free(tls);
		return false;
	}
	SSL_set_accept_state(tls->ssl);
	tls->connection = c;
	tls->waits = EPOLLIN;
	c->tls = tls;
	c->handshaking = true;
	struct tls_line *line = &connection_worker(c)->tls;
	if (++line->n_open >= CROWD && line->n_open / 8 > line->n_few) {
		line->crowded = true;
		line->n_few = line->n_open / 8;
	}
	return true;
}

void
tls_free(struct pf_connection *c)
{
	if (c->tls == NULL)
		return;
	leave_queue(c->tls);
	SSL_free(c->tls->ssl);
	free(c->tls);
	c->tls = NULL;
	connection_worker(c)->tls.n_open--;
}

/* A crowd takes tens of kilobytes each, in pieces between those of others, so
 * that the allocator keeps them all. They are given back when few of it are
 * left, and fewer, and none. */
void
tls_settle(struct worker *worker)
{
	struct tls_line *line = &worker->tls;

	if (!line->crowded || line->n_open > line->n_few)
		return;
	malloc_trim(0);
	line->crowded = line->n_open > 0;
	line->n_few = line->n_open / 8;
}

/* --- the handshake -------------------------------------------------------- */

static void
log_failure(struct pf_connection *c, const char *why)
{
	struct worker *worker = connection_worker(c);
	char peer[ADDRESS_TEXT_MAX];
	uint64_t suppressed;

	if (!log_allowed(&worker->tls.failed, worker->now_ms, &suppressed))
		return;
	log_warn("%s: TLS handshake with %s failed: %s (and %llu before)",
	    connection_service(c)->config->name,
	    peer_format(&c->peer, peer, sizeof(peer)), why,
	    (unsigned long long)suppressed);
}

/* Lets an alert reach the client: closing over what it still sends would reset
 * the connection and take the alert along. */
static void
refuse(struct pf_connection *c, enum tls_failure failure, const char *why)
{
	tls_failure_count(failure, connection_service(c)->counters);
	log_failure(c, why);
	c->handshaking = false;
	c->tls->broken = true;
	timers_stop(&c->idle); /* which may expire in this very turn */
	if (failure == TLS_FAILED_CLOSED || failure == TLS_FAILED_TIMEOUT) {
		connection_kill(c, CLOSE_TLS);
		return;
	}
	c->end_cause = CLOSE_TLS;
	c->finishing = true;
	tls_free(c);
	connection_touch(c);
}

void
tls_expired(struct pf_connection *c)
{
	refuse(c, TLS_FAILED_TIMEOUT, "handshake_timeout is over");
}

static void
log_established(const struct pf_connection *c)
{
	const char *name =
	    SSL_get_servername(c->tls->ssl, TLSEXT_NAMETYPE_host_name);
	char text[128], escaped[256];

	if (log_get_level() != LOG_LEVEL_DEBUG)
		return;
	if (name == NULL)
		name = "";
	log_debug("%s: connection %llu speaks%s%s, server name \"%s\"",
	    connection_service(c)->config->name, (unsigned long long)c->id,
	    tls_describe(c, text, sizeof(text)),
	    SSL_session_reused(c->tls->ssl) ? ", resumed" : "",
	    log_escape(escaped, sizeof(escaped), name, strlen(name)));
}

static void
established(struct pf_connection *c)
{
	struct service_counters *counters = connection_service(c)->counters;
	struct tls *tls = c->tls;

	counter_add(&counters->tls_handshakes, 1);
	if (SSL_session_reused(tls->ssl))
		counter_add(&counters->tls_resumed, 1);
	if (BIO_get_ktls_send(SSL_get_wbio(tls->ssl)))
		counter_add(&counters->tls_kernel, 1);
	tls->established = true;
	SSL_set_info_callback(tls->ssl, count_message);
	/* The last message may have brought the first bytes along. */
	tls->more = SSL_has_pending(tls->ssl) == 1;
	c->handshaking = false;
	log_established(c);
	connection_established(c);
}

static void
go_on(struct pf_connection *c)
{
	struct tls *tls = c->tls;

	forget_errors();
	errno = 0;
	int rc = SSL_do_handshake(tls->ssl);
	if (rc == 1) {
		established(c);
		return;
	}
	int error = SSL_get_error(tls->ssl, rc);
	if (error == SSL_ERROR_WANT_READ)
		tls->waits = EPOLLIN;
	else if (error == SSL_ERROR_WANT_WRITE)
		tls->waits = EPOLLOUT;
	else {
		const char *why;
		enum tls_failure failure =
		    tls_failure_take(tls->ssl, error, &why);
		refuse(c, failure, why);
	}
}

void
tls_ready(struct pf_connection *c)
{
	join_queue(c->tls, &connection_worker(c)->tls.handshakes);
}

/* At least one, so that it gets on however slow the machine is. */
static void
serve_line(struct worker *worker)
{
	int64_t end_us = 0;
	struct tls *tls;

	while ((tls = TAILQ_FIRST(&worker->tls.handshakes)) != NULL) {
		int64_t now_us = clock_monotonic_us();
		if (end_us == 0)
			end_us = now_us + HANDSHAKES_US;
		else if (now_us >= end_us)
			return;
		leave_queue(tls);
		connection_touch(tls->connection);
		if (!tls->connection->dead)
			go_on(tls->connection);
	}
}

/* --- bytes ---------------------------------------------------------------- */

/* What RC of a call of OpenSSL means, as an errno; 0 for close_notify. */
static int
errno_of(struct tls *tls, int rc)
{
	int saved = errno;

	switch (SSL_get_error(tls->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		tls->read_must_write = true;
		return EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		tls->broken = true;
		return saved == 0 ? ECONNRESET : saved;
	}
	tls->broken = true;
	bool cut = ERR_GET_REASON(ERR_peek_error()) ==
	    SSL_R_UNEXPECTED_EOF_WHILE_READING;
	forget_errors();
	return cut ? ESHUTDOWN : EPROTO;
}

/* One record, or what is left of one. -1: EAGAIN, or noted in TLS. */
static ssize_t
read_record(struct tls *tls, void *buf, size_t size)
{
	size_t n = 0;

	if (tls->n_messages > MESSAGES_MAX) {
		tls->broken = true;
		tls->error = EPROTO;
	}
	if (tls->ended || tls->error != 0)
		return -1;
	forget_errors();
	errno = 0;
	int rc = SSL_read_ex(tls->ssl, buf, size, &n);
	if (rc == 1) {
		tls->n_turn += tls->n_messages;
		tls->n_messages = 0;
		return (ssize_t)n;
	}
	int error = errno_of(tls, rc);
	if (error == 0)
		tls->ended = true;
	else if (error != EAGAIN)
		tls->error = error;
	return -1;
}

ssize_t
tls_receive(struct pf_connection *c, void *buf, size_t size)
{
	struct tls *tls = c->tls;
	size_t got = 0;
	ssize_t n = 0;
	int records = 0;

	tls->read_must_write = false;
	tls->n_turn = 0;
	do {
		n = read_record(tls, (char *)buf + got, size - got);
		if (n > 0)
			got += (size_t)n;
		records++;
	} while (n > 0 && got < size && records < RECORDS_TURN &&
	    tls->n_turn < MESSAGES_TURN && SSL_has_pending(tls->ssl) == 1);
	bool over = tls->ended || tls->error != 0;
	if (got > 0) {
		tls->more = over || (n > 0 && SSL_has_pending(tls->ssl) == 1);
		return (ssize_t)got;
	}
	tls->more = false;
	if (tls->ended)
		return 0;
	errno = over ? tls->error : EAGAIN;
	return -1;
}

ssize_t
tls_send(struct pf_connection *c, const void *data, size_t len)
{
	struct tls *tls = c->tls;
	size_t sent = 0;

	if (tls->broken) {
		errno = tls->error != 0 ? tls->error : EPIPE;
		return -1;
	}
	while (sent < len) {
		size_t n = 0;
		forget_errors();
		errno = 0;
		int rc = SSL_write_ex(
		    tls->ssl, (const char *)data + sent, len - sent, &n);
		if (rc != 1) {
			bool waited = tls->read_must_write;
			int error = errno_of(tls, rc);
			tls->read_must_write = waited;
			if (sent > 0 && error == EAGAIN)
				break;
			errno = error == 0 ? EPIPE : error;
			return -1;
		}
		sent += n;
	}
	return (ssize_t)sent;
}

bool
tls_finish(struct pf_connection *c)
{
	struct tls *tls = c->tls;

	if (tls == NULL || !tls->established || tls->broken)
		return true;
	forget_errors();
	int rc = SSL_shutdown(tls->ssl);
	tls->end_must_write =
	    rc < 0 && SSL_get_error(tls->ssl, rc) == SSL_ERROR_WANT_WRITE;
	forget_errors();
	tls->broken = !tls->end_must_write;
	return tls->broken;
}

uint32_t
tls_wanted(const struct pf_connection *c)
{
	const struct tls *tls = c->tls;

	if (tls == NULL)
		return 0;
	if (c->handshaking)
		return tls->queue != NULL ? 0 : tls->waits;
	return tls->read_must_write || tls->end_must_write ? EPOLLOUT : 0;
}

void
tls_review(struct pf_connection *c)
{
	if (c->tls != NULL && c->tls->more)
		join_queue(c->tls, &connection_worker(c)->tls.again);
}

/* Only those that are there now: who has still more comes again behind the
 * events of the next turn. */
static void
read_again(struct worker *worker)
{
	struct tls_queue now = TAILQ_HEAD_INITIALIZER(now);
	struct tls *tls;

	TAILQ_CONCAT(&now, &worker->tls.again, entry);
	TAILQ_FOREACH (tls, &now, entry)
		tls->queue = &now;
	while ((tls = TAILQ_FIRST(&now)) != NULL) {
		leave_queue(tls);
		stream_read(tls->connection);
	}
}

void
tls_turn(struct worker *worker, bool all_heard)
{
	struct tls_line *line = &worker->tls;

	if (!TAILQ_EMPTY(&line->again))
		read_again(worker);
	if (all_heard || ++line->put_off == PUT_OFF_TURNS) {
		line->put_off = 0;
		if (!TAILQ_EMPTY(&line->handshakes))
			serve_line(worker);
	}
}

bool
tls_is_busy(const struct worker *worker)
{
	return !TAILQ_EMPTY(&worker->tls.again) ||
	    !TAILQ_EMPTY(&worker->tls.handshakes);
}

char *
tls_describe(const struct pf_connection *c, char *buf, size_t size)
{
	buf[0] = '\0';
	if (c->tls != NULL && c->tls->established)
		snprintf(buf, size, " %s %s", SSL_get_version(c->tls->ssl),
		    SSL_get_cipher_name(c->tls->ssl));
	return buf;
}
