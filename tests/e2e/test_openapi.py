# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.json beside what it describes: each route is in it and the other way round, its examples
fit its schemas, and so do the answers of a running node."""

import json
import os
import re
import unittest
from urllib.parse import quote, urlencode

from node import ROOT
from staff import PEOPLE, PREFIX, StaffCase
from v1 import V1Case, basic

try:
    import jsonschema
except ImportError:
    jsonschema = None

METHODS = {"READS": {"get"}, "WEB_GET": {"get"}, "WEB_POST": {"post"}, "WEB_PUT": {"put"},
           "WEB_DELETE": {"delete"}, "WEB_PATCH": {"patch"}}
# What only says that nothing is there.
NOTHING = {"unknown_method", "web_allow", "no_endpoint", "nothing_here", "web_doip_none"}


def document():
    with open(os.path.join(ROOT, "docs", "openapi.json"), encoding="utf-8") as f:
        return json.load(f)


def routes():
    with open(os.path.join(ROOT, "proto", "web", "route.c"), encoding="utf-8") as f:
        table = f.read()
    found = set()
    for methods, path, handler in re.findall(r'^\t\{([A-Z_| ]+), "([^"]*)", (\w+), ', table, re.M):
        for word in () if handler in NOTHING else methods.split(" | "):
            found |= {(method, path) for method in METHODS[word]}
    return found


def follow(doc, node):
    while "$ref" in node:
        target = doc
        for step in node["$ref"][2:].split("/"):
            target = target[step]
        node = target
    return node


def operations(doc):
    for path, item in doc["paths"].items():
        for method, operation in follow(doc, item).items():
            yield path, method, operation


class Document(unittest.TestCase):

    def test_routes(self):
        described = {(method, "" if path == "/{identifier}" else re.sub(r"\{\w+\}$", "", path))
                     for path, method, _ in operations(document())}
        self.assertEqual(sorted(routes() - described), [], "not in docs/openapi.json")
        self.assertEqual(sorted(described - routes()), [], "in docs/openapi.json, and no route")
        self.assertGreater(len(described), 40)

    def test_form(self):
        doc = document()
        self.assertEqual(doc["openapi"], "3.1.0")
        for path, method, operation in operations(doc):
            with self.subTest(path=path, method=method):
                self.assertTrue(operation["summary"] and operation["responses"])
                named = set(re.findall(r"\{(\w+)\}", path))
                given = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
                self.assertEqual(named, given)
                for status, response in operation["responses"].items():
                    self.assertRegex(status, r"^([1-5]\d\d|default)$")
                    self.assertTrue(follow(doc, response)["description"])
                for way in operation.get("security", ()):
                    self.assertLessEqual(set(way), set(doc["components"]["securitySchemes"]))

    def test_parameters(self):
        """What the handlers look for in a query."""
        asked, web = set(), os.path.join(ROOT, "proto", "web")
        for name in os.listdir(web):
            with open(os.path.join(web, name), encoding="utf-8") as f:
                asked |= set(re.findall(r'\b(?:http_query(?:_flag|_next)?|web_param_number|web_flag)'
                                        r'\([^"();]*, "(\w+)"', f.read()))
        doc = document()
        given = {p["name"] for _, _, o in operations(doc) for p in o.get("parameters", ()) if p["in"] == "query"}
        self.assertGreater(len(asked), 20)
        self.assertEqual(sorted(asked - given), [])

    def test_references(self):
        doc = document()

        def walk(node):
            if isinstance(node, dict):
                if "$ref" in node:
                    follow(doc, node)
                node = list(node.values())
            if isinstance(node, list):
                for one in node:
                    walk(one)
        walk(doc)


@unittest.skipIf(jsonschema is None, "python3-jsonschema is not installed")
class Schemas(V1Case, StaffCase):
    settings = {"workers": 1, "http": '[ "127.0.0.1:0" ]', "index_types": "[ URL ]",
                "server_admins": '[ "304:%s" ]' % PEOPLE}

    def check(self, doc, schema, value):
        whole = dict(schema, components=doc["components"])
        jsonschema.Draft202012Validator.check_schema(whole)
        jsonschema.validate(value, whole, cls=jsonschema.Draft202012Validator)

    def test_examples(self):
        doc, n = document(), 0
        for path, method, operation in operations(doc):
            bodies = [follow(doc, r) for r in operation["responses"].values()]
            for body in bodies + [operation.get("requestBody", {})]:
                for content in body.get("content", {}).values():
                    if "example" not in content:
                        continue
                    with self.subTest(path=path, method=method):
                        self.check(doc, content["schema"], content["example"])
                        n += 1
        self.assertGreater(n, 20)

    def test_wrong_ones_do_not_fit(self):
        doc = document()
        for name, value in (("Token", {"token": 5}), ("Done", {"responseCode": 2}), ("Answer", {}),
                            ("Whoami", {"id": "", "how": "magic"}), ("Question", {"handle": 1}),
                            ("LoadLine", {"line": 1}), ("Value", {"index": 1, "type": "URL"})):
            with self.assertRaises(jsonschema.ValidationError, msg=name):
                self.check(doc, doc["components"]["schemas"][name], value)

    def test_answers(self):
        """Of the running node, by the document that it serves."""
        served = self.ask("GET", "/openapi.json")
        self.assertEqual((served.status, served.type), (200, "application/json;charset=utf-8"))
        doc, login = served.json, basic("304:" + PEOPLE, "four")
        self.assertEqual(doc, document())
        name = PREFIX + "/T"
        record = {"handle": PREFIX + "/new", "values": [{"index": 1, "type": "URL", "data": "u"}]}
        asked = [("GET", "/api/handles/{handle}", name, None), ("GET", "/api/site", "", None),
                 ("GET", "/api/handles/{handle}", PREFIX + "/none", None),
                 ("GET", "/api/handles/{handle}", "99.1/x", None),
                 ("POST", "/api/v1/resolve", "", '"%s"\n{"handle":"x/y"}\n5' % name),
                 ("POST", "/api/v1/load", "", json.dumps(record) + "\n{"),
                 ("POST", "/api/v1/token", "", None), ("GET", "/api/v1/whoami", "", None),
                 ("GET", "/api/v1/node", "", None), ("GET", "/healthz", "", None),
                 ("GET", "/api/v1/identifiers", "?prefix=" + PREFIX, None),
                 ("GET", "/api/v1/identifiers", "?prefix=" + PREFIX + "&limit=1", None),
                 ("GET", "/api/v1/identifiers", "", None),
                 ("GET", "/api/v1/search", "?URL=*", None), ("GET", "/api/v1/search", "?X=*", None),
                 ("GET", "/hrls/handles", "?URL=*", None),
                 ("GET", "/api/v1/history/{handle}", name, None),
                 ("GET", "/api/v1/history/{handle}", PREFIX + "/none", None),
                 ("POST", "/api/v1/undo/{handle}", PREFIX + "/new", None),
                 ("GET", "/api/v1/audit", "?limit=5", None), ("GET", "/api/v1/stats", "", None)]
        for method, path, more, body in asked:
            with self.subTest(method=method, path=path, more=more):
                target = path.replace("{handle}", quote(more)) if "{" in path else path + more
                a = self.ask(method, target, body, login, tls=True)
                operation = doc["paths"][path][method.lower()]
                self.assertIn(str(a.status), operation["responses"])
                content = follow(doc, operation["responses"][str(a.status)])["content"]
                kind = a.type.split(";")[0]
                self.assertIn(kind, content)
                for value in a.lines if kind == "application/x-ndjson" else [a.json]:
                    self.check(doc, content[kind]["schema"], value)


# What the document says besides, and no case below brings about: it takes a broken disk, another
# node, or other options.
SELDOM = {300, 500, 502, 503}
OPTIONS = {("/metrics", 403), ("/api/v1/stats", 403), ("/.well-known/gs1resolver", 404)}
SAMPLE = os.path.join(ROOT, "conf", "sample", "registry.jsonl")
GTIN = "/01/06901234567892"
JSON = {"Content-Type": "application/json"}


@unittest.skipIf(jsonschema is None, "python3-jsonschema is not installed")
class Operations(V1Case, StaffCase):
    """Each operation is made, and each status that the document gives it comes, with a body of the type and
    the form that stand there, and no other does."""

    settings = {"workers": 1, "http": '[ "127.0.0.1:0" ]', "index_types": "[ URL ]",
                "schemes": '[ "gs1 %s" ]' % PREFIX, "server_admins": '[ "304:%s" ]' % PEOPLE}

    @classmethod
    def fill(cls, node):
        super().fill(node)
        node.load_file(SAMPLE, "jsonl")

    def cases(self):
        me, other, wrong = basic("304:" + PEOPLE, "four"), basic("301:" + PEOPLE, "one"), \
            {"Authorization": "Bearer nothing"}
        new, t = PREFIX + "/openapi", PREFIX + "/T"
        value = '{"index":1,"type":"URL","data":"https://example.cn/"}'
        admin = json.dumps({"values": [
            {"index": 1, "type": "URL", "data": "https://example.cn/"},
            {"index": 100, "type": "HS_ADMIN", "data": {"format": "admin", "value": {
                "handle": PEOPLE, "index": 304, "permissions": "111111111111"}}}]})
        one = "/api/handles/{handle}"
        yield "GET", one, "/api/handles/" + t, None, None
        yield "GET", one, "/api/handles/" + t, None, wrong
        yield "GET", one, "/api/handles/%s?index=4" % t, None, other
        yield "GET", one, "/api/handles/%s?index=x" % t, None, None
        yield "GET", one, "/api/handles/%s?type=URL&callback=f" % t, None, None
        yield "GET", one, "/api/handles/%s?index=3" % t, None, None
        yield "GET", one, "/api/handles/" + new, None, None
        yield "GET", one, "/api/handles/" + t, None, {"If-None-Match": "*"}
        yield "POST", one, "/api/handles/" + t, '{"type":["URL"]}', JSON
        yield "POST", one, "/api/handles/" + t, "{", JSON
        yield "POST", one, "/api/handles/" + new, "{}", JSON
        yield "POST", one, "/api/handles/" + t, "{}", dict(JSON, **wrong)
        yield "POST", one, "/api/handles/%s?index=4" % t, "{}", dict(JSON, **other)
        for more, body, who in (("", admin, {}), ("", admin, other), ("", "{", me), ("", admin, me),
                                ("", admin, me), ("?overwrite=false", admin, me),
                                ("x?index=1", value, me)):
            yield "PUT", one, "/api/handles/" + new + more, body, dict(JSON, **who)
        yield "DELETE", one, "/api/handles/" + new, None, None
        yield "DELETE", one, "/api/handles/" + new, None, other
        yield "DELETE", one, "/api/handles/%s?index=99" % new, None, me
        yield "DELETE", one, "/api/handles/" + new, None, me
        yield "DELETE", one, "/api/handles/" + new, None, me
        for method in ("GET", "POST"):
            yield method, "/api/handles", "/api/handles?prefix=" + PREFIX, None, me
            yield method, "/api/handles", "/api/handles?prefix=" + PREFIX, None, None
            yield method, "/api/handles", "/api/handles?prefix=" + PREFIX, None, other
            yield method, "/api/handles", "/api/handles", None, None
            yield method, "/api/site", "/api/site", None, None
        for method, path, target in (("GET", "", ""), ("POST", "", "?prefix=99.1"), ("PUT", "", "?prefix=99.1"),
                                     ("DELETE", "", "?prefix=99.1"), ("PUT", "/{prefix}", "/99.1"),
                                     ("DELETE", "/{prefix}", "/99.1")):
            for who in (me, None, other):
                yield method, "/api/prefixes" + path, "/api/prefixes" + target, None, who
            if method != "GET":
                yield method, "/api/prefixes" + path, "/api/prefixes" + ("/" if path else ""), None, me
        nonce = "A" * 22 + "=="
        proof = {"nonce": nonce, "cnonce": nonce, "alg": "SHA256", "signature": "A" * 43 + "="}
        for path, target in (("/{handle}", "/301:" + PEOPLE), ("/{handle}", "/no")):
            yield ("GET", "/api/verifications" + path, "/api/verifications" + target + "?" + urlencode(proof),
                   None, None)
            yield "GET", "/api/verifications" + path, "/api/verifications" + target, None, None
            second = target.replace("301", "302")  # a wrong proof slows the next one of the same identity
            yield "POST", "/api/verifications" + path, "/api/verifications" + second, json.dumps(proof), JSON
            yield "POST", "/api/verifications" + path, "/api/verifications" + target, "{", JSON
        for method in ("GET", "POST"):
            yield method, "/api/verifications", "/api/verifications", None, None
        yield "POST", "/api/sessions", "/api/sessions", None, None
        yield "POST", "/api/sessions", "/api/sessions", None, {
            "Authorization": "Handle sessionId=" + self.session()}
        this, session = "/api/sessions/this", {"Authorization": "Handle sessionId=" + self.session()}
        lost = {"Authorization": "Handle sessionId=lost"}
        for method in ("GET", "PUT", "POST"):
            yield method, this, this, None, session
            yield method, this, this, None, lost
        wrong, other_wrong = ({"Authorization": session["Authorization"] + ', id="%d:%s", type="HS_SECKEY", '
                               'cnonce="%s", alg="SHA256", signature="%s"' % (i, PEOPLE, nonce, proof["signature"])}
                              for i in (301, 302))
        yield "PUT", this, this, None, wrong
        yield "POST", this, this, None, other_wrong
        yield "GET", this, this, None, None
        yield "DELETE", this, this, None, session
        yield "DELETE", this, this, None, lost

    def session(self):
        return self.ask("POST", "/api/sessions", tls=True).json["sessionId"]

    def own(self):
        """Helve's own API."""
        me, other, wrong = basic("304:" + PEOPLE, "four"), basic("301:" + PEOPLE, "one"), \
            {"Authorization": "Bearer nothing"}
        v1, t = "/api/v1/", PREFIX + "/T"
        yield "POST", v1 + "resolve", v1 + "resolve", '["%s"]' % t, None
        for who, how in ((me, ""), (None, ""), (wrong, ""), (me, "?mode=x")):
            yield "POST", v1 + "load", v1 + "load" + how, '{"handle":"%s/L","values":[]}' % PREFIX, who
        for method, name, good, bad in (
                ("POST", "token", "", None), ("GET", "whoami", "", None), ("GET", "node", "", None),
                ("GET", "identifiers", "?prefix=" + PREFIX, "?prefix=" + PREFIX + "&limit=x"),
                ("GET", "search", "?URL=*", ""), ("GET", "audit", "", "?limit=x"), ("GET", "slow", "", None),
                ("GET", "stats", "", None), ("GET", "history/{handle}", t, t + "?limit=x"),
                ("POST", "undo/{handle}", t, t), ("GET", "chain/{handle}", t, "%2F")):
            base = v1 + name.split("{")[0]
            for who in (me, wrong, other, None):
                yield method, v1 + name, base + good, None, who
            if bad is not None:
                yield method, v1 + name, base + bad, "{" if method == "POST" else None, me
            if "{" in name:
                yield method, v1 + name, base + PREFIX + "/nothing", None, me
        yield "POST", v1 + "undo/{handle}", v1 + "undo/" + t, '{"seq":1,"newest":2}', me
        yield "GET", v1 + "search", v1 + "search?NOPE=*", None, me
        for path, target in (("", ""), ("/{prefix}", "/" + PREFIX)):
            for query, who in (("?URL=*", me), ("?URL=*", None), ("?X=*", me), ("?URL=*&limit=x", me)):
                yield "GET", "/hrls/handles" + path, "/hrls/handles" + target + query, None, who

    def people(self):
        """Operators, browsers, the enterprise dialect."""
        for path in ("/metrics", "/healthz", "/readyz", "/openapi.json", "/", "/console",
                     "/.well-known/gs1resolver"):
            yield "GET", path, path, None, None
        for path, target in (("/", "/"), ("/p/{handle}", "/p/x"), ("/console/{rest}", "/console/"),
                             ("/01/{key}", GTIN + "?linkType=linkset")):
            yield "GET", path, target, None, None
            yield "GET", path, target, None, {"If-None-Match": self.ask("GET", target).header("ETag")}
        yield "GET", "/assets/{file}", "/assets/none", None, None
        style = re.search(rb'href="(/assets/[^"]*)"', self.ask("GET", "/").body).group(1).decode()
        yield "GET", "/assets/{file}", style, None, None
        yield "GET", "/assets/{file}", style, None, {"If-None-Match": self.ask("GET", style).header("ETag")}
        doip = "/api/v1/doip"
        for method, path in (("GET", "/public/challenge"), ("GET", "/public/verify-response"),
                             ("POST", "/public/verify-response"), ("GET", ""), ("POST", "")):
            yield method, doip + path, doip + path, None, None
        meta = "/api/v1/open/meta/"
        for method, name in (("POST", "create"), ("GET", "info"), ("PUT", "publish-or-withdraw")):
            yield method, meta + name, meta + name, None, None
        for key in ("01", "00", "253", "255", "401", "402", "414", "415", "417", "8003", "8004", "8006", "8010",
                    "8013", "8017", "8018"):
            yield "GET", "/%s/{key}" % key, "/%s/1" % key, None, None
        for more in ("", "?linkType=linkset", "?linkType=gs1:none", "/99/1", "?linkType=gs1:hasRetailers"):
            yield "GET", "/01/{key}", GTIN + more, None, None
        any_ = "/{identifier}"
        yield "GET", any_, "/88.118.8/JX2106023", None, None
        yield "GET", any_, "/88.118.8/JX2106023", None, {"Accept": "application/json"}
        yield "GET", any_, "/88.118.8/none", None, None
        yield "GET", any_, "/oid:1.02", None, None
        yield "POST", any_, "/x", "?", {"Content-Type": "application/x-hdl-message"}

    def fits(self, doc, operation, answer, where):
        documented = operation["responses"]
        status = "default" if answer.status >= 500 else str(answer.status)
        self.assertIn(status, documented, (where, answer.status, answer.body[:200]))
        content = follow(doc, documented[status]).get("content", {})
        kind = answer.type.split(";")[0]
        if answer.body:
            self.assertIn(kind, content, (where, answer.status))
            if kind.endswith("json"):
                whole = dict(content[kind]["schema"], components=doc["components"])
                values = answer.lines if "ndjson" in kind else [answer.json]
                for one in values:
                    jsonschema.validate(one, whole, cls=jsonschema.Draft202012Validator)

    def test_all(self):
        doc, seen = document(), {}
        for cases in (self.cases, self.own, self.people):
            for method, path, target, body, headers in cases():
                operation = follow(doc, doc["paths"][path])[method.lower()]
                with self.subTest(method=method, target=target, who=headers and sorted(headers)):
                    for tls in (True, False):
                        answer = self.ask(method, target, body, headers, tls=tls)
                        seen.setdefault((path, method.lower()), set()).add(answer.status)
                        self.fits(doc, operation, answer, (method, path))
        for path, method, operation in operations(doc):
            with self.subTest("each status comes", path=path, method=method):
                wanted = {int(s) for s in operation["responses"] if s != "default"} - SELDOM
                wanted -= {status for where, status in OPTIONS if where == path}
                if path.split("/")[1].isdigit() and path != "/01/{key}":
                    wanted = set()  # all of them are one description
                self.assertEqual(wanted - seen.get((path, method), set()), set())


if __name__ == "__main__":
    unittest.main()
