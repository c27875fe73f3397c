# SPDX-License-Identifier: Apache-2.0
"""Requests that two readers could take for different ones (threats.md 4): each is refused and the
connection closed, or read in exactly one way. Behind each stands a further request for CANARY: behind
a refused one nobody answers it, behind the others exactly once. Each case is sent whole and octet by
octet."""

import unittest

from node import NodeCase
from rawhttp import http_at, read_answers, talk

CANARY = b"GET /api/handles/88.118.8/CANARY HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
SITE = "GET /api/site HTTP/1.1\r\n"
H = "Host: h\r\n"
POST = "POST /api/nowhere HTTP/1.1\r\n" + H
SMUGGLED = "GET /api/handles/88.118.8/SMUGGLED HTTP/1.1\r\nHost: h\r\n\r\n"

CASES = []  # (name, octets, statuses before the canary's, or None: refused)


def refused(name, text):
    CASES.append((name, text.encode("latin-1"), None))


def read(name, text, *statuses):
    CASES.append((name, text.encode("latin-1"), list(statuses)))


# --- lengths ---
for value in ("", " ", "+5", "-5", "-0", "0x5", "5,5", "5, 5", "5;5", "5.0", "5e0", "5 5", "5a", "a5", "\"5\"",
              "\xb2", "5\x0b", "5\x00", "5\x7f", "18446744073709551615", "18446744073709551621",
              "99999999999999999999999999", "9223372036854775808", "1_0", "5\r", "5\n", "\x0b5", "\x0c5",
              "4294967301x", "5#", "(5)", "5%20", "NaN", "infinity", "chunked",
              "5\t"):
    refused("Content-Length %r" % value, POST + "Content-Length: %s\r\n\r\nAAAAA" % value)
for value in ("5", " 5", "5 ", "\t5", "05", "000000000000000005"):
    read("Content-Length %r" % value, POST + "Content-Length:%s\r\n\r\nAAAAA" % value, 404)
for name in ("content-length", "CONTENT-LENGTH", "CoNtEnT-lEnGtH"):
    read("%s is the same" % name, POST + "%s: 5\r\n\r\nAAAAA" % name, 404)
for name in ("Content-Length ", " Content-Length", "\tContent-Length", "Content-Length\t", "Content Length",
             "Content-Length\x00", "\x00Content-Length", "Content-Length\r", "\rContent-Length",
             "Content-Length\x0b", "Content-Length\x80", "\xa0Content-Length", "\xef\xbb\xbfContent-Length",
             "Content-Length:\r\nX", "(Content-Length)", "\"Content-Length\"", "Content-Length/", "Content-Length@",
             "Content-Length;"):
    refused("a header %r" % name, POST + "%s: 5\r\n\r\nAAAAA" % name)
refused("two lengths", POST + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nAAAAA")
refused("two equal lengths", POST + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nAAAAA")
refused("a second length far away", POST + "Content-Length: 0\r\nX: y\r\nY: z\r\ncontent-length: %d\r\n\r\n"
        % len(SMUGGLED) + SMUGGLED)
refused("a length by a folded line", POST + "Content-Length:\r\n 5\r\n\r\nAAAAA")
refused("a length folded behind another header", POST + "X: y\r\n Content-Length: 5\r\n\r\nAAAAA")
read("Content_Length is another header", POST + "Content_Length: 5\r\n\r\n", 404)
read("a length in another header's value", POST + "X: Content-Length: 5\r\n\r\n", 404)
read("no body", POST + "Content-Length: 0\r\n\r\n", 404)
read("GET with a body", SITE + H + "Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED, 200)
read("HEAD with a body", SITE.replace("GET", "HEAD") + H + "Content-Length: %d\r\n\r\n" % len(SMUGGLED)
     + SMUGGLED, 200)
read("OPTIONS with a body", SITE.replace("GET", "OPTIONS") + H + "Content-Length: 5\r\n\r\nAAAAA", 200)

# --- codings ---
ZERO = "0\r\n\r\n"
for value in ("chunked, identity", "identity, chunked", "gzip, chunked", "chunked, chunked", "chunked,", ",chunked",
              "chunked;q=1", "chunked;", "\"chunked\"", "'chunked'", "xchunked", "chunkedx", "chunk", "chu\tnked",
              "chunked\x00", "\x00chunked", "chunked\x0b", "\x0bchunked", "\x0cchunked", "chunked\x80", "chun\xeaed",
              "", "identity", "gzip", "deflate", "compress", "none", "cow", "trailers", "chunked foo", "foo chunked",
              "chunked\r", "chunked\n", "c\r\n hunked", "\r\n chunked", "chunked\x7f", "chunked#"):
    refused("Transfer-Encoding %r" % value, POST + "Transfer-Encoding: %s\r\n\r\n" % value + ZERO + SMUGGLED)
for value in ("chunked", "Chunked", "CHUNKED", " chunked", "chunked ", "\tchunked\t"):
    read("Transfer-Encoding %r" % value, POST + "Transfer-Encoding:%s\r\n\r\n" % value + ZERO, 404)
for name in ("Transfer-Encoding ", " Transfer-Encoding", "Transfer-Encoding\t", "Transfer-Encoding\x00", "Transfer Encoding",
             "Transfer-Encoding\x0b", "Transfer-Encoding\xa0", "X: y\nTransfer-Encoding", "X: y\rTransfer-Encoding",
             "\x00Transfer-Encoding", "Transfer-\x00Encoding", "Transfer-Encoding\r\n"):
    refused("a header %r" % name, POST + "%s: chunked\r\n\r\n" % name + ZERO + SMUGGLED)
refused("coding and length", POST + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + ZERO + SMUGGLED)
refused("length and coding", POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + ZERO + SMUGGLED)
refused("length 0 and coding", POST + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" + ZERO)
refused("coding twice", POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + ZERO)
refused("two codings", POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + ZERO)
refused("two codings, the other way", POST + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n" + ZERO)
refused("a coding in HTTP/1.0", "POST /api/nowhere HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + ZERO + SMUGGLED)
read("Transfer_Encoding is another header", POST + "Transfer_Encoding: chunked\r\n\r\n", 404)
read("TE is another header", POST + "TE: chunked\r\n\r\n", 404)

# --- chunks ---
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"
for chunks in ("5\r\nAAAAA\r\n0\r\n\r\n", "005\r\nAAAAA\r\n0\r\n\r\n", "5;x\r\nAAAAA\r\n0\r\n\r\n",
               "5;x=\"y;z\"\r\nAAAAA\r\n0\r\n\r\n", "a\r\nAAAAAAAAAA\r\n0\r\n\r\n", "A\r\nAAAAAAAAAA\r\n000\r\n\r\n",
               "1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n"):
    read("chunks %r" % chunks, CHUNKED + chunks, 404)
for chunks in ("\r\n", "5\nAAAAA\r\n0\r\n\r\n", "5\r\nAAAAA\n0\r\n\r\n", "5\r\nAAAAA0\r\n\r\n", "5\r\nAAAAAA\r\n0\r\n\r\n",
               "5\r\nAAAA\r\n0\r\n\r\n", "+5\r\nAAAAA\r\n0\r\n\r\n", "-5\r\nAAAAA\r\n0\r\n\r\n", "0x5\r\nAAAAA\r\n0\r\n\r\n",
               " 5\r\nAAAAA\r\n0\r\n\r\n", "5 \r\nAAAAA\r\n0\r\n\r\n", "5\t\r\nAAAAA\r\n0\r\n\r\n", "5g\r\nAAAAA\r\n0\r\n\r\n",
               "g\r\nAAAAA\r\n0\r\n\r\n", "5\rAAAAA\r\n0\r\n\r\n", "5\r\r\nAAAAA\r\n0\r\n\r\n", "5\x00\r\nAAAAA\r\n0\r\n\r\n",
               "100000000\r\nAAAAA\r\n0\r\n\r\n", "0000000000000000005\r\nAAAAA\r\n0\r\n\r\n",
               "fffffffffffffffff\r\nAAAAA\r\n0\r\n\r\n", "10000000000000005\r\nAAAAA\r\n0\r\n\r\n",
               "5;x\nAAAAA\r\n0\r\n\r\n", "5;x\ry\r\nAAAAA\r\n0\r\n\r\n", "5;x\x00\r\nAAAAA\r\n0\r\n\r\n",
               "5;" + "x" * 300 + "\r\nAAAAA\r\n0\r\n\r\n", "0\r\nX: y\r\n\r\n", "0\r\nContent-Length: 5\r\n\r\n",
               "0\r\n\n", "0\n\r\n", "0\r\n\rX", "0\r\n X\r\n\r\n", "5,\r\nAAAAA\r\n0\r\n\r\n", ";x\r\nAAAAA\r\n0\r\n\r\n",
               "\"5\"\r\nAAAAA\r\n0\r\n\r\n", "5\r\nAAAAA\r\n\r\n0\r\n\r\n"):
    refused("chunks %r" % chunks[:40], CHUNKED + chunks + SMUGGLED)

# --- line ends, folds, blanks ---
for name, text in (
        ("LF alone", "GET /api/site HTTP/1.1\nHost: h\n\n"),
        ("LF behind the request line", "GET /api/site HTTP/1.1\nHost: h\r\n\r\n"),
        ("LF behind a header", SITE + "Host: h\n\r\n"),
        ("LF at the end of the head", SITE + H + "\n"),
        ("CR alone", "GET /api/site HTTP/1.1\rHost: h\r\r"),
        ("CR CR LF", SITE + "Host: h\r\r\n\r\n"),
        ("LF CR", "GET /api/site HTTP/1.1\n\rHost: h\n\r\n\r"),
        ("a folded header", SITE + H + "X: a\r\n b\r\n\r\n"),
        ("a header folded by a tab", SITE + H + "X: a\r\n\tb\r\n\r\n"),
        ("a fold first", SITE + " X: a\r\n" + H + "\r\n"),
        ("a blank before the colon", SITE + H + "X : a\r\n\r\n"),
        ("a header without a name", SITE + H + ": a\r\n\r\n"),
        ("a header without a colon", SITE + H + "X\r\n\r\n"),
        ("NUL in a value", SITE + H + "X: a\x00b\r\n\r\n"),
        ("ESC in a value", SITE + H + "X: a\x1bb\r\n\r\n"),
        ("DEL in a value", SITE + H + "X: a\x7fb\r\n\r\n"),
        ("a vertical tab in a value", SITE + H + "X: a\x0bb\r\n\r\n"),
        ("two empty lines first", "\r\n\r\n" + SITE + H + "\r\n"),
        ("LF first", "\n" + SITE + H + "\r\n"),
        ("a blank first", " " + SITE + H + "\r\n"),
        ("NUL first", "\x00" + SITE + H + "\r\n"),
        ("65 headers", SITE + H + "X: y\r\n" * 64 + "\r\n"),
        ("a head of 17 KiB", SITE + H + "X: " + "y" * 17408 + "\r\n\r\n")):
    refused(name, text)
read("an empty line first", "\r\n" + SITE + H + "\r\n", 200)
read("64 headers", SITE + H + "X: y\r\n" * 63 + "\r\n", 200)
read("an empty value", SITE + H + "X:\r\n\r\n", 200)
read("a value of UTF-8", SITE + H + "X: \xe9\xbd\xbf\r\n\r\n", 200)

# --- the request line ---
for line in ("GET /api/site", "GET /api/site HTTP/0.9", "GET /api/site HTTP/2.0", "GET /api/site HTTP/1.2",
             "GET /api/site HTTP/1", "GET /api/site HTTP/1.1 ", "GET /api/site HTTP/01.1", "GET /api/site HTTP/1.01",
             "GET /api/site HTTP/+1.1", "GET /api/site http/1.1", "GET /api/site HTTP /1.1", "GET /api/site HTTPS/1.1",
             "GET  /api/site HTTP/1.1", "GET /api/site  HTTP/1.1", "GET\t/api/site\tHTTP/1.1", "GET /api/site\tHTTP/1.1",
             "GET /api/ site HTTP/1.1", "GET HTTP/1.1", "GET", "/api/site HTTP/1.1", "get /api/site HTTP/1.1",
             "GE\x00T /api/site HTTP/1.1", "GET /api/\x00site HTTP/1.1", "GET /api/site%00 HTTP/1.1",
             "GET /api/site%0d%0aX:%20y HTTP/1.1", "GET /api/site%0a HTTP/1.1", "GET /api/site%7f HTTP/1.1",
             "GET /api/site%c0%af HTTP/1.1", "GET /api/%e0%80%af HTTP/1.1", "GET /api/%ed%a0%80 HTTP/1.1",
             "GET /api/%f4%90%80%80 HTTP/1.1", "GET /api/%ff HTTP/1.1", "GET /api/\xff HTTP/1.1", "GET /api/% HTTP/1.1",
             "GET /api/%2 HTTP/1.1", "GET /api/%zz HTTP/1.1", "GET /api/site?a=%00 HTTP/1.1", "GET /api/site#x HTTP/1.1",
             "GET api/site HTTP/1.1", "GET * HTTP/1.1", "GET h:80 HTTP/1.1", "GET ftp://h/api/site HTTP/1.1",
             "GET http://other/api/site HTTP/1.1", "GET http://h:1/api/site HTTP/1.1", "GET http:///api/site HTTP/1.1",
             "CONNECT h:80 HTTP/1.1", "BREW /api/site HTTP/1.1", "\x16\x03\x01\x02 / HTTP/1.1",
             "PRI * HTTP/2.0", "GET /" + "a" * 13000 + " HTTP/1.1"):
    refused("line %r" % line[:40], line + "\r\n" + H + "\r\n")
read("a whole URL", "GET http://h/api/site HTTP/1.1\r\n" + H + "\r\n", 200)
read("OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + H + "\r\n", 200)
read("TRACE", "TRACE /api/site HTTP/1.1\r\n" + H + "\r\n", 501)
read("two requests", SITE + H + "\r\nGET /api/nowhere HTTP/1.1\r\n" + H + "\r\n", 200, 404)
read("HTTP/1.0 that stays", "GET /api/site HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200)

# --- hosts, upgrades ---
for name, fields in (("no Host", ""), ("two Hosts", H + H), ("two Hosts in other letters", H + "host: x\r\n"),
                     ("an empty Host", "Host:\r\n"), ("a Host with a path", "Host: h/x\r\n"),
                     ("a Host with a blank", "Host: h x\r\n"), ("a Host with a user", "Host: u@h\r\n"),
                     ("a list of Hosts", "Host: h, x\r\n"), ("a Host with a NUL", "Host: h\x00\r\n"),
                     ("a Host of 600 octets", "Host: " + "h" * 600 + "\r\n"),
                     ("Upgrade: websocket", H + "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
                     ("Upgrade: h2c, websocket", H + "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n")):
    refused(name, SITE + fields + "\r\n")
for host in ("h", "h:8000", "[::1]", "[::1]:8000", "127.0.0.1", "ID.EXAMPLE.CN"):
    read("Host " + host, SITE + "Host: %s\r\n\r\n" % host, 200)
read("h2c is not taken up", SITE + H + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
     200)
read("nor is TLS", SITE + H + "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n", 200)


TLS_RECORD_MAX = 1 << 14


class Smuggling(NodeCase):
    settings = {"http": '[ "127.0.0.1:0" ]', "workers": 1}

    def check(self, name, octets, statuses, step):
        if octets[:1] == b"\x16":
            # TLS's, which says in its own words that this is no handshake, once it has a record.
            got = talk(http_at(self.node), octets + CANARY + b"." * TLS_RECORD_MAX, step)
            self.assertNotIn(b"HTTP", got, name)
            return
        got = talk(http_at(self.node), octets + CANARY, step)
        methods = ["HEAD"] if octets.startswith(b"HEAD") else []
        answers = read_answers(got, methods)
        said = [a.status for a in answers]
        self.assertNotIn(b"SMUGGLED", got, name)
        if statuses is None:
            self.assertEqual(len(said), 1, (name, said))
            self.assertIn(said[0], (400, 414, 431, 501, 505), name)
            self.assertEqual(answers[0].get("Connection"), "close", name)
        else:
            self.assertEqual(said, statuses + [404], name)
            self.assertIn(b"CANARY", answers[-1].body, name)

    def test_whole(self):
        for name, octets, statuses in CASES:
            with self.subTest(name):
                self.check(name, octets, statuses, None)

    def test_octet_by_octet(self):
        for name, octets, statuses in CASES:
            if len(octets) < 1000:
                with self.subTest(name):
                    self.check(name, octets, statuses, 1)

    def test_there_are_enough(self):
        self.assertGreaterEqual(len(CASES), 200)


if __name__ == "__main__":
    unittest.main()
