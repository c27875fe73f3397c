# SPDX-License-Identifier: Apache-2.0
"""How messages travel: streams in any pieces, long answers, who keeps a connection, and what one
client can do to another (protocol.md 10, decisions.md 14, threats.md 1 and 2)."""

import os
import resource
import socket
import time
import unittest

import hdl
from hdl import ask_for, ask_tcp, ask_udp
from node import DATA, PATIENCE, NodeCase, text_value

CLEAR = hdl.USUAL
SDK = {"version": (2, 10)}   # with a session id from 10001: the national SDK


def few_records(node):
    node.load([
        {"handle": "88.118.8/JX1", "values": [text_value(1, "URL", "https://example.cn/")]},
        {"handle": "88.118.8/LONG", "values": [text_value(1, "DESC", "长" * 700)]},
        {"handle": "88.118.8/HUGE", "values": [text_value(i, "DESC", "x" * 9000)
                                               for i in range(1, 12)]}])


class Stream(NodeCase):
    """Against the registry that the reference dumped."""

    settings = {"workers": 2}

    @classmethod
    def fill(cls, node):
        node.load_file(os.path.join(DATA, "hsv9-dump.json"), "hsv9")

    def test_many_messages_in_one_write(self):
        requests = [ask_for("88.118.8/MANY", [2000 + i]) for i in range(300)]
        with hdl.Tcp(self.at) as c:
            c.send(b"".join(r.octets for r in requests))
            for i, request in enumerate(requests):
                m = c.receive()
                self.assertEqual((m.id, m.rc, m.indexes()), (request.id, 1, [2000 + i]))

    def test_different_messages_in_one_write(self):
        requests = [ask_for("88.118.8/none"), hdl.Request(hdl.SITE_INFO, hdl.array("")),
                    hdl.Request(77, b"??"), ask_for("88.118.8/BIG"), ask_for("88.118.20/x")]
        with hdl.Tcp(self.at) as c:
            c.send(b"".join(r.octets for r in requests))
            answers = [c.receive() for _ in requests]
        self.assertEqual([m.rc for m in answers], [100, 1, 5, 1, 302])
        self.assertEqual([m.id for m in answers], [r.id for r in requests])

    def test_octet_by_octet(self):
        first, second = ask_for("88.118.8/BIG", [1]), ask_for("88.118.8/MANY", [2001])
        with hdl.Tcp(self.at) as c:
            for octet in first.octets + second.octets:
                c.send(bytes([octet]))
            self.assertEqual((c.receive().id, c.receive().id), (first.id, second.id))

    def test_a_message_and_a_half(self):
        first, second = ask_for("88.118.8/MANY", [2001]), ask_for("88.118.8/MANY", [2002])
        with hdl.Tcp(self.at) as c:
            c.send(first.octets + second.octets[:30])
            self.assertEqual(c.receive().indexes(), [2001])
            c.send(second.octets[30:])
            self.assertEqual(c.receive().indexes(), [2002])

    def test_two_clients_interleaved(self):
        one, two = ask_for("88.118.8/MANY", [2001]), ask_for("88.118.8/MANY", [2002])
        with hdl.Tcp(self.at) as a, hdl.Tcp(self.at) as b:
            a.send(one.octets[:50])
            b.send(two.octets[:10])
            self.assertEqual(ask_tcp(self.at, one).rc, 1)
            b.send(two.octets[10:])
            self.assertEqual(b.receive().indexes(), [2002])
            a.send(one.octets[50:])
            self.assertEqual(a.receive().indexes(), [2001])

    def test_half_closed(self):
        """Sent all, closed for sending: the answers still come, then the end."""
        requests = [ask_for("88.118.8/BIG") for _ in range(20)]
        with hdl.Tcp(self.at) as c:
            c.send(b"".join(r.octets for r in requests))
            c.half_close()
            self.assertEqual([c.receive().rc for _ in requests], [1] * 20)
            self.assertIsNone(c.receive())

    def test_peer_that_reads_late(self):
        """More answers than the server keeps for one peer: it waits, and loses none."""
        requests = [ask_for("88.118.8/BIG") for _ in range(200)]  # 4.8 MB of answers
        with hdl.Tcp(self.at) as c:
            c.send(b"".join(r.octets for r in requests))
            self.assertEqual(ask_tcp(self.at, ask_for("88.118.8/BIG")).rc, 1)
            for request in requests:
                m = c.receive()
                self.assertEqual((m.id, len(m.values[0].data)), (request.id, 24000))

    def test_long_answers(self):
        for handle, n in (("88.118.8/BIG", 1), ("88.118.8/MANY", 500)):
            with self.subTest(handle):
                by_tcp = ask_tcp(self.at, ask_for(handle))
                self.assertEqual((by_tcp.rc, len(by_tcp.values)), (1, n))
                # Both are longer than udp-answer-max: a stub with the true length.
                stub = ask_udp(self.at, ask_for(handle))
                self.assertIsInstance(stub, hdl.Stub)
                self.assertEqual((stub.length, stub.rc), (by_tcp.length, 1))
        self.assertEqual(ask_tcp(self.at, ask_for("88.118.8/MANY")).indexes(),
                         list(range(2000, 2500)))

    def test_empty_connections(self):
        for _ in range(50):
            with hdl.Tcp(self.at) as c:
                c.half_close()
                self.assertIsNone(c.receive())

    def test_reset_in_the_middle(self):
        for n in (1, 20, 60):
            c = hdl.Tcp(self.at)
            c.send(ask_for("88.118.8/BIG").octets[:n])
            c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            c.socket.close()
        self.assertEqual(ask_tcp(self.at, ask_for("88.118.8/BIG")).rc, 1)

    def test_thousand_idle_connections(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        idle = []
        try:
            for i in range(1000):
                idle.append(hdl.Tcp(self.at))
                if i % 3 == 0:
                    idle[-1].send(b"\x02\x0b")  # and some began to speak
            for i in range(50):
                self.assertEqual(ask_tcp(self.at, ask_for("88.118.8/MANY", [2000 + i])).rc, 1)
                self.assertEqual(ask_udp(self.at, ask_for("88.118.8/MANY", [2000 + i])).rc, 1)
        finally:
            for c in idle:
                c.socket.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Keeping(NodeCase):
    """Who may stay: nothing here measures time, but the order of ends."""

    settings = {"workers": 1}

    @classmethod
    def fill(cls, node):
        few_records(node)

    def test_who_is_kept_and_who_is_closed(self):
        ask = lambda **more: ask_for("88.118.8/JX1", **more)
        stay = {"KC": dict(flags=CLEAR | hdl.KC), "SDK": dict(SDK, session=10001)}
        with hdl.Tcp(self.at) as kc, hdl.Tcp(self.at) as sdk, hdl.Tcp(self.at) as twice, \
                hdl.Tcp(self.at) as once:
            self.assertEqual(kc.ask(ask(**stay["KC"])).rc, 1)
            self.assertEqual(sdk.ask(ask(**stay["SDK"])).rc, 1)
            # At once: who has asked once stays for about a second.
            twice.send(ask().octets + ask().octets)
            self.assertEqual([twice.receive().rc for _ in range(2)], [1, 1])
            self.assertEqual(once.ask(ask()).rc, 1)
            self.assertTrue(once.is_closed())  # about a second later
            for c, more in ((kc, {}), (sdk, dict(SDK, session=10002)), (twice, {})):
                self.assertEqual(c.ask(ask(**more)).rc, 1)

    def test_early_error_closes(self):
        for broken in (hdl.envelope(23, 7) + bytes(23), hdl.envelope(262145, 7),
                       hdl.envelope(0x80000000, 7), hdl.envelope(0, 7)):
            with hdl.Tcp(self.at) as c:
                c.send(broken)
                m = c.receive()
                self.assertEqual((m.rc, m.op, m.id, m.session, m.version), (4, 0, 7, 0, (2, 3)))
                self.assertIsNone(c.receive())

    def test_good_message_before_a_broken_one_is_answered(self):
        good = ask_for("88.118.8/JX1")
        with hdl.Tcp(self.at) as c:
            c.send(good.octets + hdl.envelope(1, 8))
            self.assertEqual((c.receive().id, c.receive().rc), (good.id, 4))
            self.assertIsNone(c.receive())

    def test_a_broken_body_does_not_close(self):
        broken = hdl.Request(hdl.RESOLUTION, hdl.u32(100) + b"short", CLEAR | hdl.KC)
        with hdl.Tcp(self.at) as c:
            for _ in range(2):
                m = c.ask(broken)
                self.assertEqual((m.rc, m.op), (4, hdl.RESOLUTION))
            self.assertEqual(c.ask(ask_for("88.118.8/JX1")).rc, 1)

    def test_end_inside_a_message(self):
        for n in (1, 19, 20, 44, 60):
            with hdl.Tcp(self.at) as c:
                c.send(ask_for("88.118.8/JX1", request_id=9).octets[:n])
                c.half_close()
                m = c.receive()
                self.assertEqual((m.rc, m.id), (4, 9 if n >= 20 else 0xFFFFFFFF))
                self.assertIsNone(c.receive())


class Limits(NodeCase):
    """The smallest limits that the configuration allows."""

    settings = {"workers": 1, "tcp_connections": 16, "tcp_requests": 3,
                "tcp_first_timeout": 3600, "tcp_idle_timeout": 3600, "tcp_message_timeout": 2}

    @classmethod
    def fill(cls, node):
        few_records(node)

    def test_longest_idle_makes_room(self):
        keep = ask_for("88.118.8/JX1", flags=CLEAR | hdl.KC)
        with hdl.Tcp(self.at) as oldest:
            self.assertEqual(oldest.ask(keep).rc, 1)
            others = []
            for _ in range(15):
                others.append(hdl.Tcp(self.at))
                self.assertEqual(others[-1].ask(keep).rc, 1)
            # 16 are open. One that speaks is not the longest idle any more.
            self.assertEqual(oldest.ask(keep).rc, 1)
            with hdl.Tcp(self.at) as new:
                self.assertEqual(new.ask(keep).rc, 1)
                self.assertTrue(others[0].is_closed())
                self.assertEqual(oldest.ask(keep).rc, 1)
                self.assertEqual(others[15 - 1].ask(keep).rc, 1)
            for c in others:
                c.socket.close()

    def test_requests_of_one_connection(self):
        requests = [ask_for("88.118.8/JX1", flags=CLEAR | hdl.KC) for _ in range(5)]
        with hdl.Tcp(self.at) as c:
            c.send(b"".join(r.octets for r in requests))
            self.assertEqual([c.receive().id for _ in range(3)], [r.id for r in requests[:3]])
            self.assertIsNone(c.receive())

    def test_slow_message_is_cut_off(self):
        """An octet now and then does not move the deadline: the end comes while we send."""
        with hdl.Tcp(self.at) as c:
            octets = ask_for("88.118.8/" + "x" * 2000).octets
            c.socket.settimeout(0.1)
            for i in range(0, 600):
                try:
                    c.send(octets[i:i + 1])
                    self.assertFalse(c.socket.recv(1), "answered")
                    return
                except TimeoutError:
                    continue
                except OSError:
                    return
            self.fail("still open")


class Strangers(NodeCase):
    """Nobody's UDP source address is believed."""

    settings = {"workers": 1, "trusted_net": "[ ]", "tcp_per_source": 4}

    @classmethod
    def fill(cls, node):
        few_records(node)

    def setUp(self):
        # Addresses that proved themselves stay so: a fresh one for each test.
        Strangers.last = getattr(Strangers, "last", 9) + 1
        self.source = "127.0.7.%d" % Strangers.last

    def udp(self, source=None):
        c = hdl.Udp(self.at)
        c.socket.close()
        c.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        c.socket.bind((source or self.source, 0))
        c.socket.settimeout(PATIENCE)
        c.socket.connect(self.at)
        return c

    def tcp(self):
        c = hdl.Tcp.__new__(hdl.Tcp)
        c.socket = socket.create_connection(self.at, PATIENCE, (self.source, 0))
        return c

    def test_short_answers_are_given(self):
        with self.udp() as c:
            m = c.ask(ask_for("88.118.8/JX1"))
            self.assertEqual(m.rc, 1)
            self.assertLessEqual(len(m.octets), hdl.PACKET)

    def test_long_answer_is_a_stub(self):
        request = ask_for("88.118.8/LONG")
        with self.udp() as c, hdl.Tcp(self.at) as other:
            stub = c.ask(request)
            self.assertIsInstance(stub, hdl.Stub)
            self.assertEqual(len(stub.octets), 44)
            self.assertLess(len(stub.octets), len(request.octets))
            self.assertEqual(stub.length, other.ask(request).length)

    def test_after_tcp_the_source_is_believed(self):
        request = ask_for("88.118.8/LONG")
        with self.udp() as u, self.tcp() as t:
            self.assertIsInstance(u.ask(request), hdl.Stub)
            by_tcp = t.ask(request)
            m = u.ask(ask_for("88.118.8/LONG", request_id=request.id))
            self.assertIsInstance(m, hdl.Message)
            self.assertEqual((m.covered[24:], m.length), (by_tcp.covered[24:], by_tcp.length))

    def test_parts_of_a_request_are_not_collected(self):
        long = ask_for("88.118.8/JX1", types=["T" * 300] * 4)
        short = ask_for("88.118.8/JX1")
        with self.udp() as u, self.tcp() as t:
            for packet in long.packets():
                u.send(packet)
            # The next answer is that of the next question.
            self.assertEqual(u.ask(short).rc, 1)
            self.assertEqual(t.ask(ask_for("88.118.8/JX1")).rc, 1)
            self.assertEqual(u.ask(long).rc, 200)

    def test_flood_from_one_source(self):
        """50 answers a second and a burst of 125; above it a stub or nothing. Others notice
        nothing, and the source itself is served by TCP."""
        flood = [ask_for("88.118.8/JX1") for _ in range(1000)]
        full = stubs = 0
        began = time.monotonic()
        with self.udp() as u, self.udp("127.1.9.1") as other:
            for i, request in enumerate(flood):
                u.send(request.octets)
                if i % 20 == 19:  # keep within the socket's buffer; this one is served in order
                    self.assertIsInstance(other.ask(ask_for("88.118.8/JX1")), hdl.Message)
            u.socket.setblocking(False)
            try:
                while True:
                    m = u.receive()
                    stubs += isinstance(m, hdl.Stub)
                    full += isinstance(m, hdl.Message)
            except BlockingIOError:
                pass
        self.assertGreaterEqual(full, 100)
        self.assertLessEqual(full, 125 + 50 * (time.monotonic() - began + 1))
        self.assertLessEqual(stubs, (1000 - full) // 2 + 1)
        with self.tcp() as t:
            self.assertEqual(t.ask(flood[0]).rc, 1)

    def test_connections_of_one_source(self):
        keep = ask_for("88.118.8/JX1", flags=CLEAR | hdl.KC)
        kept = [self.tcp() for _ in range(4)]
        for c in kept:
            self.assertEqual(c.ask(keep).rc, 1)
        with self.tcp() as one_more:
            try:
                one_more.send(keep.octets)
                self.assertIsNone(one_more.receive())
            except OSError:
                pass  # reset
        self.assertEqual(ask_tcp(self.at, keep).rc, 1)  # another source
        for c in kept:
            self.assertEqual(c.ask(keep).rc, 1)
            c.socket.close()


class Believed(NodeCase):
    """Loopback is trusted by default."""

    settings = {"workers": 1}

    @classmethod
    def fill(cls, node):
        few_records(node)

    def test_long_answer_in_packets(self):
        by_udp = ask_udp(self.at, ask_for("88.118.8/LONG"))
        self.assertEqual(by_udp.values[0].data.decode(), "长" * 700)
        self.assertGreater(len(by_udp.octets), 4 * hdl.PACKET)

    def test_signed_long_answer_in_packets(self):
        m = ask_udp(self.at, ask_for("88.118.8/LONG", flags=CLEAR | hdl.CT))
        self.assertNotEqual(m.credential, b"")

    def test_too_long_even_so(self):
        self.assertIsInstance(ask_udp(self.at, ask_for("88.118.8/HUGE")), hdl.Stub)
        self.assertEqual(len(ask_tcp(self.at, ask_for("88.118.8/HUGE")).values), 11)

    def test_request_in_packets(self):
        request = ask_for("88.118.8/JX1", types=["T" * 300] * 5 + ["URL"])
        self.assertGreater(len(request.packets()), 3)
        self.assertEqual(ask_udp(self.at, request).rc, 1)

    def test_request_in_packets_in_any_order_and_twice(self):
        request = ask_for("88.118.8/JX1", types=["T" * 300] * 5 + ["URL"])
        packets = request.packets()
        with hdl.Udp(self.at) as c:
            for packet in packets[:0:-1] + packets[1:] + packets[:1]:
                c.send(packet)
            m = c.receive()
            self.assertEqual((m.id, m.rc, m.indexes()), (request.id, 1, [1]))

    def test_packets_of_two_requests_mixed(self):
        one = ask_for("88.118.8/JX1", types=["T" * 300] * 2 + ["URL"])
        two = ask_for("88.118.8/JX1", types=["T" * 300] * 3)
        with hdl.Udp(self.at) as c:
            for a, b in zip(one.packets(), two.packets()):
                c.send(a)
                c.send(b)
            for rest in one.packets()[len(two.packets()):] + two.packets()[len(one.packets()):]:
                c.send(rest)
            answers = {m.id: m.rc for m in (c.receive(), c.receive())}
        self.assertEqual(answers, {one.id: 1, two.id: 200})

    def test_what_udp_never_answers(self):
        """Responses, operation 0, too short: two servers must not talk for ever."""
        response = hdl.Request(hdl.RESOLUTION, hdl.u32(0), rc=100)
        zero = hdl.Request(0, hdl.u32(0))
        good = ask_for("88.118.8/JX1")
        with hdl.Udp(self.at) as c:
            for data in (response.octets, zero.octets, b"", b"\0", good.octets[:19],
                         good.octets[:20], good.octets[:43], bytes(512), bytes(2048),
                         bytes(9000)):
                c.send(data)
            self.assertEqual(c.ask(good).rc, 1)


if __name__ == "__main__":
    unittest.main()
