/* SPDX-License-Identifier: ISC */
/*
 * Greetings and banners. Parsed at the worker's start into literal text with
 * two kinds of holes, so that a greeting costs a copy and an inet_ntop(3).
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/address.h"
#include "worker/template.h"

#define HOLES_MAX 16
#define TEXT_MAX  (TEMPLATE_MAX - HOLES_MAX * ADDRESS_TEXT_MAX)

struct template
{
	size_t len, n_holes;
	struct hole {
		size_t at; /* offset in text */
		char kind; /* 'a' or 'p' */
	} holes[HOLES_MAX];
	char text[TEXT_MAX];
};

static bool
append(struct template *template, const char *text, size_t len)
{
	if (len > TEXT_MAX - template->len)
		return false;
	memcpy(template->text + template->len, text, len);
	template->len += len;
	return true;
}

static bool
add_hole(struct template *template, char kind)
{
	if (template->n_holes == HOLES_MAX)
		return false;
	template->holes[template->n_holes++] =
	    (struct hole){ template->len, kind };
	return true;
}

static bool
append_host(struct template *template)
{
	char name[HOST_NAME_MAX + 1] = "";

	gethostname(name, sizeof(name) - 1);
	return append(template, name, strlen(name));
}

enum result { OK = 0, UNKNOWN, TOO_LONG };

static enum result
percent(struct template *template, char c, const struct pf_service *service)
{
	/* Without a service it is the form that counts. */
	const char *name = service == NULL ? "" : pf_service_name(service);
	const char *worker = service == NULL ? "" : pf_worker_name(service);
	bool done;

	switch (c) {
	case 'a':
	case 'p':
		done = add_hole(template, c);
		break;
	case 'h':
		done = append_host(template);
		break;
	case 's':
		done = append(template, name, strlen(name));
		break;
	case 'w':
		done = append(template, worker, strlen(worker));
		break;
	case '%':
		done = append(template, "%", 1);
		break;
	default:
		return UNKNOWN;
	}
	return done ? OK : TOO_LONG;
}

static enum result
backslash(struct template *template, char c)
{
	static const char names[] = "nrt\\", bytes[] = "\n\r\t\\";
	const char *found = c == '\0' ? NULL : strchr(names, c);

	if (found == NULL)
		return UNKNOWN;
	return append(template, &bytes[found - names], 1) ? OK : TOO_LONG;
}

static bool
parse(struct template *template, const char *text,
    const struct pf_service *service, char *why, size_t why_size)
{
	for (const char *p = text; *p != '\0'; p++) {
		const char *begin = p;
		enum result result;

		if (*p == '%')
			result = percent(template, *++p, service);
		else if (*p == '\\')
			result = backslash(template, *++p);
		else
			result = append(template, p, 1) ? OK : TOO_LONG;
		if (result == UNKNOWN) {
			snprintf(why, why_size,
			    "unknown \"%.2s\", allowed are %%a %%p %%h %%s "
			    "%%w %%%% \\n \\r \\t \\\\",
			    begin);
			return false;
		}
		if (result == TOO_LONG) {
			snprintf(why, why_size,
			    "too long, or more than %d of %%a and %%p",
			    HOLES_MAX);
			return false;
		}
	}
	return true;
}

struct template *
template_new(const char *text, const struct pf_service *service, char *why,
    size_t why_size)
{
	struct template *template = calloc(1, sizeof(*template));

	if (template == NULL) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	if (!parse(template, text, service, why, why_size)) {
		free(template);
		errno = EINVAL;
		return NULL;
	}
	return template;
}

int
template_check(const char *text, char *why, size_t why_size)
{
	struct template *template = template_new(text, NULL, why, why_size);

	template_free(template);
	return template == NULL ? -1 : 0;
}

void
template_free(struct template *template)
{
	free(template);
}

static size_t
fill_port(const struct sockaddr_storage *peer, char *buf, size_t size)
{
	struct sockaddr_in6 in6;

	if (peer->ss_family != AF_INET && peer->ss_family != AF_INET6)
		return strlcpy(buf, "-", size);
	/* sin_port lies at the same place */
	memcpy(&in6, peer, sizeof(in6));
	return (size_t)snprintf(buf, size, "%u", ntohs(in6.sin6_port));
}

/* inet_ntop(3) goes through sprintf, a fiftieth of a short connection. */
static size_t
fill_ipv4(const unsigned char *bytes, char *buf)
{
	char *to = buf;

	for (int i = 0; i < 4; i++) {
		unsigned byte = bytes[i];
		if (byte >= 100)
			*to++ = (char)('0' + byte / 100);
		if (byte >= 10)
			*to++ = (char)('0' + byte / 10 % 10);
		*to++ = (char)('0' + byte % 10);
		*to++ = '.';
	}
	return (size_t)(to - buf) - 1;
}

static size_t
fill_address(const struct sockaddr_storage *peer, socklen_t length, char *buf,
    size_t size)
{
	const void *address;

	if (peer->ss_family == AF_INET)
		return fill_ipv4((const unsigned char *)peer +
			offsetof(struct sockaddr_in, sin_addr),
		    buf);
	if (peer->ss_family == AF_INET6)
		address = (const char *)peer +
		    offsetof(struct sockaddr_in6, sin6_addr);
	else
		return strlen(endpoint_format(
		    (const struct sockaddr *)peer, length, buf, size));
	if (inet_ntop(peer->ss_family, address, buf, (socklen_t)size) == NULL)
		return 0;
	return strlen(buf);
}

size_t
template_fill(const struct template *template,
    const struct sockaddr_storage *peer, socklen_t length, char *buf)
{
	size_t from = 0, to = 0;

	for (size_t i = 0; i < template->n_holes; i++) {
		const struct hole *hole = &template->holes[i];
		memcpy(buf + to, template->text + from, hole->at - from);
		to += hole->at - from;
		from = hole->at;
		if (hole->kind == 'a')
			to += fill_address(
			    peer, length, buf + to, ADDRESS_TEXT_MAX);
		else
			to += fill_port(peer, buf + to, ADDRESS_TEXT_MAX);
	}
	memcpy(buf + to, template->text + from, template->len - from);
	return to + template->len - from;
}

struct template *
template_of_setting(struct pf_service *service, const char *name)
{
	char why[128];
	struct template *template = template_new(
	    pf_setting_text(service, name), service, why, sizeof(why));

	if (template == NULL)
		pf_service_log(service, PF_ERROR, "%s: %s", name, why);
	return template;
}

void
template_send(const struct template *template, struct pf_connection *connection)
{
	struct sockaddr_storage peer;
	socklen_t length = pf_peer(connection, &peer);
	char text[TEMPLATE_MAX];

	pf_send(connection, text, template_fill(template, &peer, length, text));
}
