# SPDX-License-Identifier: Apache-2.0
"""hdig against servers that behave, misbehave and lie: its output, and its exit codes."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import hdl
import node
import scripted
from hdl import Value
from scripted import Server, answer, packets, stub

ID = "88.118.8/JX1"
URL = Value(1, "URL", "https://example.org/jx1", time_s=1700000000)
BIG = Value(2, "BLOB", bytes(range(256)) * 8)


def hdig(server, *argv, env=None):
    """Patient, unless the test says otherwise: a question that is asked again because this machine
    is busy would be one too many."""
    at = ["@127.0.0.1:%d" % server.port] if server else []
    if server and not any(a.startswith("+time=") for a in argv):
        argv += ("+time=25",)
    done = subprocess.run([node.HDIG, *at, *argv], capture_output=True, text=True,
                          timeout=2 * node.PATIENCE,
                          env=dict(os.environ, **(env or {})))
    if node.SANITIZER.search(done.stderr):
        raise AssertionError(done.stderr)
    return done


def good(asked, _transport=None):
    return packets(answer(asked, values=[URL]))


@unittest.skipUnless(os.path.exists(node.HDIG), "hdig is not built")
class Hdig(unittest.TestCase):
    def ask(self, script, *argv, tcp=True):
        with Server(script, tcp=tcp) as server:
            done = hdig(server, *argv)
            return done, server.asked

    def both(self, whole):
        """A script that sends the same message by UDP and by TCP."""
        return lambda q, transport: packets(whole(q)) if transport == "udp" else [whole(q)]

    # --- what it asks ---

    def test_question(self):
        done, asked = self.ask(good, ID, "URL", "HS_SITE.", "+index=3", "+index=4", "+auth")
        self.assertEqual(done.returncode, 0, done.stderr)
        (transport, q), = asked
        self.assertEqual((transport, q.op, q.rc, q.handle), ("udp", 1, 0, ID.encode()))
        self.assertEqual((q.indexes, q.types), ([3, 4], [b"URL", b"HS_SITE."]))
        self.assertEqual(q.flags, hdl.USUAL | hdl.AT)

    def test_wrappers(self):
        for typed, sent in ((ID, ID), ("hdl:" + ID, ID), (" \thdl:" + ID + "\n", ID),
                            ("HDL:" + ID, ID), ("88.118.8", "88.118.8"), ("  0.NA/88 ", "0.NA/88"),
                            ("https://hdl.handle.net/" + ID, "https://hdl.handle.net/" + ID),
                            ("a/b%20c", "a/b%20c"), ("88.1/x y", "88.1/x y"),
                            ("hdl:hdl:88.1/x", "hdl:88.1/x")):
            with self.subTest(typed=typed):
                done, asked = self.ask(good, typed)
                self.assertEqual(asked[0][1].handle.decode(), sent)
                self.assertEqual(done.returncode, 0)

    def test_fullwidth_hint(self):
        done, asked = self.ask(good, "88．118／x")
        self.assertEqual(asked[0][1].handle.decode(), "88．118／x")
        self.assertIn("fullwidth", done.stderr)

    def test_ids_differ(self):
        ids = {self.ask(good, ID)[1][0][1].id for _ in range(8)}
        self.assertEqual(len(ids), 8)

    def test_default_server(self):
        with Server(good) as server:
            done = hdig(None, ID, env={"HELVE_RESOLVER": "127.0.0.1:%d" % server.port})
            self.assertEqual(done.returncode, 0, done.stderr)

    # --- what it shows ---

    def test_text(self):
        done, _ = self.ask(good, ID)
        for word in ("success (1)", "AT,REC", "by udp", "URL", "86400", "1110",
                     "2023-11-14T22:13:20Z", "https://example.org/jx1"):
            self.assertIn(word, done.stdout)
        self.assertNotIn("\033", done.stdout)

    def test_short(self):
        done, _ = self.ask(lambda q, t: packets(answer(q, values=[
            URL, Value(2, "DESC", "two\nlines")])), ID, "+short")
        self.assertEqual(done.stdout, "https://example.org/jx1\ntwo\\nlines\n")

    def test_short_says_why_there_is_nothing(self):
        for rc, code, says in ((100, 3, "not found (100)"), (200, 3, "(200)"),
                               (301, 1, "(301)"), (400, 4, "(400)")):
            with self.subTest(rc):
                done, _ = self.ask(lambda q, t, rc=rc: packets(answer(q, rc=rc)), ID, "+short")
                self.assertEqual((done.returncode, done.stdout), (code, ""))
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn(ID + ": ", done.stderr)
                self.assertIn(says, done.stderr)

    def test_json(self):
        done, _ = self.ask(good, ID, "+json")
        o = json.loads(done.stdout)
        self.assertEqual((o["responseCode"], o["handle"], o["transport"], o["signature"]),
                         (1, ID, "udp", "none"))
        self.assertEqual(o["values"], [{"index": 1, "type": "URL", "data": {
            "format": "string", "value": "https://example.org/jx1"}, "ttl": 86400,
            "timestamp": "2023-11-14T22:13:20Z"}])
        self.assertGreaterEqual(o["ms"], 0)
        self.assertTrue(o["server"].startswith("127.0.0.1:"))

    def test_hostile_text(self):
        evil = "a\033]0;x\007\u009b31m\u202eb\x00\x7f\r\nc"
        done, _ = self.ask(lambda q, t: packets(answer(q, values=[
            Value(1, evil, "x"), Value(2, "DESC", evil.replace("\x00", "")),
            Value(3, "\xff\033".encode("latin-1"), b"\x00\x01")])), ID)
        self.assertEqual(done.returncode, 0)
        self.assertFalse(set(done.stdout) & set("\033\007\u009b\u202e\x00\x7f\r"), done.stdout)
        done, _ = self.ask(lambda q, t: packets(answer(q, rc=2, text=evil)), ID)
        self.assertFalse(set(done.stdout) & set("\033\007\u009b\u202e\x00\x7f\r"), done.stdout)

    def test_known_types(self):
        def data(name):
            with open(os.path.join(node.DATA, name), "rb") as f:
                return f.read()
        admin = bytes.fromhex("07f3") + hdl.array("0.NA/88.118") + hdl.u32(300)
        vlist = hdl.u32(2) + b"".join(hdl.array("0.NA/88") + hdl.u32(i) for i in (300, 301))
        values = [Value(100, "HS_ADMIN", admin), Value(200, "HS_VLIST", vlist),
                  Value(300, "HS_PUBKEY", data("pubkey.bin")),
                  Value(1, "HS_SITE", data("siteinfo.bin")), Value(9, "HS_ADMIN", b"junk"),
                  Value(10, "HS_SITE", b"\x00"), Value(11, "X", b"\xff" * 100)]
        done, _ = self.ask(self.both(lambda q: answer(q, values=values)), ID)
        for word in ("300:0.NA/88.118 may 011111110011 (add handle, delete handle, modify value",
                     "300:0.NA/88, 301:0.NA/88", "RSA-2048 key, sha256 ", "serial ",
                     "server 1 at ", "0x" + "ff" * 32 + "... (100 octets)", "  junk"):
            self.assertIn(word, done.stdout)

    def test_secret_is_not_shown(self):
        secret = lambda q, t: packets(answer(q, values=[Value(1, "HS_SECKEY", "open sesame"),
                                                        Value(2, "hs_seckey.x", "sesame too")]))
        for form in ((), ("+short",), ("+json",)):
            with self.subTest(form=form):
                done, _ = self.ask(secret, ID, *form)
                self.assertEqual(done.returncode, 0)
                self.assertNotIn("sesame", done.stdout + done.stderr)

    # --- how it exits ---

    def test_response_codes(self):
        for rc, code in ((100, 3), (200, 3), (400, 4), (401, 4), (403, 4), (404, 4), (405, 4),
                         (406, 4), (603, 4), (604, 4), (605, 4), (2, 1), (3, 1), (4, 1), (5, 1),
                         (6, 1), (7, 1), (101, 1), (102, 1), (300, 1), (301, 1), (500, 1),
                         (505, 1), (601, 1), (999, 1), (0xFFFFFFFF, 1)):
            with self.subTest(rc=rc):
                done, _ = self.ask(lambda q, t: packets(answer(q, rc=rc, text="why")), ID, "+json")
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)
                self.assertEqual(json.loads(done.stdout)["responseCode"], rc)

    def test_no_values(self):
        done, _ = self.ask(lambda q, t: packets(answer(q, values=[])), ID)
        self.assertEqual(done.returncode, 3)

    def test_referral(self):
        done, _ = self.ask(lambda q, t: packets(answer(
            q, rc=303, body=hdl.array("0.NA/88.118") + hdl.u32(0))), ID)
        self.assertEqual(done.returncode, 1)
        self.assertIn("ask the servers of 0.NA/88.118", done.stdout)

    def test_usage(self):
        for argv in ((), ("@127.0.0.1",), ("@example.org", ID), ("@", ID), ("@1:2:3:", ID),
                     (ID, "+nosuch"), (ID, "+trace"), (ID, "+auth=300:0.NA/88"),
                     (ID, "+key=/nowhere"), (ID, "+auth=", "+key=x"), (ID, "+index=0"),
                     (ID, "+index="), (ID, "+index=2147483648"), (ID, "+index=x"),
                     (ID, "+time=0"), (ID, "+time=-1"), (ID, "+retry=99"), (ID, "--nosuch"),
                     ("",), ("hdl:",), ("  ",), ("x" * 2049,)):
            with self.subTest(argv=argv):
                done = hdig(None, *argv)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertEqual(hdig(None, ID, env={"HELVE_RESOLVER": "nowhere"}).returncode, 2)

    def test_help_and_version(self):
        self.assertEqual(hdig(None, "-h").returncode, 0)
        self.assertIn("hdig ", hdig(None, "-V").stdout)

    # --- how it gets its answer ---

    def test_no_reply(self):
        quick = ("+time=0.5", "+retry=1")
        done, asked = self.ask(lambda q, t: [], ID, *quick)
        self.assertEqual((done.returncode, done.stdout), (9, ""))
        self.assertEqual(sorted(t for t, _ in asked), ["tcp", "udp", "udp"])
        self.assertEqual(len({q.id for _, q in asked}), 1)
        done, _ = self.ask(lambda q, t: [], ID, *quick, tcp=False)
        self.assertEqual(done.returncode, 9)
        done, asked = self.ask(lambda q, t: [], ID, "+tcp", "+time=0.5")
        self.assertEqual((done.returncode, [t for t, _ in asked]), (9, ["tcp"]))

    def test_nobody_there(self):
        with Server(good) as server:
            pass
        for argv in ((ID,), (ID, "+tcp"), (ID, "+cert")):
            with self.subTest(argv=argv):
                self.assertEqual(hdig(server, *argv).returncode, 9)

    def test_lies_are_waited_out(self):
        false = lambda q, **more: answer(q, values=[Value(1, "URL", "https://evil.example/")],
                                         **more)
        lies = {
            "another id": lambda q: [false(q, request_id=q.id ^ 1)],
            "id of early errors": lambda q: [false(q, request_id=0xFFFFFFFF, op=0, rc=2)],
            "another source": lambda q: [(false(q),)],
            "a request": lambda q: [false(q, rc=0)],
            "shorter than it says": lambda q: [false(q)[:-1]],
            "longer than it says": lambda q: [false(q) + b"x"],
            "no envelope": lambda q: [b"", b"x", false(q)[:19]],
            "an impossible packet number": lambda q: [false(q)[:12] + hdl.u32(9) + false(q)[16:]],
            "too long for any message": lambda q: [false(q)[:16] + hdl.u32(262145) + false(q)[20:]],
            "a stub for another": lambda q: [stub(answer(q, values=[BIG], request_id=q.id ^ 1))],
        }
        for name, lie in lies.items():
            with self.subTest(lie=name):
                done, asked = self.ask(lambda q, t: lie(q) + good(q), ID, "+short")
                self.assertEqual((done.returncode, done.stdout), (0, "https://example.org/jx1\n"),
                                 done.stderr)
                self.assertEqual([t for t, _ in asked], ["udp"])

    def test_packets_in_any_order(self):
        whole = lambda q: answer(q, values=[URL, BIG])
        for name, order in (("reversed", lambda p: p[::-1]), ("twice", lambda p: p + p),
                            ("doubled", lambda p: [x for x in p for _ in range(2)]),
                            ("without T", lambda p: [x[:2] + bytes([x[2] & 0x1F]) + x[3:]
                                                     for x in p])):
            with self.subTest(order=name):
                done, asked = self.ask(lambda q, t: order(packets(whole(q))), ID, "+json")
                self.assertEqual(len(json.loads(done.stdout)["values"]), 2)
                self.assertEqual([t for t, _ in asked], ["udp"])

    def test_lost_packet_is_asked_again(self):
        """And what comes then is not taken for the packet that is missing."""
        first = iter([True])

        def script(q, transport):
            whole = answer(q, values=[URL, BIG])
            if transport == "tcp":
                return [whole]
            return packets(whole)[1:] if next(first, False) else [stub(whole)]

        done, asked = self.ask(script, ID, "+json", "+time=8")
        self.assertEqual([t for t, _ in asked], ["udp", "udp", "tcp"])
        self.assertEqual(json.loads(done.stdout)["transport"], "tcp")

    def test_stub_goes_to_tcp_at_once(self):
        whole = lambda q: answer(q, values=[URL, BIG])
        done, asked = self.ask(lambda q, t: [stub(whole(q))] if t == "udp" else [whole(q)],
                               ID, "+json")
        o = json.loads(done.stdout)
        self.assertEqual((len(o["values"]), o["transport"]), (2, "tcp"))
        self.assertEqual([t for t, _ in asked], ["udp", "tcp"])

    def test_stream(self):
        whole = lambda q: answer(q, values=[URL, BIG])
        pieces = {
            "octet by octet": lambda q: [bytes([x]) for x in whole(q)],
            "behind another's answer": lambda q: [answer(q, request_id=q.id ^ 1) + whole(q)],
            "behind a request": lambda q: [answer(q, rc=0) + whole(q)],
            "with more behind it": lambda q: [whole(q) + b"junk"],
            "in two messages": lambda q: [answer(q, values=[URL, BIG], flags=hdl.CN), whole(q)],
        }
        for name, script in pieces.items():
            with self.subTest(stream=name):
                done, _ = self.ask(lambda q, t: script(q), ID, "+tcp", "+json")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(len(json.loads(done.stdout)["values"]), 2)

    def test_broken_stream(self):
        whole = lambda q: answer(q, values=[URL])
        broken = {
            "ends early": lambda q: [whole(q)[:-1]],
            "ends in the envelope": lambda q: [whole(q)[:7]],
            "says nothing": lambda q: [],
            "shorter than a header": lambda q: [whole(q)[:16] + hdl.u32(23) + whole(q)[20:]],
            "longer than any message": lambda q: [whole(q)[:16] + hdl.u32(0x7FFFFFFF)],
            "more never comes": lambda q: [answer(q, values=[URL], flags=hdl.CN)],
        }
        for name, script in broken.items():
            with self.subTest(stream=name):
                done, _ = self.ask(lambda q, t: script(q), ID, "+tcp", "+time=1")
                self.assertIn(done.returncode, (1, 9), done.stdout)
                self.assertEqual(done.stdout, "")

    def test_early_error_on_a_stream(self):
        done, _ = self.ask(lambda q, t: [answer(q, rc=4, op=0, request_id=0xFFFFFFFF,
                                                text="Invalid message length")], ID, "+tcp")
        self.assertEqual(done.returncode, 1)

    def test_nonsense_bodies(self):
        bodies = {
            "empty": b"",
            "identifier alone": hdl.array(ID),
            "count without values": hdl.array(ID) + hdl.u32(3),
            "count beyond all": hdl.array(ID) + hdl.u32(0x7FFFFFFF),
            "negative count": hdl.array(ID) + hdl.u32(0xFFFFFFFF),
            "value cut": hdl.array(ID) + hdl.u32(1) + URL.encode()[:-1],
        }
        for name, body in bodies.items():
            with self.subTest(body=name):
                done, _ = self.ask(lambda q, t: packets(answer(q, body=body)), ID)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn("not understood", done.stdout)

    # --- what it believes ---

    def test_cert_asks_for_it(self):
        _, asked = self.ask(good, ID, "+cert")
        self.assertEqual(asked[0][1].flags, hdl.USUAL | hdl.CT | hdl.RD)

    def untrusted(self, script, why, *argv):
        for form in ((), ("+json",), ("+short",)):
            done, _ = self.ask(self.both(script), ID, "+cert", *form, *argv)
            self.assertEqual(done.returncode, 5, done.stdout)
            self.assertIn(why, done.stdout + done.stderr)

    def test_unsigned(self):
        self.untrusted(lambda q: answer(q, values=[URL]), "not signed")
        self.untrusted(lambda q: answer(q, rc=100), "not signed")

    def credential(self, signature=b"x" * 256):
        section = hdl.array("SHA-256") + hdl.array(signature)
        return (bytes(4) + hdl.u32(0) + hdl.u32(0) + hdl.array("HS_SIGNED") +
                hdl.array(section))

    def signed(self, q, covered=None, **more):
        digest = bytes([3]) + hashlib.sha256(covered or q.covered).digest()
        body = digest + hdl.array(ID) + hdl.u32(1) + URL.encode()
        if q.op == hdl.SITE_INFO:
            with open(os.path.join(node.DATA, "siteinfo.bin"), "rb") as f:
                body = digest + f.read()
        return answer(q, body=body, flags=hdl.RD | hdl.CT, credential=self.credential(), **more)

    def test_bad_signatures(self):
        self.untrusted(lambda q: self.signed(q), "not made with the key of the asked server")
        self.untrusted(lambda q: answer(q, values=[URL], credential=self.credential()),
                       "which request")
        self.untrusted(lambda q: self.signed(q, covered=b"other"), "another request")
        self.untrusted(lambda q: self.signed(q, expiration=1000), "expired")

    def test_swapped_challenge(self):
        """A challenge for somebody else's request is not answered (threats.md 3)."""
        folder = tempfile.mkdtemp(prefix="helve-dig-")
        self.addCleanup(shutil.rmtree, folder, True)
        key = os.path.join(folder, "key")
        node.run(node.HELVECTL, "key", "new", key, "--key", "p256")
        for digest in (bytes(32), b"", hashlib.sha256(b"another request").digest()):
            body = bytes([3]) + digest + hdl.array(bytes(range(16)))
            done, asked = self.ask(
                lambda q, t: [answer(q, rc=402, body=body, flags=hdl.RD)],
                ID, "+auth=300:0.NA/88", "+key=" + key)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual([q.op for _, q in asked], [hdl.RESOLUTION])

    def test_site_file(self):
        for name in ("siteinfo.bin", "siteinfo.json"):
            path = os.path.join(node.DATA, name)
            self.untrusted(lambda q: self.signed(q), "not made with the key in " + path,
                           "+site=" + path)
        for name in ("README.md", "pubkey.bin", "nosuch"):
            path = os.path.join(node.DATA, name)
            self.untrusted(lambda q: self.signed(q), path, "+root=" + path)


if __name__ == "__main__":
    unittest.main()
