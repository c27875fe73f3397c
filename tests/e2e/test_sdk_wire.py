# SPDX-License-Identifier: Apache-2.0
"""The national ID-Pointer SDK's side of the wire, octet by octet (industrial.md 5): its acceptance
list (6) for any machine, and what its connections must not be able to do."""

import selectors
import socket
import struct
import unittest

import auth
import hdl
import keys
from auth import Sdk
from hdl import Value, array, u32
from staff import FAST, NA, PREFIX, StaffCase, url

USER = PREFIX + "/USER"


class SdkCase(StaffCase):
    """Users with keys in every form that the SDK's registries hold (5.6)."""

    made = {300: keys.Sm2(), 310: keys.Rsa.generate()}
    forms = {300: "SM2 DER", 301: "SM2 PEM", 302: "SM2 PEM inside", 310: "RSA", 311: "RSA PEM"}

    @classmethod
    def prepare(cls, c):
        sm2, rsa = cls.made[300], cls.made[310]
        text = keys.pem("PUBLIC KEY", sm2.spki())
        values = [Value(300, "HS_PUBKEY", sm2.public()), Value(301, "HS_PUBKEY", text),
                  Value(302, "HS_PUBKEY", array("SM2_PUB_KEY") + bytes(2) + array(text)),
                  Value(310, "HS_PUBKEY", rsa.public()),
                  Value(311, "HS_PUBKEY", keys.pem("PUBLIC KEY", rsa.spki())),
                  Value(303, "HS_SECKEY", "mima", perms=0xC)]
        cls.done(c.create(USER, values))
        # Each of them administers the prefix.
        cls.done(c.add(NA, [auth.admin(110 + i, "%d:%s" % (v.index, USER))
                            for i, v in enumerate(values)]))

    def user(self, index=300, form="A"):
        if index == 303:
            return auth.Secret("303:" + USER, "mima", **FAST)
        return auth.Public("%d:%s" % (index, USER), self.made[index // 10 * 10], form=form)

    def sdk(self, who=None, **more):
        s = Sdk(self.tcp(), **more)
        if who:
            m = self.assert_rc(s.login(who), 1)
            self.assertEqual(m.op, hdl.LOGIN, "an answer of operation 200 hangs the SDK")
        return s

    mine = auth.admin(100, "300:" + USER)

    def create(self, s, name, *values, flags=0, rc=1):
        body = array(name) + auth.value_list(values or [url(), self.mine])
        return self.assert_rc(s.ask(hdl.CREATE, body, hdl.USUAL | flags), rc)


class Acceptance(SdkCase):
    """industrial.md 6, by number."""

    settings = {"workers": 2}

    def test_01_anonymous_resolution(self):
        s = self.sdk()
        m = self.assert_rc(s.resolve(PREFIX + "/T"), 1)
        self.assertEqual(m.indexes(), [1, 5, 6, 100])
        self.assert_rc(s.resolve(PREFIX + "/none"), 100)

    def test_02_auth_octets(self):
        s = self.sdk()
        for token in (b"", b"token-abc", b"x" * 4000):
            self.assert_rc(s.resolve(PREFIX + "/T", auth=token), 1)
        m = self.assert_rc(s.resolve(PREFIX + "/T", [1], ["URL"], b"token-abc"), 1)
        self.assertEqual(m.indexes(), [1])

    def test_03_bare_prefix(self):
        """No referral: the site itself, its first server with a TCP interface."""
        m = self.assert_rc(self.sdk().resolve(PREFIX, types=["HS_SITE"]), 1)
        self.assertEqual(m.handle, PREFIX.encode())
        site = hdl.Site(m.values[0].data)
        protocols = [i.protocol for i in site.servers[0]["interfaces"] if i.kind & 2]
        self.assertIn(1, protocols)

    def test_04_sm2_form_a(self):
        self.create(self.sdk(self.user(300, "A")), PREFIX + "/04")

    def test_05_sm2_form_b(self):
        self.create(self.sdk(self.user(300, "B")), PREFIX + "/05")

    def test_06_rsa(self):
        self.create(self.sdk(self.user(310)), PREFIX + "/06")

    def test_07_secret_key(self):
        self.create(self.sdk(self.user(303)), PREFIX + "/07")

    def test_08_wrong_key(self):
        """403 at once, in a form that the SDK can decode; the connection is still of use."""
        for who in (auth.Public("300:" + USER, keys.Sm2()),
                    auth.Public("300:" + USER, keys.Sm2(), form="B"),
                    auth.Public("310:" + USER, keys.Rsa.generate()),
                    auth.Secret("303:" + USER, "wrong", **FAST),
                    auth.Public("999:" + USER, keys.Sm2()),
                    auth.Public("300:" + PREFIX + "/nobody", keys.Sm2())):
            with self.subTest(who.index, handle=who.handle):
                s = self.sdk()
                m = self.assert_rc(s.login(who), 403)
                self.assertIn(m.op, (hdl.LOGIN, hdl.ANSWER_CHALLENGE))
                self.assert_rc(s.resolve(PREFIX + "/T"), 1)
                self.create(s, PREFIX + "/08", rc=402)

    def test_09_administration_without_challenge(self):
        s, name = self.sdk(self.user()), PREFIX + "/09"
        self.create(s, name)
        self.assert_rc(s.ask(hdl.ADD, array(name) + auth.value_list([url(2)])), 1)
        self.assert_rc(s.ask(hdl.MODIFY, array(name) + auth.value_list([url(2, "new")])), 1)
        self.assert_rc(s.ask(hdl.REMOVE, array(name) + u32(1) + u32(1)), 1)
        self.assert_is(name, [url(2, "new"), self.mine])
        self.assert_rc(s.ask(hdl.DELETE, array(name)), 1)
        self.assert_absent(name)

    def test_10_private_values_after_login(self):
        """Though PO stays set."""
        self.assert_rc(self.sdk().resolve(PREFIX + "/T", [3]), 200)
        name = PREFIX + "/10"
        s = self.sdk(self.user())
        self.create(s, name, url(), Value(3, "PRIVATE", "x", perms=0xC),
                    auth.admin(100, "300:" + USER))
        m = self.assert_rc(s.resolve(name), 1)
        self.assertEqual(m.indexes(), [1, 3, 100])
        m = self.assert_rc(self.sdk().resolve(name), 1)
        self.assertEqual(m.indexes(), [1, 100])
        # Not for a user who is no administrator of this record, and no challenge for him either.
        m = self.assert_rc(s.resolve(PREFIX + "/T"), 1)
        self.assertEqual(m.indexes(), [1, 5, 6, 100])

    def test_11_overwrite(self):
        s, name = self.sdk(self.user()), PREFIX + "/11"
        self.create(s, name)
        self.create(s, name, url(2), rc=101)
        m = self.create(s, name, url(2), flags=hdl.OWE)
        self.assertTrue(m.flags & hdl.OWE)
        self.assert_is(name, [url(2)])

    def test_12_keys_as_they_are_stored(self):
        for index, form in self.forms.items():
            for proof in "AB" if "SM2" in form else "A":
                with self.subTest(form, proof=proof):
                    self.create(self.sdk(self.user(index, proof)),
                                "%s/12.%d%s" % (PREFIX, index, proof))

    def test_13_encrypted(self):
        """SM4 for an SM2 key, AES for an RSA key; then login and changes, all encrypted."""
        for index, cipher in ((300, keys.SM4), (302, keys.SM4), (310, keys.AES),
                              (311, keys.AES)):
            with self.subTest(index):
                s, who = self.sdk(), self.user(index)
                self.assert_rc(s.encrypt(who, who.key), 1)
                self.assertEqual((s.algorithm, len(s.key)), (cipher, 16))
                name = "%s/13.%d" % (PREFIX, index)
                self.create(s, name, rc=402)
                self.assert_rc(s.login(who), 1)
                self.create(s, name, url(), Value(3, "P", "hidden text", perms=0xC),
                            auth.admin(100, "%d:%s" % (index, USER)))
                m = self.assert_rc(s.resolve(name), 1)
                self.assertEqual(m.indexes(), [1, 3, 100])

    def test_16_pools_may_rest(self):
        """600 s; here in proportion: the SDK's connection outlives one of a stock client's."""
        self.node.stop()
        try:
            self.node.start(workers=1, tcp_idle_timeout=1, tcp_sdk_idle_timeout=600)
            anonymous, s = self.sdk(), self.sdk(self.user())
            self.assert_rc(anonymous.resolve(PREFIX + "/T"), 1)
            with hdl.Tcp(self.at, timeout=60) as stock:
                stock.ask(hdl.ask_for(PREFIX + "/T", flags=auth.KEEP))
                self.assertTrue(stock.is_closed())
            self.assert_rc(anonymous.resolve(PREFIX + "/T"), 1)
            self.create(s, PREFIX + "/16")
        finally:
            self.node.stop()
            self.node.start(**self.settings)

    def test_17_fifty_connections_with_a_thousand_requests_each(self):
        n, each = 50, 1000
        names = [PREFIX + "/T", PREFIX + "/none", PREFIX]
        pool = selectors.DefaultSelector()
        for i in range(n):
            s = self.sdk(self.user(303) if i % 10 == 0 else None)
            s.channel.socket.setblocking(False)
            s.left, s.data, s.codes = each, b"", {}
            pool.register(s.channel.socket, selectors.EVENT_READ, s)
            self.next_request(s, names)
        open_now = n
        while open_now:
            events = pool.select(timeout=60)
            self.assertTrue(events, "nothing comes any more")
            for key, _ in events:
                s = key.data
                s.data += s.channel.socket.recv(65536)
                if len(s.data) < 20 or len(s.data) < 20 + struct.unpack(">I", s.data[16:20])[0]:
                    continue
                rid, rc = struct.unpack(">8xI12xI", s.data[:28])
                self.assertEqual((rid, rc), (s.sent.id, s.expected))
                s.data, s.left = b"", s.left - 1
                if s.left:
                    self.next_request(s, names)
                else:
                    pool.unregister(s.channel.socket)
                    open_now -= 1

    @staticmethod
    def next_request(s, names):
        which = s.left % len(names)
        s.expected = (1, 100, 1)[which]
        s.sent = s.request(hdl.RESOLUTION, hdl.resolution_body(names[which]) + array(b""))
        s.channel.socket.send(s.sent.octets)

    def test_18_long_message(self):
        """Near what a message may have, there and back."""
        self.long_message(250000)

    def long_message(self, n):
        s, name = self.sdk(self.user()), "%s/18.%d" % (PREFIX, n)
        empty = s.request(hdl.CREATE, array(name) + auth.value_list([Value(1, "DESC", "")]))
        value = Value(1, "DESC", b"x" * (n - len(empty.octets)))
        request = s.request(hdl.CREATE, array(name) + auth.value_list([value]))
        self.assertEqual(len(request.octets), n)
        self.assert_rc(s.exchange(request), 1)
        m = self.assert_rc(s.resolve(name), 1)
        self.assertEqual(m.values[0].data, value.data)

    def test_19_heart_beat(self):
        for s in (self.sdk(), self.sdk(self.user())):
            for _ in range(3):
                self.assertIn(s.resolve("0").rc, (100, 301))
            self.assert_rc(s.resolve(PREFIX + "/T"), 1)

    def test_the_sample_of_the_specification(self):
        """5.4 and 5.10: the octets that the SDK sends, and those that it waits for."""
        s = Sdk(self.tcp(), tag=10001)
        who = self.user()
        request = s.request(hdl.LOGIN, array("88.111.1/user") + u32(300), s.LOGIN_FLAGS,
                            credential=None, request_id=3)
        self.assertEqual(request.octets[:4].hex() + request.octets[4:8].hex(), "020a020b00002711")
        self.assertEqual(request.covered[8:12].hex(), "10800000")
        self.assertEqual(request.covered[24:].hex(),
                         "0000000d38382e3131312e312f757365720000012c")
        m = self.assert_rc(s.begin(who), 402)
        self.assertEqual((m.op, m.flags & hdl.RD, m.digest[0], len(m.nonce), m.credential),
                         (hdl.LOGIN, hdl.RD, "sha256", 16, b""))
        self.assertEqual(m.session, 10001)
        m = self.assert_rc(s.finish(m, who), 1)
        self.assertEqual((m.op, m.body, m.session), (hdl.LOGIN, b"", 10001))


class Abuse(SdkCase):
    """What one connection proves, no other has."""

    settings = {"workers": 2}

    def test_logins_are_of_their_connection(self):
        s = self.sdk(self.user(), tag=10001)
        other = self.sdk(tag=10001)
        self.create(other, PREFIX + "/A1", rc=402)
        self.assert_rc(other.resolve(PREFIX + "/T", [3]), 200)
        s.channel.socket.close()
        again = Sdk(self.tcp(), tag=10001)
        self.create(again, PREFIX + "/A1", rc=402)

    def test_logins_are_of_their_tag(self):
        s = self.sdk(self.user(), tag=10001)
        other = Sdk(s.channel, tag=10002)
        self.create(other, PREFIX + "/A2", rc=402)
        self.create(s, PREFIX + "/A2")

    def test_a_challenge_is_of_its_connection_and_tag(self):
        one, two = self.sdk(tag=10001), self.sdk(tag=10001)
        same = Sdk(one.channel, tag=10002)
        for other in (two, same):
            challenge = self.assert_rc(one.begin(self.user()), 402)
            self.assertIn(other.finish(challenge, self.user()).rc, (403, 405, 500))
            self.create(other, PREFIX + "/A3", rc=402)

    def test_a_nonce_is_used_once(self):
        s = self.sdk()
        challenge = self.assert_rc(s.begin(self.user()), 402)
        self.assert_rc(s.finish(challenge, self.user()), 1)
        self.assertIn(s.finish(challenge, self.user()).rc, (403, 405, 500))

    def test_a_failed_login_ends_no_other(self):
        s = self.sdk(self.user(300), tag=10001)
        self.assert_rc(s.login(auth.Public("310:" + USER, keys.Rsa.generate())), 403)
        self.create(s, PREFIX + "/A5")

    def test_another_user_on_the_same_connection(self):
        """The last who proved himself counts."""
        s = self.sdk(self.user(300), tag=10001)
        self.assert_rc(s.login(self.secret(301)), 1)
        self.create(s, PREFIX + "/A6", rc=400)

    def test_login_proof_for_another_request(self):
        """The nonce of a login does not authorise a change that was challenged otherwise."""
        s = self.sdk()
        login = self.assert_rc(s.begin(self.user()), 402)
        change = self.create(s, PREFIX + "/A7", rc=402)
        auth_type, proof = self.user().proof(login.nonce, login.digest[1], (2, 11))
        body = array(auth_type) + array(USER) + u32(300) + array(proof)
        self.assertIn(s.ask(hdl.ANSWER_CHALLENGE, body, s.LOGIN_FLAGS).rc, (403, 405))
        self.assertEqual(change.rc, 402)
        self.assert_absent(PREFIX + "/A7")

    def test_logins_by_udp(self):
        with hdl.Udp(self.at) as u:
            request = hdl.Request(hdl.LOGIN, array(USER) + u32(300), Sdk.LOGIN_FLAGS,
                                  version=(2, 10), suggest=(2, 11))
            u.ask(request)  # whatever it says: there is no connection that could be logged in
            m = u.ask(hdl.Request(hdl.DELETE, array(PREFIX + "/T"), auth.KEEP))
            self.assertEqual(m.rc, 402)

    def test_encrypted_by_a_key_that_is_not_there(self):
        s = self.sdk()
        who = auth.Public("999:" + USER, self.made[300])
        self.assertIn(s.encrypt(who, who.key).rc, (501, 503))
        self.assert_rc(s.resolve(PREFIX + "/T"), 1)

    def test_plain_after_encryption(self):
        """Who agreed on encryption and then sends in clear is not more trusted for it."""
        s, who = self.sdk(tag=10001), self.user()
        self.assert_rc(s.encrypt(who, who.key), 1)
        plain = Sdk(s.channel, tag=10001)
        self.create(plain, PREFIX + "/A8", rc=402)

    def test_another_session_key(self):
        s, who = self.sdk(tag=10001), self.user()
        self.assert_rc(s.encrypt(who, who.key), 1)
        s.key = bytes(16)
        s.channel.send(s.request(hdl.DELETE, array(PREFIX + "/T")).octets)
        octets = s.channel.receive_octets()
        self.assertTrue(octets is None or struct.unpack(">I", octets[24:28])[0] != 1)

    def test_keep_open_and_many(self):
        """A pool's connections, most of them resting, none logged in by another."""
        pool = [self.sdk(tag=10001 + i) for i in range(60)]
        self.assert_rc(pool[30].login(self.user()), 1)
        for i, s in enumerate(pool):
            self.create(s, "%s/POOL%d" % (PREFIX, i), rc=1 if i == 30 else 402)

    def test_hangs_up_in_the_middle(self):
        for step in range(3):
            s = Sdk(self.tcp())
            if step:
                challenge = s.begin(self.user())
            if step == 2:
                auth_type, proof = self.user().proof(challenge.nonce, challenge.digest[1], (2, 11))
                body = array(auth_type) + array(USER) + u32(300) + array(proof)
                s.channel.send(s.request(hdl.ANSWER_CHALLENGE, body, s.LOGIN_FLAGS).octets)
            s.channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                        struct.pack("ii", 1, 0))
            s.channel.socket.close()
        self.create(self.sdk(self.user()), PREFIX + "/STILL-THERE")


if __name__ == "__main__":
    unittest.main()
