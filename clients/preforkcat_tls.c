/* SPDX-License-Identifier: ISC */
/*
 * TLS as an end of a stream: the handshake, and then the same three verbs that
 * a socket has. The end of the input is a close_notify; that of the peer too,
 * so that an end without it is a failure.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "clients/client_dial.h"
#include "clients/client_tls.h"
#include "clients/preforkcat_show.h"
#include "clients/preforkcat_tls.h"
#include "clients/preforkcat_tls_show.h"
#include "common/clock.h"

/* So much is received at a time, some records. */
#define READ_BUFFER (64 * 1024)

#define LINE_MAX_LEN 1536

/* --- the verbs of an end ------------------------------------------------- */

static short
events_of(enum client_tls_step step)
{
	return step == CLIENT_TLS_WANTS_WRITE ? POLLOUT : POLLIN;
}

/* -1 with errno, as of read(2) and write(2), for what did not go on. */
static ssize_t
stopped(struct end *end, enum client_tls_step step, short *waits_for)
{
	switch (step) {
	case CLIENT_TLS_WANTS_READ:
	case CLIENT_TLS_WANTS_WRITE:
		*waits_for = events_of(step);
		errno = EAGAIN;
		return -1;
	case CLIENT_TLS_ENDED:
		return 0;
	default:
		errno = client_tls_errno(end->tls);
		return -1;
	}
}

/* A record at a time would be a write(2) for every 16 KiB. */
static ssize_t
tls_receive(struct end *end, void *data, size_t len)
{
	enum client_tls_step step = CLIENT_TLS_DONE;
	size_t got = 0;

	while (got < len && step == CLIENT_TLS_DONE) {
		size_t n = 0;
		step = client_tls_read(
		    end->tls, (char *)data + got, len - got, &n);
		got += n;
	}
	/* What stopped it will do so again. */
	return got > 0 ? (ssize_t)got
		       : stopped(end, step, &end->receive_waits_for);
}

static ssize_t
tls_send(struct end *end, const void *data, size_t len)
{
	enum client_tls_step step = CLIENT_TLS_DONE;
	size_t sent = 0;

	while (sent < len && step == CLIENT_TLS_DONE) {
		size_t n = 0;
		step = client_tls_write(
		    end->tls, (const char *)data + sent, len - sent, &n);
		sent += n;
	}
	if (sent > 0)
		return (ssize_t)sent;
	ssize_t n = stopped(end, step, &end->send_waits_for);
	if (n == 0)
		errno = EPIPE;
	return -1;
}

static bool
tls_finish(struct end *end)
{
	enum client_tls_step step = client_tls_finish(end->tls);

	return step == CLIENT_TLS_DONE ||
	    stopped(end, step, &end->send_waits_for) != -1 || errno != EAGAIN;
}

static enum client_status
tls_explain(const struct end *end, const char *text)
{
	char line[LINE_MAX_LEN];
	enum client_status status =
	    client_tls_failure(end->tls, text, line, sizeof(line));

	complain("%s", line);
	return status;
}

static const struct end_ops tls_ops = {
	.receive = tls_receive,
	.send = tls_send,
	.finish = tls_finish,
	.explain = tls_explain,
};

/* --- the handshake ------------------------------------------------------- */

enum client_status
tls_context(const struct options *options, SSL_CTX **context)
{
	char why[512];

	*context = NULL;
	if (!options->address.tls)
		return CLIENT_DONE;
	if (options->tls.insecure)
		complain("WARNING: --insecure: the certificate of \"%s\" is "
			 "NOT checked, anybody could be answering",
		    options->text);
	*context = client_tls_context(&options->tls, why, sizeof(why));
	if (*context == NULL) {
		complain("%s", why);
		return CLIENT_USAGE;
	}
	show_timed("read whom to trust");
	SSL_CTX_set_default_read_buffer_len(*context, READ_BUFFER);
	return CLIENT_DONE;
}

static enum client_status
late(const struct options *options)
{
	complain("\"%s\" timed out in the TLS handshake", options->text);
	return CLIENT_TIMED_OUT;
}

/* The nearer of both deadlines, 0 being none. */
static int64_t
until_ms(const struct options *options, int64_t deadline_ms)
{
	int64_t quiet_ms = options->timeout_ms == 0
	    ? 0
	    : clock_monotonic_ms() + options->timeout_ms;

	if (deadline_ms == 0 || (quiet_ms != 0 && quiet_ms < deadline_ms))
		return quiet_ms;
	return deadline_ms;
}

/* False when there was nothing in time. */
static bool
await(int fd, short events, int64_t limit_ms)
{
	struct pollfd peer = { .fd = fd, .events = events };
	int n;

	do {
		n = poll(&peer, 1, dial_left_ms(limit_ms));
	} while (n == -1 && errno == EINTR);
	return n != 0;
}

static enum client_status
shake_hands(
    struct end *peer, const struct options *options, int64_t deadline_ms)
{
	for (;;) {
		enum client_tls_step step = client_tls_handshake(peer->tls);

		switch (step) {
		case CLIENT_TLS_DONE:
			return CLIENT_DONE;
		case CLIENT_TLS_WANTS_READ:
		case CLIENT_TLS_WANTS_WRITE:
			if (!await(peer->fd, events_of(step),
				until_ms(options, deadline_ms)))
				return late(options);
			break;
		default:
			return tls_explain(peer, options->text);
		}
	}
}

enum client_status
tls_enter(struct end *peer, SSL_CTX *context, const struct options *options,
    int64_t deadline_ms)
{
	char why[512];
	SSL *ssl = client_tls_new(context, &options->tls, &options->address,
	    peer->fd, why, sizeof(why));

	if (ssl == NULL) {
		complain("%s", why);
		return CLIENT_USAGE;
	}
	*peer = (struct end){
		.ops = &tls_ops,
		.fd = peer->fd,
		.tls = ssl,
		.never_waits = true,
		.receive_waits_for = POLLIN,
		.send_waits_for = POLLOUT,
	};
	enum client_status status = shake_hands(peer, options, deadline_ms);
	if (status == CLIENT_DONE)
		tls_show(ssl, options->tls.insecure);
	else
		tls_leave(peer, false);
	/* What came with the end of the handshake, poll(2) knows nothing of. */
	peer->holds = peer->tls != NULL && SSL_has_pending(ssl) == 1;
	return status;
}

void
tls_leave(struct end *peer, bool is_whole)
{
	if (peer->tls == NULL)
		return;
	if (is_whole)
		client_tls_finish(peer->tls);
	SSL_free(peer->tls);
	peer->tls = NULL;
}
