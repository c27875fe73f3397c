# SPDX-License-Identifier: Apache-2.0
"""helvectl cache beside a running helver: what is shown, flushed, dumped and loaded, and what is
still there after the power was cut."""

import base64
import json
import os
import signal
import unittest

from node import text_value
from tiers import TiersCase

LEAF = "88.118.8"
RECORDS = 1500
# The resolver looks after these by itself, some seconds after its start: at no moment that a test
# could tell.
LOOKED_AFTER = {"0.0/0.0", "0.NA/0.NA"}


class CacheCase(TiersCase):

    def cache(self, *words, check=True):
        return self.resolver.ctl("cache", *words, check=check)

    def shown(self, *words):
        out = self.resolver.ctl("--json", "cache", "show", *words).stdout
        return [e for e in json.loads(out)["entries"] if e["id"] not in LOOKED_AFTER]


class Rules(CacheCase):

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load([{"handle": LEAF + "/item-1", "values": [text_value(1, "URL", "u")]}])

    def test_load_where_a_rule_asks_for_signatures(self):
        """A dump of a resolver that has no such rule."""
        self.assert_rc(self.resolver.ask(LEAF + "/item-1"), 1)
        path = os.path.join(self.resolver.dir, "unsigned.jsonl")
        self.cache("dump", path, LEAF + "/item-1")
        with open(path, encoding="utf-8") as f:
            finding = bytearray(base64.b64decode(json.loads(f.read())["finding"]))
        finding[2] = 2  # int1 version, kind, proof: insecure
        self.resolver.write("unsigned.jsonl", json.dumps(
            {"id": "x", "finding": base64.b64encode(finding).decode()}) + "\n")
        self.cache("flush", "all")
        self.assertEqual(self.cache("load", path).stdout, "1 read, 1 taken, 0 refused\n")
        self.assertEqual(self.shown(LEAF + "/item-1")[0]["proof"], "insecure")
        self.resolver.reload(must_sign='[ "88.118" ]')
        self.assertEqual(self.shown(LEAF + "/item-1"), [])  # forgotten by the reload
        self.assertEqual(self.cache("load", path, check=False).stdout,
                         "0 read, 0 taken, 1 refused\n")
        self.assertEqual(self.shown(LEAF + "/item-1"), [])


class Cache(CacheCase):

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load([{"handle": "%s/item-%d" % (LEAF, i),
                          "values": [text_value(1, "URL", "https://example/%d" % i)]}
                         for i in range(RECORDS)] +
                        [{"handle": LEAF + "/odd", "values": [
                            text_value(1, "NOTE", "two\nlines"),
                            text_value(2, "NOTE", "\x1b]0;title\x07"),
                            {"index": 100, "type": "HS_ADMIN", "ttl": 86400, "data": {
                                "format": "admin", "value": {
                                    "handle": "0.NA/" + LEAF, "index": 300,
                                    "permissions": "111111111111"}}}]}])

    def setUp(self):
        self.cache("flush", "all")

    def names(self, *words):
        return sorted(e["id"] for e in self.shown(*words))

    def ask(self, *numbers):
        for i in numbers:
            self.assert_rc(self.resolver.ask("%s/item-%d" % (LEAF, i)), 1)

    def test_show(self):
        self.ask(1, 2)
        self.assert_rc(self.resolver.ask(LEAF + "/nobody"), 100)
        (one,) = self.shown(LEAF + "/item-1")
        self.assertEqual((one["proof"], one["kind"], one["code"], one["values"]),
                         ("secure", "record", 1, 1))
        self.assertGreater(one["left"], 0)
        self.assertEqual(one["record"][0]["data"]["value"], "https://example/1")
        self.assertEqual(self.shown(LEAF + "/nobody")[0]["code"], 100)
        self.assertEqual(self.shown(LEAF + "/never-asked"), [])
        self.assertEqual(self.names(LEAF + "/item-*"), [LEAF + "/item-1", LEAF + "/item-2"])
        self.assertIn("0.NA/" + LEAF, self.names(LEAF))
        under = self.names("88.118.*")
        self.assertTrue({LEAF + "/item-1", LEAF + "/nobody", "0.NA/" + LEAF} <= set(under))
        text = self.cache("show", LEAF + "/item-1").stdout
        self.assertIn("secure", text)
        self.assertIn("https://example/1", text)

    def test_what_could_steer_a_terminal(self):
        self.assert_rc(self.resolver.ask(LEAF + "/odd"), 1)
        self.assert_rc(self.resolver.ask(LEAF + "/\x1b[2J"), 100)
        lines = self.cache("show", LEAF + "/odd").stdout.splitlines()[1:]
        self.assertEqual(lines[:2], ["  1 NOTE two", "lines"])
        self.assertEqual(lines[2], '  2 NOTE {"format":"base64","value":"G10wO3RpdGxlBw=="}')
        self.assertIn('"0.NA/%s"' % LEAF, lines[3])
        everything = self.cache("show", LEAF + "/*").stdout
        self.assertIn('"%s/\\u001b[2J"' % LEAF, everything)
        self.assertNotIn("\x1b", everything)

    def test_stats(self):
        before = json.loads(self.resolver.ctl("--json", "cache", "stats").stdout)
        self.ask(1, 1, 1)
        after = json.loads(self.resolver.ctl("--json", "cache", "stats").stdout)
        self.assertGreaterEqual(after["hits"] - before["hits"], 2)
        self.assertGreater(after["entries"], before["entries"])
        self.assertLess(after["octets"], after["max"])
        self.assertIn("hit rate", self.cache("stats").stdout)

    def test_flush(self):
        self.ask(*range(1, 8))
        self.assertEqual(self.cache("flush", LEAF + "/item-1").stdout, "1 flushed\n")
        self.assert_asks_nobody(lambda i: self.ask(2 + 2 * i, 3 + 2 * i))
        before = self.resolver.packets_out()
        self.ask(1)
        self.assertGreater(self.resolver.packets_out(), before)
        self.cache("flush", "88.118.*")
        self.assertEqual(self.names("88.118.*"), [])
        self.cache("flush", "all")
        self.assertEqual(self.shown(), [])

    def test_dump_and_load(self):
        """In several pieces, there and back."""
        self.ask(*range(RECORDS))
        path = os.path.join(self.resolver.dir, "cache.jsonl")
        said = self.cache("dump", path).stdout
        with open(path, encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        self.assertEqual(said, "%d dumped\n" % len(lines))
        lines = [line for line in lines if line["id"] not in LOOKED_AFTER]
        self.resolver.write("cache.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        dumped = {line["id"] for line in lines}
        self.assertTrue({"%s/item-%d" % (LEAF, i) for i in range(RECORDS)} <= dumped)
        self.assertEqual(len(lines), len({(line["id"], line["kind"]) for line in lines}))
        self.cache("flush", "all")
        self.assertEqual(self.cache("load", path).stdout,
                         "%d read, %d taken, 0 refused\n" % (len(lines), len(lines)))
        self.assertEqual(set(self.names()), dumped)
        self.assert_asks_nobody(lambda i: self.ask(i, 700 + i, RECORDS - 1 - i))

    def test_load_of_something_else(self):
        path = self.resolver.write("bad.jsonl", '{"id":"1/a"}\nnothing\n{"finding":"AQAC"}\n'
                                                '{"finding":"%%%"}\n')
        done = self.cache("load", path, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "0 read, 0 taken, 4 refused\n")
        self.assertIn("line 1: no entry of a dump", done.stderr)
        self.assertIn("line 2: no entry of a dump", done.stderr)
        self.assertEqual(self.shown(), [])

    def test_usage(self):
        for words in ((), ("flush",), ("shown",), ("dump",), ("stats", "x"), ("load", "a", "b")):
            with self.subTest(words=words):
                self.assertEqual(self.cache(*words, check=False).returncode, 2)

    def test_by_socket(self):
        self.ask(1)
        path = os.path.join(self.resolver.dir, "helver.sock")
        self.assertIn("entries", self.cache("stats", "--socket", path).stdout)
        done = self.cache("stats", "--socket", path + ".none", check=False)
        self.assertEqual(done.returncode, 1)

    def test_power_cut(self):
        """Killed, and started where nobody above can be asked."""
        self.ask(*range(20))
        saves = self.resolver.status()["saves"]
        while self.resolver.status()["saves"] < saves + 2:  # what was put is saved within some s
            self.ask(1)
        self.resolver.process.send_signal(signal.SIGKILL)
        self.resolver.process.wait()
        self.resolver.process = None
        self.tiers.stop()
        try:
            self.resolver.start()
            self.ask(*range(20))
        finally:
            self.tiers.start()


if __name__ == "__main__":
    unittest.main()
