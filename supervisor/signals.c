/* SPDX-License-Identifier: ISC */
/*
 * Signals to verbs. Supervisor only. Each signal calls the function that the
 * control command of the same meaning calls; children are reaped here.
 */
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/logfiles.h"
#include "supervisor/loop.h"
#include "supervisor/reload.h"
#include "supervisor/shutdown.h"
#include "supervisor/signals.h"
#include "supervisor/supervisor.h"

static const int handled[] = { SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1,
	SIGUSR2, SIGTTIN, SIGTTOU, SIGCHLD };

#define N_HANDLED (sizeof(handled) / sizeof(handled[0]))

/* A terminal, a reader of our output, a full disk: none may end or stop us. */
static const int ignored[] = { SIGPIPE, SIGTSTP, SIGXFSZ };

static int fd = -1;
static struct watch watch;

static void
handled_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < N_HANDLED; i++)
		sigaddset(set, handled[i]);
}

void
signals_block(void)
{
	sigset_t set;

	handled_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* Whoever started us may have left these ignored; then children
	 * would vanish unseen. */
	for (size_t i = 0; i < N_HANDLED; i++)
		signal(handled[i], SIG_DFL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

struct search {
	pid_t pid;
	struct worker_handle *found;
};

static void
match(struct worker_handle *worker, void *arg)
{
	struct search *search = arg;

	if (worker->pid == search->pid)
		search->found = worker;
}

static struct worker_handle *
find_worker(pid_t pid)
{
	struct search search = { .pid = pid };
	struct pool *pool;

	TAILQ_FOREACH (pool, &supervisor.pools, entry)
		pool_each_worker(pool, match, &search);
	return search.found;
}

static pid_t
wait_for_any(int *status)
{
	pid_t pid;

	do {
		pid = waitpid(-1, status, WNOHANG);
	} while (pid == -1 && errno == EINTR);
	return pid;
}

/* One SIGCHLD may stand for many; a child that is nobody's is an orphan that
 * fell to us (as PID 1) or a resolver that has done its work. */
static void
reap(void)
{
	int status;
	pid_t pid;

	while ((pid = wait_for_any(&status)) > 0) {
		struct worker_handle *worker = find_worker(pid);
		if (worker != NULL)
			worker_handle_ended(worker, status);
		else
			log_debug("child %d ended, no worker", (int)pid);
	}
	shutdown_check();
}

static void
one_worker_more(int step)
{
	struct pool *pool = pool_find(&supervisor.pools, "default");

	if (pool == NULL || pool->serving == NULL || reload_active() ||
	    supervisor.state != SUPERVISOR_RUNNING)
		return;
	size_t n = pool_workers(pool);
	if (step < 0 ? n > 1 : n > 0 && n < WORKERS_MAX)
		pool_resize(pool, n + (size_t)step);
}

static void
reopen_logs(void)
{
	char why[160];

	/* Failure has been logged; what was open stays open. */
	if (supervisor.config != NULL)
		logfiles_reopen(&supervisor.config->daemon, supervisor.detached,
		    why, sizeof(why));
}

static void
act_on(int signal)
{
	switch (signal) {
	case SIGCHLD:
		reap();
		break;
	case SIGHUP:
		reload_request(NULL, NULL);
		break;
	case SIGTERM:
	case SIGINT:
		shutdown_begin();
		break;
	case SIGQUIT:
		shutdown_now();
		break;
	case SIGUSR1:
		reopen_logs();
		break;
	case SIGTTIN:
		one_worker_more(1);
		break;
	case SIGTTOU:
		one_worker_more(-1);
		break;
	default:
		break;
	}
}

static void
on_signal(void *arg, uint32_t events)
{
	/* As many as can be pending at once; more come in the next turn. */
	struct signalfd_siginfo infos[N_HANDLED];
	ssize_t n = read(fd, infos, sizeof(infos));

	(void)arg;
	(void)events;
	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(infos[0]); i++) {
		const struct signalfd_siginfo *info = &infos[i];
		if (info->ssi_signo != SIGCHLD)
			log_debug("signal %u (%s) from pid %u", info->ssi_signo,
			    sigabbrev_np((int)info->ssi_signo), info->ssi_pid);
		act_on((int)info->ssi_signo);
	}
}

int
signals_watch(void)
{
	sigset_t set;

	handled_set(&set);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd == -1)
		return -1;
	return loop_watch(&watch, fd, EPOLLIN, on_signal, NULL);
}

void
signals_close(void)
{
	if (fd == -1)
		return;
	loop_unwatch(&watch);
	close(fd);
	fd = -1;
}
