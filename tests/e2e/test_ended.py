# SPDX-License-Identifier: Apache-2.0
"""What was given for a key ends with the key: tokens and sessions of HTTP, native sessions, the SDK's
logins. Each way to be known from before, through each way in which a key ends."""

import json
import os
import socket
import unittest

import auth
import hdl
import keys
import rest
from hdl import Value, array
from staff import NA, PREFIX, StaffCase, from_value, url, value
from v1 import http_port

WHO = PREFIX + "/WHO"
FIRST, LAST = 401, 450
# So that what is changed and changed back has another time, however fast the test is.
LONG_AGO = "2001-09-09T01:46:40Z"


def secret_of(index):
    return "secret of %d" % index


class Web:
    """A header that says who somebody is, tried by a change and by a question."""

    def __init__(self, case, header):
        self.case, self.header, self.over = case, ("Authorization", header), False

    def who(self):
        got = self.case.call("GET", "/api/v1/whoami", self.header)
        return got.json() if got.status == 200 else got

    def read(self):
        return self.case.call("GET", "/api/handles/%s/T" % PREFIX, self.header)

    def works(self, name):
        got = self.case.call("PUT", "/api/handles/" + name, self.header,
                             [{"index": 1, "type": "URL", "data": "u"}])
        if got.status != 401:
            return got.status in (200, 201)
        # The usual challenge, and one clear line; then its session is one of those that nobody knows.
        self.case.assertEqual(got.body, b"")
        if not self.over:
            self.case.assertEqual(got.challenge()["error"], "This login is over: log in again")
        self.over = True
        for got in (self.who(), self.read()):
            self.case.assertEqual(got.status, 401)
        return False


class Native:
    def __init__(self, case, ask, refusal):
        self.case, self.ask, self.refusal = case, ask, refusal

    def works(self, name):
        m = self.ask(hdl.CREATE, array(name) + auth.value_list([url()]))
        if m.rc == 1:
            return True
        self.case.assertEqual(m.rc, self.refusal, m.text)
        return False


class Ended(StaffCase):
    settings = {"workers": 2, "http": '[ "127.0.0.1:0" ]',
                "server_admins": json.dumps(["%d:%s" % (i, WHO) for i in range(FIRST, LAST)])}

    @classmethod
    def fill(cls, node):
        cls.fresh, cls.n = iter(range(FIRST, LAST)), 0
        cls.key = keys.Rsa.generate()
        super().fill(node)

    @classmethod
    def records(cls, node):
        theirs = [value(i, "HS_SECKEY", secret_of(i), "1100") for i in range(FIRST, LAST)]
        app = value(300, "HS_PUBKEY", cls.key.public())
        rights = from_value(auth.admin(100, "200:" + NA))
        return [{"handle": name, "values": [dict(v, timestamp=LONG_AGO) for v in values] + [rights]}
                for name, values in ((WHO, theirs), (PREFIX + "/APP", [app]))]

    def call(self, method, target, header=None, body=None):
        Ended.n += 1
        return rest.call(("127.0.0.1", http_port(self.node)), method, target, body,
                         [header] if header else [], source="127.70.%d.1" % (Ended.n % 250))

    def basic(self, index):
        return rest.basic("%d:%s" % (index, WHO), secret_of(index))

    # --- ways to be known from before ---

    def by_token(self, index):
        got = self.call("POST", "/api/v1/token", self.basic(index))
        return Web(self, "Bearer " + got.json()["token"])

    def by_session(self, index):
        new = self.call("POST", "/api/sessions").json()
        proof = rest.secret_proof("HMAC-SHA256", secret_of(index).encode(),
                                  rest.unb64(new["nonce"]) + b"c" * 16)
        got = self.call("PUT", "/api/sessions/this", body={
            "version": "0", "sessionId": new["sessionId"], "cnonce": rest.b64(b"c" * 16),
            "id": "%d:%s" % (index, WHO), "type": "HS_SECKEY", "alg": "HMAC-SHA256",
            "signature": rest.b64(proof)})
        self.assertTrue(got.json()["authenticated"])
        return Web(self, 'Handle sessionId="%s"' % new["sessionId"])

    def by_session_of_token(self, index):
        got = self.call("POST", "/api/sessions", self.by_token(index).header)
        return Web(self, 'Handle sessionId="%s"' % got.json()["sessionId"])

    def by_token_of_session(self, index):
        got = self.call("POST", "/api/v1/token", self.by_session(index).header)
        return Web(self, "Bearer " + got.json()["token"])

    def person(self, index):
        return auth.Secret("%d:%s" % (index, WHO), secret_of(index), iterations=100)

    def by_native_session(self, index):
        s = auth.Session.setup(self.tcp(), self.person(index))
        return Native(self, s.ask, 500)

    def by_login(self, index):
        s = auth.Sdk(self.tcp())
        self.assert_rc(s.login(self.person(index)), 1)
        return Native(self, s.ask, 402)

    ways = ("by_token", "by_session", "by_session_of_token", "by_token_of_session",
            "by_native_session", "by_login")

    # --- ways for a key to end ---

    def removed(self, index):
        self.assert_rc(self.admin().remove(WHO, [index]), 1)

    def replaced(self, index, text="another"):
        self.assert_rc(self.admin().modify(WHO, [Value(index, "HS_SECKEY", text, perms=0xC)]), 1)

    def changed_back(self, index):
        self.replaced(index)
        self.replaced(index, secret_of(index))

    def of_another_kind(self, index):
        self.assert_rc(self.admin().modify(WHO, [Value(index, "REMOVED_KEY", "")]), 1)

    def by_the_node_itself(self, index):
        self.node.ctl("put", WHO, "--value", "%d HS_SECKEY another" % index)

    def check(self, way, end):
        index = next(self.fresh)
        with self.subTest("%s, %s" % (way, end)):
            login = getattr(self, way)(index)
            name = "%s/ENDED%d" % (PREFIX, index)
            self.assertTrue(login.works(name + ".1"))
            self.assert_rc(self.admin().add(WHO, [url(index + 1000)]), 1)
            self.assertTrue(login.works(name + ".2"))  # another value of the record
            getattr(self, end)(index)
            self.assertFalse(login.works(name + ".3"))
            self.assertFalse(login.works(name + ".4"))
            self.assert_absent(name + ".3")

    def test_removed(self):
        for way in self.ways:
            self.check(way, "removed")

    def test_replaced(self):
        for way in self.ways:
            self.check(way, "replaced")

    def test_changed_back(self):
        for way in self.ways:
            self.check(way, "changed_back")

    def test_other_ends(self):
        self.check("by_token", "of_another_kind")
        self.check("by_token", "by_the_node_itself")

    def test_a_new_login(self):
        """With the new key, also in a session that has ended."""
        index = next(self.fresh)
        session = self.by_session(index)
        self.changed_back(index)
        self.assertFalse(session.works(PREFIX + "/NEW"))
        got = self.call("GET", "/api/sessions/this", session.header)
        self.assertNotIn("id", got.json() if got.body else {})
        self.assertTrue(self.by_session(index).works(PREFIX + "/NEW"))

    def test_what_a_session_says_of_itself(self):
        index = next(self.fresh)
        session = self.by_session(index)
        self.assertTrue(self.call("GET", "/api/sessions/this", session.header).json()["authenticated"])
        self.removed(index)
        got = self.call("GET", "/api/sessions/this", session.header)
        self.assertEqual(got.json(), {"authenticated": False})

    def test_a_token_is_not_renewed(self):
        """Neither by itself nor by the session that it opened."""
        session = self.by_session_of_token(next(self.fresh))
        got = self.call("POST", "/api/v1/token", session.header)
        self.assertEqual((got.status, got.json()["responseCode"]), (403, 401))

    def test_upload_under_way(self):
        """The rest of a load is refused, and what was acknowledged stays."""
        index = next(self.fresh)
        lines = ['{"handle":"%s/UP%d","values":[{"index":1,"type":"URL","data":"u"}]}' % (PREFIX, i)
                 for i in range(2)]
        sock = rest.client_context().wrap_socket(socket.create_connection(
            ("127.0.0.1", http_port(self.node)), timeout=60))
        with sock:
            head = "POST /api/v1/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n%s: %s\r\n\r\n"
            sock.sendall((head % self.basic(index)).encode())
            stream = sock.makefile("rwb")

            def send(text):
                octets = (text + "\n").encode()
                sock.sendall(b"%x\r\n%s\r\n" % (len(octets), octets))

            def answer():
                while True:
                    line = stream.readline()
                    self.assertTrue(line, "the end of the connection")
                    if line.startswith(b"{"):
                        return json.loads(line)

            send(lines[0])
            self.assertEqual(answer()["responseCode"], 1)
            self.removed(index)
            send(lines[1])
            sock.sendall(b"0\r\n\r\n")
            last = answer()
            self.assertEqual((last["done"], last["loaded"]), (False, 1))
            self.assertIn("login is over", last["message"])
        self.assert_absent(PREFIX + "/UP1")

    def test_doip(self):
        from test_doip import DELETE, Client
        c = Client(("127.0.0.1", http_port(self.node)))
        self.assertEqual(c.login(PREFIX + "/APP", self.key)["code"], 1)
        before = c.op(DELETE, PREFIX + "/NOTHING")
        self.assertNotEqual(before["code"], 401)
        self.assert_rc(self.admin().remove(PREFIX + "/APP", [300]), 1)
        after = c.op(DELETE, PREFIX + "/NOTHING")
        self.assertEqual(after["code"], 401)
        self.assertIn("its key was removed or changed", after["message"])


class Administrators(StaffCase):
    """The administrator whom the node adds and removes, and a restart in between."""

    settings = {"workers": 1, "http": '[ "127.0.0.1:0" ]'}

    def call(self, method, target, header, body=None):
        return rest.call(("127.0.0.1", http_port(self.node)), method, target, body, [header])

    def test_removed_and_restarted(self):
        path = self.node.dir + "/ada.secret"
        with open(path, "w", encoding="utf-8") as f:
            f.write("correct horse")
        os.chmod(path, 0o600)
        self.node.ctl("admin", "add", PREFIX, "--secret-file", path)
        ada = rest.basic("301:0.NA/" + PREFIX, "correct horse")

        def token():
            return ("Authorization", "Bearer " +
                    self.call("POST", "/api/v1/token", ada).json()["token"])

        def put(name, header):
            return self.call("PUT", "/api/handles/%s/%s" % (PREFIX, name), header,
                             [{"index": 1, "type": "URL", "data": "u"}]).status

        first = token()
        self.assertEqual(put("A1", first), 201)
        self.node.stop()
        self.node.start(**self.settings)
        self.assertEqual(put("A2", first), 401)  # another process
        second = token()
        self.assertEqual(put("A2", second), 201)
        self.node.ctl("admin", "rm", PREFIX, "301")
        self.assertEqual([put("A3", login) for login in (second, ada)], [401, 401])


if __name__ == "__main__":
    unittest.main()
