# SPDX-License-Identifier: Apache-2.0
"""Secrets that never leave (threats.md 4, 5): a secret key, a passphrase, a private key and what
sessions agree upon are looked for in everything that a node says, writes to its log or shows.

What may hold them: keys/ and the registry itself, and what an operator makes of them with
`helvectl dump` and `helvectl backup`, which are whole copies, to be kept like the registry."""

import base64
import glob
import os
import signal
import unittest

import auth
import hdl
import keys
from hdl import Value, array, u32
from node import HELVECTL, run
from staff import NA, PREFIX, ROOT, StaffCase, url

CANARY, OTHER = b"canary-in-a-coal-mine-301", b"canary-in-a-coal-mine-302"
PASSPHRASE = "canary passphrase of the key"
RING = PREFIX + "/RING"


def forms(secret):
    """A secret as it may be written somewhere."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for cut in range(3):  # base64 of it in the middle of something
        yield base64.b64encode(secret[cut:])[:len(secret) // 3 * 4 - 4].rstrip(b"=")[2:-2]


class Recorder:
    """A channel that keeps all that came."""

    def __init__(self, channel, heard):
        self.channel, self.heard = channel, heard

    def __getattr__(self, name):
        return getattr(self.channel, name)

    def ask(self, request):
        m = self.channel.ask(request)
        self.heard.append(bytes(m.octets))
        return m

    def receive_octets(self):
        octets = self.channel.receive_octets()
        self.heard.append(bytes(octets))
        return octets


class CanaryCase(StaffCase):
    settings = {"workers": 2, "log_level": "debug", "server_admins": '[ "300:%s" ]' % NA}

    @classmethod
    def fill(cls, node):
        """The node's own key is encrypted, too."""
        super().fill(node)
        word = os.path.join(node.dir, "word")
        with open(word, "w", encoding="utf-8") as f:
            f.write(PASSPHRASE + "\n")
        os.chmod(word, 0o600)
        path = os.path.join(node.dir, "keys", "privkey.bin")
        cls.private = keys.key_file(path)
        node.ctl("key", "convert", path, path + ".new", "--to", "bin",
                 "--new-passphrase-file", word)
        os.rename(path + ".new", path)
        cls.settings = dict(cls.settings, key_passphrase_file='"%s"' % word)

    @classmethod
    def prepare(cls, c):
        # One as private as it should be, one with the stock client's default of public read.
        cls.done(c.create(RING, [url(), Value(301, "HS_SECKEY", CANARY, perms=0xC),
                                 Value(302, "HS_SECKEY", OTHER, perms=0xE),
                                 auth.admin(100, ROOT), auth.admin(101, "301:" + RING),
                                 auth.admin(102, "302:" + RING)]))

    def setUp(self):
        super().setUp()
        self.heard = []

    def client(self, who=None, by="tcp", **more):
        c = super().client(who, by, **more)
        c.channel = Recorder(c.channel, self.heard)
        return c

    def hidden(self):
        yield CANARY
        yield OTHER
        yield PASSPHRASE.encode()
        for path in ("privkey.bin", "admpriv.bin"):
            key = self.private if path == "privkey.bin" else \
                keys.key_file(os.path.join(self.node.dir, "keys", path))
            yield key.d.to_bytes(32, "big")

    def look(self, where, text, more=()):
        for secret in (*self.hidden(), *more):
            for form in forms(secret):
                self.assertNotIn(form, text, "%s shows a secret" % (where,))


class Canary(CanaryCase):
    def test_every_operation(self):
        """Refusals and successes about the values that hold them."""
        for who in (None, self.root(), auth.Secret("301:" + RING, CANARY, "sha256"),
                    auth.Secret("301:" + RING, CANARY + b"!", "sha256")):
            c = self.client(who)
            c.add(RING, [Value(301, "HS_SECKEY", CANARY, perms=0xC)])
            c.create(RING, [Value(301, "HS_SECKEY", CANARY, perms=0xC)])
            c.modify(RING, [Value(301, "HS_SECKEY", CANARY, perms=0xC)])
            c.remove(RING, [301, 777])
            c.delete(RING + "/none")
            c.ask(hdl.LIST, array(NA))
            c.ask(hdl.SITE_INFO, array(""))
            c.ask(hdl.VERIFY_CHALLENGE, array(RING) + u32(301) + array(bytes(16)) + b"\3" +
                  bytes(32) + array(b"\3" + bytes(32)))
            c.ask(hdl.DUMP, array(""))
            c.ask(hdl.RETRIEVE_TXN, array(""))
        self.look("an answer", b"\n".join(self.heard))

    def test_tools(self):
        for argv in (("get", RING), ("--json", "get", RING), ("list", PREFIX), ("status",),
                     ("--json", "status",), ("verify",), ("count",),
                     ("key", "show", os.path.join(self.node.dir, "keys", "admpriv.bin")),
                     ("history", RING), ("--json", "history", RING), ("audit", "show"),
                     ("audit", "export")):
            with self.subTest(argv[0] if argv[0] != "--json" else argv[1]):
                done = run(HELVECTL, "-d", self.node.dir, *argv, check=False)
                self.look(argv, (done.stdout + done.stderr).encode())

    def test_the_log(self):
        self.client(auth.Secret("301:" + RING, CANARY, "sha256")).delete(RING + "/none")
        self.client(auth.Secret("301:" + RING, CANARY + b"!", "sha256")).delete(RING)
        self.node.signal(signal.SIGUSR1)
        self.node.wait_for(" stats ")  # all that was written before has come
        self.look("the log", "\n".join(self.node.lines).encode())

    def test_no_copies_on_the_disk(self):
        """Keys are in keys/, secrets in the registry; nothing else has them."""
        for path in glob.glob(os.path.join(self.node.dir, "**"), recursive=True):
            rel = os.path.relpath(path, self.node.dir)
            if not os.path.isfile(path) or rel == "word" or \
                    rel.startswith(("keys", os.path.join("data", "data.mdb"))):
                continue
            with open(path, "rb") as f:
                self.look(rel, f.read())


if __name__ == "__main__":
    unittest.main()
