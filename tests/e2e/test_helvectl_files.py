# SPDX-License-Identifier: Apache-2.0
"""helvectl with whole registries: real ones in and out again, backups, bulk files, and what is wrong in
any of them."""

import hashlib
import json
import os
import resource
import shutil
import stat
import subprocess
import unittest

from ctl import DUMP, Case, ctl, read, record, text_value, write
from node import DATA, HELVECTL, PATIENCE, ROOT, SANITIZER


class RealRegistry(Case):
    """The reference server's own export, in and out."""

    def setUp(self):
        super().setUp()
        self.init()
        self.loaded = self.summary(self.ok("load", DUMP))

    def test_everything_is_there(self):
        self.assertEqual((self.loaded["loaded"], self.loaded["failed"]), ("5000", "0"))
        want = json.loads(read(DUMP))
        got = self.records()
        self.assertEqual(set(got), set(want["handleRecords"]))
        for handle, theirs in want["handleRecords"].items():
            ours = {v["index"]: v for v in got[handle]["values"]}
            self.assertEqual(len(ours), len(theirs["values"]), handle)
            for value in theirs["values"]:
                self.compare(handle, value, ours[value["index"]])
        homed = json.loads(self.ok("status", "--json"))["prefixes"]
        self.assertEqual(sorted("0.NA/" + p for p in homed), sorted(want["homedPrefixes"]))

    def compare(self, handle, want, got):
        got = dict(got)
        if "timestamp" not in want:
            self.assertEqual(got.pop("timestamp"), "1970-01-01T00:00:00Z", handle)
        if got["data"]["value"] != want["data"]["value"] and want["type"] == "HS_PUBKEY":
            self.assertEqual(got["data"]["value"]["kty"], "SM2", handle)
            got["data"] = want["data"]
        self.assertEqual(got, want, handle)

    def test_round_trips(self):
        first = self.ok("dump", "--secrets")
        for form in ("jsonl", "csv", "batch"):
            with self.subTest(form):
                file = self.path("dump." + form)
                with open(file, "wb") as out:
                    subprocess.run([HELVECTL, "-d", self.dir, "dump", "--secrets", "--format",
                                    form],
                                   stdout=out, check=True, timeout=PATIENCE)
                other = self.path("node-" + form)
                self.init(folder=other)
                got = self.summary(self.ok("load", file, folder=other))
                self.assertEqual((got["loaded"], got["failed"]), ("5000", "0"))
                self.assertEqual(self.ok("dump", "--secrets", folder=other), first)
                self.assertIn("faults=0", self.ok("verify", folder=other))

    def test_key_order(self):
        handles = [json.loads(line)["handle"] for line in self.ok("dump").splitlines()]
        folded = [h.encode().upper() for h in handles if len(h.encode()) < 400]
        self.assertEqual(folded, sorted(folded))

    def test_counts_and_lists(self):
        self.assertEqual(self.ok("count").strip(), "5000")
        self.assertEqual(self.ok("count", "88.118.8").strip(), "3988")
        self.assertEqual(len(self.ok("list", "0.NA").splitlines()), 21)
        listed = json.loads(self.ok("list", "88.118.9", "--json"))
        self.assertEqual((len(listed["handles"]), listed["totalCount"]), (570, "570"))
        part = self.ok("dump", "--prefix", "20.500.12345").splitlines()
        self.assertEqual(len(part), 420)

    def test_backup_and_restore(self):
        file, other = self.path("backup"), self.path("other")
        os.mkdir(other)
        self.ok("backup", file)
        *body, trailer = read(file).splitlines(keepends=True)
        digest = hashlib.sha256("".join(body).encode()).hexdigest()
        self.assertEqual(json.loads(trailer)["sha256"], digest)
        self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
        self.ok("restore", file, folder=other)
        self.assertEqual(self.ok("dump", "--secrets", folder=other), self.ok("dump", "--secrets"))
        self.refused(1, "restore", file, says="not empty", folder=other)
        self.refused(1, "restore", file, says="make that directory first",
                     folder=self.path("nowhere"))

    def test_a_backup_keeps_states_and_locks(self):
        some = sorted(self.records())[-3:]
        self.ok("state", some[0], "frozen", "--reason", 'recall "7"')
        self.ok("lock", some[1], "client-delete", "server-update")
        self.ok("state", some[2], "revoked")
        file, other = self.path("backup"), self.path("other")
        os.mkdir(other)
        self.ok("backup", file)
        self.ok("restore", file, folder=other)
        for name in some:
            self.assertEqual(self.ok("get", name, "--json", folder=other),
                             self.ok("get", name, "--json"))
        self.assertIn("faults=0", self.ok("verify", folder=other))
        done = ctl(self.dir, "dump")
        self.assertIn("3 records have a state or locks", done.stderr)

    def test_secrets_leave_when_they_are_asked_for(self):
        secrets = [v for r in self.records().values() for v in r["values"]
                   if v["type"] == "HS_SECKEY"]
        self.assertTrue(secrets)
        for form in ("jsonl", "csv", "batch"):
            with self.subTest(form):
                done = ctl(self.dir, "dump", "--format", form)
                self.assertNotIn("HS_SECKEY", done.stdout)
                self.assertIn("%d secret keys" % len(secrets), done.stderr)
                self.assertIn("HS_SECKEY", self.ok("dump", "--format", form, "--secrets"))
        file, other = self.path("dump"), self.path("other")
        with open(file, "w", encoding="utf-8") as f:
            f.write(self.ok("dump"))
        self.init(folder=other)
        got = self.summary(self.ok("load", file, folder=other))
        self.assertEqual((got["loaded"], got["failed"]), ("5000", "0"))

    def test_damaged_backups(self):
        file, bad = self.path("backup"), self.path("bad")
        self.ok("backup", file)
        with open(file, "rb") as f:
            whole = f.read()
        lines = whole.splitlines(keepends=True)
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        table = {
            "cut in a line": whole[:-10], "cut at a line": b"".join(lines[:-1]),
            "one octet changed": bytes(flipped), "a record less": b"".join(lines[:9] + lines[10:]),
            "without its header": b"".join(lines[1:]), "empty": b"", "a newline": b"\n",
            "a dump": b"".join(lines[1:-1]),
            "newer": whole.replace(b'"helveBackup":1', b'"helveBackup":2', 1),
        }
        for name, octets in table.items():
            with self.subTest(name):
                with open(bad, "wb") as f:
                    f.write(octets)
                self.refused(1, "restore", bad, says="bad", folder=self.path("fresh"))
                self.assertFalse(os.path.exists(self.path("fresh/data")))

    def test_batch(self):
        folder = self.path("batch")
        shutil.copytree(DATA, folder)
        file = os.path.join(folder, "hsv9-batch.txt")
        before = set(self.records())
        done = ctl(self.dir, "load", file)
        self.assertEqual(done.returncode, 1)
        got = self.summary(done.stdout)
        self.assertEqual((got["loaded"], got["failed"]), ("683", "10"))
        rejected = [json.loads(line) for line in read(file + ".rejected").splitlines()]
        says = ["(101)", "(201)", "(200)", "(200)", "(100)", "permission string",
                "admin permission string", "no handle values", "(400)", "FROBNICATE"]
        lines = [2912, 2915, 2918, 2920, 2923, 2925, 2928, 2931, 2933, 2936]
        self.assertEqual([r["line"] for r in rejected], lines)
        for want, one in zip(says, rejected):
            self.assertIn(want, one["reason"])
        left = {h.upper(): [v["index"] for v in r["values"]]
                for h, r in self.records().items() if h not in before}
        want = json.loads(read(os.path.join(DATA, "hsv9-batch-expected.json")))
        self.assertEqual(left, {h.upper(): sorted(i) for h, i in want.items()})


class Load(Case):
    def setUp(self):
        super().setUp()
        self.init()

    def test_sample_registry(self):
        done = self.summary(self.ok("load", os.path.join(ROOT, "conf/sample/registry.jsonl")))
        self.assertEqual(done["failed"], "0")
        self.assertGreater(int(done["loaded"]), 100)

    def test_examples_of_the_manual(self):
        manual = read(os.path.join(ROOT, "docs/helvectl.md"))
        for start, handle in (("json\n{\"handle", "PUMP-1"), ("csv\n", "PUMP-2"),
                              ("\nCREATE", "PUMP-3")):
            with self.subTest(handle):
                text = manual[manual.index("```" + start) + 3:].split("```")[0]
                file = write(self.path("example"), text.split("\n", 1)[1])
                self.assertEqual(self.summary(self.ok("load", file))["failed"], "0")
                self.ok("get", "88.118.8/" + handle)

    def test_rejected_lines(self):
        good = json.dumps(record("88.118.8/1", text_value(1, "URL", "x")))
        file = write(self.path("in.jsonl"), good + "\n{}\nnonsense\n" + good.replace("/1", "/2"))
        done = ctl(self.dir, "load", file, "--json")
        self.assertEqual(done.returncode, 1)
        self.assertIn(file + ".rejected", done.stderr)
        got = json.loads(done.stdout)
        self.assertEqual((got["loaded"], got["failed"]), (2, 2))
        lines = [json.loads(line) for line in read(file + ".rejected").splitlines()]
        self.assertEqual([r["line"] for r in lines], [2, 3])
        self.assertTrue(all(r["reason"] for r in lines))

    def test_dry_run_writes_nothing(self):
        before = self.ok("dump")
        self.ok("load", "--dry-run", DUMP)
        self.assertEqual(self.ok("dump"), before)

    def test_empty_file(self):
        got = self.summary(self.ok("load", write(self.path("empty"), "")))
        self.assertEqual((got["loaded"], got["failed"]), ("0", "0"))

    def test_unknown_form(self):
        self.refused(1, "load", write(self.path("x"), "<xml/>"), says="--format")

    def test_inputs_that_end_early(self):
        """The rest of such a file cannot be read: which file, where, and why."""
        good = json.dumps(record("88.118.8/1", text_value(1, "URL", "x"))) + "\n"
        table = [
            ("csv", "handle,1:URL\n88.118.8/1,x\n", "line 1: header: column \"1:URL\""),
            ("csv", "handle,index,type\n", "line 1: header: expected handle,index,type,data"),
            ("csv", "handle,index,type,data,DATA\n", "stands twice"),
            ("hsv9", '{"handleRecords":{}}{}', "text behind the end"),
            ("hsv9", good, "no handleRecords"), ("hsv9", "{}", "no handleRecords"),
        ]
        for form, text, says in table:
            with self.subTest(text):
                file = write(self.path("in"), text)
                self.refused(1, "load", file, "--format", form, says=file + ": ")
                self.refused(1, "load", file, "--format", form, says=says)

    def test_full_disk(self):
        """Files may not grow: a clean end, and a registry that is whole."""
        file = self.path("many.jsonl")
        with open(file, "w") as f:
            for i in range(20000):
                f.write(json.dumps(record("88.118.8/%d" % i, text_value(1, "URL", "x" * 300))))
                f.write("\n")
        limit = 2 * 1024 * 1024

        def tight():
            import signal
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        done = subprocess.run([HELVECTL, "-d", self.dir, "load", file], preexec_fn=tight,
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertFalse(SANITIZER.search(done.stderr), done.stderr)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn("space", done.stderr)
        # What is told to be in is in.
        self.assertEqual(self.summary(done.stdout)["loaded"],
                         self.ok("count", "88.118.8").strip())
        self.assertIn("faults=0", self.ok("verify"))
        self.ok("load", "--resume", file)
        self.assertEqual(self.ok("count", "88.118.8").strip(), "20000")

if __name__ == "__main__":
    unittest.main()
