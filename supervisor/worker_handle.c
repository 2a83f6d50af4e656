/* SPDX-License-Identifier: ISC */
/*
 * One worker, seen from the supervisor: fork it, tell it to go, see it end and
 * decide what becomes of its slot. What the two say to each other goes through
 * worker_channel.c. Signals go through the pidfd, so that they can never reach
 * a stranger.
 */
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/events.h"
#include "supervisor/generation.h"
#include "supervisor/logfiles.h"
#include "supervisor/pool.h"
#include "supervisor/queries.h"
#include "supervisor/totals.h"
#include "supervisor/worker_channel.h"

#define KILL_GRACE_MS 1000 /* after a worker should have left by itself */

const char *const worker_state_names[] = { "vacant", "waiting", "starting",
	"ready", "draining", "aborted", "killed", "failed" };

bool
worker_handle_alive(const struct worker_handle *worker)
{
	return worker->pid != 0;
}

char *
worker_handle_name(const struct worker_handle *worker, char *buf, size_t size)
{
	snprintf(
	    buf, size, "%s/%zu", worker->generation->pool->name, worker->slot);
	return buf;
}

const struct slot *
worker_handle_slot(const struct worker_handle *worker)
{
	return region_look(
	    &worker->generation->region, worker->slot, loop_turn());
}

static void
send_signal(const struct worker_handle *worker, int signal)
{
	if (worker->pid != 0 &&
	    pidfd_send_signal(worker->pid_fd, signal, NULL, 0) == -1 &&
	    errno != ESRCH)
		log_error("cannot signal pid %d: %s", (int)worker->pid,
		    strerror(errno));
}

void
worker_handle_kill(struct worker_handle *worker)
{
	loop_timer_cancel(&worker->deadline);
	worker->state = WORKER_KILLED;
	send_signal(worker, SIGKILL);
}

static void
kill_late(void *arg, const char *why)
{
	struct worker_handle *worker = arg;
	char name[64];

	events_announce(LOG_LEVEL_WARN, "worker %s (pid %d) killed: %s",
	    worker_handle_name(worker, name, sizeof(name)), (int)worker->pid,
	    why);
	worker_handle_kill(worker);
}

static void
on_start_timeout(void *arg)
{
	struct worker_handle *worker = arg;

	worker->generation->pool->reached.start_timeout++;
	strlcpy(worker->failure, "not ready within start_timeout",
	    sizeof(worker->failure));
	kill_late(worker, worker->failure);
}

static void
on_drain_timeout(void *arg)
{
	struct worker_handle *worker = arg;

	worker->generation->pool->reached.drain_timeout++;
	kill_late(arg, "still there after its time to drain");
}

static void
on_abort_timeout(void *arg)
{
	kill_late(arg, "still there after SIGABRT");
}

static void
on_mute(void *arg)
{
	kill_late(arg, "closed its channel and did not leave");
}

void
worker_handle_mute(struct worker_handle *worker)
{
	if (worker->state != WORKER_KILLED)
		loop_timer_set(
		    &worker->deadline, KILL_GRACE_MS, on_mute, worker);
}

void
worker_handle_abort(struct worker_handle *worker)
{
	worker->state = WORKER_ABORTED;
	send_signal(worker, SIGABRT);
	loop_timer_set(
	    &worker->deadline, KILL_GRACE_MS, on_abort_timeout, worker);
}

void
worker_handle_drain(struct worker_handle *worker, int64_t timeout_ms,
    const uint8_t *empty, size_t empty_size)
{
	struct message_drain drain = { .timeout_ms = timeout_ms };

	worker->retired = true;
	if (!worker_handle_alive(worker)) {
		loop_timer_cancel(&worker->deadline);
		worker->state = WORKER_VACANT;
		return;
	}
	if (worker->state == WORKER_STARTING) {
		worker_handle_kill(worker);
		return;
	}
	if (worker->state != WORKER_READY && worker->state != WORKER_DRAINING)
		return;
	memcpy(drain.empty, empty, empty_size);
	worker_channel_send(worker, MESSAGE_DRAIN, &drain, sizeof(drain), -1);
	worker->state = WORKER_DRAINING;
	loop_timer_set(&worker->deadline, timeout_ms + KILL_GRACE_MS,
	    on_drain_timeout, worker);
}

void
worker_handle_quit(struct worker_handle *worker)
{
	worker->retired = true;
	if (!worker_handle_alive(worker)) {
		loop_timer_cancel(&worker->deadline);
		worker->state = WORKER_VACANT;
		return;
	}
	if (worker->state == WORKER_KILLED)
		return;
	if (worker->state == WORKER_STARTING ||
	    !worker_channel_send(worker, MESSAGE_QUIT, NULL, 0, -1)) {
		worker_handle_kill(worker);
		return;
	}
	worker->state = WORKER_DRAINING;
	loop_timer_set(
	    &worker->deadline, KILL_GRACE_MS, on_drain_timeout, worker);
}

void
worker_handle_ready(struct worker_handle *worker)
{
	char name[64];

	if (worker->state != WORKER_STARTING)
		return;
	loop_timer_cancel(&worker->deadline);
	worker->state = WORKER_READY;
	worker->turns_moved_ms = loop_now_ms();
	events_announce(LOG_LEVEL_INFO, "worker %s (pid %d) ready",
	    worker_handle_name(worker, name, sizeof(name)), (int)worker->pid);
	generation_worker_ready(worker);
}

static _Noreturn void
run_worker(struct worker_handle *worker, int channel_fd)
{
	struct generation *generation = worker->generation;
	const struct worker_context context = {
		.config = generation->config,
		.pool = generation->pool_config,
		.services = generation->services,
		.n_services = generation->n_services,
		.listeners = generation->worker_listeners,
		.n_listeners = generation->n_listeners,
		.slot = worker->slot,
		.generation = generation->number,
		.n_workers = generation->n_workers,
		.rank = generation_rank(worker),
		.n_slots = generation->n_slots,
		.region = generation->region.shared,
		.region_slot_size = generation->region.slot_size,
		.channel_fd = channel_fd,
		.access_log_fd = logfiles_access_fd(),
		.udp_ports = generation->udp_ports,
		.n_udp_ports = generation->n_udp_ports,
	};

	worker_main(&context);
}

/* Becomes the parent of PID; false when that cannot be watched over. */
static bool
adopt_child(struct worker_handle *worker, pid_t pid, int channel_fd)
{
	worker->pid_fd = pidfd_open(pid, 0);
	if (worker->pid_fd == -1 || !worker_channel_open(worker, channel_fd)) {
		int saved = errno;
		kill(pid, SIGKILL); /* not reaped yet: still our child */
		if (worker->pid_fd != -1)
			close(worker->pid_fd);
		worker->pid_fd = -1;
		errno = saved;
		return false;
	}
	worker->pid = pid;
	return true;
}

static bool
launch(struct worker_handle *worker)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, ends) == -1)
		return false;
	region_clear(&worker->generation->region, worker->slot);
	pid_t pid = region_fork(&worker->generation->region);
	if (pid == 0) {
		close(ends[0]);
		run_worker(worker, ends[1]);
	}
	int saved = errno;
	close(ends[1]);
	errno = saved;
	if (pid == -1 || !adopt_child(worker, pid, ends[0])) {
		saved = errno;
		close(ends[0]);
		errno = saved;
		return false;
	}
	return true;
}

static void
on_retry(void *arg)
{
	worker_handle_start(arg);
}

/* In back-off, or given up. */
static void
wait_or_give_up(struct worker_handle *worker, int status, int64_t alive_ms)
{
	int64_t delay;
	char name[64];

	worker_handle_name(worker, name, sizeof(name));
	switch (restart_decide(&worker->history, status, alive_ms, &delay)) {
	case RESTART_NOW:
		worker_handle_start(worker);
		return;
	case RESTART_LATER:
		worker->state = WORKER_WAITING;
		events_announce(LOG_LEVEL_WARN,
		    "worker %s starts again in %lld ms", name,
		    (long long)delay);
		loop_timer_set(&worker->deadline, delay, on_retry, worker);
		return;
	case RESTART_NEVER:
		worker->state = WORKER_FAILED;
		events_announce(LOG_LEVEL_ERROR,
		    "worker %s failed and is not started again: %s", name,
		    worker->failure[0] == '\0' ? "exit status 78"
					       : worker->failure);
		return;
	}
}

void
worker_handle_start(struct worker_handle *worker)
{
	struct generation *generation = worker->generation;
	char name[64];

	worker_handle_name(worker, name, sizeof(name));
	worker->state = WORKER_STARTING;
	worker->retired = false;
	worker->crashed = false;
	worker->started_ms = loop_now_ms();
	worker->failure[0] = '\0';
	worker->turns_seen = 0;
	if (!launch(worker)) {
		log_error("cannot start worker %s: %s", name, strerror(errno));
		generation->pool->n_start_failures++;
		wait_or_give_up(worker, -1, 0);
		return;
	}
	generation->pool->n_started++;
	events_announce(LOG_LEVEL_DEBUG, "worker %s (pid %d) started", name,
	    (int)worker->pid);
	loop_timer_set(&worker->deadline,
	    generation->config->daemon.start_timeout_ms, on_start_timeout,
	    worker);
}

/* Signals for real-time use have no name. */
static const char *
signal_name(int number)
{
	const char *name = sigabbrev_np(number);

	return name != NULL ? name : "no name";
}

static void
describe_end(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(buf, size, "killed by signal %d (%s)",
		    WTERMSIG(status), signal_name(WTERMSIG(status)));
	else
		snprintf(
		    buf, size, "exited with status %d", WEXITSTATUS(status));
}

/* The same in a word or two, for the list of workers. */
static void
keep_end(struct worker_handle *worker, int status)
{
	char *buf = worker->last_exit;
	size_t size = sizeof(worker->last_exit);

	if (!WIFSIGNALED(status))
		snprintf(buf, size, "status %d", WEXITSTATUS(status));
	else if (sigabbrev_np(WTERMSIG(status)) != NULL)
		strlcpy(buf, sigabbrev_np(WTERMSIG(status)), size);
	else
		snprintf(buf, size, "signal %d", WTERMSIG(status));
}

/* The kernel kills like that when memory runs out, and tells only its log. */
static const char *
suspicion(const struct worker_handle *worker, int status)
{
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;

	return killed && worker->state != WORKER_KILLED ? " (out of memory?)"
							: "";
}

static void
count_end(struct pool *pool, int status)
{
	if (WIFSIGNALED(status)) {
		if (WTERMSIG(status) < POOL_EXIT_SIGNALS)
			pool->n_killed[WTERMSIG(status)]++;
		return;
	}
	pool->n_exits++;
	if (WEXITSTATUS(status) != 0)
		pool->n_failed_exits++;
}

static void
tell_end(struct worker_handle *worker, int status)
{
	struct pool *pool = worker->generation->pool;
	uint64_t lost = counter_get(&worker_handle_slot(worker)->active);
	char name[64], end[96];

	describe_end(status, end, sizeof(end));
	worker_handle_name(worker, name, sizeof(name));
	keep_end(worker, status);
	snprintf(pool->last_exit, sizeof(pool->last_exit),
	    "worker %s (pid %d) %s", name, (int)worker->pid, end);
	events_announce(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
	    "worker %s (pid %d) %s after %lld ms, %llu connections lost%s",
	    name, (int)worker->pid, end,
	    (long long)(loop_now_ms() - worker->started_ms),
	    (unsigned long long)lost, suspicion(worker, status));
}

void
worker_handle_ended(struct worker_handle *worker, int status)
{
	struct generation *generation = worker->generation;
	int64_t alive_ms = loop_now_ms() - worker->started_ms;

	worker_channel_read_last(worker);
	/* Once more, whoever has looked in this turn. */
	region_look(&generation->region, worker->slot, 0);
	tell_end(worker, status);
	count_end(generation->pool, status);
	totals_fold(generation, worker_handle_slot(worker), status != 0);
	region_clear(&generation->region, worker->slot);
	queries_worker_gone(worker);
	worker_channel_close(worker);
	loop_timer_cancel(&worker->deadline);
	close(worker->pid_fd);
	worker->pid_fd = -1;
	worker->pid = 0;
	worker->state = WORKER_VACANT;
	if (generation_replaces(worker))
		wait_or_give_up(worker, status, alive_ms);
	generation_worker_gone(worker);
}
