# SPDX-License-Identifier: ISC
"""What is done to a daemon while one of its system calls fails, and what must
hold then. Each phase is done twice: recorded, to learn which calls there are,
and once for each case."""
import errno
import os
import signal
import socket
import time

from daemon import (Daemon, Failure, Gone, Refused, DEADLINE_S, DRAIN_S,
                    host_and_port, is_live, process_stat, until)
from faults import KILL, inject
from tracer import Catcher, Tracer


def names_what_failed(messages, fault):
    """The object in quotes, or the words for the error."""
    words = ["out of memory", '"', ".ini:", "worker "]
    if fault != KILL:
        words.append(os.strerror(getattr(errno, fault)))
    return any(w in messages for w in words)


class Attempt:
    """One run of a phase; without a case it only records."""

    def __init__(self, process, case=None):
        self.process = process
        self.case = case
        self.daemon = Daemon()
        words = []
        if case is not None:
            words = ["-e", "trace=" + case.call,
                     "-e", inject(case.call, case.fault, case.when)]
        self.tracer = Tracer(self.daemon.dir, words)
        self.told = ""  # what became of it, for those who look

    @property
    def supervisor_killed(self):
        """Asked when the tracer has left; waits for the end."""
        return self.kills_supervisor and self.tracer.injected() and \
            self.daemon.wait_end() == -signal.SIGKILL

    @property
    def kills_supervisor(self):
        return self.case is not None and self.case.fault == KILL and \
            self.process == "supervisor"

    @property
    def is_void(self):
        """The tracer was told to leave in the moment in which it killed: such
        a run tells nothing."""
        return self.kills_supervisor and not self.tracer.injected() and \
            self.daemon.ended() == -signal.SIGKILL

    # --- putting strace where it belongs ------------------------------------

    def launch_traced(self):
        """Starts the daemon with the tracer on the process that is meant."""
        daemon = self.daemon
        if self.process == "supervisor":
            daemon.launch(self.tracer.before())
            self.tracer.started(daemon.pid)
            return
        catcher = Catcher(daemon.dir)
        daemon.launch(catcher.tracer.before())
        catcher.tracer.started(daemon.pid)
        # Born are: the supervisor itself, the resolver, the worker.
        self.take(catcher.catch({"resolver": 1, "worker": 2}[self.process]))

    def trace_while(self, action, births=()):
        """Attaches, then calls ACTION, which begins something."""
        daemon = self.daemon
        if self.process in births:
            catcher = Catcher(daemon.dir)
            catcher.tracer.attach(daemon.pid)
            result = action()
            self.take(catcher.catch(births.index(self.process)))
            return result
        self.tracer.attach(daemon.pid if self.process == "supervisor"
                           else daemon.worker())
        return action()

    def take(self, newborn):
        self.tracer.attach(newborn)
        os.kill(newborn, signal.SIGCONT)

    def settle(self):
        """Until the traced process waits for work, or is no more."""
        seen = 0
        end = time.monotonic() + 2
        while seen < 3 and time.monotonic() < end:
            fields = process_stat(self.tracer.pid)
            if not fields or fields[0] in "ZX":
                return
            seen = seen + 1 if fields[0] == "S" else 0
            time.sleep(0.003)

    # --- what must hold -----------------------------------------------------

    def check_ended(self):
        """It has ended though nobody asked it to: with an answer."""
        status = self.daemon.ended()
        messages = self.daemon.messages()
        self.told = f"status {status}: {messages}"
        if self.supervisor_killed:
            return
        if status < 0:
            raise Failure(f"died of signal {-status}")
        if status == 0:
            raise Failure("ended with status 0 though it did not stop")
        if not messages:
            raise Failure(f"ended with status {status} and no message")
        if len(messages.splitlines()) > 2:
            raise Failure(f"ended with more than one message: {messages!r}")
        if not names_what_failed(messages, self.case.fault):
            raise Failure(f"ended with a message that does not name what "
                          f"failed: {messages!r}")

    def check_running(self):
        """It goes on: serves, is idle, and is not root."""
        daemon = self.daemon
        if daemon.ended() is not None:
            raise Failure(f"ended with status {daemon.ended()}: "
                          + daemon.messages())
        listeners = daemon.listeners()
        if not listeners:
            raise Failure("has no listeners")
        daemon.check_serves(listeners)
        daemon.check_identity()
        daemon.check_idle()

    def check_stop(self):
        status = self.daemon.stop()
        self.daemon.check_alone()
        if status != 0:
            raise Failure(f"stopped with status {status}: "
                          + self.daemon.messages())

    def check_start_over(self):
        """Over whatever it left, it starts and serves without a hand."""
        self.daemon.check_alone()
        self.daemon.start()
        self.daemon.check_serves(self.daemon.listeners())
        self.check_stop()

    def check_survived(self):
        """After a fault that a running daemon must survive."""
        if self.supervisor_killed:
            self.told = "killed"
            self.check_start_over()
            return False
        if self.daemon.ended() is not None:
            raise Failure(f"ended with status {self.daemon.ended()}: "
                          + self.daemon.messages())
        return True

    # --- the phases ---------------------------------------------------------

    def recover(self):
        """A start over what a crash has left."""
        self.daemon.start()
        os.kill(self.daemon.pid, signal.SIGKILL)
        self.daemon.wait_end()
        self.daemon.check_alone()
        self.start()

    def start(self):
        self.launch_traced()
        self.daemon.wait_ready()
        self.tracer.detach()
        if not self.supervisor_killed and self.daemon.ended() is None:
            self.told = "carried on"
            self.check_running()
            self.check_stop()
        else:
            self.check_ended()
        self.check_start_over()

    def change(self, command, births):
        """A reload or a restart, by command."""
        daemon = self.daemon
        daemon.start()
        before = daemon.listeners()
        descriptors = daemon.n_descriptors(daemon.pid)
        daemon.write_config(reloaded=command == "reload")
        done = False
        try:
            connection = self.trace_while(
                lambda: daemon.begin(command), births)
            self.told = daemon.answer(connection)[0]
            done = True
        except (Gone, Refused) as error:
            if "timed out" in str(error):
                raise Failure("the caller got no answer") from None
            self.told = f"{type(error).__name__}: {error}"
        self.wait_for_one_worker()
        self.settle()
        self.tracer.detach()
        if not self.check_survived():
            return
        after = daemon.listeners()
        if self.told.startswith("Refused") and before != after:
            raise Failure(f"refused, but {before} became {after}")
        if done and command == "reload" and \
                "second" not in (service for service, _ in after):
            raise Failure("done, but the new service is not there")
        self.check_running()
        daemon.check_descriptors(
            daemon.pid, descriptors + len(after) - len(before))
        daemon.ask(command)
        self.wait_for_one_worker()
        if len(daemon.children()) != 1:
            raise Failure("old workers are still there")
        self.check_running()
        self.check_stop()

    def wait_for_one_worker(self):
        """The old ones have drained, or what was new is gone."""
        end = time.monotonic() + DRAIN_S + 2
        while self.daemon.ended() is None and \
                len(self.daemon.children()) != 1 and time.monotonic() < end:
            time.sleep(0.005)

    def reload(self):
        self.change("reload", ["resolver", "worker"])

    def restart(self):
        self.change("restart", ["worker"])

    def serve(self, kinds):
        """Clients of the listeners of KINDS, of which one may be lost."""
        daemon = self.daemon
        daemon.start()
        addresses = [a for _, a in daemon.listeners()
                     if a.partition(":")[0] in kinds]
        worker = daemon.worker()
        descriptors = daemon.n_descriptors(worker)
        answers = self.trace_while(
            lambda: [daemon.try_exchange(a) for a in addresses])
        self.settle()
        self.tracer.detach()
        self.told = f"answered: {answers}"
        if answers.count(False) > 1:
            raise Failure("more than one client was not served")
        self.check_running()
        if daemon.worker() == worker:
            daemon.check_descriptors(worker, descriptors)
        self.check_stop()

    def accept(self):
        self.serve(["tcp", "unix"])

    def datagram(self):
        self.serve(["udp", "unixgram"])

    def killed(self):
        """A worker dies, the next one takes its place."""
        daemon = self.daemon
        daemon.start()
        address = daemon.listeners()[0][1]
        old = daemon.worker()
        descriptors = daemon.n_descriptors(daemon.pid)
        self.trace_while(lambda: os.kill(old, signal.SIGKILL), ["worker"])
        until(lambda: not is_live(old), DEADLINE_S, "the worker is dead")
        # It waits in the queue until there is a worker again.
        answered = daemon.try_exchange(address, 5)
        self.settle()
        self.tracer.detach()
        self.told = f"next answered: {answered}"
        if self.check_survived():
            self.check_running()
            daemon.check_descriptors(daemon.pid, descriptors)
            self.check_stop()

    def stop(self):
        """With a connection that has to drain."""
        daemon = self.daemon
        daemon.start()
        address = host_and_port(daemon.listeners()[0][1])
        with socket.create_connection(address, DEADLINE_S) as held:
            held.sendall(b"hello")
            held.recv(16)
            self.trace_while(lambda: os.kill(daemon.pid, signal.SIGTERM))
            time.sleep(0.05)
        status = daemon.wait_end()
        self.tracer.detach()
        self.told = f"status {status}"
        wanted = -signal.SIGKILL if self.supervisor_killed else 0
        if status != wanted:
            raise Failure(f"ended with status {status}")
        self.check_start_over()


# (phase, which of its processes)
PHASES = [
    ("start", "supervisor"), ("start", "resolver"), ("start", "worker"),
    ("recover", "supervisor"),
    ("reload", "supervisor"), ("reload", "resolver"), ("reload", "worker"),
    ("reload", "old-worker"),
    ("restart", "supervisor"), ("restart", "worker"),
    ("restart", "old-worker"),
    ("killed", "supervisor"), ("killed", "worker"),
    ("accept", "worker"), ("datagram", "worker"),
    ("stop", "supervisor"), ("stop", "worker"),
]
