# SPDX-License-Identifier: Apache-2.0
"""A client that proves who it is, written from the specification and sharing nothing with the
server: answers to challenges (protocol.md 8), sessions (9), and the national SDK's login and
encrypted sessions (industrial.md 5). It checks what a careful client checks: that a challenge is
for its own request, that a MAC is right."""

import hashlib
import hmac
import secrets

import hdl
import keys
from hdl import Malformed, Reader, Request, array, u32

KEEP = hdl.USUAL | hdl.KC

# 9.2: a group that everybody may use, RFC 3526's of 2048 bits.
DH_P = int("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A0879"
           "8E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B"
           "0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA4836"
           "1C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804"
           "F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6"
           "955817183995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF", 16)
DH_G = 2


def reference(text):
    """"300:0.NA/88" as (handle, index)."""
    index, _, handle = text.partition(":")
    return handle, int(index)


# --- identities and their proofs --------------------------------------------------------------


class Identity:
    def __init__(self, text):
        self.handle, self.index = reference(text)

    def proof(self, nonce, digest, version):
        """(authType, signedResponse)"""
        raise NotImplementedError


class Nobody(Identity):
    """Says what it is told to."""

    def __init__(self, text, auth_type="HS_PUBKEY", proof=b""):
        super().__init__(text)
        self.auth_type, self.octets = auth_type, proof

    def proof(self, nonce, digest, version):
        return self.auth_type, self.octets


class Secret(Identity):
    """HS_SECKEY; `form` one of FORMS or, as 8.1 says, by version."""

    FORMS = ("bare", "md5", "sha1", "sha256", "hmac-sha1", "hmac-sha256", "pbkdf2")

    def __init__(self, text, secret, form=None, iterations=100, bits=160):
        super().__init__(text)
        self.secret, self.form = hdl.octets(secret), form
        self.iterations, self.bits = iterations, bits

    def proof(self, nonce, digest, version):
        form = self.form or ("bare" if version < (2, 1) else "sha1" if version < (2, 7)
                             else "pbkdf2")
        return "HS_SECKEY", self.octets(form, nonce + digest)

    def octets(self, form, what):
        s = self.secret
        if form == "bare":
            return hashlib.md5(s + what + s).digest()
        codes = {"md5": 1, "sha1": 2, "sha256": 3, "hmac-sha1": 0x12, "hmac-sha256": 0x13}
        if form.startswith("hmac"):
            return bytes([codes[form]]) + hmac.new(s, what, form[5:]).digest()
        if form != "pbkdf2":
            return bytes([codes[form]]) + hashlib.new(form, s + what + s).digest()
        salt, twice = secrets.token_bytes(16), s.decode("latin-1").encode()
        key = hashlib.pbkdf2_hmac("sha1", twice, salt, self.iterations, self.bits // 8)
        return (b"\x22" + array(salt) + u32(self.iterations) + u32(self.bits) +
                array(hmac.new(key, what, "sha1").digest()))


class Public(Identity):
    """HS_PUBKEY; SM2 signs in form A or B (industrial.md 5.5)."""

    def __init__(self, text, key, name=None, form="A"):
        super().__init__(text)
        self.key, self.name, self.form = key, name, form

    def proof(self, nonce, digest, version):
        what = nonce + digest
        if self.key.kind == "sm2":
            return "HS_PUBKEY", self.sm2(what)
        name = self.name or self.key.digests[0]
        if self.name is None and version < (2, 7) and "SHA1" in self.key.digests:
            name = "SHA1"
        return "HS_PUBKEY", array(name) + array(self.key.sign(name, what))

    def sm2(self, what):
        if self.form == "A":
            inner = keys.digest("sm3", what)
            return array("SM3") + array(self.key.sign_as(self.handle.encode(), inner))
        e = keys.digest("sha256", self.key.z("sha256", self.key.usual_id), what)
        return array("SHA-256") + array(self.key.sign_digest(e))


# --- challenges -------------------------------------------------------------------------------


def answer(challenge, who, flags=KEEP, **more):
    """The request 200 that answers it."""
    version = min(challenge.version, challenge.suggest)
    auth_type, proof = who.proof(challenge.nonce, challenge.digest[1], version)
    body = array(auth_type) + array(who.handle) + u32(who.index) + array(proof)
    more.setdefault("session", challenge.session)
    more.setdefault("version", challenge.version)
    more.setdefault("suggest", challenge.version)
    return Request(hdl.ANSWER_CHALLENGE, body, flags, **more)


def check_challenge(challenge, request):
    """What a client owes itself before it signs (threats.md 3: relay)."""
    if not challenge.digest_is_of(request.covered):
        raise Malformed("a challenge for another request")
    if not 16 <= len(challenge.nonce) <= 64:
        raise Malformed("a nonce of %d octets" % len(challenge.nonce))
    if not 0 < challenge.session < 1 << 31:
        raise Malformed("a challenge of session %d" % challenge.session)
    if challenge.op != request.op:
        raise Malformed("a challenge to another operation")


class Client:
    """Asks by one channel (hdl.Tcp or hdl.Udp); when challenged, proves to be `who`."""

    def __init__(self, channel, who=None, flags=KEEP, version=(2, 11)):
        self.channel, self.who, self.flags, self.version = channel, who, flags, version
        self.challenges = 0

    def submit(self, request):
        m = self.channel.ask(request)
        if m.rc != 402 or self.who is None:
            return m
        check_challenge(m, request)
        self.challenges += 1
        final = self.channel.ask(answer(m, self.who))
        if final.op != request.op and final.rc not in (405, 500):
            raise Malformed("operation %d in the answer" % final.op)
        if final.digest and not final.digest_is_of(request.covered):
            raise Malformed("the answer's digest is of something else")
        return final

    def ask(self, op, body, flags=0, **more):
        more.setdefault("version", self.version)
        return self.submit(Request(op, body, self.flags | flags, **more))

    def create(self, handle, values, flags=0):
        return self.ask(hdl.CREATE, array(handle) + value_list(values), flags)

    def delete(self, handle):
        return self.ask(hdl.DELETE, array(handle))

    def add(self, handle, values, flags=0):
        return self.ask(hdl.ADD, array(handle) + value_list(values), flags)

    def modify(self, handle, values):
        return self.ask(hdl.MODIFY, array(handle) + value_list(values))

    def remove(self, handle, indexes):
        return self.ask(hdl.REMOVE, array(handle) + u32(len(indexes)) +
                        b"".join(u32(i) for i in indexes))

    def home(self, handle):
        return self.ask(hdl.HOME, array(handle))

    def unhome(self, handle):
        return self.ask(hdl.UNHOME, array(handle))

    def names(self, op, handle=""):
        """All messages of a list (4.2)."""
        messages = [self.ask(op, array(handle))]
        while messages[-1].flags & hdl.CN:
            messages.append(self.channel.receive())
            if messages[-1].id != messages[0].id:
                raise Malformed("another request's answer in the middle of a list")
        return messages

    def all_values(self, handle, indexes=(), types=()):
        """Resolution with PO clear."""
        flags = self.flags & ~hdl.PO
        return self.submit(hdl.ask_for(handle, indexes, types, flags, version=self.version))


def value_list(values):
    return u32(len(values)) + b"".join(v.encode() for v in values)


def ref_octets(text):
    handle, index = reference(text)
    return array(handle) + u32(index)


def admin(index, who, perms=0xFFF, **more):
    """An HS_ADMIN value (6.3)."""
    return hdl.Value(index, "HS_ADMIN", perms.to_bytes(2, "big") + ref_octets(who), **more)


def vlist(index, members, **more):
    return hdl.Value(index, "HS_VLIST", u32(len(members)) +
                     b"".join(ref_octets(m) for m in members), **more)


# --- sessions ---------------------------------------------------------------------------------


def mac_credential(key, m, counter):
    """`m`: anything with version, suggest, session, id and covered."""
    covered = (bytes(m.version) + bytes(m.suggest) + u32(m.session) + u32(m.id) + u32(counter) +
               m.covered)
    inner = array("HMAC-SHA256") + array(keys.hmac_sha256(key, covered))
    return bytes(4) + array("") + u32(counter) + array("HS_MAC") + array(inner)


def dh_public(y, p=DH_P, g=DH_G):
    return array("DH_PUB_KEY") + bytes(2) + keys.java(y) + keys.java(p) + keys.java(g)


def setup_body(mode, who, rest, timeout=0):
    """4.5; two zero octets follow, as the stock encoder leaves them."""
    handle, index = (who.handle, who.index) if who else ("", 0)
    return (mode.to_bytes(2, "big") + u32(timeout) + array(handle) + u32(index) + rest + bytes(2))


class Session:
    """An established session of protocol 2.7 or later."""

    def __init__(self, channel, who, number, key, algorithm=keys.AES):
        self.channel, self.who, self.id, self.key = channel, who, number, key
        self.algorithm, self.counter, self.server_counter = algorithm, 0, 0

    @classmethod
    def setup(cls, channel, who=None, timeout=0, p=DH_P, g=DH_G, flags=KEEP):
        """Mode 4. The session, or the refusal."""
        x = secrets.randbits(256)
        body = setup_body(4, who, array(dh_public(pow(g, x, p), p, g)), timeout)
        m = channel.ask(Request(hdl.SESSION_SETUP, body, flags))
        if m.rc != 1:
            return m
        r = Reader(m.body)
        mode, data = r.take(2), Reader(r.array())
        algorithm, name = data.u32(), data.array()
        data.take(2)
        y, group = keys.number(data.array()), (keys.number(data.array()),
                                               keys.number(data.array()))
        if (mode, name, group, r.take(r.left())) != (b"\0\4", b"DH_PUB_KEY", (p, g), bytes(2)):
            raise Malformed("the answer to a session setup")
        z = pow(y, x, p)
        key = z.to_bytes((z.bit_length() + 7) // 8, "big")[:32]
        return cls(channel, who, m.session, key, algorithm)

    def request(self, op, body, flags=KEEP, counter=None, key=None, encrypted=False, **more):
        """MACed under `key`, the session's unless given; counter 0 is for who does not count."""
        if counter is None:
            self.counter += 1
            counter = self.counter
        more.setdefault("session", self.id)
        request = Request(op, body, flags | (hdl.ENC if encrypted else 0), **more)
        request.seal(request.covered + array(mac_credential(key or self.key, request, counter)))
        if encrypted:
            request.seal(keys.encrypt(self.algorithm, self.key, request.message), hdl.ENCRYPTED)
        return request

    def open(self, octets):
        """A received message, deciphered if it is a cipher; its MAC checked if it has one."""
        if octets[2] & hdl.ENCRYPTED:
            plain = keys.decrypt(self.algorithm, self.key, octets[hdl.ENVELOPE:])
            octets = octets[:16] + u32(len(plain)) + plain
        m = hdl.Message(octets)
        if m.credential and m.signature()[0] == b"HS_MAC":
            r = Reader(m.credential)
            r.take(8)
            counter = r.u32()
            if m.credential != mac_credential(self.key, m, counter):
                raise Malformed("MAC of the answer")
            if counter <= self.server_counter:
                raise Malformed("the server counts backwards")
            self.server_counter = counter
        return m

    def exchange(self, request):
        self.channel.send(request.octets)
        octets = self.channel.receive_octets()
        if octets is None:
            raise Malformed("closed without an answer")
        m = self.open(octets)
        if m.id != request.id:
            raise Malformed("answer to another request")
        return m

    def ask(self, op, body, flags=KEEP, **more):
        request = self.request(op, body, flags, **more)
        m = self.exchange(request)
        if m.rc != 402 or self.who is None:
            return m
        check_challenge(m, request)
        if m.session != self.id:
            raise Malformed("a challenge outside the session")
        return self.exchange(answer(m, self.who, flags & ~hdl.ENC))


# --- the national SDK -------------------------------------------------------------------------


class Sdk:
    """One connection of the SDK: version 2.10, session ids of its own choice, PO always set."""

    LOGIN_FLAGS = hdl.REC | hdl.RD  # 0x10800000
    _tags = iter(range(10001, 1 << 30))

    def __init__(self, channel, tag=None):
        self.channel = channel
        self.tag = next(self._tags) if tag is None else tag
        self.key = self.algorithm = None

    def request(self, op, body, flags=hdl.USUAL, credential=b"", **more):
        more.setdefault("session", self.tag)
        if self.key:
            flags |= hdl.ENC
        request = Request(op, body, flags, version=(2, 10), suggest=(2, 11),
                          credential=credential, **more)
        if self.key:
            request.seal(keys.encrypt(self.algorithm, self.key, request.message), hdl.ENCRYPTED)
        return request

    def receive(self):
        octets = self.channel.receive_octets()
        if octets is None:
            return None
        if self.key:
            if not octets[2] & hdl.ENCRYPTED:
                raise Malformed("an answer in clear inside an encrypted session")
            plain = keys.decrypt(self.algorithm, self.key, octets[hdl.ENVELOPE:])
            octets = octets[:16] + u32(len(plain)) + plain
        m = hdl.Message(octets)
        if m.session != self.tag:
            raise Malformed("session tag %d came back as %d" % (self.tag, m.session))
        return m

    def exchange(self, request):
        self.channel.send(request.octets)
        m = self.receive()
        if m is None or m.id != request.id:
            raise Malformed("no answer to this request")
        return m

    def ask(self, op, body, flags=hdl.USUAL):
        return self.exchange(self.request(op, body, flags))

    def resolve(self, handle, indexes=(), types=(), auth=b"", flags=hdl.USUAL):
        return self.ask(hdl.RESOLUTION,
                        hdl.resolution_body(handle, indexes, types) + array(auth), flags)

    def begin(self, who):
        """Steps 1-3 of industrial.md 5.4: site information, then the challenge."""
        site = self.ask(hdl.SITE_INFO, array("/"))
        if site.rc != 1:
            return site
        request = self.request(hdl.LOGIN, array(who.handle) + u32(who.index),
                               self.LOGIN_FLAGS, credential=None)
        m = self.exchange(request)
        if m.rc == 402 and not m.digest_is_of(request.covered):
            raise Malformed("a challenge for another request")
        return m

    def finish(self, challenge, who):
        auth_type, proof = who.proof(challenge.nonce, challenge.digest[1], (2, 11))
        body = array(auth_type) + array(who.handle) + u32(who.index) + array(proof)
        return self.exchange(self.request(hdl.ANSWER_CHALLENGE, body, self.LOGIN_FLAGS))

    def login(self, who):
        m = self.begin(who)
        return self.finish(m, who) if m.rc == 402 else m

    def encrypt(self, who, key, timeout=86400):
        """5.7: the server wraps a key for `who`'s public key; from then on all is encrypted."""
        rest = array(who.handle) + u32(who.index)
        body = (b"\0\3" + u32(timeout) + array("") + u32(0xFFFFFFFF) + rest + bytes(2))
        m = self.ask(hdl.SESSION_SETUP, body)
        if m.rc != 1:
            return m
        r = Reader(m.body)
        if r.take(2) != b"\0\3":
            raise Malformed("mode of the answer")
        wrapped = Reader(key.unwrap(r.array()))
        self.algorithm, self.key = wrapped.u32(), wrapped.take(wrapped.left())
        return m
