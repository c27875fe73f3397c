# SPDX-License-Identifier: Apache-2.0
"""Identifiers of other schemes, in a registry and in the resolver before it."""

import unittest

import hdl
from node import text_value
from tiers import TiersCase

LEAF = "88.118.8"
GTIN = LEAF + "/01/09506000134352"
SERIAL, OTHER = GTIN + "/21/ab1", GTIN + "/21/AB1"
DID, OTHER_DID = LEAF + "/did:bid:efAb", LEAF + "/did:bid:efaB"


def url(handle, name):
    return {"handle": handle, "values": [text_value(1, "URL", "https://example/" + name)]}


def data(m):
    return [v.data.decode() for v in m.values]


class Schemes(TiersCase):

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load([url(GTIN, "gtin"), url(SERIAL, "lower"), url(OTHER, "upper"),
                         url(DID, "did"), url(OTHER_DID, "other-did"),
                         url(LEAF + "/jx1", "plain")])

    def both(self, handle):
        """What the node says by UDP and the resolver by TCP; its code, or its values."""
        said = (hdl.ask_udp(self.tiers.leaf.address, hdl.ask_for(handle)),
                self.resolver.ask(handle))
        out = []
        for m in said:
            if m.rc == 1:
                self.assertEqual(m.handle, handle.encode())  # the asker's spelling
            out.append(data(m) if m.rc == 1 else m.rc)
        self.assertEqual(out[0], out[1])
        return out[0]

    def test_case_of_serials(self):
        """industrial 2.1: serial ab1 is not AB1."""
        self.assertEqual(self.both(SERIAL), ["https://example/lower"])
        self.assertEqual(self.both(OTHER), ["https://example/upper"])
        self.assertEqual(self.both(GTIN + "/21/Ab1"), 100)
        self.assertEqual(self.both(DID), ["https://example/did"])
        self.assertEqual(self.both(OTHER_DID), ["https://example/other-did"])
        self.assertEqual(self.both(LEAF + "/JX1"), ["https://example/plain"])

    def test_in_the_cache(self):
        self.resolver.ctl("cache", "flush", "all")
        for handle in (SERIAL, OTHER, SERIAL):
            self.assert_rc(self.resolver.ask(handle), 1)
        shown = self.resolver.ctl("cache", "show", GTIN + "/*").stdout
        self.assertIn("/21/ab1", shown)
        self.assertIn("/21/AB1", shown)

    def test_listed_and_verified(self):
        listed = self.tiers.leaf.ctl("list", LEAF).stdout.split()
        self.assertTrue({SERIAL, OTHER, DID, OTHER_DID} <= set(listed), listed)
        self.tiers.leaf.ctl("verify")


if __name__ == "__main__":
    unittest.main()
