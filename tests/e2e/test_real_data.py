# SPDX-License-Identifier: Apache-2.0
"""A registry that a reference server exported, resolved record by record: each of the 5,000
answers with exactly its publicly readable values, octet for octet. The expected octets are
written here from the export's JSON and the specification alone."""

import base64
import calendar
import ipaddress
import json
import os
import struct
import time

import hdl
from node import DATA, HDIG, NodeCase, run

DUMP = os.path.join(DATA, "hsv9-dump.json")
SUCCESS, NO_VALUES = 1, 200
PROTOCOLS = {"UDP": 0, "TCP": 1, "HTTP": 2, "HTTPS": 3}
WINDOW = 64  # questions on their way at once on one connection


def whole_number(text):
    """A JWK's number as the protocol writes it (7.1): two's complement, so never negative."""
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).lstrip(b"\0") or b"\0"
    return hdl.array((b"\0" if octets[0] & 0x80 else b"") + octets)


def public_key(jwk):
    kinds = {"RSA": (b"RSA_PUB_KEY", "en", hdl.array(b"")), "DSA": (b"DSA_PUB_KEY", "qpgy", b"")}
    name, parts, end = kinds[jwk["kty"]]
    return hdl.array(name) + b"\0\0" + b"".join(whole_number(jwk[p]) for p in parts) + end


def reference(ref):
    return hdl.array(ref["handle"]) + hdl.u32(ref["index"])


def server(s):
    address = ipaddress.ip_address(s["address"])
    interfaces = b"".join(
        bytes([i["admin"] | i["query"] << 1, PROTOCOLS[i["protocol"]]]) + hdl.u32(i["port"])
        for i in s["interfaces"])
    return (hdl.u32(s["serverId"]) + address.packed.rjust(16, b"\0") +
            hdl.array(public_key(s["publicKey"]["value"])) +
            hdl.u32(len(s["interfaces"])) + interfaces)


def site(s):
    major, minor = s["protocolVersion"].split(".")
    flags = s["primarySite"] << 7 | s["multiPrimary"] << 6
    attributes = b"".join(hdl.array(a["name"]) + hdl.array(a["value"]) for a in s["attributes"])
    return (struct.pack(">HBBHBB", s["version"], int(major), int(minor), s["serialNumber"],
                        flags, s.get("hashOption", 2)) + hdl.array(b"") +
            hdl.u32(len(s["attributes"])) + attributes +
            hdl.u32(len(s["servers"])) + b"".join(map(server, s["servers"])))


FORMS = {
    "string": hdl.octets,
    "base64": base64.b64decode,
    "admin": lambda a: struct.pack(">H", int(a["permissions"], 2)) + reference(a),
    "vlist": lambda refs: hdl.u32(len(refs)) + b"".join(map(reference, refs)),
    "key": public_key,
    "site": site,
}


def moment(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def octets_of(value):
    """A value of the export as it must stand on the wire (6.1)."""
    ttl, absolute = value["ttl"], isinstance(value["ttl"], str)
    refs = [(hdl.octets(r["handle"]), r["index"]) for r in value.get("references", ())]
    return hdl.Value(
        value["index"], value["type"], FORMS[value["data"]["format"]](value["data"]["value"]),
        int(value.get("permissions", "1110"), 2), moment(ttl) if absolute else ttl,
        int(absolute), moment(value["timestamp"]) if "timestamp" in value else 0, refs).encode()


def public(record):
    values = (v for v in record["values"] if int(v.get("permissions", "1110"), 2) & 2)
    return sorted(values, key=lambda v: v["index"])


class RealData(NodeCase):
    @classmethod
    def fill(cls, node):
        with open(DUMP, encoding="utf-8") as f:
            cls.records = json.load(f)["handleRecords"]
        cls.expected = {name: [octets_of(v) for v in public(record)]
                        for name, record in cls.records.items()}
        node.load_file(DUMP, "hsv9")

    def test_the_export_is_what_it_says(self):
        self.assertEqual(len(self.records), 5000)
        self.assertEqual(sum(len(r["values"]) for r in self.records.values()), 13872)
        forms = {v["data"]["format"] for r in self.records.values() for v in r["values"]}
        self.assertEqual(forms, set(FORMS))

    def compare(self, name, answer):
        want = self.expected[name]
        self.assertEqual(answer.rc, SUCCESS if want else NO_VALUES, name)
        if want:
            self.assertEqual(answer.handle, name.encode(), name)
            self.assertEqual([v.encode() for v in answer.values], want, name)

    def test_every_record_by_udp(self):
        by_tcp = []
        with hdl.Udp(self.at) as udp:
            for name in self.expected:
                answer = udp.ask(hdl.ask_for(name))
                if isinstance(answer, hdl.Stub):
                    by_tcp.append(name)
                    answer = hdl.ask_tcp(self.at, hdl.ask_for(name))
                self.compare(name, answer)
        # Only what is longer than udp-answer-max.
        self.assertEqual(sorted(by_tcp), ["88.118.8/BIG", "88.118.8/MANY"])

    def test_every_record_on_one_connection(self):
        names = list(self.expected)
        with hdl.Tcp(self.at) as tcp:
            for at in range(0, len(names), WINDOW):
                asked = {}
                for name in names[at:at + WINDOW]:
                    request = hdl.ask_for(name, flags=hdl.USUAL | hdl.KC)
                    asked[request.id] = name
                    tcp.send(request.octets)
                for _ in range(len(asked)):
                    answer = tcp.receive()
                    self.compare(asked.pop(answer.id), answer)

    def test_nothing_that_is_not_public(self):
        """Asked for by index, alone or beside others, a private value is not there."""
        with hdl.Udp(self.at) as udp:
            for name, record in self.records.items():
                shown = {v["index"] for v in public(record)}
                hidden = [v["index"] for v in record["values"] if v["index"] not in shown]
                if not hidden or len(self.expected[name]) > 100:
                    continue
                answer = udp.ask(hdl.ask_for(name, indexes=hidden))
                self.assertEqual(answer.rc, NO_VALUES, name)
                if shown:
                    answer = udp.ask(hdl.ask_for(name, indexes=hidden + sorted(shown)))
                    self.compare(name, answer)

    def test_hdig_shows_the_same(self):
        """A hundredth of all, and whatever has data that is more than text."""
        table, forms = [], set()
        for i, (name, record) in enumerate(self.records.items()):
            found = {(v["type"], v["data"]["format"]) for v in public(record)
                     if v["data"]["format"] != "string"}
            if i % 100 == 0 or not found <= forms:
                table.append(name)
                forms |= found
        self.assertGreaterEqual(len(table), 50)
        for name in table:
            with self.subTest(name):
                self.hdig(name, public(self.records[name]))

    def hdig(self, name, want):
        done = run(HDIG, "@%s:%d" % self.at, name, "+json", check=False)
        self.assertEqual(done.returncode, 0 if want else 3, done.stderr)
        shown = json.loads(done.stdout)
        self.assertEqual(shown["handle"], name)
        if not want:
            self.assertEqual(shown["responseCode"], NO_VALUES)
            return
        self.assertEqual(len(shown["values"]), len(want))
        for ours, theirs in zip(shown["values"], want):
            theirs = dict(theirs)
            theirs.setdefault("timestamp", "1970-01-01T00:00:00Z")
            if theirs["type"] == "HS_PUBKEY" and theirs["data"]["format"] != "key":
                # A key of SM2 is a key to us, and octets to the reference.
                self.assertEqual(ours["data"]["format"], "key", name)
                theirs["data"] = ours["data"]
            self.assertEqual(ours, theirs)
