# SPDX-License-Identifier: Apache-2.0
"""Signed answers, checked by the openssl command with the key from the site record."""

import os
import subprocess
import tempfile
import unittest

import hdl
from hdl import ask_for, ask_tcp, ask_udp
from node import HDIG, NodeCase, run, text_value

RSA_OID = bytes.fromhex("06092a864886f70d010101")


def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 128:
        return bytes([tag, n]) + body
    length = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def der_integer(octets):
    octets = octets.lstrip(b"\0") or b"\0"
    return der(2, (b"\0" if octets[0] & 0x80 else b"") + octets)


def public_key_der(data):
    """SubjectPublicKeyInfo of a public key as the protocol writes it (7.1; decisions: P-256)."""
    r = hdl.Reader(data)
    kind, _ = r.array(), r.u16()
    if kind == b"RSA_PUB_KEY":
        e, n = r.array(), r.array()
        return der(0x30, der(0x30, RSA_OID, b"\x05\0"),
                   der(3, b"\0", der(0x30, der_integer(n), der_integer(e))))
    if kind in (b"EC_PUB_KEY", b"ED25519_PUB_KEY"):
        return r.array()
    raise AssertionError("key type %r" % kind)


def verifies(key, digest, signature, octets):
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("key", key), ("sig", signature), ("octets", octets)):
            with open(os.path.join(folder, name), "wb") as f:
                f.write(data)
        done = subprocess.run(
            ["openssl", "dgst", "-" + digest, "-verify", "key", "-keyform", "DER",
             "-signature", "sig", "octets"], cwd=folder, capture_output=True, text=True)
    return done.returncode == 0


class Signed:
    """What holds for every kind of key."""

    digests = {b"SHA1": "sha1", b"SHA-1": "sha1", b"SHA-256": "sha256", b"SHA256": "sha256"}
    settings = {"workers": 1}

    @classmethod
    def fill(cls, node):
        node.load([
            {"handle": "88.118.8/JX1", "values": [text_value(1, "URL", "https://example.cn/")]},
            {"handle": "88.118.8/LONG", "values": [text_value(1, "DESC", "x" * 9000)]}])

    def server_key(self):
        info = ask_tcp(self.at, hdl.Request(hdl.SITE_INFO, hdl.array("")))
        return public_key_der(info.site.servers[0]["key"])

    def check(self, m, key):
        self.assertTrue(m.flags & hdl.CT)
        self.assertNotEqual(m.credential, b"", "not signed")
        kind, digest, signature, octets = m.signature()
        self.assertEqual(kind, b"HS_SIGNED")
        name = self.digests[digest]
        self.assertTrue(verifies(key, name, signature, octets), "does not verify")
        self.assertFalse(verifies(key, name, signature, octets[:-1] + bytes([octets[-1] ^ 1])),
                         "verifies something else")
        return name

    def test_every_kind_of_answer_is_signed(self):
        key, flags = self.server_key(), hdl.USUAL | hdl.CT | hdl.RD
        requests = [ask_for("88.118.8/JX1", flags=flags), ask_for("88.118.8/none", flags=flags),
                    ask_for("88.118.8/JX1", [99], flags=flags), ask_for("10.1/x", flags=flags),
                    ask_for("88.118.8/LONG", flags=flags),
                    hdl.Request(hdl.SITE_INFO, hdl.array(""), flags),
                    hdl.Request(hdl.DELETE, hdl.array("88.118.8/JX1"), flags),
                    hdl.Request(hdl.NEXT_TXN, hdl.array(""), flags),
                    hdl.Request(4711, b"", flags)]
        for request, rc in zip(requests, (1, 100, 200, 301, 1, 1, 402, 5, 5)):
            for ask in (ask_udp, ask_tcp):
                with self.subTest(rc=rc, by=ask.__name__):
                    m = ask(self.at, request)
                    self.assertEqual(m.rc, rc)
                    self.check(m, key)
                    self.assertTrue(m.digest_is_of(request.covered))

    def test_same_question_twice(self):
        """From the cache of signatures or not: each fits its own answer."""
        key = self.server_key()
        for request in [ask_for("88.118.8/JX1", flags=hdl.USUAL | hdl.CT, request_id=i // 2)
                        for i in range(4)]:
            self.check(ask_udp(self.at, request), key)

    def test_unsigned_unless_asked(self):
        self.assertEqual(ask_udp(self.at, ask_for("88.118.8/JX1")).credential, b"")

    def test_hdig_verifies(self):
        if not os.path.exists(HDIG):
            self.skipTest("hdig is not built")
        site = os.path.join(self.node.dir, "site.json")
        for transport in ("+udp", "+tcp"):
            options = [o for o in (transport,) if o != "+udp"]
            done = run(HDIG, "@%s:%d" % self.at, "88.118.8/JX1", "+cert", "+root=" + site, *options)
            self.assertIn("signature: verified", done.stdout)


class Rsa(Signed, NodeCase):
    key = "rsa"

    def test_by_version(self):
        """5.2: covered octets and digest change with the version of the answer."""
        key = self.server_key()
        for version in [(2, m) for m in range(12)] + [(3, 0)]:
            with self.subTest(version="%d.%d" % version):
                m = ask_udp(self.at, ask_for("88.118.8/JX1", flags=hdl.USUAL | hdl.CT,
                                             version=version))
                name = self.check(m, key)
                self.assertEqual(name, "sha256" if version >= (2, 7) else "sha1")


class P256(Signed, NodeCase):
    key = "p256"


if __name__ == "__main__":
    unittest.main()
