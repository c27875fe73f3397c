# SPDX-License-Identifier: Apache-2.0
"""Administration over TLS on the native port, and client certificates as logins (threats.md 2:
authority that one connection gained holds on no other)."""

import os
import ssl
import subprocess
import tempfile
import unittest

import auth
import hdl
from hdl import Value, array
from staff import NA, PREFIX, ROOT, StaffCase, networks, url

RING = PREFIX + "/CERT"


def openssl(folder, *argv):
    subprocess.run(("openssl",) + argv, cwd=folder, check=True, capture_output=True)


def certificate(folder, name, field, value="", algorithm=(
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
    """name.key, name.pem: a certificate of its own for `value`; its SubjectPublicKeyInfo."""
    subject = "/%s=%s" % (field, value.replace("/", "\\/"))
    openssl(folder, "req", "-x509", *algorithm, "-nodes", "-days", "30", "-subj", subject,
            "-keyout", name + ".key", "-out", name + ".pem")
    openssl(folder, "pkey", "-in", name + ".key", "-pubout", "-outform", "DER", "-out", name)
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


class Tls(hdl.Tcp):
    def __init__(self, at, folder=None, name=None, **more):
        super().__init__(at, **more)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if name:
            path = os.path.join(folder, name)
            context.load_cert_chain(path + ".pem", path + ".key")
        self.socket = context.wrap_socket(self.socket)


class Certificates(StaffCase):
    """300 and 310 of RING have keys; only 300 administers."""

    settings = {"workers": 2}

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.folder.cleanup()

    @classmethod
    def prepare(cls, c):
        there = cls.folder.name
        right = certificate(there, "right", "UID", "300:" + RING)
        by_cn = certificate(there, "by-cn", "CN", "301:" + RING)
        weak = certificate(there, "stranger", "UID", "310:" + RING)
        leaves = certificate(there, "leaves", "UID", "302:" + RING)
        certificate(there, "other-key", "UID", "300:" + RING)
        certificate(there, "nobody", "UID", "300:" + PREFIX + "/NOBODY")
        certificate(there, "root", "UID", ROOT)
        certificate(there, "no-name", "O", "Somebody")
        cls.done(c.create(RING, [
            Value(i, "HS_PUBKEY", array("EC_PUB_KEY") + bytes(2) + array(spki))
            for i, spki in ((300, right), (301, by_cn), (302, leaves), (310, weak))] +
            [auth.admin(100, "200:" + NA)]))
        cls.done(c.add(NA, [auth.admin(150, "300:" + RING), auth.admin(151, "301:" + RING),
                         auth.admin(152, "302:" + RING)]))

    def tls(self, name=None):
        c = Tls(self.at, self.folder.name, name, source=next(networks))
        self.open_channels.append(c)
        return c

    def create(self, c, name, rc):
        m = auth.Client(c).create("%s/TLS.%s" % (PREFIX, name), [url()])
        self.assert_rc(m, rc)

    def test_administration_over_tls(self):
        for who in (self.root(), self.secret(301)):
            m = auth.Client(self.tls(), who).create(PREFIX + "/TLS." + str(who.index), [url()])
            self.assert_rc(m, 1 if who.index == 300 else 400)
        s = auth.Session.setup(self.tls(), self.root())
        self.assert_rc(s.ask(hdl.CREATE, array(PREFIX + "/TLS.S") + auth.value_list([url()])), 1)

    def test_a_certificate_is_a_login(self):
        for name in ("right", "by-cn"):
            with self.subTest(name):
                c = self.tls(name)
                for i in range(3):
                    self.create(c, "%s%d" % (name, i), 1)

    def test_its_key_goes(self):
        """What the connection has proven ends with the key."""
        c = self.tls("leaves")
        self.create(c, "leaves1", 1)
        self.assert_rc(self.admin().remove(RING, [302]), 1)
        m = auth.Client(c).create(PREFIX + "/TLS.leaves2", [url()])
        self.assertIn(m.rc, (402, 403), m.text)
        self.assert_absent(PREFIX + "/TLS.leaves2")

    def test_certificates_that_prove_nothing(self):
        for name, codes in (("other-key", (402, 403)), ("nobody", (400, 402, 403)),
                            ("root", (402, 403)), ("no-name", (400, 402, 403)),
                            ("stranger", (400,))):
            with self.subTest(name):
                m = auth.Client(self.tls(name)).create(PREFIX + "/TLS.NO", [url()])
                self.assertIn(m.rc, codes, m.text)
        self.assert_absent(PREFIX + "/TLS.NO")

    def test_they_still_may_read(self):
        for name in ("other-key", "nobody", "no-name", "stranger", "right", None):
            with self.subTest(name):
                self.assert_rc(self.tls(name).ask(hdl.ask_for(PREFIX + "/T")), 1)

    def test_authority_stays_where_it_was_gained(self):
        with_certificate = self.tls("right")
        self.create(with_certificate, "A0", 1)
        self.create(self.tls(), "A1", 402)
        self.create(self.tcp(), "A2", 402)
        self.create(self.udp(), "A3", 402)
        with_certificate.socket.close()
        self.create(self.tls(), "A4", 402)

    def test_a_key_taken_away(self):
        """Counts for connections that are open already."""
        c = self.tls("by-cn")
        self.create(c, "B0", 1)
        self.assert_rc(self.admin().remove(NA, [151]), 1)
        self.create(c, "B1", 400)
        self.assert_rc(self.admin().add(NA, [auth.admin(151, "301:" + RING)]), 1)


class WithoutTls(StaffCase):
    settings = {"workers": 1, "tls": "false"}

    @classmethod
    def setUpClass(cls):
        super(StaffCase, cls).setUpClass()

    def test_it_can_be_switched_off(self):
        with self.assertRaises((ssl.SSLError, OSError)):
            Tls(self.at)
        self.assert_rc(hdl.ask_tcp(self.at, hdl.ask_for(PREFIX + "/T")), 1)


if __name__ == "__main__":
    unittest.main()
