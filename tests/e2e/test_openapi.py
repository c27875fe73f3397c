# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.json beside what it describes: each route is in it and the other way round, its examples
fit its schemas, and so do the answers of a running node."""

import json
import os
import re
import unittest
from urllib.parse import quote

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
                    self.assertRegex(status, r"^[1-5]\d\d$")
                    self.assertTrue(follow(doc, response)["description"])
                for way in operation.get("security", ()):
                    self.assertLessEqual(set(way), set(doc["components"]["securitySchemes"]))

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


if __name__ == "__main__":
    unittest.main()
