# SPDX-License-Identifier: Apache-2.0
"""POST /api/v1/resolve: many questions in one request, their answers in order, whatever stands
between them, and no more memory than a window of them takes."""

import http.client
import json
import socket
import threading
import unittest
from urllib.parse import quote

from node import PATIENCE, text_value
from tiers import TiersCase
from v1 import V1Case, ask, http_port

LEAF = "88.118.8"
RECORDS = 500


def record(i):
    return {"handle": "%s/R%d" % (LEAF, i),
            "values": [text_value(1, "URL", "https://example/%d" % i),
                       text_value(2, "EMAIL", "a%d@example" % i),
                       text_value(3, "PIN", "1234", permissions="1100")]}


def values_of(answer):
    return [(v["index"], v["type"], v["data"]["value"]) for v in answer["values"]]


class Resolve(V1Case):

    @classmethod
    def fill(cls, node):
        node.load([record(i) for i in range(RECORDS)])
        node.load([{"handle": LEAF + "/LONG", "values": [text_value(1, "DESC", "x" * 250000)]}])

    def resolve(self, body, **more):
        a = self.ask("POST", "/api/v1/resolve", body, **more)
        self.assertEqual(a.status, 200, a.body)
        self.assertEqual(a.type, "application/x-ndjson;charset=utf-8")
        return a.lines

    def test_forms(self):
        whole = [(1, "URL", "https://example/7"), (2, "EMAIL", "a7@example")]
        name = LEAF + "/R7"
        for body in ('"%s"', '"%s"\n', '["%s"]', '{"handle":"%s"}', '[{"handle":"%s"}]',
                     ' \n[ {\n"handle" :\t"%s" }\n]\n', '\r\n"%s"\r\n',
                     '{"handle":"%s","types":[],"indexes":[]}'):
            with self.subTest(body=body):
                (one,) = self.resolve(body % name)
                self.assertEqual((one["responseCode"], one["handle"]), (1, name))
                self.assertEqual(values_of(one), whole)

    def test_filters(self):
        for members, want in (({"types": ["url"]}, [1]), ({"indexes": [2]}, [2]),
                              ({"indexes": ["2"]}, [2]),
                              ({"types": ["URL"], "indexes": [2]}, [1, 2]),
                              ({"types": ["EMAIL", "URL"]}, [1, 2])):
            (one,) = self.resolve(json.dumps(dict(members, handle=LEAF + "/R7")))
            self.assertEqual([v["index"] for v in one["values"]], want, members)

    def test_as_the_single_question(self):
        """The same object as GET /api/handles gives."""
        names = ["R7", "r7", "none", "R7/x", "ü"]
        names = [LEAF + "/" + n for n in names] + ["nobody.has.this/1"]
        lines = self.resolve("\n".join(json.dumps(n) for n in names))
        for name, line in zip(names, lines):
            self.assertEqual(self.ask("GET", "/api/handles/" + quote(name)).json, line)
        self.assertEqual([line["responseCode"] for line in lines], [1, 1, 100, 100, 100, 301])
        (none,) = self.resolve('{"handle":"%s/R7","types":["NIX"]}' % LEAF)
        self.assertEqual(none, {"responseCode": 200, "values": [], "handle": LEAF + "/R7"})

    def test_wrong_lines_have_answers_in_their_place(self):
        good = '"%s/R1"' % LEAF
        bad = ["5", "null", "[1]", "{", "\"", "{}", '{"handle":5}', '{"handle":"%s/R1","x":1}' % LEAF,
               '{"handle":"a/b","types":"URL"}', '{"handle":"a/b","types":[5]}',
               '{"handle":"a/b","indexes":[0]}', '{"handle":"a/b","indexes":[-1]}',
               '{"handle":"a/b","indexes":[2147483648]}', '{"handle":"a/b","indexes":["x"]}',
               '{"handle":"a/b","handle":"c/d"}', good + good, "x" * 20000, '"\xff"', "[" * 300]
        lines = self.resolve("".join("%s\n%s\n" % (good, b) for b in bad).encode("latin-1"))
        self.assertEqual(len(lines), 2 * len(bad))
        for i, text in enumerate(bad):
            self.assertEqual(lines[2 * i]["responseCode"], 1, text)
            self.assertEqual(lines[2 * i + 1]["responseCode"], 4, text)
            self.assertIn("question %d: " % (2 * i + 2), lines[2 * i + 1]["message"])

    def test_arrays_that_are_none(self):
        good = '"%s/R1"' % LEAF
        for body, answers in (("[", 0), ("[%s" % good, 0), ("[%s,%s" % (good, good), 1), ("[%s,]" % good, 1), ("[,%s]" % good, 0),
                              ("[%s] x" % good, 1), ("[%s][%s]" % (good, good), 1)):
            lines = self.resolve(body)
            self.assertEqual([line["responseCode"] for line in lines], [1] * answers + [4], body)

    def test_nothing(self):
        for body in (b"", b"\n\n", b"[]", b" [ ] "):
            self.assertEqual(self.resolve(body), [])
            self.assertEqual(self.resolve(iter([body])), [])

    def test_identifiers_that_are_none(self):
        lines = self.resolve('""\n"x"\n"/"\n"%s"\n' % ("a/" * 2000))
        self.assertEqual(len(lines), 4)
        for line in lines:
            self.assertNotEqual(line["responseCode"], 1)

    def test_other_methods(self):
        self.assert_refused(self.ask("GET", "/api/v1/resolve"), 405, 4)
        self.assert_refused(self.ask("PUT", "/api/v1/resolve", "x"), 405, 4)

    def test_pieces(self):
        """Chunks that end anywhere."""
        body = b"".join(json.dumps(LEAF + "/R%d" % i).encode() + b"\n" for i in range(200))
        for size in (1, 2, 7, 100, 4000):
            pieces = (body[i:i + size] for i in range(0, len(body), size))
            lines = self.resolve(pieces)
            self.assertEqual([line["handle"] for line in lines],
                             [LEAF + "/R%d" % i for i in range(200)])

    def test_while_it_is_sent(self):
        """The first answers come before the last question is asked."""
        with socket.create_connection(self.web, timeout=PATIENCE) as s:
            s.sendall(b"POST /api/v1/resolve HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            f = s.makefile("rb")
            for i in range(3):
                line = json.dumps(LEAF + "/R%d" % i).encode() + b"\n"
                s.sendall(b"%x\r\n%s\r\n" % (len(line), line))
                while True:
                    got = f.readline()
                    self.assertTrue(got)
                    if got.startswith(b'{"'):
                        break
                self.assertEqual(json.loads(got)["handle"], LEAF + "/R%d" % i)
            s.sendall(b"0\r\n\r\n")
            self.assertEqual(f.readline() + f.readline(), b"\r\n0\r\n")

    def memory(self):
        with open("/proc/%d/status" % self.node.process.pid, encoding="ascii") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def is_watched(self):
        with open("/proc/%d/maps" % self.node.process.pid, encoding="ascii") as f:
            return "libasan" in f.read()

    def test_a_reader_who_waits(self):
        """Far more than anybody's buffers hold: who does not read is not read from, nothing is
        gathered meanwhile, and in the end everything is there and in order."""
        n = 60000
        before = self.memory()
        with socket.create_connection(self.web, timeout=PATIENCE) as s:
            body = b"".join(b'"%s/R%d"\n' % (LEAF.encode(), i % RECORDS) for i in range(n))
            s.sendall(b"POST /api/v1/resolve HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                      b"Content-Length: %d\r\n\r\n" % len(body))
            sender = threading.Thread(target=s.sendall, args=(body,))
            sender.start()
            # The server stands still now or soon; others are served.
            self.assertEqual(len(self.resolve('"%s/R1"' % LEAF)), 1)
            i = 0
            for line in s.makefile("rb"):
                if line.startswith(b'{"'):
                    self.assertEqual(json.loads(line)["handle"], "%s/R%d" % (LEAF, i % RECORDS))
                    i += 1
            sender.join(PATIENCE)
        self.assertEqual(i, n)
        # A sanitizer keeps what was freed, up to 256 MiB of it.
        self.assertLess(self.memory() - before, 400000 if self.is_watched() else 40000)

    def test_long_records_leave_nothing_behind(self):
        """Batches that stay open, each of which was told a long record in every place of its window."""
        before, peers = self.memory(), []
        questions = b'"%s/LONG"\n' % LEAF.encode() * 66
        for _ in range(12):
            s = socket.create_connection(self.web, timeout=PATIENCE)
            peers.append(s)
            s.sendall(b"POST /api/v1/resolve HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                      b"%x\r\n%s\r\n" % (len(questions), questions))
            left = 66 * 250000
            while left > 0:
                left -= len(s.recv(1 << 20))
        took = self.memory() - before
        for s in peers:
            s.close()
        if not self.is_watched():  # a sanitizer keeps what was freed
            self.assertLess(took, 80000)

    def test_a_peer_who_leaves(self):
        for end in (0, 1, 500):
            with socket.create_connection(self.web, timeout=PATIENCE) as s:
                s.sendall(b"POST /api/v1/resolve HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
                s.sendall(b'"%s/R1"\n' % LEAF.encode() * end)
        self.assertEqual(len(self.resolve('"%s/R1"' % LEAF)), 1)

    def test_two_on_one_connection(self):
        c = http.client.HTTPConnection(*self.web, timeout=PATIENCE)
        for i in range(3):
            c.request("POST", "/api/v1/resolve", body=b'["%s/R%d"]' % (LEAF.encode(), i))
            r = c.getresponse()
            self.assertEqual(json.loads(r.read())["handle"], "%s/R%d" % (LEAF, i))
        c.close()


class ByAResolver(TiersCase):
    settings = {"http": '[ "127.0.0.1:0" ]'}

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load([record(i) for i in range(RECORDS)])

    def test_walks_and_answers_in_order(self):
        at = ("127.0.0.1", http_port(self.resolver))
        names = []
        for i in range(RECORDS):
            names += ["%s/R%d" % (LEAF, i), "%s/none%d" % (LEAF, i % 3), "88.118/none"]
        a = ask(at, "POST", "/api/v1/resolve", "\n".join(json.dumps(n) for n in names))
        lines = a.lines
        self.assertEqual([line["handle"] for line in lines], names)
        self.assertEqual([line["responseCode"] for line in lines], [1, 100, 100] * RECORDS)
        for i in range(RECORDS):
            self.assertEqual(values_of(lines[3 * i])[0], (1, "URL", "https://example/%d" % i))


if __name__ == "__main__":
    unittest.main()
