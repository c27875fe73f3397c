# SPDX-License-Identifier: Apache-2.0
"""helver that knows nothing of the root but a domain name and the anchors: it is found by SRV or
NAPTR, validated where it is signed, and not forgotten when DNS is gone."""

import json
import os
import re
import time
import unittest
import urllib.error
import urllib.request

from nameserver import NameServer, why_not
from node import PATIENCE, text_value
from tiers import Tiers

LEAF = "88.118.8"
ZONE = "id.test"


class RootDomain(unittest.TestCase):
    tiers = None

    @classmethod
    def setUpClass(cls):
        why = why_not()
        if why:
            raise unittest.SkipTest(why)
        cls.tiers = Tiers()
        try:
            cls.tiers.leaf.load([{"handle": "%s/%d" % (LEAF, i),
                                  "values": [text_value(1, "URL", "https://a/%d" % i)]}
                                 for i in range(10)])
            cls.tiers.start()
        except BaseException:
            cls.tiers.remove()
            raise

    @classmethod
    def tearDownClass(cls):
        if cls.tiers:
            cls.tiers.remove()

    def setUp(self):
        self.dns = NameServer(self.tiers.network.address(), ZONE)
        self.addCleanup(self.dns.remove)
        self.resolver = self.tiers.resolver()
        self.addCleanup(self.resolver.stop)
        os.unlink(os.path.join(self.resolver.dir, "root.json"))
        self.next = 0

    def srv(self, host=None, priority=10, name="root1", udp=True):
        lines = ["_hdl._tcp IN SRV %d 5 2641 %s" % (priority, name),
                 "%s IN A %s" % (name, host or self.tiers.root.host)]
        if udp:
            lines.insert(0, "_hdl._udp IN SRV %d 5 2641 %s" % (priority, name))
        return "\n".join(lines) + "\n"

    def start(self, *anchors, **more):
        settings = {"root": None, "root_domain": '"%s"' % ZONE,
                    "root_dns": "[ %s ]" % self.dns.address,
                    "dns_anchor": "[ %s ]" % ", ".join('"%s"' % a for a in anchors)}
        self.resolver.start(**{**settings, **more})
        # It does not wait for ever before it answers, and DNS may be slow.
        end = time.monotonic() + PATIENCE
        while not (self.root()["servers"] or self.root()["why"]):
            self.assertLess(time.monotonic(), end, "DNS is not asked")

    def resolves(self):
        """An identifier that is in no cache yet."""
        m = self.resolver.ask("%s/%d" % (LEAF, self.next))
        self.next += 1
        return m.rc == 1

    def root(self):
        return self.resolver.status()["root_dns"]

    def assert_proof(self, proof, *servers):
        root = self.root()
        self.assertEqual((root["proof"], root["servers"]), (proof, list(servers)), root)

    def test_secure(self):
        anchor = self.dns.make_key()
        self.dns.write(self.srv())
        self.dns.start()
        self.start(anchor)
        self.assert_proof("secure", "%s:2641" % self.tiers.root.host)
        self.assertTrue(self.resolves())
        status = self.resolver.status()["resolver"]
        self.assertGreater(status["secure"], 0)
        self.assertEqual((status["insecure"], status["bogus"]), (0, 0))
        self.assertIn("root by DNS", self.resolver.ctl("status").stdout)

    def test_not_signed(self):
        """Found, and asked only because the configuration allows the network."""
        self.dns.write(self.srv())
        self.dns.start()
        self.start(upstream_net="[ 127.0.0.0/8 ]")
        self.assert_proof("insecure", "%s:2641" % self.tiers.root.host)
        self.assertTrue(self.resolves())
        # The root itself is proven all the same.
        self.assertGreater(self.resolver.status()["resolver"]["secure"], 0)

    def test_not_signed_opens_no_network(self):
        self.dns.write(self.srv())
        self.dns.start()
        self.start()
        self.assert_proof("insecure", "%s:2641" % self.tiers.root.host)
        self.assertFalse(self.resolves())

    def test_somebody_elses_anchor(self):
        """Signed, but not by whom the anchor names: nothing is used."""
        other = self.dns.make_key()
        self.dns.make_key()
        self.dns.write(self.srv())
        self.dns.start()
        self.start(other)
        root = self.root()
        self.assertEqual((root["proof"], root["servers"]), ("unknown", []))
        self.assertIn("bogus", root["why"])
        self.assertFalse(self.resolves())

    def test_bogus_changes_nothing(self):
        anchor = self.dns.make_key()
        self.dns.write(self.srv())
        self.dns.start()
        self.start(anchor)
        for trouble in ({"spoil": (r" 2641 root1", " 2642 root1")}, {"expired": True},
                        {"spoil": (r"^.*RRSIG.*SRV.*$", "")}):
            with self.subTest(trouble=trouble):
                self.dns.change(self.srv(), **trouble)
                self.resolver.ctl("reload")
                self.assertIn("outcome=bogus", self.resolver.wait_for(r"root\.dns"))
                self.assert_proof("secure", "%s:2641" % self.tiers.root.host)
                self.assertTrue(self.resolves())

    def test_dns_is_lost(self):
        anchor = self.dns.make_key()
        self.dns.write(self.srv())
        self.dns.start()
        self.start(anchor)
        self.dns.stop()
        self.assertTrue(self.resolves())
        self.resolver.stop()
        self.start(anchor)
        self.assert_proof("secure", "%s:2641" % self.tiers.root.host)
        self.assertTrue(self.resolves())
        self.resolver.ctl("reload")
        self.assertIn("outcome=silent", self.resolver.wait_for(r"root\.dns"))
        self.assertTrue(self.resolves())

    def ready(self):
        at = re.search(r"http=(\S+:\d+)", "".join(self.resolver.lines)).group(1)
        try:
            with urllib.request.urlopen("http://%s/readyz" % at, timeout=PATIENCE) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as e:
            with e:
                return e.code, json.loads(e.read())

    def test_not_ready_before_a_root_is_known(self):
        anchor = self.dns.make_key()
        self.dns.write(self.srv())
        self.start(anchor, http='[ "127.0.0.1:0" ]')
        status, said = self.ready()
        self.assertEqual(status, 503)
        self.assertIn("no root is known: %s" % ZONE, said["why"])
        self.dns.start()
        self.resolver.ctl("reload")
        self.resolver.wait_for(r"root\.found")
        self.assertEqual(self.ready()[0], 200)
        self.dns.stop()
        self.resolver.ctl("reload")
        self.resolver.wait_for(r"root\.dns")
        self.assertEqual(self.ready()[0], 200)

    def test_the_root_moves(self):
        anchor = self.dns.make_key()
        nobody = self.tiers.network.address()
        self.dns.write(self.srv(nobody))
        self.dns.start()
        self.start(anchor)
        self.assert_proof("secure", nobody + ":2641")
        self.dns.change(self.srv())
        self.resolver.ctl("reload")
        self.resolver.wait_for(r"root\.found.*%s" % self.tiers.root.host.replace(".", r"\."))
        self.assert_proof("secure", "%s:2641" % self.tiers.root.host)
        self.assertTrue(self.resolves())

    def test_priority(self):
        """The first is asked as long as it lives, then the second."""
        nobody = self.tiers.network.address()
        anchor = self.dns.make_key()
        for first, second in ((self.tiers.root.host, nobody), (nobody, self.tiers.root.host)):
            with self.subTest(first=first):
                self.dns.change(self.srv(second, 20, "b") + self.srv(first, 10, "a"))
                self.start(anchor)
                self.assert_proof("secure", first + ":2641", second + ":2641")
                self.assertTrue(self.resolves())
                self.resolver.stop()
                os.unlink(os.path.join(self.resolver.dir, "data", "root-dns.txt"))

    def test_naptr(self):
        anchor = self.dns.make_key()
        self.dns.write('@ IN NAPTR 20 10 "A" "hdl:tcp" "" nobody\n'
                       '@ IN NAPTR 10 10 "S" "hdl:udp" "" place\n'
                       '@ IN NAPTR 5 10 "S" "other:udp" "" elsewhere\n'
                       "place IN SRV 1 1 2641 root1\nnobody IN A %s\nroot1 IN A %s\n"
                       % (self.tiers.network.address(), self.tiers.root.host))
        self.dns.start()
        self.start(anchor)
        root = self.root()
        self.assertEqual((root["proof"], root["servers"][0]),
                         ("secure", "%s:2641" % self.tiers.root.host))
        self.assertTrue(self.resolves())

    def test_beside_a_file(self):
        """The file's place is there for when what DNS says does not answer."""
        anchor = self.dns.make_key()
        self.dns.write(self.srv(self.tiers.network.address()))
        self.dns.start()
        self.start(anchor, root='"%s"' % os.path.join(self.tiers.root.dir, "site.json"))
        self.resolver.wait_for(r"root\.found")
        self.assertTrue(self.resolves())

    def test_what_cannot_be_used_is_told(self):
        self.resolver.configure(root=None, root_domain='"a..b"')
        code, said, _ = self.resolver.refuses_to_start()
        self.assertEqual(code, 1)
        self.assertIn("root-domain", said)
        self.resolver.configure(root=None, root_domain='"id.test"',
                                dns_anchor='[ "id.test IN A 1.2.3.4" ]')
        code, said, _ = self.resolver.refuses_to_start()
        self.assertEqual(code, 1)
        self.assertIn("expected a DS or DNSKEY", said)


if __name__ == "__main__":
    unittest.main()
