# SPDX-License-Identifier: Apache-2.0
"""Identifiers of other schemes, in a registry and in the resolver before it."""

import os
import unittest

import auth
import hdl
import keys
from node import text_value
from tiers import TiersCase

LEAF = "88.118.8"
GTIN = LEAF + "/01/09506000134352"
SERIAL, OTHER = GTIN + "/21/ab1", GTIN + "/21/AB1"
DID, OTHER_DID = LEAF + "/did:bid:efAb", LEAF + "/did:bid:efaB"


def url(handle, name):
    return {"handle": handle, "values": [text_value(1, "URL", "https://example/" + name)]}


def data(m):
    return [v.data.decode(errors="replace") for v in m.values]


RULES = '[ "gs1 %s", "oid %s", "did %s", "ecode:1.0064 %s", "host id.example.cn" ]' % ((LEAF,) * 4)


class Schemes(TiersCase):
    settings = {"schemes": RULES}

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load([url(GTIN, "gtin"), url(SERIAL, "lower"), url(OTHER, "upper"),
                         url(DID, "did"), url(OTHER_DID, "other-did"),
                         url(LEAF + "/jx1", "plain"), url(GTIN + "/10/L1/21/77", "lot"),
                         url(LEAF + "/1.2.156.3001.7", "oid"),
                         url(LEAF + "/did:web:example.com", "web"),
                         url(LEAF + "/1.0064.1234", "ecode"),
                         {"handle": LEAF + "/01/09506000134369", "values": [
                             text_value(1, "secret", "price", permissions="1100"),
                             text_value(2, "URL", "https://example/hidden"),
                             text_value(300, "HS_SECKEY", "sesame", permissions="1100"),
                             {"index": 100, "type": "HS_ADMIN", "ttl": 86400, "data": {
                                 "format": "admin", "value": {
                                     "handle": LEAF + "/01/09506000134369", "index": 300,
                                     "permissions": "111111111111"}}}]}])
        tiers.leaf.more = {"schemes": RULES}

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

    def test_spellings(self):
        """One reading for all: what is found, under the asker's spelling."""
        for spelling, name in (
                ("9506000134352", "gtin"), ("(01)09506000134352", "gtin"),
                ("01/09506000134352/", "gtin"),
                ("https://id.gs1.org/01/9506000134352/21/ab1?17=261231", "lower"),
                ("(01)09506000134352(21)AB1", "upper"),
                ("]C1010950600013435221ab1", "lower"),
                ("(21)77(01)09506000134352(10)L1(17)261231", "lot"),
                ("urn:epc:id:sgtin:9506000.013435.ab1", "lower"),
                ("1.2.156.3001.7", "oid"), ("urn:oid:1.2.156.3001.7", "oid"),
                ("did:web:example.com#key-1", "web"), ("ecode:100641234", "ecode"),
                ("1.0064.1234", "ecode"),
                ("hdl:88.118.8/jx1", "plain"), (" 88.118.8/jx1", "plain"),
                ("https://hdl.handle.net/88.118.8/jx%31", "plain"),
                ("http://id.example.cn/api/handles/88.118.8/JX1", "plain"),
                ("VAA88.118.8/jx1", "plain")):
            with self.subTest(spelling=spelling):
                self.assertEqual(self.both(spelling), ["https://example/" + name])

    def test_behind_a_challenge_and_in_a_session(self):
        """Who may read more may ask for it in the same words."""
        who = auth.Secret("300:%s/01/09506000134369" % LEAF, b"sesame")
        with hdl.Tcp(self.tiers.leaf.address) as channel:
            m = auth.Client(channel, who).all_values("(01)09506000134369")
            self.assert_rc(m, 1)
            self.assertEqual(m.handle, b"(01)09506000134369")
            self.assertIn("price", data(m))
            self.assertNotIn("sesame", data(m))
        with hdl.Tcp(self.tiers.leaf.address) as channel:
            session = auth.Session.setup(channel, who)
            for encrypted in (False, True):
                with self.subTest(encrypted=encrypted):
                    m = session.ask(hdl.RESOLUTION, hdl.resolution_body("(01)09506000134369"),
                                    auth.KEEP & ~hdl.PO, encrypted=encrypted)
                    self.assert_rc(m, 1)
                    self.assertIn("price", data(m))
                    m = session.ask(hdl.RESOLUTION, hdl.resolution_body("(01)09506000134368"),
                                    auth.KEEP & ~hdl.PO, encrypted=encrypted)
                    self.assert_rc(m, 102)

    def test_no_walk_up(self):
        self.assertEqual(self.both("(01)09506000134352(21)nobody"), 100)

    def test_what_is_wrong(self):
        for text, why in (("9506000134353", "(01): check digit is 2, not 3"),
                          ("urn:oid:1.2.03", "OID: leading zero in arc 3"),
                          ("https://elsewhere.example/x", "not configured here"),
                          ("88.118.8\uff0fjx1", "fullwidth slash")):
            with self.subTest(text=text):
                for m in (hdl.ask_udp(self.tiers.leaf.address, hdl.ask_for(text)),
                          self.resolver.ask(text)):
                    self.assert_rc(m, 102)
                    self.assertIn(why, m.text)

    def test_bare_prefix_is_itself(self):
        """industrial 5.3: a question of its own."""
        for handle in (LEAF, "0.NA/" + LEAF):
            self.assert_rc(self.resolver.ask(handle), 1)
            self.assert_rc(hdl.ask_udp(self.tiers.leaf.address, hdl.ask_for(handle)), 1)

    def test_rules_are_reloaded_and_checked(self):
        self.resolver.reload(**{**self.settings, "schemes": '[ "gs1 88.118.9" ]'})
        try:
            self.assert_rc(self.resolver.ask("9506000134352"), 100)
        finally:
            self.resolver.reload(**self.settings)
        self.assertEqual(self.both("9506000134352"), ["https://example/gtin"])
        self.resolver.configure(schemes='[ "gs1" ]')
        self.resolver.ctl("reload", check=False)
        self.resolver.wait_for(r'schemes: "gs1": a row is "gs1 PREFIX"')
        self.resolver.configure(**self.settings)
        self.assertEqual(self.both("9506000134352"), ["https://example/gtin"])

    def test_listed_and_verified(self):
        listed = self.tiers.leaf.ctl("list", LEAF).stdout.split()
        self.assertTrue({SERIAL, OTHER, DID, OTHER_DID} <= set(listed), listed)
        self.tiers.leaf.ctl("verify")
        admin = auth.Public("300:0.NA/" + LEAF, keys.key_file(
            os.path.join(self.tiers.leaf.dir, "keys/admpriv.bin")))
        with hdl.Tcp(self.tiers.leaf.address) as channel:
            pages = auth.Client(channel, admin).names(hdl.LIST, "0.NA/" + LEAF)
        listed = [n.decode() for m in pages for n in m.names]
        self.assertTrue({SERIAL, OTHER, DID, OTHER_DID, LEAF + "/JX1"} <= set(listed), listed)


if __name__ == "__main__":
    unittest.main()
