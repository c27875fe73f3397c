# SPDX-License-Identifier: Apache-2.0
"""A running helved against what a running reference server did: its recorded exchanges, and
every piece of broken input. Each vector counts as a test."""

import fnmatch
import unittest
import zlib

import auth
import hdl
import world
from auth import Session
from hdl import Reader, Request, ask_for, ask_tcp
from node import NodeCase, vectors
from staff import FAST
from test_identity import vector_key

# Exchanges in which our answer differs on purpose: glob, code, why.
EXPLAINED = [
    ("session_setup_server_cipher", 501, "its second step works with nobody (9.4)"),
    ("session_a_5_replay", 505, "MAC and counter are looked at first (9.1, ours)"),
    ("read_private_index0_2_answer", 1, "authorisation is repeated with the index found (8.2)"),
    ("answer_unknown_session", 405, "a challenge that is over and one that never was are one"),
    ("udp_admin_on_query_interface", 402, "ours takes administration by UDP too"),
]

# The rest of an answer agrees apart from: expiration (a clock), site serial (our site record has
# its own number), signature octets (our key), the texts of errors, the order of values (ours
# ascend, decisions.md 11), nonces, session ids and minted names.


class World(NodeCase):
    prefix, key = "0.NA", "rsa"
    # The recording has SHA-1 proofs.
    settings = {"workers": 1, "server_admins": '[ "300:0.NA/0.NA" ]', "allow_legacy": "true"}

    @classmethod
    def fill(cls, node):
        world.load(node)

    @staticmethod
    def network(name):
        """Wrong answers slow down their network: each exchange is from another."""
        return "127.77.%d.%d" % divmod(zlib.crc32(name.encode()) % 60000, 250)


def split(octets):
    """The messages of a recorded stream."""
    while octets:
        n = hdl.ENVELOPE + int.from_bytes(octets[16:20], "big")
        yield octets[:n]
        octets = octets[n:]


class Recorded:
    """A recorded request taken apart, so that it can be sent with our ids, nonces and MACs."""

    def __init__(self, octets):
        self.octets = octets
        self.version, self.suggest = tuple(octets[0:2]), (octets[2] & 0x1F, octets[3])
        r = Reader(octets)
        r.take(8)
        self.id = r.u32()
        r.take(8)
        self.op = r.u32()
        r.take(4)
        self.flags = r.u32()
        r.take(8)
        self.body = r.take(r.u32())

    def again(self, **more):
        return Request(self.op, self.body, self.flags, request_id=self.id, version=self.version,
                       suggest=self.suggest, **more)

    def identity(self, wrong):
        """Who answers a challenge here, with the key that the recording used."""
        r = Reader(self.body)
        kind, handle, index = r.array(), r.array().decode(), r.u32()
        text = "%d:%s" % (index, handle)
        if kind == b"HS_SECKEY":
            return auth.Secret(text, "wrong" if wrong else "secret", **FAST)
        name = ("rsa_other" if wrong else "dsa1024" if index == 310 else
                "rsa_server" if handle == "0.NA/0.NA" else "rsa_admin")
        return auth.Public(text, vector_key(name + "_plain"))


class LiveExchanges(World):
    """In the order of the recording: what one changes the next may see."""

    def test_exchanges(self):
        self.kept = self.channel = self.session = None
        for entry in vectors("live_exchanges"):
            with self.subTest(entry["name"]):
                self.replay(entry)
        for c in (self.channel, self.session and self.session.channel):
            if c:
                c.socket.close()

    def replay(self, entry):
        name, octets = entry["name"], bytes.fromhex(entry["hex"])
        recorded = [hdl.Message(bytes.fromhex(r["hex"]))
                    for r in entry["decoded"].get("responses", [])]
        if "_1_request" in name:
            self.challenged(name, octets, recorded[0])
        elif "_2_answer" in name:
            self.answered(name, octets, recorded)
        elif name.startswith(("session_a_", "session_b_")):
            decoded = entry["decoded"]
            if "request_plaintext" in decoded:
                octets = octets[:hdl.ENVELOPE] + bytes.fromhex(decoded["request_plaintext"])
            self.in_session(name, Recorded(octets), decoded, recorded)
        elif "packets" in entry["decoded"] or "response_hex" in entry["decoded"]:
            self.over_udp(name, octets, entry["decoded"])
        else:
            self.plain(name, octets, recorded[0])

    def plain(self, name, octets, recorded):
        requests = list(split(octets))
        with hdl.Tcp(self.at, source=self.network(name)) as c:
            c.send(b"".join(requests))
            answers = [c.receive() for _ in requests]
        self.compare(name, requests[0], answers[0], recorded)
        # The reference answers the first request of a connection only; the recording has a
        # second one for a name that does not exist.
        for answer in answers[1:]:
            self.assertEqual(answer.rc, 100)

    def over_udp(self, name, octets, decoded):
        if "packets" in decoded:
            theirs = self.joined([bytes.fromhex(p["hex"]) for p in decoded["packets"]])
        else:
            theirs = hdl.Message(bytes.fromhex(decoded["response_hex"]))
        self.compare(name, octets, self.by_udp(octets), theirs)

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

    # --- with a login ---

    def challenged(self, name, octets, recorded):
        self.question = (octets, self.network(name))
        ours = self.challenge()
        self.compare(name, octets, ours, recorded)
        self.assertEqual(len(ours.nonce), len(recorded.nonce))
        self.assertTrue(0 < ours.session < 1 << 31)

    def challenge(self):
        """Ask, on a connection of its own; what came is kept."""
        octets, source = self.question
        if self.channel:
            self.channel.socket.close()
        self.channel = hdl.Tcp(self.at, source=source)
        self.channel.send(octets)
        self.kept = self.channel.receive()
        return self.kept

    def answered(self, name, octets, recorded):
        if name.startswith("list_handles"):
            self.register(recorded)
            self.challenge()  # by then the first one may be too old
        if name.startswith("list_homed"):  # init homed its own prefix, too
            recorded[0].names.append(b"0.NA/0.0")
        rq = Recorded(octets)
        request = auth.answer(self.kept, rq.identity("wrong" in name), rq.flags,
                              request_id=rq.id, version=rq.version, suggest=rq.suggest)
        # On a connection of its own, as stock clients do.
        source = self.channel.socket.getsockname()[0]
        self.channel.socket.close()
        self.channel = hdl.Tcp(self.at, source=source)
        self.channel.send(request.octets)
        ours = [self.channel.receive()]
        while ours[-1].flags & hdl.CN:
            ours.append(self.channel.receive())
        self.compare(name, request.octets, ours[0], recorded[0])
        if recorded[0].names is not None:
            self.assertEqual([len(m.names) for m in ours], [len(m.names) for m in recorded])
            self.assertEqual(self.names(ours), self.names(recorded))

    @staticmethod
    def names(messages):
        return sorted(n.upper() for m in messages for n in m.names)

    def register(self, recorded):
        """Names that the reference held and its world does not tell; and what ours has more,
        since its minted names were others."""
        c = auth.Client(hdl.Tcp(self.at), auth.Public("300:0.NA/0.NA",
                                                      vector_key("rsa_server_plain")))
        theirs = self.names(recorded)
        ours = self.names(c.names(hdl.LIST, "0.NA/20.500.12345"))
        for name in set(theirs) - set(ours):
            self.assertEqual(c.create(name, [hdl.Value(1, "URL", "x")]).rc, 1)
        for name in set(ours) - set(theirs):
            self.assertEqual(c.delete(name).rc, 1)
        c.channel.socket.close()

    # --- sessions ---

    def in_session(self, name, rq, decoded, recorded):
        if name == "session_a_1_setup":
            who = auth.Public("300:0.NA/20.500.12345", vector_key("rsa_admin_plain"))
            channel = hdl.Tcp(self.at)
            self.plain(name, rq.octets, recorded[0])
            self.session = Session.setup(channel, who)
            self.assertIsInstance(self.session, Session)
            return
        request, s = self.session_request(name, rq, decoded), self.session
        s.channel.send(request.octets)
        octets = s.channel.receive_octets()
        ours = s.open(octets)
        if name == "session_a_9_encrypted":
            plain = bytes.fromhex(decoded["response_plaintext"])
            self.assertTrue(octets[2] & hdl.ENCRYPTED)
            recorded = [hdl.Message(hdl.envelope(len(plain), ours.id, s.id, flags=0) + plain)]
        self.kept = ours
        self.compare(name, request.octets, ours, recorded[0])

    def session_request(self, name, rq, decoded):
        s = self.session
        if name == "session_a_3_answer":
            return auth.answer(self.kept, s.who, rq.flags, request_id=rq.id)
        if name == "session_a_8_no_mac":
            return rq.again(session=s.id)
        if name == "session_a_9_encrypted":
            return s.request(rq.op, rq.body, rq.flags, encrypted=True, request_id=rq.id)
        if name == "session_a_5_replay":
            return self.sent
        counter = s.counter if name == "session_a_6_counter_reuse" else None
        key = bytes(32) if name == "session_a_7_wrong_mac" else None
        self.sent = s.request(rq.op, rq.body, rq.flags, counter, key, request_id=rq.id)
        return self.sent

    # --- comparison ---

    def expected_code(self, name, recorded):
        for glob, code, _ in EXPLAINED:
            if fnmatch.fnmatch(name, glob):
                return code
        return recorded.rc

    def compare(self, name, request, ours, theirs):
        self.assertEqual(ours.rc, self.expected_code(name, theirs), ours.text)
        self.assertEqual(ours.id, int.from_bytes(request[8:12], "big"))
        if ours.rc != theirs.rc:
            return
        if request[2] & hdl.ENCRYPTED:  # test_strict
            ours.flags |= hdl.ENC
        self.assertEqual((ours.op, ours.flags, ours.recursion, ours.version, ours.suggest),
                         (theirs.op, theirs.flags, theirs.recursion, theirs.version,
                          theirs.suggest))
        if theirs.session == 0 and "_2_answer" not in name:  # ours echoes the answer's
            self.assertEqual(ours.session, 0)
        self.assertEqual(bool(ours.digest), bool(theirs.digest))
        if not name.startswith("session_a") and "_2_answer" not in name:
            self.assertEqual(ours.digest, theirs.digest)
        if theirs.op == hdl.VERIFY_CHALLENGE:
            self.assertEqual(ours.body, theirs.body)
        if "mint" not in name:
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
        """Send, then ask something good, and something that waits its turn behind every login:
        what came before both answers is for the packets. The same socket is served by the same
        worker in order, and so does the registrar."""
        for packet in packets:
            c.send(packet)
        good = self.good()
        last = hdl.Request(hdl.SESSION_SETUP, auth.setup_body(9, None, b""))
        c.send(good.octets)
        c.send(last.octets)
        answers, wanted = [], {good.id: 1, last.id: 501}
        while wanted:
            m = c.receive()
            if m.id in wanted:
                self.assertEqual(m.rc, wanted.pop(m.id), m.text)
            else:
                answers.append(m)
        return answers


if __name__ == "__main__":
    unittest.main()
