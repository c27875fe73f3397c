# SPDX-License-Identifier: Apache-2.0
"""The registry's file is damaged while helved serves from it: never a wrong answer."""

import os
import unittest

from hdl import ask_for as question, ask_udp
from node import Node, text_value


class Damage(unittest.TestCase):
    def setUp(self):
        self.node = Node(key="p256")
        self.addCleanup(self.node.remove)
        self.node.load({"handle": "88.118.8/D%05d" % i,
                        "values": [text_value(1, "URL", "https://example.cn/%05d" % i)]}
                       for i in range(20000))
        self.node.start()
        self.path = os.path.join(self.node.dir, "data", "data.mdb")

    def ask(self, i):
        return ask_udp(self.node.address, question(b"88.118.8/D%05d" % i))

    def test_bit_rot(self):
        self.assertEqual(self.ask(777).rc, 1)
        with open(self.path, "r+b") as f:
            at = f.read().index(b"https://example.cn/00777")
            f.seek(at + 3)
            f.write(b"P")
        self.assertEqual(self.ask(777).rc, 2)
        self.node.wait_for(r"error registry\.read identifier=88\.118\.8/D00777")
        self.assertEqual(self.ask(778).rc, 1)
        done = self.node.ctl("verify", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("88.118.8/D00777", done.stdout + done.stderr)

    def test_cut_short_while_serving(self):
        self.assertEqual(self.ask(1).rc, 1)
        os.truncate(self.path, 8192)
        with self.assertRaises(OSError):
            self.ask(19000)
        self.assertEqual(self.node.process.wait(timeout=60), 75)
        self.node.reader.join(60)
        self.assertIn("registry's file cannot be read", self.node.lines[-1])
        self.node.process.stderr.close()
        self.node.process = None


if __name__ == "__main__":
    unittest.main()
