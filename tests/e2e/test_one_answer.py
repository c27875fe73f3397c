# SPDX-License-Identifier: Apache-2.0
"""One question gives one answer through every front end: a thousand random questions by UDP, TCP, HTTP
and DNS (what DNS can ask: all texts of a name), with filters, other letter case, names that are not
there, and another tier's."""

import base64
import http.client
import json
import random
import re
import socket
import struct
import unittest
import urllib.parse

import hdl
from node import NodeCase, text_value

SEED = 20261122
QUESTIONS = 1000
NAMES = 120
TYPES = ["URL", "EMAIL", "品牌", "DNS.TXT", "URL.CN", "HELVE.raw"]
PREFIX = "88.118.8"


def random_record(rng, n):
    values = []
    for index in sorted(rng.sample(range(1, 3000), rng.randint(1, 9))):
        kind = rng.choice(TYPES)
        if kind == "DNS.TXT":
            value = text_value(index, kind, "t%d" % rng.randrange(10 ** 6), ttl=300)
        elif kind == "HELVE.raw":
            octets = bytes(rng.randrange(256) for _ in range(rng.randint(0, 40)))
            value = {"index": index, "type": kind, "ttl": rng.choice([60, 86400]),
                     "data": {"format": "base64", "value": base64.b64encode(octets).decode()}}
        else:
            value = text_value(index, kind, "https://例え.example/%d?a=<b>&\"c\"" % rng.randrange(99))
        if rng.random() < 0.15:
            value["permissions"] = "1100"
        values.append(value)
    return {"handle": "%s/dns/n%d" % (PREFIX, n), "values": values}


def random_question(rng):
    name = "%s/dns/n%d" % (PREFIX, rng.randrange(NAMES + 10))
    if rng.random() < 0.05:
        name = "77.1/elsewhere%d" % rng.randrange(9)
    if rng.random() < 0.3:
        name = name.upper()
    indexes = rng.sample(range(1, 3000), rng.randint(1, 3)) if rng.random() < 0.2 else []
    types = rng.sample(TYPES + ["URL.", "NONE"], rng.randint(1, 3)) if rng.random() < 0.5 else []
    return name, indexes, types


def of_native(m):
    if m.rc != 1:
        return m.rc, None
    return 1, [(v.index, v.type.decode(), v.data, v.ttl) for v in m.values]


def octets_of(data):
    if data["format"] == "string":
        return data["value"].encode()
    assert data["format"] == "base64", data
    return base64.b64decode(data["value"])


def of_http(body):
    if body["responseCode"] != 1:
        return body["responseCode"], None
    return 1, [(v["index"], v["type"], octets_of(v["data"]), v["ttl"]) for v in body["values"]]


def txt_question(name, number):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.strip(".").split("."))
    return struct.pack(">6H", number, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 16, 1)


def texts_of(answer):
    """The response code and the strings of the TXT records of a DNS answer."""
    _, flags, _, n, _, _ = struct.unpack(">6H", answer[:12])
    at = answer.index(b"\0", 12) + 5
    found = []
    for _ in range(n):
        while answer[at] and answer[at] < 0xC0:
            at += answer[at] + 1
        at += 2 if answer[at] >= 0xC0 else 1
        kind, _, ttl, length = struct.unpack(">2HIH", answer[at:at + 10])
        data = answer[at + 10:at + 10 + length]
        at += 10 + length
        if kind == 16:
            found.append((data[1:1 + data[0]].decode(), ttl))
    return flags & 15, sorted(found)


class OneAnswer(NodeCase):
    settings = {"http": '[ "127.0.0.1:0" ]', "dns": '[ "127.0.0.1:0" ]', "workers": 1,
                "dns_zones": '[ "names.example. %s/dns" ]' % PREFIX}

    @classmethod
    def fill(cls, node):
        rng = random.Random(SEED)
        cls.records = [random_record(rng, n) for n in range(NAMES)]
        soa = {"handle": PREFIX + "/dns", "values": [
            text_value(1, "DNS.SOA", "ns.names.example. root.names.example. 1 60 60 60 60"),
            text_value(2, "DNS.NS", "ns.names.example.")]}
        node.load(cls.records + [soa])

    def port_of(self, option):
        line = next(l for l in self.node.lines if " %s=" % option in l)
        return int(re.search(r" %s=\S*:(\d+) " % option, line).group(1))

    def ask_http(self, name, indexes, types):
        query = urllib.parse.urlencode([("index", i) for i in indexes] +
                                       [("type", t) for t in types])
        self.http.request("GET", "/api/handles/" + urllib.parse.quote(name) +
                          ("?" + query if query else ""))
        return of_http(json.loads(self.http.getresponse().read()))

    def test_values(self):
        rng = random.Random(SEED + 1)
        self.http = http.client.HTTPConnection("127.0.0.1", self.port_of("http"), timeout=60)
        found = {}
        with hdl.Udp(self.at) as udp, hdl.Tcp(self.at) as tcp:
            for _ in range(QUESTIONS):
                name, indexes, types = random_question(rng)
                request = hdl.ask_for(name, indexes, types, hdl.USUAL | hdl.KC)
                said = {"udp": of_native(udp.ask(request)), "tcp": of_native(tcp.ask(request)),
                        "http": self.ask_http(name, indexes, types)}
                with self.subTest(name=name, indexes=indexes, types=types):
                    self.assertEqual(said["udp"], said["tcp"])
                    self.assertEqual(said["udp"], said["http"])
                found[said["udp"][0]] = found.get(said["udp"][0], 0) + 1
        self.http.close()
        # The questions are of all sorts, or this proves little.
        self.assertTrue(all(found.get(rc, 0) > 20 for rc in (1, 100, 200, 301)), found)

    def test_dns(self):
        at = ("127.0.0.1", self.port_of("dns"))
        with hdl.Udp(self.at) as udp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(60)
            for n in range(NAMES + 10):
                m = udp.ask(hdl.ask_for("%s/dns/n%d" % (PREFIX, n), types=["DNS.TXT"]))
                native = sorted((v.data.decode(), v.ttl) for v in m.values) \
                    if m.rc == 1 else []
                sock.sendto(txt_question("n%d.names.example." % n, n), at)
                rcode, texts = texts_of(sock.recv(4096))
                with self.subTest(n=n):
                    self.assertEqual(rcode, 3 if m.rc == 100 else 0)
                    self.assertEqual(texts, native)


if __name__ == "__main__":
    unittest.main()
