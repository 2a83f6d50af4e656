# SPDX-License-Identifier: ISC
"""Clients of every kind, each of which knows what it must get, byte by byte,
and keeps a tally of what it did: the closing checks hold it against the
counters of the daemon.

A session ends in one of these ways: "clean" (everything came back, and the end
was as it should be), "rough" (the client itself has broken off), "lost" (the
end came too early), or as a failure: "refused" (no connection), "stalled"
(nothing moved for a minute) and "wrong" (other bytes than expected)."""
import collections
import errno
import os
import random
import re
import select
import socket
import struct
import threading
import time

PATIENCE_S = 60    # more than any back-off
UDP_SEGMENT = 103
TRAIN_MAX = 64
ANSWER_S = 8       # for a datagram: longer than a worker is stopped
THREADS = 12       # of each process
PAUSE_S = 0.02     # between two sessions of a thread, on average half of it


class Lost(Exception):
    pass


class Wrong(Exception):
    pass


class Session:
    """A connection and what went through it."""

    def __init__(self, address):
        self.sent = self.got = 0
        self.end = "clean"
        family, where = address
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE_S)
        self.tcp = family != socket.AF_UNIX
        self.socket.connect(where)

    def send(self, data):
        view = memoryview(data)
        while view:
            try:
                n = self.socket.send(view)
            except (ConnectionResetError, BrokenPipeError) as e:
                raise Lost from e
            self.sent += n
            view = view[n:]

    def receive(self, size):
        try:
            data = self.socket.recv(size)
        except (ConnectionResetError, BrokenPipeError) as e:
            raise Lost from e
        self.got += len(data)
        return data

    def expect(self, wanted):
        at = 0
        while at < len(wanted):
            part = self.receive(min(len(wanted) - at, 65536))
            if not part:
                raise Lost
            if part != wanted[at:at + len(part)]:
                raise Wrong(f"{part[:40]!r}... at {at}")
            at += len(part)

    def expect_end(self):
        part = self.receive(100)
        if part:
            raise Wrong(f"more than was asked for: {part!r}")

    def half_close(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as e:
            if e.errno == errno.ENOTCONN:
                raise Lost from e
            raise

    def pump(self, data, wanted, read_size=65536, pause=0.0):
        """Sends and receives at the same time, as the daemon allows."""
        s = self.socket
        s.setblocking(False)
        poll = select.poll()
        at = out = 0
        while at < len(wanted):
            poll.register(s, select.POLLIN |
                          (select.POLLOUT if out < len(data) else 0))
            events = poll.poll(PATIENCE_S * 1000)
            if not events:
                raise socket.timeout
            if events[0][1] & select.POLLOUT:
                try:
                    n = s.send(data[out:out + 65536])
                    out += n
                    self.sent += n
                except BlockingIOError:
                    pass
                except (ConnectionResetError, BrokenPipeError) as e:
                    raise Lost from e
            if events[0][1] & ~select.POLLOUT:
                try:
                    part = self.receive(read_size)
                except BlockingIOError:
                    continue
                if not part:
                    raise Lost
                if part != wanted[at:at + len(part)]:
                    raise Wrong(f"{part[:40]!r}... at {at}")
                at += len(part)
                if pause:
                    time.sleep(pause)
        s.settimeout(PATIENCE_S)

    def reset(self):
        if self.tcp:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   struct.pack("ii", 1, 0))
        self.socket.close()


# --- what they do ------------------------------------------------------------

LETTERS = bytes(range(97, 123)) + b" \n0123456789ABC\xe4\0"


def text(rng, n):
    begin = rng.randbytes(min(n, 64))
    return (begin + bytes(LETTERS) * (n // len(LETTERS) + 1))[:n]


def short(c, rng, turn):
    data = text(rng, rng.randint(1, 2000))
    c.send(data)
    c.expect(turn(data))
    if rng.random() < 0.5:
        c.half_close()
        c.expect_end()


def long_lived(c, rng, turn):
    end = time.monotonic() + rng.uniform(0.5, 4)
    while time.monotonic() < end:
        data = text(rng, rng.randint(1, 6000))
        c.send(data)
        c.expect(turn(data))
        time.sleep(rng.uniform(0, 0.3))


def half_closer(c, rng, turn):
    data = text(rng, rng.randint(0, 60000))
    c.send(data)
    c.half_close()
    c.expect(turn(data))
    c.expect_end()


def bulk(c, rng, turn):
    data = text(rng, rng.randint(50000, 500000))
    c.pump(data, turn(data))


def slow_reader(c, rng, turn):
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    data = text(rng, rng.randint(20000, 400000))
    c.pump(data, turn(data), read_size=rng.choice((512, 8192)),
           pause=rng.choice((0.001, 0.01)))


def greeted(c, rng, pattern):
    del rng
    got = b""
    while True:
        part = c.receive(1000)
        if not part:
            break
        got += part
    if not got:
        raise Lost
    if not re.fullmatch(pattern, got):
        raise Wrong(repr(got))


def discarded(c, rng, turn):
    del turn
    c.send(text(rng, rng.randint(0, 200000)))
    c.half_close()
    c.expect_end()


def idler(c, rng, turn):
    del rng, turn
    begin = time.monotonic()
    c.expect_end()
    c.end = "idle"
    # A worker that died is no proof of the timeout being kept.
    c.length = time.monotonic() - begin


def resetter(c, rng, turn):
    c.end = "rough"
    data = text(rng, rng.randint(1, 3000))
    c.send(data)
    if rng.random() < 0.5:
        c.expect(turn(data))
    c.reset()


def vanisher(c, rng, turn):
    """Comes and goes without a word."""
    del rng, turn
    c.end = "rough"
    c.reset()


def deaf(c, rng, turn):
    """Says much, reads nothing and leaves."""
    del turn
    c.end = "rough"
    c.socket.setblocking(False)
    data = text(rng, rng.randint(1000, 300000))
    try:
        while data:
            n = c.socket.send(data)
            c.sent += n
            data = data[n:]
    except (BlockingIOError, ConnectionResetError, BrokenPipeError):
        pass
    time.sleep(rng.uniform(0, 0.1))


CHARGEN = b"".join(
    bytes(32 + (first + i) % 95 for i in range(72)) + b"\r\n"
    for first in range(95))


def chargen_reader(c, rng, turn):
    del turn
    c.end = "rough"
    left = rng.randint(1, 300000)
    at = 0
    while left > 0:
        part = c.receive(min(left, 30000))
        if not part:
            raise Lost
        begin = at % len(CHARGEN)
        wanted = (CHARGEN * (len(part) // len(CHARGEN) + 2))[
            begin:begin + len(part)]
        if part != wanted:
            raise Wrong(f"{part[:40]!r}... at {at}")
        at += len(part)
        left -= len(part)
        if rng.random() < 0.1:
            time.sleep(0.02)
    if rng.random() < 0.5:
        c.reset()


def same(data):
    return data


def raised(data):
    return data.upper()


GREETING = rb"Hello(, you)? 127\.0\.0\.1\n"
DATE = rb"[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} \d\d:\d\d:\d\d \d{4}\n"

# service, what the client does, what it knows of the answer, how often
KINDS = [
    ("echo", short, same, 30), ("echo", long_lived, same, 6),
    ("echo", half_closer, same, 10), ("echo", bulk, same, 6),
    ("echo", slow_reader, same, 3), ("upper", short, raised, 10),
    ("upper", half_closer, raised, 5), ("upper", bulk, raised, 3),
    ("hello", greeted, GREETING, 8), ("daytime", greeted, DATE, 5),
    ("discard", discarded, None, 6), ("idle", idler, None, 2),
    ("rough", resetter, same, 8), ("rough", vanisher, None, 6),
    ("rough", deaf, None, 5), ("chargen", chargen_reader, None, 5),
    ("dgram", "datagrams", 1400, 12), ("dgram", "datagrams", 30000, 2),
    ("trains", "datagrams", 1400, 5), ("gram", "datagrams", 8000, 6),
]


# --- what they count ---------------------------------------------------------

class Tally:
    """Of one process. Losses and failures have a place of their own each, the
    rest is numbers: (service, what) -> how many."""

    def __init__(self):
        self.lock = threading.Lock()
        self.n = collections.Counter()
        self.losses = []
        self.failures = []

    def add(self, service, **numbers):
        with self.lock:
            for name, n in numbers.items():
                self.n[service, name] += n

    def lose(self, service, begin):
        with self.lock:
            self.losses.append((service, begin, time.time()))

    def fail(self, service, what):
        with self.lock:
            if len(self.failures) < 100:
                self.failures.append(f"{service}: {what}")
            self.n[service, "failures"] += 1


def run_session(tally, rng, kind, address):
    """One connection from begin to end, and what came of it. True while the
    service can be reached."""
    service, act, turn = kind
    begin = time.time()
    try:
        c = Session(address)
    except OSError as e:
        tally.fail(service, f"refused: {e}")
        return False
    end = None
    try:
        with c.socket:
            act(c, rng, turn)
        end = c.end
    except Lost:
        end = "lost"
    except socket.timeout:
        tally.fail(service, f"{act.__name__} stalled after {c.got} bytes")
    except (Wrong, OSError) as e:
        tally.fail(service, f"{act.__name__} got something wrong: {e}")
    # Who breaks off by himself may just as well have been cut off.
    if end == "lost":
        tally.lose(service, begin)
    tally.add(service, connects=1, sent=c.sent, got=c.got)
    if end is not None:
        tally.add(service, **{end: 1})
    if end in ("clean", "idle"):
        tally.add(service, sent_clean=c.sent)
    if end != "clean":
        tally.add(service, unread=max(c.sent - c.got, 0))
    return end not in (None, "lost")


def datagrams(tally, rng, service, largest, address):
    """Some bursts, each answer held against its question."""
    family, where = address
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        if family == socket.AF_UNIX:
            s.bind("")
        s.settimeout(ANSWER_S)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        for _ in range(rng.randint(1, 8)):
            burst(tally, rng, service, largest, s, where)


def burst(tally, rng, service, largest, s, where):
    open_questions = set()
    n = rng.randint(1, max(1, min(16, 60000 // largest)))
    if service == "trains":
        questions = train(rng, s)
    else:
        questions = [[rng.randbytes(16) + text(rng, rng.randint(0, largest))]
                     for _ in range(n)]
    for together in questions:
        data = b"".join(together)
        try:
            s.sendto(data, where)
        except OSError as e:  # a full queue: nothing was sent
            if e.errno not in (errno.EAGAIN, errno.ENOBUFS):
                tally.fail(service, f"cannot send a datagram: {e}")
            continue
        open_questions.update(together)
        tally.add(service, questions=len(together), sent=len(data))
    end = time.monotonic() + ANSWER_S
    while open_questions and time.monotonic() < end:
        try:
            s.settimeout(max(end - time.monotonic(), 0.01))
            data = s.recv(65536)
        except socket.timeout:
            break
        tally.add(service, answers=1, got=len(data))
        if data not in open_questions:
            tally.fail(service, f"an answer to no question: {data[:40]!r}")
        open_questions.discard(data)
    tally.add(service, unanswered=len(open_questions))


def train(rng, s):
    """Many datagrams in one call, all alike in length but for the last."""
    size = rng.randint(16, 1000)
    s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
    n = rng.randint(1, min(TRAIN_MAX, 60000 // size))
    return [[rng.randbytes(16) + text(rng, size - 16) for _ in range(n - 1)] +
            [rng.randbytes(16)]]


def run_thread(tally, rng, addresses, stop):
    weights = [weight for *_, weight in KINDS]
    while not stop.is_set():
        service, act, what, _ = rng.choices(KINDS, weights)[0]
        address = rng.choice(addresses[service])
        if act == "datagrams":
            datagrams(tally, rng, service, what, address)
        else:
            run_session(tally, rng, (service, act, what), address)
        time.sleep(rng.uniform(0, PAUSE_S))


def run_process(addresses, seed, stop, results):
    """In a process of its own: many clients until STOP, then one tally."""
    os.setpgid(0, 0)  # an interrupt is the parent's business
    tally = Tally()
    threads = [threading.Thread(
        target=run_thread, daemon=True,
        args=(tally, random.Random(seed * 1000 + i), addresses, stop))
        for i in range(THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    results.put((tally.n, tally.losses, tally.failures))
