# SPDX-License-Identifier: Apache-2.0
"""What is answered out of two records: the national SDK asks for the sites of a prefix, and the prefix
names service handles that have them. The answer is as old, as sure and as free as the worse of both."""

import json
import os
import unittest

import hdl
from node import Node, text_value
from tiers import Tiers

TRUSTED_QUERY, TRUSTED_RESULT = 2, 1
DAY_S, STALE_TTL_S = 86400, 30


def question(prefix, flags=0x19000000):
    body = hdl.resolution_body(prefix, (), ["HS_SITE"]) + hdl.array(b"")
    return hdl.Request(hdl.RESOLUTION, body, flags, session=10001, version=(2, 10),
                       suggest=(2, 11))


class Services(unittest.TestCase):
    def setUp(self):
        self.tiers = Tiers()
        self.addCleanup(self.tiers.remove)
        self.site = json.load(open(os.path.join(self.tiers.leaf.dir, "site.json"),
                                   encoding="utf-8"))

    def service(self, handle, ttl=DAY_S):
        return {"handle": handle, "values": [
            {"index": 1, "type": "HS_SITE", "data": {"format": "site", "value": self.site},
             "ttl": ttl}]}

    def named(self, prefix, service, ttl=DAY_S):
        return {"handle": "0.NA/" + prefix,
                "values": [text_value(1, "HS_SERV", service, ttl=ttl)]}

    def begin(self, *records, **keys):
        self.tiers.nodes[2].load(records)
        self.tiers.start()
        self.resolver = self.tiers.resolver().start(**keys)

    def ask(self, prefix, rc=1, **more):
        with hdl.Tcp(self.resolver.sdk_address) as c:
            m = c.ask(question(prefix, **more))
        self.assertEqual(m.rc, rc, "%s %s" % (m.rc, m.text))
        return m

    def test_half_stale(self):
        """One part past its life makes the whole stale, whichever it is: 30 seconds, and neither what
        the fresh part has left nor what stands in the record."""
        cases = {"88.118.21": (DAY_S, 1), "88.118.22": (1, DAY_S)}
        self.begin(*[one for n, (prefix, (named_s, site_s)) in enumerate(cases.items())
                     for one in (self.service("88.118/S%d" % n, site_s),
                                 self.named(prefix, "88.118/S%d" % n, named_s))])
        for prefix in cases:
            self.assertLessEqual(self.ask(prefix).values[0].ttl, 1, prefix)
        self.tiers.stop()
        for prefix in cases:
            with self.subTest(prefix):
                before = self.resolver.status()["resolver"]["stale_answers"]
                while self.resolver.status()["resolver"]["stale_answers"] == before:
                    ttl = self.ask(prefix).values[0].ttl
                self.assertEqual(ttl, STALE_TTL_S)
                # Held now: the workers give it without asking anybody.
                self.assertEqual(self.ask(prefix).values[0].ttl, STALE_TTL_S)

    def test_not_found_is_as_sure_as_who_sent_us(self):
        """A prefix whose record nobody signs names a service handle that, signed, is not there."""
        unsigned = Node("77", "p256")
        self.addCleanup(unsigned.remove)
        unsigned.load([{"handle": "77/x", "values": [text_value(1, "URL", "x")]}])
        site = unsigned.ctl("get", "0.NA/77").stdout
        self.assertIn("HS_SITE", site)
        unsigned.ctl("rm", "0.NA/77")
        unsigned.load([self.named("77", "88.118/NONE")])
        unsigned.start(trusted_net="[ 127.0.0.0/8 ]")
        self.begin(forward='[ "77 127.0.0.1:%d" ]' % unsigned.address[1], unsigned="allow")
        flags = 0x19000000 | TRUSTED_QUERY
        for _ in range(2):  # walked, then cached
            m = self.ask("77", 100, flags=flags)
            self.assertEqual(m.flags & (TRUSTED_QUERY | TRUSTED_RESULT), TRUSTED_QUERY)
        # The one behind it is proven, when it is asked for itself.
        m = self.resolver.ask("88.118/NONE", flags=hdl.USUAL | TRUSTED_QUERY)
        self.assertEqual((m.rc, m.flags & 3), (100, 3))

    def test_blocked(self):
        """What is blocked is not shown under the name of the prefix either."""
        self.begin(self.service("88.118/A"), self.service("88.118/B"),
                   self.named("88.118.21", "88.118/A"),
                   {"handle": "0.NA/88.118.22", "values": [
                       text_value(1, "HS_SERV", "88.118/a"),
                       text_value(2, "HS_SERV", "88.118/B")]})
        path = self.resolver.write("blocked.txt", "88.118/a\n")
        for answer, rc in (("not-found", 100), ("refused", 401)):
            self.resolver.reload(block='"%s"' % path, block_answer=answer)
            for _ in range(2):
                with self.subTest(answer):
                    self.assertEqual(self.resolver.ask("88.118/A").rc, rc)
                    self.ask("88.118.21", 200)
                    self.ask("88.118.22")
        self.resolver.reload()
        self.ask("88.118.21")


if __name__ == "__main__":
    unittest.main()
