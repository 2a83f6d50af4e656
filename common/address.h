/* SPDX-License-Identifier: ISC */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The one address grammar of the INI file and of every client:
 *
 *   tcp://host:port  udp://host:port  unix:/path  unixgram:/path
 *   unix:@abstract   unixgram:@abstract  fd://name
 *   tls://host:port  tls+unix:/path  tls+unix:@abstract  tls+fd://name
 *
 * The last line is TLS on the streams of the first two.
 * host is a name, an IPv4 literal, an IPv6 literal in brackets (with %zone),
 * or "*" for every IPv4 and IPv6 address. Port 0 is the kernel's choice.
 */
enum address_kind {
	ADDRESS_TCP = 0,
	ADDRESS_UDP,
	ADDRESS_UNIX,
	ADDRESS_UNIXGRAM,
	ADDRESS_FD,
};

#define ADDRESS_HOST_MAX      256 /* RFC 1035 name, and room for a zone */
#define ADDRESS_TEXT_MAX      320 /* any address as text, with its NUL */
#define ADDRESS_MAX_ENDPOINTS 16  /* of one name; more are not tried */

struct address {
	enum address_kind kind;
	bool tls;		     /* spoken on the stream */
	bool abstract;		     /* unix:@name */
	uint16_t port;		     /* tcp, udp; host byte order */
	char host[ADDRESS_HOST_MAX]; /* tcp, udp; without brackets */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	/* unix: path, or name without '@';
	   fd: name */
};

/* One socket address, ready for bind(2) or connect(2). */
struct endpoint {
	struct sockaddr_storage storage;
	socklen_t length;
};

/*
 * Parses TEXT. A relative unix path is taken from the folder BASE (absolute;
 * NULL leaves it relative). Returns true, or false with a phrase in WHY (what
 * is wrong and what is allowed). Does not look names up, does not block.
 */
bool address_parse(struct address *address, const char *text, const char *base,
    char *why, size_t why_size);

/* The canonical text of ADDRESS; BUF needs ADDRESS_TEXT_MAX. Returns BUF. */
char *address_format(const struct address *address, char *buf, size_t size);

/* What the text of ADDRESS begins with: "tcp://", "tls+unix:". Static data. */
const char *address_scheme(const struct address *address);

/* Whether both are one socket; what is spoken on it makes no difference. */
bool address_equal(const struct address *a, const struct address *b);

/* SOCK_STREAM or SOCK_DGRAM; SOCK_STREAM for fd://, whose socket decides. */
int address_socket_type(const struct address *address);

bool address_is_inet(const struct address *address);

/* True when endpoints need a name look-up (host is neither literal nor *). */
bool address_needs_lookup(const struct address *address);

/*
 * Fills ENDPOINTS (at most ADDRESS_MAX_ENDPOINTS) without any look-up:
 * literals, "*" (two: 0.0.0.0, then [::]) and unix addresses. Returns their
 * number; 0 for fd:// and for names. Does not block.
 */
size_t
address_endpoints(const struct address *address, struct endpoint *endpoints);

/*
 * The same with getaddrinfo(3) for names: BLOCKS for as long as the resolver
 * likes. Never call it in a running supervisor or worker. Returns 0 with a
 * phrase in WHY when the name has no address.
 */
size_t address_resolve(const struct address *address,
    struct endpoint *endpoints, char *why, size_t why_size);

/*
 * A socket address as people read it: "127.0.0.1:80", "[::1]:80", "/path",
 * "@name", "unnamed". Bytes of unix names that are not printable, and blanks,
 * come escaped (strvisx), so that it is one word. BUF needs ADDRESS_TEXT_MAX.
 * Returns BUF.
 */
char *endpoint_format(
    const struct sockaddr *sa, socklen_t length, char *buf, size_t size);

#endif
