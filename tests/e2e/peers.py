# SPDX-License-Identifier: Apache-2.0
"""Nodes that know each other by their site records: ports are chosen before they are made."""

import unittest

import hdl
from node import HELVECTL, Node, run
from places import place


class Peers(unittest.TestCase):
    """Nodes that are made and stopped together."""

    def setUp(self):
        self.nodes = []
        self.addCleanup(self.remove_all)

    def remove_all(self):
        for node in self.nodes:
            node.remove()

    def make(self, prefix, *more, key="p256", parent=None):
        at = place()
        if parent:
            more += ("--parent", parent.dir)
        node = Node(prefix, key, *more, listen="%s:%d" % at)
        node.at = at
        self.nodes.append(node)
        return node

    def start(self, node, **more):
        more.setdefault("workers", 1)
        node.start(listen='[ "%s:%d" ]' % node.at, **more)
        return node

    def ask(self, node, handle, flags=hdl.USUAL, **more):
        return hdl.ask_tcp(node.at, hdl.ask_for(handle, flags=flags, **more))

    def ports(self, m):
        """The ports of the sites in an answer, in order."""
        return [hdl.Site(v.data).servers[0]["interfaces"][0].port for v in m.values
                if v.type.startswith((b"HS_SITE", b"HS_NA_DELEGATE"))]


def afar(node, key, identity, *argv, check=True, site=None):
    return run(HELVECTL, "-d", site or node.dir, "--server", "%s:%d" % node.at, "--auth", identity,
               "--key", key, *argv, check=check)
