# SPDX-License-Identifier: Apache-2.0
"""Sites of several servers, and mirrors (protocol.md 6.5, 11.9, 12.4)."""

import hashlib
import json
import os
import unittest

import auth
import hdl
import keys
import tiers
from node import HDIG, HELVECTL, HELVER, run
from peers import Peers

PREFIX = "88.118.8"


def position(identifier, servers):
    """6.5 for "whole identifier", written from the specification."""
    n = int.from_bytes(hashlib.md5(identifier.upper().encode()).digest()[12:], "big", signed=True)
    return abs(n) % servers


class Sites(Peers):
    def site(self, node):
        with open(os.path.join(node.dir, "site.bin"), "rb") as f:
            return hdl.Site(f.read())

    def setting(self, node, name):
        with open(os.path.join(node.dir, "helved.yaml"), encoding="utf-8") as f:
            return [line.split(":")[1].strip() for line in f if line.startswith(name + ":")]

    def join(self, *nodes):
        first = nodes[0]
        for node in nodes[1:]:
            first.ctl("site", "add-server", node.dir)
        for node in nodes:
            node.ctl("site", "join", first.dir)
            node.number = int(self.setting(node, "server-number")[0])

    def load(self, node, ids):
        path = os.path.join(node.dir, "new.jsonl")
        with open(path, "w", encoding="utf-8") as f:
            for i in ids:
                f.write(json.dumps({"handle": i, "values": [
                    {"index": 1, "type": "URL", "data": {"format": "string", "value": i}}]}) + "\n")
        node.ctl("load", path)

    def ask_responsible(self, site, identifier):
        """The server that the hash names, at its address of the site record."""
        server = site.servers[position(identifier, len(site.servers))]
        address = ".".join(str(b) for b in server["address"][12:])
        port = next(i.port for i in server["interfaces"] if i.protocol == 1)
        return hdl.ask_tcp((address, port), hdl.ask_for(identifier))


class Verb(Sites):
    def refused(self, node, *argv, says, code=1):
        done = node.ctl("site", *argv, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(says, done.stderr)

    def test_records(self):
        a, b, c = (self.make(PREFIX) for _ in range(3))
        serial = self.site(a).serial
        self.join(a, b, c)
        for node in (a, b, c):
            site = self.site(node)
            self.assertEqual(site.serial, serial + 2)
            self.assertEqual([s["id"] for s in site.servers], [1, 2, 3])
            record = json.loads(node.ctl("get", "0.NA/" + PREFIX, "--json").stdout)
            self.assertEqual(len(record["values"][0]["data"]["value"]["servers"]), 3)
            shown = json.loads(node.ctl("--json", "site").stdout)
            self.assertEqual(len(shown["servers"]), 3)
            self.assertEqual(node.ctl("site", "show").stdout.count("server "), 3)
        self.assertEqual([n.number for n in (a, b, c)], [1, 2, 3])
        b.ctl("site", "join", a.dir)
        self.assertEqual(self.setting(b, "server-number"), ["2"])
        for i in range(20):
            name = "%s/x%d" % (PREFIX, i)
            self.assertEqual(int(a.ctl("site", "server-of", name).stdout), position(name, 3) + 1)
        self.refused(a, "add-server", b.dir, says="there already")
        self.refused(a, "rm-server", "4", says="1 to 3", code=2)
        self.refused(a, "frobnicate", "x", says="no 'site frobnicate'", code=2)
        a.ctl("site", "rm-server", "2")
        self.assertEqual([s["id"] for s in self.site(a).servers], [1, 3])
        self.refused(b, "join", a.dir, says="add-server there")
        a.ctl("site", "rm-server", "2")
        self.refused(a, "rm-server", "1", says="one server at least")

    def test_set(self):
        a = self.make(PREFIX)
        for argv, check in (
                (("--hash", "prefix"), lambda s: s.hash_option == 0),
                (("--hash", "suffix"), lambda s: s.hash_option == 1),
                (("--hash", "all"), lambda s: s.hash_option == 2),
                (("--primary", "no"), lambda s: s.flags & 0x80 == 0),
                (("--primary", "yes"), lambda s: s.flags & 0x80),
                (("--tls", "no"), lambda s: b"helve" not in dict(s.attributes)),
                (("--tls", "yes"), lambda s: dict(s.attributes)[b"helve"] == b"tls"),
                (("--alt-addr", "192.0.2.7", "--desc", "of us"),
                 lambda s: dict(s.attributes)[b"alt_addr"] == b"192.0.2.7" and
                 dict(s.attributes)[b"desc"] == b"of us"),
                (("--alt-addr", ""), lambda s: b"alt_addr" not in dict(s.attributes))):
            with self.subTest(" ".join(argv)):
                serial = self.site(a).serial
                a.ctl("site", "set", *argv)
                site = self.site(a)
                self.assertTrue(check(site))
                self.assertEqual(site.serial, serial + 1)
        self.refused(a, "set", says="what is to be set", code=2)
        self.refused(a, "set", "--hash", "md5", says="prefix, suffix", code=2)
        self.refused(a, "set", "--primary", "maybe", says="yes or no", code=2)
        self.refused(a, "set", "--alt-addr", "here", says="an address", code=2)


class Shared(Sites):
    """What the servers of one site have in common: the record of the prefix, and who administers."""

    def setUp(self):
        super().setUp()
        root = self.make("0.NA")
        self.servers = [self.make(PREFIX, parent=root) for _ in range(3)]
        self.join(*self.servers)
        record = self.servers[0].ctl("--json", "get", "0.NA/" + PREFIX).stdout
        for node in self.servers[1:]:
            path = os.path.join(node.dir, "record.jsonl")
            with open(path, "w", encoding="utf-8") as f:
                f.write(record)
            node.ctl("load", path)
        self.key = self.servers[0].dir + "/keys/admpriv.bin"
        for node in self.servers:
            self.start(node, server_number=node.number,
                       replication_admins='[ "300:0.NA/%s" ]' % PREFIX)

    def create(self, name, node):
        who = auth.Public("300:0.NA/" + PREFIX, keys.key_file(self.key))
        with hdl.Tcp(node.at) as c:
            return auth.Client(c, who).create(name, [hdl.Value(1, "URL", name)])

    def test_administration(self):
        """Each server takes what is its own, and knows the group although its record hashes elsewhere."""
        for i in range(9):
            name = "%s/n%d" % (PREFIX, i)
            at = position(name, 3)
            m = self.create(name, self.servers[at])
            self.assertEqual((m.rc, m.text), (1, None), name)
            self.assertEqual(self.create(name, self.servers[(at + 1) % 3]).rc, 301)
            self.assertEqual(self.ask_responsible(self.site(self.servers[0]), name).rc, 1)

    @unittest.skipUnless(os.path.exists(HELVER), "no helver in this build")
    def test_copy(self):
        """A copy is of all servers: each gives what is its own."""
        names = ["%s/n%d" % (PREFIX, i) for i in range(30)]
        for name in names:
            self.assertEqual(self.create(name, self.servers[position(name, 3)]).rc, 1)
        resolver = tiers.Resolver(tiers.Network(), self.servers[0].dir)
        self.addCleanup(resolver.remove)
        resolver.start(copy='[ "%s %s/site.json" ]' % (PREFIX, self.servers[0].dir),
                       copy_identity='"300:0.NA/%s"' % PREFIX, copy_key='"%s"' % self.key,
                       copy_interval=1)
        resolver.wait_for(r"copy\.pull.*dumped")
        for node in self.servers:
            node.stop()
        for name in names:
            m = resolver.ask(name)
            self.assertEqual((m.rc, m.values and m.values[0].data), (1, name.encode()))
        self.assertEqual(resolver.ask(PREFIX + "/none").rc, 100)


class Partitioned(Sites):
    """Three servers and a mirror of two: each identifier is where its hash says, and the others say
    so (301). Then the site grows by one server."""

    def setUp(self):
        super().setUp()
        self.ids = ["%s/%s%03d" % (PREFIX, "Part" if i % 2 else "line/", i) for i in range(120)]
        self.root = self.make("0.NA")
        self.servers = [self.make(PREFIX, parent=self.root) for _ in range(3)]
        self.join(*self.servers)
        for node in self.servers:
            mine = [i for i in self.ids if position(i, 3) == node.number - 1]
            self.load(node, mine)

    def run_all(self):
        for node in self.servers:
            self.start(node, server_number=node.number)

    def check(self, site, n):
        for i in self.ids:
            m = self.ask_responsible(site, i)
            self.assertEqual((m.rc, m.values and m.values[0].data), (1, i.encode()), i)
        wrong = 0
        for node in self.servers:
            for i in self.ids:
                if position(i, n) != node.number - 1:
                    wrong += 1
                    self.assertEqual(hdl.ask_udp(node.at, hdl.ask_for(i)).rc, 301)
        self.assertEqual(wrong, (n - 1) * len(self.ids))

    def test_three_and_mirror(self):
        self.root.ctl("delegate", PREFIX, "--to", self.servers[0].dir)
        self.run_all()
        self.start(self.root)
        record = self.ask(self.root, "0.NA/" + PREFIX)
        self.check(hdl.Site(record.values[0].data), 3)

        for i in self.ids[::10]:  # as hdig walks, from the root's record alone
            done = run(HDIG, "+root=" + self.root.dir + "/site.json", "+trace", i, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn(i, done.stdout)

        mirrors = [self.make(PREFIX, parent=self.root) for _ in range(2)]
        self.join(*mirrors)
        for node in mirrors:
            for server in self.servers:
                path = os.path.join(node.dir, "dump.jsonl")
                with open(path, "w", encoding="utf-8") as f:
                    f.write(server.ctl("dump", "--prefix", PREFIX).stdout)
                node.ctl("load", path)
            node.ctl("site", "set", "--primary", "no")
        mirrors[1].ctl("site", "join", mirrors[0].dir)
        for node in mirrors:
            self.start(node, server_number=node.number)
        self.root.ctl("delegate", PREFIX, "--to", self.servers[0].dir, "--to", mirrors[0].dir)
        record = self.ask(self.root, "0.NA/" + PREFIX)
        sites = [hdl.Site(v.data) for v in record.values if v.type == b"HS_SITE"]
        self.assertEqual([(len(s.servers), s.flags & 0x80) for s in sites], [(3, 0x80), (2, 0)])
        for site in sites:
            for i in self.ids:
                self.assertEqual(self.ask_responsible(site, i).rc, 1, i)

    def doctor(self, node):
        done = run(HELVECTL, "-d", node.dir, "--json", "doctor", check=False)
        return json.loads(done.stdout)["findings"]

    def placed(self, node):
        return [(f["verdict"], f["text"]) for f in self.doctor(node) if f["check"] == "placement"]

    def test_growth(self):
        """As docs/delegation.md says: everything to all, then the record, then what is too much goes."""
        for node in self.servers:
            self.assertEqual(self.placed(node)[0][0], "ok", node.number)
        new = self.make(PREFIX, parent=self.root)
        dumps = [s.ctl("dump", "--prefix", PREFIX).stdout for s in self.servers]
        self.servers.append(new)
        for node in self.servers:
            path = os.path.join(node.dir, "all.jsonl")
            with open(path, "w", encoding="utf-8") as f:
                f.write("".join(dumps))
            node.ctl("load", path)
        self.servers[0].ctl("site", "add-server", new.dir)
        self.join(self.servers[0])
        for node in self.servers:
            node.ctl("site", "join", self.servers[0].dir)
            node.number = int(self.setting(node, "server-number")[0])
            verdict, text = self.placed(node)[0]
            self.assertEqual(verdict, "warning")
            self.assertIn("helvectl site prune", text)
            node.ctl("site", "prune")
            self.assertEqual(self.placed(node)[0][0], "ok")
        counts = [int(n.ctl("count", PREFIX).stdout) for n in self.servers]
        self.assertEqual(sum(counts), len(self.ids))
        self.run_all()
        self.check(self.site(new), 4)


if __name__ == "__main__":
    unittest.main()
