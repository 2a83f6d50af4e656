/* SPDX-License-Identifier: ISC */
/*
 * An LD_PRELOAD for the daemon under valgrind(1), for what that does not know:
 *
 * pidfd_open(2), pidfd_send_signal(2): ENOSYS in many versions, so that no
 * worker could ever be started. A descriptor of /proc/PID stands for the
 * process; its parent asks, before it reaps, so the pid is nobody else's.
 *
 * MADV_DONTFORK: its leak check would look at each word of what a child does
 * not have, a fault each, for seconds.
 */
#include <sys/mman.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define FDS 4096

static pid_t pids[FDS];

int
pidfd_open(pid_t pid, unsigned int flags)
{
	char path[32];

	(void)flags;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && fd < FDS)
		pids[fd] = pid;
	return fd;
}

int
pidfd_send_signal(int fd, int signal, siginfo_t *info, unsigned int flags)
{
	(void)info;
	(void)flags;
	if (fd < 0 || fd >= FDS || pids[fd] == 0) {
		errno = EBADF;
		return -1;
	}
	return kill(pids[fd], signal);
}

int
madvise(void *start, size_t size, int advice)
{
	if (advice == MADV_DONTFORK)
		return 0;
	return (int)syscall(SYS_madvise, start, size, advice);
}
