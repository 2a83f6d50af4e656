/* SPDX-License-Identifier: ISC */
/*
 * The calls of preforkd.h: what a handler may do, each a few lines onto the
 * module that does it. They are made from within callbacks, so none of them may
 * call back or free a connection: what they change takes effect at the end of
 * the turn.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/address.h"
#include "worker/connection.h"
#include "worker/datagram.h"
#include "worker/preforkd.h"
#include "worker/state.h"
#include "worker/stream.h"

#define LOG_TEXT_MAX 1024

void
pf_send(struct pf_connection *c, const void *data, size_t len)
{
	stream_send(c, data, len);
}

void
pf_finish(struct pf_connection *c)
{
	c->finishing = true;
	connection_touch(c);
}

void
pf_pause(struct pf_connection *c)
{
	c->paused = true;
	connection_touch(c);
}

void
pf_resume(struct pf_connection *c)
{
	c->paused = false;
	connection_touch(c);
}

void
pf_keep(struct pf_connection *c)
{
	c->keep = true;
}

void *
pf_state(struct pf_connection *c)
{
	return connection_service(c)->handler->state_size == 0 ? NULL
							       : c->state;
}

struct pf_service *
pf_connection_service(struct pf_connection *c)
{
	return connection_service(c);
}

struct pf_service *
pf_datagram_service(struct pf_datagram *datagram)
{
	return datagram_service(datagram);
}

void
pf_service_set_data(struct pf_service *service, void *data)
{
	service->data = data;
}

void *
pf_service_data(struct pf_service *service)
{
	return service->data;
}

const char *
pf_service_name(const struct pf_service *service)
{
	return service->config->name;
}

const char *
pf_worker_name(const struct pf_service *service)
{
	return service->worker->name;
}

socklen_t
pf_peer(const struct pf_connection *c, struct sockaddr_storage *peer)
{
	return peer_get(&c->peer, peer);
}

char *
pf_peer_text(const struct pf_connection *c, char *buf, size_t size)
{
	return peer_format(&c->peer, buf, size);
}

socklen_t
pf_datagram_peer(
    const struct pf_datagram *datagram, struct sockaddr_storage *peer)
{
	socklen_t length;
	const struct sockaddr *sa = datagram_peer(datagram, &length);

	memset(peer, 0, sizeof(*peer));
	memcpy(peer, sa, length);
	if (length >= sizeof(sa->sa_family))
		return length;
	/* recvmsg(2) leaves an unnamed Unix peer out altogether. */
	peer->ss_family = AF_UNIX;
	return sizeof(sa->sa_family);
}

char *
pf_datagram_peer_text(
    const struct pf_datagram *datagram, char *buf, size_t size)
{
	struct sockaddr_storage peer;
	socklen_t length = pf_datagram_peer(datagram, &peer);

	return endpoint_format((struct sockaddr *)&peer, length, buf, size);
}

static const struct handler_value *
value(const struct pf_service *service, const char *name)
{
	for (size_t i = 0; i < service->config->n_values; i++) {
		const struct handler_value *v = &service->config->values[i];
		if (strcmp(v->setting->name, name) == 0)
			return v;
	}
	log_error("%s: handler \"%s\" has no setting \"%s\"",
	    service->config->name, service->handler->name, name);
	return NULL;
}

const char *
pf_setting_text(const struct pf_service *service, const char *name)
{
	const struct handler_value *v = value(service, name);

	return v == NULL || v->text == NULL ? "" : v->text;
}

int64_t
pf_setting_number(const struct pf_service *service, const char *name)
{
	const struct handler_value *v = value(service, name);

	return v == NULL ? 0 : v->number;
}

void
pf_reply(struct pf_datagram *datagram, const void *data, size_t len)
{
	datagram_reply(datagram, data, len);
}

void
pf_count_messages(struct pf_connection *c, uint64_t n)
{
	counter_add(&connection_service(c)->counters->messages, n);
}

/* The levels of both are the same, in the same order. */
static bool
is_logged(enum pf_log_level level)
{
	return (int)level >= (int)log_get_level();
}

static void
write_log(enum pf_log_level level, const char *line)
{
	switch (level) {
	case PF_DEBUG:
		log_debug("%s", line);
		return;
	case PF_INFO:
		log_info("%s", line);
		return;
	case PF_WARN:
		log_warn("%s", line);
		return;
	case PF_ERROR:
		break;
	}
	log_error("%s", line);
}

void
pf_log(
    struct pf_connection *c, enum pf_log_level level, const char *format, ...)
{
	char text[LOG_TEXT_MAX], peer[ADDRESS_TEXT_MAX];
	char line[LOG_TEXT_MAX + ADDRESS_TEXT_MAX + 128];
	va_list ap;

	if (!is_logged(level))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%s: %s: %s",
	    connection_service(c)->config->name,
	    peer_format(&c->peer, peer, sizeof(peer)), text);
	write_log(level, line);
}

void
pf_service_log(struct pf_service *service, enum pf_log_level level,
    const char *format, ...)
{
	char text[LOG_TEXT_MAX], line[LOG_TEXT_MAX + 128];
	va_list ap;

	if (!is_logged(level))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%s: %s", service->config->name, text);
	write_log(level, line);
}
