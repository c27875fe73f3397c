# SPDX-License-Identifier: Apache-2.0
"""helvectl put of a value that is there: what is not given stays as it is, beside the registry and
from afar."""

import json
import os
import unittest

from node import HELVECTL, run
from test_live import Case

ADA = "301:0.NA/88.118.8"


class Put(Case):
    @classmethod
    def fill(cls, node):
        cls.ada_key = os.path.join(os.path.dirname(node.dir), "ada.key")
        run(HELVECTL, "key", "new", cls.ada_key, "--key", "ed25519")
        node.ctl("admin", "add", "88.118.8", "--key", cls.ada_key + ".pub")

    def value(self, name, index):
        values = json.loads(self.ok("get", "--secrets", "--json", name))["values"]
        (v,) = [v for v in values if v["index"] == index]
        return v["data"]["value"], v["ttl"], v.get("permissions", "1110")

    def check(self, name, put):
        """`put` is the verb one way or another; an HS_ADMIN value lets it be used again from afar."""
        put(name, "--ttl", "60", "--perms", "1100", "--value", "1 PIN a", "--perms", "1110",
            "--value", "2 URL a", "--value", "100 HS_ADMIN 200:111111111111:0.NA/88.118.8")
        self.assertEqual(self.value(name, 1), ("a", 60, "1100"))
        put(name, "--value", "1 PIN b", "--value", "2 URL b")
        self.assertEqual(self.value(name, 1), ("b", 60, "1100"))
        self.assertEqual(self.value(name, 2), ("b", 60, "1110"))
        put(name, "--ttl", "7", "--value", "1 PIN c")
        self.assertEqual(self.value(name, 1), ("c", 7, "1100"))
        put(name, "--perms", "1010", "--value", "2 URL c")
        self.assertEqual(self.value(name, 2), ("c", 60, "1010"))
        # New ones: as always, or as given.
        put(name, "--value", "3 URL d", "--ttl", "5", "--value", "4 URL e")
        self.assertEqual(self.value(name, 3), ("d", 86400, "1110"))
        self.assertEqual(self.value(name, 4), ("e", 5, "1110"))
        # A secret is none that everybody reads, whatever stood there before it.
        put(name, "--value", "4 HS_SECKEY geheim")
        self.assertEqual(self.value(name, 4), ("geheim", 5, "1100"))
        # What is gone is no former value.
        self.ok("rm", name)
        put(name, "--value", "1 PIN f")
        self.assertEqual(self.value(name, 1), ("f", 86400, "1110"))

    def test_beside_a_server(self):
        self.check("88.118.8/Beside", self.ok)

    def test_from_afar(self):
        self.check("88.118.8/Afar", lambda name, *more: self.afar("put", name, *more))

    def test_without_a_server(self):
        self.node.stop()
        try:
            self.check("88.118.8/Alone", self.ok)
        finally:
            self.node.start(**self.settings)

    def ok(self, *argv):
        return super().ok(*(argv if argv[0] in ("get", "rm", "put") else ("put",) + argv))

    def test_who_may_write_and_not_read(self):
        name = "88.118.8/Writer"
        self.ok("put", name, "--ttl", "60", "--value", "1 URL a", "--perms", "1100", "--value", "2 PIN a",
                "--value", "100 HS_ADMIN 301:000010100000:0.NA/88.118.8")  # modify and add values
        done = run(HELVECTL, "-d", self.node.dir, "--server", "127.0.0.1:%d" % self.at[1], "--auth",
                   ADA, "--key", self.ada_key, "put", name, "--value", "1 URL b", "--value", "3 URL c",
                   check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.value(name, 1), ("b", 60, "1110"))
        self.assertEqual(self.value(name, 3), ("c", 86400, "1110"))


if __name__ == "__main__":
    unittest.main()
