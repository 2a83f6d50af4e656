# SPDX-License-Identifier: ISC
"""strace, on one process and no other.

strace counts the calls of each process that it follows by themselves, so that
a fault meant for a worker would meet the supervisor too. Therefore only one
process is traced. A process that is not there yet is caught as it is born: a
first strace follows the supervisor's forks and stops the child at its first
system call (set_robust_list, the C library's part of fork), leaves it stopped,
and a second one takes it.
"""
import os
import re
import signal
import subprocess
import time

from daemon import Failure, DEADLINE_S, is_live, process_stat, read, until

BIRTH = "set_robust_list"
STOP_NEWBORN = ["-f", "-e", f"trace={BIRTH}",
                "-e", f"inject={BIRTH}:signal=STOP:when=1"]

# The first system call that main() makes: what comes before it belongs to the
# dynamic loader and the C library.
FIRST_OF_MAIN = re.compile(r'^openat\(AT_FDCWD, "/dev/null", O_RDWR\)')


def tracer_of(pid):
    found = re.search(r"^TracerPid:\s*(\d+)", read(f"/proc/{pid}/status"),
                      re.M)
    return int(found.group(1)) if found else 0


class Tracer:
    """One strace; the words tell what it traces and what it makes fail."""

    def __init__(self, folder, words, name="trace"):
        self.path = f"{folder}/{name}"
        self.words = ["strace", "-q", "-o", self.path, *words]
        self.process = None
        self.pid = None  # of the tracee
        self.tracer = None

    def before(self):
        """Words to start a program with, traced from its first call."""
        # -I2: it can be told to leave, which -o with a program forbids.
        return [self.words[0], "-D", "-I2", *self.words[1:]]

    def started(self, pid):
        """PID was started with the words of before(): strace is no child of
        ours, but the tracer of that process as long as it lives."""
        self.pid = pid
        self.tracer = until(lambda: tracer_of(pid) or not is_live(pid),
                            DEADLINE_S, "strace has begun")

    def attach(self, pid):
        self.pid = pid
        self.process = subprocess.Popen(
            [*self.words, "-p", str(pid)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        until(lambda: tracer_of(pid) or not is_live(pid), DEADLINE_S,
              "strace attached")

    def detach(self):
        """Leaves the tracee alone; it goes on, or stays stopped."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None
            return
        if self.tracer is True or not is_live(self.tracer):
            return
        os.kill(self.tracer, signal.SIGTERM)
        until(lambda: not is_live(self.tracer), DEADLINE_S,
              "strace detached")

    def injected(self):
        text = read(self.path)
        return "(INJECTED)" in text or "killed by SIGKILL" in text

    def stopped(self, known):
        """The pid of a process that the first strace stopped, if new."""
        for pid in re.findall(r"^(\d+) +--- stopped by SIGSTOP ---",
                              read(self.path), re.M):
            if int(pid) not in known:
                return int(pid)
        return None

    def names(self, from_main=False):
        """{system call: [occurrences]}, in the order of the trace."""
        counts, result = {}, {}
        in_scope = not from_main
        for line in read(self.path).splitlines():
            line = re.sub(r"^\d+ +", "", line)
            found = re.match(r"([a-z_0-9]+)\(", line)
            if not found:
                # A call that was under way when strace came.
                found = re.match(r"<\.\.\. ([a-z_0-9]+) resumed", line)
                if not found or counts:
                    continue
            name = found.group(1)
            counts[name] = counts.get(name, 0) + 1
            in_scope = in_scope or FIRST_OF_MAIN.match(line) is not None
            if in_scope:
                result.setdefault(name, []).append(counts[name])
        return result


class Catcher:
    """Catches the N-th child of a supervisor as it is born."""

    def __init__(self, folder):
        self.tracer = Tracer(folder, STOP_NEWBORN, "births")
        self.known = []

    def next(self):
        """The next process that was stopped."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            pid = self.tracer.stopped(self.known)
            if pid is not None:
                self.known.append(pid)
                return pid
            time.sleep(0.002)
        raise Failure("the child that is to be traced was never born")

    def catch(self, number):
        """Lets NUMBER children pass and returns the one after them,
        stopped and not traced."""
        for _ in range(number):
            os.kill(self.next(), signal.SIGCONT)
        pid = self.next()
        self.tracer.detach()
        until(lambda: process_stat(pid)[0] == "T", DEADLINE_S,
              "the newborn is stopped")
        return pid
