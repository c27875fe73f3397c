# SPDX-License-Identifier: Apache-2.0
"""What hostile and clumsy clients may do to a node and to each other (threats.md 1 and 2): nobody
loses an answer, no connection stays for ever, no stranger's packet is worth more than it cost."""

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
import unittest
import unittest.mock

import hdl
from hdl import ask_for, ask_tcp, ask_udp
from node import HELVED, PATIENCE, Node, NodeCase, text_value

KEEP = hdl.USUAL | hdl.KC


def records(node):
    node.load([
        {"handle": "88.118.8/JX1", "values": [text_value(1, "URL", "https://example.cn/")]},
        {"handle": "88.118.8/TEN", "values": [text_value(1, "DESC", "x" * 10000)]},
        {"handle": "88.118.8/SIXTY", "values": [text_value(1, "DESC", "x" * 60000)]}])


def small_window(at):
    """A peer as on a narrow line, for which the kernels on both sides take little: what it does
    not read the server must hold."""
    c = hdl.Tcp.__new__(hdl.Tcp)
    c.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    c.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    c.socket.settimeout(PATIENCE)
    c.socket.connect(at)
    return c


class Readers(NodeCase):
    """Clients that send much and read when they like."""

    settings = {"workers": 2}

    @classmethod
    def fill(cls, node):
        records(node)

    def pipelined(self, handle, n, size, half_close=False, pause=()):
        requests = [ask_for("88.118.8/" + handle, flags=KEEP) for _ in range(n)]
        with small_window(self.at) as c:
            data = b"".join(r.octets for r in requests)
            sender = threading.Thread(target=self.send_all, args=(c, data, half_close))
            sender.start()
            try:
                for i, request in enumerate(requests):
                    if i in pause:  # let the server fill what it has, with others served
                        for _ in range(20):
                            ask_tcp(self.at, ask_for("88.118.8/JX1"))
                    m = c.receive()
                    self.assertIsNotNone(m, "closed before answer %d of %d" % (i, n))
                    self.assertEqual((m.id, m.rc), (request.id, 1), "answer %d of %d" % (i, n))
                    self.assertEqual(len(m.values[0].data), size)
                if half_close:
                    self.assertIsNone(c.receive())
            finally:
                sender.join(PATIENCE)

    @staticmethod
    def send_all(c, data, half_close):
        try:
            c.send(data)
            if half_close:
                c.half_close()
        except OSError:
            pass

    def test_thousands_of_short_answers(self):
        self.pipelined("JX1", 5000, 19, pause=(0, 2500))

    def test_long_answers_read_late(self):
        self.pipelined("SIXTY", 300, 60000, pause=(0, 1, 150))

    def test_half_closed_and_read_slowly(self):
        """What was sent before the end is answered, however little the peer takes at a time."""
        requests = [ask_for("88.118.8/TEN", flags=KEEP) for _ in range(150)]
        data = b""
        with small_window(self.at) as c, hdl.Tcp(self.at) as pace:
            c.send(b"".join(r.octets for r in requests))
            c.half_close()
            while True:
                piece = c.socket.recv(2048)
                if not piece:
                    break
                data += piece
                if len(data) < 700000:
                    pace.ask(ask_for("88.118.8/JX1", flags=KEEP))
        r = hdl.Reader(data)
        for request in requests:
            head = r.take(hdl.ENVELOPE)
            m = hdl.Message(head + r.take(int.from_bytes(head[16:20], "big")))
            self.assertEqual((m.id, m.rc), (request.id, 1))
        self.assertEqual(r.left(), 0)

    def test_half_closed_with_more_answers_than_the_server_holds(self):
        for handle, n, size in (("JX1", 5000, 19), ("TEN", 1500, 10000), ("SIXTY", 200, 60000)):
            with self.subTest(handle):
                self.pipelined(handle, n, size, half_close=True, pause=(0, n // 2))

    def test_most_that_can_be_asked_for(self):
        """As many indexes and types as a record may have values, and no more: each costs."""
        for indexes, types, rc in ((2048, 0, 200), (0, 2048, 200), (2047, 1, 200), (2049, 0, 4),
                                   (0, 2049, 4), (1024, 1025, 4), (15000, 0, 4),
                                   (0, 15000, 4)):
            with self.subTest((indexes, types)), hdl.Tcp(self.at) as c:
                request = ask_for("88.118.8/JX1", [7] * indexes, [b""] * types, flags=KEEP)
                self.assertEqual(c.ask(request).rc, rc)
                self.assertEqual(c.ask(ask_for("88.118.8/JX1", flags=KEEP)).rc, 1)

    def test_half_requests_from_many_ports(self):
        """One host's unfinished datagrams do not take the places of another's."""
        long = ask_for("88.118.8/JX1", types=["T" * 300] * 5 + ["URL"])
        first, rest = long.packets()[:1], long.packets()[1:]
        half = [ask_for("88.118.8/JX1", types=["T" * 300] * 5).packets()[0]
                for _ in range(300)]  # more than all workers have places
        with hdl.Udp(self.at) as honest, contextlib.ExitStack() as all_of_them:
            greedy = [all_of_them.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                      for _ in half]
            for s in greedy:
                s.bind(("127.3.3.3", 0))
            # From here on at once: a request whose rest does not come within 2 s is forgotten.
            honest.send(first[0])
            for s, packet in zip(greedy, half):
                s.sendto(packet, self.at)
            for packet in rest:
                honest.send(packet)
            self.assertEqual(honest.receive().rc, 1)

    def test_longest_message(self):
        """262,144 octets from a trusted source, whole and in pieces; one more is refused."""
        longest = self.padded(262144)
        self.assertEqual(len(longest), hdl.ENVELOPE + 262144)
        for step in (len(longest), 60000, 1000):
            with self.subTest(step), hdl.Tcp(self.at) as c:
                for i in range(0, len(longest), step):
                    c.send(longest[i:i + step])
                self.assertEqual(c.receive().rc, 1)
                c.send(longest)
                self.assertEqual(c.receive().rc, 1)
        with hdl.Tcp(self.at) as c:
            c.send(self.padded(262145)[:1000])
            self.assertEqual(c.receive().rc, 4)
            self.assertTrue(c.is_closed())

    @staticmethod
    def padded(length):
        body = hdl.resolution_body("88.118.8/JX1")
        body += bytes(length - hdl.HEADER - 4 - len(body))
        return hdl.Request(hdl.RESOLUTION, body, flags=KEEP).octets

    def test_closed_early(self):
        """Clients that go away with answers on their way, in every manner."""
        octets = b"".join(ask_for("88.118.8/SIXTY", flags=KEEP).octets for _ in range(30))
        for i in range(60):
            c = small_window(self.at)
            c.send(octets)
            if i % 3 == 0:
                c.socket.recv(1000)
            if i % 2:
                c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    b"\1\0\0\0\0\0\0\0")
            c.socket.close()
        self.assertEqual(ask_tcp(self.at, ask_for("88.118.8/JX1")).rc, 1)


class Ends(NodeCase):
    """Every connection ends, whatever its peer does."""

    settings = {"workers": 1, "tcp_life": 10, "tcp_stall_timeout": 2, "tcp_first_timeout": 2,
                "tcp_message_timeout": 2, "tcp_idle_timeout": 3600}

    @classmethod
    def fill(cls, node):
        records(node)

    def test_all_of_them(self):
        """Side by side, since each takes its time."""
        kinds = {"silent": self.silent, "dribble": self.dribble, "never reads": self.never_reads,
                 "reads a little": self.reads_a_little, "half a message": self.half_a_message,
                 "says too much after an error": self.babble}
        ended = {}
        threads = [threading.Thread(target=self.until_the_end, args=(name, kind, ended))
                   for name, kind in kinds.items()]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for name in kinds:
            with self.subTest(name):
                self.assertEqual(ended.get(name), "ended")

    def until_the_end(self, name, kind, ended):
        with small_window(self.at) as c:
            try:
                c.socket.settimeout(PATIENCE)
                c.until = time.monotonic() + 2 * PATIENCE
                kind(c)
            except OSError as e:
                ended[name] = "waits" if isinstance(e, TimeoutError) else "ended"  # reset, broken pipe
            except AssertionError as e:
                ended[name] = str(e)
            else:
                ended[name] = "ended"

    @staticmethod
    def closed(c, n=1):
        """Is it? Waits a moment for octets, and takes at most n."""
        if time.monotonic() > c.until:
            raise AssertionError("still open")
        came, _, _ = select.select([c.socket], [], [], 0.05)
        return bool(came) and c.socket.recv(n) == b""

    def silent(self, c):
        while not self.closed(c):
            pass

    def dribble(self, c):
        octets = ask_for("88.118.8/" + "x" * 2000).octets
        for i in range(len(octets)):
            c.send(octets[i:i + 1])
            if self.closed(c):
                return

    def never_reads(self, c):
        for _ in range(100):
            c.send(ask_for("88.118.8/SIXTY", flags=KEEP).octets)
        while self.node_has(c):
            if time.monotonic() > c.until:
                raise AssertionError("still open")
            select.select([], [], [], 0.05)

    def node_has(self, c):
        """Is the other end still there? (Its answers were not read, so the stream tells
        nothing.)"""
        ends = ["%08X:%04X" % (int.from_bytes(socket.inet_aton(host), sys.byteorder), port)
                for host, port in (self.at, c.socket.getsockname())]
        with open("/proc/net/tcp", encoding="ascii") as f:
            return any(line.split()[1:3] == ends and line.split()[9] != "0"
                       for line in f.readlines()[1:])

    def reads_a_little(self, c):
        for _ in range(20):
            c.send(ask_for("88.118.8/SIXTY", flags=KEEP).octets)
        while self.node_has(c):
            if time.monotonic() > c.until:
                raise AssertionError("still open")
            if select.select([c.socket], [], [], 0.05)[0]:
                c.socket.recv(600)
            select.select([], [], [], 0.05)

    def half_a_message(self, c):
        """Always the end of one message and the beginning of the next."""
        octets = ask_for("88.118.8/JX1", flags=KEEP).octets
        c.send(octets[:40])
        while not self.closed(c, 65536):
            c.send(octets[40:] + octets[:40])

    def babble(self, c):
        c.send(bytes(1000))
        while not self.closed(c, 65536):
            c.send(bytes(1000))


class Descriptors(unittest.TestCase):
    """A system that gives 64 descriptors and no more."""

    def setUp(self):
        self.node = Node("88.118.8", "p256")
        self.addCleanup(self.node.remove)
        records(self.node)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        few = os.path.join(self.node.dir, "few.sh")
        with open(few, "w", encoding="ascii") as f:
            f.write('#!/bin/sh\nulimit -n 64\nexec "%s" "$@"\n' % HELVED)
        os.chmod(few, 0o755)
        with unittest.mock.patch.object(self.node, "binary", few):
            self.node.start(workers=2, tcp_first_timeout=3600)
        self.at = self.node.address

    def spins(self):
        """Much processor time in a second without work?"""
        before = self.node.cpu_s()
        select.select([], [], [], 1)
        return self.node.cpu_s() - before > 0.5

    def test_new_ones_are_served(self):
        """Idle connections do not shut out new ones, nothing spins, and a reload finds
        descriptors left."""
        idle = []
        try:
            for i in range(1000):
                idle.append(hdl.Tcp(self.at))
                if i % 50 == 49:
                    self.assertEqual(ask_tcp(self.at, ask_for("88.118.8/JX1")).rc, 1)
            self.assertFalse(self.spins())
            self.assertEqual(ask_udp(self.at, ask_for("88.118.8/JX1")).rc, 1)
            self.node.signal(signal.SIGHUP)
            self.node.wait_for("reload serial=")
            self.assertEqual(ask_tcp(self.at, ask_for("88.118.8/JX1")).rc, 1)
        finally:
            for c in idle:
                c.socket.close()

    def test_others_take_them_all(self):
        """None is left for connections at all: refused, without spinning, and served again
        when there are some."""
        pid = self.node.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 64))
        refused = [hdl.Tcp(self.at) for _ in range(100)]
        self.assertFalse(self.spins())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        for c in refused:
            c.socket.close()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                self.assertEqual(ask_tcp(self.at, ask_for("88.118.8/JX1")).rc, 1)
                return
            except (OSError, hdl.Malformed):
                continue
        self.fail("not served again")


class Forged(NodeCase):
    """Questions under many names that are not the asker's: what is sent to whom they name."""

    settings = {"workers": 1, "trusted_net": "[ ]"}
    key = "rsa"

    @classmethod
    def fill(cls, node):
        records(node)
        node.load([{"handle": "88.118.8/S%d" % n, "values": [text_value(1, "D", "x" * n)]}
                   for n in (1, 100, 300, 390, 400, 410, 420, 430, 500, 1000, 4000)])

    def from_address(self, source, data):
        """What comes back for one datagram, in datagrams. TCP elsewhere tells when all is
        there: it is asked on a worker that is then past this datagram."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((source, 0))
            s.sendto(data, self.at)
            mark = ask_for("88.118.8/S1")
            s.sendto(mark.octets, self.at)
            s.settimeout(PATIENCE)
            came = []
            while not came or came[-1][8:12] != mark.octets[8:12]:
                came.append(s.recv(65536))
            return came[:-1]

    def questions(self):
        for n in (1, 100, 300, 390, 400, 410, 420, 430, 500, 1000, 4000):
            for flags in (hdl.USUAL, hdl.USUAL | hdl.CT, hdl.USUAL | hdl.RD):
                yield ask_for("88.118.8/S%d" % n, flags=flags).octets
        for handle in ("88.118.8/TEN", "88.118.8/SIXTY", "88.118.8/none", "99.9/x", "x"):
            yield ask_for(handle).octets
        for op in (hdl.SITE_INFO, hdl.LIST, hdl.SESSION_SETUP, hdl.DUMP, 77, 0):
            yield hdl.Request(op, hdl.array("")).octets
            yield hdl.Request(op, b"").octets[:-4]
            yield hdl.Request(op, hdl.array(""), flags=hdl.USUAL | hdl.CT).octets

    def test_no_amplifier(self):
        for i, data in enumerate(self.questions()):
            with self.subTest(i):
                source = "127.%d.%d.%d" % (20 + i % 7, i // 250, 1 + i % 250)
                came = self.from_address(source, data)
                self.assertLessEqual(len(came), 1)
                for packet in came:
                    self.assertLessEqual(len(packet), hdl.PACKET)
                    self.assertLessEqual(len(packet), 8 * len(data))
                    length = int.from_bytes(packet[16:20], "big")
                    if len(packet) == 44 and length != 24:
                        self.assertLessEqual(len(packet), len(data) + 4)
                        self.assertGreater(length, hdl.PAYLOAD, "would be taken for whole")

    def test_flood(self):
        """20,000 questions under one name: that name gets its allowance and headers, fewer
        octets than came; its neighbour gets its answers."""
        data = ask_for("88.118.8/S100").octets
        full = out = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            s.bind(("127.66.1.1", 0))
            other.bind(("127.66.1.2", 0))
            other.settimeout(PATIENCE)
            s.setblocking(False)
            began = time.monotonic()
            for i in range(20000):
                s.sendto(data, self.at)
                if i % 200 == 199:
                    other.sendto(data, self.at)
                    self.assertGreater(len(other.recv(65536)), 44)
                try:
                    while True:
                        packet = s.recv(65536)
                        out += len(packet)
                        full += len(packet) > 44
                except BlockingIOError:
                    pass
            took = time.monotonic() - began
        self.assertLessEqual(full, 125 + 50 * (took + 1))
        self.assertLess(out, 20000 * len(data))


class AllAddresses(NodeCase):
    """Listening on 0.0.0.0: an answer comes from the address that was asked."""

    settings = {"workers": 1, "listen": '[ "0.0.0.0:0" ]'}

    @classmethod
    def fill(cls, node):
        records(node)
        node.load([{"handle": "88.118.8/FOUR", "values": [text_value(1, "D", "x" * 4000)]}])

    def test_answers_come_from_the_address_that_was_asked(self):
        for host in ("127.0.0.1", "127.0.0.2", "127.200.3.4"):
            for handle in ("JX1", "FOUR", "SIXTY"):
                with self.subTest("%s from %s" % (handle, host)):
                    at = (host, self.at[1])  # connected: other addresses are not heard
                    self.assertEqual(ask_udp(at, ask_for("88.118.8/" + handle)).rc, 1)


class Storm(NodeCase):
    """Reloads as fast as signals come, under load, then the end in the midst of it."""

    settings = {"workers": 2}

    @classmethod
    def fill(cls, node):
        records(node)

    def load(self, channel, flags, problems):
        """`channel`: a new one for each question, as hdl.Udp."""
        try:
            while not self.over:
                with channel(self.at) as c:
                    self.open.add(c.socket)
                    m = c.ask(ask_for("88.118.8/JX1", flags=flags))
                    self.open.discard(c.socket)
                if m.rc != 1 or (flags & hdl.CT and not m.credential):
                    problems.append("rc %d, credential %d" % (m.rc, len(m.credential)))
                self.answered.release()
        except (OSError, hdl.Malformed) as e:
            if not self.over:
                problems.append(repr(e))

    def test_reloads_and_the_end(self):
        self.over, self.answered, self.open = False, threading.Semaphore(0), set()
        problems = []
        threads = [threading.Thread(target=self.load, args=(ask, flags, problems))
                   for ask in (hdl.Tcp, hdl.Udp) for flags in (hdl.USUAL, hdl.USUAL | hdl.CT)]
        for t in threads:
            t.start()
        for _ in range(100):  # no more lines of a kind are logged in ten seconds
            self.node.signal(signal.SIGHUP)
            self.node.wait_for("reload serial=")
        asked = [problems or self.answered.acquire(timeout=PATIENCE) for _ in range(100)]
        self.over = True
        self.node.stop()  # while they still ask
        for s in list(self.open):  # nobody answers them any more
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed meanwhile
        for t in threads:
            t.join(PATIENCE)
            self.assertFalse(t.is_alive())
        self.assertEqual(problems, [])
        self.assertTrue(all(asked), "nobody asked meanwhile")


if __name__ == "__main__":
    unittest.main()
