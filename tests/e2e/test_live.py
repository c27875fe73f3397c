# SPDX-License-Identifier: Apache-2.0
"""helvectl beside a running server and from afar: every verb that changes something, while the
server serves; the past, states and the audit trail; and what a client with a key can do by TLS."""

import json
import os
import shutil
import subprocess
import threading
import unittest

import hdl
from node import HDIG, HELVECTL, HELVED, PATIENCE, Node, NodeCase, run
from places import place

ADMIN = "300:0.NA/88.118.8"


def jsonl(path, records):
    with open(path, "w", encoding="utf-8") as f:
        for handle, text in records:
            f.write(json.dumps({"handle": handle, "values": [
                {"index": 1, "type": "URL", "data": text}]}) + "\n")
    return path


def summary(text):
    return dict(part.split("=") for part in text.strip().splitlines()[-1].split())


@unittest.skipUnless(os.path.exists(HELVED), "no helved in this build")
class Case(NodeCase):
    def ok(self, *argv):
        done = self.node.ctl(*argv, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), argv)
        return done.stdout

    def refused(self, *argv, says, code=1):
        done = self.node.ctl(*argv, check=False)
        self.assertEqual(done.returncode, code, "%s: %s" % (argv, done.stdout + done.stderr))
        self.assertIn(says, done.stderr, argv)

    def answer(self, identifier):
        """What the server says now: {index: data}, or its code."""
        response = hdl.ask_udp(self.at, hdl.ask_for(identifier))
        if response.rc != 1:
            return response.rc
        return {v.index: v.data.decode() for v in response.values}

    def path(self, name):
        return os.path.join(os.path.dirname(self.node.dir), name)

    def afar(self, *argv, check=True, folder=None, auth=True):
        proof = ("--auth", ADMIN, "--key", os.path.join(self.node.dir, "keys/admpriv.bin"))
        done = run(HELVECTL, "-d", folder or self.node.dir, "--server", "127.0.0.1:%d" % self.at[1],
                   *(proof if auth else ()), *argv, check=False)
        if check:
            self.assertEqual((done.returncode, done.stderr), (0, ""), argv)
        return done


class Beside(Case):
    def test_put_and_remove(self):
        self.ok("put", "88.118.8/A", "--value", "1 URL one", "--ttl", "60", "--perms", "1111",
                "--value", "2 NOTE two")
        self.assertEqual(self.answer("88.118.8/A"), {1: "one", 2: "two"})
        values = json.loads(self.ok("get", "88.118.8/A", "--json"))["values"]
        self.assertEqual([(v["ttl"], v.get("permissions")) for v in values],
                         [(86400, None), (60, "1111")])
        self.ok("rm", "88.118.8/A")
        self.assertEqual(self.answer("88.118.8/A"), 100)
        self.refused("rm", "88.118.8/A", says="not in this registry")

    def test_put_refusals(self):
        for argv, says in ((["--perms", "11"], "four of"), (["--ttl", "-1"], "seconds")):
            self.refused("put", "88.118.8/B", *argv, "--value", "1 URL x", says=says, code=2)
        self.refused("put", "88.118.8/B", "--perms", "1110", "--value", "3 HS_SECKEY x",
                     says="never public", code=2)

    def test_home(self):
        self.ok("home", "88.200")
        self.ok("put", "88.200/X", "--value", "1 URL x")
        self.assertEqual(self.answer("88.200/X"), {1: "x"})
        self.ok("unhome", "88.200")
        self.assertNotEqual(self.answer("88.200/X"), {1: "x"})

    def test_load(self):
        records = [("88.118.8/LOAD%05d" % i, "u%d" % i) for i in range(3000)]
        path = jsonl(self.path("live.jsonl"), records)
        counts = summary(self.ok("load", path))
        self.assertEqual((counts["loaded"], counts["failed"]), ("3000", "0"))
        self.assertEqual(self.answer("88.118.8/LOAD02999"), {1: "u2999"})
        self.assertIn("faults=0", self.ok("verify"))
        self.assertEqual(summary(self.ok("load", path, "--resume"))["loaded"], "3000")

    def test_backup_under_writes(self):
        """Whatever is acknowledged before it began is in it, and it is whole."""
        for i in range(20):
            self.ok("put", "88.118.8/BK%02d" % i, "--value", "1 URL before")
        stop = threading.Event()

        def write():
            n = 0
            while not stop.is_set():
                n += 1
                self.node.ctl("put", "88.118.8/DURING", "--value", "1 URL %d" % n)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            path = self.path("live.backup")
            self.ok("backup", path)
        finally:
            stop.set()
            writer.join(PATIENCE)
        other = self.path("restored")
        os.makedirs(other)
        done = run(HELVECTL, "-d", other, "restore", path)
        self.assertEqual(done.returncode, 0)
        for i in range(20):
            run(HELVECTL, "-d", other, "get", "88.118.8/BK%02d" % i)
        self.assertIn("faults=0", run(HELVECTL, "-d", other, "verify").stdout)

    def test_restore_needs_it_alone(self):
        path = self.path("again.backup")
        self.ok("backup", path)
        self.refused("restore", path, says="stop it first")

    def test_two_at_a_time(self):
        """Both read, then write: the second plans again, and nothing is lost."""
        self.ok("put", "88.118.8/TWO", "--value", "1 URL x")
        many = [subprocess.Popen([HELVECTL, "-d", self.node.dir, "put", "88.118.8/TWO", "--value",
                                  "%d NOTE n%d" % (i, i)], stderr=subprocess.PIPE)
                for i in range(2, 10)]
        for one in many:
            _, told = one.communicate(timeout=PATIENCE)
            self.assertEqual((one.returncode, told), (0, b""))
        self.assertEqual(sorted(self.answer("88.118.8/TWO")), list(range(1, 10)))

    def test_status(self):
        status = json.loads(self.ok("status", "--json"))
        self.assertEqual(status["server"], self.node.process.pid)
        self.assertEqual(status["serverStatus"]["health"], "fine")
        self.assertGreater(status["serverStatus"]["counters"]["tcp_queries"], 0)
        self.assertIn("health       fine", self.ok("status"))

    def test_quota(self):
        self.ok("quota", "set", "88.118.8", "--records", "100000", "--per-day", "5000000")
        (row,) = json.loads(self.ok("quota", "--json"))
        self.assertEqual((row["subject"], row["records"], row["perDay"]),
                         ("88.118.8", 100000, 5000000))
        self.assertIn("records=100000", self.ok("quota", "list"))
        self.ok("quota", "clear", "88.118.8")
        self.assertEqual(json.loads(self.ok("quota", "--json")), [])
        for argv in (["set", "88.118.8"], ["clear"], ["list", "x"], ["drop", "x"],
                     ["set", "88.118.8", "--records", "0"]):
            self.refused("quota", *argv, says="quota", code=2)

    def test_reload(self):
        self.ok("reload")
        self.node.wait_for("reload")


class Past(Case):
    def test_history_and_undo(self):
        name = "88.118.8/PAST"
        for text in ("one", "two", "three"):
            self.ok("put", name, "--value", "1 URL " + text)
        versions = json.loads(self.ok("history", name, "--json"))
        self.assertTrue(versions["whole"])
        self.assertEqual([v["values"][0]["data"]["value"] for v in versions["versions"]],
                         ["three", "two", "one"])
        self.ok("undo", name)
        self.assertEqual(self.answer(name), {1: "two"})
        self.ok("rm", name)
        self.assertEqual(self.answer(name), 100)
        self.ok("undo", name)
        self.assertEqual(self.answer(name), {1: "two"})
        self.assertEqual(len(self.ok("history", name).splitlines()), 6)

    def test_undo_of_a_change(self):
        name = "88.118.8/SEQ"
        self.ok("put", name, "--value", "1 URL one")
        self.ok("put", name, "--value", "1 URL two")
        first, second = [v["seq"] for v in
                         json.loads(self.ok("history", name, "--json"))["versions"]][::-1]
        self.refused("undo", str(first), says="changed again since")
        self.ok("undo", str(second))
        self.assertEqual(self.answer(name), {1: "one"})
        self.refused("undo", "99999999", says="no such change")
        self.refused("undo", "88.118.8/NEVER", says="no such change")
        self.refused("history", "88.118.8/NEVER", says="never in this registry")
        self.refused("undo", says="which identifier", code=2)

    def test_undo_of_a_load(self):
        records = [("88.118.8/UNDO%05d" % i, "u" * 300) for i in range(2500)]
        self.ok("load", jsonl(self.path("undo.jsonl"), records))
        seqs = [json.loads(self.ok("history", "88.118.8/UNDO%05d" % i, "--json"))
                ["versions"][0]["seq"] for i in (0, 2499)]
        total = sum(int(summary(self.ok("undo", str(seq)))["records"])
                    for seq in range(seqs[0], seqs[1] + 1))
        self.assertEqual(total, 2500)
        self.assertEqual(self.answer("88.118.8/UNDO01234"), 100)
        self.assertIn("faults=0", self.ok("verify"))

    def test_at(self):
        name = "88.118.8/AT"
        self.ok("put", name, "--value", "1 URL now")
        self.assertIn("1 URL now", self.ok("get", name, "--at", "2099-01-01"))
        self.refused("get", name, "--at", "1999-12-31T23:59:59Z", says="was not in this registry")
        self.refused("get", name, "--at", "yesterday", says="expected 2026", code=2)

    def test_states(self):
        name = "88.118.8/STATE"
        self.ok("put", name, "--value", "1 URL x")
        self.ok("state", name, "frozen", "--reason", "an inquiry")
        shown = json.loads(self.ok("get", name, "--json"))
        self.assertEqual((shown["state"], shown["reason"]), ("frozen", "an inquiry"))
        self.assertNotEqual(self.answer(name), {1: "x"})
        self.ok("lock", name, "client-delete", "server-update")
        self.ok("state", name, "active")
        self.ok("unlock", name, "server-update")
        self.assertEqual(json.loads(self.ok("get", name, "--json"))["locks"], "client-delete")
        self.assertEqual(self.answer(name), {1: "x"})
        self.ok("put", name, "--value", "1 URL y")
        self.assertEqual(json.loads(self.ok("get", name, "--json"))["locks"], "client-delete")
        path = jsonl(self.path("locked.jsonl"), [(name, "z")])
        self.refused("load", path, says="1 rejected")
        with open(path + ".rejected", encoding="utf-8") as f:
            self.assertIn("has a state or locks", f.read())
        self.assertEqual(self.answer(name), {1: "y"})
        self.refused("state", name, "asleep", says="expected active", code=2)
        self.refused("lock", name, "everything", says="expected client", code=2)
        self.refused("lock", name, says="which locks", code=2)
        self.refused("state", "88.118.8/NEVER", "active", says="not in this registry")
        self.refused("state", name, "active", "--reason", "x" * 201, says="200", code=2)

    def test_audit(self):
        self.ok("put", "88.118.8/AUDIT", "--value", "1 URL x")
        self.ok("audit", "checkpoint")
        head = self.ok("audit", "head").strip()
        noted = self.path("head")
        with open(noted, "w", encoding="utf-8") as f:
            f.write(head + "\n")
        self.ok("put", "88.118.8/AUDIT", "--value", "1 URL y")
        self.assertIn("88.118.8/AUDIT  by uid %d" % os.getuid(),
                      self.ok("audit", "show", "88.118.8/AUDIT"))
        self.assertEqual(len(self.ok("audit", "show", "--last", "2").splitlines()), 2)
        exported = [json.loads(line) for line in self.ok("audit", "export").splitlines()]
        self.assertEqual([e["seq"] for e in exported], list(range(1, len(exported) + 1)))
        self.assertIn("checkpoints=", self.ok("audit", "verify", "--head", noted))
        with open(noted, "w", encoding="utf-8") as f:
            f.write(head[:-1] + ("0" if head[-1] != "0" else "1") + "\n")
        self.refused("audit", "verify", "--head", noted, says="tampered")
        for argv in ([], ["burn"], ["verify", "x"], ["show", "--head", noted]):
            self.refused("audit", *argv, says="audit", code=2)


class Afar(Case):
    settings = {"server_admins": '[ "%s" ]' % ADMIN}

    def test_verbs(self):
        name = "88.118.8/FAR"
        self.afar("put", name, "--value", "1 URL one", "--perms", "1100", "--value", "2 NOTE p")
        self.afar("put", name, "--value", "1 URL two")
        self.assertEqual(self.answer(name), {1: "two"})
        self.assertEqual(self.afar("get", name).stdout, "1 URL two\n2 NOTE p\n")
        self.assertEqual(self.afar("get", name, auth=False).stdout, "1 URL two\n")
        self.afar("rm", name)
        self.assertEqual(self.answer(name), 100)
        self.assertIn('"health"', self.afar("status").stdout)
        self.afar("home", "88.118.77")
        self.afar("unhome", "88.118.77")

    def test_many_in_a_list(self):
        """Pages of 50; a prefix of its own, and in the spelling that lists have."""
        names = ["88.118.78/List%03d" % i for i in range(120)]
        self.ok("home", "88.118.78")
        self.ok("load", jsonl(self.path("list.jsonl"), [(name, "x") for name in names]))
        listed = json.loads(self.afar("list", "88.118.78", "--json").stdout)["handles"]
        self.assertEqual(listed, [name.upper() for name in names])
        self.assertEqual(len(self.afar("list", "88.118.78").stdout.splitlines()), 120)

    def test_load(self):
        records = [("88.118.8/BULK%05d" % i, "u%d" % i) for i in range(9000)]
        records.insert(5000, ("99.9/ELSEWHERE", "no"))
        path = jsonl(self.path("bulk.jsonl"), records)
        done = self.afar("load", path, check=False)
        counts = summary(done.stdout)
        self.assertEqual((done.returncode, counts["loaded"], counts["failed"]), (1, "9000", "1"))
        self.assertEqual(self.answer("88.118.8/BULK08999"), {1: "u8999"})
        with open(path + ".rejected", encoding="utf-8") as f:
            (told,) = [json.loads(line) for line in f]
        self.assertEqual(told["line"], 5001)
        self.assertFalse(os.path.exists(path + ".load"))

    def test_resume(self):
        """Its key is kept, and the server knows how far it came: nothing is sent twice."""
        records = [("88.118.8/RES%05d" % i, "u%d" % i) for i in range(5000)]
        path = jsonl(self.path("resume.jsonl"), records)
        with open(path + ".load", "w", encoding="utf-8") as f:
            f.write("00112233445566778899aabbccddeeff\n")
        part = jsonl(self.path("part.jsonl"), records[:4000])
        os.link(path + ".load", part + ".load")
        self.assertEqual(summary(self.afar("load", part, "--resume").stdout)["loaded"], "4000")
        self.assertEqual(summary(self.afar("load", path, "--resume").stdout)["loaded"], "1000")
        self.assertEqual(self.answer("88.118.8/RES04999"), {1: "u4999"})

    def test_atomic(self):
        records = [("88.118.8/ATOM%d" % i, "x") for i in range(10)] + [("99.9/BAD", "no")]
        path = jsonl(self.path("atomic.jsonl"), records)
        done = self.afar("load", "--atomic", path, check=False)
        self.assertEqual(summary(done.stdout)["loaded"], "0")
        self.assertEqual(self.answer("88.118.8/ATOM0"), 100)
        with open(path + ".rejected", encoding="utf-8") as f:
            self.assertEqual(len(f.readlines()), 11)

    def test_wrong_server(self):
        """Another key than the site record's: nothing is sent, least of all a proof."""
        other = self.path("other")
        run(HELVECTL, "-d", other, "init", "--prefix", "88.7", "--key", "p256", "--listen",
            "127.0.0.1:%d" % self.at[1])
        done = self.afar("rm", "88.118.8/X", check=False, folder=other)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another key", done.stderr)
        done = self.afar("--insecure", "get", "88.118.8/NONE", check=False, folder=other)
        self.assertIn("not found", done.stderr)

    def test_refusals(self):
        key = os.path.join(self.node.dir, "keys/admpriv.bin")
        server = ("--server", "127.0.0.1:%d" % self.at[1])
        for argv, says in (
                ([*server, "--auth", ADMIN, "get", "88.1/x"], "goes with --key"),
                ([*server, "--key", key, "get", "88.1/x"], "goes with"),
                ([*server, "--auth", ADMIN, "--key", key, "verify"], "only beside the node"),
                ([*server, "--auth", ADMIN, "--key", key, "--secret-file", key, "get", "x"],
                 "not both"),
                (["--auth", ADMIN, "get", "88.1/x"], "go with --server"),
                ([*server, "--auth", "300:", "--key", key, "get", "x"], "INDEX:HANDLE")):
            with self.subTest(says):
                done = run(HELVECTL, "-d", self.node.dir, *argv, check=False)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(says, done.stderr)
        done = self.afar("rm", "88.118.8/X", check=False, auth=False)
        self.assertIn("--auth", done.stderr)

    @unittest.skipUnless(os.path.exists(HDIG), "no hdig in this build")
    def test_hdig(self):
        name = "88.118.8/DIG"
        self.ok("put", name, "--value", "1 URL x", "--perms", "1100", "--value", "2 NOTE hidden")
        at = "@127.0.0.1:%d" % self.at[1]
        key = os.path.join(self.node.dir, "keys/admpriv.bin")
        for more, want in (([], "x\n"), (["+tls"], "x\n"),
                           (["+auth=" + ADMIN, "+key=" + key], "x\nhidden\n"),
                           (["+auth=" + ADMIN, "+key=" + key, "+tls"], "x\nhidden\n")):
            with self.subTest(more):
                self.assertEqual(run(HDIG, at, name, "+short", *more).stdout, want)
        signed = run(HDIG, at, name, "+tls", "+cert").stdout
        self.assertIn("by tls", signed)
        self.assertIn("signature: verified", signed)


@unittest.skipUnless(os.path.exists(HELVED), "no helved in this build")
class Administrators(Case):
    """admin: a second administrator comes and goes, and leaves nothing to the next."""

    def new_key(self, name):
        path = self.path(name)
        self.ok("key", "new", path, "--key", "ed25519")
        return path

    def put_as(self, index, key, identifier, text):
        return self.afar("--auth", "%d:0.NA/88.118.8" % index, "--key", key, "put", identifier,
                         "--value", "1 URL " + text, check=False, auth=False)

    def test_come_and_go(self):
        ada, bob = self.new_key("ada"), self.new_key("bob")
        self.assertIn("301:0.NA/88.118.8 added", self.ok("admin", "add", "88.118.8", "--key", ada))
        self.refused("admin", "add", "88.118.8", "--key", ada + ".pub", says="has this key already")
        self.assertEqual(self.put_as(301, ada, "88.118.8/OF-ADA", "x").returncode, 0)
        self.ok("put", "88.118.8/OF-ADA", "--value", "100 HS_ADMIN 301:111111111111:0.NA/88.118.8")
        self.assertIn("removed", self.ok("admin", "rm", "88.118.8", "301"))
        self.refused("admin", "rm", "88.118.8", "301", says="no key there")
        self.assertNotEqual(self.put_as(301, ada, "88.118.8/OF-ADA", "y").returncode, 0)
        # What was given to her is not given to who comes next.
        self.assertIn("302:", self.ok("admin", "add", "88.118.8", "--key", bob))
        self.assertNotEqual(self.put_as(302, bob, "88.118.8/OF-ADA", "y").returncode, 0)
        self.assertIn("1 URL x", self.ok("get", "88.118.8/OF-ADA"))
        listed = json.loads(self.ok("admin", "list", "88.118.8", "--json"))
        self.assertEqual([(a["identity"].split(":")[0], a["member"]) for a in listed],
                         [("300", True), ("302", True)])

    def test_at_first_the_last_one_stays(self):
        self.refused("admin", "rm", "88.118.8", "300", says="nobody would be left")
        self.refused("admin", "add", "88.118.9", "--key", self.new_key("eve"), says="no record here")
        self.refused("admin", "add", "88.118.8", says="which key", code=2)
        self.refused("put", "88.118.8/P", "--value", "1 URL x", "--perms", "1100",
                     says="stand before the values", code=2)


class Doctor(unittest.TestCase):
    """On the ports of the site record, so that there is something to compare."""

    def setUp(self):
        self.there = "%s:%d" % place()
        self.node = Node("88.118.8", "p256")
        self.addCleanup(self.node.remove)
        shutil.rmtree(self.node.dir)
        self.node.ctl("init", "--prefix", "88.118.8", "--key", "p256", "--listen",
                      self.there)

    def findings(self):
        done = self.node.ctl("doctor", "--json", check=False)
        out = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1 if out["wrong"] else 0, out)
        return {v: [f["check"] + ": " + f["text"] for f in out["findings"] if f["verdict"] == v]
                for v in ("ok", "warning", "wrong")}

    def assertSays(self, lines, words):
        self.assertTrue(any(words in line for line in lines), (words, lines))

    def test_healthy(self):
        found = self.findings()
        self.assertEqual(found["wrong"], [])
        self.assertSays(found["warning"], "does not run")
        self.node.start(listen='[ "%s" ]' % self.there)
        found = self.findings()
        self.assertEqual((found["wrong"], found["warning"]), ([], []))
        self.assertSays(found["ok"], "by UDP answers with this site record")
        self.assertSays(found["ok"], "health: fine")

    def test_what_is_wrong(self):
        self.node.start(listen='[ "127.0.0.1:0" ]')
        os.chmod(os.path.join(self.node.dir, "keys/privkey.bin"), 0o644)
        found = self.findings()
        self.assertSays(found["wrong"], "keys: ")
        self.assertSays(found["wrong"], "compare 'listen'")
        done = self.node.ctl("doctor", check=False)
        self.assertIn("wrong    ports", done.stdout)

    def test_another_key(self):
        folder = os.path.join(os.path.dirname(self.node.dir), "other")
        run(HELVECTL, "-d", folder, "init", "--prefix", "88.7", "--key", "p256")
        shutil.copy(os.path.join(folder, "keys/pubkey.bin"),
                    os.path.join(self.node.dir, "keys/pubkey.bin"))
        found = self.findings()
        self.assertSays(found["wrong"], "not the public half")
        self.assertSays(found["wrong"], "shows another key")

    def test_parent(self):
        """Asked for what it delegates: nothing, another site, this one."""
        parent = Node("88.118", "p256")
        self.addCleanup(parent.remove)
        parent.start()
        site = json.loads(open(os.path.join(parent.dir, "site.json"), encoding="utf-8").read())
        for interface in site["servers"][0]["interfaces"]:
            interface["port"] = parent.address[1]
        with open(os.path.join(self.node.dir, "parent.json"), "w", encoding="utf-8") as f:
            json.dump(site, f)
        self.assertSays(self.findings()["wrong"], "does not delegate")
        parent.ctl("delegate", "88.118.8", "--to", parent.dir)
        self.assertSays(self.findings()["wrong"], "to another site")
        parent.ctl("delegate", "88.118.8", "--to", self.node.dir)
        found = self.findings()
        self.assertSays(found["ok"], "delegates 0.NA/88.118.8 to this site")
        self.assertNotIn("clock", " ".join(found["warning"]))  # answers round theirs


class WrongKey(Case):
    """Apart from the others: wrong answers are remembered for a while (threats.md 3)."""

    def test_wrong_key(self):
        wrong = os.path.join(self.node.dir, "keys/privkey.bin")
        at = "127.0.0.1:%d" % self.at[1]
        self.ok("put", "88.118.8/W", "--perms", "1100", "--value", "1 NOTE hidden")
        done = run(HELVECTL, "-d", self.node.dir, "--server", at, "--auth", ADMIN, "--key", wrong,
                   "home", "88.118.5", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("(40", done.stderr)
        if os.path.exists(HDIG):
            done = run(HDIG, "@" + at, "88.118.8/W", "+auth=" + ADMIN, "+key=" + wrong,
                       check=False)
            self.assertEqual((done.returncode, "hidden" in done.stdout), (4, False))


if __name__ == "__main__":
    unittest.main()
