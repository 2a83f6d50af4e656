/* SPDX-License-Identifier: ISC */
/* What is left to a worker in its sandbox, tried in children. */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/sandbox.h"

/* Runs ATTEMPT in a sandboxed child; returns the errno it got, 0 for none. */
static int
try(enum sandbox_mode mode, int (*attempt)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		sandbox_enter(mode);
		errno = 0;
		_exit(attempt() == -1 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
open_file(void)
{
	return open("/", O_RDONLY | O_DIRECTORY);
}

static int
run_program(void)
{
	char *const none[] = { NULL };

	return execve("/nonexistent", none, none);
}

static int
trace(void)
{
	return (int)syscall(SYS_ptrace, 0, 0, 0, 0);
}

static int
mount_something(void)
{
	return mount("none", "/nonexistent", "tmpfs", 0, NULL);
}

static int
use_sockets(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		return -1;
	return write(pair[0], "x", 1) == 1 ? 0 : -1;
}

static bool
has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
}

static void
test_on(void **state)
{
	(void)state;
	assert_int_equal(try(SANDBOX_ON, run_program), EPERM);
	assert_int_equal(try(SANDBOX_ON, trace), EPERM);
	assert_int_equal(try(SANDBOX_ON, mount_something), EPERM);
	assert_int_equal(try(SANDBOX_ON, use_sockets), 0);
	assert_int_equal(
	    try(SANDBOX_ON, open_file), has_landlock() ? EACCES : 0);
}

static void
test_log_and_off(void **state)
{
	(void)state;
	assert_int_equal(try(SANDBOX_LOG, run_program), ENOENT);
	assert_int_equal(try(SANDBOX_LOG, open_file), 0);
	assert_int_equal(try(SANDBOX_OFF, run_program), ENOENT);
	assert_int_equal(try(SANDBOX_OFF, open_file), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on),
		cmocka_unit_test(test_log_and_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
