/* SPDX-License-Identifier: ISC */
/*
 * URLs of http and https: whom to connect to, and what to ask for there.
 * Nothing of a URL can end a line of the request.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "clients/preforkcat_url.h"

static const struct scheme {
	const char *prefix;
	const char *address; /* what an address of it begins with */
	unsigned port;
} schemes[] = {
	{ "http://", "tcp://", 80 },
	{ "https://", "tls://", 443 },
};

#define N_SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

static const struct scheme *
find_scheme(const char *text)
{
	for (size_t i = 0; i < N_SCHEMES; i++) {
		const char *prefix = schemes[i].prefix;
		if (strncasecmp(text, prefix, strlen(prefix)) == 0)
			return &schemes[i];
	}
	return NULL;
}

bool
url_is(const char *text)
{
	return find_scheme(text) != NULL;
}

/* Space, control characters, quotes and what is not ASCII (RFC 3986). */
static bool
must_be_encoded(unsigned char c)
{
	return c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c) != NULL;
}

static bool
make_target(struct url *url, const char *text)
{
	size_t len = 0;

	url->target[len++] = '/';
	if (*text == '/')
		text++;
	for (; *text != '\0' && *text != '#'; text++) {
		unsigned char c = (unsigned char)*text;

		if (len + 4 > sizeof(url->target))
			return false;
		if (must_be_encoded(c))
			len +=
			    (size_t)snprintf(url->target + len, 4, "%%%02X", c);
		else
			url->target[len++] = (char)c;
	}
	url->target[len] = '\0';
	return true;
}

/* True when "host", "[v6]" has a ":port" behind it. */
static bool
has_port(const char *authority)
{
	const char *bracket = strrchr(authority, ']');

	return strchr(bracket == NULL ? authority : bracket, ':') != NULL;
}

static bool
parse_authority(struct url *url, const struct scheme *scheme,
    const char *authority, char *why, size_t why_size)
{
	char text[2 * ADDRESS_TEXT_MAX];

	if (strchr(authority, '@') != NULL) {
		snprintf(why, why_size, "a user name is not taken there");
		return false;
	}
	if (has_port(authority))
		snprintf(
		    text, sizeof(text), "%s%s", scheme->address, authority);
	else
		snprintf(text, sizeof(text), "%s%s:%u", scheme->address,
		    authority, scheme->port);
	if (!address_parse(&url->address, text, NULL, why, why_size))
		return false;
	bool v6 = strchr(url->address.host, ':') != NULL;
	int len = snprintf(url->host, sizeof(url->host), "%s%.*s%s",
	    v6 ? "[" : "", (int)strcspn(url->address.host, "%"),
	    url->address.host, v6 ? "]" : "");
	if (url->address.port != scheme->port)
		snprintf(url->host + len, sizeof(url->host) - (size_t)len,
		    ":%u", url->address.port);
	return true;
}

bool
url_parse(struct url *url, const char *text, char *why, size_t why_size)
{
	const struct scheme *scheme = find_scheme(text);
	const char *rest = text + strlen(scheme->prefix);
	size_t len = strcspn(rest, "/?#");
	char authority[ADDRESS_TEXT_MAX];

	memset(url, 0, sizeof(*url));
	if (len >= sizeof(authority)) {
		snprintf(why, why_size, "the host has more than %d bytes",
		    ADDRESS_HOST_MAX - 1);
		return false;
	}
	memcpy(authority, rest, len);
	authority[len] = '\0';
	if (!parse_authority(url, scheme, authority, why, why_size))
		return false;
	if (make_target(url, rest + len))
		return true;
	snprintf(why, why_size, "the path has more than %d bytes",
	    URL_TARGET_MAX - 1);
	return false;
}
