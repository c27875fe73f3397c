# SPDX-License-Identifier: Apache-2.0
"""The registry's file is damaged while helved serves from it, or went back in time while it did not:
never a wrong answer, and no second history written over the first."""

import os
import socket
import struct
import unittest

import hdl
from hdl import ask_for as question, ask_udp
from node import PATIENCE, Node, text_value


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
        with hdl.Udp(self.node.address) as c:
            c.send(question(b"88.118.8/D19000").octets)
            self.assertEqual(self.node.process.wait(timeout=PATIENCE), 75)
            c.socket.setblocking(False)
            self.assertRaises(OSError, c.receive)  # it has not answered
        self.node.reader.join(60)
        self.assertIn("registry's file cannot be read", self.node.lines[-1])
        self.node.process.stderr.close()
        self.node.process = None


class Local(hdl.Tcp):
    """The control socket: the protocol as on TCP, and the kernel tells who asks."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)


def crc32c(data):
    crc = 0xFFFFFFFF
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Rollback(unittest.TestCase):
    """The guard (server/head.h) says that more was acknowledged than the registry holds."""

    def setUp(self):
        self.node = Node(key="p256")
        self.addCleanup(self.node.remove)
        self.data = os.path.join(self.node.dir, "data")

    def create(self, name):
        with Local(os.path.join(self.node.dir, "helved.sock")) as c:
            return c.ask(hdl.Request(hdl.CREATE, hdl.array(name) + hdl.u32(1) +
                                     hdl.Value(1, "URL", "x").encode()))

    def slots(self):
        """(generation, offset, octets) of those that are there, the newest last."""
        with open(os.path.join(self.data, "head"), "rb") as f:
            octets = f.read()
        found = [(at, octets[at:at + 76]) for at in (0, 4096) if octets[at:at + 8] == b"HLVHEAD1"]
        return sorted((struct.unpack(">Q", o[8:16])[0], at, o) for at, o in found)

    def forge(self, further):
        _, at, slot = self.slots()[-1]
        seq = struct.unpack(">Q", slot[16:24])[0] + further
        slot = slot[:16] + struct.pack(">Q", seq) + slot[24:72]
        with open(os.path.join(self.data, "head"), "r+b") as f:
            f.seek(at)
            f.write(slot + struct.pack(">I", crc32c(slot)))

    def test_vanished(self):
        self.node.start()
        for i in range(3):
            self.assertEqual(self.create("88.118.8/G%d" % i).rc, 1)
        self.node.stop()
        self.forge(5)
        self.node.start()
        self.assertTrue([l for l in self.node.lines if " error guard " in l and
                         "5 acknowledged changes are missing" in l], self.node.lines)
        for i in range(3):
            self.assertEqual(ask_udp(self.node.address, question("88.118.8/G%d" % i)).rc, 1)
        refused = self.create("88.118.8/G9")
        self.assertNotEqual(refused.rc, 1)
        self.assertIn(b"acknowledged changes are missing", bytes(refused.body))
        self.assertEqual(ask_udp(self.node.address, question("88.118.8/G9")).rc, 100)
        self.node.stop()
        os.unlink(os.path.join(self.data, "head"))
        self.node.start()
        self.assertEqual(self.create("88.118.8/G9").rc, 1)

    def test_not_vanished(self):
        """Behind, damaged, or of one slot: nothing can be said against the registry."""
        self.node.start()
        for i in range(3):
            self.assertEqual(self.create("88.118.8/G%d" % i).rc, 1)
        self.node.stop()
        self.forge(-2)
        self.node.start()
        self.assertEqual(self.create("88.118.8/H1").rc, 1)
        self.node.stop()
        with open(os.path.join(self.data, "head"), "r+b") as f:
            f.truncate(100)
        self.node.start()
        self.assertEqual(self.create("88.118.8/H2").rc, 1)

    def test_verified_first(self):
        mark = os.path.join(self.data, "verify-first")
        with open(mark, "wb"):
            pass
        self.node.start()
        # A change waits until everything was looked at.
        self.assertEqual(self.create("88.118.8/V").rc, 1)
        self.assertFalse(os.path.exists(mark))


if __name__ == "__main__":
    unittest.main()
