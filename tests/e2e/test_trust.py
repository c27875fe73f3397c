# SPDX-License-Identifier: Apache-2.0
"""Record signatures through four real nodes and a resolver that asks for them: helvectl sign, cert,
delegate and anchor on one side, must-sign on the other."""

import json
import os
import shutil
import signal
import tempfile
import unittest

from node import HELVECTL, run, text_value
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

    def test_signed_by_him(self):
        m = self.assert_rc(self.resolver.ask(LEAF + "/good"), 1)
        self.assertEqual([v.type for v in m.values], [b"URL", b"DESC", b"HS_SIGNATURE"])

    def test_refused(self):
        for name, why in (("changed", "was changed"), ("other", "not by whom it must be"),
                          ("plain", "not signed")):
            with self.subTest(name):
                m = self.assert_rc(self.resolver.ask("%s/%s" % (LEAF, name)), 2)
                self.assertIn(why, m.text)

    def walks(self):
        stats = self.resolver.status()["resolver"]
        return stats["walks"] - stats["refreshes"]

    def test_flushed(self):
        """What was bogus a moment ago is looked at again when somebody has flushed, whatever it was."""
        self.assert_rc(self.resolver.ask(LEAF + "/plain"), 2)
        self.resolver.ctl("cache", "flush", LEAF + "/good")
        before = self.walks()
        self.assert_rc(self.resolver.ask(LEAF + "/plain"), 2)
        self.assertGreater(self.walks(), before)

    def test_rule_that_came_later(self):
        """What was kept by the rules of before is not shown by those of now: after a reload, and
        after a start with what was kept."""
        self.resolver.reload()
        self.assert_rc(self.resolver.ask(LEAF + "/plain"), 1)
        self.resolver.reload(**self.settings)
        self.assert_rc(self.resolver.ask(LEAF + "/plain"), 2)
        self.assert_rc(self.resolver.ask(LEAF + "/good"), 1)
        self.resolver.reload()
        self.assert_rc(self.resolver.ask(LEAF + "/changed"), 1)
        self.resolver.stop()
        self.resolver.start(**self.settings)
        self.assert_rc(self.resolver.ask(LEAF + "/changed"), 2)

    def test_power_cut_behind_a_rule(self):
        """A rule that came a moment before the power went: what it forbids does not come back from the
        disk, where it stands until the cache is saved."""
        self.resolver.reload()
        self.assert_rc(self.resolver.ask(LEAF + "/plain"), 1)
        saves = self.resolver.status()["saves"]
        while self.resolver.status()["saves"] == saves:  # now it stands there
            pass
        self.resolver.configure(**self.settings)
        self.resolver.signal(signal.SIGHUP)
        self.resolver.wait_for(r" reload ")
        self.resolver.kill()
        self.resolver.start(**self.settings)
        self.assert_rc(self.resolver.ask(LEAF + "/plain"), 2)
        self.assert_rc(self.resolver.ask(LEAF + "/good"), 1)

    def test_not_there_is_signed_by_message(self):
        self.assert_rc(self.resolver.ask(LEAF + "/none"), 100)

    def test_signed_again(self):
        """What was refused is given when it is signed, and others are not asked about it."""
        self.tiers.leaf.ctl("put", LEAF + "/late", "--value", "1 URL https://late")
        self.tiers.leaf.ctl("sign", LEAF + "/late")
        self.assert_rc(self.resolver.ask(LEAF + "/late"), 1)


class Anchors(unittest.TestCase):
    """helvectl anchor, on a file of its own."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="helve-e2e-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.keys = {}
        for kind in ("rsa", "p256", "ed25519", "sm2"):
            self.keys[kind] = os.path.join(self.dir, kind + ".bin")
            run(HELVECTL, "key", "new", self.keys[kind], "--key", kind)

    def anchor(self, *argv, code=0, says=""):
        done = run(HELVECTL, "-d", self.dir, "anchor", *argv, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(says, done.stderr)
        return done.stdout

    def states(self):
        listed = json.loads(self.anchor("list", "--json"))
        return [(a["subject"], a["prefix"], a["state"]) for a in listed["anchors"]]

    def test_life(self):
        for kind in self.keys:
            self.anchor("add", self.keys[kind])
        self.assertEqual(self.states(), [("0.0/0.0", "", "valid")] * 4)
        self.anchor("add", self.keys["sm2"], code=1, says="already")
        self.anchor("add", self.keys["sm2"], "--prefix", "88", "--subject", "300:0.NA/88",
                    "--pending")
        self.anchor("revoke", "1")
        self.anchor("remove", "2")
        self.assertEqual(self.states(), [("0.0/0.0", "", "revoked"), ("0.0/0.0", "", "valid"),
                                         ("0.0/0.0", "", "valid"),
                                         ("300:0.NA/88", "88", "pending")])
        self.anchor("add", self.keys["rsa"], code=1, says="revoked")
        self.anchor("remove", "1", code=1, says="never believed again")
        self.anchor("remove", "1", "--forget")
        self.anchor("add", self.keys["rsa"])
        self.assertEqual(len(self.states()), 4)
        self.assertIn("by hand", self.anchor())

    def test_refusals(self):
        self.anchor("add", self.keys["p256"])
        for argv, code, says in (
                (("add",), 2, "list, add"),
                (("ad", "x"), 2, "list, add"),
                (("list", "1", "2"), 2, "what is"),
                (("add", "/none"), 1, "No such file"),
                (("add", "/etc/hostname"), 1, "no key that we know"),
                (("add", self.keys["rsa"], "--prefix", "88"), 2, "--subject"),
                (("revoke", "2"), 1, "anchors 1 to 1"),
                (("revoke", "0"), 1, "anchors 1 to 1"),
                (("revoke", "x"), 1, "anchors 1 to 1"),
                (("remove", "-1"), 2, "unknown option")):
            with self.subTest(" ".join(argv)):
                self.anchor(*argv, code=code, says=says)
        self.assertEqual(len(self.states()), 1)

    def test_damaged(self):
        self.anchor("add", self.keys["p256"])
        path = os.path.join(self.dir, "anchors.json")
        with open(path, encoding="utf-8") as f:
            good = f.read()
        for bad, says in ((good[:-5], "anchors.json"), (good.replace("valid", "vaild"), "state"),
                          (good.replace('"since":', '"sinse":'), "since"), ("", "anchors.json")):
            with open(path, "w", encoding="utf-8") as f:
                f.write(bad)
            self.anchor("list", code=1, says=says)
            self.anchor("add", self.keys["rsa"], code=1, says=says)
            with open(path, encoding="utf-8") as f:
                self.assertEqual(f.read(), bad)


if __name__ == "__main__":
    unittest.main()
