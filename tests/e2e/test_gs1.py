# SPDX-License-Identifier: Apache-2.0
"""The checks that the test suite for GS1-conformant resolvers makes (rest-clients.md 7, G1-G14), at a
node over TLS and at the resolver before it."""

import json
import unittest
from urllib.parse import urlsplit

import weblib
from node import NodeCase, run, text_value
from tiers import TiersCase
from v1 import http_port

LEAF = "88.118.8"
GTIN, GLN = "09506000134352", "9506000134376"
DL = "/01/" + GTIN
VOC = "https://ref.gs1.org/voc/"
RULES = '[ "gs1 %s" ]' % LEAF


def link(href, **more):
    return json.dumps(dict(more, href=href))


def record(key, *links):
    return {"handle": "%s/%s" % (LEAF, key),
            "values": [text_value(i + 1, kind, data, ttl=300)
                       for i, (kind, data) in enumerate(links)]}


PRODUCT = (
    ("gs1:defaultLink", "https://brand.example/product"),
    ("gs1:pip", link("https://brand.example/en", title="Product", type="text/html",
                     hreflang=["en"])),
    ("gs1:pip", link("https://brand.example/zh", title="\u4ea7\u54c1", type="text/html",
                     hreflang=["zh"])),
    ("gs1:pip", link("https://brand.example/zh.pdf", type="application/pdf", hreflang=["zh"])),
    ("gs1:instructions", link("https://brand.example/how?v=1#top", hreflang="en")),
    ("gs1:promotion", link("https://brand.example/fr", context=["FR"])),
    ("gs1:promotion", link("https://brand.example/cn", context=["CN"])),
    ("gs1:hasRetailers", link("https://shop-a.example/", title="A")),
    ("gs1:hasRetailers", link("https://shop-b.example/", title="B")),
    ("gs1:certificationInfo", "javascript:alert(1)"),
    ("gs1:itemDescription", "A bearing"),
    ("DESC", "not a link"),
)


class Gs1(TiersCase):

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load([
            record("01/" + GTIN, *PRODUCT),
            record("01/%s/10/LOT1" % GTIN, ("gs1:traceability", "https://brand.example/lot1")),
            record("01/%s/10/LOT1/21/ab1" % GTIN, ("gs1:defaultLink", "https://brand.example/s-ab1")),
            record("01/%s/10/LOT1/21/AB1" % GTIN, ("URL", "https://brand.example/s-AB1")),
            record("01/%s/21/a%%2Fb" % GTIN, ("gs1:defaultLink", "https://brand.example/slash")),
            record("01/09506000134383", ("gs1:defaultLink", link("https://two.example/en",
                                                                 hreflang=["en"])),
                   ("gs1:defaultLink", link("https://two.example/zh", hreflang=["zh"]))),
            record("414/" + GLN, ("gs1:defaultLink", "https://brand.example/place")),
            record("01/09506000134369", ("DESC", "without links")),
        ])
        tiers.leaf.more = {"http": '[ "%s:8000" ]' % tiers.leaf.host, "schemes": RULES}

    @classmethod
    def prepare(cls, resolver):
        return {"http": '[ "%s:8000" ]' % resolver.host, "schemes": RULES}

    def ask(self, path, method="GET", **headers):
        """The same from both."""
        one = weblib.ask((self.tiers.leaf.host, 8000), path, method, tls=True, **headers)
        two = weblib.ask((self.resolver.host, 8000), path, method, **headers)
        self.assertEqual((one.status, one["Location"]), (two.status, two["Location"]), (one, two))
        return one

    def goes(self, path, to, **headers):
        a = self.ask(path, **headers)
        self.assertEqual((a.status, a["Location"]), (307, to), a)
        return a

    def linkset(self, path=DL, **headers):
        headers.setdefault("accept", "application/linkset+json")
        a = self.ask(path, **headers)
        self.assertEqual((a.status, a["Content-Type"]), (200, "application/linkset+json"), a)
        (one,) = a.json["linkset"]
        return one

    def test_g1_tls(self):
        a = weblib.ask((self.tiers.leaf.host, 8000), DL, "HEAD", tls=True)
        self.assertEqual((a.version, a.status, a.body), (11, 307, b""))

    def test_g2_description(self):
        a = self.ask("/.well-known/gs1resolver", accept="application/json",
                     Origin="https://gs1.example")
        self.assertEqual(a.status, 200)
        self.assertIn(a["Access-Control-Allow-Origin"], ("*", "https://gs1.example"))
        d = a.json
        self.assertEqual(d["resolverRoot"], "https://%s:8000" % self.tiers.leaf.host)
        self.assertEqual(d["supportedPrimaryKeys"], ["all"])
        self.assertTrue(d["name"])
        self.assertEqual(d["supportedLinkType"], [{"namespace": VOC, "prefix": "gs1:"}])
        self.assertIs(d["linkTypeDefaultCanBeLinkset"], False)

    def test_g3_cors(self):
        a = self.ask(DL, "OPTIONS", Origin="https://gs1.example")
        self.assertEqual(a.status // 100, 2)
        self.assertIn(a["Access-Control-Allow-Origin"], ("*", "https://gs1.example"))
        for method in ("GET", "HEAD", "OPTIONS"):
            self.assertIn(method, a["Access-Control-Allow-Methods"])
        for path in (DL, DL + "?linkType=linkset", DL + "/foo", "/01/09506000134376"):
            a = self.ask(path, Origin="https://gs1.example")
            self.assertEqual(a.headers.get_all("Access-Control-Allow-Origin"),
                             ["https://gs1.example"])

    def test_g4_link_to_the_linkset(self):
        a = self.ask(DL)
        self.assertRegex(a["Link"], r'<https://[^>]*%s\?linkType=linkset>; rel="linkset"' % DL)
        self.assertNotIn("gs1:", a["Link"])

    def test_g5_syntax(self):
        for path in (DL + "/foo", DL + "/foo/bar", "/01/09506000134353", "/01/0950600013435",
                     DL + "/21/1/10/2", DL + "/10/1/22/2", DL + "/99/x", DL + "/10",
                     DL + "/10/" + "x" * 21, DL + "/10/a%20b", DL + "/21/%zz", "/415/" + GLN,
                     "/00/106141412345678901"):
            with self.subTest(path=path):
                a = self.ask(path)
                self.assertEqual(a.status, 400, a)
        self.assertIn("check digit is 2", self.ask("/01/09506000134353").text)

    def test_behind_a_stem(self):
        self.goes("/stem" + DL, "https://brand.example/product")
        self.goes("/some/long-er/stem.x" + DL + "/21/a%2Fb?foo=bar", "https://brand.example/slash?foo=bar")
        self.assertEqual(self.linkset("/stem" + DL)["anchor"].split("/", 3)[3], DL[1:])
        # What is no key stays what it was: a handle, of which there is none; and a handle is no stem.
        for path in ("/stem/01/09506000134353", "/st%2Fem" + DL, "/" + "a/" * 9 + DL[1:], "/88.999" + DL):
            self.assertNotEqual(self.ask(path).status, 307, path)
        self.assertIn(self.ask("/%s/01/%s" % (LEAF, GTIN)).status, (302,))

    def test_compressed_ones(self):
        """Are not read, and that is said."""
        for path in ("/ARFKk4XB0CDKWcnpq", DL + "/ARFKk4XB0CDKWcnpq"):
            for accept in ("text/html", "*/*"):
                a = self.ask(path, accept=accept)
                self.assertIn(a.status, (400, 404), path)
                self.assertIn("ompressed", a.text)

    def test_pages_for_people(self):
        """Who scanned a code that nobody knows is not left alone with it."""
        for path, status, word, chinese in ((DL[:-1] + "3", 400, "check digit", "这不是可以解析的标识"),
                                            ("/01/09506000134376", 404, "no such key", "这里没有这个标识")):
            a = self.ask(path, accept="text/html")
            self.assertEqual(a.status, status)
            for part in (word, 'href="/p%s"' % path, "width=device-width", '<p lang="zh">' + chinese):
                self.assertIn(part, a.text)

    def test_g6_trailing_slash(self):
        for path in (DL, DL + "/10/LOT1/21/ab1"):
            one, two = self.ask(path), self.ask(path + "/")
            self.assertEqual((one.status, one["Location"]), (two.status, two["Location"]))

    def test_g7_walks_up(self):
        self.goes(DL + "/10/KL8G", "https://brand.example/product")
        self.goes(DL + "/22/V1/10/KL8G/21/99", "https://brand.example/product")
        self.goes("/414/%s/254/KL8G" % GLN, "https://brand.example/place")
        # a level without the link that is wanted is passed by
        self.goes(DL + "/10/LOT1/21/77", "https://brand.example/product")
        self.goes(DL + "/10/LOT1/21/77?linkType=gs1:traceability", "https://brand.example/lot1")
        self.goes(DL + "/10/LOT1/21/ab1?linkType=gs1:traceability", "https://brand.example/lot1")

    def test_exact(self):
        self.goes(DL + "/10/LOT1/21/ab1", "https://brand.example/s-ab1")
        self.goes(DL + "/10/LOT1/21/AB1", "https://brand.example/s-AB1")  # industrial 2.1
        self.goes(DL + "/21/a%2Fb", "https://brand.example/slash")
        self.goes("/01/9506000134352", "https://brand.example/product")

    def test_g8_query(self):
        self.goes(DL + "?foo=bar", "https://brand.example/product?foo=bar")
        self.goes(DL + "?linkType=gs1:instructions&foo=bar&17=261231",
                  "https://brand.example/how?v=1&foo=bar&17=261231#top")

    def test_g9_linkset_by_parameter(self):
        for word in ("linkset", "all"):
            a = self.ask(DL + "?linkType=" + word)
            self.assertEqual((a.status, a["Location"]), (200, None))
            self.assertIn("linkset", a.json)
        self.assertEqual(self.ask(DL + "?linkType=all", accept="application/json")["Content-Type"],
                         "application/json;charset=utf-8")

    def test_g10_linkset(self):
        a = self.ask(DL, accept="application/linkset+json")
        self.assertIn('rel="http://www.w3.org/ns/json-ld#context"', a["Link"])
        one = self.linkset()
        anchor = urlsplit(one["anchor"])
        self.assertEqual((anchor.scheme, anchor.path), ("https", DL))
        self.assertEqual(one["itemDescription"], "A bearing")
        for name, links in one.items():
            if name in ("anchor", "itemDescription"):
                continue
            self.assertTrue(name.startswith(VOC), name)
            for each in links:
                self.assertRegex(each["href"], "^https?://")
                for key in ("hreflang", "context"):
                    self.assertIsInstance(each.get(key, []), list)
        self.assertEqual(one[VOC + "pip"][1], {
            "href": "https://brand.example/zh", "title": "\u4ea7\u54c1", "type": "text/html",
            "hreflang": ["zh"]})
        self.assertNotIn(VOC + "certificationInfo", one)  # no http(s) address
        lot = self.linkset(DL + "/10/LOT1")
        self.assertEqual(urlsplit(lot["anchor"]).path, DL + "/10/LOT1")
        self.assertEqual(len(lot[VOC + "pip"]), 3)  # inherited, and its own
        self.assertEqual(lot[VOC + "traceability"][0]["href"], "https://brand.example/lot1")
        # of a key above: its anchor says so
        self.assertEqual(urlsplit(self.linkset(DL + "/10/NONE")["anchor"]).path, DL)

    def test_g11_default(self):
        for path in (DL, DL + "/10/LOT1", DL + "/10/LOT1/21/ab1", DL + "/10/LOT1/21/AB1"):
            (default,) = self.linkset(path)[VOC + "defaultLink"]
            self.goes(path, default["href"])
            self.goes(path + "?linkType=gs1:defaultLink", default["href"])

    def test_two_defaults(self):
        """One is the default; the other is taken where it fits better."""
        one = self.linkset("/01/09506000134383")
        self.assertEqual([each["href"] for each in one[VOC + "defaultLink"]],
                         ["https://two.example/en"])
        self.assertEqual([each["href"] for each in one[VOC + "defaultLinkMulti"]],
                         ["https://two.example/zh"])
        self.goes("/01/09506000134383", "https://two.example/en")
        self.goes("/01/09506000134383", "https://two.example/en", accept_language="fr")
        self.goes("/01/09506000134383", "https://two.example/zh", accept_language="zh-CN")

    def test_g12_each_link(self):
        for kind, links in self.linkset().items():
            if not kind.startswith(VOC) or kind.endswith("hasRetailers"):
                continue
            for each in links:
                with self.subTest(kind=kind, href=each["href"]):
                    path = "%s?linkType=gs1:%s" % (DL, kind[len(VOC):])
                    headers = {}
                    if "type" in each:
                        headers["accept"] = each["type"]
                    if "hreflang" in each:
                        headers["accept_language"] = ",".join(each["hreflang"])
                    for context in each.get("context", []):
                        path += "&context=" + context
                    self.goes(path, each["href"], **headers)

    def test_g12_negotiation(self):
        pip = DL + "?linkType=gs1:pip"
        self.goes(pip, "https://brand.example/zh", accept="text/html,*/*;q=0.5",
                  accept_language="zh-CN,zh;q=0.9,en;q=0.8")
        self.goes(pip, "https://brand.example/en", accept="text/html,*/*;q=0.5",
                  accept_language="en-GB,zh;q=0.3")
        self.goes(pip, "https://brand.example/zh.pdf", accept="application/pdf",
                  accept_language="zh")
        self.goes(pip, "https://brand.example/en", accept_language="fr")
        self.goes(DL + "?linkType=https%3A%2F%2Fgs1.org%2Fvoc%2Fpip", "https://brand.example/en")

    def test_g12_identical(self):
        a = self.ask(DL + "?linkType=gs1:hasRetailers")
        self.assertEqual(a.status, 300)
        (one,) = a.json["linkset"]
        self.assertEqual([each["href"] for each in one[VOC + "hasRetailers"]],
                         ["https://shop-a.example/", "https://shop-b.example/"])

    def test_g13_absent(self):
        for word in ("gs1:nosuchlt", "nonsense", "gs1:certificationInfo"):
            a = self.ask(DL + "?linkType=" + word)
            self.assertEqual(a.status, 404, a)
        self.assertEqual(self.ask("/01/09506000134369").status, 404)
        self.assertEqual(self.ask("/01/09506000134376").status, 404)

    def test_g14_link_types(self):
        """The vocabulary's names, as they are registered."""
        self.assertEqual({name for name in self.linkset() if name.startswith(VOC)},
                         {VOC + word for word in ("defaultLink", "pip", "instructions",
                                                  "promotion", "hasRetailers")})

    def test_as_a_handle_too(self):
        a = self.ask("/api/handles/(01)%s(21)a%%2Fb" % GTIN)
        self.assertEqual((a.status, a.json["handle"]), (200, "(01)%s(21)a/b" % GTIN))


class BehindProxy(NodeCase):
    """The world has another name and scheme for it than the proxy."""

    settings = {"http": '[ "127.0.0.1:0" ]', "schemes": RULES,
                "http_origin": '"https://id.example.cn"'}

    @classmethod
    def fill(cls, node):
        node.load([record("01/" + GTIN, *PRODUCT)])

    def ask(self, path, **headers):
        return weblib.ask(("127.0.0.1", http_port(self.node)), path, **headers)

    def test_anchors(self):
        a = self.ask(DL + "?linkType=linkset")
        self.assertEqual(a.json["linkset"][0]["anchor"], "https://id.example.cn" + DL)
        self.assertIn("<https://id.example.cn%s?linkType=linkset>" % DL, a["Link"])
        a = self.ask("/.well-known/gs1resolver")
        self.assertEqual(a.json["resolverRoot"], "https://id.example.cn")

    def test_its_pages_are_ours(self):
        for origin, status in (("https://id.example.cn", 200), ("http://id.example.cn", 403),
                               ("https://other.example.cn", 403)):
            self.assertEqual(self.ask("/api/v1/stats", Origin=origin).status, status, origin)

    def test_what_is_no_origin(self):
        for wrong in ("id.example.cn", "https://id.example.cn/", "ftp://id.example.cn", "https://"):
            self.node.configure(**dict(self.settings, http_origin='"%s"' % wrong))
            done = run(self.node.binary, "-c", self.node.conf, "-C", check=False)
            self.assertNotEqual(done.returncode, 0, wrong)
            self.assertIn("http-origin: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
