# SPDX-License-Identifier: Apache-2.0
"""Sessions (protocol.md 9): set up, proven once, MACed and counted, encrypted, ended. What is
captured on the wire and sent again changes nothing."""

import unittest

import auth
import hdl
import keys
from auth import Session
from hdl import array
from staff import NA, PEOPLE, PREFIX, ROOT, StaffCase, url

TEXT = "https://example.cn/"
# p = 2q + 1 of 1024 bits (RFC 2409, group 2) and of 768 (group 1); the second is what old stock
# clients may still choose.
P1024 = int("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08"
            "798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637"
            "ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF", 16)
P768 = int("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A087"
           "98E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36"
           "20FFFFFFFFFFFFFFFF", 16)


# A record as its creator registers it, who may change it later.
VALUES = [url(), auth.admin(100, "200:" + NA)]


def record(name):
    return array(name) + auth.value_list(VALUES)


class SessionCase(StaffCase):
    def session(self, who=None, channel=None, **more):
        s = Session.setup(channel or self.tcp(), who or self.root(), **more)
        self.assertIsInstance(s, Session, getattr(s, "text", ""))
        return s

    def proven(self, who=None):
        """A session that has proven who it is."""
        s = self.session(who)
        self.create(s, "%s/PROOF%d" % (PREFIX, s.id))
        return s

    def create(self, s, name, rc=1, **more):
        return self.assert_rc(s.ask(hdl.CREATE, record(name), **more), rc)


class Sessions(SessionCase):
    settings = {"workers": 2}

    def test_life(self):
        s = self.session()
        name = PREFIX + "/LIFE"
        self.create(s, name)
        self.assert_is(name, VALUES)
        # From now on nobody asks any more.
        request = s.request(hdl.ADD, array(name) + auth.value_list([url(2)]))
        self.assert_rc(s.exchange(request), 1)
        self.assert_is(name, [url(), url(2), VALUES[1]])
        self.assert_rc(s.ask(hdl.DELETE, array(name)), 1)
        self.assert_absent(name)
        self.assert_rc(s.ask(hdl.SESSION_TERMINATE, array("")), 1)
        self.assert_rc(s.ask(hdl.SESSION_TERMINATE, array("")), 500)
        self.create(s, name, 500)

    def test_answers_are_signed_and_maced(self):
        flags = auth.KEEP | hdl.CT
        c = self.tcp()
        m = c.ask(hdl.Request(hdl.SESSION_SETUP, auth.setup_body(
            4, self.root(), array(auth.dh_public(pow(2, 77, auth.DH_P)))), flags))
        self.assertEqual(m.signature()[0], b"HS_SIGNED")
        s = self.session(flags=flags)
        counted = s.server_counter
        for i in range(3):
            m = self.create(s, "%s/MACED%d" % (PREFIX, i), flags=flags)
            self.assertEqual(m.signature()[0], b"HS_MAC")  # and right: Session.open checks
            self.assertGreater(s.server_counter, counted)
            counted = s.server_counter

    def test_over_connections_and_udp(self):
        """A session is the client's, not the connection's."""
        s = self.proven()
        for i, channel in enumerate((self.tcp(), self.tcp(), self.tcp())):
            s.channel = channel
            self.create(s, "%s/MOVED%d" % (PREFIX, i))
        with hdl.Udp(self.at) as u:
            request = s.request(hdl.CREATE, record(PREFIX + "/MOVED-UDP"))
            m = u.ask(request)
            self.assert_rc(m, 1)

    def test_encrypted(self):
        s = self.proven()
        name = PREFIX + "/HIDDEN"
        request = s.request(hdl.CREATE, record(name), encrypted=True)
        self.assertNotIn(name.encode(), request.octets)
        s.channel.send(request.octets)
        octets = s.channel.receive_octets()
        self.assertTrue(octets[2] & hdl.ENCRYPTED)
        self.assert_rc(s.open(octets), 1)
        self.assert_is(name, VALUES)

    def test_encrypted_from_the_start(self):
        s = self.session()
        self.create(s, PREFIX + "/HIDDEN-FIRST", encrypted=True)

    def test_private_values_go_out_encrypted(self):
        """9.3: from 2.8 on, asked for or not."""
        s = self.proven()
        request = s.request(hdl.RESOLUTION, hdl.resolution_body(PREFIX + "/T"),
                            auth.KEEP & ~hdl.PO)
        s.channel.send(request.octets)
        octets = s.channel.receive_octets()
        self.assertTrue(octets[2] & hdl.ENCRYPTED)
        m = self.assert_rc(s.open(octets), 1)
        self.assertIn(3, m.indexes())

    def test_refusals(self):
        s = self.proven()
        name = PREFIX + "/REFUSED"
        body = record(name)
        bare = hdl.Request(hdl.CREATE, body, auth.KEEP, session=s.id)
        self.assert_rc(s.exchange(bare), 404)
        self.assert_rc(s.exchange(s.request(hdl.CREATE, body, key=bytes(32))), 502)
        self.assert_rc(s.exchange(s.request(hdl.CREATE, body, session=0x12345678)), 500)
        request = s.request(hdl.DELETE, array(PREFIX + "/none"))
        self.assert_rc(s.exchange(request), 100)
        self.assert_rc(s.exchange(request), 505)
        self.assert_rc(s.exchange(s.request(hdl.CREATE, body, counter=s.counter)), 505)
        self.assert_absent(name)
        self.create(s, name)

    def test_one_octet_changed(self):
        """Of envelope, header, body or MAC: never done."""
        s = self.proven()
        name = PREFIX + "/CHANGED"
        request = s.request(hdl.CREATE, record(name))
        # Of the envelope the request id is covered; of the credential version, options, signer, the
        # section's length and the algorithm's spelling are not, and decide nothing.
        at = 20 + len(request.covered) + 4
        for at in [*range(8, 12), *range(20, 40), *range(44, at - 4), *range(at + 8, at + 22),
                   *range(at + 41, len(request.octets))]:
            changed = bytearray(request.octets)
            changed[at] ^= 1
            c = self.tcp()
            c.send(bytes(changed))
            m = c.receive()
            self.assertTrue(m is None or m.rc != 1, "octet %d" % at)
            c.socket.close()
        self.assert_absent(name)
        self.assert_rc(s.exchange(request), 1)

    def test_replay_window(self):
        """9.1: 200 behind the highest are told apart, older ones refused, 0 is not checked."""
        s = self.proven()
        name = array(PREFIX + "/none")

        def rc(counter):
            return s.exchange(s.request(hdl.DELETE, name, counter=counter)).rc

        self.assertEqual([rc(n) for n in (500, 499, 301, 302, 499, 500, 301)],
                         [100, 100, 100, 100, 505, 505, 505])
        self.assertEqual([rc(n) for n in (300, 2, 501, 0, 0)], [505, 505, 100, 100, 100])
        self.assertEqual(rc(0x7FFFFFFF), 100)
        self.assertEqual(rc(501), 505)

    def test_captured_packets(self):
        """threats.md 3: each packet sent again 100 times, from here and elsewhere: applied 0."""
        s = self.proven()
        captured = []
        for i in range(5):
            request = s.request(hdl.CREATE, record("%s/CAP%d" % (PREFIX, i)))
            self.assert_rc(s.exchange(request), 1)
            captured.append(request)
        for i in range(5):
            self.assert_rc(s.ask(hdl.DELETE, array("%s/CAP%d" % (PREFIX, i))), 1)
        for request in captured:
            codes = set()
            with hdl.Tcp(self.at, source="127.0.0.7") as c:
                for _ in range(100):
                    codes.add(c.ask(request).rc)
            self.assertEqual(codes, {505})
        for i in range(5):
            self.assert_absent("%s/CAP%d" % (PREFIX, i))

    def test_anonymous(self):
        """No identity: encryption alone. Changes are not for nobody."""
        s = Session.setup(self.tcp())
        m = s.ask(hdl.RESOLUTION, hdl.resolution_body(PREFIX + "/T"), encrypted=True)
        self.assert_rc(m, 1)
        self.assertNotEqual(s.ask(hdl.DELETE, array(PREFIX + "/T")).rc, 1)

    def test_who_answers_must_be_who_set_up(self):
        """9.1, 4: otherwise the request succeeds and the session stays as it was."""
        s = self.session(self.secret(301))
        s.who = self.root()
        self.create(s, PREFIX + "/OTHER")
        request = s.request(hdl.DELETE, array(PREFIX + "/OTHER"))
        self.assert_rc(s.exchange(request), 402)

    def test_strangers_session(self):
        s = self.session(self.secret(301))
        self.create(s, PREFIX + "/STRANGER", 400)
        self.assert_absent(PREFIX + "/STRANGER")

    def test_wrong_key_in_a_session(self):
        s = self.session(auth.Public(ROOT, keys.Ecdsa()))
        self.create(s, PREFIX + "/WRONG", 403)

    def test_rights_taken_away_count_at_once(self):
        who = self.secret(302)
        root = self.admin()
        self.assert_rc(root.add(NA, [auth.admin(150, "302:" + PEOPLE, 1)]), 1)
        s = self.session(who)
        self.create(s, PREFIX + "/BEFORE")
        self.assert_rc(root.remove(NA, [150]), 1)
        self.create(s, PREFIX + "/AFTER", 400)

    def test_setups_that_are_refused(self):
        c = self.tcp()
        y = pow(2, 99, auth.DH_P)
        even = auth.DH_P - 1
        for name, mode, rest, codes in [
                ("mode 0", 0, b"", (501, 504)), ("mode 9", 9, b"", (501, 504)),
                ("client cipher", 1, array(keys.Rsa.generate().public()), (501, 503, 504)),
                ("server cipher", 2, b"", (501, 503)),
                ("y 0", 4, array(auth.dh_public(0)), (501, 504)),
                ("y 1", 4, array(auth.dh_public(1)), (501, 504)),
                ("y p-1", 4, array(auth.dh_public(auth.DH_P - 1)), (501, 504)),
                ("y p", 4, array(auth.dh_public(auth.DH_P)), (501, 504)),
                ("p even", 4, array(auth.dh_public(y, even)), (501, 504)),
                ("p of 64 bits", 4, array(auth.dh_public(5, (1 << 64) - 59)), (501, 504)),
                ("p of 8192 bits", 4, array(auth.dh_public(y, (1 << 8191) + 1)), (501, 504)),
                ("p 0", 4, array(auth.dh_public(y, 0)), (501, 504)),
                ("no key", 4, array(""), (4, 501, 504)),
                ("another's key", 4, array(keys.Ecdsa().public()), (501, 504))]:
            with self.subTest(name):
                m = c.ask(hdl.Request(hdl.SESSION_SETUP, auth.setup_body(mode, self.root(), rest),
                                      auth.KEEP))
                self.assertIn(m.rc, codes, m.text)

    def test_groups_of_old_clients(self):
        for p in (P1024, P768):
            s = Session.setup(self.tcp(), self.root(), p=p)
            self.create(s, "%s/DH%d" % (PREFIX, p.bit_length()))

    def test_old_versions(self):
        """DES and ECB are not offered any more (decisions.md 12)."""
        for version in ((2, 0), (2, 3)):
            body = auth.setup_body(4, self.root(), array(auth.dh_public(pow(2, 9, auth.DH_P))))
            m = self.tcp().ask(hdl.Request(hdl.SESSION_SETUP, body, auth.KEEP, version=version))
            self.assert_rc(m, 501)

    def test_encrypted_rubbish(self):
        s = self.proven()
        for session, octets, codes in ((0, bytes(64), (501,)), (0x7654321, bytes(64), (500,)),
                                       (s.id, bytes(64), (2, 4, 500, 502)),
                                       (s.id, bytes(63), (2, 4, 500, 502)),
                                       (s.id, b"", (2, 4, 500, 502))):
            c = self.tcp()
            c.send(hdl.envelope(len(octets), 77, session, flags=hdl.ENCRYPTED) + octets)
            m = c.receive()
            self.assertTrue(m is None or m.rc in codes, m and (m.rc, m.text))

    def test_unknown_sessions(self):
        """Any message, plain resolution too: clients then make a new one (19, trap 18)."""
        c = self.tcp()
        self.assert_rc(c.ask(hdl.ask_for(PREFIX + "/T", flags=auth.KEEP, session=0x1234567)), 500)
        self.assert_rc(c.ask(hdl.Request(hdl.SESSION_TERMINATE, array(""), auth.KEEP)), 500)

    def test_after_a_restart(self):
        s = self.proven()
        self.node.stop()
        self.node.start(**self.settings)
        s.channel = self.tcp()
        self.assert_rc(s.ask(hdl.DELETE, array(PREFIX + "/none")), 500)

    def test_end_needs_the_key(self):
        s = self.proven()
        bad = s.request(hdl.SESSION_TERMINATE, array(""), key=bytes(32))
        self.assertIn(s.exchange(bad).rc, (502,))
        self.assert_rc(s.exchange(hdl.Request(hdl.SESSION_TERMINATE, array(""), auth.KEEP,
                                              session=s.id)), 404)
        self.create(s, PREFIX + "/STILL")

    def test_many_for_one_identity(self):
        """threats.md 3: 16 of one identity prove themselves; anonymous ones push each other out,
        never those that have."""
        mine = self.proven()
        for _ in range(200):
            m = Session.setup(self.tcp() if _ % 50 == 0 else self.open_channels[-1])
            self.assertTrue(isinstance(m, Session) or m.rc in (3, 501), m)
        self.create(mine, PREFIX + "/NOT-PUSHED-OUT")


if __name__ == "__main__":
    unittest.main()
