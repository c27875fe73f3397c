# SPDX-License-Identifier: Apache-2.0
"""Who serves a prefix, as administrators say it and as nodes answer (protocol.md 11.2)."""

import json
import os
import unittest

import auth
import hdl
import keys
from staff import url
from peers import Peers, afar

REFERRALS = (302, 303)


class Verb(Peers):
    """helvectl delegate."""

    def setUp(self):
        super().setUp()
        self.node = self.make("88")
        self.other, self.mirror = self.make("88.118"), self.make("88.118")

    def values(self, prefix):
        record = json.loads(self.node.ctl("get", "0.NA/" + prefix, "--json").stdout)
        return [(v["index"], v["type"]) for v in record["values"]
                if v["type"] not in ("HS_CERT", "HS_SIGNATURE")]

    def refused(self, code, *argv, says):
        done = self.node.ctl(*argv, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(says, done.stderr)

    def test_forms(self):
        both = [(1, "HS_SITE"), (2, "HS_SITE.PREFIX")]
        for to in (self.other.dir, self.other.dir + "/site.json", self.other.dir + "/site.bin"):
            with self.subTest(os.path.basename(to)):
                self.node.ctl("delegate", "88.118", "--to", to)
                self.assertEqual(self.values("88.118"), both)

    def test_roles(self):
        d = ("delegate", "88.118")
        self.node.ctl("put", "0.NA/88.118", "--value", "1 DESC second level", "--value",
                      "3 NOTE x")
        for argv, expected in (
                (("--to", self.other.dir, "--only", "items"), ["DESC", "HS_SITE", "NOTE"]),
                (("--to", self.other.dir, "--only", "prefixes"),
                 ["DESC", "HS_SITE", "NOTE", "HS_SITE.PREFIX"]),
                (("--to", self.other.dir, "--to", self.mirror.dir),
                 ["DESC", "HS_SITE", "NOTE", "HS_SITE", "HS_SITE.PREFIX", "HS_SITE.PREFIX"]),
                (("--service", "0.SERV/88", "--only", "items"),
                 ["DESC", "HS_SERV", "NOTE", "HS_SITE.PREFIX", "HS_SITE.PREFIX"]),
                (("--service", "0.SERV/88"), ["DESC", "HS_SERV", "NOTE", "HS_SERV.PREFIX"]),
                (("--remove", "--only", "prefixes"), ["DESC", "HS_SERV", "NOTE"]),
                (("--remove",), ["DESC", "NOTE"])):
            with self.subTest(" ".join(argv[0::2])):
                self.node.ctl(*d, *argv)
                self.assertEqual([kind for _, kind in self.values("88.118")], expected)
        self.refused(1, "delegate", "88.7", "--remove", says="no such record")

    def test_nothing_left(self):
        self.node.ctl("delegate", "88.118", "--to", self.other.dir)
        self.node.ctl("delegate", "88.118", "--remove")
        self.refused(1, "get", "0.NA/88.118", says="not in this registry")

    def test_refusals(self):
        to = self.other.dir
        for argv, says in ((("delegate", "88.118"), "which site"),
                           (("delegate", "--to", to), "which site"),
                           (("delegate", "88.118", "--to", to, "--remove"), "not both"),
                           (("delegate", "88.118", "--to", to, "--only", "some"), "items or"),
                           (("delegate", "88.118", "--service", "88"), "an identifier")):
            with self.subTest(says):
                self.refused(2, *argv, says=says)
        self.refused(2, "delegate", "88/118", "--to", to, says="no prefix")

    def test_homed_here(self):
        done = self.node.ctl("delegate", "88", "--to", self.other.dir)
        self.assertIn("88 is homed here", done.stderr)
        self.assertIn("helvectl unhome 88", done.stderr)

    def test_afar(self):
        """The same by the protocol, as an administrator."""
        admin, key = "300:0.NA/88", self.node.dir + "/keys/admpriv.bin"
        self.start(self.node, server_admins='[ "%s" ]' % admin)
        for argv, expected in (
                (("--to", self.other.dir), [(1, "HS_SITE"), (2, "HS_SITE.PREFIX")]),
                (("--to", self.mirror.dir), [(1, "HS_SITE"), (2, "HS_SITE.PREFIX")]),
                (("--service", "0.SERV/88"), [(1, "HS_SERV"), (2, "HS_SERV.PREFIX")]),
                (("--remove", "--only", "prefixes"), [(1, "HS_SERV")]),
                (("--to", self.other.dir, "--to", self.mirror.dir, "--only", "prefixes"),
                 [(1, "HS_SERV"), (2, "HS_SITE.PREFIX"), (3, "HS_SITE.PREFIX")])):
            with self.subTest(" ".join(argv[0::2])):
                afar(self.node, key, admin, "delegate", "88.118", *argv)
                self.assertEqual(self.values("88.118"), expected)
        done = afar(self.node, self.other.dir + "/keys/admpriv.bin", admin, "delegate", "88.119",
                    "--to", self.other.dir, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("403", done.stderr)


class SeveralTiers(Peers):
    """One node is the root, the top-level node of 88, and that of the enterprise 88.118.8, whose
    second level is another's: who asks is sent there and back, and never in a circle."""

    def setUp(self):
        super().setUp()
        self.upper = self.make("0.NA")
        self.second = self.make("88.118", parent=self.upper)
        up, second = self.upper.ctl, self.second.ctl
        up("home", "88")
        up("home", "88.118.8")
        up("delegate", "88", "--to", self.upper.dir)
        up("delegate", "88.118", "--to", self.second.dir)
        second("delegate", "88.118.8", "--to", self.upper.dir)
        up("put", "88/top", "--value", "1 URL top")
        up("put", "88.118.8/item", "--value", "1 URL enterprise")
        second("put", "88.118/item", "--value", "1 URL second")
        for node in self.nodes:
            self.start(node)

    def walk(self, handle):
        """As a client would, from the root: (node, code) of each step."""
        name = {self.upper.at[1]: "upper", self.second.at[1]: "second"}
        at, steps = self.upper, []
        prefix = handle.split("/")[0]
        for asked in ("0.NA/" + prefix, handle):
            for _ in range(5):
                m = self.ask(at, asked)
                steps.append((name[at.at[1]], m.rc))
                if m.rc not in REFERRALS:
                    break
                at = self.upper if self.ports(m)[0] == self.upper.at[1] else self.second
            if m.rc != 1:
                return steps, m
            if asked != handle:
                at = self.upper if self.ports(m)[0] == self.upper.at[1] else self.second
        return steps, m

    def test_walks(self):
        for handle, steps, says in (
                ("88/top", [("upper", 1), ("upper", 1)], b"top"),
                ("88.118/item", [("upper", 1), ("second", 1)], b"second"),
                ("88.118.8/item", [("upper", 303), ("second", 1), ("upper", 1)], b"enterprise")):
            with self.subTest(handle):
                taken, m = self.walk(handle)
                self.assertEqual(taken, steps)
                self.assertEqual(m.values[0].data, says)
        self.assertEqual(self.walk("88.118.9/x")[0], [("upper", 303), ("second", 100)])
        # Below the enterprise: the second level says who, and the upper node speaks for itself.
        self.assertEqual(self.walk("88.118.8.5/x")[0],
                         [("upper", 100)])

    def test_referral(self):
        """Empty handle, public sites; DNR; other letters; verification."""
        m = self.ask(self.upper, "0.na/88.118.77")
        self.assertEqual((m.rc, m.handle, self.ports(m)), (303, b"", [self.second.at[1]]))
        m = self.ask(self.upper, "88.118/Item")
        self.assertEqual((m.rc, m.handle, self.ports(m)), (302, b"", [self.second.at[1]]))
        self.assertEqual(self.ask(self.upper, "0.NA/88.118.77", hdl.USUAL | hdl.DNR).rc, 100)
        self.assertEqual(self.ask(self.upper, "88.118/item", hdl.USUAL | hdl.DNR).rc, 301)
        who = hdl.array("0.NA/88.118.77") + hdl.u32(300)
        body = who + hdl.array(b"n" * 16) + bytes([3]) + bytes(32) + hdl.array(b"r" * 20)
        m = hdl.ask_tcp(self.upper.at, hdl.Request(hdl.VERIFY_CHALLENGE, body))
        self.assertEqual((m.rc, self.ports(m)), (303, [self.second.at[1]]))

    def test_administrators(self):
        """Referred when they know referrals of prefixes; else told that it is not here."""
        for version, rc in (((2, 9), 301), ((2, 10), 303), ((2, 11), 303)):
            with self.subTest(version):
                c = auth.Client(hdl.Tcp(self.upper.at), version=version)
                self.assertEqual(c.create("0.NA/88.118.77", [url()]).rc, rc)
                c.channel.socket.close()


class Doctor(Peers):
    """What it says of those to whom prefixes are delegated."""

    def findings(self, node):
        out = node.ctl("--json", "doctor", check=False).stdout
        return [(f["verdict"], f["text"]) for f in json.loads(out)["findings"]
                if f["check"] == "delegated"]

    def assertFound(self, node, verdict, says):
        found = self.findings(node)
        self.assertEqual([v for v, _ in found], [verdict], found)
        self.assertIn(says, found[0][1])

    def test_delegated(self):
        upper, child, other = self.make("88"), self.make("88.118"), self.make("88.118")
        self.assertEqual(self.findings(upper), [])
        upper.ctl("delegate", "88.118", "--to", child.dir)
        self.assertFound(upper, "warning", "88.118: ")  # silent
        self.start(child)
        self.assertFound(upper, "ok", "shows this site record")
        child.stop()
        child.ctl("site", "set", "--desc", "moved")
        self.start(child)
        self.assertFound(upper, "warning", "serial 1 here, 2 there")
        upper.ctl("delegate", "88.118", "--to", child.dir)
        self.assertFound(upper, "ok", "shows this site record")
        child.stop()
        child.ctl("site", "add-server", other.dir)
        self.start(child)
        self.assertFound(upper, "wrong", "shows other servers or keys (serial 3)")


class Mirror(Peers):
    """A site that is no primary answers, and takes no changes (11.1, 11.9)."""

    def test_mirror(self):
        primary, mirror = self.make("88.118"), self.make("88.118")
        primary.ctl("put", "88.118/x", "--value", "1 URL one")
        dump = os.path.join(primary.dir, "dump.jsonl")
        with open(dump, "w", encoding="utf-8") as f:
            f.write(primary.ctl("dump", "--prefix", "88.118").stdout)
        mirror.ctl("load", dump)
        mirror.ctl("site", "set", "--primary", "no")
        self.start(mirror)
        m = self.ask(mirror, "88.118/x")
        self.assertEqual((m.rc, m.values[0].data, m.flags & hdl.AT), (1, b"one", 0))
        c = auth.Client(hdl.Tcp(mirror.at), auth.Public(
            "300:0.NA/88.118", keys.key_file(mirror.dir + "/keys/admpriv.bin")))
        for m in (c.create("88.118/y", [url()]), c.delete("88.118/x"),
                  c.add("88.118/x", [url(2)]), c.modify("88.118/x", [url()]),
                  c.remove("88.118/x", [1]), c.home("0.NA/99"), c.unhome("0.NA/88.118")):
            self.assertEqual((m.rc, m.op), (301, m.op))
            self.assertIn("mirror", m.text)
        self.assertEqual(c.names(hdl.LIST, "0.NA/88.118")[0].rc, 1)
        mirror.ctl("put", "88.118/z", "--value", "1 URL two")  # its own user's affair
        self.assertEqual(self.ask(mirror, "88.118/z").rc, 1)


if __name__ == "__main__":
    unittest.main()
