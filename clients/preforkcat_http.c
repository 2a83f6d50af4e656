/* SPDX-License-Identifier: ISC */
/*
 * One GET over a connection that is there. It ends with the response, whether
 * or not the server closes.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/client_dial.h"
#include "clients/preforkcat_http.h"
#include "clients/preforkcat_http_response.h"
#include "clients/preforkcat_show.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/units.h"

#define BUFFER_SIZE (64 * 1024)
#define REQUEST_MAX (URL_TARGET_MAX + 1024)

struct get {
	const struct options *options;
	struct end *peer;
	struct end output;
	struct http_response response;
	bool output_is_gone;
	char buffer[BUFFER_SIZE];
};

/* --- the connection ------------------------------------------------------ */

static int
connection_failed(const struct get *get, int error)
{
	const char *text = get->options->text;

	if (error == EPROTO && get->peer->ops->explain != NULL)
		return (int)get->peer->ops->explain(get->peer, text);
	if (error == ETIMEDOUT) {
		complain("\"%s\" timed out", text);
		return CLIENT_TIMED_OUT;
	}
	if (error == ECONNRESET)
		complain("\"%s\" reset the connection", text);
	else
		complain("\"%s\" broke off: %s", text, strerror(error));
	return CLIENT_BROKEN;
}

/* Waits for EVENTS of the peer. False when --timeout is over. */
static bool
await(const struct get *get, short events)
{
	int64_t limit_ms = get->options->timeout_ms;
	struct pollfd peer = { .fd = get->peer->fd, .events = events };
	int64_t deadline_ms =
	    limit_ms == 0 ? 0 : clock_monotonic_ms() + limit_ms;
	int n;

	do {
		n = poll(&peer, 1, dial_left_ms(deadline_ms));
	} while (n == -1 && errno == EINTR);
	return n != 0;
}

static int
late(const struct get *get)
{
	char limit[24];

	complain("\"%s\" timed out: nothing came or went for %s",
	    get->options->text,
	    unit_format_duration(
		get->options->timeout_ms, limit, sizeof(limit)));
	return CLIENT_TIMED_OUT;
}

/* --- the request --------------------------------------------------------- */

static void
make_request(struct buffer *request, const struct url *url)
{
	buffer_printf(request,
	    "GET %s HTTP/1.1\r\n"
	    "Host: %s\r\n"
	    "User-Agent: preforkcat/%s\r\n"
	    "Accept: */*\r\n"
	    "Connection: close\r\n"
	    "\r\n",
	    url->target, url->host, PREFORKD_VERSION);
}

/* A server may answer, and close, before it has read it all: a failure here is
 * told only when no answer comes. */
static int
send_request(struct get *get)
{
	struct end *peer = get->peer;
	struct buffer request;
	int status = CLIENT_DONE;

	buffer_init(&request, REQUEST_MAX);
	make_request(&request, &get->options->url);
	show_bytes('>', buffer_data(&request), buffer_length(&request));
	while (buffer_length(&request) > 0) {
		ssize_t n = peer->ops->send(
		    peer, buffer_data(&request), buffer_length(&request));
		if (n > 0) {
			show_sent((size_t)n);
			buffer_consume(&request, (size_t)n);
		} else if (errno == EAGAIN &&
		    !await(get, peer->send_waits_for)) {
			status = late(get);
			break;
		} else if (errno != EAGAIN && errno != EINTR)
			break;
	}
	buffer_clear(&request);
	return status;
}

/* --- the response -------------------------------------------------------- */

/* Returns CLIENT_DONE, or the status to end with. */
static int
put(struct get *get, const struct http_bytes *bytes)
{
	if (end_write_all(&get->output, bytes->data, bytes->len))
		return CLIENT_DONE;
	if (errno == EPIPE) {
		get->output_is_gone = true;
		return CLIENT_DONE;
	}
	complain("cannot write standard output: %s", strerror(errno));
	return CLIENT_BROKEN;
}

static int
broken(const struct get *get)
{
	complain("the response of \"%s\" is not right: %s", get->options->text,
	    get->response.why);
	return CLIENT_PROTOCOL;
}

/* Writes what is in BYTES. *ENDED is set when the response is complete. */
static int
take(struct get *get, struct http_bytes bytes, bool *ended)
{
	struct http_bytes out;
	int status = CLIENT_DONE;

	while (status == CLIENT_DONE && !get->output_is_gone) {
		switch (http_response_next(&get->response, &bytes, &out)) {
		case HTTP_MORE:
			return CLIENT_DONE;
		case HTTP_HEADER:
			if (get->options->include)
				status = put(get, &out);
			break;
		case HTTP_BODY:
			status = put(get, &out);
			break;
		case HTTP_END:
			*ended = true;
			return CLIENT_DONE;
		case HTTP_BROKEN:
			return broken(get);
		}
	}
	*ended = true;
	return status;
}

/* The connection is at its end, which may be that of the response. */
static int
finish(struct get *get)
{
	return http_response_finish(&get->response) == HTTP_END ? CLIENT_DONE
								: broken(get);
}

static int
read_response(struct get *get)
{
	struct end *peer = get->peer;
	bool ended = false;
	int status = CLIENT_DONE;

	while (status == CLIENT_DONE && !ended) {
		ssize_t n = peer->ops->receive(peer, get->buffer, BUFFER_SIZE);
		if (n == 0)
			return finish(get);
		if (n > 0) {
			show_received((size_t)n);
			show_bytes('<', get->buffer, (size_t)n);
			status = take(get,
			    (struct http_bytes){ get->buffer, (size_t)n },
			    &ended);
		} else if (errno == EAGAIN &&
		    !await(get, peer->receive_waits_for))
			status = late(get);
		else if (errno != EAGAIN && errno != EINTR)
			status = connection_failed(get, errno);
	}
	return status;
}

int
http_get(const struct options *options, struct end *peer)
{
	struct get *get = calloc(1, sizeof(*get));

	if (get == NULL) {
		complain("out of memory");
		return CLIENT_BROKEN;
	}
	get->options = options;
	get->peer = peer;
	end_standard(&get->output, STDOUT_FILENO);
	int status = send_request(get);
	if (status == CLIENT_DONE)
		status = read_response(get);
	int class = get->response.status / 100;
	if (status == CLIENT_DONE && class > 2) {
		show_step(
		    "the status of the response is %d", get->response.status);
		status = class;
	}
	free(get);
	return status;
}
