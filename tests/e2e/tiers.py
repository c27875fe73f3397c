# SPDX-License-Identifier: Apache-2.0
"""Four tiers and a resolver, real processes each: 0.NA, 88, 88.118, 88.118.8 and helver. Each has an
address of its own in 127/8 (places.py), so that site records can name the protocol's port."""

import json
import os
import re
import shutil
import tempfile
import unittest

import hdl
from node import HELVER, Node, run
from places import Network

PREFIXES = ("0.NA", "88", "88.118", "88.118.8")
PORT, SDK_PORT = 2641, 3641


class Tier(Node):
    """A node at the protocol's own port."""

    def __init__(self, network, prefix, *more):
        self.prefix, self.host = prefix, network.address()
        self.more = {}  # of its configuration, for a test to set
        super().__init__(prefix, "p256", *more, listen="%s:%d" % (self.host, PORT))

    def start(self, env=None, **keys):
        keys.setdefault("listen", '[ "%s:%d" ]' % (self.host, PORT))
        keys.setdefault("workers", 1)
        keys.setdefault("trusted_net", "[ 127.0.0.0/8 ]")
        keys.update(self.more)
        super().start(env, **keys)
        self.address = (self.host, PORT)
        return self


class Resolver(Node):
    """helver, which begins at `root` (a node's directory)."""

    binary = HELVER

    def __init__(self, network, root, *more):
        self.host = network.address()
        self.dir = os.path.join(tempfile.mkdtemp(prefix="helve-e2e-"), "resolver")
        # Where helvectl looks.
        self.conf = os.path.join(self.dir, "helver.yaml")
        self.process = self.address = None
        self.lines = []
        self.ctl("init", "--resolver", "--root", root, "--key", "p256", *more)

    def configure(self, **keys):
        settings = {"root": '"%s/root.json"' % self.dir,
                    "listen": '[ "%s:%d", "%s:%d" ]' % (self.host, PORT, self.host, SDK_PORT),
                    "workers": 2}
        settings.update(keys)
        super().configure(**settings)

    def start(self, env=None, **keys):
        super().start(env, **keys)
        self.address, self.sdk_address = (self.host, PORT), (self.host, SDK_PORT)
        return self

    def status(self):
        return json.loads(self.ctl("--json", "status").stdout)

    def packets_out(self):
        """How many questions it has sent to nodes."""
        return self.status()["resolver"]["packets_out"]

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def reload(self, **keys):
        """A new configuration, taken over; what it said of it."""
        self.configure(**keys)
        self.ctl("reload")
        return self.wait_for(r" reload ")

    def ask(self, handle, indexes=(), types=(), flags=hdl.USUAL, **more):
        """By TCP, so that every answer fits."""
        return hdl.ask_tcp(self.address, hdl.ask_for(handle, indexes, types, flags, **more))


class Tiers:
    """Made, delegated to each other, and started."""

    def __init__(self):
        self.network = Network()
        self.nodes, self.resolvers = [], []
        self.root = None
        for prefix in PREFIXES:
            more = ("--parent", self.root.dir) if self.root else ()
            node = Tier(self.network, prefix, *more)
            if self.nodes:
                self.nodes[-1].ctl("delegate", prefix, "--to", node.dir)
            self.nodes.append(node)
            self.root = self.nodes[0]
        self.leaf = self.nodes[-1]

    def start(self):
        for node in self.nodes:
            node.start()
        return self

    def stop(self):
        for node in self.nodes:
            node.stop()

    def resolver(self, *more):
        self.resolvers.append(Resolver(self.network, self.root.dir, *more))
        return self.resolvers[-1]

    def remove(self):
        for one in self.resolvers + self.nodes:
            one.remove()


class TiersCase(unittest.TestCase):
    """One world for all tests of a class."""

    settings = {}
    tiers = resolver = None

    @classmethod
    def fill(cls, tiers):
        """Put records into the registries; nobody runs yet."""

    @classmethod
    def prepare(cls, resolver):
        """Write files beside its configuration; returns settings."""
        return {}

    @classmethod
    def setUpClass(cls):
        cls.tiers = Tiers()
        try:
            cls.fill(cls.tiers)
            cls.tiers.start()
            cls.resolver = cls.tiers.resolver()
            cls.resolver.start(**{**cls.settings, **cls.prepare(cls.resolver)})
        except BaseException:
            for one in cls.tiers.nodes + cls.tiers.resolvers:
                one.process and one.process.kill()
                one.process = None
                shutil.rmtree(os.path.dirname(one.dir), ignore_errors=True)
            raise

    @classmethod
    def tearDownClass(cls):
        cls.tiers.remove()

    def assert_asks_nobody(self, what):
        """what(0) asks no node. The resolver looks after the root beside it, some seconds after its
        start and then once in a long while: so what(1) or what(2) may tell the same."""
        sent = []
        for i in range(3):
            before = self.resolver.packets_out()
            what(i)
            sent.append(self.resolver.packets_out() - before)
            if sent[-1] == 0:
                return
        self.fail("it asks: %r" % sent)

    def assert_rc(self, m, rc):
        self.assertEqual(m.rc, rc, "%s %s" % (m.rc, m.text))
        return m
