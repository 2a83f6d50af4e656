#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""load.py PORT STOP: four clients of an echo service, one short connection
after the other, until there is a file STOP or nobody listens any more. Prints
how many connections were good, refused (connect failed), unanswered (ended
before the first answer) and broken (ended after it)."""
import os
import socket
import sys
import threading
import time

port, stop = int(sys.argv[1]), sys.argv[2]
counts = {"good": 0, "refused": 0, "unanswered": 0, "broken": 0}
lock = threading.Lock()


def exchange(peer, text):
    peer.sendall(text)
    got = b""
    while len(got) < len(text):
        part = peer.recv(len(text) - len(got))
        if not part:
            raise OSError("end of file")
        got += part
    if got != text:
        raise OSError("wrong answer")


def session():
    try:
        peer = socket.create_connection(("127.0.0.1", port), timeout=20)
    except OSError:
        return "refused"
    with peer:
        try:
            exchange(peer, b"first\n")
        except OSError:
            return "unanswered"
        try:
            for _ in range(3):
                exchange(peer, b"more\n" * 100)
            peer.shutdown(socket.SHUT_WR)
            if peer.recv(1):
                raise OSError("more than was asked for")
        except OSError:
            return "broken"
    return "good"


def client():
    result = "good"
    while result != "refused" and not os.path.exists(stop):
        result = session()
        with lock:
            counts[result] += 1
        time.sleep(0.002)


clients = [threading.Thread(target=client) for _ in range(4)]
for c in clients:
    c.start()
for c in clients:
    c.join()
print(*(f"{name}={n}" for name, n in counts.items()))
