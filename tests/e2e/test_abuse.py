# SPDX-License-Identifier: Apache-2.0
"""Attacks on logins (threats.md 3), each in numbers: none of a thousand succeeds, and whoever
administers from elsewhere notices nothing."""

import secrets
import time
import unittest

import auth
import hdl
import keys
from hdl import Malformed, Request, array
from staff import NA, PREFIX, ROOT, StaffCase, url

T = PREFIX + "/T"
TIMES = 1000


def delete(name=T, flags=auth.KEEP):
    return Request(hdl.DELETE, array(name), flags)


class Relay:
    """A man in the middle who has the administrator's client as his customer: what it sends to
    him he sends on, changed, and what comes back he hands out, changed."""

    def __init__(self, channel, request=None, challenge=None, answer=None):
        self.channel = channel
        self.change = {"request": request, "challenge": challenge, "answer": answer}
        self.signed = 0

    def ask(self, request):
        if request.op == hdl.ANSWER_CHALLENGE:
            self.signed += 1
            changed = self.change["answer"]
            return self.channel.ask(changed(request) if changed else request)
        changed = self.change["request"]
        m = self.channel.ask(changed(request) if changed else request)
        if m.rc == 402 and self.change["challenge"]:
            m = self.change["challenge"](m)
        return m


class Relays(StaffCase):
    """The administrator wants to read his own record; the attacker wants to delete T."""

    settings = {"workers": 1}

    @classmethod
    def prepare(cls, c):
        cls.done(c.create(PREFIX + "/MINE", [hdl.Value(3, "P", "x", perms=0xC),
                                             auth.admin(100, ROOT)]))

    def tearDown(self):
        self.assert_is(T, self.visible)
        super().tearDown()

    def setUp(self):
        super().setUp()
        self.visible = hdl.ask_tcp(self.at, hdl.ask_for(T)).values

    def run_relay(self, times, **how):
        """How often the administrator's client signed."""
        who, channel, signed = self.root(), self.tcp(), 0
        for _ in range(times):
            relay = Relay(channel, **{k: v(channel) for k, v in how.items()})
            try:
                m = auth.Client(relay, who).all_values(PREFIX + "/MINE")
                self.assertIn(m.rc, (1, 403, 405, 500), m.text)
            except Malformed:
                pass
            signed += relay.signed
        return signed

    def test_another_request_in_its_place(self):
        signed = self.run_relay(TIMES // 4, request=lambda c: lambda r: Request(
            hdl.DELETE, array(T), auth.KEEP, request_id=r.id))
        self.assertEqual(signed, 0)

    def test_another_requests_challenge(self):
        """The attacker's own challenge is handed to the administrator."""
        def swap(c):
            def change(m):
                theirs = c.ask(delete())
                theirs.op, theirs.id = m.op, m.id
                return theirs
            return change

        self.assertEqual(self.run_relay(TIMES // 4, challenge=swap), 0)

    def test_its_digest_is_kept_and_the_nonce_is_another(self):
        """What is signed then fits no challenge that the server made."""
        def swap(c):
            def change(m):
                theirs = c.ask(delete())
                m.nonce, m.session = theirs.nonce, theirs.session
                return m
            return change

        self.run_relay(TIMES // 4, challenge=swap)

    def test_flags_stripped(self):
        """CT and the like are part of what is signed."""
        for flag in (hdl.CT, hdl.PO, hdl.RD, hdl.OWE):
            signed = self.run_relay(TIMES // 16, request=lambda c: lambda r: Request(
                r.op, r.covered[24:], r.flags ^ flag if flag != hdl.PO else r.flags ^ hdl.AT,
                request_id=r.id))
            self.assertEqual(signed, 0)

    def test_answers_are_used_for_something_else(self):
        """A signature is caught and sent to the attacker's own challenge."""
        def divert(c):
            def change(r):
                theirs = c.ask(delete())
                return Request(r.op, r.covered[24:], r.flags, session=theirs.session,
                               request_id=r.id)
            return change

        # Each is a wrong answer, after which the network has to wait: so many networks.
        for _ in range(TIMES // 4):
            c = self.tcp()
            with self.assertRaisesRegex(Malformed, "operation 101"):
                auth.Client(Relay(c, answer=divert(c)), self.root()).all_values(PREFIX + "/MINE")
            c.socket.close()


class Floods(StaffCase):
    settings = {"workers": 2}

    def guess(self, c, who):
        m = c.ask(delete())
        if m.rc != 402:
            return m.rc
        return c.ask(auth.answer(m, who)).rc

    def test_a_thousand_wrong_keys(self):
        """Each from a network of its own, so that none is turned away unseen."""
        kinds = [lambda: auth.Public(ROOT, self.made),
                 lambda: auth.Nobody(ROOT, "HS_PUBKEY", array("SHA-256") +
                                     array(secrets.token_bytes(72))),
                 lambda: auth.Nobody(ROOT, "HS_SECKEY", b"\3" + secrets.token_bytes(32)),
                 lambda: auth.Secret(ROOT, secrets.token_bytes(8), "pbkdf2", iterations=1)]
        self.made = keys.Ecdsa()
        for i in range(TIMES):
            c = self.tcp()
            self.assertIn(self.guess(c, kinds[i % 4]()), (403, 406))
            c.socket.close()
        self.assert_rc(hdl.ask_tcp(self.at, hdl.ask_for(T)), 1)

    def test_administrators_elsewhere_are_not_locked_out(self):
        """Ten thousand wrong answers from one network; the administrator, in another, gets in at
        the first try each time; and in that network he has to wait."""
        flood = hdl.Tcp(self.at, source="127.0.0.2")
        self.open_channels.append(flood)
        sent, wait_s, over = 0, 0.25, 0
        while sent < 10000:
            burst = [delete() for _ in range(40)]
            flood.send(b"".join(r.octets for r in burst))
            challenges = [flood.receive() for _ in burst]
            wrong = [auth.answer(m, auth.Nobody(ROOT, "HS_SECKEY", b"\3" + bytes(32)))
                     for m in challenges if m.rc == 402]
            self.assertTrue(wrong, "no challenge in a whole burst")
            now = time.monotonic()
            flood.send(b"".join(r.octets for r in wrong))
            for m in [flood.receive() for _ in wrong]:
                self.assert_rc(m, 403)
                if "wait" not in m.text.lower():  # the former wait was over
                    wait_s = min(2 * wait_s, 60)
                    over = now + wait_s
            sent += len(wrong)
            if sent % 2000 < len(wrong):
                c = auth.Client(self.tcp(source="127.1.0.1"), self.root())
                name = "%s/ELSEWHERE%d" % (PREFIX, sent)
                self.assert_rc(c.create(name, [url()]), 1)
        m = auth.Client(self.tcp(source="127.0.0.3"), self.root()).create(NA + ".4", [url()])
        if time.monotonic() < over or m.rc != 1:
            self.assert_rc(m, 403)
            self.assertIn("wait", m.text.lower())
        # Other identities of that network are their own.
        m = auth.Client(self.tcp(source="127.0.0.3"), self.secret(301)).delete(T)
        self.assert_rc(m, 400)

    def test_challenges_that_nobody_answers(self):
        """Their number is bounded by source; another source still gets one."""
        greedy = self.tcp()
        for _ in range(100):
            burst = [delete() for _ in range(100)]
            greedy.send(b"".join(r.octets for r in burst))
            self.assertTrue({greedy.receive().rc for _ in burst} <= {402, 3})
        self.assert_rc(self.admin().create(PREFIX + "/AFTER-GREED", [url()]), 1)

    def test_large_requests_that_nobody_answers(self):
        """HSv9 dies of 250-450 of these."""
        values = [hdl.Value(1, "DESC", "x" * 240000)]
        body = array(PREFIX + "/HUGE") + auth.value_list(values)
        for _ in range(300):
            with hdl.Tcp(self.at, source="127.9.%d.1" % secrets.randbelow(250)) as c:
                self.assertIn(c.ask(Request(hdl.CREATE, body, auth.KEEP)).rc, (3, 4, 402))
        self.assert_rc(self.admin().create(PREFIX + "/AFTER-HUGE", [url()]), 1)

    def test_sessions_that_nobody_uses(self):
        mine = auth.Session.setup(self.tcp(), self.root())
        body = array(PREFIX + "/SESSION") + auth.value_list([url()])
        self.assert_rc(mine.ask(hdl.CREATE, body), 1)
        c = self.tcp()
        for i in range(300):
            m = auth.Session.setup(c, p=keys.P256.p | 1 << 511, g=3) if i % 30 else \
                auth.Session.setup(c)
            self.assertTrue(isinstance(m, auth.Session) or m.rc in (3, 501))
        self.assert_rc(mine.ask(hdl.DELETE, array(PREFIX + "/none")), 100)

    def test_a_captured_packet_a_thousand_times(self):
        """threats.md 3: applied 0 times more."""
        s = auth.Session.setup(self.tcp(), self.root())
        name = PREFIX + "/CAPTURED"
        body = array(name) + auth.value_list([url(), auth.admin(100, ROOT)])
        self.assert_rc(s.ask(hdl.CREATE, body), 1)
        add = s.request(hdl.ADD, array(name) + auth.value_list([url(2)]))
        self.assert_rc(s.exchange(add), 1)
        self.assert_rc(s.ask(hdl.REMOVE, array(name) + hdl.u32(1) + hdl.u32(2)), 1)
        with hdl.Tcp(self.at, source="127.8.0.1") as c:
            c.send(add.octets * TIMES)
            self.assertEqual({c.receive().rc for _ in range(TIMES)}, {505})
        with hdl.Udp(self.at, source="127.8.0.2") as c:
            for _ in range(50):
                c.send(add.octets)
                self.assertIn(c.receive().rc, (505,))
        m = hdl.ask_tcp(self.at, hdl.ask_for(name))
        self.assertEqual(m.indexes(), [1, 100])

    def test_a_captured_answer_a_thousand_times(self):
        """Proof and all, on its own connection, on another, by UDP."""
        c = self.tcp()
        request = Request(hdl.CREATE, array(PREFIX + "/ONCE") +
                          auth.value_list([url(), auth.admin(100, ROOT)]), auth.KEEP)
        answer = auth.answer(self.assert_rc(c.ask(request), 402), self.root())
        self.assert_rc(c.ask(answer), 1)
        self.assert_rc(self.admin().delete(PREFIX + "/ONCE"), 1)
        c.send(answer.octets * (TIMES // 2))
        self.assertTrue({c.receive().rc for _ in range(TIMES // 2)} <= {405, 500})
        other = self.tcp()
        other.send((request.octets + answer.octets) * (TIMES // 4))
        rcs = {other.receive().rc for _ in range(TIMES // 2)}
        self.assertTrue(rcs <= {402, 405, 500, 403, 3}, rcs)
        self.assert_absent(PREFIX + "/ONCE")


if __name__ == "__main__":
    unittest.main()
