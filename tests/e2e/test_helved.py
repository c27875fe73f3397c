# SPDX-License-Identifier: Apache-2.0
"""What helved answers: records, filters, referrals, refusals, digests (protocol.md 3, 4, 11)."""

import json
import os
import unittest

import hdl
from hdl import ask_for, ask_tcp, ask_udp
from node import DATA, NodeCase, sample_site, text_value

PRIVATE = "1100"   # permissions: administrators read and write
NOBODY = "0000"


def site_value(index, kind, site):
    return {"index": index, "type": kind, "ttl": 86400,
            "data": {"format": "site", "value": site}}


def fill(node):
    node.load([
        {"handle": "88.118.8/JX1", "values": [
            text_value(1, "URL", "https://example.cn/JX1"),
            text_value(2, "EMAIL", "jx@example.cn"),
            text_value(3, "DESC", "轴承"),
            text_value(4, "DESC.short", "bearing"),
            text_value(5, "DESCRIPTION", "no member of the family"),
            text_value(6, "PRICE", "42", permissions=PRIVATE),
            text_value(2000, "brand", "齿轮厂", ttl=600),
        ]},
        {"handle": "88.118.8/Public", "values": [text_value(1, "URL", "https://example.cn/")]},
        {"handle": "88.118.8/private", "values": [
            text_value(1, "PRICE", "42", permissions=PRIVATE)]},
        {"handle": "88.118.8/noread", "values": [
            text_value(1, "SECRET", "x", permissions=NOBODY), text_value(2, "URL", "y")]},
        {"handle": "88.118.8/empty", "values": []},
        {"handle": "88.118.8/a/b c/é", "values": [text_value(1, "URL", "z")]},
        # Not homed here; its sub-prefixes are served elsewhere.
        {"handle": "0.NA/88.118.9", "values": [
            site_value(5, "HS_SITE.PREFIX", sample_site()),
            text_value(6, "HS_SERV.PREFIX", "0.SERV/9"),
            text_value(7, "HS_SITE.PREFIX", "hidden", permissions=PRIVATE)]},
    ])
    path = os.path.join(node.dir, "other-site.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(sample_site(), f)
    node.ctl("delegate", "88.118.8.7", "--to", path)


class Answers(NodeCase):
    settings = {"workers": 2}

    @classmethod
    def fill(cls, node):
        fill(node)

    def ask(self, *args, **more):
        """By UDP and by TCP: the same answer, apart from the request's id."""
        udp = ask_udp(self.at, ask_for(*args, **more))
        tcp = ask_tcp(self.at, ask_for(*args, **more))
        self.assertEqual((udp.rc, udp.flags, udp.body, udp.version, udp.serial),
                         (tcp.rc, tcp.flags, tcp.body, tcp.version, tcp.serial))
        return udp

    def test_whole_record(self):
        m = self.ask("88.118.8/JX1")
        self.assertEqual((m.rc, m.op), (1, hdl.RESOLUTION))
        self.assertEqual(m.indexes(), [1, 2, 3, 4, 5, 2000])
        brand = m.values[-1]
        self.assertEqual((brand.type, brand.data.decode(), brand.ttl, brand.ttl_kind, brand.perms),
                         (b"brand", "齿轮厂", 600, 0, 0x0E))

    def test_header_of_an_answer(self):
        request = ask_for("88.118.8/JX1", request_id=0x80000001, recursion=7,
                          flags=hdl.USUAL | hdl.DNR | hdl.KC | hdl.OWE | 1)
        m = ask_udp(self.at, request)
        self.assertEqual(m.id, 0x80000001)
        self.assertEqual(m.flags, hdl.AT | hdl.USUAL | hdl.DNR)
        self.assertEqual((m.version, m.suggest, m.recursion, m.reserved, m.part),
                         ((2, 11), (2, 11), 7, 0, 0))
        self.assertEqual(m.credential, b"")
        self.assertEqual(m.session, 0)

    def test_request_ids_come_back(self):
        for number in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
            with self.subTest(id=number):
                m = ask_udp(self.at, ask_for("88.118.8/JX1", request_id=number))
                self.assertEqual((m.id, m.rc), (number, 1))

    def test_expiration_is_twelve_hours_ahead(self):
        request = ask_for("88.118.8/JX1")
        m = ask_udp(self.at, request)
        asked = int.from_bytes(request.covered[16:20], "big")  # our clock + 12 h
        self.assertGreaterEqual(m.expiration, asked - 1)
        self.assertLess(m.expiration, asked + 1200)

    def test_filters(self):
        cases = [
            ("one index", [2], [], [2]),
            ("indexes in any order", [2000, 1], [], [1, 2000]),
            ("index and type: the union", [1], ["EMAIL"], [1, 2]),
            ("type, any letter case", [], ["email"], [2]),
            ("a type is itself only", [], ["DESC"], [3]),
            ("a family: the type and what is below", [], ["DESC."], [3, 4]),
            ("several types", [], ["URL", "brand"], [1, 2000]),
            ("a type in Chinese letters is bytes", [1], ["品牌"], [1]),
            ("an index that is not there changes nothing", [1, 99], [], [1]),
        ]
        for name, indexes, types, expected in cases:
            with self.subTest(name):
                m = self.ask("88.118.8/JX1", indexes, types)
                self.assertEqual((m.rc, m.indexes()), (1, expected))

    def test_values_not_found(self):
        cases = [("no such type", "88.118.8/JX1", [], ["NOPE"]),
                 ("no such index", "88.118.8/JX1", [99], []),
                 ("index 0 is no wildcard", "88.118.8/JX1", [0], []),
                 ("index -1", "88.118.8/JX1", [0xFFFFFFFF], []),
                 ("a lone dot", "88.118.8/JX1", [], ["."]),
                 ("an empty type", "88.118.8/JX1", [], [""]),
                 ("only private ones match", "88.118.8/JX1", [6], []),
                 ("all are private", "88.118.8/private", [], []),
                 ("there are none", "88.118.8/empty", [], [])]
        for name, handle, indexes, types in cases:
            with self.subTest(name):
                m = self.ask(handle, indexes, types)
                self.assertEqual((m.rc, m.text), (200, ""))

    def test_not_found(self):
        for handle in ("88.118.8/none", "88.118.8/", "88.118.8/JX1 ", "88.118.8/JX1/", "88.118.8//JX1",
                       "88.118.8/é"):
            with self.subTest(handle):
                m = self.ask(handle)
                self.assertEqual((m.rc, m.text), (100, ""))

    def test_letter_case(self):
        for handle in ("88.118.8/jx1", "88.118.8/Jx1", "88.118.8/PUBLIC"):
            with self.subTest(handle):
                m = self.ask(handle)
                self.assertEqual((m.rc, m.handle.decode()), (1, handle))

    def test_only_ascii_letters_are_folded(self):
        self.assertEqual(self.ask("88.118.8/A/B C/é").rc, 1)
        self.assertEqual(self.ask("88.118.8/A/B C/É").rc, 100)

    def test_private_values_are_left_out_with_po(self):
        self.assertNotIn(6, self.ask("88.118.8/JX1").indexes())

    def test_private_values_without_po(self):
        clear = hdl.REC | hdl.CA
        m = ask_tcp(self.at, ask_for("88.118.8/JX1", flags=clear))
        self.assertEqual(m.rc, 402, m.text)
        m = ask_tcp(self.at, ask_for("88.118.8/private", flags=clear))
        self.assertEqual(m.rc, 402, m.text)
        self.assertEqual(self.ask("88.118.8/noread", flags=clear).rc, 401)
        # Nothing private is touched: no login is needed.
        self.assertEqual(self.ask("88.118.8/Public", flags=clear).rc, 1)
        self.assertEqual(self.ask("88.118.8/JX1", [1], flags=clear).indexes(), [1])
        self.assertEqual(self.ask("88.118.8/noread", [2], flags=clear).indexes(), [2])

    def test_not_responsible(self):
        for handle in ("10.1000/182", "88.118/x", "88.118.80/x", "88.118.9/x", "/x"):
            with self.subTest(handle):
                m = self.ask(handle)
                self.assertEqual((m.rc, m.text), (301, "That prefix doesn't live here"))

    def test_own_root(self):
        """Made without a parent: what it does not know about prefixes, nobody does."""
        for handle in ("0.NA/10.1000", "10.1000", "0.NA/88.118"):
            self.assertEqual(self.ask(handle).rc, 100)

    def test_service_referral(self):
        m = self.ask("88.118.8.7/x", types=["URL"])
        self.assertEqual((m.rc, m.handle), (302, b""))
        self.assertEqual([v.type for v in m.values], [b"HS_SITE"])
        server = hdl.Site(m.values[0].data).servers[0]
        self.assertEqual(server["address"], bytes(12) + bytes([127, 0, 0, 1]))
        self.assertEqual(self.ask("88.118.8.7/x", flags=hdl.USUAL | hdl.DNR).rc, 301)
        # The prefix record itself is held and answered here.
        self.assertEqual(self.ask("0.NA/88.118.8.7", types=["HS_SITE"]).rc, 1)

    def test_prefix_referral(self):
        for handle in ("0.NA/88.118.9.5", "88.118.9.5", "0.na/88.118.9.5.1.2"):
            with self.subTest(handle):
                m = self.ask(handle)
                self.assertEqual((m.rc, m.handle), (303, b""))
                self.assertEqual(m.indexes(), [5, 6])
        m = self.ask("0.NA/88.118.9.5", flags=hdl.USUAL | hdl.DNR)
        self.assertEqual(m.rc, 100)

    def test_derived_prefix_without_delegation(self):
        for flags in (hdl.USUAL, hdl.USUAL | hdl.DNR):
            self.assertEqual(self.ask("0.NA/88.118.8.6", flags=flags).rc, 100)

    def test_bare_prefix(self):
        m = self.ask("88.118.8")
        self.assertEqual((m.rc, m.handle), (1, b"88.118.8"))
        self.assertIn(b"HS_ADMIN", [v.type for v in m.values])
        self.assertEqual(self.ask("0.NA/88.118.8").values[0].key(), m.values[0].key())

    def test_bare_prefix_asked_for_its_site(self):
        """The national SDK: the first HS_SITE, IPv4 as ::ffff:a.b.c.d."""
        for handle in ("88.118.8", "88.118.8.7"):
            with self.subTest(handle):
                m = self.ask(handle, types=["HS_SITE"])
                self.assertEqual((m.rc, m.handle.decode()), (1, handle))
                server = hdl.Site(m.values[0].data).servers[0]
                self.assertEqual(server["address"],
                                 bytes(10) + b"\xff\xff" + bytes([127, 0, 0, 1]))
                self.assertIn(1, [i.protocol for i in server["interfaces"]])
        plain = self.ask("0.NA/88.118.8", types=["HS_SITE"])
        self.assertEqual(hdl.Site(plain.values[0].data).servers[0]["address"][:12], bytes(12))

    def test_heart_beat(self):
        """The national SDK resolves "0" and takes any answer."""
        with hdl.Tcp(self.at) as c:
            for session in (10001, 10002):
                m = c.ask(ask_for("0", session=session, version=(2, 10)))
                self.assertGreater(m.rc, 0)
                self.assertEqual(m.session, session)

    def test_status_record_is_not_public(self):
        self.assertEqual(self.ask("0.SITE/status").rc, 200)

    def test_site_info(self):
        for body in (hdl.array(""), hdl.array("/"), hdl.array("88.118.8/JX1")):
            m = ask_tcp(self.at, hdl.Request(hdl.SITE_INFO, body))
            self.assertEqual(m.rc, 1)
            self.assertEqual((m.site.major, m.site.minor, m.site.flags & 0x80), (2, 11, 0x80))
            self.assertEqual(m.serial, m.site.serial)
            # The record of site.bin, which says "tls", and what else we understand.
            with open(os.path.join(self.node.dir, "site.bin"), "rb") as f:
                kept = hdl.Site(f.read())
            self.assertEqual(kept.attributes[-1], (b"helve", b"tls"))
            self.assertEqual(m.site.attributes,
                             kept.attributes[:-1] + [(b"helve", b"tls commit bulk control")])
            self.assertEqual([s["key"] for s in m.site.servers],
                             [s["key"] for s in kept.servers])

    def test_unknown_operations(self):
        for op in (3, 99, 106, 107, 199, 303, 1004, 2002, 0x7FFFFFFF, 0xFFFFFFFF):
            with self.subTest(op=op):
                request = hdl.Request(op, hdl.array("88.118.8/JX1"))
                for ask in (ask_udp, ask_tcp):
                    m = ask(self.at, request)
                    self.assertEqual((m.rc, m.op, m.id), (5, op, request.id))

    def test_administration_asks_who_it_is(self):
        handle = hdl.array("88.118.8/JX1")
        values = hdl.u32(1) + hdl.Value(9, "X", "y").encode()
        cases = [(hdl.CREATE, handle + values, 101), (hdl.DELETE, handle, 402),
                 (hdl.ADD, handle + values, 402), (hdl.MODIFY, handle + values, 200),
                 (hdl.REMOVE, handle + hdl.u32(1) + hdl.u32(1), 402),
                 (hdl.LIST, hdl.array("0.NA/88.118.8"), 402),
                 (hdl.HOME, hdl.array("0.NA/1"), 402),
                 (hdl.UNHOME, hdl.array("0.NA/88.118.8"), 402),
                 (hdl.LIST_HOMED, hdl.array(""), 402), (hdl.BACKUP, hdl.array(""), 402),
                 (hdl.NEXT_TXN, hdl.array(""), 5), (hdl.SESSION_TERMINATE, hdl.array(""), 500)]
        for op, body, rc in cases:
            with self.subTest(op=op):
                self.assertEqual(ask_tcp(self.at, hdl.Request(op, body)).rc, rc)
        self.assertEqual(self.ask("88.118.8/JX1", [1]).rc, 1)

    def test_unknown_session(self):
        for session in (1, 0x7FFFFFFF):
            m = self.ask("88.118.8/JX1", session=session)
            self.assertEqual((m.rc, m.session), (500, session))
        # Negative ids are looked up nowhere (protocol.md 2).
        self.assertEqual(self.ask("88.118.8/JX1", session=0xFFFFFFFF).rc, 1)

    def test_recursion_count_is_not_looked_at(self):
        for count in (9, 10, 255):
            self.assertEqual(self.ask("88.118.8/JX1", recursion=count).rc, 1)

    def test_request_digest_by_version(self):
        """4.0: the hash is chosen by the version of the answer."""
        flags = hdl.USUAL | hdl.RD
        expected = {0: None, 1: "sha1", 3: "sha1", 6: "sha1", 7: "sha256", 8: "sha256",
                    10: "sha256", 11: "sha256"}
        for handle, rc in (("88.118.8/JX1", 1), ("88.118.8/none", 100), ("10.1/x", 301),
                           ("88.118.8.7/x", 302)):
            for minor, name in expected.items():
                with self.subTest(handle=handle, version="2.%d" % minor):
                    self._check_digest(ask_for(handle, flags=flags, version=(2, minor)), rc,
                                       (2, minor), name)
            with self.subTest(handle=handle, version="3.0"):
                self._check_digest(ask_for(handle, flags=flags, version=(3, 0)), rc, (2, 11),
                                   "sha256")

    def _check_digest(self, request, rc, version, name):
        m = ask_udp(self.at, request)
        self.assertEqual((m.rc, m.version), (rc, version))
        if name is None:
            self.assertIsNone(m.digest)
            self.assertFalse(m.flags & hdl.RD)
            return
        self.assertEqual(m.digest[0], name)
        self.assertTrue(m.digest_is_of(request.covered), "digest of something else")

    def test_answer_version(self):
        """2.1: min(what the client suggests, ours); no suggestion is the message's version."""
        cases = [((2, 11), (2, 11), (2, 11)), ((2, 3), (2, 11), (2, 11)), ((2, 11), (2, 5), (2, 5)),
                 ((2, 1), (0, 0), (2, 1)), ((3, 0), (3, 0), (2, 11)), ((5, 0), (0, 0), (2, 0))]
        for version, suggest, expected in cases:
            with self.subTest(version=version, suggest=suggest):
                m = ask_udp(self.at, ask_for("88.118.8/JX1", version=version, suggest=suggest))
                self.assertEqual((m.rc, m.version, m.suggest), (1, expected, (2, 11)))

    def test_token_behind_the_types_is_ignored(self):
        """18.2: the national SDK appends one."""
        body = hdl.resolution_body("88.118.8/JX1", [1]) + hdl.array("token")
        m = ask_udp(self.at, hdl.Request(hdl.RESOLUTION, body, hdl.USUAL | 4))
        self.assertEqual((m.rc, m.indexes()), (1, [1]))

    def test_longest_identifier(self):
        for n, rc in ((2048, 100), (2049, 102)):
            handle = "88.118.8/".ljust(n, "x")
            self.assertEqual(ask_tcp(self.at, ask_for(handle)).rc, rc)


class BelowAParent(NodeCase):
    """A node that is not its own root knows its prefix and what is below, no other."""

    init = ("--parent", os.path.join(DATA, "siteinfo.json"))

    def test_prefixes(self):
        cases = [("0.NA/88.118.8", hdl.USUAL, 1), ("88.118.8", hdl.USUAL, 1),
                 ("0.NA/88.118.8.6", hdl.USUAL, 100), ("88.118.8/none", hdl.USUAL, 100),
                 ("0.NA/88.118", hdl.USUAL, 301), ("0.NA/88.118.9", hdl.USUAL, 301),
                 ("0.NA/0.NA", hdl.USUAL, 301), ("10.1000", hdl.USUAL | hdl.DNR, 301)]
        for handle, flags, rc in cases:
            with self.subTest(handle):
                m = ask_udp(self.at, ask_for(handle, flags=flags))
                self.assertEqual(m.rc, rc)


if __name__ == "__main__":
    unittest.main()
