# SPDX-License-Identifier: ISC
"""The agents of chaos: one harm after the other, by chance, all of which a
daemon has to get over. One agent harms processes, the other gives orders, both
at the same time. They keep a diary, remember which workers they have harmed and
what of the daemon's answers was not as it should be."""
import os
import random
import signal
import socket
import subprocess
import threading
import time

from clients import Lost, Session, Tally, run_session, same
from daemon import Refused

STOPPED_S = 1.5     # at most, of a worker or the supervisor
OLD_S = 10          # a death at this age is followed by no back-off
CRASHES = (signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT,
           signal.SIGBUS)

BAD_LINES = (
    "\nnonsense\n", "\n[service echo]\n", "\n[service more]\nhandler = ecko\n",
    "\n[service more]\nhandler = echo\nlisten = tcp://192.0.2.1:7\n",
    "\n[pool default]\nworkers = many\n", "\n[service x\n", "\n" + "x" * 6000,
)


class Record:
    """What all agents have done."""

    def __init__(self, daemon):
        self.tally = Tally()     # of their own clients
        self.harmed = {}         # pid -> signals
        self.operator_closes = 0
        self.surprises = []      # answers that should not have been
        self.stats_ms = []       # how long stats took
        self.counts = {}         # what was done how often
        self.diary = open(daemon.dir + "/diary", "w", encoding="utf8")

    def note(self, words):
        self.diary.write(f"{time.time():.3f} {words}\n")
        self.diary.flush()


class Agent:
    HARMS = ()

    def __init__(self, daemon, record, seed):
        self.daemon = daemon
        self.record = record
        self.rng = random.Random(seed)
        self.n_rotations = 0
        self.undo = []           # (when, what)

    # --- helpers -------------------------------------------------------------

    def note(self, words):
        self.record.note(f"{type(self).__name__:9} {words}")

    def later(self, seconds, what):
        self.undo.append((time.monotonic() + seconds, what))

    def undo_due(self, everything=False):
        now = time.monotonic()
        due = [u for u in self.undo if everything or u[0] <= now]
        self.undo = [u for u in self.undo if u not in due]
        for _, what in due:
            what()

    def workers(self, pool=None, state="ready"):
        return [w for w in self.daemon.workers() if w["state"] == state and
                (pool is None or w["worker"].startswith(pool + "/"))]

    def expect(self, *words, status=0):
        """A command, and how it has to end."""
        self.note("  " + " ".join(words))
        try:
            self.daemon.ctl(*words)
            got, text = 0, ""
        except Refused as e:
            got, text = e.status, str(e)
        # A new worker that was harmed (a HUP may have begun before) is a
        # reason to fail.
        if got != status and "did not start" not in text:
            self.record.surprises.append(
                f"{' '.join(words)}: {text or 'succeeded'}, "
                f"wanted status {status}")

    def send(self, pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        self.record.harmed.setdefault(pid, []).append(number)

    # --- its life ------------------------------------------------------------

    def run(self, seconds):
        end = time.monotonic() + seconds
        harms = [h for h, _ in self.HARMS]
        weights = [w for _, w in self.HARMS]
        while time.monotonic() < end and self.daemon.alive():
            harm = self.rng.choices(harms, weights)[0]
            name = harm.__name__
            counts = self.record.counts
            counts[name] = counts.get(name, 0) + 1
            self.note(name)
            harm(self)
            pause = time.monotonic() + self.rng.uniform(0, 0.6)
            while time.monotonic() < pause:
                self.undo_due()
                time.sleep(0.02)


class Butcher(Agent):
    """Harms processes, and the control socket."""

    # --- harms ---------------------------------------------------------------

    def kill_worker(self):
        """One, seldom a young one, for that ends in back-offs."""
        pool = self.rng.choice(("default", "default", "bulk"))
        all_of_it = [w for w in self.daemon.workers()
                     if w["worker"].startswith(pool + "/")]
        old = self.rng.random() < 0.5
        them = [w for w in all_of_it if w["age_seconds"] >= OLD_S or not old]
        if them and not self.waits(pool):
            pid = self.rng.choice(them)["pid"]
            number = self.rng.choice(CRASHES)
            self.note(f"  {pid} {number.name}")
            self.send(pid, number)

    def waits(self, pool):
        """Is a worker in back-off? Then it is enough."""
        return any(p["waiting"] for p in self.daemon.ask("status")["pools"]
                   if p["pool"] == pool)

    def kill_all(self):
        """All of a pool in one instant."""
        pool = self.rng.choice(("default", "bulk"))
        them = self.workers(pool)
        if them and all(w["age_seconds"] >= OLD_S for w in them):
            self.note(f"  {pool}: {[w['pid'] for w in them]}")
            for w in them:
                self.send(w["pid"], signal.SIGKILL)

    def end_worker(self):
        """TERM: it finishes what it has and leaves."""
        them = [w for w in self.workers() if w["age_seconds"] >= OLD_S]
        if them:
            self.send(self.rng.choice(them)["pid"], signal.SIGTERM)

    def stop_worker(self):
        them = self.daemon.workers()  # also those that start or drain
        if them:
            pid = self.rng.choice(them)["pid"]
            self.send(pid, signal.SIGSTOP)
            self.later(self.rng.uniform(0.1, STOPPED_S),
                       lambda: self.send(pid, signal.SIGCONT))

    def hang_worker(self):
        """Stopped until the watchdog ends it."""
        them = [w for w in self.workers("bulk") if w["age_seconds"] >= OLD_S]
        if them:
            self.send(self.rng.choice(them)["pid"], signal.SIGSTOP)

    def stop_supervisor(self):
        pid = self.daemon.process.pid
        os.kill(pid, signal.SIGSTOP)
        # Deaths that it learns of late.
        if self.rng.random() < 0.3:
            self.kill_known()
        time.sleep(self.rng.uniform(0.05, STOPPED_S))
        os.kill(pid, signal.SIGCONT)

    def kill_known(self):
        """Without asking the supervisor who there is."""
        path = f"/proc/{self.daemon.process.pid}/task/" \
               f"{self.daemon.process.pid}/children"
        with open(path, encoding="utf8") as f:
            pids = f.read().split()
        if len(pids) > 2:
            self.send(int(self.rng.choice(pids)), signal.SIGKILL)

    def hup_storm(self):
        for _ in range(self.rng.randint(2, 200)):
            os.kill(self.daemon.process.pid, signal.SIGHUP)

    def exhaust_descriptors(self):
        """A worker may open hardly any more, for a while."""
        them = self.workers()
        if not them:
            return
        pid = self.rng.choice(them)["pid"]
        try:
            n = len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            return
        self.limit(pid, n + self.rng.randint(0, 3))
        self.later(self.rng.uniform(0.2, 2), lambda: self.limit(pid, 4096))

    @staticmethod
    def limit(pid, n):
        as_worker = [] if os.geteuid() != 0 else [
            "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        # It may be gone by now.
        subprocess.run([*as_worker, "prlimit", f"--nofile={n}:",
                        "--pid", str(pid)], stderr=subprocess.DEVNULL,
                       check=False)

    def rude_clients(self):
        """Of the control socket: half lines, questions without an ear, events
        that nobody reads, junk. Sometimes more than there may be."""
        n = self.rng.choice((3, 8, 20, 40))
        held = []
        for _ in range(n):
            data = self.rng.choice((
                b"sta", b"stats\nconnections\n" * 500, b"events\n",
                b"json stats\n" * 300, b"x" * 5000, b"\0\1\2\n",
                self.rng.randbytes(300), b"help\n" * 1000))
            s = socket.socket(socket.AF_UNIX)
            held.append(s)
            s.settimeout(1)
            try:
                s.connect(self.daemon.control)
                s.setblocking(False)
                s.send(data)
            except OSError:
                pass
        self.later(self.rng.uniform(0, 4),
                   lambda: [s.close() for s in held])

    def flood_control(self):
        for _ in range(self.rng.randint(50, 400)):
            with socket.socket(socket.AF_UNIX) as s:
                s.setblocking(False)
                try:
                    s.connect(self.daemon.control)
                    s.send(b"ping\n")
                except OSError:
                    pass

    HARMS = (
        (kill_worker, 14), (kill_all, 3), (end_worker, 3), (stop_worker, 8),
        (hang_worker, 1), (stop_supervisor, 4), (hup_storm, 3),
        (exhaust_descriptors, 6), (rude_clients, 5), (flood_control, 3),
    )


class Commander(Agent):
    """Gives orders, some of them bad."""

    def reload_same(self):
        self.expect("reload")

    def reload_changed(self):
        settings = self.daemon.settings
        name = self.rng.choice(("nodelay", "bulk_nodelay", "greeting",
                                "workers", "level"))
        settings[name] = {
            "nodelay": lambda: "no" if settings[name] == "yes" else "yes",
            "bulk_nodelay": lambda: "no" if settings[name] == "yes" else "yes",
            "greeting": lambda: self.rng.choice(
                ("Hello %a\\n", "Hello, you %a\\n")),
            "workers": lambda: self.rng.randint(2, 6),
            "level": lambda: self.rng.choice(("info", "debug", "warn")),
        }[name]()
        if name == "level":   # the checks read the log
            settings[name] = "info"
        self.daemon.write_config()
        self.note(f"  {name} = {settings[name]}")
        self.expect("reload")

    def reload_broken(self):
        self.daemon.write_config()
        with open(self.daemon.config, encoding="utf8") as f:
            good = f.read()
        bad = self.rng.choice(BAD_LINES)
        self.daemon.write_text(good + bad)
        status = 1 if "192.0.2.1" in bad else 4
        self.expect("reload", status=status)
        self.daemon.write_text(good)

    def reload_cut(self):
        """While it is being written."""
        self.daemon.write_config()
        with open(self.daemon.config, encoding="utf8") as f:
            good = f.read()
        self.daemon.write_text("")
        self.expect("reload", status=4)
        self.daemon.write_text(good)

    def add_service(self):
        self.daemon.extra = True
        self.daemon.write_config()
        self.expect("reload")
        for address in self.daemon.addresses().get("extra", []):
            run_session(self.record.tally, self.rng,
                        ("extra", self.exchange, same), address)

    @staticmethod
    def exchange(c, rng, turn):
        data = rng.randbytes(1000)
        c.send(data)
        c.half_close()
        c.expect(turn(data))
        c.expect_end()

    def remove_service(self):
        """With clients whose connections nobody has accepted yet."""
        if not self.daemon.extra:
            return
        addresses = self.daemon.addresses().get("extra")
        self.daemon.extra = False
        self.daemon.write_config()
        if not addresses:
            return
        begin = time.time()
        stopped = [w["pid"] for w in self.workers("default")]
        for pid in stopped:
            self.send(pid, signal.SIGSTOP)
        queued = [Session(a) for a in addresses for _ in range(5)]
        order = threading.Thread(target=self.expect, args=("reload",))
        order.start()
        order.join(self.rng.uniform(0, 0.6))
        for pid in stopped:
            self.send(pid, signal.SIGCONT)
        for c in queued:
            self.finish(c, begin)
        order.join()

    def finish(self, c, begin):
        end = "clean"
        try:
            with c.socket:
                c.send(b"still there?")
                c.half_close()
                c.expect(b"still there?")
                c.expect_end()
        except Lost:
            end = "lost"
            self.record.tally.lose("extra", begin)
        except OSError as e:
            self.record.tally.fail("extra", f"after its removal: {e}")
        self.record.tally.add("extra", connects=1, sent=c.sent, got=c.got, **{end: 1})
        self.record.tally.add("extra", **(
            {"sent_clean": c.sent} if end == "clean" else
            {"unread": c.sent - c.got}))

    def restart(self):
        self.expect("restart", *self.rng.choice(
            ((), ("default",), ("bulk",))))

    def scale(self):
        self.expect("workers", self.rng.choice(("default", "bulk")),
                    self.rng.choice(("1", "2", "3", "5", "8", "+1", "+2")))

    def rotate_logs(self):
        self.n_rotations += 1
        for name in ("log", "access"):
            os.rename(f"{self.daemon.dir}/{name}",
                      f"{self.daemon.dir}/{name}.{self.n_rotations}")
        if self.rng.random() < 0.5:
            self.expect("log", "reopen")
        else:
            for _ in range(self.rng.randint(1, 20)):
                os.kill(self.daemon.process.pid, signal.SIGUSR1)
            self.wait_for_log()

    def wait_for_log(self):
        end = time.monotonic() + 20
        while not os.path.exists(self.daemon.dir + "/access"):
            if time.monotonic() > end:
                self.record.surprises.append("USR1 did not open the logs anew")
                return
            time.sleep(0.02)

    def drain(self):
        self.expect("drain")
        self.later(self.rng.uniform(0, 1), lambda: self.expect("resume"))

    def close_connections(self):
        rows = self.daemon.ask("connections", "rough")
        for row in rows[:5]:
            try:
                self.daemon.ctl("close", row["id"])
                self.record.operator_closes += 1
            except Refused:
                pass  # it had just ended

    def look(self):
        """What an operator looks at; and how long that takes."""
        for words in (("status",), ("workers",), ("listeners",),
                      ("connections",), ("stats", "prometheus")):
            self.expect(*words)
        begin = time.monotonic()
        self.expect("stats")
        self.record.stats_ms.append((time.monotonic() - begin) * 1000)

    HARMS = (
        (reload_same, 4), (reload_changed, 8), (reload_broken, 4),
        (reload_cut, 2), (add_service, 3), (remove_service, 3), (restart, 4),
        (scale, 5), (rotate_logs, 4), (drain, 3), (close_connections, 4),
        (look, 5),
    )

    def make_good(self, settings):
        """Everything as it was before the first harm; the service that comes
        and goes is there, for its counters to be seen."""
        self.note("make good")
        self.undo_due(everything=True)
        self.daemon.settings = dict(settings)
        self.daemon.extra = True
        self.daemon.write_config()
        self.daemon.wait_ready()
        for pool, n in (("default", settings["workers"]), ("bulk", 2)):
            self.expect("workers", pool, str(n))
        self.expect("reload")
        # New workers: whatever happened to the old ones is over.
        self.expect("restart")
        self.daemon.wait_ready()
