/* SPDX-License-Identifier: ISC */
/*
 * Datagram services: a batch in by recvmmsg(2), each judged by the rules and
 * given to the handler, the answers out by sendmmsg(2). A sender's datagrams
 * may come several in one message (UDP_GRO). The receive buffers are one
 * mapping whose pages come into being when a datagram reaches that far; an
 * answer that lies in the question's buffer is sent from there.
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/address.h"
#include "worker/accept.h"
#include "worker/datagram.h"
#include "worker/datagram_control.h"
#include "worker/datagram_rules.h"
#include "worker/host_addresses.h"
#include "worker/replies.h"
#include "worker/service.h"
#include "worker/state.h"

#define BATCH	    32
#define BUFFER_SIZE 65536 /* a UDP datagram has at most 65507 bytes */
#define EMPTY_MAX   4096  /* batches taken before a socket is given up */
#define SHOWN_BYTES 64	  /* of input, in the debug log */

/* Where the socket of a listener is bound. */
struct datagram_socket {
	struct sockaddr_storage bound;
	bool wildcard; /* each datagram tells where it was sent to */
};

/* The worker's one set of buffers. */
struct datagrams {
	char *buffers; /* BATCH of BUFFER_SIZE, mapped */
	struct mmsghdr headers[BATCH];
	struct iovec parts[BATCH];
	struct sockaddr_storage names[BATCH];
	union datagram_control controls[BATCH];
	size_t n_used;	   /* headers that the kernel has changed */
	bool with_control; /* as they are prepared */
	struct replies replies;
	struct datagram_rules rules;
	struct host_address *hosts;
};

/* One datagram during its callback. */
struct pf_datagram {
	struct listener *listener;
	struct msghdr *header; /* name and control: the way back */
	const char *buffer;    /* that it lies in, BUFFER_SIZE long */
	char *data;
	size_t len;
	size_t answered; /* bytes */
};

static struct datagrams *
buffers_new(const struct worker_context *context)
{
	struct datagrams *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->buffers =
	    mmap(NULL, (size_t)BATCH * BUFFER_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all->buffers == MAP_FAILED) {
		free(all);
		return NULL;
	}
	all->n_used = BATCH;
	all->hosts = host_addresses_get(&all->rules.n_hosts);
	if (all->hosts == NULL)
		log_warn("cannot tell the addresses of this host, answers "
			 "could go to its own services: %s",
		    strerror(errno));
	all->rules.hosts = all->hosts;
	all->rules.ports = context->udp_ports;
	all->rules.n_ports = context->n_udp_ports;
	return all;
}

void
datagram_free(struct worker *worker)
{
	struct datagrams *all = worker->datagrams;

	if (all == NULL)
		return;
	munmap(all->buffers, (size_t)BATCH * BUFFER_SIZE);
	free(all->hosts);
	free(all);
	worker->datagrams = NULL;
}

static bool
is_wildcard(const struct sockaddr_storage *bound)
{
	struct in6_addr any = datagram_address((const struct sockaddr *)bound);

	if (bound->ss_family == AF_INET)
		return memcmp(&any.s6_addr[12], "\0\0\0", 4) == 0;
	return bound->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&any);
}

bool
datagram_open(struct listener *listener)
{
	struct worker *worker = listener->worker;
	struct datagram_socket *socket = calloc(1, sizeof(*socket));
	socklen_t length = sizeof(socket->bound);

	listener->datagram = socket;
	if (worker->datagrams == NULL)
		worker->datagrams = buffers_new(worker->context);
	if (socket == NULL || worker->datagrams == NULL)
		return false;
	if (getsockname(
		listener->fd, (struct sockaddr *)&socket->bound, &length) == -1)
		return false;
	socket->wildcard = is_wildcard(&socket->bound);
	if (listener->given->family != AF_UNIX)
		datagram_control_join(listener->fd);
	return !socket->wildcard ||
	    datagram_control_ask_destination(
		listener->fd, socket->bound.ss_family);
}

void
datagram_close(struct listener *listener)
{
	free(listener->datagram);
	listener->datagram = NULL;
}

static enum datagram_verdict
judge(const struct listener *listener, const struct msghdr *header,
    const struct datagram_told *told)
{
	enum datagram_verdict verdict =
	    datagram_judge(&listener->worker->datagrams->rules,
		header->msg_name, (struct sockaddr *)told->to,
		listener->service->config->udp_reserved_ports ==
		    UDP_RESERVED_ANSWER);

	return verdict == DATAGRAM_ANSWER && told->to_many ? DATAGRAM_BROADCAST
							   : verdict;
}

/* The counter of the reason why a message does not get to the handler, or
 * NULL when it does. */
static uint64_t *
reason_to_drop(const struct listener *listener, const struct msghdr *header,
    const struct datagram_told *told)
{
	const struct pf_service *service = listener->service;
	struct service_counters *counters = service->counters;

	if ((header->msg_flags & MSG_TRUNC) != 0)
		return &counters->dropped_truncated;
	if (listener->given->family == AF_UNIX)
		return NULL;
	if (service->config->allow.n != 0 &&
	    !network_list_contains(&service->config->allow, header->msg_name))
		return &counters->dropped_acl;
	switch (judge(listener, header, told)) {
	case DATAGRAM_BAD_SOURCE:
		return &counters->dropped_source;
	case DATAGRAM_BROADCAST:
		return &counters->dropped_broadcast;
	case DATAGRAM_LOOP:
		return &counters->dropped_loop;
	case DATAGRAM_ANSWER:
		break;
	}
	return NULL;
}

static void
log_received(const struct pf_datagram *datagram, const char *what)
{
	char peer[ADDRESS_TEXT_MAX], text[SHOWN_BYTES * 4 + 1];
	size_t len = datagram->len;

	if (log_get_level() != LOG_LEVEL_DEBUG)
		return;
	log_debug("%s: datagram from %s %s, %zu bytes: \"%s\"%s",
	    datagram->listener->service->config->name,
	    endpoint_format(datagram->header->msg_name,
		datagram->header->msg_namelen, peer, sizeof(peer)),
	    what, len,
	    log_escape(text, sizeof(text), datagram->data,
		len < SHOWN_BYTES ? len : SHOWN_BYTES),
	    len > SHOWN_BYTES ? "..." : "");
}

static void
serve_one(struct pf_datagram *datagram, uint64_t *dropped)
{
	struct pf_service *service = datagram->listener->service;

	log_received(datagram, dropped == NULL ? "received" : "dropped");
	if (dropped != NULL) {
		counter_add(dropped, 1);
		return;
	}
	int64_t entered_us = service_enter(service);
	service->handler->datagram(datagram, datagram->data, datagram->len);
	service_leave(service, entered_us);
}

/* A message is one datagram, or several of one sender, all alike but for the
 * last, which may be shorter. */
static void
serve_message(struct listener *listener, struct mmsghdr *message)
{
	struct service_counters *counters = listener->service->counters;
	struct msghdr *header = &message->msg_hdr;
	struct sockaddr_storage to = listener->datagram->bound;
	struct datagram_told told = { .to = &to };
	char *buffer = header->msg_iov->iov_base;
	size_t left = message->msg_len, n = 0;

	datagram_control_take(header, &told);
	uint64_t *dropped = reason_to_drop(listener, header, &told);
	counter_add(&counters->bytes_in, left);
	do {
		struct pf_datagram datagram = {
			.listener = listener,
			.header = header,
			.buffer = buffer,
			.data = buffer + (message->msg_len - left),
			.len = told.part == 0 || left < told.part ? left
								  : told.part,
		};
		left -= datagram.len;
		n++;
		serve_one(&datagram, dropped);
	} while (left > 0);
	counter_add(&counters->datagrams_in, n);
}

/* Makes the headers ready for the next batch; the kernel and the answers have
 * changed those that were used. */
static void
prepare(struct datagrams *all, bool with_control)
{
	size_t n = with_control == all->with_control ? all->n_used : BATCH;

	for (size_t i = 0; i < n; i++) {
		all->parts[i] = (struct iovec){ all->buffers + i * BUFFER_SIZE,
			BUFFER_SIZE };
		all->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &all->names[i],
			.msg_namelen = sizeof(all->names[i]),
			.msg_iov = &all->parts[i],
			.msg_iovlen = 1,
			.msg_control = with_control ? &all->controls[i] : NULL,
			.msg_controllen =
			    with_control ? sizeof(all->controls[i]) : 0,
		};
	}
	all->n_used = 0;
	all->with_control = with_control;
}

/* Returns how many there were, 0 when none or not now. */
static size_t
receive(struct listener *listener)
{
	struct datagrams *all = listener->worker->datagrams;

	prepare(all, listener->given->family != AF_UNIX);
	int n = recvmmsg(listener->fd, all->headers, BATCH, MSG_DONTWAIT, NULL);
	/* Whatever it is, it may well be so again at once. */
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		accept_pause(listener->worker, listener, errno);
	/* A failed call may have changed the first. */
	all->n_used = n > 0 ? (size_t)n : 1;
	return n > 0 ? (size_t)n : 0;
}

static size_t
serve_batch(struct listener *listener)
{
	struct datagrams *all = listener->worker->datagrams;
	size_t n = receive(listener);

	replies_begin(&all->replies, listener->fd, listener->service->counters,
	    listener->given->family != AF_UNIX);
	for (size_t i = 0; i < n; i++)
		serve_message(listener, &all->headers[i]);
	replies_send(&all->replies);
	return n;
}

void
datagram_serve(struct listener *listener)
{
	serve_batch(listener);
}

void
datagram_serve_all(struct listener *listener)
{
	for (int i = 0; i < EMPTY_MAX; i++) {
		if (serve_batch(listener) == 0)
			return;
	}
}

static bool
is_unnamed(const struct msghdr *header)
{
	return header->msg_namelen <= offsetof(struct sockaddr_un, sun_path);
}

void
datagram_reply(struct pf_datagram *datagram, const void *data, size_t len)
{
	struct listener *listener = datagram->listener;
	struct pf_service *service = listener->service;
	uintptr_t at = (uintptr_t)data;
	size_t offset = at - (uintptr_t)datagram->buffer; /* huge: elsewhere */
	bool lasting = offset < BUFFER_SIZE && len <= BUFFER_SIZE - offset;

	if (is_unnamed(datagram->header)) {
		counter_add(&service->counters->dropped_source, 1);
		return;
	}
	if (len > datagram->len - datagram->answered &&
	    !service->config->udp_amplify &&
	    listener->given->family != AF_UNIX) {
		counter_add(&service->counters->dropped_larger, 1);
		return;
	}
	datagram->answered += len;
	replies_add(&listener->worker->datagrams->replies, datagram->header,
	    (void *)at, len, lasting);
}

struct pf_service *
datagram_service(struct pf_datagram *datagram)
{
	return datagram->listener->service;
}

const struct sockaddr *
datagram_peer(const struct pf_datagram *datagram, socklen_t *length)
{
	*length = datagram->header->msg_namelen;
	return datagram->header->msg_name;
}
