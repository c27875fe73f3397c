# SPDX-License-Identifier: Apache-2.0
"""hdig +trace down four real nodes: root, top level, second level, enterprise."""

import json
import os
import shutil
import tempfile
import unittest

import node
from node import Node, run, text_value
from places import place

TIERS = ("0.NA", "88", "88.118", "88.118.8")
ID = "88.118.8/JX1"


def trace(root, *argv):
    return run(node.HDIG, *argv, "+trace", "+root=" + root, check=False)


class Trace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nodes = {}
        try:
            above = None
            for prefix in TIERS:
                at = "%s:%d" % place()
                n = cls.nodes[prefix] = Node(prefix, "p256", *(
                    ("--parent", above.dir) if above else ()), listen=at)
                n.at = at
                if above:
                    above.ctl("delegate", prefix, "--to", n.dir)
                above = n
            above.load([{"handle": ID, "values": [text_value(1, "URL", "https://example.org/"),
                                                  text_value(2, "DESC", "a pump")]}])
            for n in cls.nodes.values():
                cls.start(n)
        except BaseException:
            cls.tearDownClass()
            raise

    @staticmethod
    def start(n):
        n.start(listen='[ "%s" ]' % n.at, workers=1)

    @classmethod
    def tearDownClass(cls):
        for n in cls.nodes.values():
            n.remove()

    @property
    def root(self):
        return self.nodes["0.NA"].dir + "/site.json"

    def test_four_tiers(self):
        done = trace(self.root, ID, "+json")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        said = json.loads(done.stdout)
        self.assertEqual((said["responseCode"], said["proof"], said["signature"]),
                         (1, "secure", "verified"))
        self.assertEqual([v["data"]["value"] for v in said["values"]][:1],
                         ["https://example.org/"])
        steps = said["trace"]
        self.assertEqual([s["responseCode"] for s in steps], [303, 303, 1, 1])
        self.assertEqual([s["zone"] for s in steps], ["", "88", "88.118", "88.118.8"])
        self.assertEqual([s["asked"] for s in steps], ["0.NA/88.118.8"] * 3 + [ID])
        self.assertEqual([s["server"] for s in steps],
                         [self.nodes[p].at for p in TIERS])
        self.assertEqual({s["proof"] for s in steps}, {"secure"})

    def test_text(self):
        done = trace(self.root, ID)
        self.assertEqual(done.returncode, 0, done.stderr)
        for part in ("prefix referral (303), to %s" % self.nodes["88"].at,
                     "secure: P-256 anchor", "secure: P-256 key of 88.118.8",
                     "success (1), secure", "https://example.org/", "4 steps"):
            self.assertIn(part, done.stdout)
        self.assertNotIn("\033", done.stdout)

    def test_what_was_asked_for(self):
        done = trace(self.root, ID, "DESC", "+short")
        self.assertEqual((done.returncode, done.stdout), (0, "a pump\n"))
        done = trace(self.root, ID, "+index=1", "+short")
        self.assertEqual((done.returncode, done.stdout), (0, "https://example.org/\n"))
        done = trace(self.root, ID, "NONE", "+json")
        self.assertEqual(done.returncode, 3)
        self.assertEqual(json.loads(done.stdout)["responseCode"], 200)

    def test_prefixes(self):
        for asked in ("88.118.8", "0.NA/88.118.8", "88", "0.NA/0.NA"):
            done = trace(self.root, asked, "+json")
            self.assertEqual(done.returncode, 0, done.stderr + done.stdout)

    def test_not_there(self):
        for asked, steps in ((ID + "X", 4), ("88.118.9/x", 3), ("88.119/x", 2), ("99/x", 1)):
            with self.subTest(asked):
                done = trace(self.root, asked, "+json")
                said = json.loads(done.stdout)
                self.assertEqual((done.returncode, said["responseCode"], said["proof"],
                                  len(said["trace"])), (3, 100, "secure", steps))

    def test_another_root(self):
        """The right addresses with somebody else's key: nothing is believed."""
        folder = tempfile.mkdtemp(prefix="helve-e2e-")
        self.addCleanup(shutil.rmtree, folder)
        with open(self.root, encoding="utf-8") as f:
            site = json.load(f)
        with open(self.nodes["88"].dir + "/site.json", encoding="utf-8") as f:
            site["servers"][0]["publicKey"] = json.load(f)["servers"][0]["publicKey"]
        path = os.path.join(folder, "root.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(site, f)
        done = trace(path, ID, "+json")
        self.assertEqual(done.returncode, 5, done.stdout)
        said = json.loads(done.stdout)
        self.assertEqual((said["proof"], said["values"]), ("bogus", []))
        self.assertTrue(said["signature"].startswith("failed"))

    def test_another_enterprise(self):
        """A node that the parent has not named, at the address that it has."""
        old = self.nodes["88.118.8"]
        new = Node("88.118.8", "p256", listen=old.at)
        self.addCleanup(new.remove)
        new.at = old.at
        new.load([{"handle": ID, "values": [text_value(1, "URL", "https://evil.example/")]}])
        old.stop()
        try:
            self.start(new)
            done = trace(self.root, ID)
            self.assertEqual(done.returncode, 5, done.stdout)
            self.assertNotIn("evil", done.stdout)
            self.assertIn("bogus: not signed by the P-256 key of 88.118.8", done.stdout)
        finally:
            new.stop()
            self.start(old)

    def test_nobody_there(self):
        self.nodes["88.118"].stop()
        try:
            done = trace(self.root, ID)
            self.assertEqual(done.returncode, 9, done.stdout)
            self.assertIn("no answer from the servers of 88.118", done.stdout)
        finally:
            self.start(self.nodes["88.118"])

    def test_usage(self):
        for argv, said in (((), "+root=SITE.json"), (("+root=/dev/null",), "no site record"),
                           (("+root=" + self.root, "@127.0.0.1"), "+trace starts from the root")):
            if not argv and os.path.exists("/etc/helve/root.json"):
                continue
            done = run(node.HDIG, ID, "+trace", *argv, check=False)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn(said, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
