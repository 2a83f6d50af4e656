# SPDX-License-Identifier: ISC
"""What is measured: a table of cases."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A load, and how many workers answer it where.

    serves names what a server must be able to do, peers (when given) those
    that take part, the first of them the one that the others are held against.
    modes: "pinned" (server and generator have one core each) and "unpinned",
    with the number of workers.
    """

    name: str
    serves: str
    kind: str
    modes: dict
    connections: int
    size: int = 64
    more: tuple = ()
    peers: tuple = ()
    needs: str = ""
    certificate: str = ""

    @property
    def network(self):
        return self.serves.split()[0]

    @property
    def handler(self):
        return self.serves.split()[1]

    @property
    def measures_memory(self):
        return self.kind == "idle"

    def load_words(self, url):
        """What preforkbench is told; url is an address of its grammar."""
        words = KINDS[self.kind] + (self.connections, "--size", self.size)
        if self.network != "unix" and self.kind != "connect":
            words += ("--sources", SOURCES)
        return [str(word) for word in words + self.more + (url,)]


# The last word wants the number of connections. Many connections at once need
# many source addresses. Those that are closed at once do not: the server closes
# first, its side keeps TIME_WAIT.
KINDS = {
    "requests": ("-c",),
    "connect": ("--connect", "--exchange", "read", "-c"),
    "idle": ("--idle",),
}
SOURCES = "127.0.0.2-127.0.0.31"
ONE = {"pinned": 1, "unpinned": 1}
UDP_16 = ("--pipeline", "16")
# The same work of every server: secure.py says what is spoken.
TLS = ("--insecure", "--tls-version", "1.3")
RESUMED = TLS + ("--resume",)
# Looking at each byte costs as much as copying it.
NOT_LOOKED_AT = ("--no-verify",)
CORE_ONLY = ("preforkd", "bare epoll")

CASES = (
    Case("echo-1", "tcp echo", "requests", ONE, 1),
    Case("echo-1-spin", "tcp echo", "requests", ONE, 1, needs="preforkd spin",
         peers=("preforkd spin", "preforkd", "bare epoll")),
    Case("echo-64", "tcp echo", "requests", ONE, 64),
    Case("echo-1000", "tcp echo", "requests", ONE, 1000),
    Case("unix-64", "unix echo", "requests", ONE, 64),
    Case("bulk-8", "tcp echo", "requests", ONE, 8, size=1 << 20,
         more=NOT_LOOKED_AT),
    Case("connect-64", "tcp hello", "connect", {"pinned": 1, "unpinned": 4},
         64),
    Case("connect-64-w4", "tcp hello", "connect",
         {"pinned": 4, "unpinned": 4}, 64, peers=CORE_ONLY),
    Case("udp-16", "udp echo", "requests", ONE, 16, more=UDP_16),
    Case("udp-gso-16", "udp echo", "requests", ONE, 16, more=UDP_16 + ("--gso",)),
    Case("idle-10000", "tcp idle", "idle", {"unpinned": 4}, 10000),
    Case("tls-p256-64", "tls hello", "connect", ONE, 64, more=TLS,
         certificate="p256"),
    Case("tls-rsa-64", "tls hello", "connect", ONE, 64, more=TLS,
         certificate="rsa2048"),
    Case("tls-resumed-64", "tls hello", "connect", ONE, 64, more=RESUMED,
         certificate="p256"),
    Case("tls-echo-64", "tls echo", "requests", ONE, 64, more=TLS,
         certificate="p256"),
    Case("tls-idle-10000", "tls idle", "idle", {"unpinned": 4}, 10000,
         more=TLS, certificate="p256"),
)
