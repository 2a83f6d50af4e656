/* SPDX-License-Identifier: ISC */
/*
 * Signals to a worker. Those of the terminal and those meant for the daemon
 * (INT, HUP, USR1, USR2, ...) are the supervisor's business, and a worker that
 * gets them too, as one of a process group, ignores them. What an operator
 * sends to just this worker is obeyed: TERM lets it finish what it has (the
 * supervisor replaces it), QUIT makes it leave at once. Everything else, ABRT
 * of the watchdog included, does what the kernel does; crash.c tells of it.
 */
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "worker/drain.h"
#include "worker/state.h"
#include "worker/worker_signals.h"

static const int ignored[] = { SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE,
	SIGXFSZ, SIGTSTP, SIGTTIN, SIGTTOU };

static void
obeyed(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGQUIT);
}

/* The supervisor catches none: one that has a handler has a sanitizer's. For
 * some numbers it fails, which is well. */
static void
reset(int number)
{
	struct sigaction old;

	if (sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
		signal(number, SIG_DFL);
}

bool
worker_signals_reset(struct worker *worker)
{
	sigset_t set;

	for (int i = 1; i <= SIGRTMAX; i++)
		reset(i);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	obeyed(&set);
	worker->signal_fd = -1;
	return sigprocmask(SIG_SETMASK, &set, NULL) == 0;
}

static void
signal_ready(struct watch *watch, uint32_t events)
{
	struct worker *worker =
	    (struct worker *)((char *)watch - offsetof(struct worker, signals));
	struct signalfd_siginfo info;

	(void)events;
	if (read(worker->signal_fd, &info, sizeof(info)) !=
	    (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGTERM) {
		drain_ask_alone(worker);
		return;
	}
	worker->done = true;
}

bool
worker_signals_watch(struct worker *worker)
{
	sigset_t set;

	obeyed(&set);
	worker->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (worker->signal_fd == -1)
		return false;
	worker->signals.ready = signal_ready;
	return poller_add(
	    &worker->poller, worker->signal_fd, &worker->signals, EPOLLIN);
}

void
worker_signals_close(struct worker *worker)
{
	if (worker->signal_fd != -1)
		close(worker->signal_fd);
	worker->signal_fd = -1;
}
