/* SPDX-License-Identifier: ISC */
/*
 * The end of a worker: everything is given back, so that a leak check has
 * something to say, and then _exit(2), for the rest of this process is a copy
 * of the supervisor.
 */
#include <unistd.h>

#include "worker/accept.h"
#include "worker/connection.h"
#include "worker/datagram.h"
#include "worker/drain.h"
#include "worker/leave.h"
#include "worker/service.h"
#include "worker/state.h"
#include "worker/title.h"
#include "worker/worker_signals.h"

#ifdef LEAVE_CHECKS_LEAKS
#include <sanitizer/lsan_interface.h>
#include <signal.h>
#endif

#define LAST_WORD_MS 200 /* for what the supervisor has not taken yet */
#define LEAK_CHECK_S 5
#define EXIT_LEAKED  23

#ifdef LEAVE_CHECKS_LEAKS
static void
give_up(int number)
{
	(void)number;
	_exit(0);
}
#endif

/* The check stops and reads this very process, which the sandbox forbids. A
 * SIGCONT from elsewhere takes the stop away, for which the check then waits
 * for ever, busily. Once it has stopped us, no alarm ends it. */
static int
check_leaks(int sandboxed)
{
#ifdef LEAVE_CHECKS_LEAKS
	if (!sandboxed) {
		signal(SIGALRM, give_up);
		alarm(LEAK_CHECK_S);
		return __lsan_do_recoverable_leak_check();
	}
#endif
	(void)sandboxed;
	return 0;
}

/* The check takes its time, which must not look like a worker that hangs: one
 * whose channel is closed is expected to be gone at once. */
static void
keep_channel_open(const struct worker *worker, int sandboxed)
{
#ifdef LEAVE_CHECKS_LEAKS
	if (!sandboxed && worker->channel.fd != -1)
		(void)!dup(worker->channel.fd);
#endif
	(void)worker;
	(void)sandboxed;
}

void
leave_exit(struct worker *worker, int status)
{
	int sandboxed = worker->context->pool->sandbox != SANDBOX_OFF;

	accept_free(worker);
	service_stop_all(worker);
	service_free_all(worker);
	datagram_free(worker);
	connection_free(worker);
	drain_free(worker);
	title_free(worker);
	worker_signals_close(worker);
	channel_flush(&worker->channel, LAST_WORD_MS);
	keep_channel_open(worker, sandboxed);
	channel_close(&worker->channel);
	poller_close(&worker->poller);
	if (worker->access_log_fd != -1)
		close(worker->access_log_fd);
	if (status == 0 && check_leaks(sandboxed) != 0)
		status = EXIT_LEAKED;
	_exit(status);
}
