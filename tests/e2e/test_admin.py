# SPDX-License-Identifier: Apache-2.0
"""Changes by those who may: each operation, what it answers, and that everybody sees it as soon as
it is acknowledged (protocol.md 4.2, 11.4)."""

import re
import time
import unittest

import auth
import hdl
from hdl import array
from staff import NA, PREFIX, StaffCase, url


class Changes(StaffCase):
    settings = {"workers": 2, "server_admins": '[ "300:%s" ]' % NA}

    def name(self, suffix):
        return "%s/%s.%s" % (PREFIX, type(self).__name__, suffix)

    def test_whole_life(self):
        name, c = self.name("LIFE"), self.admin()
        one, two = url(1), hdl.Value(7, "EMAIL", "a@example.cn")
        m = self.assert_rc(c.create(name, [two, one]), 1)
        self.assertEqual(m.handle, name.encode())
        self.assert_is(name, [one, two])
        three = hdl.Value(9, "DESC", "added")
        self.assert_rc(c.add(name, [three]), 1)
        self.assert_is(name, [one, two, three])
        one = url(1, "https://example.cn/other")
        self.assert_rc(c.modify(name, [one]), 1)
        self.assert_is(name, [one, two, three])
        self.assert_rc(c.remove(name, [7, 9]), 1)
        self.assert_is(name, [one])
        self.assert_rc(c.delete(name), 1)
        self.assert_absent(name)
        self.assert_rc(c.create(name, [two]), 1)
        self.assert_is(name, [two])

    def test_visible_with_the_acknowledgement(self):
        """By whichever worker the next question is answered."""
        c = self.admin()
        for i in range(40):
            name = self.name("NOW%d" % i)
            self.assert_rc(c.create(name, [url(1, "n%d" % i)]), 1)
            with hdl.Udp(self.at) as other:
                m = other.ask(hdl.ask_for(name))
            self.assertEqual((m.rc, m.values[0].data), (1, b"n%d" % i))

    def test_survives_a_restart(self):
        name = self.name("KEPT")
        self.assert_rc(self.admin().create(name, [url()]), 1)
        self.node.stop()
        self.node.start(**self.settings)
        self.assert_is(name, [url()])
        self.assert_rc(self.admin().delete(name), 1)
        self.node.stop()
        self.node.start(**self.settings)
        self.assert_absent(name)

    def test_killed_after_the_acknowledgement(self):
        name, c = self.name("KILLED"), self.admin()
        self.assert_rc(c.create(name, [url()]), 1)
        self.node.process.kill()
        self.node.process.wait()
        self.node.reader.join(20)
        self.node.process.stderr.close()
        self.node.start(**self.settings)
        self.assert_is(name, [url()])

    def test_the_server_writes_the_time(self):
        name, c = self.name("TIME"), self.admin()
        before = int(time.time())
        self.assert_rc(c.create(name, [url(1, time_s=5), url(2, time_s=0xFFFFFFFF)]), 1)
        self.assert_rc(c.add(name, [url(3, time_s=5)]), 1)
        m = c.all_values(name)
        for v in m.values:
            self.assertTrue(before <= v.time_s <= int(time.time()), v.time_s)

    def test_everything_of_a_value_is_kept(self):
        name, c = self.name("WHOLE"), self.admin()
        values = [hdl.Value(1, "X", bytes(range(256)), perms=0x0E, ttl=7),
                  hdl.Value(2, "10320/loc", "<x/>", ttl=2000000000, ttl_kind=1),
                  hdl.Value(0x7FFFFFFF, "二进制", "值", refs=(("0.NA/1".encode(), 1),)),
                  hdl.Value(3, "", "")]
        self.assert_rc(c.create(name, values), 1)
        m = self.assert_rc(c.all_values(name), 1)
        self.assertEqual([v.key() for v in m.values],
                         [v.key() for v in sorted(values, key=lambda v: v.index)])

    def test_private_values_are_for_administrators(self):
        c = self.admin()
        m = self.assert_rc(c.all_values(PREFIX + "/T"), 1)
        self.assertEqual(m.indexes(), [1, 3, 4, 5, 6, 100])
        self.assert_rc(c.channel.ask(hdl.ask_for(PREFIX + "/T", [3])), 200)
        m = c.channel.ask(hdl.ask_for(PREFIX + "/T", flags=auth.KEEP))
        self.assertNotIn(3, m.indexes())

    def test_a_secret_key_that_says_it_is_public(self):
        """6.2: never. Stock clients give it the default permissions, and however it came into the
        record, a question without a filter does not show it."""
        c, secret = self.admin(), hdl.Value(300, "HS_SECKEY", "geheim", perms=0x0E)
        for i, make in enumerate((
                lambda name: c.create(name, [url(), secret]),
                lambda name: c.create(name, [url()]).rc == 1 and c.add(name, [secret]),
                lambda name: c.create(name, [url(), hdl.Value(300, "PIN", "x")]).rc == 1 and
                c.modify(name, [secret]),
                lambda name: c.create(name, [url()]).rc == 1 and
                c.create(name, [url(), secret], hdl.OWE),
                lambda name: c.create(name, [url(), secret, hdl.Value(7, "X", "x")]).rc == 1 and
                c.remove(name, [7]))):
            with self.subTest(way=i):
                name = self.name("SECKEY%d" % i)
                self.assert_rc(make(name), 1)
                self.assert_is(name, [url()])

    def test_who_reads_only_public_values_is_not_asked(self):
        c = self.admin()
        m = self.assert_rc(c.all_values(PREFIX + "/T", [1, 5]), 1)
        self.assertEqual((m.indexes(), c.challenges), ([1, 5], 0))

    def test_what_nobody_may_read(self):
        """11.3: 401 is not about who asks, when the first value that counts is such a one."""
        self.assert_rc(self.admin().all_values(PREFIX + "/T", [4]), 401)

    def test_overwrite(self):
        name, c = self.name("OVER"), self.admin()
        m = self.assert_rc(c.create(name, [url(1), url(2)], hdl.OWE), 1)
        self.assertFalse(m.flags & hdl.OWE, "nothing was overwritten")
        m = self.assert_rc(c.create(name, [url(2, "new")], hdl.OWE), 1)
        self.assertTrue(m.flags & hdl.OWE)
        self.assert_is(name, [url(2, "new")])
        m = self.assert_rc(c.add(name, [url(3)], hdl.OWE), 1)
        self.assertFalse(m.flags & hdl.OWE)
        m = self.assert_rc(c.add(name, [url(3, "newer"), url(4)], hdl.OWE), 1)
        self.assertTrue(m.flags & hdl.OWE)
        self.assert_is(name, [url(2, "new"), url(3, "newer"), url(4)])

    def test_mint(self):
        c = self.admin()
        seen = set()
        for _ in range(3):
            m = self.assert_rc(c.create(self.name("MINT-"), [url()], hdl.MNS), 1)
            self.assertTrue(m.flags & hdl.MNS)
            self.assertRegex(m.handle.decode(), "^" + re.escape(self.name("MINT-")) +
                             "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
            self.assert_is(m.handle.decode(), [url()])
            seen.add(m.handle)
        self.assertEqual(len(seen), 3)

    def test_spelling(self):
        """The registered spelling is kept, the asker's echoed, ASCII case folded."""
        name, c = self.name("Spelling-É"), self.admin()
        self.assert_rc(c.create(name, [url()]), 1)
        self.assert_rc(c.create(name.upper().replace("É", "É"), [url()]), 101)
        m = hdl.ask_udp(self.at, hdl.ask_for(name.lower().replace("é", "É")))
        self.assertEqual((m.rc, m.handle.decode()), (1, name.lower().replace("é", "É")))

    def test_names_that_may_be_registered(self):
        c = self.admin()
        for suffix in ("", "a/b/c", "空格 有", "x" * (2048 - len(PREFIX) - 1), ".", "a:b@c"):
            name = PREFIX + "/" + suffix
            with self.subTest(suffix[:20]):
                self.assert_rc(c.create(name, [url()]), 1)
                self.assert_is(name, [url()])
                self.assert_rc(c.delete(name), 1)

    def test_large_record(self):
        name, c = self.name("LARGE"), self.admin()
        values = [hdl.Value(i, "DESC", b"%04d" % i + b"x" * 1000) for i in range(1, 201)]
        self.assert_rc(c.create(name, values), 1)
        self.assert_is(name, values, by=hdl.ask_tcp)

    def test_a_derived_prefix(self):
        name, c = NA + ".5", self.admin()
        self.assert_rc(c.create(name, [url()]), 1)
        self.assert_is(name, [url()])
        self.assert_rc(c.delete(name), 1)

    def test_by_udp(self):
        """Each message in one packet or several; a repeated packet changes nothing twice."""
        c = self.client(self.root(), by="udp")
        small, large = self.name("UDP"), self.name("UDP-LARGE")
        self.assert_rc(c.create(small, [url()]), 1)
        self.assert_is(small, [url()])
        values = [hdl.Value(i, "DESC", "x" * 300) for i in range(1, 5)]
        self.assert_rc(c.create(large, values), 1)
        self.assert_is(large, values)
        self.assert_rc(c.delete(small), 1)
        self.assert_absent(small)

    def test_by_udp_the_answer_is_repeated(self):
        """8.3, 10.1: a client that lost our answer sends the same packet again."""
        name, c = self.name("UDP-AGAIN"), self.udp()
        request = hdl.Request(hdl.CREATE, array(name) + auth.value_list([url()]), auth.KEEP)
        challenge = self.assert_rc(c.ask(request), 402)
        again = self.assert_rc(c.ask(request), 402)
        self.assertEqual((challenge.session, challenge.nonce), (again.session, again.nonce))
        proof = auth.answer(challenge, self.root())
        self.assert_rc(c.ask(proof), 1)
        repeated = c.ask(proof)
        self.assertIn(repeated.rc, (1, 405, 500))
        self.assert_is(name, [url()])

    def test_versions(self):
        """A client of each version from 2.7 proves itself in its own form."""
        for minor in (7, 8, 9, 11):  # 10: test_strict
            with self.subTest(minor):
                c = self.admin(version=(2, minor))
                m = self.assert_rc(c.create(self.name("V%d" % minor), [url()]), 1)
                self.assertEqual(m.version, (2, minor))

    def test_digest_when_asked(self):
        c = self.admin()
        request = hdl.Request(hdl.DELETE, array(self.name("none")), auth.KEEP | hdl.RD)
        m = c.submit(request)
        self.assertEqual(m.rc, 100)
        self.assertTrue(m.digest_is_of(request.covered))

    def test_pipelined(self):
        """Many at once on one connection, each with a challenge of its own."""
        c, who = self.tcp(), self.root()
        requests = [hdl.Request(hdl.CREATE, array(self.name("PIPE%d" % i)) +
                                auth.value_list([url()]), auth.KEEP) for i in range(6)]
        c.send(b"".join(r.octets for r in requests))
        challenges = [c.receive() for _ in requests]
        self.assertEqual(sorted(m.id for m in challenges), sorted(r.id for r in requests))
        answers = [auth.answer(m, who) for m in challenges]
        c.send(b"".join(a.octets for a in answers))
        finals = [c.receive() for _ in answers]
        self.assertEqual({m.id: m.rc for m in finals}, {a.id: 1 for a in answers})


class Lists(StaffCase):
    """105 and 302: fifty names a message (4.2)."""

    settings = {"workers": 2, "server_admins": '[ "300:%s" ]' % NA}

    def names_under(self, prefix):
        c = self.admin()
        messages = c.names(hdl.LIST, prefix)
        self.assert_rc(messages[0], 1)
        for m in messages[:-1]:
            self.assertEqual(len(m.names), 50)
        self.assertLessEqual(len(messages[-1].names), 50)
        return [n.decode() for m in messages for n in m.names]

    def test_lists(self):
        c = self.admin()
        for digit, count in enumerate((0, 1, 49, 50, 51, 100, 117), 1):
            prefix = "%s.%d" % (NA, digit)
            with self.subTest(count):
                self.assert_rc(c.home(prefix), 1)
                self.assert_rc(c.create(prefix, [auth.admin(100, "300:" + NA)]), 1)
                names = ["%s.%d/N%03d" % (PREFIX, digit, i) for i in range(count)]
                for name in names:
                    self.assert_rc(c.create(name, [url()]), 1)
                self.assertEqual(sorted(self.names_under(prefix)), names)
                self.assertEqual(sorted(self.names_under(prefix[5:])), names)
        self.assert_rc(c.delete(names[3]), 1)
        self.assertEqual(sorted(self.names_under(prefix)), names[:3] + names[4:])

    def test_the_connection_goes_on(self):
        c = self.admin()
        self.assert_rc(c.names(hdl.LIST, NA)[0], 1)
        self.assert_rc(c.channel.ask(hdl.ask_for(PREFIX + "/T", flags=auth.KEEP)), 1)

    def test_home_and_unhome(self):
        prefix, c = "0.NA/88.77", self.admin()
        name = "88.77/X"
        self.assert_rc(c.create(name, [url()]), 301)
        self.assert_rc(c.home(prefix), 1)
        self.assertIn(prefix, [n.decode() for m in c.names(hdl.LIST_HOMED) for n in m.names])
        self.assert_rc(c.create(name, [url()]), 1)
        self.assert_is(name, [url()])
        self.assert_rc(c.unhome(prefix), 1)
        self.assertNotIn(prefix, [n.decode() for m in c.names(hdl.LIST_HOMED) for n in m.names])
        self.assert_rc(c.create("88.77/Y", [url()]), 301)
        self.assert_rc(c.channel.ask(hdl.ask_for(name, flags=auth.KEEP)), 301)

    def test_home_twice(self):
        c = self.admin()
        self.assert_rc(c.home("0.NA/88.78"), 1)
        self.assert_rc(c.home("0.NA/88.78"), 1)

    def test_only_listed_administrators_home(self):
        m = self.client(self.secret(301)).home("0.NA/88.79")
        self.assert_rc(m, 400)
        self.assert_rc(self.client().home("0.NA/88.79"), 402)
        self.assert_rc(self.client().ask(hdl.LIST_HOMED, array("")), 402)


class NoLists(StaffCase):
    settings = {"workers": 1, "list_handles": "false"}

    def test_lists_can_be_switched_off(self):
        self.assert_rc(self.admin().ask(hdl.LIST, array(NA)), 5)


class HomeOnly(StaffCase):
    """Who may home prefixes may not do everything."""

    settings = {"workers": 1, "home_only_admins": '[ "301:%s/PEOPLE" ]' % PREFIX}

    def test_home_only(self):
        c = self.client(self.secret(301))
        self.assert_rc(c.home("0.NA/88.80"), 1)
        self.assert_rc(c.create("88.80/X", [url()]), 400)
        self.assert_rc(c.delete(PREFIX + "/T"), 400)
        self.assert_rc(c.unhome("0.NA/88.80"), 1)

    def test_the_prefix_administrator_is_none_of_the_node(self):
        self.assert_rc(self.admin().home("0.NA/88.81"), 400)


if __name__ == "__main__":
    unittest.main()
