# SPDX-License-Identifier: Apache-2.0
"""helved looks up for listed sources what is not here (option allow-recursion)."""

import json
import os
import unittest

import hdl
from test_signed import public_key_der, verifies
from peers import Peers

FRIEND, STRANGER = "127.77.0.1", "127.78.0.1"


class Recursion(Peers):
    """The root, a second level, and two enterprises below it, one of which recurses."""

    def setUp(self):
        super().setUp()
        self.root = self.make("0.NA")
        self.second = self.make("88.118", parent=self.root)
        self.other = self.make("88.118.9", parent=self.second)
        self.node = self.make("88.118.8", parent=self.second)
        self.root.ctl("delegate", "88.118", "--to", self.second.dir)
        for node, prefix in ((self.other, "88.118.9"), (self.node, "88.118.8")):
            self.second.ctl("delegate", prefix, "--to", node.dir)
            node.ctl("put", prefix + "/x", "--value", "1 URL of " + prefix)
        self.second.ctl("put", "88.118/x", "--value", "1 URL of 88.118")
        for node in (self.root, self.second, self.other):
            self.start(node)

    def begin(self, node=None, **more):
        more.setdefault("allow_recursion", "[ 127.77.0.0/16 ]")
        more.setdefault("root", '"%s/site.json"' % self.root.dir)
        self.start(node or self.node, **more)

    def put(self, handle, source=FRIEND, node=None, **more):
        with hdl.Udp((node or self.node).at, source=source) as c:
            return c.ask(hdl.ask_for(handle, **more))

    def test_for_whom(self):
        self.begin()
        for handle, rc in (("88.118.8/x", 1), ("88.118.9/x", 1), ("88.118/x", 1),
                           ("88.118.9/none", 100), ("0.NA/88.118.9", 1), ("88.118.9", 1),
                           ("0.NA/88.118.77", 100), ("77/x", 100)):
            with self.subTest(handle):
                m = self.put(handle)
                self.assertEqual((m.rc, m.handle if rc == 1 else None),
                                 (rc, handle.encode() if rc == 1 else None), m.text)
        m = self.put("88.118.9/x")
        self.assertEqual((m.values[0].data, m.flags & hdl.AT), (b"of 88.118.9", 0))
        self.assertTrue(self.put("88.118.8/x").flags & hdl.AT)
        for more in ({"source": STRANGER}, {"flags": hdl.USUAL & ~hdl.REC}):
            with self.subTest(**{k: str(v) for k, v in more.items()}):
                self.assertEqual(self.put("88.118.9/x", **more).rc, 301)
                self.assertEqual(self.put("88.118.8/x", **more).rc, 1)

    def test_counter(self):
        self.begin()
        self.assertEqual(self.put("88.118.9/x", recursion=10).rc, 6)
        self.assertEqual(self.put("88.118.9/x", recursion=9).rc, 1)
        self.assertEqual(self.put("88.118.8/x", recursion=250).rc, 1)

    def test_signed_by_us(self):
        """Who wants a certified answer is given ours, of what we have verified."""
        self.begin()
        m = self.put("88.118.9/x", flags=hdl.USUAL | hdl.CT)
        self.assertEqual(m.rc, 1)
        kind, digest, signature, covered = m.signature()
        with open(self.node.dir + "/site.bin", "rb") as f:
            key = hdl.Site(f.read()).servers[0]["key"]
        self.assertEqual(kind, b"HS_SIGNED")
        self.assertEqual(digest, b"SHA-256")
        self.assertTrue(verifies(public_key_der(key), "sha256", signature, covered))

    def test_wrong_key(self):
        """A node that does not hold the key that its parent vouches for is not believed."""
        impostor = self.make("88.118.9", parent=self.second)
        impostor.ctl("put", "88.118.9/x", "--value", "1 URL forged")
        site = json.load(open(impostor.dir + "/site.json", encoding="utf-8"))
        theirs = json.load(open(self.other.dir + "/site.json", encoding="utf-8"))
        site["servers"][0]["publicKey"] = theirs["servers"][0]["publicKey"]
        path = os.path.join(impostor.dir, "mixed.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(site, f)
        self.second.ctl("delegate", "88.118.9", "--to", path)
        self.start(impostor)
        self.begin()
        m = self.put("88.118.9/x")
        self.assertEqual(m.rc, 2, m.values)

    def test_referred_from_here(self):
        """What is delegated here, and what is below us, is found as well: the walk comes back to us,
        as a question to an authority, and ends."""
        child = self.make("88.118.8.5", parent=self.node)
        child.ctl("put", "88.118.8.5/x", "--value", "1 URL child")
        self.node.ctl("delegate", "88.118.8.5", "--to", child.dir)
        self.start(child)
        self.begin()
        self.assertEqual(self.put("88.118.8.5/x", source=STRANGER).rc, 302)
        m = self.put("88.118.8.5/x")
        self.assertEqual((m.rc, m.values[0].data), (1, b"child"))

    def test_root_recurses(self):
        """A root asks itself first."""
        self.root.stop()
        self.begin(self.root, root=None)
        m = self.put("88.118.9/x", node=self.root)
        self.assertEqual((m.rc, m.values[0].data), (1, b"of 88.118.9"))

    def test_cached_and_bounded(self):
        """One question upstream for many; those that nobody answers end."""
        self.begin()
        self.assertEqual(self.put("88.118.9/x").rc, 1)
        for node in (self.root, self.second, self.other):
            node.stop()
        self.assertEqual(self.put("88.118.9/x").rc, 1)
        self.assertEqual(self.put("88.118.9/y").rc, 2)
        self.assertEqual(self.put("88.118.8/x").rc, 1)

    def test_reload(self):
        self.begin()
        self.assertEqual(self.put("88.118.9/x").rc, 1)
        self.node.configure(listen='[ "%s:%d" ]' % self.node.at, workers=1,
                            allow_recursion="[ 127.99.0.0/16 ]")
        self.node.ctl("reload")
        self.node.wait_for("reload")
        self.assertEqual(self.put("88.118.9/x").rc, 301)
        self.assertEqual(self.put("88.118.9/x", source="127.99.1.1").rc, 1)


if __name__ == "__main__":
    unittest.main()
