# SPDX-License-Identifier: Apache-2.0
"""Fine points that were found wrong once."""

import os
import unittest

import auth
import hdl
import test_canary
import test_identity
import test_refusals
import test_sdk_wire
import test_session
from hdl import array, u32
from node import DATA
from staff import NA, PREFIX, ROOT, StaffCase, url


class Versions(StaffCase):
    def test_stock_clients_of_2_10(self):
        """Our number for a challenge is none of the national SDK's, though its version is."""
        for i in range(8):
            c = self.client(self.root(), version=(2, 10))
            self.assert_rc(c.create("%s/V%d" % (PREFIX, i), [url()]), 1)

    def test_lists_do_not_go_by_udp(self):
        self.assert_rc(self.client(self.root(), by="udp").ask(hdl.LIST, array(NA)), 5)

    def test_right_key_first(self):
        """With another's name and no key nobody learns which indexes there are."""
        other = auth.Public(ROOT, test_refusals.keys.Ecdsa())
        for name, op, body, flags in test_refusals.ASKED:
            if "index in use" in name or "no such value" in name:
                with self.subTest(name):
                    request = hdl.Request(op, body, auth.KEEP | flags)
                    self.assert_rc(self.client(other).submit(request), 403)


class Keys(StaffCase):
    made = {k: v for k, v in test_identity.Keys.made.items() if k.endswith("1024")}
    numbers, keyring = test_identity.Keys.numbers, test_identity.Keys.keyring
    who, try_it = test_identity.Keys.who, test_identity.Keys.try_it

    @classmethod
    def prepare(cls, c):
        values = [hdl.Value(cls.numbers[k], "HS_PUBKEY", v.public()) for k, v in cls.made.items()]
        cls.done(c.create(cls.keyring, values))
        cls.done(c.create(PREFIX + "/K", [hdl.Value(3, "P", "x", perms=0xC),
                                          auth.admin(100, "0:" + cls.keyring)]))

    def test_weak_keys_are_refused(self):
        """decisions.md 7 and 12, threats.md 3: RSA below 2048, DSA below 2048."""
        for kind in ("rsa1024", "dsa1024"):
            with self.subTest(kind):
                self.try_it(self.who(kind), 403)

    def test_verify_challenge_elsewhere(self):
        body = array("10.1/x") + u32(1) + array(bytes(16)) + b"\3" + bytes(32) + array(b"x")
        self.assert_rc(self.tcp().ask(hdl.Request(hdl.VERIFY_CHALLENGE, body, auth.KEEP)), 301)


class Sessions(test_session.SessionCase):
    def test_encrypted_answers_say_so(self):
        """3.3: ENC is copied into the answer."""
        s = self.proven()
        m = s.ask(hdl.RESOLUTION, hdl.resolution_body(PREFIX + "/T"), encrypted=True)
        self.assertTrue(m.flags & hdl.ENC)


class Sdk(test_sdk_wire.SdkCase):
    long_message = test_sdk_wire.Acceptance.long_message

    def test_18_long_message(self):
        """262,000 octets, as the SDK may send them."""
        self.long_message(262000)


class SecretKeys(test_canary.CanaryCase):
    """HS_SECKEY never leaves, whatever its permissions and whoever asks (threats.md 4)."""

    def test_everything_that_is_asked(self):
        flags = (auth.KEEP, auth.KEEP & ~hdl.PO, auth.KEEP | hdl.CT, auth.KEEP | hdl.RD)
        for who in (None, self.root(), auth.Secret("301:" + test_canary.RING, test_canary.CANARY, iterations=10),
                    auth.Secret("302:" + test_canary.RING, test_canary.OTHER, "sha256"),
                    auth.Secret("301:" + test_canary.RING, "wrong", "sha256")):
            for flag in flags:
                for indexes, types in (((), ()), ((301, 302), ()), ((), ("HS_SECKEY",)),
                                       ((), ("HS_SECKEY.",)), ((301,), ("URL",))):
                    for by in ("tcp", "udp"):
                        c = self.client(who, by)
                        c.submit(hdl.ask_for(test_canary.RING, indexes, types, flag))
                        self.open_channels.pop().socket.close()
        self.look("an answer", b"\n".join(self.heard))

    def test_sessions(self):
        """Neither the secret nor the key that was agreed upon, in clear or in a log."""
        agreed = []
        for who in (self.root(), auth.Secret("301:" + test_canary.RING, test_canary.CANARY, "sha256")):
            s = auth.Session.setup(test_canary.Recorder(self.tcp(), self.heard), who)
            for encrypted in (False, True):
                m = s.ask(hdl.RESOLUTION, hdl.resolution_body(test_canary.RING), auth.KEEP & ~hdl.PO,
                          encrypted=encrypted)
                self.heard.append(m.body)
            s.ask(hdl.SESSION_TERMINATE, array(""))
            agreed.append(s.key)
        self.look("an answer", b"\n".join(self.heard), agreed)
        self.look("the log", "\n".join(self.node.lines).encode(), agreed)

    def test_the_national_sdk(self):
        sdk = auth.Sdk(test_canary.Recorder(self.tcp(), self.heard))
        m = self.assert_rc(sdk.login(auth.Secret("301:" + test_canary.RING, test_canary.CANARY, iterations=10)), 1)
        self.heard.append(m.octets)
        self.heard.append(sdk.resolve(test_canary.RING).octets)
        self.heard.append(sdk.resolve(test_canary.RING, [301, 302]).octets)
        self.look("an answer", b"\n".join(self.heard))


class BelowAParent(StaffCase):
    """A node whose prefix is delegated to it is administered with its own key all the same."""

    init = ("--parent", os.path.join(DATA, "siteinfo.json"))

    @classmethod
    def setUpClass(cls):
        super(StaffCase, cls).setUpClass()

    def test_its_own_key(self):
        self.assert_rc(self.admin().create(PREFIX + "/OWN", [url()]), 1)


class Spoofed(StaffCase):
    """A source that nobody has verified is not worth a challenge (threats.md 1)."""

    settings = {"workers": 1, "trusted_net": '[ "10.0.0.0/8" ]'}

    @classmethod
    def setUpClass(cls):
        super(StaffCase, cls).setUpClass()  # prepares nothing

    def delete(self):
        return hdl.Request(hdl.DELETE, array(PREFIX + "/T"), auth.KEEP)

    def test_no_state_for_spoofed_requests(self):
        with hdl.Udp(self.at, source="127.66.0.1") as c:
            for _ in range(60):
                c.send(self.delete().octets)
            m = c.receive()
            self.assertIsInstance(m, hdl.Stub, "code %d" % m.rc)
            self.assertLessEqual(len(m.octets), len(self.delete().octets))


if __name__ == "__main__":
    unittest.main()
