# SPDX-License-Identifier: Apache-2.0
"""Identities whose keys another node holds (protocol.md 8.1, 8.2; industrial.md 6, item 15)."""

import concurrent.futures
import signal
import socket
import unittest

import auth
import hdl
import keys
import rest
from hdl import Value, array
from places import place
from staff import FAST, url


class Elsewhere(unittest.TestCase):
    """A root, and under it HERE with records and THERE with people. As in the Handle System the
    node above holds the prefix records with the keys of their administrators."""

    @classmethod
    def setUpClass(cls):
        cls.nodes, cls.channels = [], []
        try:
            cls.root = cls.make("0.NA")
            cls.there = cls.make("88.2", "--parent", cls.root.dir)
            cls.here = cls.make("88.1", "--parent", cls.root.dir)
            for prefix, node in (("88.1", cls.here), ("88.2", cls.there)):
                cls.root.ctl("delegate", prefix, "--to", node.dir)
            for node in cls.nodes:
                cls.start(node)
            cls.fill()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def make(cls, prefix, *more):
        at = place()
        node = rest.RestNode(prefix, "rsa", *more, listen="%s:%d" % at)
        node.at = at
        cls.nodes.append(node)
        return node

    @classmethod
    def start(cls, node):
        parent = node.dir + "/parent.json"
        more = {"parent": '"%s"' % parent} if node is not cls.root else \
            {"server_admins": '[ "300:0.NA/0.NA" ]'}
        node.start(listen='[ "%s:%d" ]' % node.at, workers=1, **more)

    @classmethod
    def tearDownClass(cls):
        for c in cls.channels:
            c.socket.close()
        for node in cls.nodes:
            node.remove()

    @classmethod
    def admin(cls, node, prefix):
        who = auth.Public("300:0.NA/" + prefix, keys.key_file(node.dir + "/keys/admpriv.bin"))
        cls.channels.append(hdl.Tcp(node.address))
        return auth.Client(cls.channels[-1], who)

    @staticmethod
    def done(m):
        if m.rc != 1:
            raise AssertionError("%d %s" % (m.rc, m.text))

    @classmethod
    def fill(cls):
        root = cls.admin(cls.root, "0.NA")
        for prefix, node in (("88.1", cls.here), ("88.2", cls.there)):
            key = keys.key_file(node.dir + "/keys/admpriv.bin")
            cls.done(root.add("0.NA/" + prefix, [Value(300, "HS_PUBKEY", key.public())]))
        cls.made = {300: keys.Sm2(), 310: keys.Rsa.generate(), 320: keys.Ed25519()}
        there, here = cls.admin(cls.there, "88.2"), cls.admin(cls.here, "88.1")
        people = [Value(i, "HS_PUBKEY", k.public()) for i, k in cls.made.items()]
        people += [Value(330, "HS_SECKEY", "mi ma", perms=0xC),
                   auth.vlist(200, ["300:88.2/U", "330:88.2/U"])]
        refs = ["%d:88.2/U" % i for i in (300, 310, 320, 330)]
        cls.done(there.create("88.2/U", people))
        cls.done(here.add("0.NA/88.1", [auth.admin(110 + i, r) for i, r in enumerate(refs)]))
        cls.done(here.create("88.1/G", [Value(3, "P", "x", perms=0xC),
                                        auth.admin(100, "200:88.2/U")]))

    def who(self, index):
        if index == 330:
            return auth.Secret("330:88.2/U", "mi ma", **FAST)
        return auth.Public("%d:88.2/U" % index, self.made[index])

    networks = iter(range(1, 250))

    def tcp(self):
        c = hdl.Tcp(self.here.address, source="127.55.%d.1" % next(self.networks))
        self.addCleanup(c.socket.close)
        return c

    def test_keys_there(self):
        for index in (300, 310, 320, 330):
            with self.subTest(index):
                m = auth.Client(self.tcp(), self.who(index)).create("88.1/BY%d" % index, [url()])
                self.assertEqual(m.rc, 1, m.text)

    def test_15_login_with_a_key_there(self):
        for index in (300, 310, 330):
            with self.subTest(index):
                s = auth.Sdk(self.tcp())
                m = s.login(self.who(index))
                self.assertEqual(m.rc, 1, m.text)
                m = s.ask(hdl.CREATE, array("88.1/SDK%d" % index) + auth.value_list([url()]))
                self.assertEqual(m.rc, 1, m.text)

    def test_encrypted_for_a_key_there(self):
        for index in (300, 310):
            with self.subTest(index):
                s = auth.Sdk(self.tcp())
                m = s.encrypt(self.who(index), self.made[index])
                self.assertEqual(m.rc, 1, m.text)
                self.assertEqual(s.login(self.who(index)).rc, 1)

    def test_group_there(self):
        for index, rc in ((300, 1), (330, 1), (310, 400)):
            with self.subTest(index):
                m = auth.Client(self.tcp(), self.who(index)).all_values("88.1/G")
                self.assertEqual(m.rc, rc, m.text)

    def test_wrong_keys(self):
        for who, rc in ((auth.Public("300:88.2/U", keys.Sm2()), 403),
                        (auth.Public("310:88.2/U", self.made[300]), 403),
                        (auth.Secret("330:88.2/U", "mi mb", **FAST), 403),
                        (auth.Public("300:88.2/NOBODY", self.made[300]), 400),
                        (auth.Public("300:88.3/U", self.made[300]), 400)):
            with self.subTest(who.handle, index=who.index):
                m = auth.Client(self.tcp(), who).create("88.1/WRONG", [url()])
                self.assertEqual(m.rc, rc, m.text)
        s = auth.Sdk(self.tcp())
        self.assertEqual(s.login(auth.Public("300:88.2/U", keys.Sm2())).rc, 403)
        s = auth.Sdk(self.tcp())
        self.assertIn(s.login(auth.Public("300:88.3/U", keys.Sm2())).rc, (403, 406))

    def put_by_http(self, secret):
        return rest.call(self.here.web, "PUT", "/api/handles/88.1/HTTP",
                         [{"index": 1, "type": "URL", "data": "u"}],
                         [rest.basic("330:88.2/U", secret)],
                         source="127.55.%d.1" % next(self.networks))

    def test_by_http(self):
        """A password whose secret is another node's: that node says whether it fits."""
        got = self.put_by_http("mi ma")
        self.assertEqual(got.status, 201, got.body)

    def test_wrong_secret_by_http(self):
        """Behind test_wrong_keys, after which the other node may still make us wait for its word:
        that is no login either."""
        self.assertIn(self.put_by_http("mi mb").status, (401, 403, 500, 503))

    def test_after_a_reload(self):
        """Whom to ask is read anew with everything else."""
        self.here.signal(signal.SIGHUP)
        self.here.wait_for("reload serial=")
        for index in (310, 330):
            with self.subTest(index):
                m = auth.Client(self.tcp(), self.who(index)).create("88.1/RELOAD%d" % index,
                                                                    [url()])
                self.assertEqual(m.rc, 1, m.text)

    def test_who_answers_nobody(self):
        """A node that takes questions and is silent is waited for, but not by everybody."""
        silent = self.make("88.9", "--parent", self.root.dir)
        self.root.ctl("delegate", "88.9", "--to", silent.dir)
        who = auth.Public("300:88.9/U", keys.Ecdsa())
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, \
                concurrent.futures.ThreadPoolExecutor() as threads:
            for s in (tcp, udp):
                s.bind(silent.at)
            tcp.listen()
            logins = [threads.submit(auth.Sdk(self.tcp()).login, who) for _ in range(6)]
            m = self.admin(self.here, "88.1").create("88.1/BESIDE", [url()])
            self.assertEqual(m.rc, 1, m.text)
            self.assertEqual([l.result().rc for l in logins], [406] * 6)
        m = auth.Client(self.tcp(), self.who(310)).create("88.1/AFTER", [url()])
        self.assertEqual(m.rc, 1, m.text)

    def test_when_it_cannot_be_asked(self):
        """406, and not for ever; who is known here gets in meanwhile."""
        self.there.stop()
        try:
            m = auth.Client(self.tcp(), self.who(320)).create("88.1/DOWN", [url()])
            self.assertIn(m.rc, (403, 406), m.text)
            m = self.admin(self.here, "88.1").create("88.1/MEANWHILE", [url()])
            self.assertEqual(m.rc, 1, m.text)
        finally:
            self.start(self.there)
        m = auth.Client(self.tcp(), self.who(320)).create("88.1/UP", [url()])
        self.assertEqual(m.rc, 1, m.text)


if __name__ == "__main__":
    unittest.main()
