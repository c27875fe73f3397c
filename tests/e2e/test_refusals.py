# SPDX-License-Identifier: Apache-2.0
"""Who may not: every refusal of protocol.md 11.4 with its code, in the reference's order, and what
nobody may do to the node's own administrators (threats.md 3)."""

import unittest

import auth
import hdl
import keys
from hdl import Value, array, u32
from staff import NA, PEOPLE, PREFIX, ROOT, StaffCase, url

T = PREFIX + "/T"
NEW = PREFIX + "/NEW"


def many(handle, *values):
    return array(handle) + auth.value_list(values)


def indexes(handle, *numbers):
    return array(handle) + u32(len(numbers)) + b"".join(u32(n) for n in numbers)


# What is refused before anybody is asked who he is: operation, body, flags, code.
BEFORE = [
    ("create: no UTF-8", hdl.CREATE, many(PREFIX.encode() + b"/\xff", url()), 0, 102),
    ("create: overlong UTF-8", hdl.CREATE, many(PREFIX.encode() + b"/\xc0\xaf", url()), 0, 102),
    ("create: surrogate", hdl.CREATE, many(PREFIX.encode() + b"/\xed\xa0\x80", url()), 0, 102),
    ("create: beyond Unicode", hdl.CREATE, many(PREFIX.encode() + b"/\xf4\x90\x80\x80", url()),
     0, 102),
    ("create: NUL", hdl.CREATE, many(PREFIX + "/a\0b", url()), 0, 102),
    ("create: newline", hdl.CREATE, many(PREFIX + "/a\nb", url()), 0, 102),
    ("create: longer than 2048", hdl.CREATE, many(PREFIX + "/" + "x" * 2048, url()), 0, 102),
    ("create: index 0", hdl.CREATE, many(NEW, url(0)), 0, 202),
    ("create: index below 0", hdl.CREATE, many(NEW, url(-1)), 0, 202),
    ("create: index twice", hdl.CREATE, many(NEW, url(2), url(1), url(2)), 0, 201),
    ("create: there already", hdl.CREATE, many(T, url()), 0, 101),
    ("create: there in other letters", hdl.CREATE, many(T.lower(), url()), 0, 101),
    ("create: another's prefix", hdl.CREATE, many("10.1/x", url()), 0, 301),
    ("add: nothing", hdl.ADD, many(T), 0, 202),
    ("add: index 0", hdl.ADD, many(T, url(0)), 0, 202),
    ("add: index below 0", hdl.ADD, many(T, url(-2)), 0, 202),
    ("add: index twice", hdl.ADD, many(T, url(9), url(9)), 0, 201),
    ("add: another's prefix", hdl.ADD, many("10.1/x", url()), 0, 301),
    ("remove: another's prefix", hdl.REMOVE, indexes("10.1/x", 1), 0, 301),
    ("delete: another's prefix", hdl.DELETE, array("10.1/x"), 0, 301),
    ("modify: no such record", hdl.MODIFY, many(NEW, url()), 0, 100),
    ("modify: no such value", hdl.MODIFY, many(T, url(77)), 0, 200),
    ("modify: read only", hdl.MODIFY, many(T, Value(6, "FIXED", "x")), 0, 401),
    ("modify: another's prefix", hdl.MODIFY, many("10.1/x", url()), 0, 301),
    ("list: another's prefix", hdl.LIST, array("0.NA/10.1"), 0, 301),
    ("home: no prefix", hdl.HOME, array(T), 0, 102),
    ("unhome: no prefix", hdl.UNHOME, array(T), 0, 102),
    ("transaction id", 1000, array("0.NA/x"), 0, 5),
]

# What is asked for first.
ASKED = [
    ("create", hdl.CREATE, many(NEW, url()), 0),
    ("create: mint", hdl.CREATE, many(NEW, url()), hdl.MNS),
    ("create: overwrite", hdl.CREATE, many(T, url()), hdl.OWE),
    ("create: a derived prefix", hdl.CREATE, many(NA + ".9", url()), 0),
    ("delete", hdl.DELETE, array(T), 0),
    ("delete: none", hdl.DELETE, array(NEW), 0),
    ("add", hdl.ADD, many(T, url(9)), 0),
    ("add: index in use", hdl.ADD, many(T, url(1)), 0),
    ("add: no such record", hdl.ADD, many(NEW, url(9)), 0),
    ("remove", hdl.REMOVE, indexes(T, 1), 0),
    ("remove: no such value", hdl.REMOVE, indexes(T, 77), 0),
    ("modify", hdl.MODIFY, many(T, url(1)), 0),
    ("modify: open value to administrator", hdl.MODIFY,
     many(T, auth.admin(5, ROOT)), 0),
    ("list", hdl.LIST, array(NA), 0),
    ("list homed", hdl.LIST_HOMED, array(""), 0),
    ("home", hdl.HOME, array("0.NA/88.55"), 0),
    ("unhome", hdl.UNHOME, array(NA), 0),
    ("private value", hdl.RESOLUTION, hdl.resolution_body(T, [3]), 0),
]


class Refusals(StaffCase):
    """`301` of PEOPLE may create and read; `302` only add values; `303` nothing."""

    @classmethod
    def prepare(cls, c):
        rights = [auth.admin(101, "301:" + PEOPLE, 0x0401), auth.admin(102, "302:" + PEOPLE, 0x40)]
        cls.done(c.add(NA, rights))
        cls.done(c.create(PREFIX + "/MANY", [url(1), url(2), auth.admin(100, ROOT)] + rights))

    def request(self, op, body, flags):
        keep = auth.KEEP & ~hdl.PO if op == hdl.RESOLUTION else auth.KEEP
        return hdl.Request(op, body, keep | flags)

    def test_refused_whoever_asks(self):
        for who in (None, self.root()):
            for name, op, body, flags, rc in BEFORE:
                with self.subTest(name, who=bool(who)):
                    c = self.client(who)
                    m = c.submit(self.request(op, body, flags))
                    self.assert_rc(m, rc)
                    self.assertEqual(c.challenges, 0, "asked first")

    def test_asked_who_he_is(self):
        for by in ("tcp", "udp"):
            for name, op, body, flags in ASKED:
                with self.subTest(name, by=by):
                    if by == "udp" and op in (hdl.LIST, hdl.LIST_HOMED):
                        continue
                    request = self.request(op, body, flags)
                    c = self.client(by=by)
                    m = self.assert_rc(c.channel.ask(request), 402)
                    if not flags & hdl.MNS:
                        auth.check_challenge(m, request)
                    self.assertEqual(len(m.nonce), 16)
                    self.assertTrue(m.flags & hdl.RD)

    def test_strangers(self):
        """A key that is right, and no right: 400. So for whom nobody knows (8, step 4)."""
        for who in (self.secret(303), self.secret(303, "wrong"),
                    auth.Nobody("300:88.118.8/nobody"), auth.Nobody("0:88.118.8/nobody"),
                    auth.Nobody("300:10.1/elsewhere"), auth.Nobody("1:")):
            for name, op, body, flags in ASKED:
                with self.subTest(name, who=who.handle, index=who.index):
                    m = self.client(who).submit(self.request(op, body, flags))
                    # What does not exist has no administrator. Index 0 is a key looked for.
                    absent = body.startswith(array(NEW)) and op in (hdl.DELETE, hdl.ADD)
                    codes = [100] if absent else [400]
                    self.assertIn(m.rc, codes + [403] * (who.index == 0), m.text)
        self.assert_is(T, [v for v in self.everything(T) if v.perms & hdl.PUBLIC_READ])

    def everything(self, name):
        return self.assert_rc(self.admin().all_values(name), 1).values

    def test_wrong_key(self):
        """The right identity, another key: 403, whatever is asked."""
        other = auth.Public(ROOT, keys.Ecdsa())
        for name, op, body, flags in ASKED:
            if op in (hdl.HOME, hdl.UNHOME, hdl.LIST_HOMED):
                continue
            if body.startswith(array(NEW)) and op in (hdl.DELETE, hdl.ADD):
                continue  # 100, whoever asks
            if "index in use" in name or "no such value" in name:
                continue  # test_strict
            with self.subTest(name):
                self.assert_rc(self.client(other).submit(self.request(op, body, flags)), 403)

    def test_proofs_that_are_none(self):
        sig = keys.Ecdsa().sign("SHA-256", b"x")
        for name, kind, proof in [
                ("nothing", "HS_PUBKEY", b""), ("no arrays", "HS_PUBKEY", b"\0\0\0\1"),
                ("signature only", "HS_PUBKEY", sig),
                ("unknown hash", "HS_PUBKEY", array("SHA-9") + array(sig)),
                ("empty signature", "HS_PUBKEY", array("SHA-256") + array("")),
                ("more behind", "HS_PUBKEY", array("SHA-256") + array(sig) + b"x"),
                ("a secret's proof", "HS_PUBKEY", b"\3" + bytes(32)),
                ("a secret for a public key", "HS_SECKEY", b"\3" + bytes(32)),
                ("zeros", "HS_PUBKEY", array("SHA-256") + array(keys.Der.pair(0, 0))),
                ("ones", "HS_PUBKEY", array("SHA-256") + array(keys.Der.pair(1, 1)))]:
            with self.subTest(name):
                m = self.client(auth.Nobody(ROOT, kind, proof)).delete(T)
                self.assertIn(m.rc, (403, 406), m.text)
        self.assertIn(self.client(auth.Nobody(ROOT, "HS_WHAT", sig)).delete(T).rc, (403, 404))

    def test_after_the_challenge(self):
        c = self.admin()
        self.assert_rc(c.delete(NEW), 100)
        self.assert_rc(c.add(NEW, [url(9)]), 100)
        self.assert_rc(c.add(T, [url(1)]), 201)
        self.assert_rc(c.remove(T, [1, 77]), 200)
        self.assert_rc(c.remove(NEW, [1]), 100)
        self.assertIn(1, [v.index for v in self.everything(T)])

    def test_everybody_may_write_an_open_value(self):
        m = self.client().modify(T, [Value(5, "OPEN", "by nobody", perms=0xF)])
        self.assert_rc(m, 1)
        self.assertIn(b"by nobody", [v.data for v in self.everything(T)])

    def test_an_open_value_and_another(self):
        m = self.client().modify(T, [Value(5, "OPEN", "x", perms=0xF), url(1, "x")])
        self.assert_rc(m, 402)

    def test_rights_of_one_record_only(self):
        """19, trap 16: permissions of two records are not added."""
        name, who = PREFIX + "/MANY", self.client(self.secret(302))
        self.assert_rc(who.add(name, [url(5)]), 1)
        self.assert_rc(who.add(name, [auth.admin(6, ROOT)]), 400)
        self.assert_rc(who.remove(name, [5]), 400)
        self.assert_rc(who.modify(name, [url(1, "x")]), 400)
        self.assert_rc(who.delete(name), 400)
        self.assert_rc(who.all_values(name, [1]), 1)  # public: nobody asks

    def test_rights_at_the_prefix(self):
        who = self.client(self.secret(301))
        self.assert_rc(who.create(PREFIX + "/BY301", [url()]), 1)
        self.assert_rc(who.delete(PREFIX + "/BY301"), 400)
        self.assert_rc(who.create(NA + ".8", [url()]), 400)
        self.assert_rc(who.create(PREFIX + "/BY301", [url(2)], hdl.OWE), 400)
        self.assert_rc(who.names(hdl.LIST, NA)[0], 400)

    def test_whole_or_not_at_all(self):
        """One value of several that may not be: nothing is changed."""
        name, c = PREFIX + "/WHOLE", self.admin()
        self.assert_rc(c.create(name, [url(1), Value(6, "F", "x", perms=10),
                                       auth.admin(100, ROOT)]), 1)
        self.assert_rc(c.modify(name, [url(1, "changed"), Value(6, "F", "y")]), 401)
        self.assert_rc(c.modify(name, [url(1, "changed"), url(7)]), 200)
        self.assert_rc(c.add(name, [url(8), url(1)]), 201)
        self.assert_rc(c.remove(name, [1, 9]), 200)
        m = hdl.ask_tcp(self.at, hdl.ask_for(name, [1, 7, 8]))
        self.assertEqual([(v.index, v.data) for v in m.values], [(1, url().data)])


class Answers(StaffCase):
    """Answers that fit no challenge (8.3)."""

    def challenge(self, c, body=None):
        request = hdl.Request(hdl.DELETE, body or array(NEW), auth.KEEP)
        return self.assert_rc(c.ask(request), 402)

    def test_no_challenge(self):
        c = self.tcp()
        challenge = self.challenge(c)
        self.assert_rc(c.ask(auth.answer(challenge, self.root(), session=0)), 405)

    def test_unknown_challenge(self):
        c = self.tcp()
        challenge = self.challenge(c)
        for number in (1, 0x7FFFFFFF, challenge.session ^ 1):
            self.assertIn(c.ask(auth.answer(challenge, self.root(), session=number)).rc, (405, 500))
        self.assertIn(c.ask(auth.answer(challenge, self.root(), session=-5)).rc, (405, 500))
        self.assert_rc(c.ask(auth.answer(challenge, self.root())), 100)

    def test_used_once(self):
        """Right or wrong, the first answer uses it up."""
        for first in (self.root(), auth.Nobody(ROOT)):
            c = self.tcp()
            challenge = self.challenge(c)
            self.assertIn(c.ask(auth.answer(challenge, first)).rc, (100, 403, 406))
            self.assertIn(c.ask(auth.answer(challenge, self.root())).rc, (405, 500))

    def test_bound_to_its_source(self):
        """Not to its connection: a stock client opens one for each message."""
        c, other = self.tcp(), self.tcp()
        challenge = self.challenge(c)
        self.assertIn(other.ask(auth.answer(challenge, self.root())).rc, (405, 500))
        source = c.socket.getsockname()[0]
        c.socket.close()
        again = self.tcp(source=source)
        self.assert_rc(again.ask(auth.answer(challenge, self.root())), 100)

    def test_bound_to_its_source_by_udp(self):
        c = self.udp()
        challenge = self.challenge(c)
        with hdl.Udp(self.at, source="127.0.0.9") as other:
            self.assertIn(other.ask(auth.answer(challenge, self.root())).rc, (405, 500))
        self.assertIn(self.tcp().ask(auth.answer(challenge, self.root())).rc, (405, 500))

    def test_signed_for_another_request(self):
        """The digest is the server's own: an answer to one is none to the other."""
        c = self.tcp()
        one, two = self.challenge(c), self.challenge(c, array(T))
        crossed = auth.answer(one, self.root(), session=two.session)
        self.assert_rc(c.ask(crossed), 403)

    def test_malformed_answers(self):
        for name, body in [("nothing", b""), ("cut", array("HS_PUBKEY") + array(NA)),
                           ("huge", array("HS_PUBKEY") + u32(0x7FFFFFFF))]:
            with self.subTest(name):
                c = self.tcp()
                challenge = self.challenge(c)
                request = hdl.Request(hdl.ANSWER_CHALLENGE, body, auth.KEEP,
                                      session=challenge.session)
                self.assertIn(c.ask(request).rc, (2, 4, 403, 405, 406))


class LockedOut(StaffCase):
    """A change after which nobody could administer the prefix is refused, whoever wants it."""

    def values(self):
        return self.assert_rc(self.admin().all_values(NA), 1).values

    def refuse(self, m, before):
        self.assertNotEqual(m.rc, 1)
        self.assertNotEqual(m.text, "", "says nothing")
        self.assertEqual([v.key() for v in self.values()], before)

    def test_last_administrator(self):
        c, before = self.admin(), [v.key() for v in self.values()]
        for name, send in [
                ("remove HS_ADMIN", lambda: c.remove(NA, [100])),
                ("remove the group", lambda: c.remove(NA, [200])),
                ("remove the key", lambda: c.remove(NA, [300])),
                ("delete the record", lambda: c.delete(NA)),
                ("fewer rights", lambda: c.modify(NA, [auth.admin(100, "200:" + NA, 0x7F3 & ~0x1C0)])),
                ("an empty group", lambda: c.modify(NA, [auth.vlist(200, [])])),
                ("a group of nobody", lambda: c.modify(NA, [auth.vlist(200, ["300:88.118.8/none"])])),
                ("no key", lambda: c.modify(NA, [Value(300, "URL", "x")])),
                ("a broken key", lambda: c.modify(NA, [Value(300, "HS_PUBKEY", "x")])),
                ("overwrite", lambda: c.create(NA, [url()], hdl.OWE))]:
            with self.subTest(name):
                self.refuse(send(), before)

    def test_but_another_may_follow(self):
        """A new key in place of the old one, in one change, is no lock-out."""
        old, new = self.root(), keys.Ecdsa()
        self.assert_rc(self.admin().modify(NA, [Value(300, "HS_PUBKEY", new.public())]), 1)
        self.assert_rc(self.admin().create(NEW, [url()]), 403)
        c = self.client(auth.Public(ROOT, new))
        self.assert_rc(c.modify(NA, [Value(300, "HS_PUBKEY", old.key.public())]), 1)


if __name__ == "__main__":
    unittest.main()
