# SPDX-License-Identifier: Apache-2.0
"""helvectl history, undo and audit of a server that is elsewhere: they say what they say beside the
registry, to those who have the rights, and a dry run changes nothing."""

import json
import os
import re
import unittest

from node import HELVECTL, run
from test_live import ADMIN, Case, jsonl, summary

ADA = "301:0.NA/88.118.8"


class Afar(Case):
    settings = {"workers": 2, "server_admins": '[ "%s" ]' % ADMIN, "undo_days": 7}

    @classmethod
    def fill(cls, node):
        """301 is an administrator of the prefix, and not of the server."""
        cls.ada_key = os.path.join(os.path.dirname(node.dir), "ada.key")
        run(HELVECTL, "key", "new", cls.ada_key, "--key", "ed25519")
        node.ctl("admin", "add", "88.118.8", "--key", cls.ada_key + ".pub")

    def ada(self, *argv):
        return run(HELVECTL, "-d", self.node.dir, "--server", "127.0.0.1:%d" % self.at[1], "--auth",
                   ADA, "--key", self.ada_key, *argv, check=False)

    def both(self, *argv):
        """The same from afar as beside the node; returns it."""
        for _ in range(3):  # between the two the registrar may make a checkpoint of its own
            here, there = self.ok(*argv), self.afar(*argv).stdout
            if there == here:
                break
        if "--dry-run" in argv:  # what would be written has the time of now
            here, there = (re.sub(r'"timestamp":"[^"]*"', '"timestamp":""', text) for text in (here, there))
        self.assertEqual(there, here, argv)
        return here

    def changed(self, suffix, *texts):
        name = "88.118.8/" + suffix
        for text in texts:
            self.ok("put", name, "--value", "1 URL " + text, "--value", "2 NOTE stays")
        return name

    def test_history(self):
        name = self.changed("History", "a", "b")
        self.ok("state", name, "frozen", "--reason", "recall")
        self.ok("state", name, "active")
        self.ok("rm", name)
        lines = self.both("history", name).splitlines()
        self.assertEqual(len(lines), 5)
        self.assertIn("frozen since", lines[2])
        self.assertIn("recall", lines[2])
        past = json.loads(self.both("history", name, "--json"))
        self.assertEqual([v["deleted"] for v in past["versions"]], [True] + 4 * [False])
        self.assertEqual(self.both("history", name.lower()).splitlines(), lines)
        # Many pages of one history, and a record that no message of a page can hold twice.
        big = self.changed("Big", *("x" * 40000 + str(i) for i in range(8)))
        self.assertEqual(len(self.both("history", big).splitlines()), 8)

    def test_history_without_secrets(self):
        self.ok("put", "88.118.8/Secret", "--value", "1 URL a", "--value", "3 HS_SECKEY geheim")
        self.assertNotIn("geheim", self.both("history", "88.118.8/Secret", "--json"))

    def test_undo(self):
        name = self.changed("Undo", "a", "b")
        for argv in ((name,), (self.seq(name),)):
            with self.subTest(argv):
                before = self.ok("history", name)
                plan = self.both("undo", "--dry-run", *argv)
                self.assertEqual(plan, "%s: 2 values -> 2 values\n  - 1 URL b\n  + 1 URL a\n"
                                 "records=1 (a dry run: nothing was changed)\n" % name)
                plan = json.loads(self.both("undo", "--json", "--dry-run", *argv))
                (change,) = plan["changes"]
                self.assertEqual((plan["records"], plan["dryRun"], change["handle"]), (1, True, name))
                self.assertEqual([change[when]["values"][0]["data"]["value"]
                                  for when in ("before", "after")], ["b", "a"])
                self.assertEqual(self.ok("history", name), before)
                self.assertEqual(self.answer(name)[1], "b")
        self.assertEqual(self.afar("undo", name).stdout, "records=1\n")
        self.assertEqual(self.answer(name)[1], "a")
        self.assertEqual(json.loads(self.afar("undo", name, "--json").stdout), {"records": 1})
        self.assertEqual(self.answer(name)[1], "b")
        self.afar("rm", name)
        self.assertIn("deleted -> 2 values\n  + 1 URL b\n", self.both("undo", "--dry-run", name))
        self.afar("undo", name)
        self.assertEqual(self.answer(name)[1], "b")

    def seq(self, name):
        return self.ok("history", name).split()[0]

    def test_undo_of_a_change(self):
        name = self.changed("Change", "a", "b", "c")
        newest, second, _ = [line.split()[0] for line in self.ok("history", name).splitlines()]
        done = self.afar("undo", second, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(name + ": It was changed again since", done.stderr)
        self.assertEqual(self.afar("undo", newest).stdout, "records=1\n")
        self.assertEqual(self.answer(name)[1], "b")
        self.assertIn("no such change", self.afar("undo", "99999999", check=False).stderr)
        self.assertIn("not found", self.afar("undo", "88.118.8/NEVER", check=False).stderr)
        self.assertEqual(self.afar("undo", check=False).returncode, 2)

    def test_undo_of_a_load(self):
        """In slices of a thousand; what was changed since stays."""
        rows = [("88.118.8/L/%05d" % i, "https://l/%d" % i) for i in range(2500)]
        self.node.stop()
        try:
            self.ok("load", jsonl(self.path("load.jsonl"), rows))
        finally:
            self.node.start(**self.settings)
        seq = self.seq(rows[7][0])
        self.ok("put", rows[7][0], "--value", "1 URL kept")
        plan = self.both("undo", seq, "--dry-run")
        self.assertEqual(plan.count("1 values -> deleted"), 2499)
        self.assertEqual(self.answer(rows[8][0]), {1: "https://l/8"})
        self.assertEqual(self.afar("undo", seq).stdout, "records=2499\n")
        self.assertEqual([self.answer(rows[i][0]) for i in (0, 7, 8, 2499)],
                         [100, {1: "kept"}, 100, 100])
        self.ok("verify")

    def test_undo_of_a_chunk(self):
        rows = [("88.118.8/C/%05d" % i, "x%d" % i) for i in range(3000)]
        self.afar("load", jsonl(self.path("chunks.jsonl"), rows))
        seqs = sorted({int(self.seq(rows[i][0])) for i in (0, 1500, 2999)})
        total = 0
        for seq in seqs:
            total += int(summary(self.afar("undo", str(seq)).stdout)["records"])
        self.assertGreater(total, 0)
        self.assertEqual(self.answer(rows[0][0]), 100)
        self.ok("verify")

    def test_who_may(self):
        name = self.changed("Rights", "a", "b")
        seq = self.seq(name)
        for argv in (("undo", name), ("undo", name, "--dry-run"), ("undo", seq), ("history", name),
                     ("audit", "show"), ("audit", "head"), ("audit", "verify"),
                     ("audit", "checkpoint")):
            with self.subTest(argv):
                done = self.ada(*argv)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn("400", done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertNotIn(name, self.ada("undo", seq).stderr)  # no name for a number
        self.assertEqual(self.answer(name)[1], "b")
        self.ok("put", name, "--value", "100 HS_ADMIN 301:110011110011:0.NA/88.118.8",
                "--value", "1 URL c")
        self.ok("put", name, "--value", "1 URL d")
        self.assertEqual(self.ada("undo", name).stdout, "records=1\n")
        self.assertIn("1 URL c\n", self.ok("get", name))
        done = self.afar("history", name, check=False, auth=False)
        self.assertIn("--auth", done.stderr)

    def test_states_are_the_nodes_affair(self):
        name = self.changed("State", "a", "b")
        self.ok("lock", name, "client-transfer")
        done = self.afar("undo", name, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("state or locks", done.stderr)
        self.ok("undo", name)
        self.assertNotIn("locks", self.ok("history", name).splitlines()[0])

    def test_audit(self):
        name = self.changed("Audit", "a", "b")
        self.assertEqual(len(self.both("audit", "show", name).splitlines()), 2)
        for argv in (("show",), ("export",), ("show", "--last", "3"), ("export", name),
                     ("show", "--json", "--last", "1"), ("show", "--last", "99999"), ("head",),
                     ("head", "--json"), ("verify",), ("verify", "--json")):
            with self.subTest(argv):
                self.both("audit", *argv)
        self.afar("audit", "checkpoint")
        self.changed("Audit", "c")
        self.assertIn("checkpoint", self.both("audit", "show", "--last", "4"))
        self.assertIn("checkpoints=", self.both("audit", "verify"))
        head = self.path("head.txt")
        with open(head, "w", encoding="utf-8") as f:
            f.write(self.afar("audit", "head").stdout)
        self.changed("Audit", "d")
        self.both("audit", "verify", "--head", head)
        with open(head, encoding="utf-8") as f:
            seq, digest = f.read().split(":")
        with open(head, "w", encoding="utf-8") as f:
            f.write(seq + ":" + digest.translate(str.maketrans("0123456789abcdef", "123456789abcdef0")))
        done = self.afar("audit", "verify", "--head", head, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another hash than the head that was noted", done.stderr)


if __name__ == "__main__":
    unittest.main()
