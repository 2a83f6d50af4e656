/* SPDX-License-Identifier: ISC */
#ifndef WORKER_CHANNEL_H
#define WORKER_CHANNEL_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/poller.h"
#include "worker/worker.h"

STAILQ_HEAD(channel_queue, channel_packet);

/*
 * The worker's end of its SOCK_SEQPACKET pair. Messages that the supervisor
 * does not take at once wait here, in order.
 */
struct channel {
	struct watch watch; /* first */
	struct poller *poller;
	int fd; /* -1: the supervisor is gone */
	bool waiting_to_send;
	struct channel_queue queue;
	/* A message has come, with a descriptor (its owner now) or -1. */
	void (*message)(
	    void *arg, const struct worker_message *message, int fd);
	void (*closed)(void *arg); /* the supervisor is gone */
	void *arg;
};

/* Takes FD over, for sending. Callbacks are the caller's to set. */
void channel_init(struct channel *channel, struct poller *poller, int fd);

/* Makes it non-blocking and listens to it. Returns false with errno. */
bool channel_open(struct channel *channel);
void channel_close(struct channel *channel); /* drops what is queued */

/* Sends the message TYPE with LEN bytes of BODY, now or later. False when the
 * supervisor is gone or memory ran out. Never blocks. */
bool channel_send(struct channel *channel, enum worker_message_type type,
    const void *body, size_t len);

/* Sends what is queued, waiting at most TIMEOUT_MS. BLOCKS: for a last word
 * before leaving. */
void channel_flush(struct channel *channel, int timeout_ms);

#endif
