# SPDX-License-Identifier: Apache-2.0
"""helver between real nodes and the clients of a LAN: walks, the cache, what the administrator has
decided, the national SDK's two steps, and what is left when everybody above is gone."""

import json
import os
import signal
import socket
import struct
import subprocess
import unittest

import hdl
from hdl import AT, CT, USUAL, ask_for, ask_tcp, ask_udp
from node import DATA, HDIG, PATIENCE, run, text_value
from test_signed import public_key_der, verifies
from tiers import Resolver, Tiers, TiersCase

TRUSTED_QUERY, TRUSTED_RESULT = 2, 1
LEAF = "88.118.8"


def record(name, *values, prefix=LEAF):
    return {"handle": "%s/%s" % (prefix, name), "values": list(values)}


RECORDS = [
    record("JX1", text_value(1, "URL", "https://a/1"), text_value(2, "URL.QR", "qr"),
           text_value(3, "name", "bearing", ttl=50)),
    record("big", *[text_value(i, "X", "y" * 60) for i in range(1, 151)]),
    record("empty", text_value(1, "NOTE", "n")),
    record("short", text_value(1, "URL", "https://short", ttl=1)),
    record("secret", text_value(1, "URL", "u"), text_value(2, "PIN", "1234", permissions="1100")),
]


class Answers(TiersCase):
    """What a client gets to see."""

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load(RECORDS)

    def test_cold_then_warm(self):
        own = ask_tcp(self.tiers.leaf.address, ask_for(LEAF + "/JX1"))
        cold = self.assert_rc(self.resolver.ask(LEAF + "/JX1"), 1)
        self.assertEqual([(v.index, v.type, v.data) for v in cold.values],
                         [(v.index, v.type, v.data) for v in own.values])

        def warm(_):
            for transport in (ask_udp, ask_tcp):
                m = self.assert_rc(transport(self.resolver.address, ask_for(LEAF + "/JX1")), 1)
                self.assertEqual([(v.index, v.type, v.data) for v in m.values],
                                 [(v.index, v.type, v.data) for v in own.values])
                self.assertLessEqual(max(v.ttl for v in m.values), 50)
        self.assert_asks_nobody(warm)

    def test_everything_was_proven(self):
        self.assert_rc(self.resolver.ask(LEAF + "/JX1"), 1)
        status = self.resolver.status()
        self.assertGreater(status["resolver"]["secure"], 0)
        self.assertEqual(status["resolver"]["insecure"], 0)
        self.assertEqual(status["resolver"]["bogus"], 0)

    def test_filters(self):
        for indexes, types, want in (((), ("url",), [1]), ((), ("URL.",), [1, 2]),
                                     ((3,), (), [3]), ((3,), ("URL",), [1, 3]),
                                     ((9,), (), None), ((), (".",), None)):
            with self.subTest(indexes=indexes, types=types):
                m = self.resolver.ask(LEAF + "/JX1", indexes, types)
                if want is None:
                    self.assert_rc(m, 200)
                else:
                    self.assertEqual(self.assert_rc(m, 1).indexes(), want)

    def test_too_many_filters(self):
        self.assert_rc(self.resolver.ask(LEAF + "/JX1", range(1, 2050)), 4)

    def test_spelling_is_echoed(self):
        for name in ("88.118.8/JX1", "88.118.8/jx1"):
            m = self.assert_rc(self.resolver.ask(name), 1)
            self.assertEqual(m.handle, name.encode())

    def test_not_found(self):
        for _ in range(2):
            self.assert_rc(self.resolver.ask(LEAF + "/none"), 100)
        self.assert_asks_nobody(lambda _: self.assert_rc(self.resolver.ask(LEAF + "/none"), 100))
        self.assert_rc(self.resolver.ask("99.1/x"), 100)

    def test_private_values_stay_where_they_are(self):
        for flags in (USUAL, USUAL & ~hdl.PO):
            m = self.assert_rc(self.resolver.ask(LEAF + "/secret", flags=flags), 1)
            self.assertEqual(m.indexes(), [1])
        self.assert_rc(self.resolver.ask(LEAF + "/secret", types=["PIN"]), 200)

    def test_long_answers(self):
        m = self.assert_rc(self.resolver.ask(LEAF + "/big"), 1)
        self.assertEqual(len(m.values), 150)
        m = self.assert_rc(ask_udp(self.resolver.address, ask_for(LEAF + "/big")), 1)
        self.assertEqual(len(m.values), 150)

    def test_the_authoritys_word(self):
        self.assert_rc(self.resolver.ask(LEAF + "/JX1"), 1)
        before = self.resolver.packets_out()
        m = self.assert_rc(self.resolver.ask(LEAF + "/JX1", flags=USUAL | AT), 1)
        self.assertGreater(max(v.ttl for v in m.values), 0)
        self.assertGreater(self.resolver.packets_out(), before)

    def test_trusted_query(self):
        """industrial.md 5.1; 6, item 20."""
        m = self.resolver.ask(LEAF + "/JX1", flags=USUAL | TRUSTED_QUERY)
        self.assertEqual(m.flags & 3, TRUSTED_QUERY | TRUSTED_RESULT)
        self.assertEqual(self.resolver.ask(LEAF + "/JX1").flags & 3, 0)
        m = self.resolver.ask(LEAF + "/none", flags=USUAL | TRUSTED_QUERY)
        self.assertEqual((m.rc, m.flags & 3), (100, 3))

    def test_signed_by_itself(self):
        """CT: with the key of its own site record."""
        site = ask_tcp(self.resolver.address, hdl.Request(hdl.SITE_INFO, hdl.array("0.NA/x")))
        key = public_key_der(site.site.servers[0]["key"])
        for name in ("JX1", "none"):
            for _ in range(2):
                m = self.resolver.ask("%s/%s" % (LEAF, name), flags=USUAL | CT | hdl.RD)
                kind, digest, signature, octets = m.signature()
                self.assertEqual(kind, b"HS_SIGNED")
                self.assertTrue(verifies(key, {b"SHA-256": "sha256"}[bytes(digest)], signature,
                                         octets))

    def test_hdig_believes_it(self):
        done = run(HDIG, "@%s:2641" % self.resolver.host, LEAF + "/JX1", "+cert", "+json")
        self.assertEqual(json.loads(done.stdout)["signature"], "verified")

    def test_site_record(self):
        m = ask_tcp(self.resolver.address, hdl.Request(hdl.SITE_INFO, hdl.array("0.NA/x")))
        self.assert_rc(m, 1)
        ports = {(i.protocol, i.port) for i in m.site.servers[0]["interfaces"]}
        self.assertEqual(ports, {(0, 2641), (1, 2641), (0, 3641), (1, 3641)})
        self.assertEqual(m.site.servers[0]["address"][12:],
                         socket.inet_aton(self.resolver.host))
        self.assertEqual(m.serial, m.site.serial)
        self.assertEqual(self.resolver.ask(LEAF + "/JX1").serial, m.site.serial)


class Sdk(TiersCase):
    """The national SDK, octet by octet (industrial.md 5.1, 5.3)."""

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load(RECORDS)
        # A service handle in the place of a site, as 88.118.9 has it.
        site = json.load(open(os.path.join(tiers.leaf.dir, "site.json"), encoding="utf-8"))
        tiers.nodes[2].load([
            {"handle": "88.118/SERVICE", "values": [
                {"index": 1, "type": "HS_SITE", "data": {"format": "site", "value": site},
                 "ttl": 86400}]},
            {"handle": "0.NA/88.118.9", "values": [text_value(1, "HS_SERV", "88.118/SERVICE")]},
            {"handle": "0.NA/88.118.10", "values": [text_value(1, "HS_SERV", "88.118/NONE"),
                                                    text_value(2, "HS_SERV", "88.118/SERVICE")]},
            {"handle": "0.NA/88.118.11", "values": [text_value(1, "NOTE", "no site")]},
        ])
        # Eight service handles, each where eight servers are that do not answer.
        prefixes = ["88.118.2%d" % i for i in range(8)]
        tiers.nodes[2].load(
            [{"handle": "0.NA/" + prefix,
              "values": [cls.nobody(site, tiers.network, i) for i in range(1, 9)]}
             for prefix in prefixes] +
            [{"handle": "0.NA/88.118.14",
              "values": [text_value(i + 1, "HS_SERV", prefix + "/S")
                         for i, prefix in enumerate(prefixes)]}])

    @staticmethod
    def nobody(site, network, index):
        site = json.loads(json.dumps(site))
        site["servers"][0]["address"] = network.address()
        return {"index": index, "type": "HS_SITE", "data": {"format": "site", "value": site},
                "ttl": 86400}

    def question(self, handle, types=(), session=10001):
        """2.10, suggesting 2.11, a session number of its own, authBytes behind the types."""
        body = hdl.resolution_body(handle, (), types) + hdl.array(b"")
        return hdl.Request(hdl.RESOLUTION, body, 0x19000000, session=session, version=(2, 10),
                           suggest=(2, 11))

    def sites(self, prefix, rc=1):
        with hdl.Tcp(self.resolver.sdk_address) as c:
            m = self.assert_rc(c.ask(self.question(prefix, ["HS_SITE"])), rc)
        self.assertEqual(m.session, 10001)
        return m

    def test_two_steps(self):
        for prefix in (LEAF, "88.118.9", "88.118.10"):
            with self.subTest(prefix):
                for _ in range(2):  # walked, then cached
                    m = self.sites(prefix)
                    self.assertEqual(m.handle, prefix.encode())
                    server = hdl.Site(m.values[0].data).servers[0]
                    self.assertEqual(server["address"][:12], bytes(10) + b"\xff\xff")
                    port = next(i.port for i in server["interfaces"]
                                if i.protocol == 1 and i.kind & 2)
                    host = socket.inet_ntoa(server["address"][12:])
                    with hdl.Tcp((host, port)) as c:
                        m = self.assert_rc(c.ask(self.question(LEAF + "/JX1", session=10002)), 1)
                    self.assertEqual(m.indexes(), [1, 2, 3])

    def test_services_that_lead_nowhere(self):
        """They are one question of one client, and have its budget together."""
        sent = []
        while len(sent) < 3 and (not sent or sent[-1] > 32):  # beside it the root is looked after
            self.resolver.ctl("cache", "flush", "all")
            before = self.resolver.packets_out()
            self.sites("88.118.14", 2)
            sent.append(self.resolver.packets_out() - before)
        self.assertLessEqual(sent[-1], 32, sent)

    def test_no_site(self):
        self.sites("88.118.11", 200)
        self.sites("88.118.12", 100)

    def test_the_handle_stays_as_it_is(self):
        """::ffff: is for the SDK's own question alone."""
        m = self.assert_rc(self.resolver.ask("0.NA/" + LEAF, types=["HS_SITE"]), 1)
        self.assertEqual(hdl.Site(m.values[0].data).servers[0]["address"][:12], bytes(12))

    def test_heart_beat(self):
        before = self.resolver.status()["resolver"]["questions"]
        with hdl.Tcp(self.resolver.sdk_address) as c:
            for n in range(3):
                self.assert_rc(c.ask(self.question("0", session=10001 + n)), 100)
        self.assertEqual(self.resolver.status()["resolver"]["questions"], before)

    def test_many_questions_of_one_connection(self):
        with hdl.Tcp(self.resolver.sdk_address) as c:
            asked = {}
            for n in range(50):
                q = self.question("%s/%s" % (LEAF, "JX1" if n % 2 else "none"), session=10001 + n)
                asked[q.id] = (q.session, 1 if n % 2 else 100)
                c.send(q.octets)
            for _ in range(50):
                m = c.receive()
                self.assertEqual((m.session, m.rc), asked.pop(m.id))


class Refusals(TiersCase):
    """What is not a resolver's business, and what is no message at all."""

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load(RECORDS)

    def test_operations(self):
        for op in (100, 101, 105, 200, 201, 300, 400, 402, 1000, 1003, 2001, 4000, 4001, 4002):
            with self.subTest(op):
                body = hdl.array(LEAF + "/JX1") + bytes(64)
                m = ask_tcp(self.resolver.address, hdl.Request(op, body))
                self.assertIn(m.rc, (4, 5))

    def test_unknown_operation(self):
        self.assert_rc(ask_tcp(self.resolver.address, hdl.Request(999, hdl.array("x"))), 5)

    def test_sessions(self):
        self.assert_rc(self.resolver.ask(LEAF + "/JX1", session=77), 500)
        # 2.11 has no numbers of its own.
        self.assert_rc(self.resolver.ask(LEAF + "/JX1", session=10001), 500)

    def test_encrypted(self):
        q = ask_for(LEAF + "/JX1", session=77)
        q.seal(bytes(64), hdl.ENCRYPTED)
        self.assert_rc(ask_tcp(self.resolver.address, q), 500)

    def test_empty_identifier(self):
        self.assert_rc(self.resolver.ask(""), 102)

    def test_long_identifier(self):
        self.assert_rc(self.resolver.ask(LEAF + "/" + "x" * 2049), 102)
        self.assertIn(self.resolver.ask(LEAF + "/" + "x" * (2048 - len(LEAF) - 1)).rc, (100,))

    def test_control_by_the_network(self):
        m = ask_tcp(self.resolver.address, hdl.Request(4002, hdl.array("status") + hdl.array("{}")))
        self.assert_rc(m, 5)

    def test_octets_that_are_no_message(self):
        good = ask_for(LEAF + "/JX1").octets
        broken = [b"", b"\0", good[:19], good[:43], good[:-1], good + b"\0",
                  good[:16] + b"\xff\xff\xff\xff" + good[20:], bytes(512), b"\xff" * 512,
                  good[:44] + b"\x7f\xff\xff\xff" + good[48:]]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(self.resolver.address)
            for octets in broken:
                s.send(octets)
        for octets in broken:
            with socket.create_connection(self.resolver.address, PATIENCE) as s:
                s.sendall(octets)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
        self.assert_rc(self.resolver.ask(LEAF + "/JX1"), 1)
        self.assert_rc(ask_udp(self.resolver.address, ask_for(LEAF + "/JX1")), 1)

    def test_answers_are_not_answered(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(PATIENCE)
            s.connect(self.resolver.address)
            s.send(ask_for(LEAF + "/JX1", rc=1).octets)
            q = ask_for(LEAF + "/JX1")
            s.send(q.octets)
            self.assertEqual(struct.unpack(">I", s.recv(4096)[8:12])[0], q.id)


class Policy(TiersCase):
    """What the LAN's administrator has decided."""

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load(RECORDS + [
            record("BAD", text_value(1, "URL", "http://bad/")),
            record("to-bad", text_value(1, "HS_ALIAS", LEAF + "/bad")),
            record("to-empty", text_value(1, "HS_ALIAS", LEAF + "/empty"))])

    @classmethod
    def prepare(cls, resolver):
        overrides = resolver.write("overrides.jsonl", "# ours\n\n" + "\n".join(
            json.dumps(r) for r in [
                record("forced", text_value(7, "URL", "http://here/", ttl=77),
                       text_value(2, "NOTE", "n")),
                record("JX1", text_value(1, "URL", "http://instead/")),
                {"handle": "77.1/none", "values": []}]))
        block = resolver.write("block.txt", "# what we do not want\n88.118.8/BAD\n88.119/\n"
                               "88.120.*\n  *advert*  \n")
        return {"overrides": '"%s"' % overrides, "block": '"%s"' % block}

    def test_overrides(self):
        m = self.assert_rc(self.resolver.ask(LEAF + "/forced"), 1)
        self.assertEqual([(v.index, v.ttl) for v in m.values], [(2, 86400), (7, 77)])
        m = self.assert_rc(self.resolver.ask(LEAF + "/JX1"), 1)
        self.assertEqual(m.values[0].data, b"http://instead/")
        self.assert_rc(self.resolver.ask(LEAF + "/forced", types=["NONE"]), 200)
        self.assert_rc(self.resolver.ask("77.1/none"), 200)
        # Nobody has proven what we say ourselves.
        m = self.resolver.ask(LEAF + "/forced", flags=USUAL | TRUSTED_QUERY)
        self.assertEqual(m.flags & 3, TRUSTED_QUERY)

    def test_blocked(self):
        for name in ("88.118.8/BAD", "88.119/x", "0.NA/88.119", "88.120/x", "88.120.5.6/x",
                     "0.NA/88.120.5", "88.118.8/an-advert-of"):
            with self.subTest(name):
                self.assert_rc(self.resolver.ask(name), 100)
        self.assert_rc(self.resolver.ask(LEAF + "/empty"), 1)
        self.assert_rc(self.resolver.ask("88.119", types=["HS_SITE"]), 100)

    def test_no_alias_leads_to_what_is_blocked(self):
        settings = self.prepare(self.resolver)
        self.resolver.reload(follow_aliases="yes", **settings)
        try:
            self.assert_rc(self.resolver.ask(LEAF + "/to-empty"), 1)
            m = self.assert_rc(self.resolver.ask(LEAF + "/to-bad"), 401)
            self.assertIn("blocked", m.text)
        finally:
            self.resolver.reload(**settings)

    def test_reload(self):
        settings = self.prepare(self.resolver)
        self.resolver.reload(block_answer="refused", **settings)
        self.assert_rc(self.resolver.ask("88.119/x"), 401)
        # A file that is wrong changes nothing, and says where.
        wrong = self.resolver.write("wrong.jsonl", '{"handle":"a/b","values":[]}\n{"handle":\n')
        said = self.resolver.reload(overrides='"%s"' % wrong)
        self.assertIn("wrong.jsonl:2:", said)
        self.assert_rc(self.resolver.ask("88.119/x"), 401)
        self.resolver.reload(allow_query="[ 10.0.0.0/8 ]", **settings)
        self.assert_rc(self.resolver.ask(LEAF + "/empty"), 401)
        self.assert_rc(ask_udp(self.resolver.address, ask_for(LEAF + "/empty")), 401)
        self.resolver.reload(**settings)
        self.assert_rc(self.resolver.ask(LEAF + "/empty"), 1)
        self.assert_rc(self.resolver.ask("88.119/x"), 100)

    def test_enforced_trust(self):
        settings = self.prepare(self.resolver)
        self.resolver.reload(trusted_mode="enforce", **settings)
        self.assert_rc(self.resolver.ask(LEAF + "/empty"), 1)
        self.assert_rc(self.resolver.ask(LEAF + "/forced"), 1)
        self.resolver.reload(trusted_mode="off", **settings)
        m = self.resolver.ask(LEAF + "/empty", flags=USUAL | TRUSTED_QUERY)
        self.assertEqual(m.flags & 3, 0)
        self.resolver.reload(**settings)


class OtherWays(unittest.TestCase):
    """Forwarders and stubs."""

    @classmethod
    def setUpClass(cls):
        cls.tiers = Tiers()
        cls.tiers.leaf.load(RECORDS)
        cls.tiers.start()
        cls.first = cls.tiers.resolver().start()

    @classmethod
    def tearDownClass(cls):
        cls.tiers.remove()

    def test_forwarder_for_everything(self):
        second = self.tiers.resolver()
        site = second.write("first.json", "")
        os.unlink(site)
        os.unlink(os.path.join(second.dir, "root.json"))
        with open(site, "wb") as f:  # the binary form, as it stands in its data-dir
            f.write(open(os.path.join(self.first.dir, "data", "site.bin"), "rb").read())
        second.start(forward='[ ". %s" ]' % site, root=None, insecure="true",
                     unsigned="allow")
        m = second.ask(LEAF + "/JX1")
        self.assertEqual(m.rc, 1, m.text)
        self.assertEqual(m.indexes(), [1, 2, 3])
        self.assertEqual(second.ask(LEAF + "/none").rc, 100)

    def test_several_forwarders(self):
        """One that is not there is no reason not to answer, whichever it is of the two."""
        there = "%s:2641" % self.first.host
        nobody = "%s:2641" % self.tiers.network.address()
        for n, group in enumerate(((nobody, there), (there, nobody))):
            with self.subTest(n):
                second = self.tiers.resolver()
                second.start(forward='[ ". %s", ". %s" ]' % group, root=None, insecure="true",
                             unsigned="allow")
                for name, rc in (("JX1", 1), ("none", 100), ("empty", 1)):
                    m = second.ask("%s/%s" % (LEAF, name))
                    self.assertEqual(m.rc, rc, m.text)

    def test_stub(self):
        """The way down is not needed: who is above may be gone."""
        second = self.tiers.resolver()
        second.start(stub='[ "88.118.8 %s/site.json" ]' % self.tiers.leaf.dir)
        above = self.tiers.nodes[:-1]
        for node in above:
            node.stop()
        try:
            m = second.ask(LEAF + "/JX1", flags=USUAL | TRUSTED_QUERY)
            self.assertEqual((m.rc, m.indexes(), m.flags & 3), (1, [1, 2, 3], 3))
        finally:
            for node in above:
                node.start()

    def test_site_of_somebody_else(self):
        """A stub whose key is not the server's: nothing of it is believed."""
        second = self.tiers.resolver()
        site = json.load(open(os.path.join(self.tiers.leaf.dir, "site.json"), encoding="utf-8"))
        other = json.load(open(os.path.join(self.tiers.root.dir, "site.json"), encoding="utf-8"))
        site["servers"][0]["publicKey"] = other["servers"][0]["publicKey"]
        path = second.write("false.json", json.dumps(site))
        second.start(stub='[ "88.118.8 %s" ]' % path)
        self.assertEqual(second.ask(LEAF + "/JX1").rc, 2)
        self.assertGreater(second.status()["resolver"]["bogus"], 0)


class Alone(unittest.TestCase):
    """With the WAN cut."""

    def setUp(self):
        self.tiers = Tiers()
        self.addCleanup(self.tiers.remove)
        self.tiers.leaf.load(RECORDS)
        self.tiers.start()
        self.resolver = self.tiers.resolver().start()

    def assert_rc(self, m, rc):
        self.assertEqual(m.rc, rc, "%s %s" % (m.rc, m.text))
        return m

    def test_kept_across_a_restart(self):
        for name in ("JX1", "big", "none"):
            self.resolver.ask("%s/%s" % (LEAF, name))
        self.tiers.stop()
        self.resolver.stop()
        self.resolver.start()
        m = self.assert_rc(self.resolver.ask(LEAF + "/JX1"), 1)
        self.assertEqual(m.indexes(), [1, 2, 3])
        self.assertEqual(len(self.assert_rc(self.resolver.ask(LEAF + "/big"), 1).values), 150)
        self.assert_rc(self.resolver.ask(LEAF + "/empty"), 2)
        # The upper tiers come back.
        for node in self.tiers.nodes:
            node.start()

    def test_power_cut(self):
        """Nothing was told to stop."""
        self.assert_rc(self.resolver.ask(LEAF + "/JX1"), 1)
        saves = self.resolver.status()["saves"]
        # Every few seconds; the next may have begun before the answer came.
        while self.resolver.status()["saves"] < saves + 2:
            pass
        self.tiers.stop()
        self.resolver.kill()
        self.resolver.start()
        self.assert_rc(self.resolver.ask(LEAF + "/JX1"), 1)

    def test_stale(self):
        """Past its life, and nobody there: still an answer, at once after the first."""
        self.assert_rc(self.resolver.ask(LEAF + "/short"), 1)
        self.tiers.stop()
        stale = 0
        while not stale:
            self.assert_rc(self.resolver.ask(LEAF + "/short"), 1)
            stale = self.resolver.status()["resolver"]["stale_answers"]
        m = self.assert_rc(self.resolver.ask(LEAF + "/short"), 1)
        self.assertLessEqual(m.values[0].ttl, 30)
        self.assert_rc(self.resolver.ask(LEAF + "/JX1"), 2)


class Life(unittest.TestCase):
    """Start, stop, and what is said about mistakes."""

    def setUp(self):
        self.tiers = Tiers()
        self.addCleanup(self.tiers.remove)

    def said(self, **keys):
        """Its complaint, by -C and at the start."""
        r = self.resolver
        r.configure(**keys)
        checked = subprocess.run([r.binary, "-c", r.conf, "-C"], capture_output=True, text=True,
                                 timeout=PATIENCE)
        code, err, out = r.refuses_to_start()
        self.assertEqual((checked.returncode, code, out), (1, 1, ""), err)
        self.assertEqual(len(err.strip().split("\n")), 1, err)
        self.assertIn(checked.stderr.strip(), err)
        return err

    def test_mistakes(self):
        r = self.resolver = self.tiers.resolver()
        bad, root = r.write("bad.json", "{}"), os.path.join(r.dir, "root.json")
        for keys, words in (
                ({"stub": '[ "88.118.8" ]'}, ("stub", "88.118.8", "missing")),
                ({"stub": '[ "88.118.8 %s" ]' % bad}, ("stub", "bad.json")),
                ({"stub": '[ "88/1 x.json" ]'}, ("stub", "no prefix")),
                ({"forward": '[ "88 nowhere.json" ]'}, ("forward", "nowhere.json")),
                ({"forward": '[ "88 127.0.0.1 a b" ]'}, ("forward", "too many")),
                ({"must_sign": '[ "88.1 nobody" ]'}, ("must-sign", "nobody", "identity")),
                ({"copy": '[ "." ]'}, ("copy", "missing")),
                ({"copy": '[ "88 %s" ]' % root}, ("copy", "copy-identity")),
                ({"copy": '[ "88 %s" ]' % root, "copy_identity": "300:0.NA/88",
                  "copy_key": '"%s/none"' % r.dir}, ("none",)),
                ({"user": "nobody-of-that-name"}, ("user", "nobody-of-that-name")),
                ({"root": '"%s"' % bad}, ("root", "bad.json")),
                ({"overrides": '"%s/none"' % r.dir}, ("none",)),
                ({"block": '"%s/none"' % r.dir}, ("none",)),
                ({"anchors": '"%s"' % r.write("a.json", "nonsense")}, ("a.json",)),
                ({"root": None, "stale": "no"}, ("stale", "number")),
                ({"roott": '"x"'}, ("roott", "did you mean 'root'"))):
            with self.subTest(**keys):
                said = self.said(**keys)
                for word in words:
                    self.assertIn(word, said)

    def test_no_anchor(self):
        r = self.resolver = self.tiers.resolver()
        path = os.path.join(r.dir, "root.json")
        site = json.load(open(path, encoding="utf-8"))
        for server in site["servers"]:
            server.pop("publicKey", None)
        r.write("root.json", json.dumps(site))
        os.remove(os.path.join(r.dir, "data", "anchors.json"))
        self.assertIn("no trust anchor", self.said())
        self.tiers.start()
        r.start(insecure="true", unsigned="allow")
        self.assertEqual(r.ask("0.NA/88").rc, 1)

    def test_reference_site_files(self):
        """As HSv9 wrote them: a root to begin at, its key an anchor."""
        for name in ("siteinfo.json", "siteinfo.bin"):
            with self.subTest(name):
                r = self.tiers.resolver()
                os.remove(os.path.join(r.dir, "data", "anchors.json"))
                r.start(root='"%s"' % os.path.join(DATA, name))
                anchors = r.status()["anchors"]
                self.assertEqual([a["state"] for a in anchors], ["valid"])
                r.stop()

    def test_second_one(self):
        r = self.resolver = self.tiers.resolver().start()
        code, err, _ = r.refuses_to_start()
        self.assertEqual(code, 1)
        self.assertIn("another helver", err)

    def test_taken_port(self):
        first = self.tiers.resolver().start()
        second = self.resolver = self.tiers.resolver()
        second.configure(listen='[ "%s:2641" ]' % first.host)
        code, err, _ = second.refuses_to_start()
        self.assertEqual(code, 1)
        self.assertIn("taken by another program", err)

    def test_usage(self):
        for argv, code in (((), 2), (("-x",), 2), (("-h",), 0), (("-V",), 0), (("-s",), 0),
                           (("-c", "/nowhere"), 1)):
            done = run(Resolver.binary, *argv, check=False)
            self.assertEqual(done.returncode, code, argv)

    def test_sample_is_what_is_shipped(self):
        done = run(Resolver.binary, "-s")
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        with open(os.path.join(root, "conf", "helver.yaml"), encoding="utf-8") as f:
            shipped = f.read()
        self.assertEqual(shipped.replace("data-dir: /var/lib/helver/data\n", "").replace(
            "root: /var/lib/helver/root.json\n", ""),
            done.stdout.replace("data-dir: /var/lib/helve\n", "").replace("#root: \"\"\n", ""))

    def test_stops_with_questions_under_way(self):
        r = self.resolver = self.tiers.resolver().start()  # nobody else runs: walks wait
        with hdl.Tcp(r.address) as c:
            ids = set()
            for n in range(20):
                q = ask_for("88.118.8/x%d" % n)
                ids.add(q.id)
                c.send(q.octets)
            r.signal(signal.SIGTERM)
            while ids:
                m = c.receive()
                if m is None:
                    break
                ids.discard(m.id)
                self.assertIn(m.rc, (2, 3))
        r.stop()

    def test_site_serial(self):
        r = self.resolver = self.tiers.resolver().start()
        ask = hdl.Request(hdl.SITE_INFO, hdl.array("0.NA/x"))
        first = ask_tcp(r.address, ask).site.serial
        r.stop()
        r.start()
        self.assertEqual(ask_tcp(r.address, ask).site.serial, first)
        r.stop()
        r.start(listen='[ "%s:2641" ]' % r.host)
        self.assertEqual(ask_tcp(r.address, ask).site.serial, first + 1)

    def test_status(self):
        self.tiers.start()
        r = self.resolver = self.tiers.resolver().start()
        r.ask("0.NA/88")
        text = r.ctl("status").stdout
        for word in ("cached", "secure", "anchor", "everything"):
            self.assertIn(word, text)
        status = r.status()
        self.assertEqual(status["daemon"], "helver")
        self.assertEqual(status["anchors"][0]["prefix"], "")


if __name__ == "__main__":
    unittest.main()
