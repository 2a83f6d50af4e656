# SPDX-License-Identifier: ISC
"""The daemon under test: its configuration, its start and end, and what it
tells of itself through the control socket, /proc and its log."""
import datetime
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get(
    "PREFORKD_BIN", ROOT + "/build/release"))
SANITIZED = BIN.endswith("/asan")

READY_S = 40  # a worker may be in back-off, which is 30 s at most
BUSY_S = 30   # for the control socket, when rude clients have filled it
STOP_S = 30

CONFIG = """\
[preforkd]
control = {dir}/control.sock
pid_file = {dir}/pid
log = {dir}/log
log_level = {level}
access_log = {dir}/access
drain_timeout = 60s

[pool default]
workers = {workers}
sandbox = {sandbox}

[pool bulk]
workers = 2
watchdog = {watchdog}
sandbox = {sandbox}

[service echo]
handler = echo
listen = tcp://127.0.0.1:0 tcp://[::1]:0 unix:{dir}/echo.sock
nodelay = {nodelay}

[service upper]
handler = upper
listen = tcp://127.0.0.1:0 unix:{dir}/upper.sock

[service hello]
handler = hello
listen = tcp://127.0.0.1:0
greeting = {greeting}

[service daytime]
handler = daytime
listen = tcp://[::1]:0

[service rough]
handler = echo
listen = tcp://127.0.0.1:0 unix:{dir}/rough.sock

[service idle]
handler = echo
listen = tcp://127.0.0.1:0
idle_timeout = 1s

[service chargen]
handler = chargen
pool = bulk
listen = tcp://127.0.0.1:0
nodelay = {bulk_nodelay}

[service discard]
handler = discard
pool = bulk
listen = tcp://127.0.0.1:0 unix:{dir}/discard.sock

[service dgram]
handler = echo
listen = udp://127.0.0.1:0 udp://[::1]:0

[service trains]
handler = echo
listen = udp://127.0.0.1:0

[service gram]
handler = echo
pool = bulk
listen = unixgram:{dir}/gram.sock
"""

EXTRA = """\

[service extra]
handler = echo
listen = tcp://127.0.0.1:0 unix:{dir}/extra.sock
"""

# drain_timeout: longer than any client takes, also on a busy machine, so that
# none is cut off by it.
# watchdog: a worker that leaves looks for leaks where there is a sanitizer. Its
# loop has ended by then, and on busy cores the looking takes seconds, with no
# heartbeat.
SETTINGS = {
    "level": "info", "workers": 3, "nodelay": "yes", "bulk_nodelay": "yes",
    "greeting": "Hello %a\\n", "sandbox": "off" if SANITIZED else "on",
    "watchdog": "10s" if SANITIZED else "2s",
}


class Refused(Exception):
    """preforkctl did not do it: status and text."""

    def __init__(self, status, text):
        super().__init__(f"status {status}: {text}")
        self.status = status


class Daemon:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="chaos-")
        self.config = self.dir + "/preforkd.ini"
        self.control = self.dir + "/control.sock"
        self.settings = dict(SETTINGS)
        self.extra = False
        self.process = None
        self.baseline = None

    # --- its file ------------------------------------------------------------

    def write_config(self):
        text = CONFIG + (EXTRA if self.extra else "")
        self.write_text(text.format(dir=self.dir, **self.settings))

    def write_text(self, text):
        with open(self.config, "w", encoding="utf8") as f:
            f.write(text)

    # --- its life ------------------------------------------------------------

    def start(self):
        self.write_config()
        environment = dict(os.environ)
        # The signals that we send are no findings of the sanitizer.
        environment["ASAN_OPTIONS"] = (
            environment.get("ASAN_OPTIONS", "") +
            ":handle_segv=0:handle_abort=0:handle_sigbus=0")
        with open(self.dir + "/stderr", "w", encoding="utf8") as err:
            self.process = subprocess.Popen(
                [BIN + "/preforkd", "-c", self.config], stderr=err,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                env=environment)
        self.wait_ready()
        self.baseline = self.state()

    def wait_ready(self):
        end = time.monotonic() + READY_S
        while True:
            try:
                self.ctl("health")
                return
            except Refused as e:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError(f"the daemon is not ready: {e}") from e
            time.sleep(0.05)

    def stop(self):
        """Its exit status, or None when it had to be killed."""
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def remove(self):
        shutil.rmtree(self.dir)

    def alive(self):
        return self.process.poll() is None

    # --- what it tells -------------------------------------------------------

    def ctl(self, *words):
        """What preforkctl prints; asks again while the daemon is busy."""
        end = time.monotonic() + BUSY_S
        while True:
            done = subprocess.run(
                [BIN + "/preforkctl", "-s", self.control, *words],
                capture_output=True, text=True, timeout=90, check=False)
            if done.returncode == 0:
                return done.stdout
            text = done.stdout + done.stderr
            busy = done.returncode == 5 or "busy" in text or \
                "under way" in text or "too many" in text or \
                "connection" in text and "closed" in text
            if not busy or not self.alive() or time.monotonic() > end:
                raise Refused(done.returncode, text.strip())
            time.sleep(0.1)

    def ask(self, *words):
        return json.loads(self.ctl("-j", *words))

    def workers(self):
        """Those that have a process."""
        return [w for w in self.ask("workers") if w["pid"] > 0]

    def addresses(self):
        """Of each service: (family, address), for connect(2)."""
        found = {}
        for row in self.ask("listeners"):
            kind, rest = row["listener"].split(":", 1)
            if kind in ("unix", "unixgram"):
                address = (socket.AF_UNIX, rest)
            else:
                host, port = rest[2:].rsplit(":", 1)
                host = host.strip("[]")
                address = (socket.AF_INET6 if ":" in host else socket.AF_INET,
                           (host, int(port)))
            found.setdefault(row["service"], []).append(address)
        return found

    def state(self):
        """What has to be the same at the end, and memory."""
        pids = [w["pid"] for w in self.workers()]
        return {
            "processes": len(children(self.process.pid)),
            "workers": len(pids),
            "supervisor's descriptors": n_descriptors(self.process.pid),
            "workers' descriptors": sorted({n_descriptors(p) for p in pids}),
            "rss": rss_kib(self.process.pid),
            "workers' rss": max(rss_kib(p) for p in pids),
        }

    def log_lines(self):
        return lines_of(self.dir + "/log*") + lines_of(self.dir + "/stderr")

    def access_lines(self):
        return lines_of(self.dir + "/access*")

    def ready_pids(self):
        """Of workers that have served, whatever became of them."""
        return self.pids_of("ready$")

    def stuck_pids(self):
        """Of workers that the watchdog has aborted."""
        return self.pids_of(r"stuck for \d+ ms: aborted$")

    def pids_of(self, pattern):
        found = (re.search(r": worker \S+ \(pid (\d+)\) " + pattern, line)
                 for line in self.log_lines())
        return {int(m.group(1)) for m in found if m}

    def deaths(self):
        """Of workers that did not just leave, by the log: pid, signal (or 0),
        connections lost, and when it was noticed."""
        found = []
        for line in self.log_lines():
            m = re.match(
                r"(\S+) .*: worker \S+ \(pid (\d+)\) "
                r"(killed by signal (\d+)|exited with status ([1-9]\d*)).*, "
                r"(\d+) connections lost", line)
            if m:
                found.append({
                    "when": stamp(m.group(1)), "pid": int(m.group(2)),
                    "signal": int(m.group(4) or 0), "lost": int(m.group(6)),
                })
        return sorted(found, key=lambda d: d["when"])


def stamp(text):
    return datetime.datetime.strptime(
        text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(
            tzinfo=datetime.timezone.utc).timestamp()


def lines_of(pattern):
    lines = []
    for path in sorted(glob.glob(pattern)):
        with open(path, encoding="utf8", errors="replace") as f:
            lines += f.read().splitlines()
    return lines


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf8") as f:
        return [int(p) for p in f.read().split()]


def n_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf8") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
