# SPDX-License-Identifier: Apache-2.0
"""A running helved against what a running reference server did: its recorded exchanges, and
every piece of broken input. Each vector counts as a test."""

import fnmatch
import unittest

import hdl
import world
from hdl import ask_for, ask_tcp, ask_udp
from node import NodeCase, vectors

# What this server does not do yet, and says so: (operation, with a session) -> code.
NOT_OFFERED = {hdl.CREATE: 5, hdl.DELETE: 5, hdl.ADD: 5, hdl.REMOVE: 5, hdl.MODIFY: 5,
               hdl.LIST: 5, hdl.HOME: 5, hdl.UNHOME: 5, hdl.LIST_HOMED: 5,
               hdl.VERIFY_CHALLENGE: 5, hdl.SESSION_SETUP: 501}

# Exchanges in which our answer differs on purpose: glob, code, why.
EXPLAINED = [
    ("read_private_*_1_request", 406, "no login is offered yet, so no challenge (402) is made"),
    ("*_2_answer", 500, "the challenge of the recording is none of ours"),
    ("session_a_*", 500, "the session of the recording is none of ours"),
    ("session_b_*", 500, "the same"),
    ("udp_admin_*", 5, "our interface takes administration too; it is not offered yet"),
]

# The rest of an answer agrees apart from: expiration (a clock), site serial (our site record has
# its own number), signature octets (our key), the texts of errors, and the order of values (ours
# ascend, decisions.md 11).


class World(NodeCase):
    prefix, key = "0.NA", "rsa"
    settings = {"workers": 1}

    @classmethod
    def fill(cls, node):
        world.load(node)


def split(octets):
    """The messages of a recorded stream."""
    while octets:
        n = hdl.ENVELOPE + int.from_bytes(octets[16:20], "big")
        yield octets[:n]
        octets = octets[n:]


class LiveExchanges(World):
    def test_exchanges(self):
        for entry in vectors("live_exchanges"):
            with self.subTest(entry["name"]):
                self.replay(entry)

    def replay(self, entry):
        decoded, name = entry["decoded"], entry["name"]
        requests = list(split(bytes.fromhex(entry["hex"])))
        if "packets" in decoded:
            recorded = [bytes.fromhex(p["hex"]) for p in decoded["packets"]]
            self.compare(name, requests[0], self.by_udp(requests[0]), self.joined(recorded))
            return
        with hdl.Tcp(self.at) as c:
            c.send(b"".join(requests))
            answers = [c.receive() for _ in requests]
        if "response_hex" in decoded:  # it was encrypted: only the code is ours to compare
            self.assertEqual(answers[0].rc, self.expected_code(name, requests[0], None))
            return
        recorded = [hdl.Message(bytes.fromhex(r["hex"])) for r in decoded["responses"]]
        self.compare(name, requests[0], answers[0], recorded[0])
        # The reference answers the first request of a connection only; the recording has a
        # second one for a name that does not exist.
        for answer in answers[1:]:
            self.assertEqual(answer.rc, 100)

    def by_udp(self, request):
        with hdl.Udp(self.at) as c:
            head, message = request[:hdl.ENVELOPE], request[hdl.ENVELOPE:]
            parts = range(0, len(message), hdl.PAYLOAD)
            flag = hdl.TRUNCATED if len(parts) > 1 else 0
            for i, at in reversed(list(enumerate(parts))):  # last first, as recorded
                c.send(head[:2] + bytes([head[2] | flag]) + head[3:12] + hdl.u32(i) + head[16:] +
                       message[at:at + hdl.PAYLOAD])
            return c.receive()

    @staticmethod
    def joined(packets):
        """The reference leaves T clear in its packets (protocol.md 10.1)."""
        whole = packets[0][:12] + bytes(4) + packets[0][16:20]
        return hdl.Message(whole + b"".join(p[hdl.ENVELOPE:] for p in packets))

    def expected_code(self, name, request, recorded):
        for glob, code, _ in EXPLAINED:
            if fnmatch.fnmatch(name, glob):
                if name.endswith("_1_setup"):
                    return 501
                return code
        op = int.from_bytes(request[20:24], "big")
        return NOT_OFFERED.get(op, recorded.rc)

    def compare(self, name, request, ours, theirs):
        code = self.expected_code(name, request, theirs)
        self.assertEqual(ours.rc, code, ours.text)
        self.assertEqual(ours.id, int.from_bytes(request[8:12], "big"))
        if ours.rc != theirs.rc or request[2] & hdl.ENCRYPTED:
            return
        self.assertEqual((ours.op, ours.flags, ours.session, ours.recursion, ours.version,
                          ours.suggest),
                         (theirs.op, theirs.flags, theirs.session, theirs.recursion,
                          theirs.version, theirs.suggest))
        self.assertEqual(ours.digest, theirs.digest)
        self.assertEqual(ours.handle, theirs.handle)
        if theirs.values is not None:
            self.assertEqual([v.key() for v in ours.values],
                             [v.key() for v in sorted(theirs.values, key=lambda v: v.index)])
        self.assertEqual(bool(ours.credential), bool(theirs.credential))
        if theirs.credential:
            kind, digest, _, _ = theirs.signature()
            self.assertEqual(ours.signature()[:2], (kind, digest))


# Codes that refuse a message as such, whatever the registry holds.
REFUSALS = (2, 4, 5, 102, 500, 501)

# Input that the reference's decoder refuses and we answer: glob, why that is right.
TAKEN = []


class Malformed(World):
    """Never a crash, never taken for something else: an error, or the end, or silence by UDP."""

    def good(self):
        return ask_for("20.500.12345/TARGET", types=["URL"])

    def judge(self, entry, answers):
        """`answers` to one broken message."""
        self.assertLessEqual(len(answers), 1)
        accepted = entry["decoded"].get("reference_decoder", "accepted") == "accepted"
        taken = any(fnmatch.fnmatch(entry["name"], glob) for glob, _ in TAKEN)
        for m in answers:
            self.assertNotEqual(m.rc, 0)
            if not accepted and not taken:
                self.assertIn(m.rc, REFUSALS, "taken for a good message: %s" % m.text)

    def test_by_tcp(self):
        for entry in vectors("malformed"):
            with self.subTest(entry["name"]):
                with hdl.Tcp(self.at) as c:
                    c.send(bytes.fromhex(entry["hex"]))
                    c.half_close()
                    answers = list(iter(c.receive, None))
                self.judge(entry, answers[:1])
        self.assertEqual(ask_tcp(self.at, self.good()).rc, 1)

    def test_by_tcp_in_the_middle_of_good_ones(self):
        """Whatever stands between: the first is answered, and the server lives."""
        for entry in vectors("malformed"):
            with self.subTest(entry["name"]):
                good = self.good()
                with hdl.Tcp(self.at) as c:
                    c.send(good.octets + bytes.fromhex(entry["hex"]) + good.octets)
                    c.half_close()
                    answers = list(iter(c.receive, None))
                self.assertEqual((answers[0].id, answers[0].rc), (good.id, 1))
        self.assertEqual(ask_tcp(self.at, self.good()).rc, 1)

    def test_by_udp(self):
        with hdl.Udp(self.at) as c:
            for entry in vectors("malformed"):
                with self.subTest(entry["name"]):
                    self.judge(entry, self.tell(c, [bytes.fromhex(entry["hex"])]))

    def test_by_udp_in_packets(self):
        with hdl.Udp(self.at) as c:
            for entry in vectors("malformed"):
                octets = bytes.fromhex(entry["hex"])
                if len(octets) <= hdl.PACKET:
                    continue
                head, message = octets[:hdl.ENVELOPE], octets[hdl.ENVELOPE:]
                packets = [head[:2] + bytes([head[2] | hdl.TRUNCATED]) + head[3:12] +
                           hdl.u32(i) + head[16:] + message[at:at + hdl.PAYLOAD]
                           for i, at in enumerate(range(0, len(message), hdl.PAYLOAD))]
                with self.subTest(entry["name"]):
                    self.judge(entry, self.tell(c, packets))

    def tell(self, c, packets):
        """Send, then ask something good: what came before its answer is for the packets. The
        same socket is served by the same worker in order."""
        for packet in packets:
            c.send(packet)
        good = self.good()
        c.send(good.octets)
        answers = []
        while True:
            m = c.receive()
            if m.id == good.id:
                self.assertEqual(m.rc, 1)
                return answers
            answers.append(m)


if __name__ == "__main__":
    unittest.main()
