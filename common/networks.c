/* SPDX-License-Identifier: ISC */
/*
 * CIDR lists: reading, printing, and the question whether an address lies in
 * one, which workers ask for each connection. Pure.
 */
#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/networks.h"

static unsigned
width(int family)
{
	return family == AF_INET ? 32 : 128;
}

static const uint8_t *
bytes_of(const struct network *network)
{
	return network->family == AF_INET ? (const uint8_t *)&network->base.v4
					  : (const uint8_t *)&network->base.v6;
}

static bool
prefix_matches(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	uint8_t mask = (uint8_t)(0xff << (8 - rest));
	return ((a[whole] ^ b[whole]) & mask) == 0;
}

/* Bits beyond the prefix are a sign that something else was meant. */
static bool
has_host_bits(const struct network *network)
{
	const uint8_t *base = bytes_of(network);
	unsigned n = width(network->family);

	for (unsigned i = network->bits; i < n; i++) {
		if ((base[i / 8] >> (7 - i % 8) & 1) != 0)
			return true;
	}
	return false;
}

static bool
parse_one(struct network *network, const char *word, char *why, size_t why_size)
{
	char host[64];
	const char *slash = strchr(word, '/');
	size_t len = slash == NULL ? strlen(word) : (size_t)(slash - word);
	const char *error = NULL;

	memset(network, 0, sizeof(*network));
	if (len < sizeof(host)) {
		memcpy(host, word, len);
		host[len] = '\0';
		if (inet_pton(AF_INET, host, &network->base.v4) == 1)
			network->family = AF_INET;
		else if (inet_pton(AF_INET6, host, &network->base.v6) == 1)
			network->family = AF_INET6;
	}
	if (network->family == 0) {
		snprintf(why, why_size,
		    "\"%.64s\" is not a network such as 10.0.0.0/8 or ::1/128",
		    word);
		return false;
	}
	unsigned max = width(network->family);
	network->bits = (uint8_t)max;
	if (slash != NULL)
		network->bits = (uint8_t)strtonum(slash + 1, 0, max, &error);
	/* strtonum(3) takes signs. */
	if (error != NULL ||
	    (slash != NULL &&
		slash[1 + strspn(slash + 1, "0123456789")] != '\0')) {
		snprintf(why, why_size,
		    "\"%.64s\" has no prefix length from 0 to %u", word, max);
		return false;
	}
	if (network->family == AF_INET6 && network->bits >= 96 &&
	    IN6_IS_ADDR_V4MAPPED(&network->base.v6)) {
		snprintf(why, why_size,
		    "\"%.64s\" is a network of IPv4, write it as such", word);
		return false;
	}
	if (has_host_bits(network)) {
		snprintf(why, why_size,
		    "\"%.64s\" has bits set beyond its prefix", word);
		return false;
	}
	return true;
}

void
networks_clear(struct network_list *list)
{
	free(list->items);
	*list = (struct network_list){ 0 };
}

static bool
parse_words(struct network_list *list, char *words, char *why, size_t why_size)
{
	char *word;

	while ((word = strsep(&words, " \t,")) != NULL) {
		if (*word == '\0')
			continue;
		struct network *grown =
		    reallocarray(list->items, list->n + 1, sizeof(*grown));
		if (grown == NULL) {
			snprintf(why, why_size, "out of memory");
			return false;
		}
		list->items = grown;
		if (!parse_one(&list->items[list->n], word, why, why_size))
			return false;
		list->n++;
	}
	return true;
}

bool
networks_parse(
    struct network_list *list, const char *text, char *why, size_t why_size)
{
	char *copy = strdup(text);

	*list = (struct network_list){ 0 };
	if (copy == NULL) {
		snprintf(why, why_size, "out of memory");
		return false;
	}
	bool good = parse_words(list, copy, why, why_size);
	free(copy);
	if (!good)
		networks_clear(list);
	return good;
}

char *
network_format(const struct network *network, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN];

	inet_ntop(network->family, &network->base, host, sizeof(host));
	/* Never longer than it was written, see config_print(). */
	if (network->bits == width(network->family))
		snprintf(buf, size, "%s", host);
	else
		snprintf(buf, size, "%s/%u", host, network->bits);
	return buf;
}

/* The bytes of an address that a network of FAMILY may be compared with. */
static const uint8_t *
comparable(const struct sockaddr *addr, int *family)
{
	const struct sockaddr_in *sin = (const void *)addr;
	const struct sockaddr_in6 *sin6 = (const void *)addr;

	*family = addr->sa_family;
	if (addr->sa_family == AF_INET)
		return (const uint8_t *)&sin->sin_addr;
	if (addr->sa_family != AF_INET6)
		return NULL;
	if (!IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr))
		return sin6->sin6_addr.s6_addr;
	*family = AF_INET;
	return sin6->sin6_addr.s6_addr + 12;
}

bool
network_list_contains(
    const struct network_list *list, const struct sockaddr *addr)
{
	int family;
	const uint8_t *bytes = comparable(addr, &family);

	for (size_t i = 0; bytes != NULL && i < list->n; i++) {
		const struct network *network = &list->items[i];
		if (network->family == family &&
		    prefix_matches(bytes_of(network), bytes, network->bits))
			return true;
	}
	return false;
}
