# SPDX-License-Identifier: ISC
"""Which errors a system call is made to fail with, and when it is sampled."""

# Kills the process when it is about to make the call.
KILL = "KILL"

# Plausible errors of the calls that are known; the first is the one that the
# quick sweep takes, and the one that each occurrence gets. The others are
# tried where the call occurs first. What says that the configuration is wrong
# (EPERM of setresuid) is left out: by contract such a worker is given up.
ERRORS = {
    "accept4": "EMFILE ECONNABORTED EINTR EAGAIN ENOMEM EPERM",
    "access": "EACCES",
    "bind": "EADDRINUSE EACCES ENOMEM",
    "brk": "ENOMEM",
    "chdir": "EACCES",
    "chmod": "EPERM EROFS",
    "chown": "EPERM",
    "clone": "EAGAIN ENOMEM",
    "clone3": "EAGAIN ENOMEM",
    "close_range": "ENOMEM",
    "connect": "ECONNREFUSED EAGAIN EACCES EINTR",
    "dup2": "EMFILE EINTR",
    "dup3": "EMFILE EINTR",
    "epoll_create1": "EMFILE ENOMEM",
    "epoll_ctl": "ENOSPC ENOMEM",
    "epoll_pwait": "EINTR",
    "epoll_wait": "EINTR",
    "faccessat2": "EACCES EIO",
    "fchmod": "EPERM EROFS",
    "fchown": "EPERM EIO",
    "fcntl": "EINTR EINVAL",
    "flock": "EAGAIN EINTR ENOLCK",
    "fstat": "EIO",
    "ftruncate": "EIO EINTR",
    "getdents64": "EIO",
    "getrandom": "EINTR ENOSYS",
    "getsockname": "ENOBUFS",
    "getsockopt": "ENOBUFS",
    "landlock_create_ruleset": "ENOSYS EMFILE",
    "landlock_restrict_self": "E2BIG",
    "listen": "EADDRINUSE",
    "lseek": "EINVAL",
    "madvise": "ENOMEM EAGAIN",
    "mkdir": "EACCES ENOSPC",
    "mmap": "ENOMEM EAGAIN",
    "mprotect": "ENOMEM",
    "mremap": "ENOMEM",
    "newfstatat": "EACCES EIO ENOMEM",
    "openat": "EMFILE ENFILE EACCES ENOMEM EINTR",
    "pidfd_open": "EMFILE ENOMEM",
    "pidfd_send_signal": "EPERM",
    "pipe2": "EMFILE ENFILE",
    "poll": "EINTR ENOMEM",
    "ppoll": "EINTR ENOMEM",
    "prctl": "EPERM",
    "pread64": "EIO EINTR",
    "prlimit64": "EPERM",
    "pwrite64": "ENOSPC EIO EINTR",
    "read": "EIO EINTR EAGAIN",
    "readlink": "EACCES EIO",
    "recvfrom": "ECONNRESET EINTR EAGAIN ENOMEM",
    "recvmmsg": "EAGAIN EINTR ENOMEM ECONNREFUSED",
    "recvmsg": "ENOMEM EINTR EAGAIN ECONNRESET",
    "rename": "EACCES EIO",
    "seccomp": "EINVAL ENOMEM",
    "sendfile": "EIO EAGAIN EINTR",
    "sendmmsg": "ENOBUFS EAGAIN EINTR EPERM",
    "sendmsg": "ENOBUFS EAGAIN EINTR EPIPE",
    "sendto": "ENOBUFS EPIPE EAGAIN EINTR",
    "setgroups": "ENOMEM",
    "setpriority": "EPERM",
    "setresgid": "ENOMEM",
    "setresuid": "EAGAIN ENOMEM",
    "setsid": "EPERM",
    "setsockopt": "ENOBUFS ENOPROTOOPT",
    "signalfd4": "EMFILE ENOMEM",
    "socket": "EMFILE ENOBUFS EACCES",
    "socketpair": "EMFILE ENFILE",
    "timerfd_create": "EMFILE",
    "uname": "EFAULT",
    "unlink": "EACCES EIO EROFS",
    "unlinkat": "EACCES EIO EROFS",
    "wait4": "EINTR",
    "write": "ENOSPC EIO EINTR EAGAIN EPIPE",
    "writev": "ENOSPC EIO EINTR EAGAIN EPIPE",
}

# They cannot fail, or only for arguments that are wrong in the program; a
# close(2) that reports an error has closed all the same, and one that strace
# made fail has not. Each of them gets its kill nevertheless.
ONLY_KILL = set("""
    alarm arch_prctl clock_gettime clock_nanosleep close exit_group futex
    getegid geteuid getgid getgroups getpeername getpid getppid getresgid
    getresuid gettid getuid ioctl kill munmap nanosleep
    restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn
    set_robust_list set_tid_address setuid shutdown sysinfo tgkill umask
""".split())

ALL_OF_THEM = 5  # a call that occurs more often is sampled


def errors_of(name):
    if name in ONLY_KILL:
        return []
    return ERRORS.get(name, "EIO").split()


def inject(name, fault, when):
    """The words of strace for it."""
    if fault == KILL:
        what = "signal=KILL"
    elif name == "brk":
        # The C library does not look for -1 but for a lower end.
        what = "retval=0"
    else:
        what = "error=" + fault
    return f"inject={name}:{what}:when={when}"


def sample(occurrences):
    """First, second, middle and last of many."""
    if len(occurrences) <= ALL_OF_THEM:
        return list(occurrences)
    middle = occurrences[len(occurrences) // 2]
    return sorted({occurrences[0], occurrences[1], middle, occurrences[-1]})


def cases_of(name, occurrences, quick):
    """Pairs (occurrence, fault) for one system call of one process."""
    errors = errors_of(name)
    if quick:
        middle = occurrences[len(occurrences) // 2]
        return [(occurrences[0], e) for e in errors[:1]] + [(middle, KILL)]
    chosen = sample(occurrences)
    pairs = [(n, fault) for n in chosen for fault in errors[:1] + [KILL]]
    return pairs + [(chosen[0], e) for e in errors[1:]]
