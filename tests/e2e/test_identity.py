# SPDX-License-Identifier: Apache-2.0
"""Proofs of identity: every kind of key, every form of a secret, groups, and how a newcomer becomes
a second administrator (protocol.md 8, 11.5)."""

import hashlib
import json
import unittest

import auth
import hdl
import keys
from hdl import Reader, Value, array, u32
from node import vectors
from staff import FAST, NA, PEOPLE, PREFIX, ROOT, StaffCase, url


class ClientItself(unittest.TestCase):
    """The client of these tests against what the reference's made: else it would test nothing."""

    def test_challenges_and_proofs(self):
        for entry in vectors("auth_challenge"):
            d = entry["decoded"]
            if "challenge_hex" not in d:
                continue
            with self.subTest(entry["name"]):
                m = hdl.Message(bytes.fromhex(d["challenge_hex"]))
                self.assertEqual((m.nonce.hex(), m.digest[1].hex()),
                                 (d["nonce"], d["request_digest"]))
                if "mac_code" in d:
                    who = auth.Secret("301:x", bytes.fromhex(d["secret_key"]))
                    mine = who.proof(m.nonce, m.digest[1], min(m.version, m.suggest))[1]
                    theirs = bytes.fromhex(d["signed_response"])
                    if theirs[0] == 0x22:
                        mine, theirs = mine[:1], theirs[:1]
                    self.assertEqual(mine, theirs)

    def test_secret_forms(self):
        forms = {1: "md5", 2: "sha1", 3: "sha256", 0x12: "hmac-sha1", 0x13: "hmac-sha256"}
        for entry in vectors("auth_challenge"):
            d = entry["decoded"]
            if "code" not in d:
                continue
            with self.subTest(entry["name"]):
                who = auth.Secret("301:x", bytes.fromhex(d["secret_key"]),
                                  forms[int(d["code"])])
                nonce, digest = (bytes.fromhex(d[k]) for k in ("nonce", "request_digest"))
                self.assertEqual(who.proof(nonce, digest, (2, 11))[1].hex(), entry["hex"])

    def test_macs_of_sessions(self):
        for entry in vectors("live_exchanges"):
            if entry["name"] not in ("session_a_2_create", "session_a_4_add"):
                continue
            with self.subTest(entry["name"]):
                key = vectors_key("session_a_4_add")
                m = hdl.Message(bytes.fromhex(entry["hex"]))
                counter = {"session_a_2_create": 1, "session_a_4_add": 2}[entry["name"]]
                self.assertEqual(m.credential, auth.mac_credential(key, m, counter))


def vectors_key(name):
    entry = next(e for e in vectors("live_exchanges") if e["name"] == name)
    return bytes.fromhex(entry["decoded"]["session_key"])


def vector_key(name):
    entry = next(e for e in vectors("private_keys") if e["name"] == name)
    return keys.private_key(bytes.fromhex(entry["hex"]))


class Keys(StaffCase):
    """People whose HS_PUBKEY is of each kind."""

    made = {"rsa": keys.Rsa.generate(), "p256": keys.Ecdsa(), "ed25519": keys.Ed25519(),
            "sm2": keys.Sm2(), "dsa2048": vector_key("dsa2048_plain"),
            "dsa1024": vector_key("dsa1024_plain"), "rsa1024": vector_key("rsa1024_plain"),
            "rsa3072": keys.Rsa.generate(3072)}
    numbers = {kind: 300 + 10 * i for i, kind in enumerate(made)}
    keyring = PREFIX + "/KEYS"

    @classmethod
    def who(cls, kind, **more):
        return auth.Public("%d:%s" % (cls.numbers[kind], cls.keyring), cls.made[kind], **more)

    @classmethod
    def prepare(cls, c):
        values = [Value(cls.numbers[k], "HS_PUBKEY", key.public()) for k, key in cls.made.items()]
        # IDIS style (industrial.md 5.6): PEM as the data, PEM inside, DER inside.
        for at, kind in ((1, "rsa"), (1, "sm2"), (1, "p256")):
            text = keys.pem("PUBLIC KEY", cls.made[kind].spki())
            values.append(Value(cls.numbers[kind] + at, "HS_PUBKEY", text))
        text = keys.pem("PUBLIC KEY", cls.made["sm2"].spki())
        values.append(Value(cls.numbers["sm2"] + 2, "HS_PUBKEY",
                            array("SM2_PUB_KEY") + bytes(2) + array(text)))
        values.append(Value(499, "HS_PUBKEY", "no key at all"))
        cls.done(c.create(cls.keyring, values))
        cls.done(c.create(PREFIX + "/K", [url(), Value(3, "P", "private", perms=0xC)] +
                          [auth.admin(100 + i, "%d:%s" % (v.index, cls.keyring))
                           for i, v in enumerate(values)] +
                          [auth.admin(190, "0:" + cls.keyring, 0x0400)]))

    def try_it(self, who, rc=1):
        self.assert_rc(self.client(who).all_values(PREFIX + "/K", [3]), rc)

    def test_each_kind(self):
        for kind in ("rsa", "rsa3072", "p256", "ed25519", "sm2", "dsa2048"):
            with self.subTest(kind):
                self.try_it(self.who(kind))

    def test_both_forms_of_sm2(self):
        for form in "AB":
            self.try_it(self.who("sm2", form=form))

    def test_form_a_is_for_the_name_as_spelled(self):
        who = self.who("sm2", form="A")
        who.handle = who.handle.lower()
        # The administrator's reference folds its prefix only: the name must be as registered.
        self.try_it(who, 400)

    def test_hash_names(self):
        for name in ("SHA-256",):
            self.try_it(self.who("rsa", name=name))

    def test_sha1_needs_leave(self):
        self.try_it(self.who("rsa", name="SHA1"), 403)

    def test_another_kind_of_key(self):
        for mine, theirs in (("p256", "sm2"), ("sm2", "p256"), ("rsa", "rsa3072"),
                             ("ed25519", "p256"), ("rsa", "ed25519")):
            with self.subTest("%s for %s" % (mine, theirs)):
                who = auth.Public("%d:%s" % (self.numbers[theirs], self.keyring),
                                  self.made[mine])
                self.try_it(who, 403)

    def test_a_value_that_is_no_key(self):
        self.try_it(auth.Public("499:" + self.keyring, self.made["p256"]), 403)

    def test_pem(self):
        for kind, more in (("rsa", 1), ("sm2", 1), ("sm2", 2), ("p256", 1)):
            for form in "AB" if kind == "sm2" else "A":
                with self.subTest(kind, more=more, form=form):
                    who = self.who(kind, form=form)
                    who.index += more
                    self.try_it(who)

    def test_index_0_finds_the_key(self):
        """19, trap 15: 0 means 'find my key'."""
        ring = PREFIX + "/RING"
        made = [keys.Ecdsa(), keys.Ed25519(), keys.Sm2()]
        c = self.admin()
        self.assert_rc(c.create(ring, [Value(300 + i, "HS_PUBKEY", k.public())
                                       for i, k in enumerate(made)]), 1)
        # A reference with an index: the identity is the one whose key it was.
        self.assert_rc(c.create(PREFIX + "/R0", [Value(3, "P", "x", perms=0xC),
                                                 auth.admin(100, "0:" + ring)]), 1)
        self.assert_rc(c.create(PREFIX + "/R1", [Value(3, "P", "x", perms=0xC),
                                                 auth.admin(100, "301:" + ring)]), 1)
        for i, key in enumerate(made):
            who = auth.Public("0:" + ring, key)
            with self.subTest(key.kind):
                self.assert_rc(self.client(who).all_values(PREFIX + "/R0"), 1)
                m = self.client(who).all_values(PREFIX + "/R1")
                self.assert_rc(m, 1 if i == 1 else 400)
        m = self.client(auth.Public("0:" + ring, keys.Ecdsa())).delete(ring)
        self.assertIn(m.rc, (400, 403))
        m = self.client(auth.Public("0:" + ring, keys.Ecdsa())).all_values(PREFIX + "/R0")
        self.assert_rc(m, 403)

    def test_node_keys_of_each_kind(self):
        """That of helvectl init is P-256 here; the others: helvectl key."""
        path = self.node.dir + "/keys/other.bin"
        for kind in keys.KINDS:
            with self.subTest(kind):
                self.node.ctl("key", "new", path, "--key", kind)
                key = keys.key_file(path)
                name = PREFIX + "/MADE." + kind
                c = self.admin()
                self.assert_rc(c.create(name, [Value(300, "HS_PUBKEY", key.public()),
                                               auth.admin(100, "300:" + name)]), 1)
                self.assert_rc(self.client(auth.Public("300:" + name, key)).delete(name), 1)
                import os
                for f in (path, path + ".pub", self.node.dir + "/keys/other.bin.pub"):
                    if os.path.exists(f):
                        os.remove(f)


class Secrets(StaffCase):
    """Every code of 8.1."""

    settings = {"workers": 1}
    good, old = ("sha256", "hmac-sha256", "pbkdf2"), ("bare", "md5", "sha1")
    secrets = {301: "one", 302: "口令 ü", 303: "x" * 512,
               304: hashlib.sha1(b"correct horse").hexdigest(), 305: bytes(range(128))}

    @classmethod
    def prepare(cls, c):
        cls.done(c.create(PREFIX + "/S", [Value(3, "P", "private", perms=0xC)] +
                          [auth.admin(i, "%d:%s" % (i, PEOPLE)) for i in cls.secrets]))

    def rc(self, who, **more):
        return self.client(who, **more).all_values(PREFIX + "/S").rc

    def test_forms(self):
        for index in self.secrets:
            for form in self.good:
                with self.subTest(form, index=index):
                    who = self.secret(index)
                    who.form = form
                    self.assertEqual(self.rc(who), 1)

    def test_old_forms_need_leave(self):
        for form in self.old:
            with self.subTest(form):
                who = self.secret(301)
                who.form = form
                self.assertEqual(self.rc(who), 403)

    def test_wrong_secrets(self):
        for text in ("", "ONE", "one ", "on", "two", "x" * 600):  # HMAC takes "one\0" for "one"
            for form in auth.Secret.FORMS:
                who = auth.Secret("301:" + PEOPLE, text, form, **FAST)
                with self.subTest(form, text=text[:8]):
                    self.assertEqual(self.rc(who), 403)

    def test_index_0_tries_every_secret(self):
        """Nobody learns whose it was: what is given to one index is not given to 0."""
        c = self.admin()
        for name, ref in (("S0", "0:" + PEOPLE), ("S302", "302:" + PEOPLE)):
            self.assert_rc(c.create("%s/%s" % (PREFIX, name), [Value(3, "P", "x", perms=0xC),
                                                               auth.admin(100, ref)]), 1)
        for name, text, rc in (("S0", None, 1), ("S0", "wrong", 403), ("S302", None, 400)):
            who = self.secret(302, text)
            who.index = 0
            self.assert_rc(self.client(who).all_values("%s/%s" % (PREFIX, name)), rc)

    def test_lengths_and_iterations(self):
        for iterations, bits, rc in ((1, 160, 1), (10000, 160, 1), (10, 128, 1), (10, 512, 1),
                                     (1000001, 160, 403), (0xFFFFFFFF, 160, 403), (0, 160, 403),
                                     (10, 0, 403), (10, 520, 403), (10, 0x7FFFFFF8, 403)):
            with self.subTest(iterations=iterations, bits=bits):
                self.assertEqual(self.rc(Bounds(301, iterations, bits)), rc)

    def test_broken_proofs(self):
        who = self.secret(301)
        for name, cut in (("empty", lambda o: b""), ("code alone", lambda o: o[:1]),
                          ("unknown code", lambda o: b"\x77" + o[1:]),
                          ("cut", lambda o: o[:-1]), ("longer", lambda o: o + b"x"),
                          ("no salt", lambda o: b"\x22" + array("") + o[21:]),
                          ("huge salt", lambda o: b"\x22" + u32(1 << 30) + o[5:])):
            for form in ("sha256", "pbkdf2"):
                with self.subTest(name, form=form):
                    self.assertIn(self.rc(Changed(who, form, cut)), (403, 406))

    def test_verify_challenge(self):
        """11.6: another node asks whether a proof is right."""
        nonce, digest = bytes(range(16)), hashlib.sha256(b"x").digest()
        c = self.tcp()

        def ask(index, proof, handle=PEOPLE):
            body = (array(handle) + u32(index) + array(nonce) + b"\3" + digest + array(proof))
            m = self.assert_rc(c.ask(hdl.Request(hdl.VERIFY_CHALLENGE, body, auth.KEEP)), 1)
            return m.body

        right = self.secret(301).proof(nonce, digest, (2, 11))[1]
        other = self.secret(302).proof(nonce, digest, (2, 11))[1]
        self.assertEqual(ask(301, right), b"\1")
        self.assertEqual(ask(0, other), b"\1")
        self.assertEqual(ask(301, other), b"\0")
        self.assertEqual(ask(999, right), b"\0")
        self.assertEqual(ask(301, right, PREFIX + "/none"), b"\0")


class Bounds(auth.Secret):
    """The right key, and counts that the server may refuse; hashed here only where it is quick."""

    def __init__(self, index, iterations, bits):
        super().__init__("%d:%s" % (index, PEOPLE), "one", "pbkdf2")
        self.claimed = iterations, bits
        self.iterations = iterations if 0 < iterations <= 10000 else 1
        self.bits = bits if 0 < bits <= 520 else 160

    def octets(self, form, what):
        r = Reader(super().octets(form, what))
        head = r.take(1) + array(r.array())
        r.take(8)
        return head + u32(self.claimed[0]) + u32(self.claimed[1]) + r.take(r.left())


class Changed(auth.Secret):
    """A proof that something happened to."""

    def __init__(self, who, form, change):
        super().__init__("%d:%s" % (who.index, who.handle), who.secret, form, **FAST)
        self.change = change

    def octets(self, form, what):
        return self.change(super().octets(form, what))


class LegacySecrets(StaffCase):
    settings = {"workers": 1, "allow_legacy": "true"}

    def test_old_forms_with_leave(self):
        self.assert_rc(self.admin().create(PREFIX + "/S", [
            Value(3, "P", "x", perms=0xC), auth.admin(301, "301:" + PEOPLE)]), 1)
        for form in ("md5", "sha1", "sha256"):
            with self.subTest(form):
                who = self.secret(301)
                who.form = form
                self.assert_rc(self.client(who).all_values(PREFIX + "/S"), 1)

    def test_old_versions_with_leave(self):
        """A client of each version in the form that is its own."""
        self.assert_rc(self.admin().create(PREFIX + "/V", [
            Value(3, "P", "x", perms=0xC), auth.admin(301, "301:" + PEOPLE)]), 1)
        for minor in (*range(1, 10), 11):  # 10: test_strict
            with self.subTest(minor):
                m = self.client(self.secret(301), version=(2, minor)).all_values(PREFIX + "/V")
                self.assert_rc(m, 1)


class Groups(StaffCase):
    """HS_VLIST (11.5)."""

    @classmethod
    def prepare(cls, c):
        """G: 200 has 201 (has 301) and itself; 202 and 203 have each other, and 302; 204 is an
        administrator by 0:G..."""
        group = PREFIX + "/G"
        cls.done(c.create(group, [
            auth.vlist(200, ["201:" + group, "200:" + group, "999:" + group, "1:10.1/elsewhere"]),
            auth.vlist(201, ["301:" + PEOPLE]),
            auth.vlist(202, ["203:" + group]), auth.vlist(203, ["202:" + group, "302:" + PEOPLE]),
            Value(204, "HS_VLIST", "broken"), Value(205, "HS_VLIST.X", u32(0)),
            Value(206, "URL", "no list")]))
        for name, ref in (("NESTED", "200:" + group), ("LOOP", "202:" + group),
                          ("BROKEN", "204:" + group), ("NOLIST", "206:" + group),
                          ("WILD", "0:" + PEOPLE), ("NOBODY", "300:" + PREFIX + "/none")):
            cls.done(c.create("%s/%s" % (PREFIX, name),
                              [Value(3, "P", "x", perms=0xC), auth.admin(100, ref)]))

    def rc(self, name, index):
        return self.client(self.secret(index)).all_values("%s/%s" % (PREFIX, name)).rc

    def test_members(self):
        for name, allowed in (("NESTED", (301,)), ("LOOP", (302,)), ("BROKEN", ()),
                              ("NOLIST", ()), ("WILD", (301, 302, 303, 304)), ("NOBODY", ())):
            for index in self.secrets:
                with self.subTest(name, index=index):
                    self.assertEqual(self.rc(name, index), 1 if index in allowed else 400)

    def test_a_newcomer_becomes_administrator_and_ceases_to_be(self):
        """What the manual tells him to do."""
        name, key = PREFIX + "/ANN", keys.Ed25519()
        ann, root = auth.Public("300:" + name, key), self.admin()
        new = PREFIX + "/BY-ANN"
        self.assert_rc(self.client(ann).create(new, [url()]), 400)
        self.assert_rc(root.create(name, [Value(300, "HS_PUBKEY", key.public()),
                                          auth.admin(100, "300:" + name)]), 1)
        self.assert_rc(self.client(ann).create(new, [url()]), 400)
        self.assert_rc(root.modify(NA, [auth.vlist(200, [ROOT, "300:" + name])]), 1)
        # Both administer now, each with a key of his own.
        c = self.client(ann)
        self.assert_rc(c.create(new, [url(), auth.admin(100, "200:" + NA)]), 1)
        self.assert_rc(root.add(new, [url(2)]), 1)
        self.assert_rc(c.delete(new), 1)
        # She changes her key herself.
        other = keys.Ecdsa()
        self.assert_rc(c.modify(name, [Value(300, "HS_PUBKEY", other.public())]), 1)
        self.assert_rc(c.create(new, [url()]), 403)
        c = self.client(auth.Public("300:" + name, other))
        self.assert_rc(c.create(new, [url()]), 1)
        # And is none any more with the next request, on the same connection too.
        self.assert_rc(root.modify(NA, [auth.vlist(200, [ROOT])]), 1)
        self.assert_rc(c.delete(new), 400)
        self.assert_rc(c.create(new + "2", [url()]), 400)


class LocalFiles(StaffCase):
    """A key that helvectl made stands in a dump as JSON, and comes back as the same key."""

    def test_dump_and_load(self):
        name = PREFIX + "/JWK"
        made = {"rsa": keys.Rsa.generate(), "p256": keys.Ecdsa(), "ed25519": keys.Ed25519(),
                "sm2": keys.Sm2()}
        c = self.admin()
        self.assert_rc(c.create(name, [Value(300 + i, "HS_PUBKEY", k.public())
                                       for i, k in enumerate(made.values())]), 1)
        record = json.loads(self.node.ctl("get", name, "--json").stdout)
        kinds = [v["data"]["value"]["kty"] for v in record["values"]]
        self.assertEqual(kinds, ["RSA", "EC", "OKP", "SM2"])


if __name__ == "__main__":
    unittest.main()
