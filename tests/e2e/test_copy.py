# SPDX-License-Identifier: Apache-2.0
"""Hyper-local copies: helver holds a prefix of its node, and answers for it with every line cut."""

import json
import os
import time
import unittest

import auth
import hdl
import keys
from node import PATIENCE, text_value
from tiers import Tiers

LEAF = "88.118.8"
ADMIN = "300:0.NA/" + LEAF


class Copy(unittest.TestCase):
    def setUp(self):
        self.tiers = Tiers()
        self.addCleanup(self.tiers.remove)
        self.leaf = self.tiers.leaf
        self.ids = ["%s/%s%04d" % (LEAF, "Part" if i % 2 else "line/", i) for i in range(600)]
        self.leaf.load([{"handle": h, "values": [text_value(1, "URL", h),
                                                 text_value(2, "NOTE", "x" * 400)]}
                        for h in self.ids])
        self.leaf.load([
            {"handle": LEAF + "/secret", "values": [text_value(1, "PIN", "1", permissions="1100")]},
            {"handle": LEAF + "/mixed", "values": [text_value(1, "URL", "u"),
                                                   text_value(2, "PIN", "1", permissions="1100")]},
            {"handle": LEAF + "/frozen", "values": [text_value(1, "URL", "u")]},
            {"handle": LEAF + "/revoked", "values": [text_value(1, "URL", "u")]},
            {"handle": LEAF + "/" + "long" * 300, "values": [text_value(1, "URL", "long")]},
            {"handle": LEAF + "/big", "values": [text_value(i, "X", "y" * 250)
                                                 for i in range(1, 900)]}])
        self.leaf.ctl("state", LEAF + "/frozen", "frozen")
        self.leaf.ctl("state", LEAF + "/revoked", "revoked")
        self.special = [LEAF + "/" + s for s in ("secret", "mixed", "frozen", "revoked",
                                                 "long" * 300, "big", "none")]
        for node in self.tiers.nodes:
            self.begin(node)
        self.resolver = self.tiers.resolver()

    def begin(self, node):
        node.start(server_admins="[ ]", replication_admins='[ "%s" ]' % ADMIN)

    def start(self, **more):
        settings = {"copy": '[ "%s %s/site.json" ]' % (LEAF, self.leaf.dir),
                    "copy_identity": '"%s"' % ADMIN,
                    "copy_key": '"%s/keys/admpriv.bin"' % self.leaf.dir, "copy_interval": 1}
        settings.update(more)
        self.resolver.start(**settings)

    def until(self, what, wanted):
        """Ask until it is so."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if wanted(what()):
                return
        self.fail("not in time: %r" % (what(),))

    def state(self):
        return self.resolver.status()["copies"][0]

    def caught_up(self):
        seq = int(json.loads(self.leaf.ctl("--json", "status").stdout)["seq"])
        self.until(self.state, lambda s: s["seq"] >= seq and not s["why"])

    def say(self, who, handle):
        m = hdl.ask_tcp(who.address, hdl.ask_for(handle))
        return m.rc, [(v.index, v.type, v.data, v.ttl) for v in m.values or ()]

    def compare(self, handles):
        said = {h: self.say(self.leaf, h) for h in handles}
        for h in handles:
            self.assertEqual(self.say(self.resolver, h), said[h], h)
        return said

    def test_cut(self):
        """Every record, and "not found", with all nodes gone; changes before; a restart while cut."""
        self.start()
        self.resolver.wait_for(r"copy\.pull.*dumped")
        said = self.compare(self.ids[::7] + self.special)
        self.assertEqual(said[LEAF + "/none"][0], 100)
        self.assertEqual(said[LEAF + "/secret"][0], 200)

        admin = auth.Client(hdl.Tcp(self.leaf.address),
                            auth.Public(ADMIN, keys.key_file(self.leaf.dir + "/keys/admpriv.bin")))
        self.addCleanup(admin.channel.socket.close)
        m = admin.create(LEAF + "/new", [hdl.Value(1, "URL", "new")])
        self.assertEqual(m.rc, 1, m.text)
        self.leaf.ctl("put", self.ids[0], "--value", "1 URL changed")
        self.leaf.ctl("rm", self.ids[1])
        self.leaf.ctl("state", self.ids[2], "frozen")
        path = os.path.join(self.leaf.dir, "bulk.jsonl")
        with open(path, "w", encoding="utf-8") as f:
            for i in range(300):
                f.write(json.dumps({"handle": "%s/bulk%d" % (LEAF, i),
                                    "values": [text_value(1, "URL", str(i))]}) + "\n")
        self.leaf.ctl("load", path)
        self.caught_up()
        handles = (self.ids + self.special + [LEAF + "/new", LEAF.lower() + "/NEW"] +
                   ["%s/bulk%d" % (LEAF, i) for i in range(301)] +
                   ["0.NA/" + LEAF, LEAF])
        said = self.compare(handles)
        self.assertEqual(said[LEAF + "/new"][0], 1)

        self.tiers.stop()
        for _ in range(2):
            for h in handles:
                self.assertEqual(self.say(self.resolver, h), said[h], h)
            self.assertEqual(self.say(self.resolver, LEAF + "/never")[0], 100)
            self.resolver.stop()
            self.start()

        # The line comes back, with news.
        self.leaf.ctl("put", LEAF + "/later", "--value", "1 URL later")
        self.begin(self.leaf)
        self.until(lambda: self.say(self.resolver, LEAF + "/later")[0], lambda rc: rc == 1)

    def test_replaced_registry(self):
        """A node that was made anew has another journal: the copy is made anew as well, and what is
        gone is gone."""
        self.start()
        self.resolver.wait_for(r"copy\.pull.*dumped")
        self.assertEqual(self.say(self.resolver, self.ids[5])[0], 1)
        backup = os.path.join(self.leaf.dir, "b.jsonl")
        with open(backup, "w", encoding="utf-8") as f:
            f.write(self.leaf.ctl("dump", "--secrets").stdout)
        self.leaf.stop()
        for name in os.listdir(self.leaf.dir + "/data"):
            os.unlink(os.path.join(self.leaf.dir, "data", name))
        keep = {name: open(os.path.join(self.leaf.dir, name), "rb").read()
                for name in ("site.json", "site.bin", "keys/privkey.bin", "keys/pubkey.bin",
                             "keys/admpriv.bin", "keys/admpub.bin")}
        self.leaf.ctl("init", "--prefix", LEAF, "--listen", "%s:2641" % self.leaf.host)
        for name, octets in keep.items():
            path = os.path.join(self.leaf.dir, name)
            os.chmod(path, 0o600)
            with open(path, "wb") as f:
                f.write(octets)
        with open(backup, encoding="utf-8") as f:
            lines = [line for line in f if self.ids[5] not in line]
        with open(backup, "w", encoding="utf-8") as f:
            f.writelines(lines)
        self.leaf.ctl("load", backup)
        self.begin(self.leaf)
        self.resolver.wait_for(r"copy\.pull.*dumped")
        self.assertEqual(self.say(self.resolver, self.ids[5])[0], 100)
        self.assertEqual(self.say(self.resolver, self.ids[6])[0], 1)

    def test_damaged(self):
        """A file that a power cut or a bad disk has spoilt is set aside and made anew; until then what is
        asked for is walked."""
        self.start()
        self.resolver.wait_for(r"copy\.pull.*dumped")
        path = os.path.join(self.resolver.dir, "data", "copies", "data.mdb")
        size = os.path.getsize(path)
        for what in ("garbage", "cut short", "cut to nothing of use", "empty"):
            with self.subTest(what):
                self.resolver.kill()
                with open(path, "r+b") as f:
                    if what == "garbage":
                        f.write(b"\xa5" * 8192)
                    else:
                        f.truncate({"cut short": size // 2, "empty": 0}.get(what, 5000))
                self.start()
                self.assertEqual(self.say(self.resolver, self.ids[5])[0], 1)
                self.until(self.state, lambda s: s["records"] > 600)
                self.compare(self.ids[::50])

    def test_refused(self):
        """Who is no administrator of copies gets none, and what he asks for is walked; the same for
        another key than the site record's."""
        self.leaf.stop()
        self.leaf.start(server_admins="[ ]")
        self.start()
        self.resolver.wait_for(r"copy\.pull.*400")
        self.assertIn("400", self.state()["why"])
        self.assertEqual(self.say(self.resolver, self.ids[5])[0], 1)
        self.resolver.stop()
        other = self.tiers.nodes[2].dir + "/site.json"
        site = json.load(open(self.leaf.dir + "/site.json", encoding="utf-8"))
        site["servers"][0]["publicKey"] = json.load(
            open(other, encoding="utf-8"))["servers"][0]["publicKey"]
        path = self.resolver.write("wrong.json", json.dumps(site))
        self.start(copy='[ "%s %s" ]' % (LEAF, path))
        self.resolver.wait_for(r"copy\.pull.*key")
        self.assertEqual(self.state()["records"], 0)


if __name__ == "__main__":
    unittest.main()
