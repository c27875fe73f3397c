# SPDX-License-Identifier: Apache-2.0
"""/api/v1 of a registry: tokens, who asks, what stands under a prefix, history, undo and audit. What
each verb decides is test_past.py's; here it is what HTTP makes of it."""

import json
import unittest
from urllib.parse import quote

import auth
from staff import PEOPLE, PREFIX, ROOT, StaffCase, url
from tiers import TiersCase
from v1 import V1Case, ask, basic, bearer, http_port


class Registry(V1Case, StaffCase):
    settings = {"workers": 2, "http": '[ "127.0.0.1:0" ]', "server_admins": '[ "304:%s" ]' % PEOPLE}

    @classmethod
    def prepare(cls, c):
        cls.done(c.create(PREFIX + "/one", [url(1, "a"), auth.admin(100, "301:" + PEOPLE)]))

    def login(self, index=304, secret=None):
        return basic("%d:%s" % (index, PEOPLE), secret or self.secrets[index])

    def get(self, path, index=304, **more):
        return self.ask("GET", path, headers=self.login(index), tls=True, **more)

    def ok(self, answer):
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.type, "application/json;charset=utf-8")
        return answer.json

    def token(self, index=304):
        return self.ok(self.ask("POST", "/api/v1/token", headers=self.login(index), tls=True))

    # Wrong logins are 303's: each makes the next one of the same identity wait (threats.md 3).

    def test_whoami(self):
        self.assertEqual(self.ok(self.ask("GET", "/api/v1/whoami")), {"id": "", "how": "public"})
        self.assertEqual(self.ok(self.get("/api/v1/whoami")),
                         {"id": "304:" + PEOPLE, "how": "basic"})
        wrong = self.ask("GET", "/api/v1/whoami", headers=self.login(303, "wrong"), tls=True)
        self.assertEqual((wrong.status, wrong.body), (401, b""))
        self.assertIn("Handle sessionId=", wrong.header("WWW-Authenticate"))

    def test_token(self):
        given = self.token()
        self.assertEqual(given["id"], "304:" + PEOPLE)
        self.assertRegex(given["expires"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        for _ in range(2):
            me = self.ask("GET", "/api/v1/whoami", headers=bearer(given["token"]), tls=True)
            self.assertEqual(self.ok(me), {"id": "304:" + PEOPLE, "how": "token"})
        again = self.ask("POST", "/api/v1/token", headers=bearer(given["token"]), tls=True)
        self.assert_refused(again, 403, 401, "log in again")
        for text in ("", "x", given["token"][:-2], given["token"] + "A", "A" + given["token"]):
            bad = self.ask("GET", "/api/v1/whoami", headers=bearer(text), tls=True)
            self.assertEqual(bad.status, 401, text)

    def test_token_takes_a_login(self):
        self.assert_refused(self.ask("POST", "/api/v1/token", tls=True), 401, 402)
        self.assert_refused(self.ask("POST", "/api/v1/token"), 403, 402)
        # In the clear nobody is anybody.
        self.assert_refused(self.ask("POST", "/api/v1/token", headers=self.login()), 403, 402)
        self.assertEqual(self.ask("POST", "/api/v1/token", headers=self.login(303, "no"),
                                  tls=True).status, 401)

    def test_node(self):
        node = self.ok(self.ask("GET", "/api/v1/node"))
        self.assertEqual(node["daemon"], "helved")
        self.assertEqual(node["prefixes"], ["0.NA", PREFIX])
        self.assertTrue({"resolve", "load", "history", "audit"} <= set(node["features"]))
        self.assertNotIn("search", node["features"])
        self.assertEqual(node["languages"], ["en", "zh"])
        self.assertTrue(node["version"])

    def test_identifiers(self):
        c = self.admin()
        for i in range(5):
            self.assert_rc(c.create("%s/ID-%d %%ü" % (PREFIX, i), [url()]), 1)
        path = "/api/v1/identifiers?prefix=" + PREFIX
        whole = self.ok(self.get(path + "&limit=1000"))
        self.assertIn(PREFIX + "/ID-0 %ü", whole["identifiers"])
        self.assertIn(PREFIX + "/one", whole["identifiers"])
        self.assertEqual((whole["total"], whole["next"]), (len(whole["identifiers"]), None))
        seen, after = [], ""
        while after is not None:
            page = self.ok(self.get(path + "&limit=2&after=" + after))
            seen += page["identifiers"]
            after = page["next"]
        self.assertEqual(seen, whole["identifiers"])
        by_token = self.ask("GET", path, headers=bearer(self.token()["token"]), tls=True)
        self.assertEqual(self.ok(by_token)["total"], whole["total"])

    def test_identifiers_that_are_refused(self):
        path = "/api/v1/identifiers?prefix=" + PREFIX
        self.assert_refused(self.get("/api/v1/identifiers"), 400, 4, "prefix")
        self.assert_refused(self.get(path + "&limit=0"), 400, 4, "limit")
        self.assert_refused(self.get(path + "&limit=x"), 400, 4, "limit")
        self.assert_refused(self.get(path + "&after=%22"), 400, 4, "after")
        self.assert_refused(self.get("/api/v1/identifiers?prefix=99.1"), 400, 301)
        self.assert_refused(self.ask("GET", path, tls=True), 401, 402)
        self.assert_refused(self.ask("GET", path), 403, 402)
        self.assert_refused(self.get(path, 302), 403, 400)

    def test_history_and_undo(self):
        name = PREFIX + "/Hist ü/%2F?#"
        root = self.admin()
        self.assert_rc(root.create(name, [url(1, "a"), auth.admin(100, "301:" + PEOPLE)]), 1)
        one = self.client(self.secret(301))
        for text in "bc":
            self.assert_rc(one.modify(name, [url(1, text)]), 1)
        path = "/api/v1/history/" + quote(name, safe="/")
        past = self.ok(self.get(path, 301))
        self.assertEqual(past["handle"], name)
        self.assertEqual([v["values"][0]["data"]["value"] for v in past["versions"]],
                         ["c", "b", "a"])
        self.assertEqual([v["who"] for v in past["versions"]], ["301:" + PEOPLE] * 2 + [ROOT])
        self.assertEqual(len(self.ok(self.get(path + "?limit=1"))["versions"]), 1)
        undo = "/api/v1/undo/" + quote(name, safe="/")

        def back(body, index=301):
            return self.ask("POST", undo, body, self.login(index), tls=True)

        self.assertEqual(self.ok(back(None)), {"responseCode": 1})
        self.assert_is(name, [url(1, "b"), auth.admin(100, "301:" + PEOPLE)])
        first, newest = past["versions"][-1]["seq"], past["versions"][0]["seq"]
        self.assert_refused(back(json.dumps({"seq": first, "newest": newest})), 409, 101)
        self.assertEqual(self.ok(back(json.dumps({"seq": first}))), {"responseCode": 1})
        self.assert_is(name, [url(1, "a"), auth.admin(100, "301:" + PEOPLE)])
        self.assertEqual(self.ok(self.get(path))["versions"][0]["who"], "301:" + PEOPLE)
        # What is wrong with it.
        self.assert_refused(back('{"seq":99999999}'), 404, 100)
        for body in ("{", "[]", "5", '{"seq":0}', '{"seq":"x"}', '{"seq":1,"x":1}', '{"seq":null}'):
            self.assert_refused(back(body), 400, 4)
        self.assert_refused(back(None, 302), 403, 400)
        self.assert_refused(self.ask("POST", undo, tls=True), 401, 402)
        self.assert_refused(self.ask("POST", undo), 403, 402)
        self.assertEqual(self.ask("POST", undo, headers=self.login(303, "no"), tls=True).status, 401)

    def test_history_that_is_not_there(self):
        self.assert_refused(self.get("/api/v1/history/%s/NEVER" % PREFIX), 404, 100)
        self.assert_refused(self.get("/api/v1/history/"), 400, 102)
        self.assert_refused(self.get("/api/v1/history/%zz"), 400, 4)
        self.assert_refused(self.get("/api/v1/history/99.1/X"), 400, 301)
        self.assert_refused(self.get("/api/v1/history/%s/one" % PREFIX, 302), 403, 400)

    def test_audit(self):
        whole = []
        after = "0"
        while after is not None:
            page = self.ok(self.get("/api/v1/audit?limit=3&after=%s" % after))
            whole += page["entries"]
            after = page["next"]
        self.assertEqual([e["seq"] for e in whole], list(range(1, len(whole) + 1)))
        (made,) = [e for e in whole if e["handle"] == PREFIX + "/one"]
        self.assertEqual((made["who"], made["op"]), (ROOT, "CREATE_HANDLE"))
        down = self.ok(self.get("/api/v1/audit?newestFirst&limit=2"))
        self.assertGreater(down["entries"][0]["seq"], down["entries"][1]["seq"])
        self.assert_refused(self.get("/api/v1/audit", 301), 403, 400)
        self.assert_refused(self.ask("GET", "/api/v1/audit"), 403, 402)
        self.assert_refused(self.get("/api/v1/audit?after=-1"), 400, 4)

    def test_other_methods(self):
        for method, path, allow in (("POST", "identifiers", "GET, HEAD"), ("DELETE", "audit", "GET, HEAD"),
                                    ("GET", "undo/x", "POST"), ("PUT", "token", "POST"),
                                    ("GET", "doip/public/verify-response/", None), ("GET", "nothing", None),
                                    ("PUT", "doip", "GET, POST"), ("POST", "node", "GET, HEAD")):
            got = self.ask(method, "/api/v1/" + path)
            self.assert_refused(got, 405 if allow else 404, 4)
            self.assertEqual(got.header("Allow"), allow)


class ResolverHasNone(TiersCase):
    settings = {"http": '[ "127.0.0.1:0" ]'}

    def test_501(self):
        at = ("127.0.0.1", http_port(self.resolver))
        for method, path in (("GET", "identifiers"), ("GET", "audit"), ("GET", "history/a/b"),
                             ("POST", "undo/a/b"), ("POST", "token")):
            a = ask(at, method, "/api/v1/" + path)
            self.assertEqual((a.status, a.json["responseCode"]), (501, 5), path)
        node = ask(at, "GET", "/api/v1/node").json
        self.assertEqual((node["daemon"], node["prefixes"]), ("helver", []))
        self.assertEqual(ask(at, "GET", "/api/v1/whoami").json, {"id": "", "how": "public"})


if __name__ == "__main__":
    unittest.main()
