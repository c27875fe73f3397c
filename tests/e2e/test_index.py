# SPDX-License-Identifier: Apache-2.0
"""The index of values while the node runs: types come and go with a reload, writes go on meanwhile,
a kill in the middle loses nothing, and helvectl index says what there is."""

import json
import signal
import time
import unittest
from urllib.parse import urlencode

import hdl
from hdl import array
from node import PATIENCE, text_value
from staff import PEOPLE, PREFIX, StaffCase, url
from test_control import CONTROL
from v1 import V1Case, basic


class IndexCase(V1Case, StaffCase):
    settings = {"workers": 1, "http": '[ "127.0.0.1:0" ]', "index_types": "[ URL ]",
                "server_admins": '[ "304:%s" ]' % PEOPLE}

    @classmethod
    def records(cls, node):
        return [{"handle": "%s/Load.%05d" % (PREFIX, i),
                 "values": [text_value(1, "URL", "https://load/%d" % (i % 10)),
                            text_value(2, "EMAIL", "a%d@load" % (i % 100)),
                            text_value(3, "x:pip", "p%d" % i)]} for i in range(cls.loaded)]

    def search(self, code=200, **more):
        a = self.ask("GET", "/api/v1/search?" + urlencode(dict({"limit": 1000}, **more)), tls=True,
                     headers=basic("301:" + PEOPLE, "one"))
        self.assertEqual(a.status, code, a.body)
        return a.json

    def count(self, **more):
        n, after = 0, ""
        while after is not None:
            page = self.search(after=after, **more)
            n, after = n + len(page["identifiers"]), page["next"]
        return n

    def signalled(self, types):
        self.node.configure(**dict(self.settings, index_types=types))
        self.node.signal(signal.SIGHUP)

    def reload(self, types):
        """Read by the workers; the registrar begins soon, or has begun."""
        self.signalled(types)
        self.node.wait_for("reload serial=")

    def reloaded(self, types, *shown):
        """Taken over, and built: the types that are then `shown`."""
        self.reload(types)
        return self.built(*shown)

    def built(self, *shown):
        """By the index itself: a line of the log may be that of an earlier building."""
        end = time.monotonic() + PATIENCE
        while True:
            now = self.show()
            if not now["building"] and [r["type"] for r in now["types"]] == list(shown):
                return now
            self.assertLess(time.monotonic(), end, now)

    def show(self):
        return json.loads(self.node.ctl("index", "--json").stdout)

    def sound(self):
        self.assertFalse(self.show()["building"])
        self.node.ctl("verify")


class Types(IndexCase):
    loaded = 3000

    def test_come_and_go(self):
        self.assertEqual(self.count(URL="*load/7"), 300)
        self.search(501, EMAIL="*")
        urls = self.show()["entries"]
        self.reloaded('[ URL, EMAIL, "x:*" ]', "URL", "EMAIL", "X:*")
        self.assertEqual(self.count(EMAIL="a17@*"), 30)
        self.assertEqual(self.search(**{"X:PIP": "p77"})["identifiers"], [PREFIX + "/Load.00077"])
        self.assertEqual(self.show()["entries"], urls + 6000)
        self.sound()
        self.reloaded("[ EMAIL ]", "EMAIL")
        self.search(501, URL="*")
        self.assertEqual(self.count(EMAIL="a17@*"), 30)
        self.assertEqual(self.show()["entries"], 3000)
        self.sound()
        self.reloaded("[ ]")
        self.search(501, EMAIL="*")
        self.assertEqual((self.show()["types"], self.show()["entries"]), ([], 0))
        self.sound()
        self.reloaded("[ url ]", "URL")
        self.assertEqual(self.count(URL="*load/7"), 300)
        self.sound()

    def test_the_same_list_builds_nothing(self):
        before = sum("index.built" in line for line in self.node.lines)
        self.reload("[ url ]")
        self.assertFalse(self.show()["building"])
        self.node.stop()
        self.assertEqual(sum("index.built" in line for line in self.node.lines), before)
        self.node.start(**self.settings)

    def test_types_that_are_none(self):
        self.signalled('[ URL, "" ]')
        said = [self.node.wait_for(r"index\.build .*index-types|reload serial=") for _ in range(2)]
        self.assertIn("index.build", " ".join(said))  # either comes first
        self.assertEqual(self.count(URL="*load/7"), 300)
        self.reload("[ URL ]")

    def test_show(self):
        self.reloaded('[ URL, "x:*", NOSUCH ]', "URL", "X:*", "NOSUCH")
        out = self.node.ctl("index", "show").stdout.splitlines()
        self.assertEqual([line.split()[0] for line in out[:3]], ["URL", "X:*", "NOSUCH"])
        self.assertEqual([line.split()[1] for line in out[1:3]], ["3000", "0"])
        self.assertRegex(out[3], r"^types=3 entries=\d+ octets=\d+$")
        rows = self.show()["types"]
        self.assertEqual(sum(r["octets"] for r in rows), self.show()["octets"])
        self.reloaded("[ URL ]", "URL")
        self.assertEqual(self.node.ctl("index", "nosuch", check=False).returncode, 2)

    def test_rebuild(self):
        before = self.show()
        said = self.node.ctl("index", "rebuild").stdout
        self.assertIn("being built", said)
        self.assertEqual(self.built("URL"), before)
        self.assertEqual(self.count(URL="*load/7"), 300)
        self.sound()
        self.node.stop()
        try:
            self.assertEqual(self.node.ctl("index", "rebuild").stdout,
                             "types=1 entries=%d\n" % before["entries"])
            self.assertEqual(self.show(), before)
            self.sound()
        finally:
            self.node.start(**self.settings)

    def test_who_may_rebuild(self):
        for index, args, rc in ((301, '{"rebuild":true}', 400), (304, "{}", 4)):
            m = self.client(self.secret(index)).ask(CONTROL, array("index") + array(args))
            self.assert_rc(m, rc)


class Busy(IndexCase):
    """More than is built before the node answers."""

    loaded = 70000

    def test_writes_go_on(self):
        c = self.client(self.secret(304))
        self.reload("[ URL, EMAIL ]")
        for i in range(100):
            self.assert_rc(c.create("%s/New.%d" % (PREFIX, i), [hdl.Value(1, "EMAIL", "new@x")]), 1)
            self.assert_rc(c.create("%s/Load.%05d" % (PREFIX, i * 600 + 17),
                                    [url(1, "https://other"), hdl.Value(2, "EMAIL", "moved@x")],
                                    hdl.OWE), 1)
            self.assert_rc(c.delete("%s/Load.%05d" % (PREFIX, i * 600 + 218)), 1)
        self.built("URL", "EMAIL")
        self.assertEqual(self.count(EMAIL="new@x"), 100)
        self.assertEqual(self.count(EMAIL="moved@x"), 100)
        self.assertEqual(self.count(EMAIL="a17@load"), 600)
        self.assertEqual(self.count(EMAIL="a18@load"), 600)
        self.sound()
        # Dropped, while others are written.
        self.reload("[ EMAIL ]")
        for i in range(100):
            self.assert_rc(c.delete("%s/New.%d" % (PREFIX, i)), 1)
        self.built("EMAIL")
        self.search(501, URL="*")
        self.assertEqual(self.count(EMAIL="new@x"), 0)
        self.sound()

    def test_killed(self):
        """Again and again, in both phases, until nothing is left to do."""
        for types, want, *shown in (('[ URL, EMAIL, "x:*" ]', True, "URL", "EMAIL", "X:*"),
                                    ("[ URL ]", False, "URL")):
            self.reload(types)
            for _ in range(3):
                self.node.signal(signal.SIGKILL)
                self.node.process.wait()
                self.node.reader.join(PATIENCE)
                self.node.process.stderr.close()
                self.node.start(**dict(self.settings, index_types=types))
            self.built(*shown)
            if want:
                self.assertEqual(self.search(**{"x:pip": "p69876"})["identifiers"],
                                 [PREFIX + "/Load.69876"])
            else:
                self.search(501, **{"x:pip": "p*"})
            self.sound()


if __name__ == "__main__":
    unittest.main()
