# SPDX-License-Identifier: Apache-2.0
"""What a browser gets for an identifier in the address bar, from a node and from the resolver."""

import time
import unittest
from urllib.parse import quote

import weblib
from node import PATIENCE, text_value
from tiers import TiersCase

LEAF = "88.118.8"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
LOC = ('<locations chooseby="locatt,country,weighted">'
       '<location id="0" href="https://example/main" weight="1"/>'
       '<location id="1" href="https://example/mirror?a=1&amp;b=2" weight="0" view="mirror"/>'
       '<location id="2" href="https://example/meta" weight="0" http_role="conneg"/>'
       '</locations>')
BOMB = ('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
        '<locations><location href="https://evil.example/&b;"/></locations>')
EVIL = "<script>alert(1)</script>"


def record(name, *values):
    return {"handle": "%s/%s" % (LEAF, name), "values": list(values)}


class Proxy(TiersCase):

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load([
            record("plain", text_value(7, "URL", "https://example/second"),
                   text_value(1, "URL", "https://example/first", ttl=600)),
            record("nourl", text_value(1, "DESC", "nothing to go to")),
            record("a b/c", text_value(1, "URL", "https://example/blank")),
            record("wide", text_value(1, "URL", "https://example/\u9f7f?x={y}")),
            record("script", text_value(1, "URL", "javascript:alert(1)")),
            record("split", text_value(1, "URL", "https://example/\r\nSet-Cookie: a=b")),
            record("bare", text_value(1, "URL", "https://example")),
            record("loc", text_value(1, "10320/loc", LOC), text_value(2, "URL", "https://example/url")),
            record("bomb", text_value(1, "10320/loc", BOMB), text_value(2, "URL", "https://example/url")),
            record("badloc", text_value(1, "10320/loc", "<locations"),
                   text_value(2, "URL", "https://example/url")),
            record("alias", text_value(1, "HS_ALIAS", LEAF + "/plain", ttl=60),
                   text_value(2, "URL", "https://example/own")),
            record("lost", text_value(1, "HS_ALIAS", LEAF + "/nobody")),
            record("loop", text_value(1, "HS_ALIAS", LEAF + "/loop")),
            *[record("chain%d" % i, text_value(1, "HS_ALIAS", "%s/chain%d" % (LEAF, i + 1)))
              for i in range(1, 22)],
            record("chain22", text_value(1, "URL", "https://example/end")),
        ])
        tiers.leaf.more = {"http": '[ "%s:8000" ]' % tiers.leaf.host}

    @classmethod
    def prepare(cls, resolver):
        return {"http": '[ "%s:8000" ]' % resolver.host, "follow_aliases": "false"}

    def get(self, path, accept=BROWSER, **headers):
        """The same from both."""
        told = [weblib.ask((host, weblib.HTTP), path, accept=accept, **headers)
                for host in (self.tiers.leaf.host, self.resolver.host)]
        self.assertEqual(told[0].status, told[1].status, told)
        self.assertEqual(told[0]["Location"], told[1]["Location"])
        return told[0]

    def goes(self, name, to, status=302, **more):
        a = self.get("/%s/%s" % (LEAF, name), **more)
        self.assertEqual((a.status, a["Location"]), (status, to), a)
        return a

    def test_first_url(self):
        a = self.goes("plain", "https://example/first")
        self.assertEqual(a["Cache-Control"], "max-age=600")
        self.assertIn(b'href="https://example/first"', a.body)
        self.goes("PLAIN", "https://example/first")
        self.goes("a%20b%2Fc", "https://example/blank")
        self.goes("wide", "https://example/%E9%BD%BF?x=%7By%7D")

    def test_head(self):
        a = weblib.ask((self.resolver.host, 8000), "/%s/plain" % LEAF, method="HEAD")
        self.assertEqual((a.status, a["Location"], a.body), (302, "https://example/first", b""))

    def test_spellings(self):
        for text in ("hdl:%s/plain", "HDL:%s/plain", "doi:%s/plain", "info:hdl/%s/plain",
                     "%%20%s/plain%%20", "VAA%s/plain"):
            with self.subTest(text=text):
                self.assertEqual(self.get("/" + text % LEAF)["Location"],
                                 "https://example/first")

    def test_appended(self):
        self.goes("plain?urlappend=%2Fmore", "https://example/first/more")
        self.goes("plain?urlappend=" + quote("?a=b"), "https://example/first?a=b")
        # not a part of the host's name
        self.goes("bare?urlappend=.evil.example", "https://example/.evil.example")
        self.goes("bare?urlappend=%40evil.example", "https://example/@evil.example")
        self.assertEqual(self.get("/%s/plain?urlappend=%%0D%%0AX:1" % LEAF).status, 400)

    def test_page(self):
        """Without a URL, with one that is none, or when asked to: the resolver page."""
        for name in ("nourl", "script", "split"):
            self.goes(name, "/p/%s/%s" % (LEAF, name))
        for query in ("noredirect", "noredirect=true", "type=URL", "index=1"):
            self.goes("plain?" + query, "/p/%s/plain" % LEAF)
        self.goes("plain?noredirect=no", "https://example/first")
        self.goes("%2e%2e/x?noredirect", "/?id=%s/../x" % LEAF)

    def test_not_found(self):
        a = self.get("/%s/%s" % (LEAF, quote(EVIL)))
        self.assertEqual(a.status, 404)
        self.assertNotIn(b"<script", a.body)
        self.assertIn(b"script&#62;", a.body)
        self.assertIn("default-src 'none'", a["Content-Security-Policy"])
        self.assertEqual(a["X-Content-Type-Options"], "nosniff")
        a = self.get("/%s/plain/" % LEAF)
        self.assertEqual(a.status, 404)
        self.assertIn("slash", a.text)
        self.assertIn('href="/p/%s/plain"' % LEAF, a.text)

    def test_what_browsers_ask_for_unasked(self):
        for path in ("/favicon.ico", "/robots.txt", "/.well-known/change-password"):
            a = self.get(path)
            self.assertEqual(a.status, 404, path)
            self.assertIn("Nothing is here", a.text, path)

    def test_wrong(self):
        self.assertEqual(self.get("/%s/%%zz" % LEAF).status, 400)
        a = self.get("/urn:oid:1.2.03")
        self.assertEqual(a.status, 400)
        self.assertIn("leading zero", a.text)

    def test_aliases(self):
        a = self.goes("alias", "https://example/first")
        self.assertEqual(a["Cache-Control"], "max-age=60")  # the alias's own is shorter
        self.goes("alias?ignore_aliases", "https://example/own")
        a = self.get("/%s/lost" % LEAF)
        self.assertEqual(a.status, 404)
        self.assertIn("nobody", a.text)
        self.assertEqual(self.get("/%s/loop" % LEAF).status, 500)
        self.goes("chain2", "https://example/end")  # 20 hops
        self.assertEqual(self.get("/%s/chain1" % LEAF).status, 500)

    def test_locations(self):
        self.goes("loc", "https://example/main")
        self.goes("loc?locatt=view:mirror", "https://example/mirror?a=1&b=2")
        self.goes("loc?locatt=id:1", "https://example/mirror?a=1&b=2")
        self.goes("loc?locatt=id:9", "https://example/main")
        self.goes("loc?locatt=id:2", "https://example/main")  # not for people
        self.goes("loc", "https://example/meta", accept="application/rdf+xml")
        self.goes("loc", "https://example/main", accept="*/*")
        self.goes("bomb", "https://example/url")
        self.goes("badloc", "https://example/url")

    def test_json(self):
        a = self.get("/%s/plain" % LEAF, accept="application/json")
        self.assertEqual(a.status, 200)
        self.assertEqual((a.json["responseCode"], a.json["handle"]), (1, LEAF + "/plain"))
        self.assertEqual([v["index"] for v in a.json["values"]], [1, 7])
        # It is kept, but not for a browser that asks for a page.
        self.assertIn("public", a["Cache-Control"])
        self.assertIn("Accept", a.headers.get_all("Vary"))
        a = self.get("/%s/nobody" % LEAF, accept="application/json")
        self.assertEqual((a.status, a.json["responseCode"]), (404, 100))



class Kept(TiersCase):
    """What a browser's cache, or a proxy before helver, is told of answers that helver has kept for a
    while."""

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load([record("plain", text_value(1, "URL", "https://example/", ttl=600)),
                         record("signed", text_value(1, "URL", "https://example/", ttl=600))])
        tiers.leaf.ctl("sign", LEAF + "/signed")

    @classmethod
    def prepare(cls, resolver):
        return {"http": '[ "%s:8000" ]' % resolver.host}

    def ask(self, path, **headers):
        return weblib.ask((self.resolver.host, weblib.HTTP), path, **headers)

    def later(self, path):
        """The first answer, and one of a second after it."""
        def age(answer):
            return int(answer["Cache-Control"].rpartition("max-age=")[2])
        first = self.ask(path)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            second = self.ask(path)
            if age(second) < age(first):
                return first, second
        raise AssertionError("%s: the time that it may be kept does not pass: %s" % (path, second))

    def test_counts_down_and_stays_the_same(self):
        for name in ("plain", "signed"):
            with self.subTest(name):
                path = "/api/handles/%s/%s" % (LEAF, name)
                first, second = self.later(path)
                self.assertRegex(first["ETag"], '^W/"[0-9a-f]{16}"$')
                self.assertEqual(first["ETag"], second["ETag"])
                again = self.ask(path, if_none_match=first["ETag"])
                self.assertEqual((again.status, again["ETag"]), (304, first["ETag"]))
        self.assertNotEqual(self.ask("/api/handles/%s/plain" % LEAF)["ETag"], first["ETag"])

    def test_redirects(self):
        self.later("/%s/signed" % LEAF)


if __name__ == "__main__":
    unittest.main()
