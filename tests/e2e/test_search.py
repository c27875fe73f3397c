# SPDX-License-Identifier: Apache-2.0
"""The index by type and value, and the search in it: what is found is what a walk over all records
finds, whatever was done to them; and the registry's own check agrees."""

import random
import re
import signal
import unittest
from urllib.parse import quote, urlencode

import hdl
from node import PATIENCE, text_value
from staff import PEOPLE, PREFIX, StaffCase, url
from v1 import V1Case, basic

TYPES = '[ URL, "gs1:*", EMAIL ]'


def like(pattern, text):
    parts = [re.escape(p) for p in pattern.split("*")]
    return re.fullmatch(".*".join(parts), text, re.S | re.I) is not None


class Search(V1Case, StaffCase):
    settings = {"workers": 2, "http": '[ "127.0.0.1:0" ]', "index_types": TYPES,
                "server_admins": '[ "304:%s" ]' % PEOPLE}
    loaded = 300

    @classmethod
    def records(cls, node):
        return [{"handle": "%s/Load.%03d" % (PREFIX, i),
                 "values": [text_value(1, "url", "https://Load.example/%d" % (i % 10)),
                            text_value(2, "EMAIL", "a%d@load" % i)]} for i in range(cls.loaded)]

    def get(self, path, index=302, secret=None):
        login = basic("%d:%s" % (index, PEOPLE), secret or self.secrets[index])
        return self.ask("GET", path, headers=login, tls=True)

    def search(self, **more):
        a = self.get("/api/v1/search?" + urlencode(more))
        self.assertEqual(a.status, 200, a.body)
        return a.json

    def found(self, **more):
        return sorted(self.search(limit=1000, **more)["identifiers"])

    def load_names(self, test):
        return ["%s/Load.%03d" % (PREFIX, i) for i in range(self.loaded) if test(i)]

    def test_patterns(self):
        tens = self.load_names(lambda i: i % 10 == 7)
        for pattern in ("https://load.example/7", "HTTPS://LOAD.EXAMPLE/7", "https://load*/7",
                        "*load.example/7", "*LOAD*7", "https://Load.example/7*"):
            self.assertEqual(self.found(URL=pattern), tens, pattern)
        self.assertEqual(self.found(uRl="https://load.example/*"), self.load_names(lambda i: True))
        for pattern in ("", "7", "load", "https://load.example/", "*8*7", "https://load.example/7?"):
            self.assertEqual(self.found(URL=pattern), [], pattern)

    def test_all_of_them(self):
        self.assertEqual(self.found(URL="*/7", EMAIL="a17@*"), [PREFIX + "/Load.017"])
        self.assertEqual(self.found(URL="*/7", EMAIL="a18@load"), [])
        a = self.get("/api/v1/search?EMAIL=a1*&EMAIL=*9@load&limit=100")
        self.assertEqual(sorted(a.json["identifiers"]),
                         self.load_names(lambda i: str(i)[0] == "1" and str(i)[-1] == "9"))

    def test_prefix_alone(self):
        self.assertEqual(len(self.found(URL="*load*", prefix=PREFIX)), self.loaded)
        self.assertEqual(self.found(URL="*load*", prefix="88.118"), [])
        self.assertEqual(self.found(URL="*load*", prefix="0.NA"), [])

    def test_pages(self):
        want = self.load_names(lambda i: i % 10 == 3)
        for limit in (1, 4, 7, 1000):
            seen, after = [], ""
            while after is not None:
                page = self.search(URL="*/3", limit=limit, after=after)
                self.assertLessEqual(len(page["identifiers"]), limit)
                seen += page["identifiers"]
                after = page["next"]
            self.assertEqual(sorted(seen), want)
            self.assertEqual(len(set(seen)), len(seen))

    def test_one_record_many_values(self):
        name = PREFIX + "/many"
        c = self.admin()
        self.assertEqual(c.create(name, [url(i, "https://many/%d." % i) for i in range(1, 30)]).rc, 1)
        for limit in (1, 2, 100):
            page = self.search(URL="https://many/*", limit=limit)
            self.assertEqual(page["identifiers"], [name])

    def test_private_and_other_values_are_not_found(self):
        name = PREFIX + "/private"
        self.assertEqual(self.admin().create(name, [
            hdl.Value(1, "URL", "hidden", perms=0x0C), hdl.Value(2, "gs1:pip", "shown"),
            hdl.Value(3, "GS1:x", "b" * 4097), hdl.Value(4, "URL", "c" * 4096)]).rc, 1)
        self.assertEqual(self.found(URL="hidden"), [])
        self.assertEqual(self.found(**{"gs1:pip": "shown"}), [name])
        self.assertEqual(self.found(**{"GS1:X": "bbb*"}), [])
        self.assertEqual(self.found(URL="ccc*"), [name])

    def test_model(self):
        """Changes of every kind, then everything is looked for."""
        rng = random.Random(7)
        model, c = {}, self.client(self.secret(304))
        names = ["%s/Model.%d" % (PREFIX, i) for i in range(12)]
        for step in range(150):
            name = rng.choice(names)
            value = hdl.Value(rng.randint(1, 3), rng.choice(["URL", "EMAIL", "NOTE", "gs1:a"]),
                              "m%d" % rng.randint(0, 9), perms=rng.choice([0x0E, 0x0E, 0x0C]))
            if name not in model:
                self.assert_rc(c.create(name, [value]), 1)
                model[name] = {value.index: value}
            elif rng.random() < 0.15:
                self.assert_rc(c.delete(name), 1)
                del model[name]
            elif value.index not in model[name]:
                self.assert_rc(c.add(name, [value]), 1)
                model[name][value.index] = value
            elif rng.random() < 0.3 and len(model[name]) > 1:
                self.assert_rc(c.remove(name, [value.index]), 1)
                del model[name][value.index]
            else:
                self.assert_rc(c.create(name, [value], hdl.OWE), 1)
                model[name] = {value.index: value}
        for kind in ("URL", "EMAIL", "gs1:a"):
            for pattern in ("m*", "m3", "*"):
                want = sorted(n for n, values in model.items() if any(
                    v.type.decode() == kind and v.perms & 2 and like(pattern, v.data.decode())
                    for v in values.values()))
                got = [n for n in self.found(**{kind: pattern}) if "/Model." in n]
                self.assertEqual(got, want, (kind, pattern))
        self.node.ctl("verify")
        # An undo moves the index too.
        name = PREFIX + "/undone"
        self.assert_rc(c.create(name, [url(1, "first")]), 1)
        self.assert_rc(c.create(name, [url(1, "second")], hdl.OWE), 1)
        undo = self.ask("POST", "/api/v1/undo/" + name, None, basic("304:" + PEOPLE, "four"), tls=True)
        self.assertEqual(undo.status, 200)
        self.assertEqual((self.found(URL="first"), self.found(URL="second")), ([name], []))

    def test_refusals(self):
        self.assert_refused(self.get("/api/v1/search"), 400, 4, "where")
        self.assert_refused(self.get("/api/v1/search?NOTE=x"), 501, 5, "index-types")
        self.assert_refused(self.get("/api/v1/search?URL=%s" % ("x" * 300)), 400, 4)
        self.assert_refused(self.get("/api/v1/search?URL=x&limit=0"), 400, 4)
        self.assert_refused(self.get("/api/v1/search?URL=x&after=zz"), 400, 4)
        self.assert_refused(self.get("/api/v1/search?" + "&".join(["URL=x"] * 9)), 400, 4)
        for many in ("&" * 12000, "a&" * 6000, "=&" * 6000):  # each is looked at once, or not at all
            self.assert_refused(self.get("/api/v1/search?" + many), 400, 4)
            self.assertEqual(self.get("/hrls/handles?" + many).status, 400)
        self.assertEqual(self.search(limit=1, **{"URL": "*"}), self.get("/api/v1/search?&limit=1&&URL=*&").json)
        self.assert_refused(self.ask("GET", "/api/v1/search?URL=*", tls=True), 401, 402)
        self.assert_refused(self.ask("GET", "/api/v1/search?URL=*"), 403, 402)
        # A type without an index filters what another one has found.
        self.assertEqual(self.found(URL="*load*", NOTE="x"), [])

    def test_as_epic_clients_ask(self):
        """rest-clients.md W7: a bare list."""
        want = self.load_names(lambda i: i % 10 == 5)
        for path in ("/hrls/handles?URL=", "/hrls/handles/?URL=", "/hrls/handles/%s?URL=" % PREFIX):
            a = self.get(path + quote("https://load.example/5"))
            self.assertEqual((a.status, sorted(a.json)), (200, want), path)
        self.assertEqual(self.get("/hrls/handles/?URL=nothere").body, b"[]")
        pages = [self.get("/hrls/handles?URL=*/5&limit=7&page=%d" % p).json for p in range(6)]
        self.assertEqual(sorted(n for page in pages for n in page), want)
        self.assertEqual(len(pages[0]), 7)
        self.assertEqual(self.ask("GET", "/hrls/handles?URL=*", tls=True).status, 401)
        self.assertEqual(self.get("/hrls/handles?URL=*", 303, "wrong").status, 401)
        self.assertEqual(self.get("/nowhere/hrls/handles/?URL=*").status, 404)
        self.assertEqual(self.get("/hrls/handles?URL=*&limit=x").status, 400)

    def test_node_says_so(self):
        node = self.ask("GET", "/api/v1/node").json
        self.assertIn("search", node["features"])
        self.assertEqual(node["indexTypes"], ["URL", "GS1:*", "EMAIL"])


class OtherTypes(V1Case, StaffCase):
    """The option changes: the index is made anew when the node starts."""

    settings = {"workers": 1, "http": '[ "127.0.0.1:0" ]'}
    loaded = 6000
    records = classmethod(Search.records.__func__)

    def search(self, **more):
        return self.ask("GET", "/api/v1/search?" + urlencode(more), tls=True,
                        headers=basic("301:" + PEOPLE, "one"))

    def restart(self, kill=False, **more):
        if kill:
            self.node.signal(signal.SIGKILL)
            self.node.process.wait()
            self.node.reader.join(PATIENCE)
            self.node.process.stderr.close()
        else:
            self.node.stop()
        self.node.start(**dict(self.settings, **more))
        return "\n".join(self.node.lines)

    def test_on_other_off(self):
        self.assertEqual(self.search(URL="*").status, 501)
        said = self.restart(index_types="[ url ]")
        self.assertIn("index.built types=1 entries=%d" % (self.loaded + 1), said.replace('"', ""))
        self.assertEqual(len(self.search(URL="*load*/7", limit=1000).json["identifiers"]), 600)
        self.assertEqual(self.search(EMAIL="*").status, 501)
        self.node.ctl("verify")
        # What is loaded beside no server is in it as well.
        self.node.stop()
        self.node.load([{"handle": PREFIX + "/later", "values": [text_value(1, "URL", "later")]}])
        self.node.ctl("verify")
        self.node.start(**dict(self.settings, index_types="[ URL ]"))
        self.assertNotIn("index.built", "\n".join(self.node.lines))
        self.assertEqual(self.search(URL="later").json["identifiers"], [PREFIX + "/later"])
        self.assertIn("index.built", self.restart(kill=True, index_types="[ EMAIL ]"))
        self.assertEqual(self.search(URL="later").status, 501)
        self.assertEqual(len(self.search(EMAIL="a5@*").json["identifiers"]), 1)
        self.assertEqual(len(self.search(EMAIL="*").json["identifiers"]), 50)
        self.node.ctl("verify")
        self.restart()
        self.assertEqual(self.search(EMAIL="*").status, 501)
        self.node.ctl("verify")

    def test_types_that_are_none(self):
        self.node.stop()
        self.node.configure(**dict(self.settings, index_types='[ "" ]'))
        code, said, _ = self.node.refuses_to_start()
        self.assertEqual(code, 1, said)
        self.assertIn("index-types", said)
        self.node.start(**self.settings)


if __name__ == "__main__":
    unittest.main()
