/* SPDX-License-Identifier: ISC */
/*
 * preforkcat: talks to whatever an address names. Standard input goes to the
 * peer, what the peer says to standard output, all else to standard error. The
 * exit status tells how it went (see client_status.h). Keeps no state, changes
 * nothing of the descriptors that it was given.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clients/client_dial.h"
#include "clients/preforkcat_datagram.h"
#include "clients/preforkcat_ends.h"
#include "clients/preforkcat_http.h"
#include "clients/preforkcat_options.h"
#include "clients/preforkcat_proxy.h"
#include "clients/preforkcat_resolve.h"
#include "clients/preforkcat_show.h"
#include "clients/preforkcat_stream.h"
#include "clients/preforkcat_tls.h"
#include "common/clock.h"

static struct dial_wish
make_wish(const struct options *options)
{
	int64_t limit_ms = options->connect_timeout_ms;

	return (struct dial_wish){
		.family = options->family,
		.source = options->has_source ? &options->source : NULL,
		.deadline_ms =
		    limit_ms == 0 ? 0 : clock_monotonic_ms() + limit_ms,
		.tell = options->verbose ? show_step : NULL,
	};
}

static void
tell_connected(int fd)
{
	struct sockaddr_storage us = { 0 }, peer = { 0 };
	socklen_t us_len = sizeof(us), peer_len = sizeof(peer);
	char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];

	getsockname(fd, (struct sockaddr *)&us, &us_len);
	getpeername(fd, (struct sockaddr *)&peer, &peer_len);
	show_timed("connected to %s from %s",
	    endpoint_format(
		(const struct sockaddr *)&peer, peer_len, to, sizeof(to)),
	    endpoint_format(
		(const struct sockaddr *)&us, us_len, from, sizeof(from)));
}

static int
converse(const struct options *options, struct end *peer)
{
	return options->is_url ? http_get(options, peer)
			       : (int)stream_copy(options, peer);
}

/* The same behind a handshake. */
static int
converse_over_tls(const struct options *options, struct end *peer,
    SSL_CTX *context, int64_t deadline_ms)
{
	int status = (int)tls_enter(peer, context, options, deadline_ms);

	if (status != CLIENT_DONE)
		return status;
	status = converse(options, peer);
	tls_leave(peer, status == CLIENT_DONE);
	return status;
}

static void
send_proxy_header(const struct options *options, struct end *peer)
{
	char header[PROXY_HEADER_MAX];
	size_t len = proxy_header_of(header, options->proxy, peer->fd);

	show_bytes('>', header, len);
	/* A peer that is gone already is noticed by what follows. */
	if (end_write_all(peer, header, len))
		show_sent(len);
}

static int
talk_on_stream(const struct options *options, const struct dial_wish *wish,
    const struct endpoint *endpoints, size_t n, SSL_CTX *context)
{
	char why[512];
	struct end peer;
	int fd = -1;

	int status = dial_connect(
	    &options->address, wish, endpoints, n, &fd, why, sizeof(why));
	if (status != CLIENT_DONE) {
		complain("%s", why);
		return status;
	}
	tell_connected(fd);
	end_peer(&peer, fd);
	send_proxy_header(options, &peer);
	status = context == NULL
	    ? converse(options, &peer)
	    : converse_over_tls(options, &peer, context, wish->deadline_ms);
	close(fd);
	return status;
}

static int
talk_by(const struct options *options, SSL_CTX *context)
{
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	struct dial_wish wish = make_wish(options);
	char why[512];
	size_t n = 0;

	int status = dial_look_up(
	    &options->address, &wish, endpoints, &n, why, sizeof(why));
	if (status != CLIENT_DONE) {
		complain("%s", why);
		return status;
	}
	if (address_needs_lookup(&options->address))
		show_timed("looked up \"%s\": %zu addresses",
		    options->address.host, n);
	if (address_socket_type(&options->address) == SOCK_DGRAM)
		return datagram_talk(options, &wish, endpoints, n);
	return talk_on_stream(options, &wish, endpoints, n, context);
}

static int
talk(const struct options *options)
{
	SSL_CTX *context;
	int status = (int)tls_context(options, &context);

	if (status == CLIENT_DONE)
		status = talk_by(options, context);
	SSL_CTX_free(context);
	return status;
}

int
main(int argc, char **argv)
{
	struct options options;

	ends_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	options_read(&options, argc, argv);
	show_begin(options.verbose, options.hex);
	int status =
	    options.resolve ? (int)resolve_print(&options) : talk(&options);
	show_total();
	return status;
}
