# SPDX-License-Identifier: ISC
"""TLS as all servers are told to speak it, and the certificates for it.

TLS 1.3, X25519, AES-128-GCM, no client certificates, tickets without a cache.
What a server does not let be set: Go's ciphers (it takes AES-128-GCM first),
the number of haproxy's tickets (OpenSSL's two, the others give one)."""
import os
import subprocess

GROUP = "X25519"
CIPHER = "TLS_AES_128_GCM_SHA256"
KEYS = {
    "p256": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "rsa2048": ("rsa:2048",),
}


def make_certificate(folder, name):
    """FOLDER/NAME.pem, .key and .both; self-signed. Returns FOLDER/NAME."""
    path = f"{folder}/{name}"
    if os.path.exists(path + ".both"):
        return path
    os.makedirs(folder, exist_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj",
         "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-newkey", *KEYS[name],
         "-keyout", path + ".key", "-out", path + ".pem"],
        check=True, capture_output=True)
    with open(path + ".both", "w", encoding="utf8", opener=only_owner) as f:
        for part in (".pem", ".key"):
            with open(path + part, encoding="utf8") as g:
                f.write(g.read())
    return path


def only_owner(path, flags):
    return os.open(path, flags, 0o600)


def preforkd_lines(job):
    return f"""tls_certificate = {job.certificate}.pem
tls_key = {job.certificate}.key
tls_min_version = 1.3
tls_ciphersuites = {CIPHER}
tls_groups = {GROUP}
"""


def bare_words(job):
    return [job.certificate + ".pem", job.certificate + ".key", GROUP, CIPHER]


def nginx_lines(job):
    return f"""ssl_certificate {job.certificate}.pem;
    ssl_certificate_key {job.certificate}.key;
    ssl_protocols TLSv1.3;
    ssl_ecdh_curve {GROUP};
    ssl_conf_command Ciphersuites {CIPHER};
    ssl_conf_command NumTickets 1;
    ssl_session_tickets on;
"""


HAPROXY_ANSWERS = {
    "echo": """listen bench
    mode tcp
    {bind}
    server echo 127.0.0.1:{behind}
""",
    # An idle connection of HTTP is one kept alive.
    "idle": """frontend bench
    mode http
    {bind}
    http-request return status 200 content-type text/plain string Hello
""",
}


def haproxy_config(job):
    most = job.connections + 1000
    bind = (f"bind {job.address} backlog {most} ssl crt {job.certificate}.both"
            f" ssl-min-ver TLSv1.3 curves {GROUP} ciphersuites {CIPHER}")
    answers = HAPROXY_ANSWERS[job.handler].format(bind=bind,
                                                  behind=job.behind)
    return f"""global
    nbthread {job.workers}
    maxconn {most}
    no strict-limits
defaults
    maxconn {most}
    timeout connect 10s
    timeout client 1h
    timeout server 1h
    timeout http-request 1h
    timeout http-keep-alive 1h
{answers}"""
