# SPDX-License-Identifier: ISC
"""Who is measured: a table of servers, and how each is found and started."""
import glob
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Callable

import secure

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.get("PREFORKD_BIN", ROOT + "/build/release")
TOOLS = BIN + "/bench"
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
MODULE_FOLDERS = ("/usr/lib*/nginx/modules", "/usr/lib*/apache2/modules",
                  "/usr/lib*/httpd/modules", "/usr/lib*/apache2")
BACKLOG = 4096
SCHEME = {"tcp": "tcp://", "udp": "udp://", "unix": "unix:",
          "tls": "tls://"}


@dataclass
class Job:
    """What a server is asked to do."""

    network: str
    handler: str
    address: str
    workers: int
    connections: int
    folder: str
    certificate: str = ""  # path without .pem and .key
    behind: str = ""  # port of a bare echo, for proxies

    @property
    def port(self):
        return self.address.rsplit(":", 1)[-1]

    @property
    def url(self):
        return SCHEME[self.network] + self.address

    def write(self, name, text):
        path = f"{self.folder}/{name}"
        with open(path, "w", encoding="utf8") as f:
            f.write(text)
        return path


@dataclass(frozen=True)
class Peer:
    """A server. model: what answers a client; find: the program, or None;
    command: its words for a job; proxies: what it serves only with a bare echo
    behind it, which is not measured."""

    name: str
    model: str
    serves: str
    find: Callable
    version: Callable
    command: Callable
    environment: Callable = field(default=lambda job: {})
    proxies: str = ""

    def can(self, serves):
        return serves in self.serves.split(", ")

    def is_proxy(self, job):
        return f"{job.network} {job.handler}" in self.proxies.split(", ")


def output(*words):
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


def first(pattern, text):
    found = re.search(pattern, text)
    return found.group(1) if found else "?"


def tool(name):
    path = f"{TOOLS}/{name}"
    return lambda: path if os.access(path, os.X_OK) else None


def program(*names):
    return lambda: next(filter(None, (shutil.which(n, path=PATH)
                                      for n in names)), None)


def module(name):
    """A plugin of a server, wherever the distribution keeps them."""
    return next((path for folder in MODULE_FOLDERS
                 for path in glob.glob(f"{folder}/{name}")), None)


# --- preforkd ----------------------------------------------------------------

def find_preforkd():
    return shutil.which(BIN + "/preforkd")


def find_spin():
    path = find_preforkd()
    knows = path and not subprocess.run(
        [path, "--explain", "spin"], capture_output=True,
        check=False).returncode
    return path if knows else None


def preforkd(path, job, pool=""):
    handler = "hello" if job.handler == "hello" else "echo"
    config = job.write("preforkd.ini", f"""[preforkd]
control = {job.folder}/control.sock
log_level = error
[pool default]
workers = {job.workers}
max_connections = {job.connections + 1000}
{pool}
[service bench]
handler = {handler}
backlog = {BACKLOG}
listen = {job.url}
{secure.preforkd_lines(job) if job.network == "tls" else ""}""")
    return [path, "-c", config]


def preforkd_spin(path, job):
    return preforkd(path, job, "spin = 50us")


def preforkd_version(path):
    return first(r"preforkd (\S+)", output(path, "-V"))


# --- yardsticks of our own ---------------------------------------------------

def bare(path, job):
    handler = "hello" if job.handler == "hello" else "echo"
    where = job.address if job.network == "unix" else job.port
    return [path, handler, where, str(job.workers)]


def bare_tls(path, job):
    handler = "hello" if job.handler == "hello" else "echo"
    return [path, handler, job.port] + secure.bare_words(job) + \
        [str(job.workers)]


def bare_echo(port):
    """What stands behind a proxy."""
    return [TOOLS + "/bare", "echo", str(port)]


def bare_udp(path, job):
    return [path, "plain", job.port]


def bare_gro(path, job):
    return [path, "gro", job.port]


def no_version(_path):
    return "of this tree"


# --- go, python --------------------------------------------------------------

def go(path, job):
    handler = "hello" if job.handler == "hello" else "echo"
    words = [path, handler, job.network, job.address]
    if job.network == "tls":
        words += [job.certificate + ".pem", job.certificate + ".key"]
    return words


def go_copy(path, job):
    return [path, "copy", job.network, job.address]


def go_version(path):
    return first(r"go(\d\S*)", output("go", "version", path))


def python(style):
    def command(path, job):
        handler = "hello" if job.handler == "hello" else "echo"
        return [path, HERE + "/echo.py", style, handler, job.network,
                job.address]
    return command


def python_version(_path):
    return sys.version.split()[0]


# --- nginx -------------------------------------------------------------------

NGINX_STREAM = """stream { server {
    listen %s backlog=4096;
    %s
    %s
} }
"""
NGINX_HELLO = 'return "Hello $remote_addr\\n";'
# An idle connection of nginx is one kept alive.
NGINX_HTTP = """http {
    access_log off;
    keepalive_timeout 1h;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    server { listen %s backlog=4096; %s return 200 "Hello\\n"; }
}
"""


def find_nginx():
    path = program("nginx")()
    stream = path and (module("ngx_stream_module.so") or re.search(
        r"--with-stream(?!\S)", output(path, "-V")))
    return path if stream else None


def nginx(path, job):
    plugin = module("ngx_stream_module.so")
    where, lines = job.address, ""
    if job.network == "tls":
        where, lines = where + " ssl", secure.nginx_lines(job)
    if job.handler == "idle":
        body = NGINX_HTTP % (where, lines)
    else:
        body = NGINX_STREAM % (where, lines, NGINX_HELLO
                               if job.handler == "hello" else
                               f"proxy_pass 127.0.0.1:{job.behind};")
    config = job.write("nginx.conf", (
        f"load_module {plugin};\n" if plugin else "") + f"""daemon off;
user root;
worker_processes {job.workers};
pid nginx.pid;
error_log nginx.log crit;
events {{ worker_connections {2 * job.connections + 1000}; }}
""" + body)
    return [path, "-e", "nginx.log", "-c", config, "-p", job.folder]


def nginx_version(path):
    return first(r"nginx/(\S+)", output(path, "-v"))


# --- haproxy -----------------------------------------------------------------

def haproxy(path, job):
    return [path, "-db", "-f",
            job.write("haproxy.cfg", secure.haproxy_config(job))]


def haproxy_version(path):
    return first(r"version (\S+)", output(path, "-v"))


# --- apache2 -----------------------------------------------------------------

def find_apache():
    path = program("apache2", "httpd")()
    return path if path and module("mod_echo.so") else None


def apache_modules():
    """mpm and unixd are built in on some systems."""
    names = {"mpm_event_module": "mod_mpm_event.so",
             "unixd_module": "mod_unixd.so", "echo_module": "mod_echo.so"}
    return "".join(f"LoadModule {name} {module(file)}\n"
                   for name, file in names.items() if module(file))


def apache(path, job):
    threads = job.connections // job.workers + 64
    config = job.write("apache.conf", f"""ServerRoot {job.folder}
ServerName bench
PidFile apache.pid
ErrorLog apache.log
{apache_modules()}
User nobody
Listen {job.address}
ListenBacklog {BACKLOG}
ProtocolEcho On
Timeout 3600
StartServers {job.workers}
ServerLimit {job.workers}
ThreadLimit {threads}
ThreadsPerChild {threads}
MaxRequestWorkers {threads * job.workers}
MinSpareThreads 1
MaxSpareThreads {threads * job.workers}
""")
    return [path, "-D", "FOREGROUND", "-f", config]


def apache_version(path):
    return first(r"Apache/(\S+)", output(path, "-v"))


# --- inetd and its kind: a process a connection ------------------------------

def xinetd(path, job):
    service = "daytime" if job.handler == "hello" else "echo"
    config = job.write("xinetd.conf", f"""defaults
{{
    instances = UNLIMITED
    per_source = UNLIMITED
    cps = 1000000 1
}}
service {service}
{{
    type = INTERNAL UNLISTED
    id = {service}-stream
    socket_type = stream
    protocol = tcp
    port = {job.port}
    bind = 127.0.0.1
    wait = no
    disable = no
}}
""")
    return [path, "-dontfork", "-f", config, "-pidfile",
            job.folder + "/xinetd.pid"]


def xinetd_version(path):
    return first(r"(\d+\.\d\S*)", output(path, "-version"))


def tcpserver(path, job):
    answer = ["echo", "Hello"] if job.handler == "hello" else ["cat"]
    return [path, "-q", "-H", "-R", "-D", "-l", "localhost", "-b",
            str(BACKLOG), "-c", str(job.connections + 1000), "127.0.0.1",
            job.port, shutil.which(answer[0])] + answer[1:]


def tcpserver_version(_path):
    return first(r"(\d\S*)", output("dpkg-query", "-W", "-f", "${Version}",
                                    "ucspi-tcp"))


STREAMS = "tcp echo, unix echo, tcp hello, tcp idle"
TLS = "tls echo, tls hello, tls idle"
GOMAXPROCS = "GOMAXPROCS"

PEERS = (
    Peer("preforkd", "workers", f"{STREAMS}, {TLS}, udp echo", find_preforkd,
         preforkd_version, preforkd),
    Peer("preforkd spin", "workers, spin = 50us", "", find_spin,
         preforkd_version, preforkd_spin),
    Peer("bare epoll", "workers; the least that can be done", STREAMS,
         tool("bare"), no_version, bare),
    Peer("bare OpenSSL", "workers; the least that can be done", TLS,
         tool("bare-tls"), no_version, bare_tls),
    Peer("bare recvmmsg", "one process; the least that can be done",
         "udp echo", tool("bare-udp"), no_version, bare_udp),
    Peer("bare GRO", "one process, UDP_GRO and UDP_SEGMENT", "udp echo",
         tool("bare-udp"), no_version, bare_gro),
    Peer("go", "a goroutine a connection, GOMAXPROCS = workers",
         f"{STREAMS}, {TLS}, udp echo", tool("echo-go"), go_version, go,
         lambda job: {GOMAXPROCS: str(job.workers)}),
    Peer("go io.Copy", "the same, without a buffer of its own",
         "tcp echo, unix echo", tool("echo-go"), go_version, go_copy,
         lambda job: {GOMAXPROCS: str(job.workers)}),
    Peer("nginx", "workers; stream return, idle: HTTP keep-alive; TLS echo: "
         "proxy of a bare echo", f"tcp hello, tcp idle, {TLS}", find_nginx,
         nginx_version, nginx, proxies="tls echo"),
    Peer("haproxy", "threads = workers; idle: HTTP keep-alive; TLS echo: proxy "
         "of a bare echo", "tls echo, tls idle", program("haproxy"),
         haproxy_version, haproxy, proxies="tls echo"),
    Peer("apache2", "a thread a connection (mod_echo, mpm event)",
         "tcp echo", find_apache, apache_version, apache),
    Peer("xinetd", "internal echo: a process a connection; internal daytime",
         "tcp echo, tcp hello", program("xinetd"), xinetd_version, xinetd),
    Peer("tcpserver", "ucspi-tcp: a process a connection, cat or echo",
         "tcp echo, tcp hello", program("tcpserver"), tcpserver_version,
         tcpserver),
    Peer("python asyncio", "one process",
         STREAMS + ", udp echo", lambda: sys.executable, python_version,
         python("asyncio")),
    Peer("python socketserver", "one process, a thread a connection",
         "tcp echo, unix echo, tcp hello, udp echo",
         lambda: sys.executable, python_version, python("socketserver")),
)
