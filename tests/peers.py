# SPDX-License-Identifier: ISC
"""What clients written in Python begin with, by the verb `peers` of
helpers.bash: `from peers import *`. The port that they talk to is PORT."""
import errno
import os
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time

PORT = int(os.environ.get("PORT") or 0)
resource.setrlimit(resource.RLIMIT_NOFILE,
                   (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def connect(port=None):
    s = socket.create_connection(("127.0.0.1", port or PORT), 10)
    s.settimeout(10)
    return s


def answered(s):
    s.sendall(b"x")
    assert s.recv(1) == b"x"
    return s


def waits(s):
    """Nothing comes for a moment, neither bytes nor the end."""
    return not select.select([s], [], [], 0.3)[0]


def reset(s):
    """Closes without a farewell: the other side gets RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def rest(s):
    data = b""
    while part := s.recv(65536):
        data += part
    return data


def control():
    """A connection to the control socket CONTROL."""
    s = socket.socket(socket.AF_UNIX)
    # With a timeout it would not wait for its place in the queue.
    s.connect(os.environ["CONTROL"])
    s.settimeout(20)
    return s


def replies(s, n):
    """N whole replies of the control socket, as they came."""
    got = b""
    while got.count(b"\n.\n") < n:
        part = s.recv(65536)
        assert part, "closed after %d replies" % got.count(b"\n.\n")
        got += part
    return got.decode()


def ask(s, *requests):
    s.sendall("".join(r + "\n" for r in requests).encode())
    return replies(s, len(requests))


def remains(s):
    """What comes until the end, be it an orderly one or not."""
    got = b""
    while True:
        try:
            part = s.recv(65536)
        except ConnectionResetError:
            part = b""
        if not part:
            return got
        got += part


def gone(s):
    """The other side has closed it already, without a word."""
    return bool(select.select([s], [], [], 0)[0]) and remains(s) == b""


def later(ms):
    """Lets the clock of a daemon leap ahead, see clock_leaps.c. When this comes
    back, all that was due meanwhile has been done."""
    with open(os.environ["CLOCK_AHEAD"], "r+b") as f:
        ahead, = struct.unpack("q", f.read(8))
        f.seek(0)
        f.write(struct.pack("q", ahead + ms))
    with control() as s:
        # The first one wakes it, the second one comes in another turn.
        ask(s, "ping")
        ask(s, "ping")


def inet(address="127.0.0.1", port=0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((address, port))
    s.settimeout(3)
    return s


def unix(name=""):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if name is not None:
        s.bind(name)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    s.settimeout(3)
    return s


def forge(source, sport, target, dport, data=b"xxxx", checksum=0):
    """A UDP datagram whose sender is made up. Without a checksum (0) it is not
    checked; any other is as good as wrong."""
    udp = struct.pack("!HHHH", sport, dport, 8 + len(data), checksum)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(data), 0, 0, 64, 17,
                     0, socket.inet_aton(source), socket.inet_aton(target))
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.sendto(ip + udp + data, (target, 0))
