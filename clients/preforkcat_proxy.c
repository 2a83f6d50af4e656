/* SPDX-License-Identifier: ISC */
/*
 * PROXY headers, versions 1 (a line) and 2 (binary), after HAProxy's
 * proxy-protocol.txt.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "clients/preforkcat_proxy.h"

#define V2_SIGNATURE	 "\r\n\r\n\0\r\nQUIT\n"
#define V2_SIGNATURE_LEN 12
#define V2_PROXY	 0x21 /* version 2, a connection that is passed on */

/* Address families of version 2; the transport is in the low half. */
#define V2_UNSPEC 0x00
#define V2_INET	  0x10
#define V2_INET6  0x20
#define V2_UNIX	  0x30
#define V2_STREAM 0x01
#define V2_DGRAM  0x02

#define V2_UNIX_PATH_LEN 108

static size_t
v1_header(char *buf, const struct sockaddr_storage *source,
    const struct sockaddr_storage *destination)
{
	const struct sockaddr_in *from = (const void *)source;
	const struct sockaddr_in *to = (const void *)destination;
	const struct sockaddr_in6 *from6 = (const void *)source;
	const struct sockaddr_in6 *to6 = (const void *)destination;
	char a[INET6_ADDRSTRLEN] = "", b[INET6_ADDRSTRLEN] = "";
	int len;

	if (source->ss_family != destination->ss_family ||
	    (source->ss_family != AF_INET && source->ss_family != AF_INET6))
		len = snprintf(buf, PROXY_HEADER_MAX, "PROXY UNKNOWN\r\n");
	else if (source->ss_family == AF_INET)
		len = snprintf(buf, PROXY_HEADER_MAX,
		    "PROXY TCP4 %s %s %u %u\r\n",
		    inet_ntop(AF_INET, &from->sin_addr, a, sizeof(a)),
		    inet_ntop(AF_INET, &to->sin_addr, b, sizeof(b)),
		    ntohs(from->sin_port), ntohs(to->sin_port));
	else
		len = snprintf(buf, PROXY_HEADER_MAX,
		    "PROXY TCP6 %s %s %u %u\r\n",
		    inet_ntop(AF_INET6, &from6->sin6_addr, a, sizeof(a)),
		    inet_ntop(AF_INET6, &to6->sin6_addr, b, sizeof(b)),
		    ntohs(from6->sin6_port), ntohs(to6->sin6_port));
	return (size_t)len;
}

static char *
put(char *at, const void *data, size_t len)
{
	memcpy(at, data, len);
	return at + len;
}

/* The addresses behind the fixed part. Returns their family. */
static uint8_t
v2_addresses(char **at, const struct sockaddr_storage *source,
    const struct sockaddr_storage *destination)
{
	const struct sockaddr_in *from = (const void *)source;
	const struct sockaddr_in *to = (const void *)destination;
	const struct sockaddr_in6 *from6 = (const void *)source;
	const struct sockaddr_in6 *to6 = (const void *)destination;
	const struct sockaddr_un *from_un = (const void *)source;
	const struct sockaddr_un *to_un = (const void *)destination;

	if (source->ss_family != destination->ss_family)
		return V2_UNSPEC;
	switch (source->ss_family) {
	case AF_INET:
		*at = put(*at, &from->sin_addr, sizeof(from->sin_addr));
		*at = put(*at, &to->sin_addr, sizeof(to->sin_addr));
		*at = put(*at, &from->sin_port, sizeof(from->sin_port));
		*at = put(*at, &to->sin_port, sizeof(to->sin_port));
		return V2_INET;
	case AF_INET6:
		*at = put(*at, &from6->sin6_addr, sizeof(from6->sin6_addr));
		*at = put(*at, &to6->sin6_addr, sizeof(to6->sin6_addr));
		*at = put(*at, &from6->sin6_port, sizeof(from6->sin6_port));
		*at = put(*at, &to6->sin6_port, sizeof(to6->sin6_port));
		return V2_INET6;
	case AF_UNIX:
		*at = put(*at, from_un->sun_path, V2_UNIX_PATH_LEN);
		*at = put(*at, to_un->sun_path, V2_UNIX_PATH_LEN);
		return V2_UNIX;
	default:
		return V2_UNSPEC;
	}
}

static size_t
v2_header(char *buf, int type, const struct sockaddr_storage *source,
    const struct sockaddr_storage *destination)
{
	char *addresses = buf + V2_SIGNATURE_LEN + 4, *end = addresses;
	uint8_t family = v2_addresses(&end, source, destination);
	uint16_t len = htons((uint16_t)(end - addresses));

	memcpy(buf, V2_SIGNATURE, V2_SIGNATURE_LEN);
	buf[V2_SIGNATURE_LEN] = V2_PROXY;
	if (family != V2_UNSPEC)
		family |= type == SOCK_DGRAM ? V2_DGRAM : V2_STREAM;
	buf[V2_SIGNATURE_LEN + 1] = (char)family;
	memcpy(buf + V2_SIGNATURE_LEN + 2, &len, sizeof(len));
	return (size_t)(end - buf);
}

size_t
proxy_header(char *buf, enum proxy_version version, int type,
    const struct sockaddr_storage *source,
    const struct sockaddr_storage *destination)
{
	switch (version) {
	case PROXY_V1:
		return v1_header(buf, source, destination);
	case PROXY_V2:
		return v2_header(buf, type, source, destination);
	default:
		return 0;
	}
}

size_t
proxy_header_of(char *buf, enum proxy_version version, int fd)
{
	struct sockaddr_storage source = { 0 }, destination = { 0 };
	socklen_t source_len = sizeof(source);
	socklen_t destination_len = sizeof(destination);
	int type = SOCK_STREAM;
	socklen_t type_len = sizeof(type);

	if (version == PROXY_NONE)
		return 0;
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len);
	if (getsockname(fd, (struct sockaddr *)&source, &source_len) == -1)
		source.ss_family = AF_UNSPEC;
	if (getpeername(
		fd, (struct sockaddr *)&destination, &destination_len) == -1)
		destination.ss_family = AF_UNSPEC;
	return proxy_header(buf, version, type, &source, &destination);
}
