/* SPDX-License-Identifier: ISC */
/*
 * What the supervisor may tell a worker, one function a message.
 */
#include <unistd.h>

#include "worker/accept.h"
#include "worker/connection.h"
#include "worker/descriptors.h"
#include "worker/drain.h"
#include "worker/listing.h"
#include "worker/orders.h"
#include "worker/service.h"
#include "worker/state.h"

static void
obey_close(struct worker *worker, const struct message_close *order)
{
	struct message_close answer = *order;
	struct pf_connection *c = connection_find(worker, order->connection);

	answer.found = c != NULL;
	if (c != NULL)
		connection_kill(c, CLOSE_OPERATOR);
	channel_send(&worker->channel, MESSAGE_CLOSED, &answer, sizeof(answer));
}

static void
obey_access_log(struct worker *worker, const struct message_log *order, int fd)
{
	if (worker->access_log_fd != -1)
		close(worker->access_log_fd);
	worker->access_log_fd = fd;
	worker->access_torn = false;
	worker->access_to_log = order->to_log == 1;
}

/* Takes FD over. */
static void
obey_log(struct worker *worker, const struct message_log *order, int fd)
{
	if (order->level <= LOG_LEVEL_ERROR && order->kind == LOG_KIND_LOG)
		log_set_level((enum log_level)order->level);
	if (order->has_fd == 1 && fd == -1) {
		log_warn("no descriptor is left for the new log");
		return;
	}
	if (order->kind == LOG_KIND_ACCESS) {
		obey_access_log(worker, order, fd);
		return;
	}
	if (order->has_fd == 0 && fd != -1)
		log_to_shared_syslog(fd);
	else if (fd == -1)
		log_to_syslog();
	else if (log_fd() == STDERR_FILENO)
		log_replace_stderr(fd);
	else
		log_to_fd(fd);
	descriptors_move_stderr();
}

static void
obey_workers(struct worker *worker, const struct message_workers *order)
{
	worker->n_workers = order->n_workers;
	worker->rank = order->rank;
	service_set_shares(worker);
	accept_set_slots(worker, order->n_slots);
}

void
orders_obey(void *arg, const struct worker_message *message, int fd)
{
	struct worker *worker = arg;
	bool fd_used = false;

	switch (message->type) {
	case MESSAGE_DRAIN:
		drain_ask(worker, &message->body.drain);
		break;
	case MESSAGE_QUIT:
		worker->done = true;
		break;
	case MESSAGE_LIST:
		listing_send(worker, &message->body.list);
		break;
	case MESSAGE_CLOSE:
		obey_close(worker, &message->body.close);
		break;
	case MESSAGE_LOG:
		obey_log(worker, &message->body.log, fd);
		fd_used = true;
		break;
	case MESSAGE_WORKERS:
		obey_workers(worker, &message->body.workers);
		break;
	case MESSAGE_PING: /* the turn itself is the answer */
		break;
	default:
		log_debug(
		    "unknown order %llu", (unsigned long long)message->type);
	}
	if (!fd_used && fd != -1)
		close(fd);
}

void
orders_orphaned(void *arg)
{
	struct worker *worker = arg;

	log_warn("the supervisor is gone, finishing what is here");
	accept_stop(worker, NULL);
	drain_ask_alone(worker);
}
