# SPDX-License-Identifier: Apache-2.0
"""A server that does what it is told, UDP and TCP on one port: for the tests of clients. The
script is a function from (request, transport) to a list of octet strings: datagrams, or pieces
of a stream."""

import socket
import struct
import threading

import hdl
from node import PATIENCE


class Asked:
    """A received request, taken apart as far as scripts need it."""

    def __init__(self, data):
        r = hdl.Reader(data)
        r.take(8)
        self.id = r.u32()
        r.take(4)
        self.length = r.u32()
        self.message = r.take(r.left())
        self.op, self.rc, self.flags = struct.unpack(">III", self.message[:12])
        body_len = struct.unpack(">I", self.message[20:24])[0]
        self.covered = self.message[:24 + body_len]
        body = hdl.Reader(self.covered[24:])
        self.handle = body.array() if body_len else b""
        self.indexes = self.types = ()
        if self.op == hdl.RESOLUTION:
            self.indexes = [body.u32() for _ in range(body.u32())]
            self.types = [body.array() for _ in range(body.u32())]


def answer(asked, body=None, rc=1, flags=hdl.AT | hdl.REC, request_id=None, values=(),
           credential=b"", expiration=0xFFFFFFFF, op=None, text=""):
    """A response with its envelope, as for a stream."""
    if body is None and rc == 1:
        body = (hdl.array(asked.handle) + hdl.u32(len(values)) +
                b"".join(v.encode() for v in values))
    elif body is None:
        body = hdl.array(text)
    message = (hdl.u32(asked.op if op is None else op) + hdl.u32(rc) + hdl.u32(flags) +
               struct.pack(">HBB", 1, 0, 0) + hdl.u32(expiration) + hdl.u32(len(body)) + body +
               hdl.array(credential))
    number = asked.id if request_id is None else request_id
    return hdl.envelope(len(message), number) + message


def packets(message):
    """The same cut into datagrams."""
    head, rest = message[:20], message[20:]
    if len(rest) <= hdl.PAYLOAD:
        return [message]
    return [head[:2] + bytes([head[2] | hdl.TRUNCATED]) + head[3:12] + hdl.u32(i) + head[16:20] +
            rest[at:at + hdl.PAYLOAD]
            for i, at in enumerate(range(0, len(rest), hdl.PAYLOAD))]


def stub(message):
    """What a careful server sends to an address that it does not know."""
    return message[:2] + bytes([message[2] | hdl.TRUNCATED]) + message[3:44]


class Server:
    def __init__(self, script, tcp=True):
        self.script, self.asked = script, []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.socket() if tcp else None
        while True:
            self.udp.bind(("127.0.0.1", 0))
            self.port = self.udp.getsockname()[1]
            if not tcp:
                break
            try:
                self.tcp.bind(("127.0.0.1", self.port))
                break
            except OSError:  # taken by somebody else: another port for both
                self.udp.close()
                self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.threads = [threading.Thread(target=self._udp, daemon=True)]
        if tcp:
            self.tcp.listen(16)
            self.threads.append(threading.Thread(target=self._tcp, daemon=True))
        for thread in self.threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stranger.sendto(b"", ("127.0.0.1", self.port))
        if self.tcp:
            socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self.threads:
            thread.join(PATIENCE)
        self.udp.close()
        self.stranger.close()
        if self.tcp:
            self.tcp.close()

    def _udp(self):
        while True:
            data, peer = self.udp.recvfrom(65536)
            if not data:
                return
            asked = Asked(data)
            self.asked.append(("udp", asked))
            for packet in self.script(asked, "udp"):
                if isinstance(packet, tuple):  # from another port than was asked
                    self.stranger.sendto(packet[0], peer)
                else:
                    self.udp.sendto(packet, peer)

    def _tcp(self):
        while True:
            conn, _ = self.tcp.accept()
            with conn:
                data = b""
                while len(data) < 20 or len(data) < 20 + struct.unpack(">I", data[16:20])[0]:
                    piece = conn.recv(65536)
                    if not piece:
                        break
                    data += piece
                if not data:
                    return
                asked = Asked(data)
                self.asked.append(("tcp", asked))
                for piece in self.script(asked, "tcp"):
                    conn.sendall(piece)
