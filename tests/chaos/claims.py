# SPDX-License-Identifier: ISC
"""What has to be true at the end: each claim is a function that yields what is
wrong, if anything is.

A worker that is killed between a system call and its counting leaves that one
call uncounted; it counts before anything else, so that is one connection, one
buffer of bytes or one batch of datagrams a death. Therefore a sum may fall
short by so much for each, and by nothing where nobody was killed."""
import heapq
import re
import signal

from daemon import SANITIZED

BUFFER = 256 * 1024        # of one receive
BATCH = 32                 # datagrams of one receive
TRAIN = 64                 # of which each may be so many of one sender
NOTICED_S = 4              # a death, when the supervisor was stopped as well
GROWTH_KIB = 4096          # of memory, that may stay with the allocator

# Lines at level error that the harms cause.
EXPECTED_ERRORS = re.compile("|".join((
    r"reload failed: \d+ errors? in ",
    r"reload failed: not every listener could be opened",
    r"preforkd\.ini:\d+: ", r"preforkd\.ini: there is no \[service NAME\]",
    r"192\.0\.2\.1",
    r"worker \S+( \(pid \d+\))?: crashed: signal",
    r"stuck for \d+ ms: aborted",
    r"(reload|restart) failed: worker \S+ did not start: ",
)))


class Evidence:
    """Everything there is to hold against one another."""

    def __init__(self, daemon, record, numbers, losses, failures):
        self.daemon = daemon
        self.record = record
        self.n = numbers
        self.losses = losses
        self.failures = failures
        self.stats = daemon.ask("stats")
        self.services = {s["service"]: s for s in self.stats["services"]}
        self.drops = {}
        for row in daemon.ask("listeners"):
            self.drops[row["service"]] = \
                self.drops.get(row["service"], 0) + (row["drops"] or 0)
        self.deaths = daemon.deaths()
        self.status = None       # of the daemon's end, later
        self.left = []           # what it left behind

    def streams(self):
        return sorted({s for s, what in self.n if what == "connects"})

    def datagrams(self):
        return sorted({s for s, what in self.n if what == "questions"})


def between(what, least, value, most):
    if not least <= value <= most:
        yield f"{what}: {value}, not within {least} and {most}"


def is_served(e):
    """no client was refused, kept waiting or told wrong"""
    yield from e.failures


def losses_are_explained(e):
    """each connection that was lost was that of a worker killed then"""
    losses = sorted(e.losses, key=lambda loss: loss[1])
    waiting = []
    for death in e.deaths:
        while losses and losses[0][1] <= death["when"]:
            service, _, end = losses.pop(0)
            heapq.heappush(waiting, (end + NOTICED_S, service))
        while waiting and waiting[0][0] < death["when"]:
            yield "%s: lost before %.3f, when nobody died" % (
                waiting[0][1], heapq.heappop(waiting)[0] - NOTICED_S)
        # One more may have been accepted and not yet counted.
        for _ in range(death["lost"] + 1):
            if waiting:
                heapq.heappop(waiting)
    for end, service in waiting:
        yield f"{service}: lost at {end - NOTICED_S:.3f}, more than died"
    for service, begin, _ in losses:
        yield f"{service}: lost after {begin:.3f}, when nobody died"


def deaths_are_ours(e):
    """no worker died but by our hand"""
    fatal = {int(s) for s in (
        signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)}
    ready = e.daemon.ready_pids()
    stuck = e.daemon.stuck_pids()
    for death in e.deaths:
        sent = {int(s) for s in e.record.harmed.get(death["pid"], ())}
        if death["signal"] in sent & fatal:
            continue
        # The watchdog's, of one that we had stopped.
        if int(signal.SIGSTOP) in sent and \
                death["signal"] in (signal.SIGABRT, signal.SIGKILL):
            continue
        # The watchdog's, of one that leaves and looks for leaks: on a machine
        # with twenty processes that want to run this has taken more than 10 s.
        # All its clients had been served.
        if SANITIZED and death["pid"] in stuck and death["lost"] == 0:
            continue
        # One of a reload that came to nothing, which was not ready yet.
        if death["signal"] == signal.SIGKILL and death["pid"] not in ready:
            continue
        yield f"pid {death['pid']}, signal {death['signal']}, we sent {sent}"


def lost_adds_up(e):
    """the counter of lost connections is the sum of what deaths told"""
    told = sum(d["lost"] for d in e.deaths)
    counted = sum(s["closed_lost"] for s in e.services.values())
    if told != counted:
        yield f"deaths told {told}, counted are {counted}"


def accepted_adds_up(e):
    """accepted are as many as clients have connected"""
    for service in e.streams():
        connects = e.n[service, "connects"]
        yield from between(
            service, connects - len(e.deaths),
            e.services[service]["accepted"], connects)


def closed_adds_up(e):
    """every connection is closed for one cause, and for the right one"""
    operator = 0
    for service in e.streams():
        s = e.services[service]
        causes = {k[7:]: v for k, v in s.items() if k.startswith("closed_")}
        if s["active"] != 0:
            yield f"{service}: {s['active']} are still open"
        yield from between(f"{service}, all causes", s["accepted"],
                           sum(causes.values()) + s["active"], s["accepted"])
        for cause in ("error", "session", "drain"):
            if causes[cause]:
                yield f"{service}: {causes[cause]} closed by {cause}"
        own = e.n[service, "clean"]
        rough = e.n[service, "rough"]
        yield from between(f"{service}, lost", e.n[service, "lost"] -
                           len(e.deaths), causes["lost"], s["accepted"])
        yield from between(f"{service}, done", own - causes["lost"] -
                           len(e.deaths), causes["done"],
                           own + rough + e.n[service, "lost"])
        # A client that was cut off may have sent something since.
        yield from between(f"{service}, reset", 0, causes["reset"],
                           rough + e.n[service, "lost"])
        yield from between(f"{service}, idle", e.n[service, "idle"] -
                           causes["lost"] - len(e.deaths), causes["idle"],
                           e.n[service, "idle"])
        operator += causes["operator"]
    yield from between("closed by us", e.record.operator_closes -
                       len(e.deaths), operator, e.record.operator_closes)


def bytes_add_up(e):
    """bytes in and out are those that clients have sent and got"""
    deaths = len(e.deaths)
    for service in e.streams():
        s = e.services[service]
        yield from between(
            f"{service}, in",
            e.n[service, "sent_clean"] - deaths * BUFFER,
            s["bytes_in"], e.n[service, "sent"])
        if service == "chargen":
            continue
        most = e.n[service, "got"] + e.n[service, "unread"] + \
            100 * e.n[service, "lost"]
        yield from between(
            f"{service}, out", e.n[service, "got"] - deaths * 4 * BUFFER,
            s["bytes_out"], most)


def datagrams_add_up(e):
    """datagrams are those that clients have sent and got"""
    for service in e.datagrams():
        uncounted = len(e.deaths) * BATCH * (
            TRAIN if service == "trains" else 1)
        s = e.services[service]
        asked = e.n[service, "questions"]
        dropped = sum(v for k, v in s.items() if k.startswith("dropped_"))
        yield from between(f"{service}, in and dropped by the kernel",
                           asked - uncounted,
                           s["datagrams_in"] + e.drops[service], asked)
        yield from between(f"{service}, out and dropped",
                           s["datagrams_in"] - uncounted,
                           s["datagrams_out"] + dropped, s["datagrams_in"])
        yield from between(f"{service}, got", s["datagrams_out"] - uncounted -
                           e.n[service, "unanswered"], e.n[service, "answers"],
                           s["datagrams_out"] + uncounted)
        yield from between(f"{service}, unanswered", 0,
                           e.n[service, "unanswered"],
                           e.drops[service] + dropped + uncounted)


def has_access_lines(e):
    """the access log has a line for each connection that was closed"""
    lines = len(e.daemon.access_lines())
    closed = sum(v for s in e.services.values() for k, v in s.items()
                 if k.startswith("closed_") and k != "closed_lost")
    yield from between("lines", closed - len(e.deaths), lines,
                       closed + len(e.deaths))


def answers_were_right(e):
    """each command was answered as it had to be"""
    yield from e.record.surprises


def is_at_baseline(e):
    """processes and descriptors are as many as at the start"""
    now = e.daemon.state()
    # The service that comes and goes has two listeners.
    for name, extra in (("processes", 0), ("workers", 0),
                        ("supervisor's descriptors", 2)):
        if now[name] != e.daemon.baseline[name] + extra:
            yield f"{name}: {e.daemon.baseline[name]} + {extra} before, " \
                  f"{now[name]} now"
    name = "workers' descriptors"
    was, has = e.daemon.baseline[name], now[name]
    if max(has) > max(was) + 2:
        yield f"{name}: {was} + 2 before, {has} now"
    for row in e.daemon.ask("workers"):
        if row["role"] != "serving" or row["state"] != "ready":
            yield f"{row['worker']} is {row['state']}, {row['role']}"


def memory_is_bounded(e):
    """memory has not grown beyond bounds"""
    if SANITIZED:  # which keeps what was freed
        return
    now = e.daemon.state()
    for name in ("rss", "workers' rss"):
        was = e.daemon.baseline[name]
        if now[name] > was + GROWTH_KIB:
            yield f"{name}: {was} KiB before, {now[name]} KiB now"


def log_is_clean(e):
    """the log has no error that we did not cause, and no sanitizer's report"""
    for line in e.daemon.log_lines():
        if "Sanitizer" in line or "runtime error" in line or (
                ": error: " in line and not EXPECTED_ERRORS.search(line)):
            yield line


def has_stopped(e):
    """the daemon stopped with status 0"""
    if e.status != 0:
        yield f"status {e.status}"


def left_nothing(e):
    """and left nothing behind"""
    yield from e.left


CLAIMS = (
    is_served, losses_are_explained, deaths_are_ours, lost_adds_up,
    accepted_adds_up, closed_adds_up, bytes_add_up, datagrams_add_up,
    has_access_lines, answers_were_right, is_at_baseline, memory_is_bounded,
    log_is_clean, has_stopped, left_nothing,
)
