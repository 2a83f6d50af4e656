/* SPDX-License-Identifier: ISC */
/*
 * Name look-ups of the supervisor, done by a short-lived child that writes its
 * answers into a pipe and leaves. The child has nothing but that pipe and the
 * standard descriptors, and no rights of root. It reads from the network, so
 * it is believed no more than a worker: the supervisor takes whole records of
 * a fixed size, and of those only IP addresses, for bind(2).
 */
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/privileges.h"
#include "common/tls_server.h"
#include "supervisor/loop.h"
#include "supervisor/resolver.h"

static struct {
	bool active;
	int pid_fd;
	struct resolved names;
	size_t n_answers;
	size_t n_bytes; /* of the answer being read */
	struct resolved_name partial;
	struct watch watch;
	struct timer deadline;
	void (*done)(struct resolved *answers);
} lookup;

const struct resolved_name *
resolved_find(const struct resolved *resolved, const struct address *address)
{
	for (size_t i = 0; resolved != NULL && i < resolved->n; i++) {
		if (address_equal(&resolved->names[i].address, address))
			return &resolved->names[i];
	}
	return NULL;
}

void
resolved_clear(struct resolved *resolved)
{
	free(resolved->names);
	*resolved = (struct resolved){ 0 };
}

static bool
write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* As a worker, but for the root folder: names are in files. */
static bool
give_up_rights(const struct daemon_config *daemon, char *why, size_t why_size)
{
	const bool root = geteuid() == 0;
	const struct privileges wanted = {
		.user = !root		    ? ""
		    : *daemon->user != '\0' ? daemon->user
					    : "nobody",
		.group = root ? daemon->group : "",
		.chroot = "",
	};

	if (!privileges_drop(&wanted, why, why_size))
		return false;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* Who hangs in a look-up does not outlive the one who asked. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return true;
}

static _Noreturn void
child(int fd, const struct resolved *names, const struct daemon_config *daemon)
{
	sigset_t none;
	char refused[256] = "";

	/* The answers go to descriptor 3; nothing else is left open. */
	if (dup2(fd, 3) == -1)
		_exit(1);
	closefrom(4);
	/* What comes from a name server does not meet private keys. */
	tls_server_forget_others();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	bool may = give_up_rights(daemon, refused, sizeof(refused));
	for (size_t i = 0; i < names->n; i++) {
		struct resolved_name answer = names->names[i];
		if (may)
			answer.n = address_resolve(&answer.address,
			    answer.endpoints, answer.why, sizeof(answer.why));
		else
			strlcpy(answer.why, refused, sizeof(answer.why));
		if (!write_all(3, &answer, sizeof(answer)))
			break;
	}
	_exit(0);
}

static void
release(void)
{
	if (!lookup.active)
		return;
	int fd = lookup.watch.fd;
	loop_unwatch(&lookup.watch);
	close(fd);
	loop_timer_cancel(&lookup.deadline);
	/* A child that still runs hangs in a resolver: nobody waits for it. */
	pidfd_send_signal(lookup.pid_fd, SIGKILL, NULL, 0);
	close(lookup.pid_fd);
	lookup.active = false;
}

static void
finish(const char *why)
{
	struct resolved answers = lookup.names;

	for (size_t i = lookup.n_answers; i < answers.n; i++) {
		answers.names[i].n = 0;
		strlcpy(
		    answers.names[i].why, why, sizeof(answers.names[i].why));
	}
	lookup.names = (struct resolved){ 0 };
	release();
	lookup.done(&answers);
}

static void
on_timeout(void *arg)
{
	(void)arg;
	finish("the name was not resolved in time");
}

/* Whatever else bind(2) would take, a path above all, is none. */
static bool
is_answer(const struct endpoint *endpoint, const struct address *address)
{
	const struct sockaddr_in *sin = (const void *)&endpoint->storage;
	bool v6 = endpoint->storage.ss_family == AF_INET6;
	socklen_t length =
	    v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	/* The port is at the same place in sockaddr_in6. */
	return (v6 || endpoint->storage.ss_family == AF_INET) &&
	    endpoint->length == length && ntohs(sin->sin_port) == address->port;
}

static void
take_endpoints(struct resolved_name *name, const struct resolved_name *answer)
{
	name->n = 0;
	for (size_t i = 0; i < answer->n && i < ADDRESS_MAX_ENDPOINTS; i++) {
		if (is_answer(&answer->endpoints[i], &name->address))
			name->endpoints[name->n++] = answer->endpoints[i];
	}
}

static void
take_answer(void)
{
	struct resolved_name *name = &lookup.names.names[lookup.n_answers++];
	const struct resolved_name *answer = &lookup.partial;

	take_endpoints(name, answer);
	if (answer->n > 0)
		strlcpy(
		    name->why, "the answer is no address", sizeof(name->why));
	else
		log_escape(name->why, sizeof(name->why), answer->why,
		    strnlen(answer->why, sizeof(answer->why)));
	lookup.n_bytes = 0;
}

static void
on_answer(void *arg, uint32_t events)
{
	char *into = (char *)&lookup.partial + lookup.n_bytes;
	size_t left = sizeof(lookup.partial) - lookup.n_bytes;
	ssize_t n = read(lookup.watch.fd, into, left);

	(void)arg;
	(void)events;
	if (n == -1 && errno == EINTR)
		return;
	if (n <= 0) {
		finish("the look-up ended without an answer");
		return;
	}
	lookup.n_bytes += (size_t)n;
	if (lookup.n_bytes == sizeof(lookup.partial))
		take_answer();
	if (lookup.n_answers == lookup.names.n)
		finish("");
}

static bool
watch_child(int fd, pid_t pid, int64_t timeout_ms)
{
	lookup.pid_fd = pidfd_open(pid, 0);
	if (lookup.pid_fd == -1 ||
	    loop_watch(&lookup.watch, fd, EPOLLIN, on_answer, NULL) == -1) {
		int saved = errno;
		kill(pid, SIGKILL); /* not reaped yet: still our child */
		if (lookup.pid_fd != -1)
			close(lookup.pid_fd);
		errno = saved;
		return false;
	}
	loop_timer_set(&lookup.deadline, timeout_ms, on_timeout, NULL);
	lookup.active = true;
	return true;
}

bool
resolver_start(struct resolved *names, const struct daemon_config *daemon,
    int64_t timeout_ms, void (*done)(struct resolved *answers))
{
	int fds[2];

	/* Read once whenever there is something, so it need not be
	 * non-blocking; and the child may wait. */
	if (pipe2(fds, O_CLOEXEC) == -1)
		return false;
	pid_t pid = fork();
	if (pid == 0)
		child(fds[1], names, daemon);
	int saved = errno;
	close(fds[1]);
	errno = saved;
	if (pid == -1 || !watch_child(fds[0], pid, timeout_ms)) {
		saved = errno;
		close(fds[0]);
		errno = saved;
		return false;
	}
	lookup.names = *names;
	lookup.n_answers = 0;
	lookup.n_bytes = 0;
	lookup.done = done;
	*names = (struct resolved){ 0 };
	return true;
}

void
resolver_cancel(void)
{
	release();
	resolved_clear(&lookup.names);
}
