# SPDX-License-Identifier: Apache-2.0
"""Record signatures through four real nodes and a resolver that asks for them: helvectl sign, cert,
delegate and anchor on one side, must-sign on the other."""

import json
import unittest

from node import text_value
from tiers import TiersCase

LEAF = "88.118.8"


def record(name, *values):
    return {"handle": "%s/%s" % (LEAF, name), "values": list(values)}


class Signed(TiersCase):
    """The records of the enterprise must be signed by the enterprise."""

    settings = {"must_sign": '[ "%s 300:0.NA/%s" ]' % (LEAF, LEAF)}

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load([record(name, text_value(1, "URL", "https://" + name),
                                text_value(2, "DESC", "a pump"))
                         for name in ("good", "changed", "other", "old", "plain")])
        tiers.leaf.ctl("sign", "--prefix", LEAF)
        parent = tiers.nodes[2].dir + "/keys/admpriv.bin"
        for name, more in (("other", ("--key", parent, "--as", "300:0.NA/88.118")),
                           ("plain", None)):
            own = json.loads(tiers.leaf.ctl("get", "%s/%s" % (LEAF, name), "--json").stdout)
            tiers.leaf.ctl("rm", own["handle"])
            tiers.leaf.load([record(name, text_value(1, "URL", "https://" + name))])
            if more:
                tiers.leaf.ctl("sign", own["handle"], *more)
        tiers.leaf.ctl("put", LEAF + "/changed", "--value", "1 URL https://elsewhere")

    @classmethod
    def prepare(cls, resolver):
        resolver.ctl("anchor", "add", cls.tiers.root.dir + "/keys/admpub.bin", "--subject",
                     "300:0.0/0.0")
        return {}

    def test_signed_by_him(self):
        m = self.assert_rc(self.resolver.ask(LEAF + "/good"), 1)
        self.assertEqual([v.type for v in m.values], [b"URL", b"DESC", b"HS_SIGNATURE"])

    def test_refused(self):
        for name, why in (("changed", "was changed"), ("other", "not by whom it must be"),
                          ("plain", "not signed")):
            with self.subTest(name):
                m = self.assert_rc(self.resolver.ask("%s/%s" % (LEAF, name)), 2)
                self.assertIn(why, m.text)

    def test_not_there_is_signed_by_message(self):
        self.assert_rc(self.resolver.ask(LEAF + "/none"), 100)

    def test_signed_again(self):
        """What was refused is given when it is signed, and others are not asked about it."""
        self.tiers.leaf.ctl("put", LEAF + "/late", "--value", "1 URL https://late")
        self.tiers.leaf.ctl("sign", LEAF + "/late")
        self.assert_rc(self.resolver.ask(LEAF + "/late"), 1)


if __name__ == "__main__":
    unittest.main()
