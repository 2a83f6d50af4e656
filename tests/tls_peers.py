# SPDX-License-Identifier: ISC
"""peers.py for TLS, by the verb `tls_peers` of tls.bash. The certificates are
those of the folder PKI."""
import ssl

from peers import *

PKI = os.environ["PKI"] + "/"
TLS_1_2 = ssl.TLSVersion.TLSv1_2
TLS_1_3 = ssl.TLSVersion.TLSv1_3
CLOSED = ssl.SSLZeroReturnError


def context(version=None, certificate=None, alpn=(), ciphers=None):
    """Trusts "ca"; shows CERTIFICATE when there is one."""
    c = ssl.create_default_context(cafile=PKI + "ca.pem")
    if version:
        c.minimum_version = c.maximum_version = version
    if certificate:
        c.load_cert_chain(PKI + certificate + ".pem",
                          PKI + certificate + ".key")
    if alpn:
        c.set_alpn_protocols(alpn)
    if ciphers:
        c.set_ciphers(ciphers)
    return c


def secure(c=None, s=None, session=None, name="localhost"):
    """A connection after its handshake."""
    return (c or context()).wrap_socket(
        s or connect(), server_hostname=name, session=session)


def local(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect("\0" + path[1:] if path[0] == "@" else path)
    return s


class Client:
    """A client whose bytes pass by here, on their way to its connection S."""

    def __init__(self, c=None, s=None, name="localhost"):
        self.s = s or connect()
        self.arrived, self.leaves = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (c or context()).wrap_bio(
            self.arrived, self.leaves, server_hostname=name)

    def send(self, data):
        if data:
            self.s.sendall(data)

    def flight(self):
        """What it wants to send next of its handshake: nothing when that is
        complete."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self.leaves.read()

    def hear(self):
        if data := self.s.recv(65536):
            self.arrived.write(data)
        else:
            self.arrived.write_eof()

    def call(self, function, *words):
        """The result of FUNCTION, which gets and sends what it needs."""
        while True:
            try:
                return function(*words)
            except ssl.SSLWantReadError:
                self.send(self.leaves.read())
                self.hear()
            finally:
                self.send(self.leaves.read())

    def handshake(self):
        self.call(self.tls.do_handshake)
        return self

    def say(self, data):
        self.call(self.tls.write, data)

    def read(self, n=65536):
        """Empty after close_notify; an end without one is ssl.SSLEOFError."""
        try:
            return self.call(self.tls.read, n)
        except CLOSED:
            return b""

    def half_close(self):
        """Sends close_notify, and nothing after it."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.send(self.leaves.read())

    def rest(self):
        data = b""
        while part := self.read():
            data += part
        return data


def session_of(c, **words):
    """A session that the server of a new connection gave. The ticket of TLS 1.3
    comes with the first bytes of its answer at the latest."""
    with secure(c, **words) as s:
        answered(s)
        return s.session


def resumes(c, session, **words):
    """Whether a new connection resumes SESSION."""
    with secure(c, session=session, **words) as s:
        answered(s)
        return s.session_reused


def plain_alert(level, description, version=0x0303):
    return struct.pack("!BHHBB", 21, version, 2, level, description)


def handshake_record(body, version=0x0301):
    return struct.pack("!BHH", 22, version, len(body)) + body
