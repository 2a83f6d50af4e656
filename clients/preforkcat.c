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
talk_on_stream(const struct options *options, const struct dial_wish *wish,
    const struct endpoint *endpoints, size_t n)
{
	char why[512], header[PROXY_HEADER_MAX];
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
	size_t len = proxy_header_of(header, options->proxy, fd);
	show_bytes('>', header, len);
	/* A peer that is gone already is noticed by what follows. */
	if (end_write_all(&peer, header, len))
		show_sent(len);
	status = options->is_url ? http_get(options, &peer)
				 : (int)stream_copy(options, &peer);
	close(fd);
	return status;
}

static int
talk(const struct options *options)
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
	return talk_on_stream(options, &wish, endpoints, n);
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
