/* SPDX-License-Identifier: ISC */
/*
 * Peers' addresses, small. They come from accept4(2), never from
 * getpeername(2), which fails for a peer that has already gone.
 */
#include <sys/un.h>

#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "worker/peer.h"

struct peer_name {
	socklen_t length;
	struct sockaddr_un sa;
};

static bool
set_unix(struct peer *peer, const struct sockaddr *sa, socklen_t length)
{
	if (length <= offsetof(struct sockaddr_un, sun_path))
		return true;
	struct peer_name *name = calloc(1, sizeof(*name));
	if (name == NULL)
		return false;
	name->length = length < sizeof(name->sa) ? length : sizeof(name->sa);
	memcpy(&name->sa, sa, name->length);
	peer->address.name = name;
	return true;
}

bool
peer_set(struct peer *peer, const struct sockaddr *sa, socklen_t length)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	*peer = (struct peer){ .family = sa->sa_family };
	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&in, sa, sizeof(in));
		peer->port = in.sin_port;
		peer->address.v4 = in.sin_addr;
		return true;
	case AF_INET6:
		memcpy(&in6, sa, sizeof(in6));
		peer->port = in6.sin6_port;
		peer->scope_id = in6.sin6_scope_id;
		peer->address.v6 = in6.sin6_addr;
		return true;
	default:
		peer->family = AF_UNIX;
		return set_unix(peer, sa, length);
	}
}

void
peer_clear(struct peer *peer)
{
	if (peer->family == AF_UNIX)
		free(peer->address.name);
	*peer = (struct peer){ .family = AF_UNSPEC };
}

static socklen_t
get_unix(const struct peer *peer, struct sockaddr_storage *sa)
{
	const struct peer_name *name = peer->address.name;

	if (name == NULL) {
		sa->ss_family = AF_UNIX;
		return offsetof(struct sockaddr_un, sun_path);
	}
	memcpy(sa, &name->sa, name->length);
	return name->length;
}

socklen_t
peer_get(const struct peer *peer, struct sockaddr_storage *sa)
{
	memset(sa, 0, sizeof(*sa));
	if (peer->family == AF_INET) {
		struct sockaddr_in in = {
			.sin_family = AF_INET,
			.sin_port = peer->port,
			.sin_addr = peer->address.v4,
		};
		memcpy(sa, &in, sizeof(in));
		return sizeof(in);
	}
	if (peer->family == AF_INET6) {
		struct sockaddr_in6 in6 = {
			.sin6_family = AF_INET6,
			.sin6_port = peer->port,
			.sin6_addr = peer->address.v6,
			.sin6_scope_id = peer->scope_id,
		};
		memcpy(sa, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return get_unix(peer, sa);
}

char *
peer_format(const struct peer *peer, char *buf, size_t size)
{
	struct sockaddr_storage sa;
	socklen_t length = peer_get(peer, &sa);

	return endpoint_format((struct sockaddr *)&sa, length, buf, size);
}
