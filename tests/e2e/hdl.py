# SPDX-License-Identifier: Apache-2.0
"""The native protocol once more, written from its specification alone and sharing no line with
the server: what both read the same way is right, or wrong in the document. It builds requests
octet by octet, so that it can also build broken ones, and takes answers apart strictly."""

import hashlib
import itertools
import socket
import struct
import time

from node import PATIENCE

ENVELOPE, HEADER, PACKET = 20, 24, 512
PAYLOAD = PACKET - ENVELOPE

RESOLUTION, SITE_INFO = 1, 2
CREATE, DELETE, ADD, REMOVE, MODIFY, LIST = 100, 101, 102, 103, 104, 105
ANSWER_CHALLENGE, VERIFY_CHALLENGE = 200, 201
HOME, UNHOME, LIST_HOMED = 300, 301, 302
SESSION_SETUP, SESSION_TERMINATE, SESSION_KEY = 400, 401, 402
NEXT_TXN, RETRIEVE_TXN, DUMP, BACKUP = 1000, 1001, 1002, 1003
LOGIN = 2001  # the national SDK's (industrial.md 5.2)

AT, CT, ENC, REC = 1 << 31, 1 << 30, 1 << 29, 1 << 28
CA, CN, KC, PO = 1 << 27, 1 << 26, 1 << 25, 1 << 24
RD, OWE, MNS, DNR = 1 << 23, 1 << 22, 1 << 21, 1 << 20
USUAL = REC | CA | PO  # what the stock client sets

COMPRESSED, ENCRYPTED, TRUNCATED = 0x80, 0x40, 0x20
ADMIN_READ, ADMIN_WRITE, PUBLIC_READ, PUBLIC_WRITE = 8, 4, 2, 1

_ids = itertools.count(0x1001)


class Malformed(Exception):
    """An answer that is not what the specification says."""


def octets(text):
    return text if isinstance(text, (bytes, bytearray)) else text.encode()


def u32(n):
    return struct.pack(">I", n & 0xFFFFFFFF)


def array(data):
    data = octets(data)
    return u32(len(data)) + data


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise Malformed("%d octets wanted, %d left" % (n, len(self.data) - self.at))
        self.at += n
        return self.data[self.at - n:self.at]

    def u8(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack(">H", self.take(2))[0]

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def array(self):
        return self.take(self.u32())

    def left(self):
        return len(self.data) - self.at


class Value:
    """One value of a record (6.1)."""

    def __init__(self, index, kind, data, perms=0x0E, ttl=86400, ttl_kind=0, time_s=0,
                 refs=()):
        self.index, self.type, self.data = index, octets(kind), octets(data)
        self.perms, self.ttl, self.ttl_kind = perms, ttl, ttl_kind
        self.time_s, self.refs = time_s, tuple(refs)

    def encode(self):
        refs = b"".join(array(handle) + u32(index) for handle, index in self.refs)
        return (u32(self.index) + u32(self.time_s) + bytes([self.ttl_kind]) + u32(self.ttl) +
                bytes([self.perms]) + array(self.type) + array(self.data) +
                u32(len(self.refs)) + refs)

    @classmethod
    def decode(cls, r):
        index, time_s, ttl_kind, ttl, perms = r.u32(), r.u32(), r.u8(), r.u32(), r.u8()
        kind, data = r.array(), r.array()
        refs = []
        for _ in range(r.u32()):
            handle = r.array()
            refs.append((handle, r.u32()))
        return cls(index, kind, data, perms, ttl, ttl_kind, time_s, refs)

    def key(self):
        """All but the time, for comparisons."""
        return (self.index, self.type, self.data, self.perms, self.ttl_kind, self.ttl,
                self.refs)

    def __repr__(self):
        return "Value(%d %s %r)" % (self.index, self.type.decode("utf-8", "replace"),
                                    bytes(self.data[:40]))


def decode_values(r):
    values = [Value.decode(r) for _ in range(r.u32())]
    return values


class Interface:
    def __init__(self, kind, protocol, port):
        self.kind, self.protocol, self.port = kind, protocol, port


class Site:
    """A site record (6.4)."""

    def __init__(self, data):
        r = Reader(data)
        if r.u16() != 1:
            raise Malformed("site format")
        self.major, self.minor = r.u8(), r.u8()
        self.serial, self.flags, self.hash_option = r.u16(), r.u8(), r.u8()
        self.filter = r.array()
        self.attributes = [(r.array(), r.array()) for _ in range(r.u32())]
        self.servers = []
        for _ in range(r.u32()):
            server = {"id": r.u32(), "address": r.take(16), "key": r.array()}
            server["interfaces"] = [Interface(r.u8(), r.u8(), r.u32())
                                    for _ in range(r.u32())]
            self.servers.append(server)
        if r.left():
            raise Malformed("octets behind the site record")


def resolution_body(handle, indexes=(), types=()):
    return (array(handle) + u32(len(indexes)) + b"".join(u32(i) for i in indexes) +
            u32(len(types)) + b"".join(array(t) for t in types))


def envelope(length, request_id, session=0, version=(2, 11), suggest=(2, 11), flags=0, part=0):
    return (bytes([version[0] & 0xFF, version[1] & 0xFF, flags | suggest[0], suggest[1]]) +
            u32(session) + u32(request_id) + u32(part) + u32(length))


class Request:
    """A request, ready to be sent; `covered` is what its digest covers (4.0). A credential of
    None leaves even its length away."""

    def __init__(self, op, body=b"", flags=USUAL, request_id=None, session=0,
                 version=(2, 11), suggest=None, serial=0xFFFF, rc=0, recursion=0,
                 expiration=None, credential=b""):
        self.op, self.flags = op, flags
        self.id = next(_ids) if request_id is None else request_id
        self.session, self.version = session, version
        self.suggest = version if suggest is None else suggest
        if expiration is None:
            expiration = int(time.time()) + 43200
        self.covered = (u32(op) + u32(rc) + u32(flags) + struct.pack(">HBB", serial, recursion, 0) +
                        u32(expiration) + u32(len(body)) + body)
        self.seal(self.covered + (b"" if credential is None else array(credential)))

    def seal(self, message, flags=0):
        """What stands behind the envelope: header, body and credential, or their cipher."""
        self.message = message
        self.octets = self.envelope(flags) + message

    def envelope(self, flags=0, part=0):
        return envelope(len(self.message), self.id, self.session, self.version, self.suggest,
                        flags, part)

    def packets(self):
        """As datagrams (10.1)."""
        if len(self.message) <= PAYLOAD:
            return [self.octets]
        cuts = range(0, len(self.message), PAYLOAD)
        return [self.envelope(TRUNCATED, i) + self.message[at:at + PAYLOAD]
                for i, at in enumerate(cuts)]


def ask_for(handle, indexes=(), types=(), flags=USUAL, **more):
    return Request(RESOLUTION, resolution_body(handle, indexes, types), flags, **more)


class Message:
    """A received message: envelope, header, body, credential."""

    def __init__(self, data):
        self.octets = data
        r = Reader(data)
        self.version = (r.u8(), r.u8())
        flags = r.u8()
        self.envelope_flags, major = flags & 0xE0, flags & 0x1F
        self.suggest = (major, r.u8())
        self.session, self.id, self.part, self.length = r.u32(), r.u32(), r.u32(), r.u32()
        if r.left() != self.length:
            raise Malformed("length %d, %d octets follow" % (self.length, r.left()))
        start = r.at
        self.op, self.rc, self.flags = r.u32(), r.u32(), r.u32()
        self.serial, self.recursion, self.reserved = r.u16(), r.u8(), r.u8()
        self.expiration = r.u32()
        self.raw_body = r.take(r.u32())
        self.covered = data[start:r.at]
        self.credential = r.array()
        if r.left():
            raise Malformed("octets behind the credential")
        self._body()

    def _digest(self, r):
        kind = self.raw_body[0] if self.raw_body else -1
        sizes = {1: ("md5", 16), 2: ("sha1", 20), 3: ("sha256", 32)}
        if kind == 0:
            self.digest = ("old", r.array())
        elif kind in sizes:
            r.u8()
            self.digest = (sizes[kind][0], r.take(sizes[kind][1]))
        else:
            raise Malformed("digest of type %d" % kind)

    def _body(self):
        r = Reader(self.raw_body)
        self.digest = None
        if self.flags & RD and self.rc != 0 and self.version >= (2, 1):
            self._digest(r)
        self.body = r.data[r.at:]
        self.handle = self.values = self.text = self.site = self.names = self.nonce = None
        if self.rc == 1 and self.op == RESOLUTION:
            self.handle, self.values = r.array(), decode_values(r)
        elif self.rc == 1 and self.op == SITE_INFO:
            self.site = Site(self.body)
            r.take(r.left())
        elif self.rc == 1 and self.op == CREATE:
            self.handle = r.array() if r.left() else None
        elif self.rc == 1 and self.op in (LIST, LIST_HOMED):
            self.names = [r.array() for _ in range(r.u32())]
        elif self.rc == 1 and self.op in (DELETE, ADD, REMOVE, MODIFY, HOME, UNHOME):
            pass
        elif self.rc == 402:
            self.nonce = r.array()
            if self.digest is None:  # below 2.1
                self.digest = ("old", r.array())
        elif self.rc in (302, 303):
            self.handle = r.array()
            self.values = decode_values(r) if r.left() else []
        elif self.rc > 1:
            self.text = r.array().decode() if r.left() else ""
        else:
            return
        if r.left():
            raise Malformed("%d octets behind the body" % r.left())

    def digest_is_of(self, covered):
        name, value = self.digest
        return hashlib.new("md5" if name == "old" else name, covered).digest() == value

    def indexes(self):
        return [v.index for v in self.values]

    def signed_octets(self, counter):
        """What a signature in this message covers (5.2)."""
        both = bytes(self.version) + bytes(self.suggest)
        ids = u32(self.session) + u32(self.id) + u32(counter)
        if self.version >= (2, 8):
            return both + ids + self.covered
        if self.version == (2, 7):
            return both[:2] + ids + self.covered
        if self.version == (2, 6):
            return both[:2] + u32(self.session)[:2] + u32(counter) + bytes(6) + self.covered
        return self.covered

    def signature(self):
        """(type, digest name, signature, octets covered) of the credential (5)."""
        r = Reader(self.credential)
        if r.u8() != 0 or r.u8() != 0 or r.u16() != 0:
            raise Malformed("credential's first octets")
        r.array()
        counter, kind = r.u32(), r.array()
        inner = Reader(r.array())
        digest, signature = inner.array(), inner.array()
        if inner.left() or r.left():
            raise Malformed("octets behind the credential")
        return kind, digest, signature, self.signed_octets(counter)


class Stub:
    """Envelope and header alone, T set: the answer is too long for this source by UDP."""

    def __init__(self, data):
        self.octets = data
        self.id = struct.unpack(">I", data[8:12])[0]
        self.length = struct.unpack(">I", data[16:20])[0]
        self.rc = struct.unpack(">I", data[24:28])[0]


class Udp:
    """One socket, one question after the other, answers put together by length."""

    def __init__(self, address, timeout=PATIENCE, source=None):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        self.parts = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.send(data)

    def _join(self, packet):
        total = struct.unpack(">I", packet[16:20])[0]
        if len(packet) == ENVELOPE + total:
            return Message(packet)
        if not packet[2] & TRUNCATED:
            raise Malformed("one packet of several, and no T flag")
        number, count = struct.unpack(">I", packet[12:16])[0], -(-total // PAYLOAD)
        if number == 0 and len(packet) == ENVELOPE + HEADER:
            return Stub(packet)
        want = total - PAYLOAD * (count - 1) if number == count - 1 else PAYLOAD
        if number >= count or len(packet) - ENVELOPE != want:
            raise Malformed("packet %d of %d has %d octets" % (number, count, len(packet)))
        key = packet[:2] + packet[4:12] + packet[16:20]
        parts = self.parts.setdefault(key, {})
        parts[number] = packet[ENVELOPE:]
        if len(parts) < count:
            return None
        del self.parts[key]
        whole = b"".join(parts[i] for i in range(count))
        return Message(packet[:2] + bytes([packet[2] & ~TRUNCATED]) + packet[3:12] + u32(0) +
                       packet[16:20] + whole)

    def receive(self):
        while True:
            packet = self.socket.recv(65536)
            if len(packet) > PACKET:
                raise Malformed("a datagram of %d octets" % len(packet))
            if len(packet) <= ENVELOPE:
                raise Malformed("a datagram of only %d octets" % len(packet))
            message = self._join(packet)
            if message:
                return message

    def ask(self, request):
        for packet in request.packets():
            self.send(packet)
        answer = self.receive()
        if answer.id != request.id:
            raise Malformed("answer to another request")
        return answer


class Tcp:
    """One connection."""

    def __init__(self, address, timeout=PATIENCE, source=None):
        self.socket = socket.create_connection(address, timeout,
                                               source_address=(source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def _exactly(self, n, at_start=False):
        data = b""
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            if not piece:
                if at_start and not data:
                    return None
                raise Malformed("connection closed after %d of %d octets" % (len(data), n))
            data += piece
        return data

    def receive_octets(self):
        head = self._exactly(ENVELOPE, at_start=True)
        if head is None:
            return None
        return head + self._exactly(struct.unpack(">I", head[16:20])[0])

    def receive(self):
        """The next message, or None at the end of the stream."""
        octets = self.receive_octets()
        return None if octets is None else Message(octets)

    def is_closed(self):
        """Waits until the peer closes; False when it sends something instead."""
        return self.socket.recv(1) == b""

    def ask(self, request):
        self.send(request.octets)
        answer = self.receive()
        if answer is None:
            raise Malformed("closed without an answer")
        if answer.id != request.id:
            raise Malformed("answer to another request")
        return answer


def ask_udp(address, request):
    with Udp(address) as c:
        return c.ask(request)


def ask_tcp(address, request):
    with Tcp(address) as c:
        return c.ask(request)
