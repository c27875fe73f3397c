# SPDX-License-Identifier: Apache-2.0
"""helvectl as a program: new nodes, single records and keys, and one clear line for everything that
goes wrong (contract.md). Whole registries are in test_helvectl_files.py."""

import fcntl
import json
import os
import re
import shutil
import stat
import struct
import unittest

from ctl import DUMP, Case, ctl, read, write
from node import DATA, HELVECTL, HELVED, Node, run


def crc32c(octets):
    crc = 0xFFFFFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return struct.pack(">I", crc ^ 0xFFFFFFFF)


class Init(Case):
    def test_what_is_made(self):
        self.init("--listen", "127.0.0.1:12641", "--http", "127.0.0.1:18000")
        modes = {"keys": 0o700, "keys/privkey.bin": 0o600, "keys/admpriv.bin": 0o600}
        for name, mode in modes.items():
            with self.subTest(name):
                got = os.stat(os.path.join(self.dir, name)).st_mode
                self.assertEqual(stat.S_IMODE(got), mode)
        for name in ("helved.yaml", "keys/pubkey.bin", "keys/admpub.bin", "site.bin"):
            self.assertTrue(os.path.getsize(os.path.join(self.dir, name)), name)
        site = json.loads(read(os.path.join(self.dir, "site.json")))
        self.assertEqual([(i["protocol"], i["port"], i["admin"])
                          for i in site["servers"][0]["interfaces"]],
                         [("TCP", 12641, True), ("UDP", 12641, False), ("HTTP", 18000, True)])

    def test_prefix_record(self):
        self.init()
        values = self.records()["0.NA/88.118.8"]["values"]
        self.assertEqual([(v["index"], v["type"]) for v in values],
                         [(1, "HS_SITE"), (100, "HS_ADMIN"), (200, "HS_VLIST"),
                          (300, "HS_PUBKEY")])
        self.assertEqual(values[1]["data"]["value"],
                         {"handle": "0.NA/88.118.8", "index": 200, "permissions": "1" * 12})
        self.assertEqual(values[2]["data"]["value"], [{"handle": "0.NA/88.118.8", "index": 300}])

    def test_own_root(self):
        self.init()
        status = json.loads(self.ok("status", "--json"))
        self.assertEqual(sorted(status["prefixes"]), ["0.NA", "88.118.8"])

    def test_root_node(self):
        self.init(prefix="0.NA")
        status = json.loads(self.ok("status", "--json"))
        self.assertEqual(sorted(status["prefixes"]), ["0.0", "0.NA"])
        held = [h for h, r in self.records().items() if "values" in r]
        self.assertEqual(sorted(held), ["0.0/0.0", "0.NA/0.NA"])

    def test_with_parent(self):
        root = self.path("root")
        self.init(prefix="0.NA", folder=root)
        self.init("--parent", root)
        self.assertEqual(json.loads(self.ok("status", "--json"))["prefixes"], ["88.118.8"])

    def test_every_kind_of_key(self):
        for kind in ("rsa", "p256", "ed25519", "sm2"):
            with self.subTest(kind):
                folder = self.path(kind)
                ctl(folder, "init", "--prefix", "88.1", "--key", kind, check=True)
                self.assertEqual(self.ok("verify", folder=folder).count("faults=0"), 1)

    @unittest.skipUnless(os.path.exists(HELVED), "no helved in this build")
    def test_helved_reads_it(self):
        self.init()
        run(HELVED, "-C", "-c", os.path.join(self.dir, "helved.yaml"))

    def test_refusals(self):
        self.init()
        table = [
            (1, ["init", "--prefix", "88.118.8"], "there is a node already"),
            (2, ["init"], "--prefix is needed"),
            (2, ["init", "--prefix", "a/b"], "no prefix"),
            (2, ["init", "--prefix", "88.1", "--key", "dsa"], "expected rsa"),
            (2, ["init", "--prefix", "88.1", "--listen", "here"], "ADDRESS:PORT"),
            (2, ["init", "--prefix", "88.1", "--listen", "0.0.0.0:1"], "--address"),
            (2, ["init", "--prefix", "88.1", "--color"], "unknown option"),
            (2, ["init", "--prefix"], "needs an argument"),
        ]
        for code, argv, says in table:
            with self.subTest(" ".join(argv)):
                self.refused(code, *argv, says=says)
        self.refused(1, "init", "--prefix", "88.1", "--parent", self.path("nowhere"),
                     says="No such file", folder=self.path("other"))


class Records(Case):
    def setUp(self):
        super().setUp()
        self.init()

    def test_put_get_rm(self):
        self.ok("put", "88.118.8/阀-1", "--value", "1 URL https://e.cn/1",
                "--value", "100 HS_ADMIN 200:111111111111:0.NA/88.118.8",
                "--value", "301 HS_SECKEY geheim")
        self.ok("put", "88.118.8/阀-1", "--value", "1 URL https://e.cn/2", "--value", "2 品牌 巴山 A")
        shown = self.ok("get", "88.118.8/阀-1")
        self.assertIn("1 URL https://e.cn/2\n2 品牌 巴山 A\n100 HS_ADMIN", shown)
        self.assertNotIn("geheim", shown)
        self.assertIn("geheim", self.ok("get", "--secrets", "88.118.8/阀-1"))
        got = json.loads(self.ok("get", "--json", "88.118.8/阀-1"))
        self.assertEqual([v["index"] for v in got["values"]], [1, 2, 100])
        self.assertEqual(got["values"][2]["data"]["value"]["permissions"], "1" * 12)
        self.ok("rm", "88.118.8/阀-1")
        self.refused(1, "get", "88.118.8/阀-1", says="not in this registry")
        self.assertEqual(json.loads(self.ok("status", "--json"))["deleted"], 1)
        self.ok("put", "88.118.8/阀-1", "--value", "1 URL https://e.cn/3")
        self.assertEqual(self.ok("get", "88.118.8/阀-1"), "1 URL https://e.cn/3\n")

    def test_spelling_is_kept_and_case_is_one(self):
        self.ok("put", "88.118.8/Abc", "--value", "1 URL x")
        self.assertEqual(self.ok("list", "88.118.8"), "88.118.8/Abc\n")
        self.assertEqual(self.ok("get", "88.118.8/aBC"), "1 URL x\n")

    def test_values_from_files(self):
        shutil.copy(os.path.join(DATA, "siteinfo.json"), self.path("s.json"))
        self.ok("put", "88.118.8/s", "--file", "1 HS_SITE " + self.path("s.json"),
                "--file", "300 HS_PUBKEY " + os.path.join(DATA, "pubkey.bin"))
        got = json.loads(self.ok("get", "--json", "88.118.8/s"))["values"]
        self.assertEqual(got[0]["data"]["value"], json.loads(read(self.path("s.json"))))
        self.assertEqual(got[1]["data"]["value"]["kty"], "RSA")

    def test_refusals(self):
        table = [
            (2, ["put", "88.118.8/x"], "no value"),
            (2, ["put", "--value", "1 URL x"], "which identifier"),
            (2, ["put", "88.118.8/x", "--value", "URL x"], "INDEX TYPE DATA"),
            (2, ["put", "88.118.8/x", "--value", "0 URL x"], "index from 1"),
            (2, ["put", "88.118.8/x", "--value", "1 HS_ADMIN me"], "INDEX:HANDLE"),
            (2, ["put", "88.118.8/x", "--value", "1 HS_SITE x"], "--file"),
            (2, ["put", "88.118.8/x", "--value", "1 HS_SITE.PREFIX x"], "--file"),
            (1, ["put", "88.118.8", "--value", "1 URL x"], "slash"),
            (1, ["put", "88.118.8/a\nb", "--value", "1 URL x"], "control"),
            (1, ["put", "88.118.8/x", "--value", "1 URL x", "--value", "1 URL y"], "twice"),
            (2, ["put", "88.118.8/x", "--file", "1 URL /nonexistent"], "No such file"),
            (1, ["get", "88.118.8/none"], "not in this registry"),
            (2, ["get"], "which identifier"),
            (2, ["get", "a/b", "c/d"], "one identifier"),
            (1, ["rm", "88.118.8/none"], "not in this registry"),
            (2, ["list"], "which prefix"),
            (2, ["list", "a/b"], "no prefix"),
            (2, ["count", "a", "b"], "one prefix"),
            (1, ["unhome", "88.1"], "not homed"),
            (2, ["home"], "which prefix"),
            (2, ["dump", "88.118.8"], "--prefix 88.118.8"),
            (2, ["dump", "--format", "hsv9"], "expected jsonl"),
            (2, ["load"], "which file"),
            (2, ["load", "x", "--format", "xml"], "expected jsonl"),
            (1, ["load", self.path("none")], "No such file"),
            (1, ["load", "/"], "directory"),
            (1, ["restore", self.path("none")], "No such file"),
            (2, ["backup"], "which file"),
            (1, ["backup", "/nonexistent/x"], "No such file"),
            (2, ["key"], "key new"),
            (2, ["frob"], "no verb 'frob'"),
            (2, ["status", "now"], "what is 'now'"),
            (1, ["reload"], "no server runs"),
        ]
        for code, argv, says in table:
            with self.subTest(" ".join(argv)):
                self.refused(code, *argv, says=says)
        for argv, says in (((), "which verb?"), (("-x",), "unknown option -x"),
                           (("-d",), "needs a directory"), (("--colour",), "--colour")):
            done = run(HELVECTL, *argv, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""), argv)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertIn(says, done.stderr)
        for argv in (("-h",), ("--help",), ("-V",), ("--version",)):
            self.assertIn("helvectl", run(HELVECTL, *argv).stdout)
        json.loads(run(HELVECTL, "--json", "-d", self.dir, "status").stdout)
        self.assertEqual(self.ok("count").strip(), "2")

    def test_put_where_nobody_looks(self):
        """Stored, with a word about the prefix that this node does not serve yet."""
        done = ctl(self.dir, "put", "88.77/x", "--value", "1 URL x")
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (0, 1), done.stderr)
        self.assertIn("0.NA/88.77 is not homed here", done.stderr)
        self.ok("home", "88.77")
        for handle in ("88.77/x", "88.118.8/x", "0.NA/88.77"):
            done = ctl(self.dir, "put", handle, "--value", "1 URL x")
            self.assertEqual((done.returncode, done.stderr), (0, ""), handle)

    def test_home(self):
        self.ok("home", "88.200")
        self.ok("home", "0.NA/88.200")
        self.assertIn("88.200", json.loads(self.ok("status", "--json"))["prefixes"])
        self.ok("unhome", "88.200")
        self.assertNotIn("88.200", json.loads(self.ok("status", "--json"))["prefixes"])

    def test_delegate(self):
        other = self.path("other")
        self.init("--listen", "127.0.0.2:4444", prefix="88.118.8.1", folder=other)
        self.ok("delegate", "88.118.8.1", "--to", other)
        self.ok("delegate", "88.118.8.1", "--to", os.path.join(other, "site.bin"))
        values = self.records()["0.NA/88.118.8.1"]["values"]
        self.assertEqual([v["type"] for v in values], ["HS_SITE", "HS_SITE.PREFIX", "HS_CERT",
                                                      "HS_SIGNATURE"])
        self.assertEqual(values[0]["data"]["value"]["servers"][0]["address"], "127.0.0.2")
        self.refused(1, "delegate", "88.1", "--to", self.path("none"), says="No such file")
        self.refused(1, "delegate", "88.1", "--to", write(self.path("x"), "{}"), says="servers")
        self.refused(2, "delegate", "88.1", says="which site")

    def test_beside_a_server(self):
        """The lock that helved holds; reading verbs do not need it."""
        with open(os.path.join(self.dir, "data", "helved.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write("4711\n")
            lock.flush()
            for argv in (["put", "88.118.8/x", "--value", "1 URL x"], ["rm", "88.118.8/x"],
                         ["home", "88.1"], ["load", DUMP]):
                with self.subTest(argv[0]):
                    self.refused(1, *argv, says="a server (pid 4711) runs")
            for argv in (["dump"], ["count"], ["verify"], ["get", "0.NA/88.118.8"],
                         ["backup", self.path("b")]):
                with self.subTest(argv[0]):
                    self.ok(*argv)
            self.assertEqual(json.loads(self.ok("status", "--json"))["server"], 4711)

    @unittest.skipUnless(os.path.exists(HELVED), "no helved in this build")
    def test_reload(self):
        node = Node(key="p256")
        self.addCleanup(node.remove)
        node.start()
        self.ok("reload", folder=node.dir)
        node.wait_for("reload")

    def test_newer_store(self):
        """The format's number stands in META with its checksum behind it."""
        path = os.path.join(self.dir, "data", "data.mdb")
        with open(path, "rb") as f:
            octets = f.read()
        found = re.search(rb"format\x00\x01\x00(.)", octets, re.S)
        self.assertTrue(found, "no format of today")
        old = found.group(0) + crc32c(found.group(0))
        new = b"format" + b"\0\2\0\0" + crc32c(b"format\0\2\0\0")
        self.assertTrue(old in octets, "its checksum does not follow")
        with open(path, "wb") as f:
            f.write(octets.replace(old, new))
        for argv in (["dump"], ["put", "88.118.8/x", "--value", "1 URL x"], ["verify"]):
            with self.subTest(argv[0]):
                self.refused(1, *argv, says="newer version")

    def test_cut_store(self):
        path = os.path.join(self.dir, "data", "data.mdb")
        os.truncate(path, 5000)
        self.refused(1, "dump", says="data")
        self.refused(1, "put", "88.118.8/x", "--value", "1 URL x", says="data")

    def test_no_node(self):
        for argv in (["dump"], ["put", "a/b", "--value", "1 URL x"], ["status"]):
            with self.subTest(argv[0]):
                self.refused(1, *argv, says="helvectl init", folder=self.path("nothing"))


class Keys(Case):
    def secret(self, name, text):
        path = write(self.path(name), text + "\n")
        os.chmod(path, 0o600)
        return path

    def test_forms(self):
        for kind in ("rsa", "p256", "ed25519", "sm2"):
            with self.subTest(kind):
                key = self.path(kind)
                self.ok("key", "new", key, "--key", kind)
                shown = json.loads(self.ok("key", "show", "--json", key))
                self.assertEqual(shown["half"], "private")
                self.ok("key", "convert", key, key + ".pem", "--to", "pem")
                self.ok("key", "convert", key + ".pem", key + ".bin", "--to", "bin")
                self.ok("key", "convert", key + ".pub", key + ".jwk", "--to", "jwk")
                self.ok("key", "convert", key + ".jwk", key + ".pub2", "--to", "bin")
                for form in (".pem", ".bin", ".jwk", ".pub2"):
                    again = json.loads(self.ok("key", "show", "--json", key + form))
                    self.assertEqual(again["publicKey"], shown["publicKey"], form)
                self.assertEqual(stat.S_IMODE(os.stat(key + ".pem").st_mode), 0o600)

    def test_passphrases(self):
        sealed = os.path.join(DATA, "privkey-encrypted.bin")
        right, wrong = self.secret("right", "test-pass-88"), self.secret("wrong", "nope")
        self.assertIn("RSA-2048", self.ok("key", "show", sealed, "--passphrase-file", right))
        self.refused(1, "key", "show", sealed, says="--passphrase-file")
        self.refused(1, "key", "show", sealed, "--passphrase-file", wrong, says="wrong passphrase")
        os.chmod(right, 0o644)
        self.refused(1, "key", "show", sealed, "--passphrase-file", right, says="others", lines=2)
        utf8 = os.path.join(DATA, "privkey-encrypted-utf8.bin")
        self.ok("key", "show", utf8, "--passphrase-file", self.secret("u", "测试-口令"))
        new = self.secret("new", "新口令")
        self.ok("key", "convert", os.path.join(DATA, "privkey.bin"), self.path("k"), "--to", "bin",
                "--new-passphrase-file", new)
        self.ok("key", "show", self.path("k"), "--passphrase-file", new)
        self.refused(1, "key", "new", self.path("e"), "--passphrase-file", self.secret("none", ""),
                     says="empty passphrase")

    def test_refusals(self):
        key = self.path("key")
        self.ok("key", "new", key, "--key", "p256")
        self.refused(1, "key", "new", key, says="never overwritten")
        self.refused(1, "key", "convert", key, key + ".pub", "--to", "pem", says="never overwritten")
        self.refused(2, "key", "convert", key, self.path("x"), "--to", "der", says="bin, pem or jwk")
        self.refused(2, "key", "show", says="which file")
        self.refused(1, "key", "show", write(self.path("junk"), "junk"), says="no key")
        self.refused(1, "key", "show", write(self.path("j"), "{}"), says="kty")

if __name__ == "__main__":
    unittest.main()
