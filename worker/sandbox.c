/* SPDX-License-Identifier: ISC */
/*
 * The worker's sandbox, a second wall behind the dropped privileges. A worker
 * that serves needs its sockets and its memory; everything else it has opened
 * before. The deny-list names what an intruder would want, so that a new C
 * library finds nothing missing.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/sandbox.h"
#include "worker/syscall_filter.h"

static const unsigned forbidden[] = {
	/* other programs, other processes */
	SYS_execve,
	SYS_execveat,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_setns,
	SYS_unshare,
	/* file systems */
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_swapon,
	SYS_swapoff,
	SYS_open_by_handle_at,
	SYS_name_to_handle_at,
#ifdef SYS_move_mount
	SYS_open_tree,
	SYS_move_mount,
	SYS_fsopen,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_fspick,
#endif
#ifdef SYS_mount_setattr
	SYS_mount_setattr,
#endif
	/* the kernel */
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
	SYS_reboot,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_acct,
	SYS_quotactl,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_adjtimex,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_personality,
/* ways around a filter, and keys */
#ifdef SYS_io_uring_setup
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
#endif
	SYS_add_key,
	SYS_request_key,
	SYS_keyctl,
#ifdef SYS_ioperm
	SYS_ioperm,
	SYS_iopl,
#endif
};

/* Every right of the first version; without a rule none is left. */
#define LANDLOCK_RIGHTS ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static bool
enter_landlock(void)
{
	const struct landlock_ruleset_attr rules = {
		.handled_access_fs = LANDLOCK_RIGHTS,
	};
	int fd =
	    (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	if (fd == -1)
		return false;
	bool done = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	int error = errno;
	close(fd);
	errno = error;
	return done;
}

void
sandbox_enter(enum sandbox_mode mode)
{
	if (mode == SANDBOX_OFF)
		return;
	if (mode == SANDBOX_ON && !enter_landlock())
		log_info("sandbox without Landlock: %s", strerror(errno));
	if (!syscall_filter_install(forbidden,
		sizeof(forbidden) / sizeof(forbidden[0]), mode == SANDBOX_LOG))
		log_info("sandbox without seccomp: %s", strerror(errno));
}
