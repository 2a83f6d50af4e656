# SPDX-License-Identifier: ISC
"""One preforkd in a folder of its own: start, ask, use, stop, leftovers."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.abspath(os.path.dirname(__file__) + "/../..")
PREFORKD = os.environ.get("PREFORKD_BIN", ROOT + "/build/release") \
    + "/preforkd"

DRAIN_S = 2        # drain_timeout
START_S = 4        # start_timeout
DEADLINE_S = 20    # of a case, and the longest that anything is waited for
# What a stop may take beyond drain_timeout: workers have one second more to
# leave, and a machine that is busy has its own time.
GRACE_S = 5
USER = "nobody"
# A leak check cannot look into a process that is traced already.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS":
               os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


class Failure(Exception):
    """What the program did wrong, in words."""


class Gone(Exception):
    """The daemon does not answer (any more)."""


class Refused(Exception):
    """The daemon answered a command with an error."""


def until(condition, seconds, what):
    """Waits for CONDITION to return something true and returns that."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(0.005)


def read(path):
    try:
        with open(path, encoding="utf8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def process_stat(pid):
    """Fields of /proc/PID/stat after the name, or None."""
    text = read(f"/proc/{pid}/stat")
    return text.rpartition(")")[2].split() if text else None


def is_live(pid):
    fields = process_stat(pid)
    return fields is not None and fields[0] not in "ZX"


def run_time(pid):
    """Seconds of processor time."""
    words = read(f"/proc/{pid}/schedstat").split()
    return int(words[0]) / 1e9 if words else 0


def host_and_port(address):
    """What a socket of that family connects to."""
    found = re.fullmatch(r"(?:tcp|udp)://\[?(.+?)\]?:(\d+)", address)
    if not found:
        raise Failure(f"is said to listen on {address!r}")
    return found.group(1), int(found.group(2))


class Daemon:
    """The folder and what runs in it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="sweep")
        os.chmod(self.dir, 0o755)
        self.process = None
        self.sessions = []
        self.errors = f"{self.dir}/stderr"
        self.log = f"{self.dir}/log"
        self.write_config(reloaded=False)

    def write_config(self, reloaded):
        second = f"""
            [service second]
            handler = upper
            listen = tcp://localhost:0 unix:{self.dir}/second.sock
            """
        first = "" if reloaded else f" unixgram:{self.dir}/first.gram"
        lines = f"""
            [preforkd]
            user = {USER}
            control = {self.dir}/control.sock
            pid_file = {self.dir}/pid
            log = {self.log}
            access_log = {self.dir}/access
            log_level = debug
            drain_timeout = {DRAIN_S}s
            start_timeout = {START_S}s
            [pool default]
            workers = 1
            [service first]
            handler = echo
            listen = tcp://localhost:0 unix:{self.dir}/first.sock
            listen = udp://127.0.0.1:0{first}
            """ + (second if reloaded else "")
        text = "\n".join(line.strip() for line in lines.splitlines()) + "\n"
        with open(f"{self.dir}/preforkd.ini", "w", encoding="utf8") as f:
            f.write(text)

    # --- life ---------------------------------------------------------------

    def launch(self, before=()):
        """Starts it; BEFORE are words to put before its own."""
        with open(self.errors, "w", encoding="utf8") as err:
            self.process = subprocess.Popen(
                [*before, PREFORKD, "-c", f"{self.dir}/preforkd.ini"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=err, cwd=self.dir, env=ENVIRONMENT,
                start_new_session=True)
        self.sessions.append(self.process.pid)

    @property
    def pid(self):
        return self.process.pid

    def ended(self):
        """Its status when it has one: negative for a signal."""
        return self.process.poll()

    def start(self):
        """Without any fault."""
        self.launch()
        self.wait_ready()
        if self.ended() is not None:
            raise Failure(f"did not start: status {self.ended()}, "
                          f"{self.messages()!r}")

    def wait_ready(self):
        """Until it is ready, or gone."""
        def ready_or_gone():
            if self.ended() is not None:
                return True
            try:
                self.ask("health", 1)
                return True
            except (Gone, Refused):
                return False
        until(ready_or_gone, DEADLINE_S, "ready, or ended with an error")

    def stop(self):
        """Asks it to stop; returns the status."""
        if self.ended() is None:
            os.kill(self.pid, signal.SIGTERM)
        return self.wait_end()

    def wait_end(self):
        try:
            return self.process.wait(DRAIN_S + GRACE_S)
        except subprocess.TimeoutExpired:
            raise Failure("hangs: did not end within its deadlines") from None

    def messages(self):
        return read(self.errors).strip()

    def kill_rest(self):
        """Whatever a failed case left running; it is all ours."""
        for pid in self.left(everything=True):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process is not None:
            self.process.wait()

    def remove(self):
        self.kill_rest()
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- what there is ------------------------------------------------------

    def left(self, everything=False):
        """Processes that are left, of this daemon and those before it."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            fields = process_stat(name)
            if not fields or int(fields[3]) not in self.sessions or \
                    fields[0] in "ZX":
                continue
            if not everything and \
                    read(f"/proc/{name}/comm").strip() == "strace":
                continue
            found.append(int(name))
        return found

    def children(self):
        return [int(p) for p in
                read(f"/proc/{self.pid}/task/{self.pid}/children").split()]

    def worker(self):
        """The pid of the worker that serves."""
        _, body = self.ask("workers")
        for line in body:
            words = line.split()
            if "ready" in words and words[0].startswith("default/"):
                for word in words[1:]:
                    if word.isdigit() and int(word) in self.children():
                        return int(word)
        return None

    def check_alone(self):
        """Nothing of it lives beyond drain_timeout."""
        until(lambda: not self.left(), DRAIN_S + 1,
              "no process of it left; there is "
              + ", ".join(read(f"/proc/{p}/cmdline").replace("\0", " ")
                          for p in self.left()))

    @staticmethod
    def n_descriptors(pid):
        return len(os.listdir(f"/proc/{pid}/fd"))

    def check_descriptors(self, pid, wanted):
        """None was lost; one of a client that has just gone may linger."""
        try:
            until(lambda: self.n_descriptors(pid) == wanted, 2, "")
        except Failure:
            raise Failure(
                f"pid {pid} has {self.n_descriptors(pid)} descriptors "
                f"instead of {wanted}") from None

    def check_idle(self):
        """Nothing spins: what does so once may have had work, so look again."""
        for seconds in (0.05, 0.5):
            pids = self.left()
            before = {p: run_time(p) for p in pids}
            time.sleep(seconds)
            busy = {p: run_time(p) - before[p] for p in pids}
            if all(used < seconds * 0.4 for used in busy.values()):
                return
        raise Failure("spins: " + ", ".join(
            f"pid {p} ran {used:.2f} s of {seconds} s"
            for p, used in busy.items()))

    def check_log(self):
        """No worker died of a signal that nobody sent."""
        for line in (read(self.log) + read(self.errors)).splitlines():
            found = re.search(r"killed by signal (\d+)", line)
            if found and int(found.group(1)) != signal.SIGKILL:
                raise Failure("in the log: " + line)

    def check_identity(self):
        """Whatever failed, no worker serves as root."""
        pid = self.worker()
        if os.geteuid() != 0 or pid is None:
            return
        uids = re.search(r"^Uid:(.*)$", read(f"/proc/{pid}/status"), re.M)
        if uids and "0" in uids.group(1).split():
            raise Failure(f"worker (pid {pid}) serves as root")

    # --- talking to it ------------------------------------------------------

    def begin(self, command, seconds=DEADLINE_S):
        """Sends COMMAND; answer() reads what comes back."""
        s = socket.socket(socket.AF_UNIX)
        try:
            s.settimeout(seconds)
            s.connect(f"{self.dir}/control.sock")
            s.sendall(command.encode() + b"\n")
            s.shutdown(socket.SHUT_WR)
        except OSError as error:
            s.close()
            raise Gone(str(error)) from None
        return s

    @staticmethod
    def answer(s):
        """Returns (text, body lines) of the answer on S, and closes it."""
        try:
            with s:
                data = b"".join(iter(lambda: s.recv(65536), b""))
        except OSError as error:
            raise Gone(str(error)) from None
        lines = data.decode(errors="replace").splitlines()
        if not lines or lines[-1] != ".":
            raise Gone("no whole answer")
        if not lines[0].startswith("OK"):
            raise Refused("; ".join(lines[:-1]))
        return lines[0], lines[1:-1]

    def ask(self, command, seconds=DEADLINE_S):
        return self.answer(self.begin(command, seconds))

    def listeners(self):
        """[(service, address)]"""
        _, body = self.ask("listeners")
        return [(words[1], words[0]) for words in map(str.split, body)
                if "://" in words[0] or words[0].startswith("unix")]

    def exchange(self, address, data, seconds):
        """What an echo service at ADDRESS answers; b"" for nothing."""
        kind, _, rest = address.partition(":")
        datagram = kind in ("udp", "unixgram")
        family = socket.AF_UNIX if kind.startswith("unix") \
            else socket.AF_INET6 if "[" in rest else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM if datagram
                           else socket.SOCK_STREAM) as s:
            s.settimeout(seconds)
            if kind == "unixgram":
                s.bind("")  # the kernel's choice, to be answered there
            if kind.startswith("unix"):
                s.connect(rest)
            else:
                s.connect(host_and_port(address))
            s.sendall(data)
            if datagram:
                return s.recv(65536)
            s.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: s.recv(65536), b""))

    def try_exchange(self, address, seconds=1.0):
        """Whether it was answered as it should be."""
        try:
            return self.exchange(address, b"hello", seconds).lower() == \
                b"hello"
        except OSError:
            return False

    def check_serves(self, listeners, seconds=DEADLINE_S):
        """Each of them answers."""
        for service, address in listeners:
            until(lambda a=address: self.try_exchange(a), seconds,
                  f"service {service} answers on {address}")
