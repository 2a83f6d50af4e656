/* SPDX-License-Identifier: ISC */
/*
 * What the resolver says about a name, and about the addresses that it gives.
 * Connects to nothing. Names come from others and are shown escaped.
 */
#include <netinet/in.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/client_call.h"
#include "clients/preforkcat_resolve.h"
#include "clients/preforkcat_show.h"
#include "common/clock.h"
#include "common/log.h"

#define NAME_TEXT_MAX (4 * NI_MAXHOST) /* any name, escaped */

/* --- questions ----------------------------------------------------------- */

struct forward {
	char host[ADDRESS_HOST_MAX], port[8];
	struct addrinfo hints;
	struct addrinfo *answers;
	int error;
};

struct reverse {
	struct sockaddr_storage storage;
	socklen_t length;
	char host[NI_MAXHOST];
	int error;
};

static void
ask_forward(void *data)
{
	struct forward *job = data;

	job->error =
	    getaddrinfo(job->host, job->port, &job->hints, &job->answers);
}

static void
ask_reverse(void *data)
{
	struct reverse *job = data;

	job->error = getnameinfo((const struct sockaddr *)&job->storage,
	    job->length, job->host, sizeof(job->host), NULL, 0, NI_NAMEREQD);
}

static int64_t
deadline(const struct options *options)
{
	int64_t limit_ms = options->connect_timeout_ms;

	return limit_ms == 0 ? 0 : clock_monotonic_ms() + limit_ms;
}

/* The reverse name of AI, escaped, or "-", in BUF (NAME_TEXT_MAX). */
static const char *
reverse_name(
    const struct options *options, const struct addrinfo *ai, char *buf)
{
	struct reverse *job = calloc(1, sizeof(*job));

	strlcpy(buf, "-", NAME_TEXT_MAX);
	if (job == NULL)
		return buf;
	memcpy(&job->storage, ai->ai_addr, ai->ai_addrlen);
	job->length = ai->ai_addrlen;
	if (!client_call(ask_reverse, job, deadline(options)))
		return buf;
	if (job->error == 0)
		log_escape(buf, NAME_TEXT_MAX, job->host, strlen(job->host));
	free(job);
	return buf;
}

/* --- words --------------------------------------------------------------- */

static const char *
family_word(int family)
{
	return family == AF_INET6 ? "IPv6" : "IPv4";
}

static const char *
type_word(int type)
{
	switch (type) {
	case SOCK_STREAM:
		return "stream";
	case SOCK_DGRAM:
		return "datagram";
	case SOCK_RAW:
		return "raw";
	default:
		return "other";
	}
}

static const char *
protocol_word(int protocol)
{
	switch (protocol) {
	case IPPROTO_IP:
		return "any";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	default:
		return "other";
	}
}

/* --- answers ------------------------------------------------------------- */

static bool
is_same_address(const struct addrinfo *a, const struct addrinfo *b)
{
	return b != NULL && a->ai_addrlen == b->ai_addrlen &&
	    memcmp(a->ai_addr, b->ai_addr, a->ai_addrlen) == 0;
}

static void
print_answers(const struct options *options, const struct addrinfo *answers)
{
	char canonical[NAME_TEXT_MAX] = "-", reverse[NAME_TEXT_MAX];
	char address[ADDRESS_TEXT_MAX];
	const struct addrinfo *last = NULL;

	/* Only the first answer carries the name. */
	if (answers->ai_canonname != NULL)
		log_escape(canonical, sizeof(canonical), answers->ai_canonname,
		    strlen(answers->ai_canonname));
	for (const struct addrinfo *ai = answers; ai != NULL;
	     last = ai, ai = ai->ai_next) {
		if (!is_same_address(ai, last))
			reverse_name(options, ai, reverse);
		printf("%s\t%s\t%s\t%s\t%s\t%s\n", family_word(ai->ai_family),
		    type_word(ai->ai_socktype), protocol_word(ai->ai_protocol),
		    canonical,
		    endpoint_format(
			ai->ai_addr, ai->ai_addrlen, address, sizeof(address)),
		    reverse);
	}
}

/* A bare name asks for everything, an address for its kind. */
static void
make_question(struct forward *job, const struct options *options)
{
	const struct address *address = &options->address;

	strlcpy(job->host, address->host, sizeof(job->host));
	snprintf(job->port, sizeof(job->port), "%u", address->port);
	job->hints.ai_family = options->family;
	if (strstr(options->text, "//") != NULL)
		job->hints.ai_socktype = address_socket_type(address);
	job->hints.ai_flags = AI_CANONNAME;
}

enum client_status
resolve_print(const struct options *options)
{
	struct forward *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		complain("out of memory");
		return CLIENT_BROKEN;
	}
	make_question(job, options);
	if (!client_call(ask_forward, job, deadline(options))) {
		complain("cannot look up \"%s\": no answer in time",
		    options->address.host);
		return CLIENT_TIMED_OUT;
	}
	show_timed("looked up \"%s\"", options->address.host);
	int error = job->error;
	if (error == 0) {
		print_answers(options, job->answers);
		freeaddrinfo(job->answers);
	} else
		complain("cannot look up \"%s\": %s", options->address.host,
		    gai_strerror(error));
	free(job);
	if (fflush(stdout) == EOF && errno != EPIPE) {
		complain("cannot write standard output: %s", strerror(errno));
		return CLIENT_BROKEN;
	}
	return error == 0 ? CLIENT_DONE : CLIENT_NO_NAME;
}
