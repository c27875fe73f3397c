# SPDX-License-Identifier: Apache-2.0
"""HTTP as the tests speak it: octet by octet, from a source address of their choice (wrong logins
slow down their network), in the clear or by TLS with a certificate or without."""

import base64
import hashlib
import hmac
import json
import os
import socket
import ssl
import tempfile

from node import PATIENCE, Node


class Answer:
    def __init__(self, octets, method):
        head, _, rest = octets.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.version, status, self.reason = (lines[0].split(" ", 2) + [""])[:3]
        self.status = int(status)
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:] if ": " in line]
        self.rest = b""
        if method == "HEAD" or self.status in (204, 304):
            self.body, self.rest = b"", rest
        elif self.header("Transfer-Encoding") == "chunked":
            self.body, self.rest = unchunk(rest)
        else:
            n = int(self.header("Content-Length") or len(rest))
            self.body, self.rest = rest[:n], rest[n:]

    def header(self, name):
        found = self.all(name)
        return found[0] if found else None

    def all(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]

    def json(self):
        return json.loads(self.body.decode("utf-8"))

    def challenge(self):
        """The fields of WWW-Authenticate: Handle."""
        for value in self.all("WWW-Authenticate"):
            if value.startswith("Handle "):
                return dict((k, v.strip('"')) for k, v in
                            (f.split("=", 1) for f in value[7:].split(", ")))
        return None


def unchunk(octets):
    out = b""
    while octets:
        line, _, octets = octets.partition(b"\r\n")
        n = int(line, 16)
        out, octets = out + octets[:n], octets[n + 2:]
        if n == 0:
            break
    return out, octets


def client_context(pem=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if pem:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as f:
            f.write(pem)
            f.flush()
            context.load_cert_chain(f.name)
    return context


def exchange(at, octets, tls=False, pem=None, source="127.0.0.1"):
    """Everything that comes back until the server closes."""
    sock = socket.create_connection(at, timeout=PATIENCE, source_address=(source, 0))
    if tls:
        sock = client_context(pem).wrap_socket(sock)
    with sock:
        sock.sendall(octets)
        got = b""
        while True:
            try:
                piece = sock.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError):
                break
            if not piece:
                break
            got += piece
        return got


def call(at, method, target, body=None, headers=(), tls=True, pem=None, source="127.0.0.1"):
    headers = list(headers)
    if body is not None and not isinstance(body, bytes):
        body = body.encode("utf-8") if isinstance(body, str) else json.dumps(
            body, ensure_ascii=False).encode("utf-8")
        if not any(k.lower() == "content-type" for k, _ in headers):
            headers.append(("Content-Type", "application/json"))
    if body is not None:
        headers.append(("Content-Length", str(len(body))))
    if not any(k.lower() == "host" for k, _ in headers):
        headers.insert(0, ("Host", "id.example.cn"))
    headers.append(("Connection", "close"))
    octets = ("%s %s HTTP/1.1\r\n" % (method, target)).encode("utf-8") + b"".join(
        ("%s: %s\r\n" % (k, v)).encode("utf-8") for k, v in headers) + b"\r\n" + (body or b"")
    return Answer(exchange(at, octets, tls, pem, source), method)


def basic(user, secret):
    pair = user.replace("%", "%25").replace(":", "%3A") + ":" + secret
    return ("Authorization", "Basic " + base64.b64encode(pair.encode("utf-8")).decode())


def b64(octets):
    return base64.b64encode(octets).decode()


def unb64(text):
    return base64.b64decode(text)


def secret_proof(alg, secret, covered, salt=b"", iterations=0, length=160):
    name = alg.upper().replace("-", "")
    if name == "PBKDF2HMACSHA1":
        key = hashlib.pbkdf2_hmac("sha1", secret, salt, iterations, length // 8)
        return hmac.new(key, covered, "sha1").digest()
    if name.startswith("HMAC"):
        return hmac.new(secret, covered, name[4:].lower()).digest()
    return hashlib.new(name.lower(), secret + covered + secret).digest()


class RestNode(Node):
    """A node that also listens for HTTP; self.web is where."""

    def start(self, env=None, **keys):
        keys.setdefault("http", '[ "127.0.0.1:0" ]')
        super().start(env, **keys)
        return self

    def wait_for(self, pattern):
        line = super().wait_for(pattern)
        for seen in self.lines:
            if " http=" in seen and "listen" in seen:
                host, port = seen.split(" http=")[1].split()[0].rsplit(":", 1)
                self.web = (host, int(port))
        return line
