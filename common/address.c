/* SPDX-License-Identifier: ISC */
/*
 * Addresses: the one grammar of the configuration and of every client, and
 * socket addresses as text. Everything is pure but address_resolve(), which
 * asks the resolver and may block.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "common/log.h"
#include "common/path.h"

static const struct scheme {
	const char *prefix;
	enum address_kind kind;
	bool tls;
} schemes[] = {
	{ "tcp://", ADDRESS_TCP, false },
	{ "tls://", ADDRESS_TCP, true },
	{ "udp://", ADDRESS_UDP, false },
	{ "unix:", ADDRESS_UNIX, false },
	{ "tls+unix:", ADDRESS_UNIX, true },
	{ "unixgram:", ADDRESS_UNIXGRAM, false },
	{ "fd://", ADDRESS_FD, false },
	{ "tls+fd://", ADDRESS_FD, true },
};

#define N_SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

bool
address_is_inet(const struct address *address)
{
	return address->kind == ADDRESS_TCP || address->kind == ADDRESS_UDP;
}

int
address_socket_type(const struct address *address)
{
	bool datagram =
	    address->kind == ADDRESS_UDP || address->kind == ADDRESS_UNIXGRAM;

	return datagram ? SOCK_DGRAM : SOCK_STREAM;
}

static bool
is_literal(const char *host)
{
	struct in6_addr address;
	char bare[ADDRESS_HOST_MAX];

	if (strcmp(host, "*") == 0 || inet_pton(AF_INET, host, &address) == 1)
		return true;
	strlcpy(bare, host, sizeof(bare));
	bare[strcspn(bare, "%")] = '\0';
	return inet_pton(AF_INET6, bare, &address) == 1;
}

bool
address_needs_lookup(const struct address *address)
{
	return address_is_inet(address) && !is_literal(address->host);
}

static bool
parse_port(
    struct address *address, const char *text, char *why, size_t why_size)
{
	const char *error = NULL;
	long long port = strtonum(text, 0, 65535, &error);

	/* strtonum(3) takes blanks and signs. */
	if (error != NULL || text[strspn(text, "0123456789")] != '\0') {
		snprintf(why, why_size,
		    "port \"%.32s\" is not a number from 0 to 65535", text);
		return false;
	}
	address->port = (uint16_t)port;
	return true;
}

/* RFC 1123 names, and what resolvers take beyond (underscores). */
static bool
is_name(const char *host)
{
	size_t len = strlen(host);

	return len > 0 && host[0] != '-' && host[0] != '.' &&
	    strspn(host,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789-._") == len;
}

/* One address has one text: "::0001" is "::1", a zone stays as it is. */
static void
make_canonical(char *host, size_t size)
{
	char zone[ADDRESS_HOST_MAX] = "", text[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	size_t len = strcspn(host, "%");

	strlcpy(zone, host + len, sizeof(zone));
	host[len] = '\0';
	if (inet_pton(AF_INET6, host, &v6) == 1 &&
	    inet_ntop(AF_INET6, &v6, text, sizeof(text)) != NULL)
		strlcpy(host, text, size);
	strlcat(host, zone, size);
}

/* Only digits and dots: meant as an IPv4 address, and wrong. */
static bool
is_bad_ipv4(const char *host)
{
	struct in_addr address;

	return host[strspn(host, "0123456789.")] == '\0' &&
	    inet_pton(AF_INET, host, &address) != 1;
}

static bool
is_bracketed_literal(const char *host)
{
	const char *zone = strchr(host, '%');

	return strchr(host, ':') != NULL && is_literal(host) &&
	    (zone == NULL || zone[1] != '\0');
}

static bool
check_host(const char *host, bool bracketed, char *why, size_t why_size)
{
	if (bracketed) {
		if (is_bracketed_literal(host))
			return true;
		snprintf(
		    why, why_size, "\"[%.64s]\" is not an IPv6 address", host);
		return false;
	}
	if (strcmp(host, "*") == 0)
		return true;
	if (is_bad_ipv4(host) || !is_name(host)) {
		snprintf(why, why_size,
		    "host \"%.64s\" is not a name, an IPv4 address, an IPv6 "
		    "address in brackets or *",
		    host);
		return false;
	}
	return true;
}

/* "host:port" or "[v6]:port". */
static bool
parse_inet(
    struct address *address, const char *text, char *why, size_t why_size)
{
	bool bracketed = *text == '[';
	const char *host = text + bracketed;
	const char *end = bracketed ? strchr(host, ']') : strrchr(host, ':');
	const char *colon = bracketed && end != NULL ? end + 1 : end;

	if (bracketed && end == NULL) {
		snprintf(why, why_size,
		    "the ] behind the IPv6 address is "
		    "missing");
		return false;
	}
	if (end == NULL || *colon != ':') {
		snprintf(why, why_size, "a port is missing: write host:port");
		return false;
	}
	if ((size_t)(end - host) >= sizeof(address->host)) {
		snprintf(why, why_size, "the host has more than %d bytes",
		    ADDRESS_HOST_MAX - 1);
		return false;
	}
	memcpy(address->host, host, (size_t)(end - host));
	if (!bracketed && strchr(address->host, ':') != NULL) {
		snprintf(why, why_size,
		    "an IPv6 address stands in brackets: [::1]:port");
		return false;
	}
	if (!check_host(address->host, bracketed, why, why_size) ||
	    !parse_port(address, colon + 1, why, why_size))
		return false;
	if (bracketed)
		make_canonical(address->host, sizeof(address->host));
	return true;
}

static bool
parse_unix(struct address *address, const char *text, const char *base,
    char *why, size_t why_size)
{
	char path[sizeof(address->path) + 4096];
	const size_t max = sizeof(address->path) - 1;

	address->abstract = *text == '@';
	if (address->abstract)
		text++;
	if (*text == '\0') {
		snprintf(why, why_size, "a path or @name is missing");
		return false;
	}
	size_t len = path_join(
	    address->abstract ? NULL : base, text, path, sizeof(path));
	if (len > max) {
		snprintf(why, why_size,
		    "the path of the socket has %zu bytes, at most %zu fit",
		    len, max);
		return false;
	}
	memcpy(address->path, path, len + 1);
	return true;
}

static bool
parse_fd(struct address *address, const char *text, char *why, size_t why_size)
{
	size_t len = strlen(text);

	if (len == 0 || len >= 64 || strchr(text, ':') != NULL) {
		snprintf(why, why_size,
		    "a name of 1 to 63 bytes without a colon is needed");
		return false;
	}
	memcpy(address->path, text, len + 1);
	return true;
}

static const struct scheme *
find_scheme(const char *text)
{
	for (size_t i = 0; i < N_SCHEMES; i++) {
		if (strncmp(text, schemes[i].prefix,
			strlen(schemes[i].prefix)) == 0)
			return &schemes[i];
	}
	return NULL;
}

bool
address_parse(struct address *address, const char *text, const char *base,
    char *why, size_t why_size)
{
	const struct scheme *scheme = find_scheme(text);

	memset(address, 0, sizeof(*address));
	if (scheme == NULL) {
		snprintf(why, why_size,
		    "it must begin with tcp://, tls://, udp://, unix:, "
		    "tls+unix:, unixgram:, fd:// or tls+fd://");
		return false;
	}
	address->kind = scheme->kind;
	address->tls = scheme->tls;
	text += strlen(scheme->prefix);
	if (address_is_inet(address))
		return parse_inet(address, text, why, why_size);
	if (address->kind == ADDRESS_FD)
		return parse_fd(address, text, why, why_size);
	return parse_unix(address, text, base, why, why_size);
}

const char *
address_scheme(const struct address *address)
{
	for (size_t i = 0; i < N_SCHEMES; i++) {
		if (schemes[i].kind == address->kind &&
		    schemes[i].tls == address->tls)
			return schemes[i].prefix;
	}
	return schemes[0].prefix;
}

char *
address_format(const struct address *address, char *buf, size_t size)
{
	const char *prefix = address_scheme(address);
	bool v6 = strchr(address->host, ':') != NULL;

	if (address_is_inet(address))
		snprintf(buf, size, "%s%s%s%s:%u", prefix, v6 ? "[" : "",
		    address->host, v6 ? "]" : "", address->port);
	else
		snprintf(buf, size, "%s%s%s", prefix,
		    address->abstract ? "@" : "", address->path);
	return buf;
}

bool
address_equal(const struct address *a, const struct address *b)
{
	return a->kind == b->kind && a->abstract == b->abstract &&
	    a->port == b->port && strcasecmp(a->host, b->host) == 0 &&
	    strcmp(a->path, b->path) == 0;
}

static void
set_v4(struct endpoint *endpoint, struct in_addr host, uint16_t port)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)&endpoint->storage;

	memset(endpoint, 0, sizeof(*endpoint));
	sin->sin_family = AF_INET;
	sin->sin_addr = host;
	sin->sin_port = htons(port);
	endpoint->length = sizeof(*sin);
}

static void
set_v6(struct endpoint *endpoint, const struct in6_addr *host, uint32_t zone,
    uint16_t port)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&endpoint->storage;

	memset(endpoint, 0, sizeof(*endpoint));
	sin6->sin6_family = AF_INET6;
	sin6->sin6_addr = *host;
	sin6->sin6_scope_id = zone;
	sin6->sin6_port = htons(port);
	endpoint->length = sizeof(*sin6);
}

static uint32_t
zone_number(const char *name)
{
	uint32_t zone = if_nametoindex(name);

	return zone != 0 ? zone : (uint32_t)strtoul(name, NULL, 10);
}

static size_t
inet_endpoints(const struct address *address, struct endpoint *endpoints)
{
	const struct in_addr any = { .s_addr = htonl(INADDR_ANY) };
	struct in_addr v4;
	struct in6_addr v6;
	char host[ADDRESS_HOST_MAX];

	if (strcmp(address->host, "*") == 0) {
		set_v4(&endpoints[0], any, address->port);
		set_v6(&endpoints[1], &in6addr_any, 0, address->port);
		return 2;
	}
	if (inet_pton(AF_INET, address->host, &v4) == 1) {
		set_v4(&endpoints[0], v4, address->port);
		return 1;
	}
	strlcpy(host, address->host, sizeof(host));
	char *zone = strchr(host, '%');
	if (zone != NULL)
		*zone++ = '\0';
	if (inet_pton(AF_INET6, host, &v6) != 1)
		return 0;
	set_v6(&endpoints[0], &v6, zone == NULL ? 0 : zone_number(zone),
	    address->port);
	return 1;
}

size_t
address_endpoints(const struct address *address, struct endpoint *endpoints)
{
	if (address_is_inet(address))
		return inet_endpoints(address, endpoints);
	if (address->kind == ADDRESS_FD)
		return 0;
	struct sockaddr_un *sun = (struct sockaddr_un *)&endpoints[0].storage;
	size_t len = strlen(address->path);
	memset(&endpoints[0], 0, sizeof(endpoints[0]));
	sun->sun_family = AF_UNIX;
	/* An abstract name begins behind a NUL and has no end but its length
	 * (unix(7)). */
	memcpy(sun->sun_path + address->abstract, address->path,
	    len < sizeof(sun->sun_path) ? len : sizeof(sun->sun_path) - 1);
	endpoints[0].length =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return 1;
}

/* The files that a resolver reads may name an address twice. */
static bool
is_among(const struct endpoint *endpoints, size_t n, const struct addrinfo *ai)
{
	for (size_t i = 0; i < n; i++) {
		if (endpoints[i].length == ai->ai_addrlen &&
		    memcmp(&endpoints[i].storage, ai->ai_addr,
			ai->ai_addrlen) == 0)
			return true;
	}
	return false;
}

static size_t
take_answers(const struct addrinfo *answers, struct endpoint *endpoints)
{
	size_t n = 0;

	for (const struct addrinfo *ai = answers;
	     ai != NULL && n < ADDRESS_MAX_ENDPOINTS; ai = ai->ai_next) {
		if (ai->ai_addrlen > sizeof(endpoints[n].storage) ||
		    is_among(endpoints, n, ai))
			continue;
		memset(&endpoints[n], 0, sizeof(endpoints[n]));
		memcpy(&endpoints[n].storage, ai->ai_addr, ai->ai_addrlen);
		endpoints[n++].length = ai->ai_addrlen;
	}
	return n;
}

size_t
address_resolve(const struct address *address, struct endpoint *endpoints,
    char *why, size_t why_size)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = address_socket_type(address),
	};
	struct addrinfo *answers;
	char port[8];

	if (!address_needs_lookup(address))
		return address_endpoints(address, endpoints);
	snprintf(port, sizeof(port), "%u", address->port);
	int rc = getaddrinfo(address->host, port, &hints, &answers);
	if (rc != 0) {
		snprintf(why, why_size, "%s", gai_strerror(rc));
		return 0;
	}
	size_t n = take_answers(answers, endpoints);
	freeaddrinfo(answers);
	if (n == 0)
		snprintf(why, why_size, "the name has no address");
	return n;
}

static char *
format_unix(
    const struct sockaddr_un *sun, socklen_t length, char *buf, size_t size)
{
	size_t len = length - offsetof(struct sockaddr_un, sun_path);

	if (sun->sun_path[0] != '\0') {
		log_escape_word(
		    buf, size, sun->sun_path, strnlen(sun->sun_path, len));
		return buf;
	}
	buf[0] = '@';
	log_escape_word(buf + 1, size - 1, sun->sun_path + 1, len - 1);
	return buf;
}

static char *
format_inet(const struct sockaddr *sa, char *buf, size_t size)
{
	const struct sockaddr_in *sin = (const void *)sa;
	const struct sockaddr_in6 *sin6 = (const void *)sa;
	char host[INET6_ADDRSTRLEN], zone[16] = "";

	if (sa->sa_family == AF_INET) {
		inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
		snprintf(buf, size, "%s:%u", host, ntohs(sin->sin_port));
		return buf;
	}
	inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host));
	if (sin6->sin6_scope_id != 0)
		snprintf(zone, sizeof(zone), "%%%u", sin6->sin6_scope_id);
	snprintf(buf, size, "[%s%s]:%u", host, zone, ntohs(sin6->sin6_port));
	return buf;
}

char *
endpoint_format(
    const struct sockaddr *sa, socklen_t length, char *buf, size_t size)
{
	if (length <= offsetof(struct sockaddr_un, sun_path) ||
	    (sa->sa_family != AF_UNIX && sa->sa_family != AF_INET &&
		sa->sa_family != AF_INET6)) {
		strlcpy(buf, "unnamed", size);
		return buf;
	}
	if (sa->sa_family == AF_UNIX)
		return format_unix((const void *)sa, length, buf, size);
	return format_inet(sa, buf, size);
}
