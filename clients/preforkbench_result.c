/* SPDX-License-Identifier: ISC */
/*
 * Results of several processes become one. Pure.
 */
#include <errno.h>
#include <string.h>

#include "clients/preforkbench_result.h"

static const struct failure_text {
	const char *name, *text;
} texts[] = {
#define TEXT(id, name, text) [FAILURE_##id] = { name, text },
	FAILURES(TEXT)
#undef TEXT
};

enum failure
result_failure(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ENOENT: /* a unix socket's path */
		return FAILURE_REFUSED;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EACCES:
	case EPERM:
		return FAILURE_UNREACHABLE;
	case ECONNRESET:
	case ECONNABORTED:
	case EPIPE:
		return FAILURE_RESET;
	case ETIMEDOUT:
	case EAGAIN: /* the queue of a unix socket, for all that time */
		return FAILURE_TIMED_OUT;
	case EADDRNOTAVAIL:
		return FAILURE_NO_PORT;
	case EPROTO:
		return FAILURE_TLS;
	case ENODATA:
		return FAILURE_TRUNCATED;
	default:
		return FAILURE_OTHER;
	}
}

const char *
result_name(enum failure failure)
{
	return texts[failure].name;
}

const char *
result_text(enum failure failure)
{
	return texts[failure].text;
}

void
result_set_why(struct result *result, enum failure failure, const char *why)
{
	if (result->whys[failure][0] == '\0')
		strlcpy(result->whys[failure], why, RESULT_WHY);
}

static void
merge_tls(struct result_tls *into, const struct result_tls *from)
{
	into->full += from->full;
	into->resumed += from->resumed;
	if (into->version[0] == '\0') {
		memcpy(into->version, from->version, RESULT_NAME);
		memcpy(into->cipher, from->cipher, RESULT_NAME);
		memcpy(into->group, from->group, RESULT_NAME);
	}
	histogram_merge(&into->connect, &from->connect);
	histogram_merge(&into->handshake, &from->handshake);
}

void
result_merge(struct result *into, const struct result *from)
{
	into->requests += from->requests;
	into->bytes_sent += from->bytes_sent;
	into->bytes_received += from->bytes_received;
	into->opened += from->opened;
	into->open += from->open;
	into->reconnects += from->reconnects;
	into->reordered += from->reordered;
	into->late += from->late;
	for (int i = 0; i < N_FAILURES; i++) {
		into->failed[i] += from->failed[i];
		if (into->errors[i] == 0)
			into->errors[i] = from->errors[i];
		result_set_why(into, (enum failure)i, from->whys[i]);
	}
	if (from->last_ns > into->last_ns)
		into->last_ns = from->last_ns;
	into->opened_first += from->opened_first;
	if (from->opening_ns > into->opening_ns)
		into->opening_ns = from->opening_ns;
	merge_tls(&into->tls, &from->tls);
	histogram_merge(&into->latency, &from->latency);
}

uint64_t
result_n_failed(const struct result *result)
{
	uint64_t n = 0;

	for (int i = 0; i < N_FAILURES; i++)
		n += result->failed[i];
	return n;
}
