# SPDX-License-Identifier: ISC
"""echo and hello as people write them in Python: peers of tests/bench/run.

usage: echo.py asyncio|socketserver echo|hello tcp|unix|udp ADDRESS
"""
import asyncio
import os
import socketserver
import sys

BACKLOG = 4096
HELLO = b"Hello 127.0.0.1\n"


class AsyncEcho(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class AsyncHello(asyncio.Protocol):
    def connection_made(self, transport):
        transport.write(HELLO)
        transport.close()


class AsyncDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


async def serve_asyncio(handler, network, address):
    loop = asyncio.get_running_loop()
    protocol = AsyncEcho if handler == "echo" else AsyncHello
    if network == "unix":
        await loop.create_unix_server(protocol, address, backlog=BACKLOG)
    elif network == "tcp":
        await loop.create_server(protocol, *address, backlog=BACKLOG)
    else:
        await loop.create_datagram_endpoint(AsyncDatagrams, address)
    await asyncio.Event().wait()


class ThreadEcho(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class ThreadHello(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(HELLO)


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        data, socket = self.request
        socket.sendto(data, self.client_address)


SERVERS = {
    "tcp": socketserver.ThreadingTCPServer,
    "unix": socketserver.ThreadingUnixStreamServer,
    "udp": socketserver.UDPServer,
}


def serve_threads(handler, network, address):
    cls = SERVERS[network]
    cls.request_queue_size = BACKLOG
    cls.allow_reuse_address = True
    cls.daemon_threads = True
    cls.block_on_close = False
    cls.handle_error = lambda *_: None
    if network == "udp":
        handle = Datagram
    else:
        handle = ThreadEcho if handler == "echo" else ThreadHello
    with cls(address, handle) as server:
        server.serve_forever()


def main():
    style, handler, network, address = sys.argv[1:]
    if network == "unix":
        if os.path.exists(address):
            os.unlink(address)
    else:
        host, port = address.rsplit(":", 1)
        address = (host, int(port))
    if style == "asyncio":
        asyncio.run(serve_asyncio(handler, network, address))
    else:
        serve_threads(handler, network, address)


if __name__ == "__main__":
    main()
