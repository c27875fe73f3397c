# SPDX-License-Identifier: Apache-2.0
"""What every answer by HTTP has in common (docs/api-http.md, "The HTTP layer"): caching, compression,
other origins, limits, and peers that are slow on purpose."""

import concurrent.futures
import gzip
import json
import select
import ssl
import time
import unittest

from node import PATIENCE, NodeCase, text_value
from rawhttp import ask, connect, http_at, read_answers, read_to_end, talk
from test_limits import small_window

KNOWN = "/api/handles/88.118.8/KNOWN"
LONG = "/api/handles/88.118.8/LONG"


class HttpCase(NodeCase):
    settings = {"http": '[ "127.0.0.1:0" ]', "workers": 1}

    @classmethod
    def fill(cls, node):
        node.load([
            {"handle": "88.118.8/KNOWN", "values": [text_value(1, "URL", "https://id.example.cn/", ttl=7200),
                                                    text_value(2, "brand", "齿轮", ttl=3600)]},
            {"handle": "88.118.8/NEVER", "values": [text_value(1, "URL", "https://a.example/", ttl=-1)]},
            {"handle": "88.118.8/LONG", "values": [text_value(i, "part", "gear wheel %d " % i * 20)
                                                   for i in range(1, 60)]}])

    @property
    def web(self):
        return http_at(self.node)

    def ask(self, method, target, *fields, **more):
        return ask(self.web, method, target, *fields, **more)


class Caching(HttpCase):
    def test_as_long_as_the_smallest_ttl(self):
        a = self.ask("GET", KNOWN)
        self.assertEqual(a.get("Cache-Control"), "public, max-age=3600")
        self.assertRegex(a.get("ETag"), '^"[0-9a-f]{16}"$')
        self.assertIn("Accept-Encoding", a.get("Vary"))

    def test_not_modified(self):
        tag = self.ask("GET", KNOWN).get("ETag")
        for given in (tag, "W/" + tag, '"x", ' + tag, "*", tag[:-1] + '-gzip"'):
            a = self.ask("GET", KNOWN, "If-None-Match: " + given)
            self.assertEqual((a.status, a.body), (304, b""), given)
            self.assertEqual(a.get("ETag"), tag)
            self.assertIsNone(a.get("Content-Length"))
        for given in ('"0123456789abcdef"', tag.strip('"'), '""', ","):
            self.assertEqual(self.ask("GET", KNOWN, "If-None-Match: " + given).status, 200, given)
        self.assertEqual(self.ask("HEAD", KNOWN, "If-None-Match: " + tag).status, 304)

    def test_negative_ttl(self):
        """Is none, for caches (RFC 2181 8): the reference's clients do not keep such a value either."""
        self.assertEqual(self.ask("GET", "/api/handles/88.118.8/NEVER").get("Cache-Control"),
                         "public, max-age=0")
        self.assertEqual(self.ask("GET", "/88.118.8/NEVER").get("Cache-Control"), "max-age=0")

    def test_another_body_another_tag(self):
        self.assertNotEqual(self.ask("GET", KNOWN).get("ETag"), self.ask("GET", LONG).get("ETag"))

    def test_only_what_is_there_for_all(self):
        self.assertEqual(self.ask("GET", "/api/handles/88.118.8/NONE").get("Cache-Control"), "no-store")
        a = self.ask("GET", KNOWN, "Authorization: Bearer nonsense")
        self.assertEqual(a.get("Cache-Control"), "private, no-store")
        self.assertIsNone(a.get("ETag"))

    def test_head_is_get_without_the_body(self):
        for target, fields in ((KNOWN, ()), (LONG, ()), (LONG, ("Accept-Encoding: gzip",))):
            get, head = self.ask("GET", target, *fields), self.ask("HEAD", target, *fields)
            self.assertEqual(head.body, b"")
            differ = {n for n, v in set(get.fields) ^ set(head.fields)} - {"Date"}
            self.assertFalse(differ)


class Compression(HttpCase):
    def test_packed_requests(self):
        """Are refused as such (RFC 9110 15.5.16), not read as broken JSON."""
        for path in ("/api/handles/88.118.8/LONG", "/api/v1/resolve"):
            a = self.ask("POST", path, "Content-Encoding: gzip", body=b"\x1f\x8b\x08")
            self.assertEqual((a.status, a.get("Accept-Encoding")), (415, "identity"))
            a = self.ask("POST", path, "Content-Encoding: identity", "Content-Type: application/json", body=b"[]")
            self.assertNotEqual(a.status, 415)
        self.assertEqual(self.ask("GET", KNOWN, "Content-Encoding: gzip").status, 200)

    def test_long_ones(self):
        plain = self.ask("GET", LONG)
        packed = self.ask("GET", LONG, "Accept-Encoding: gzip")
        self.assertEqual(packed.get("Content-Encoding"), "gzip")
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        self.assertLess(len(packed.body), len(plain.body) / 5)
        self.assertNotEqual(packed.get("ETag"), plain.get("ETag"))
        self.assertIsNone(self.ask("GET", KNOWN, "Accept-Encoding: gzip").get("Content-Encoding"))

    def test_qualities(self):
        for given, wanted in (("gzip;q=1.0", True), ("gzip;q=0", False), ("gzip;q=0.000", False),
                              ("gzip;q=0.001", True), ("*", True), ("*;q=0", False), ("gzip;q=0, *", False),
                              ("deflate, br", False), ("br, GZIP", True), ("x-gzip", True), ("identity", False),
                              ("gzip;q=0.5, identity;q=0.8", False), ("identity;q=0.1, gzip;q=0.2", True),
                              ("gzip;q=high", False), ("gzip ; q=0.5", True), ("", False), ("gzipped", False)):
            a = self.ask("GET", LONG, "Accept-Encoding: " + given)
            self.assertEqual(a.get("Content-Encoding") == "gzip", wanted, given)

    def test_streamed_ones(self):
        body = b'"88.118.8/LONG"\n' * 50
        plain = self.ask("POST", "/api/v1/resolve", body=body)
        packed = self.ask("POST", "/api/v1/resolve", "Accept-Encoding: gzip", body=body)
        self.assertEqual(packed.get("Transfer-Encoding"), "chunked")
        self.assertEqual(packed.get("Content-Encoding"), "gzip")
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        self.assertEqual(len(plain.body.splitlines()), 50)


class Origins(HttpCase):
    def test_any_page_may_ask(self):
        for origin in ("https://shop.example.cn", "null"):
            a = self.ask("GET", KNOWN, "Origin: " + origin)
            self.assertEqual(a.get("Access-Control-Allow-Origin"), origin)
            self.assertIn("Content-Length", a.get("Access-Control-Expose-Headers"))
            self.assertIsNone(a.get("Access-Control-Allow-Credentials"))
            self.assertIn("Origin", a.get("Vary"))
        self.assertIsNone(self.ask("GET", KNOWN).get("Access-Control-Allow-Origin"))

    def test_preflight(self):
        a = self.ask("OPTIONS", KNOWN, "Origin: https://shop.example.cn", "Access-Control-Request-Method: PUT",
                     "Access-Control-Request-Headers: authorization,content-type")
        self.assertEqual((a.status, a.body), (200, b""))
        self.assertEqual(a.get("Access-Control-Max-Age"), "86400")
        for method in ("GET", "POST", "HEAD", "PUT", "DELETE"):
            self.assertIn(method, a.get("Access-Control-Allow-Methods").split(","))
        for field in ("X-Requested-With", "Authorization", "Origin", "Accept", "Content-Type"):
            self.assertIn(field, a.get("Access-Control-Allow-Headers").split(","))

    def test_plain_options(self):
        for target in (KNOWN, "*"):
            a = self.ask("OPTIONS", target)
            self.assertEqual(a.status, 200)
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
                self.assertIn(method, a.get("Allow").split(", "))

    def test_nosniff(self):
        self.assertEqual(self.ask("GET", KNOWN).get("X-Content-Type-Options"), "nosniff")


class Pipelined(HttpCase):
    def test_all_in_order(self):
        """More than are answered at a turn; whole and in pieces."""
        asked = [b"GET /api/handles/88.118.8/%d HTTP/1.1\r\nHost: h\r\n" % i for i in range(300)]
        asked[-1] += b"Connection: close\r\n"
        for step in (None, 1000, 77):
            answers = read_answers(talk(self.web, b"\r\n".join(asked) + b"\r\n", step))
            self.assertEqual([json.loads(a.body)["handle"] for a in answers],
                             ["88.118.8/%d" % i for i in range(300)])


class Bombs(HttpCase):
    """JSON that is meant to cost us much: told at once, whatever its size (threats.md 4)."""

    def refuse(self, body):
        a = self.ask("POST", KNOWN, "Content-Type: application/json", body=body)
        self.assertLess(a.status, 500, body[:50])
        self.assertEqual(self.ask("GET", KNOWN).status, 200)

    def test_bombs(self):
        for body in (b"[" * 250000, b'{"a":' * 50000, b'{"values":' + b"[" * 200000, b'"' + b"\\" * 200000,
                     b"[" + b"1," * 100000 + b"1]", b"9" * 250000, b"{" + b'"a":1,' * 30000 + b'"a":1}'):
            self.refuse(body)

    def test_ten_megabytes(self):
        got = talk(self.web, b"PUT %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                   b"Content-Length: 10000000\r\n\r\n" % KNOWN.encode() + b"[" * 1000000)
        answers = read_answers(got)  # what was on its way when we closed may take the answer along
        self.assertIn([a.status for a in answers], ([413], []))
        self.assertEqual(self.ask("GET", KNOWN).status, 200)


class LongQuestions(HttpCase):
    """What is longer than a message may be is refused, and never answered with what somebody else was told."""

    def test_too_long_for_a_message(self):
        form = b"type=" + b"x" * ((256 << 10) - 10)
        for _ in range(4):
            self.assertEqual(json.loads(self.ask("GET", KNOWN).body)["responseCode"], 1)
            a = self.ask("POST", "/api/handles/88.118.8/NOBODY", "Content-Type: application/x-www-form-urlencoded",
                         body=form)
            self.assertEqual((a.status, json.loads(a.body)["responseCode"]), (400, 4), a.body[:200])
            self.assertNotIn(b"values", a.body)


class Limits(HttpCase):
    settings = dict(HttpCase.settings, http_requests=5, http_hosts='[ "id.example.cn", "127.0.0.1", "[::1]" ]')

    def test_requests_of_a_connection(self):
        request = b"GET %s HTTP/1.1\r\nHost: id.example.cn\r\n\r\n" % KNOWN.encode()
        answers = read_answers(talk(self.web, request * 9))
        self.assertEqual([a.status for a in answers], [200] * 5)
        self.assertEqual([a.get("Connection") for a in answers], [None] * 4 + ["close"])

    def test_hosts(self):
        for host, status in (("id.example.cn", 200), ("ID.example.CN:8000", 200), ("[::1]:8000", 200), ("[::1]", 200),
                             ("127.0.0.1", 200), ("evil.example", 421), ("id.example.cn.evil.example", 421),
                             ("id.example.cn.", 421), ("8000", 421), ("[::2]", 421)):
            got = talk(self.web, b"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
                       % (KNOWN.encode(), host.encode()))
            self.assertEqual([a.status for a in read_answers(got)], [status], host)
        old = talk(self.web, b"GET %s HTTP/1.0\r\n\r\n" % KNOWN.encode())
        self.assertEqual(read_answers(old)[0].status, 421)


class Slow(HttpCase):
    """Peers that dribble: each is gone by its deadline, and who asks in between notices nothing."""

    settings = dict(HttpCase.settings, tcp_message_timeout=2, tcp_stall_timeout=2, tcp_first_timeout=2,
                    http_min_rate=1000)
    DRIBBLES = {
        "head": b"GET /" + b"a" * 10000,
        "headers": b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 1000,
        "length": b"POST /api/nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + b"x" * 10000,
        "chunks": b"POST /api/nowhere HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1000,
        "stream": b"POST /api/v1/resolve HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  + b"1\r\n \r\n" * 1000,
        "nothing": b"",
    }

    def dribble(self, octets, many):
        """How many of them are left: each sends its head at once, then an octet now and then."""
        began, peers = time.monotonic(), [connect(self.web) for _ in range(many)]
        head = octets.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in octets else min(len(octets), 10)
        for s in peers:
            s.setblocking(False)
            octets and s.send(octets[:head])
        at = head
        while peers and time.monotonic() - began < PATIENCE:
            gone, _, _ = select.select(peers, [], [], 0.05)
            for s in peers:
                try:
                    octets and s.send(octets[at:at + 1])
                except OSError:
                    gone.append(s)
            at += 1
            for s in set(gone):
                s.close()
                peers.remove(s)
        for s in peers:
            s.close()
        return len(peers)

    def test_dribblers(self):
        with concurrent.futures.ThreadPoolExecutor(len(self.DRIBBLES)) as threads:
            ends = {name: threads.submit(self.dribble, octets, 40) for name, octets in self.DRIBBLES.items()}
            while not all(end.done() for end in ends.values()):
                self.assertEqual(self.ask("GET", KNOWN).status, 200)
            self.assertEqual({name: end.result() for name, end in ends.items()}, dict.fromkeys(ends, 0))

    def test_fast_enough(self):
        """Five times longer than a message may take, but no slower than it must be."""
        with connect(self.web) as s:
            s.sendall(b"POST /api/nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 20000\r\n\r\n")
            began = time.monotonic()
            for _ in range(20):
                s.sendall(b"x" * 1000)
                select.select([s], [], [], 0.25)  # an answer would come too early
            self.assertGreater(time.monotonic() - began, 2)
            self.assertEqual(read_answers(read_to_end(s))[0].status, 404)

    def test_never_reads(self):
        """Pipelined questions of which no answer is read: the end, and no more memory than a few answers."""
        def resident():
            with open("/proc/%d/statm" % self.node.process.pid, encoding="ascii") as f:
                return int(f.read().split()[1]) * 4096
        before, peers = resident(), select.poll()
        for _ in range(20):
            s = small_window(self.web).socket
            self.addCleanup(s.close)
            s.setblocking(False)
            peers.register(s, 0)  # for errors and the end alone
            try:
                while True:
                    s.send(b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n" % LONG.encode() * 100)
            except OSError:
                pass  # it takes no more, or has closed already
        self.assertEqual(self.ask("GET", KNOWN).status, 200)
        with open("/proc/%d/maps" % self.node.process.pid, encoding="utf-8") as f:
            watched = "libasan" in f.read()  # which keeps what was freed
        self.assertLess(resident() - before, (300 if watched else 20) << 20)
        ended, end = 0, time.monotonic() + PATIENCE
        while ended < 20 and time.monotonic() < end:
            for fd, _ in peers.poll(1000):
                peers.unregister(fd)
                ended += 1
        self.assertEqual(ended, 20)


class Tls(HttpCase):
    def test_the_same_by_tls(self):
        context = ssl._create_unverified_context()
        with context.wrap_socket(connect(self.web)) as s:
            s.sendall(b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n" % KNOWN.encode() * 3)
            s.sendall(b"GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" % LONG.encode())
            answers = read_answers(read_to_end(s))
        self.assertEqual([a.status for a in answers], [200] * 4)
        self.assertEqual(json.loads(answers[0].body)["handle"], "88.118.8/KNOWN")


if __name__ == "__main__":
    unittest.main()
