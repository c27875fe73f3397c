# SPDX-License-Identifier: Apache-2.0
"""The REST API row by row: requests, statuses and bodies that clients lean on, ways to log in, and what
a page of another origin cannot do."""

import json
import unittest

import hdl
import rest
from rest import basic, call, secret_proof, b64, unb64

ADMIN = "88.118.8/ADMIN"
SECRET = "geheim 密码"
LOGIN = basic("301:" + ADMIN, SECRET)
WRONG = basic("301:" + ADMIN, "falsch")
OTHER = basic("301:88.118.8/OTHER", "other")
URL = {"index": 1, "type": "URL", "data": "https://a.example.cn/"}
RIGHTS = {"index": 100, "type": "HS_ADMIN",
          "data": {"format": "admin", "value": {"handle": ADMIN, "index": 301,
                                                "permissions": "111111111111"}}}


def record(*values):
    return {"values": list(values)}


def key(owner, secret):
    return {"index": 301, "type": "HS_SECKEY", "data": secret, "permissions": "1100"}


# What is asked, by whom, and what is answered: method, target, body, login, status, body or its code.
# In their order; "H" is 88.118.8/NEW.
ROWS = [
    ("GET", "88.118.8/READ", None, None, 200, 1),
    ("GET", "88.118.8/NOPE", None, None, 404, {"responseCode": 100, "handle": "88.118.8/NOPE"}),
    ("GET", "88.118.8/READ/", None, None, 404, {"responseCode": 100, "handle": "88.118.8/READ/"}),
    ("GET", "88.118.8/READ?type=NONE", None, None, 200,
     {"responseCode": 200, "values": [], "handle": "88.118.8/READ"}),
    ("GET", "88.118.8/SECRET", None, None, 200,
     {"responseCode": 200, "values": [], "handle": "88.118.8/SECRET"}),
    ("GET", "10.1000/1", None, None, 400,
     {"responseCode": 301, "message": "That prefix doesn't live here", "handle": "10.1000/1"}),
    ("GET", "", None, None, 400, {"responseCode": 102, "message": "Empty handle invalid"}),
    ("GET", "88.118.8/READ?index=abc", None, None, 400, 4),
    ("GET", "88.118.8/SECRET?index=3", None, None, 200, 200),
    ("GET", "88.118.8/SECRET?index=3", None, OTHER, 403,
     {"responseCode": 400, "handle": "88.118.8/SECRET"}),
    ("GET", "88.118.8/SECRET", None, LOGIN, 200, 1),
    ("GET", "88.118.8/MIXED", None, OTHER, 200, 1),
    ("PUT", "H", record(URL, RIGHTS), None, 401, {"responseCode": 402, "handle": "H"}),
    ("PUT", "H", record(URL, RIGHTS), WRONG, 401, None),
    ("PUT", "H", record(URL, RIGHTS), OTHER, 403, {"responseCode": 400, "handle": "H"}),
    ("PUT", "H", record(URL, RIGHTS), LOGIN, 201, {"responseCode": 1, "handle": "H"}),
    ("PUT", "H", record(URL, RIGHTS), LOGIN, 200, {"responseCode": 1, "handle": "H"}),
    ("PUT", "H?overwrite=true", record(URL, RIGHTS), LOGIN, 200, 1),
    # Who may change nothing does not learn that he has guessed what is there.
    ("PUT", "H", record(URL, RIGHTS), OTHER, 403, 400),
    ("PUT", "H?index=1", [URL], OTHER, 403, 400),
    ("PUT", "H?overwrite=false", record(URL), LOGIN, 409, {"responseCode": 101, "handle": "H"}),
    ("PUT", "H", record(RIGHTS), OTHER, 403, 400),
    ("PUT", "H?index=4", [dict(URL, index=4)], LOGIN, 201, 1),
    ("PUT", "H?index=4", [dict(URL, index=4, data="b")], LOGIN, 200, 1),
    ("PUT", "H?index=4&overwrite=false", [dict(URL, index=4)], LOGIN, 409,
     {"responseCode": 201, "message": "Index conflict for 4", "handle": "H"}),
    ("PUT", "88.118.8/NOPE?index=4", [dict(URL, index=4)], LOGIN, 404, 100),
    ("PUT", "H?index=6", [dict(URL, index=5)], LOGIN, 400, 4),
    ("PUT", "H?index=various", [dict(URL, index=7), dict(URL, index=8)], LOGIN, 201, 1),
    ("PUT", "H2", [URL, URL], LOGIN, 409, 201),
    ("PUT", "H2", [dict(URL, index=0)], LOGIN, 400,
     {"responseCode": 202, "message": "Value indexes must be positive", "handle": "H2"}),
    ("PUT", "H2", [dict(URL, index=-1)], LOGIN, 400, 202),
    ("PUT", "H2", "{\"values\":[", LOGIN, 400, 4),
    ("PUT", "H2", [{"type": "URL", "data": "x"}], LOGIN, 400, 4),
    ("PUT", "H2", [dict(URL, data={"format": "zip", "value": ""})], LOGIN, 400, 4),
    ("PUT", "H2", {"handle": "88.118.8/ELSE", "values": [URL]}, LOGIN, 400, 4),
    ("PUT", "H2", URL, LOGIN, 201, 1),
    ("PUT", "H3", [], LOGIN, 201, 1),
    ("GET", "H3", None, None, 200, {"responseCode": 200, "values": [], "handle": "H3"}),
    ("DELETE", "H?index=7&index=8", None, LOGIN, 200, {"responseCode": 1, "handle": "H"}),
    ("DELETE", "H?index=7&index=8", None, LOGIN, 400, {"responseCode": 200, "handle": "H"}),
    ("DELETE", "H", None, None, 401, 402),
    ("DELETE", "H", None, OTHER, 403, 400),
    ("DELETE", "H", None, LOGIN, 200, {"responseCode": 1, "handle": "H"}),
    ("DELETE", "H", None, LOGIN, 404, {"responseCode": 100, "handle": "H"}),
]


class Rest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = rest.RestNode("88.118.8", "p256")
        private = {"index": 3, "type": "PRIV", "data": "p", "permissions": "1100"}
        cls.node.load([
            {"handle": ADMIN, "values": [key(ADMIN, SECRET), RIGHTS]},
            {"handle": "88.118.8/OTHER", "values": [key("88.118.8/OTHER", "other")]},
            {"handle": "88.118.8/READ", "values": [URL, RIGHTS]},
            {"handle": "88.118.8/MIXED", "values": [URL, private, RIGHTS]},
            {"handle": "88.118.8/SECRET", "values": [private, dict(RIGHTS, permissions="1100")]},
        ])
        cls.node.start(workers=2, server_admins='[ "301:%s" ]' % ADMIN)
        cls.n = 0

    @classmethod
    def tearDownClass(cls):
        cls.node.remove()

    def call(self, method, target, body=None, login=None, headers=(), **more):
        # Wrong logins slow down their network: each call is from another one.
        Rest.n += 1
        more.setdefault("source", "127.%d.%d.1" % (90 + Rest.n // 250, Rest.n % 250))
        return call(self.node.web, method, target, body, list(headers) + ([login] if login else []),
                    **more)

    def test_rows(self):
        for method, target, body, login, status, want in ROWS:
            target = target.replace("H", "88.118.8/NEW", 1) if target.startswith("H") else target
            with self.subTest("%s %s" % (method, target)):
                headers = [("Content-Type", "application/json")] if isinstance(body, str) else []
                got = self.call(method, "/api/handles/" + target, body, login, headers)
                self.assertEqual(status, got.status, got.body)
                if want is None:
                    self.assertEqual(got.body, b"")
                    self.assertEqual(got.challenge()["error"], "Identity not verified")
                elif isinstance(want, int):
                    self.assertEqual(got.json()["responseCode"], want)
                else:
                    want = dict((k, v.replace("H", "88.118.8/NEW") if k == "handle" and
                                 v.startswith("H") else v) for k, v in want.items())
                    self.assertEqual(json.dumps(want), json.dumps(got.json()))
                if status == 401:
                    self.assertIn('Basic realm="handle"', got.all("WWW-Authenticate"))
                    self.assertEqual(len(unb64(got.challenge()["nonce"])), 16)

    def test_what_one_may_see(self):
        def types(login):
            got = self.call("GET", "/api/handles/88.118.8/MIXED", login=login)
            return [v["type"] for v in got.json()["values"]]
        self.assertEqual(types(None), ["URL", "HS_ADMIN"])
        self.assertEqual(types(OTHER), ["URL", "HS_ADMIN"])
        self.assertEqual(types(LOGIN), ["URL", "PRIV", "HS_ADMIN"])
        own = self.call("GET", "/api/handles/" + ADMIN, login=LOGIN)
        self.assertNotIn("HS_SECKEY", own.body.decode())
        only = self.call("GET", "/api/handles/88.118.8/MIXED?publicOnly", login=LOGIN)
        self.assertNotIn("PRIV", only.body.decode())
        # What is kept is not for whoever logs in, and what he is told is kept by nobody.
        got = self.call("GET", "/api/handles/88.118.8/MIXED")
        self.assertIn("Authorization", got.header("Vary").split(", "))
        for login in (LOGIN, OTHER, WRONG):
            got = self.call("GET", "/api/handles/88.118.8/MIXED", login=login)
            self.assertEqual((got.all("Cache-Control"), got.header("ETag")),
                             (["private, no-store"], None))

    def test_clear(self):
        """Over plain HTTP nobody is anybody."""
        for method, body in (("PUT", [URL]), ("DELETE", None)):
            got = self.call(method, "/api/handles/88.118.8/CLEAR", body, LOGIN, tls=False)
            self.assertEqual((got.status, got.json()["responseCode"]), (403, 402))
            self.assertEqual(got.all("WWW-Authenticate"), [])
        self.assertEqual(self.call("POST", "/api/sessions", tls=False).status, 403)
        got = self.call("GET", "/api/handles/88.118.8/MIXED", login=LOGIN, tls=False)
        self.assertNotIn("PRIV", got.body.decode())

    def test_mint(self):
        for stem in ("88.118.8/pre-", "88.118.8/"):
            got = self.call("PUT", "/api/handles/%s?overwrite=false&mintNewSuffix=true" % stem,
                            [URL], LOGIN)
            self.assertEqual(got.status, 201)
            self.assertRegex(got.json()["handle"], stem + "[0-9a-f-]{36}$")

    def test_media_type(self):
        for kind in ("text/plain", "application/jsonp", ""):
            got = self.call("PUT", "/api/handles/88.118.8/KIND", b"[]", LOGIN,
                            [("Content-Type", kind)] if kind else [])
            self.assertEqual((got.status, got.json()["responseCode"]), (400, 4))

    # --- lists, prefixes, site ---

    def test_lists(self):
        got = self.call("GET", "/api/handles?prefix=88.118.8")
        self.assertEqual((got.status, got.json()["responseCode"]), (401, 402))
        got = self.call("GET", "/api/handles?prefix=88.118.8", login=LOGIN).json()
        self.assertIsInstance(got["totalCount"], str)
        self.assertEqual(int(got["totalCount"]), len(got["handles"]))
        page = self.call("GET", "/api/handles?prefix=0.NA/88.118.8&page=1&pageSize=2",
                         login=LOGIN).json()
        self.assertEqual(list(page), ["responseCode", "prefix", "totalCount", "page", "pageSize",
                                      "handles"])
        self.assertEqual(page["handles"], got["handles"][2:4])
        got = self.call("GET", "/api/prefixes", login=OTHER)
        self.assertEqual((got.status, got.body), (403, b'{"responseCode":400}'))

    def test_long_list(self):
        """More than a message of the protocol holds."""
        values = [URL, RIGHTS]
        self.node.ctl("home", "88.118.8.1")
        with open(self.node.dir + "/many.jsonl", "w", encoding="utf-8") as f:
            for i in range(1234):
                f.write(json.dumps({"handle": "88.118.8.1/%04d" % i, "values": values}) + "\n")
        self.node.ctl("load", self.node.dir + "/many.jsonl")
        got = self.call("GET", "/api/handles?prefix=88.118.8.1", login=LOGIN).json()
        self.assertEqual(got["handles"], ["88.118.8.1/%04d" % i for i in range(1234)])
        got = self.call("GET", "/api/handles?prefix=88.118.8.1&page=12&pageSize=100",
                        login=LOGIN).json()
        self.assertEqual((got["totalCount"], len(got["handles"])), ("1234", 34))

    def test_prefixes(self):
        name = "0.NA/88.118.8.9"
        listed = lambda: self.call("GET", "/api/prefixes", login=LOGIN).json()["prefixes"]
        self.assertNotIn(name, listed())
        self.assertEqual(self.call("PUT", "/api/prefixes/" + name, login=OTHER).status, 403)
        self.assertEqual(self.call("PUT", "/api/prefixes/" + name).status, 401)
        got = self.call("PUT", "/api/prefixes/" + name, login=LOGIN)
        self.assertEqual(got.json(), {"responseCode": 1, "handle": name})
        self.assertIn(name, listed())
        self.assertEqual(self.call("DELETE", "/api/prefixes/88.118.8.9", login=LOGIN).status, 200)
        self.assertNotIn(name, listed())
        got = self.call("GET", "/api/site").json()
        self.assertEqual(got["site"]["servers"][0]["address"], "127.0.0.1")

    def test_bodies_that_are_no_object(self):
        """One answer each, and the server is there for the next one."""
        for target in ("/api/prefixes", "/api/handles/88.118.8/READ", "/api/site"):
            for body in (b"{", b"5", b"null", b"[1]", b'"x"'):
                with self.subTest(target=target, body=body):
                    got = self.call("POST", target, body,
                                    headers=[("Content-Type", "application/json")])
                    self.assertEqual((got.status, got.json()["responseCode"]), (400, 4))

    def test_many_parameters(self):
        """A body full of them costs no more than to read it once."""
        began = self.node.cpu_s()
        for name, item in (("index", "1"), ("type", '"U"')):
            many = ('{"%s":[%s]}' % (name, ",".join([item] * 50000))).encode()
            got = self.call("POST", "/api/handles/88.118.8/READ", many,
                            headers=[("Content-Type", "application/json")])
            self.assertEqual((got.status, got.json()["responseCode"]), (400, 4))
            many = b"&".join([b"x"] * 100000 + [b"%s=1" % name.encode()] * 1024)
            got = self.call("POST", "/api/handles/88.118.8/READ", many,
                            headers=[("Content-Type", "application/x-www-form-urlencoded")])
            self.assertEqual(got.status, 200)
        self.assertLess(self.node.cpu_s() - began, 10)

    # --- ways to log in ---

    def who(self, headers, **more):
        got = self.call("GET", "/api/v1/whoami", headers=headers, **more)
        return got.status, got.json() if got.body else None

    def test_session(self):
        new = self.call("POST", "/api/sessions")
        self.assertEqual((new.status, new.header("Location")), (201, "/api/sessions/this"))
        session, nonce = new.json()["sessionId"], unb64(new.json()["nonce"])
        named = ("Authorization", 'Handle sessionId="%s"' % session)
        self.assertEqual(self.call("PUT", "/api/handles/88.118.8/S", [URL], named).status, 401)
        # SHA-1 and MD5 are for nodes with allow-legacy; the back-off of this test is its last.
        for alg in ("HMAC-SHA256", "SHA256", "SHA1"):
            proof = secret_proof(alg, SECRET.encode(), nonce + b"c" * 16)
            fields = {"version": "0", "sessionId": session, "cnonce": b64(b"c" * 16),
                      "id": "301:" + ADMIN, "type": "HS_SECKEY", "alg": alg,
                      "signature": b64(proof)}
            got = self.call("PUT", "/api/sessions/this", fields)
            # Whoever is in stays in, whatever he tries next.
            self.assertEqual(got.status, 200, got.body)
            self.assertTrue(got.json()["authenticated"])
            self.assertEqual("error" in got.json(), alg == "SHA1")
        self.assertEqual(self.who([named])[1]["how"], "session")
        self.assertEqual(self.call("PUT", "/api/handles/88.118.8/S", [URL, RIGHTS], named).status, 201)
        self.assertEqual(self.call("DELETE", "/api/sessions/this", login=named).status, 204)
        after = self.call("PUT", "/api/handles/88.118.8/S", [URL, RIGHTS], named)
        self.assertEqual((after.status, after.body), (401, b""))
        self.assertNotEqual(after.challenge()["sessionId"], session)
        self.assertNotIn('Basic realm="handle"', after.all("WWW-Authenticate"))

    def test_forged_session(self):
        """An id that is not ours in one octet is no session."""
        session = self.call("POST", "/api/sessions").json()["sessionId"]
        for at in (0, 20, 42):
            other = session[:at] + ("A" if session[at] != "A" else "B") + session[at + 1:]
            got = self.call("PUT", "/api/sessions/this", headers=[
                ("Authorization", "Handle sessionId=" + other)])
            self.assertEqual(got.status, 403 if other != session else 200)

    def test_token(self):
        made = self.call("POST", "/api/v1/token", login=LOGIN)
        self.assertEqual(made.status, 200, made.body)
        bearer = ("Authorization", "Bearer " + made.json()["token"])
        self.assertEqual(self.who([bearer]), (200, {"id": "301:" + ADMIN, "how": "token"}))
        self.assertEqual(self.call("PUT", "/api/handles/88.118.8/T", [URL], bearer).status, 201)
        other = "A" if bearer[1][-2] != "A" else "B"
        for broken in (bearer[1][:-2] + other + bearer[1][-1], bearer[1] + "A", "Bearer x",
                       "Bearer "):
            got = self.call("PUT", "/api/handles/88.118.8/T", [URL], ("Authorization", broken))
            self.assertEqual((got.status, got.body), (401, b""))
        self.assertEqual(self.who([]), (200, {"id": "", "how": "public"}))

    def test_conditions(self):
        """Are not evaluated for changes, and so none is made."""
        for method, name in (("PUT", "If-Match"), ("PUT", "If-None-Match"), ("DELETE", "If-Unmodified-Since")):
            got = self.call(method, "/api/handles/88.118.8/READ", [URL], LOGIN, [(name, '"0123456789abcdef"')])
            self.assertEqual((got.status, got.json()["responseCode"]), (501, 5), name)
        self.assertEqual(self.call("GET", "/api/handles/88.118.8/READ").json()["responseCode"], 1)

    def test_back_off(self):
        """Who guesses waits, and learns nothing meanwhile; others do not wait."""
        # On one connection, so that the second comes while the first still counts.
        both = b"".join(("GET /api/handles/%s HTTP/1.1\r\nHost: h\r\n%s: %s\r\n%s\r\n" % (
            ADMIN, login[0], login[1], more)).encode()
            for login, more in ((WRONG, ""), (LOGIN, "Connection: close\r\n")))
        first = rest.Answer(rest.exchange(self.node.web, both, tls=True, source="127.80.1.1"), "GET")
        second = rest.Answer(first.rest, "GET")
        self.assertEqual((first.status, second.status), (401, 401))
        self.assertEqual((first.challenge()["error"], second.challenge()["error"]),
                         ("Identity not verified", "Too many wrong answers from there: wait"))
        self.assertEqual((first.header("Retry-After"), second.header("Retry-After")), (None, "1"))
        got = self.call("GET", "/api/handles/" + ADMIN, login=LOGIN, source="127.80.2.1")
        self.assertEqual(got.status, 200)

    def test_bad_headers(self):
        for value in ("Basic", "Basic !!", "Basic QQ==", "Handle", "Handle =", "Handle a", "Nobody",
                      'Handle sessionId="', "Handle sessionId=%s" % ("x" * 5000), "Bearer " + "A" * 9000):
            got = self.call("PUT", "/api/handles/88.118.8/B", [URL], ("Authorization", value))
            self.assertEqual(got.status, 401, value)

    # --- pages of other origins ---

    def test_other_origins(self):
        """A page elsewhere can make a browser send what it knows by itself, and nothing comes of it."""
        origin = ("Origin", "https://evil.example.cn")
        got = self.call("POST", "/api/prefixes", b"prefix=88.118.8.66", LOGIN,
                        [origin, ("Content-Type", "application/x-www-form-urlencoded")])
        self.assertEqual(got.status, 401)
        got = self.call("POST", "/api/prefixes", b"{\"prefix\":\"88.118.8.66\"}", LOGIN,
                        [origin, ("Content-Type", "text/plain")])
        self.assertIn(got.status, (400, 401))
        self.assertEqual(self.call("PUT", "/api/handles/88.118.8/O", [URL], headers=[origin]).status,
                         401)
        # With a header of its own, which it had to ask for, it may.
        got = self.call("PUT", "/api/handles/88.118.8/O", [URL], LOGIN, [origin])
        self.assertEqual((got.status, got.header("Access-Control-Allow-Origin")),
                         (201, origin[1]))
        self.assertIsNone(got.header("Access-Control-Allow-Credentials"))
        # A script of any page may call a function: with public values.
        got = self.call("GET", "/api/handles/88.118.8/MIXED?callback=f", login=LOGIN)
        self.assertTrue(got.body.startswith(b"f({"))
        self.assertNotIn(b"PRIV", got.body)
        # What is said to somebody is no script.
        for target in ("/api/handles?prefix=88.118.8", "/api/v1/identifiers?prefix=88.118.8",
                       "/api/v1/whoami?", "/api/v1/audit?", "/api/prefixes?"):
            got = self.call("GET", target + "&callback=f", login=LOGIN)
            self.assertEqual((got.status, got.header("Content-Type")),
                             (200, "application/json;charset=utf-8"))
            self.assertTrue(got.body.startswith(b"{"))

    # --- native messages ---

    def test_tunnel(self):
        headers = [("Content-Type", "application/x-hdl-message")]
        for body in (b"", b"\0" * 19, b"\xff" * 64):
            got = self.call("POST", "/", body, headers=headers)
            self.assertEqual(got.status, 200)
            self.assertEqual(int.from_bytes(got.body[24:28], "big"), 4)
        ask = hdl.ask_for("88.118.8/READ").octets
        for tls in (False, True):
            got = self.call("POST", "/anything", ask, headers=headers, tls=tls)
            self.assertEqual(got.header("Content-Type"), "application/x-hdl-message")
            self.assertEqual(got.body[8:12], ask[8:12])
            self.assertEqual(int.from_bytes(got.body[24:28], "big"), 1)


class Cleartext(unittest.TestCase):
    def test_loopback(self):
        """http-allow-cleartext-auth: for tests on one machine."""
        node = rest.RestNode("88.118.8", "p256")
        self.addCleanup(node.remove)
        node.load([{"handle": ADMIN, "values": [key(ADMIN, SECRET), RIGHTS]}])
        node.start(http_allow_cleartext_auth="loopback", server_admins='[ "301:%s" ]' % ADMIN)
        got = call(node.web, "PUT", "/api/handles/88.118.8/X", [URL], tls=False)
        self.assertEqual(got.status, 401)
        got = call(node.web, "PUT", "/api/handles/88.118.8/X", [URL], [LOGIN], tls=False)
        self.assertEqual(got.status, 201)


if __name__ == "__main__":
    unittest.main()
