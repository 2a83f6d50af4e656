/* SPDX-License-Identifier: ISC */
/*
 * Detaching from the terminal with an answer: the process that the user
 * started does not return before the daemon serves, or has failed. Used by
 * the supervisor at start.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor/daemonize.h"

static int ready_fd = -1;

int
daemonize_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd == -1)
			return -1;
	} while (fd <= STDERR_FILENO);
	return close(fd);
}

/* A byte means ready; without one the child's exit status is the answer. */
static _Noreturn void
wait_for_child(int fd, pid_t pid)
{
	char byte;
	ssize_t n;
	int status = 0;

	do {
		n = read(fd, &byte, 1);
	} while (n == -1 && errno == EINTR);
	if (n == 1)
		_exit(EXIT_SUCCESS);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	_exit(WIFEXITED(status) && WEXITSTATUS(status) != 0
		? WEXITSTATUS(status)
		: EXIT_FAILURE);
}

int
daemonize(void)
{
	int ends[2];

	/* Ignored, as whoever started us may have left it, the child's status
	 * would be lost. */
	signal(SIGCHLD, SIG_DFL);
	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	pid_t pid = fork();
	if (pid == -1) {
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	if (pid > 0) {
		close(ends[1]);
		wait_for_child(ends[0], pid);
	}
	close(ends[0]);
	ready_fd = ends[1];
	if (setsid() == -1)
		return -1;
	return chdir("/");
}

void
daemonize_ready(void)
{
	if (ready_fd == -1)
		return;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null != -1) {
		for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
			dup2(null, fd);
		close(null);
	}
	(void)!write(ready_fd, "", 1);
	close(ready_fd);
	ready_fd = -1;
}
