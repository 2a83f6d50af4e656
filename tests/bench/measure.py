# SPDX-License-Identifier: ISC
"""One measurement: starts a server, loads it, stops it, tells what it cost."""
import glob
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time

from peers import BIN, bare_echo

START_S = 10
STOP_S = 5
WARM_UP = "300ms"
FILES = 20000
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """A round that gave no figures; says why."""


def read(path):
    with open(path, encoding="utf8") as f:
        return f.read()


def raise_file_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))


# --- whose CPU time: a control group, or the process tree --------------------

class Cgroup:
    """All processes of a server, also those that ended: in nanoseconds."""

    def __init__(self, parent, usage):
        self.usage = usage
        self.path = f"{parent}/preforkd-bench-{os.getpid()}"
        os.mkdir(self.path)

    def join(self):
        with open(self.path + "/cgroup.procs", "w", encoding="utf8") as f:
            f.write(str(os.getpid()))

    def pids(self):
        return [int(pid) for pid in
                read(self.path + "/cgroup.procs").split()]

    def cpu_ns(self):
        return self.usage(self.path)

    def remove(self):
        end = time.monotonic() + STOP_S
        while True:
            try:
                os.rmdir(self.path)
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)


class Tree:
    """The same without a control group: what /proc knows of the process and
    its descendants. Those that ended are in the times of their parents, in
    ticks; those that nobody waited for are missed."""

    def __init__(self):
        self.root = None

    def join(self):
        pass

    def pids(self):
        children = {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            fields = self.stat(name)
            if fields:
                children.setdefault(int(fields[1]), []).append(int(name))
        found, todo = [], [self.root]
        while todo:
            found.append(todo.pop())
            todo += children.get(found[-1], [])
        return found

    @staticmethod
    def stat(pid):
        try:
            return read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
        except OSError:
            return None

    @staticmethod
    def running_ns(pid):
        """Of all threads that live; in nanoseconds, not cut to ticks."""
        total = 0
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            try:
                total += int(read(path).split()[0])
            except OSError:
                pass
        return total

    def cpu_ns(self):
        total = 0
        for pid in self.pids():
            fields = self.stat(pid)
            if fields:
                own, waited_for = (TICK_NS * (int(a) + int(b)) for a, b in
                                   (fields[11:13], fields[13:15]))
                total += max(own, self.running_ns(pid)) + waited_for
        return total

    def remove(self):
        pass


def usage_v2(path):
    return 1000 * int(re.search(r"usage_usec (\d+)",
                                read(path + "/cpu.stat")).group(1))


def usage_v1(path):
    return int(read(path + "/cpuacct.usage"))


def own_group(pattern):
    for line in read("/proc/self/cgroup").splitlines():
        if re.match(pattern, line):
            return line.split(":", 2)[2].rstrip("/")
    return ""


def cgroup_places():
    """(folder, usage) of each hierarchy that counts CPU time."""
    mounts = [line.split() for line in read("/proc/mounts").splitlines()]
    for _, place, kind, choices, *_ in mounts:
        if kind == "cgroup2":
            yield place + own_group("0::"), usage_v2
        elif kind == "cgroup" and "cpuacct" in choices.split(","):
            yield place + own_group(r"\d+:[^:]*cpuacct"), usage_v1


def choose_meter():
    """A function that makes a meter, and the name of what it reads."""
    for place, usage in cgroup_places():
        try:
            Cgroup(place, usage).remove()
        except OSError:
            continue
        name = "cpu.stat" if usage is usage_v2 else "cpuacct.usage"
        return lambda p=place, u=usage: Cgroup(p, u), \
            f"of a control group ({name})"
    return Tree, "of the process tree in /proc"


# --- the server --------------------------------------------------------------

def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fresh_address(network, folder):
    if network == "unix":
        return f"{folder}/bench.sock"
    kind = socket.SOCK_DGRAM if network == "udp" else socket.SOCK_STREAM
    return f"127.0.0.1:{free_port(kind)}"


def in_place(core, meter=None):
    """What a child does before it becomes the program."""
    def prepare():
        if meter:
            meter.join()
        if core is not None:
            os.sched_setaffinity(0, {core})
    return prepare


class Server:
    """A peer that runs, and the meter of all its processes."""

    def __init__(self, peer, path, job, meter, core):
        self.job = job
        self.meter = meter
        self.log = f"{job.folder}/{peer.name}.log"
        environment = dict(os.environ, **peer.environment(job))
        self.behind = None
        if peer.is_proxy(job):
            self.start_behind(core)
        with open(self.log, "w", encoding="utf8") as log:
            self.process = subprocess.Popen(
                peer.command(path, job), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, env=environment,
                preexec_fn=in_place(core, meter))
        meter.root = self.process.pid

    def start_behind(self, core):
        """What a proxy is in front of: on its core, not in its meter."""
        self.job.behind = str(free_port(socket.SOCK_STREAM))
        self.behind = subprocess.Popen(
            bare_echo(self.job.behind), stdin=subprocess.DEVNULL,
            preexec_fn=in_place(core))

    def __enter__(self):
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def wait_ready(self):
        end = time.monotonic() + START_S
        while not self.answers():
            if self.process.poll() is not None:
                last = read(self.log).strip().splitlines()[-1:]
                raise Failure(f"ended at start: {' '.join(last)}")
            if time.monotonic() > end:
                raise Failure(f"no answer at {self.job.address}")
            time.sleep(0.02)

    def answers(self):
        job = self.job
        family = socket.AF_UNIX if job.network == "unix" else socket.AF_INET
        kind = socket.SOCK_DGRAM if job.network == "udp" \
            else socket.SOCK_STREAM
        where = job.address if job.network == "unix" \
            else ("127.0.0.1", int(job.port))
        with socket.socket(family, kind) as s:
            s.settimeout(0.2)
            try:
                s.connect(where)
                if job.network == "udp":
                    s.send(b"x")
                    s.recv(1)
            except OSError:
                return False
        return True

    def stop(self):
        left = self.meter.pids()
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
        for pid in set(left + self.meter.pids()) - {self.process.pid}:
            self.kill(pid)
        self.meter.remove()
        if self.behind:
            self.behind.kill()
            self.behind.wait()

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    @staticmethod
    def kill(pid):
        """Ends what the server left behind."""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


# --- the load ----------------------------------------------------------------

class Generator:
    """preforkbench; it keeps its connections until it is let go."""

    def __init__(self, words, core):
        self.process = subprocess.Popen(
            [BIN + "/preforkbench", "--json", "--mark", "--hold"] + words,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=in_place(core))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.stdin.closed:
            self.process.stdin = None
        try:
            self.process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(self.process.stderr.read().strip() or "load ended")
        return line

    def begun(self):
        """Waits until it counts; without a connection it never does."""
        line = self.line()
        if line != "begin\n":
            raise Failure(f"no connection: {kinds_of(json.loads(line))}")

    def result(self):
        return json.loads(self.line())


def kinds_of(result):
    return ", ".join(f"{number} {kind}" for kind, number in
                     result["errors"].items() if number)


def receive_buffer(port):
    """SO_RCVBUF of the UDP socket, as the kernel counts it; None: unknown."""
    try:
        out = subprocess.run(
            ["ss", "-Hunam", f"sport = :{port}"], capture_output=True,
            text=True, check=False).stdout
    except OSError:
        return None
    found = re.search(r"\brb(\d+)", out)
    return int(found.group(1)) if found else None


def spoken(tls):
    """What the first handshake came to, and the part that was resumed."""
    words = f"{tls['version']} {tls['cipher']} {tls['group']}"
    return words, tls["resumed"] / max(tls["handshakes"], 1)


def measure_load(server, words, seconds, core):
    words = ["--warm-up", WARM_UP, "-d", f"{round(1000 * seconds)}ms"] + words
    with Generator(words, core) as generator:
        generator.begun()
        before = server.meter.cpu_ns()
        told = generator.result()
        cpu_us = (server.meter.cpu_ns() - before) / 1000
    if told["requests"] == 0 or told["errors"]["wrong_bytes"]:
        raise Failure(kinds_of(told) or "no request was answered")
    lost = told["errors"]["lost"]
    result = {"requests": told["requests"], "seconds": told["seconds"],
              "errors": told["failed"] - lost, "lost": lost, "cpu_us": cpu_us,
              "p50_us": told["latency_us"]["p50"],
              "p99_us": told["latency_us"]["p99"]}
    if "tls" in told:
        result["spoken"], result["resumed"] = spoken(told["tls"])
    if server.job.network == "udp":
        result["rcvbuf"] = receive_buffer(server.job.port)
    return result


def user_memory(pids):
    """Proportional set size of all processes, in bytes."""
    total = 0
    for pid in pids:
        try:
            rollup = read(f"/proc/{pid}/smaps_rollup")
        except OSError:
            continue
        total += 1024 * int(re.search(r"\nPss: +(\d+)", rollup).group(1))
    return total


def measure_memory(server, words, _seconds, core):
    before = user_memory(server.meter.pids())
    with Generator(["-d", "1h"] + words, core) as generator:
        generator.begun()
        pids = server.meter.pids()
        used = user_memory(pids) - before
        generator.process.stdin.close()
        told = generator.result()
    if told["failed"]:
        raise Failure(kinds_of(told))
    return {"bytes": used, "before": before, "processes": len(pids)}
