# SPDX-License-Identifier: Apache-2.0
"""DNS octets for the tests: questions put together by hand, so that they can be wrong, answers taken
apart as far as a test looks; and where a node hears DNS."""

import re
import socket
import struct

from node import PATIENCE

A, NS, CNAME, SOA, MX, TXT, AAAA, SRV, NAPTR, OPT, DS, RRSIG, NSEC, DNSKEY, ANY, URI = (
    1, 2, 5, 6, 15, 16, 28, 33, 35, 41, 43, 46, 47, 48, 255, 256)
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
DO = 0x8000


def wire_name(text):
    return b"".join(bytes([len(label)]) + label for label in text.encode().split(b".")
                    if label) + b"\0"


def opt(size=1232, flags=0, options=b"", version=0):
    return b"\0" + struct.pack(">HHBBHH", OPT, size, 0, version, flags, len(options)) + options


def cookie_option(octets):
    return struct.pack(">HH", 10, len(octets)) + octets


def question(name, kind=A, edns=None, ident=0x1234, flags=0x0100, klass=1):
    return (struct.pack(">HHHHHH", ident, flags, 1, 0, 0, 0 if edns is None else 1) +
            (name if isinstance(name, bytes) else wire_name(name)) +
            struct.pack(">HH", kind, klass) + (edns or b""))


class Answer:
    """Sections are lists of (owner, type, ttl, rdata); names in rdata stay compressed."""

    def __init__(self, octets):
        self.octets, self.at = octets, 12
        self.id, self.flags, self.questions, *counts = struct.unpack(">HHHHHH", octets[:12])
        self.rcode, self.cookie, self.size = self.flags & 15, None, None
        for _ in range(self.questions):
            self.name()
            self.at += 4
        self.answer, self.authority, self.additional = (
            [self.record() for _ in range(n)] for n in counts)
        if self.at != len(octets):
            raise AssertionError("octets behind the answer")
        for _, kind, ttl, rdata in self.additional:
            if kind == OPT:
                self.rcode |= ttl >> 24 << 4
                if rdata:
                    self.cookie = rdata[4:]

    aa = property(lambda self: bool(self.flags & 0x0400))
    tc = property(lambda self: bool(self.flags & 0x0200))

    def name(self):
        labels, at, jumped = [], self.at, False
        while self.octets[at]:
            if self.octets[at] >= 0xC0:
                target = struct.unpack(">H", self.octets[at:at + 2])[0] & 0x3FFF
                if not jumped:
                    self.at = at + 2
                if target >= at:
                    raise AssertionError("a pointer forwards")
                at, jumped = target, True
                continue
            labels.append(self.octets[at + 1:at + 1 + self.octets[at]].decode("latin-1"))
            at += 1 + self.octets[at]
        if not jumped:
            self.at = at + 1
        return ".".join(labels) + "."

    def record(self):
        owner = self.name()
        kind, klass, ttl, n = struct.unpack(">HHIH", self.octets[self.at:self.at + 10])
        rdata = self.octets[self.at + 10:self.at + 10 + n]
        if kind == OPT:
            self.size = klass
        self.at += 10 + n
        return owner, kind, ttl, rdata

    def data(self, kind):
        return sorted(r[3] for r in self.answer if r[1] == kind)


class Client:
    def __init__(self, address, source=""):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Room for the answers to all that is asked before the first is read.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((source, 0))
        self.socket.connect(address)
        self.socket.settimeout(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, octets):
        self.socket.send(octets)

    def receive(self):
        return Answer(self.socket.recv(65536))

    def ask(self, octets):
        self.send(octets)
        return self.receive()


def ask_udp(address, octets):
    with Client(address) as c:
        return c.ask(octets)


def read_exactly(s, n):
    octets = b""
    while len(octets) < n:
        piece = s.recv(n - len(octets))
        if not piece:
            raise AssertionError("the connection ended after %d octets" % len(octets))
        octets += piece
    return octets


def ask_tcp(address, *questions):
    """All at once; the answers as they come."""
    with socket.create_connection(address, timeout=PATIENCE) as s:
        s.sendall(b"".join(struct.pack(">H", len(q)) + q for q in questions))
        return [Answer(read_exactly(s, struct.unpack(">H", read_exactly(s, 2))[0]))
                for _ in questions]


def address_of(node):
    """Where this node, which was started with dns: 127.0.0.1:0, hears DNS."""
    for line in node.lines:
        found = re.search(r"dns=([0-9.]+):(\d+)", line)
        if found:
            return found.group(1), int(found.group(2))
    raise AssertionError("it does not listen for DNS")


def ds_of(node, zone):
    for line in node.lines:
        found = re.search(r'record="%s IN DS ([^"]+)"' % re.escape(zone), line)
        if found:
            return found.group(1)
    raise AssertionError("no DS for " + zone)
