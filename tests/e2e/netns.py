# SPDX-License-Identifier: Apache-2.0
"""Machines of their own for each tier, as far as the kernel can play them: a network namespace
each, joined by a bridge that stands for the WAN, with addresses of a private network. The line of
the LAN can lose packets, be cut and be mended. Needs root, iproute2 and nftables; without them the
tests are skipped and say why."""

import contextlib
import ctypes
import os
import random
import shutil
import subprocess
import tempfile

from tiers import PREFIXES, Resolver, Tier

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def why_not():
    """What is missing here, or None."""
    if os.geteuid() != 0:
        return "namespaces need root"
    for tool in ("ip", "nft"):
        if not shutil.which(tool):
            return "there is no %s" % tool
    name = "helve-%d-try" % os.getpid()
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode != 0:
        return "no namespaces here: " + made.stderr.strip()
    filtered = subprocess.run(["ip", "netns", "exec", name, "nft", "add table inet t"],
                              capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", name], check=True)
    return "no nftables here: " + filtered.stderr.strip() if filtered.returncode else None


def sh(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError("%s: %s" % (" ".join(words), done.stderr))


class Wan:
    """The bridge, and a namespace behind it for each machine. As Network, it gives out addresses."""

    def __init__(self):
        draw = random.SystemRandom()
        self.base = "10.%d.%d." % (draw.randrange(1, 255), draw.randrange(1, 255))
        self.name = "helve-%d" % os.getpid()
        self.spaces = []
        self.space("wan")
        self.within("wan", "ip", "link", "add", "wan", "type", "bridge")
        self.within("wan", "ip", "link", "set", "wan", "up")

    def within(self, machine, *words):
        sh("ip", "netns", "exec", "%s-%s" % (self.name, machine), *words)

    def space(self, machine):
        full = "%s-%s" % (self.name, machine)
        sh("ip", "netns", "add", full)
        self.spaces.append(full)
        self.within(machine, "ip", "link", "set", "lo", "up")

    def address(self):
        """A machine: its namespace is called m1, m2, ..."""
        number = len(self.spaces)
        machine, address = "m%d" % number, self.base + str(number)
        self.space(machine)
        self.within("wan", "ip", "link", "add", "v%d" % number, "type", "veth", "peer", "name",
                    "line", "netns", "%s-%s" % (self.name, machine))
        self.within("wan", "ip", "link", "set", "v%d" % number, "master", "wan", "up")
        self.within(machine, "ip", "address", "add", address + "/24", "dev", "line")
        self.within(machine, "ip", "link", "set", "line", "up")
        return address

    def machine(self, address):
        return "m" + address.rsplit(".", 1)[1]

    def command(self, address):
        """What stands in front of a program so that it runs on that machine."""
        return ["ip", "netns", "exec", "%s-%s" % (self.name, self.machine(address))]

    @contextlib.contextmanager
    def at(self, address):
        """Sockets made meanwhile are that machine's."""
        with open("/proc/self/ns/net") as back, \
                open("/run/netns/%s-%s" % (self.name, self.machine(address))) as there:
            enter(there)
            try:
                yield
            finally:
                enter(back)

    # --- the line of one machine ---

    def lose(self, address, percent):
        """That share of what arrives from the WAN is lost; 0: nothing any more."""
        machine = self.machine(address)
        self.within(machine, "nft", "add table inet line; delete table inet line")
        if percent:
            self.within(machine, "nft",
                        "add table inet line; "
                        "add chain inet line in { type filter hook input priority 0; }; "
                        'add rule inet line in iifname "line" numgen random mod 100 < %d drop'
                        % percent)

    def cut(self, address):
        self.within(self.machine(address), "ip", "link", "set", "line", "down")

    def mend(self, address):
        self.within(self.machine(address), "ip", "link", "set", "line", "up")

    def remove(self):
        for space in reversed(self.spaces):
            subprocess.run(["ip", "netns", "del", space], capture_output=True)


def enter(namespace):
    if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Lab:
    """Four tiers and the factory's resolver, each on a machine of its own."""

    def __init__(self, fill):
        self.wan = Wan()
        self.nodes, self.resolver = [], None
        try:
            for prefix in PREFIXES:
                more = ("--parent", self.nodes[0].dir) if self.nodes else ()
                node = Tier(self.wan, prefix, *more)
                node.within = self.wan.command(node.host)
                if self.nodes:
                    self.nodes[-1].ctl("delegate", prefix, "--to", node.dir)
                self.nodes.append(node)
            fill(self.nodes[-1])
            for node in self.nodes:
                node.start(trusted_net="[ 10.0.0.0/8 ]")
            self.resolver = Resolver(self.wan, self.nodes[0].dir)
            self.resolver.within = self.wan.command(self.resolver.host)
            self.lan = self.resolver.host
        except BaseException:
            self.remove()
            raise

    def remove(self):
        try:
            for one in self.nodes + ([self.resolver] if self.resolver else []):
                one.remove()
        finally:
            self.wan.remove()
