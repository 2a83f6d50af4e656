/* SPDX-License-Identifier: ISC */
/*
 * From the words of the command line to an expression for libpcap. Its
 * language has no notion of "this listener", so that an address of ours
 * becomes one: packets to its host and port, and those from there.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "clients/preforksniff_filter.h"
#include "common/address.h"

#define WORD_MAX 1024 /* an address is shorter */

static const char *
protocol_of(const struct address *address)
{
	return address->kind == ADDRESS_UDP ? "udp" : "tcp";
}

static bool
is_any(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ((const struct sockaddr_in *)sa)->sin_addr.s_addr ==
		    htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(
	    &((const struct sockaddr_in6 *)sa)->sin6_addr);
}

static void
append_host(struct buffer *out, const struct endpoint *endpoint)
{
	const struct sockaddr *sa = (const void *)&endpoint->storage;
	const void *bare = sa->sa_family == AF_INET
	    ? (const void *)&((const struct sockaddr_in *)sa)->sin_addr
	    : (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr;
	char text[INET6_ADDRSTRLEN] = "";

	buffer_text(out, inet_ntop(sa->sa_family, bare, text, sizeof(text)));
}

/* "src host ::1 and src port 80"; port 0 is any. */
static void
append_end(struct buffer *out, const struct address *address,
    const struct endpoint *endpoint, const char *end)
{
	buffer_printf(out, "(%s host ", end);
	append_host(out, endpoint);
	if (address->port != 0)
		buffer_printf(out, " and %s port %u", end, address->port);
	buffer_text(out, ")");
}

static void
append_endpoint(struct buffer *out, const struct address *address,
    const struct endpoint *endpoint)
{
	const struct sockaddr *sa = (const void *)&endpoint->storage;

	buffer_printf(out, "(%s and %s",
	    sa->sa_family == AF_INET ? "ip" : "ip6", protocol_of(address));
	if (!is_any(sa)) {
		buffer_text(out, " and (");
		append_end(out, address, endpoint, "src");
		buffer_text(out, " or ");
		append_end(out, address, endpoint, "dst");
		buffer_text(out, ")");
	} else if (address->port != 0)
		buffer_printf(out, " and port %u", address->port);
	buffer_text(out, ")");
}

/* An address, or a complaint. */
static bool
append_address(struct buffer *out, const char *word, bool *unknown_name,
    char *why, size_t why_size)
{
	struct endpoint endpoints[ADDRESS_MAX_ENDPOINTS];
	struct address address;
	char reason[512];

	if (!address_parse(&address, word, NULL, reason, sizeof(reason))) {
		snprintf(
		    why, why_size, "\"%s\" is no address: %s", word, reason);
		return false;
	}
	if (!address_is_inet(&address)) {
		snprintf(why, why_size,
		    "\"%s\" is on no wire: only tcp:// and udp:// can be seen",
		    word);
		return false;
	}
	size_t n = address_resolve(&address, endpoints, reason, sizeof(reason));
	if (n == 0) {
		*unknown_name = true;
		snprintf(
		    why, why_size, "cannot look up \"%s\": %s", word, reason);
		return false;
	}
	buffer_text(out, "(");
	for (size_t i = 0; i < n; i++) {
		buffer_text(out, i > 0 ? " or " : "");
		append_endpoint(out, &address, &endpoints[i]);
	}
	buffer_text(out, ")");
	return true;
}

/* Nothing in the language of libpcap looks like this. */
static bool
is_address(const char *word)
{
	return strstr(word, "://") != NULL || strncmp(word, "unix:", 5) == 0 ||
	    strncmp(word, "unixgram:", 9) == 0;
}

/* A word without blanks; brackets around an address are the expression's. */
static bool
append_word(struct buffer *out, const char *word, size_t length,
    bool *unknown_name, char *why, size_t why_size)
{
	char address[WORD_MAX];
	size_t before = strspn(word, "(!");
	size_t after = 0;

	while (after < length && word[length - 1 - after] == ')')
		after++;
	if (before + after >= length || length >= sizeof(address)) {
		buffer_append(out, word, length);
		return true;
	}
	memcpy(address, word + before, length - before - after);
	address[length - before - after] = '\0';
	if (!is_address(address)) {
		buffer_append(out, word, length);
		return true;
	}
	buffer_append(out, word, before);
	if (!append_address(out, address, unknown_name, why, why_size))
		return false;
	buffer_append(out, word + length - after, after);
	return true;
}

/* An argument may be a whole expression in quotes. */
static bool
append_argument(struct buffer *out, const char *argument, bool *unknown_name,
    char *why, size_t why_size)
{
	static const char blanks[] = " \t\n";

	while (*(argument += strspn(argument, blanks)) != '\0') {
		size_t length = strcspn(argument, blanks);

		if (buffer_length(out) > 0)
			buffer_text(out, " ");
		if (!append_word(
			out, argument, length, unknown_name, why, why_size))
			return false;
		argument += length;
	}
	return true;
}

bool
filter_make(struct buffer *out, const char *const *words, bool *unknown_name,
    char *why, size_t why_size)
{
	*unknown_name = false;
	for (; *words != NULL; words++) {
		if (!append_argument(out, *words, unknown_name, why, why_size))
			return false;
	}
	if (out->failed) {
		snprintf(why, why_size,
		    "the filter is too long: at most %d "
		    "bytes",
		    FILTER_TEXT_MAX);
		return false;
	}
	return true;
}
