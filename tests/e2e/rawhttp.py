# SPDX-License-Identifier: Apache-2.0
"""HTTP by hand: octets out, and answers read back as strictly as a proxy would read them."""

import re
import socket

from node import PATIENCE


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def get(self, name):
        """All values of a header, joined; None without one."""
        values = [v for n, v in self.fields if n.lower() == name.lower()]
        return ", ".join(values) if values else None


class Broken(Exception):
    """What came back is no HTTP."""


STATUS = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [A-Za-z ]+")
FIELD = re.compile(rb"([A-Za-z][A-Za-z0-9-]*): ([\t\x20-\x7e\x80-\xff]*)")


def read_head(octets):
    head, end, rest = octets.partition(b"\r\n\r\n")
    if not end:
        raise Broken("no end of a head: %r" % octets[:200])
    lines = head.split(b"\r\n")
    status = STATUS.fullmatch(lines[0])
    fields = [FIELD.fullmatch(line) for line in lines[1:]]
    if not status or not all(fields):
        raise Broken("a bad head: %r" % head)
    return int(status.group(1)), [(f.group(1).decode(), f.group(2).decode("latin-1"))
                                  for f in fields], rest


def read_chunks(octets):
    body = b""
    while True:
        line, end, octets = octets.partition(b"\r\n")
        size = int(line, 16)
        if not end or octets[size:size + 2] != b"\r\n":
            raise Broken("a bad chunk: %r" % line)
        body, octets = body + octets[:size], octets[size + 2:]
        if size == 0:
            return body, octets


def read_answers(octets, methods=()):
    """All answers; `methods` of the requests, where they are HEAD."""
    answers = []
    while octets:
        status, fields, octets = read_head(octets)
        names = [n.lower() for n, _ in fields]
        given = dict((n.lower(), v) for n, v in fields)
        bodyless = status < 200 or status in (204, 304) or (
            len(answers) < len(methods) and methods[len(answers)] == "HEAD")
        if names.count("content-length") + names.count("transfer-encoding") > 1:
            raise Broken("framed twice: %r" % fields)
        if bodyless:
            body = b""
        elif "transfer-encoding" in given:
            body, octets = read_chunks(octets)
        elif "content-length" in given:
            n = int(given["content-length"])
            if len(octets) < n:
                raise Broken("a body of %d octets, not %d" % (len(octets), n))
            body, octets = octets[:n], octets[n:]
        else:
            body, octets = octets, b""
        if status >= 200:
            answers.append(Answer(status, fields, body))
    return answers


def connect(at):
    s = socket.create_connection(at, timeout=PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_to_end(s):
    got = b""
    while True:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return got
        if not more:
            return got
        got += more


def talk(at, octets, step=None):
    """Send it, `step` octets at a time; all that comes until the server closes."""
    with connect(at) as s:
        try:
            for i in range(0, len(octets), step or len(octets)):
                s.sendall(octets[i:i + (step or len(octets))])
        except (BrokenPipeError, ConnectionResetError):
            pass  # it had enough
        return read_to_end(s)


def ask(at, method, target, *fields, body=b""):
    """One request on a connection of its own."""
    lines = ["%s %s HTTP/1.1" % (method, target), "Host: h", "Connection: close", *fields]
    if body:
        lines.append("Content-Length: %d" % len(body))
    got = talk(at, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    answers = read_answers(got, [method])
    if len(answers) != 1:
        raise Broken("%d answers: %r" % (len(answers), got[:300]))
    return answers[0]


def http_at(node):
    """The address of a started node's HTTP port."""
    line = next(line for line in node.lines if " http=" in line)
    return "127.0.0.1", int(re.search(r"http=\S+:(\d+) ", line).group(1))
