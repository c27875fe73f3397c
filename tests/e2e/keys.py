# SPDX-License-Identifier: Apache-2.0
"""Keys and proofs once more, from their standards and with nothing but integers and hashes: RSA
(RFC 8017), DSA (FIPS 186-4), ECDSA on P-256, Ed25519 (RFC 8032) and SM2 (GB/T 32918). They sign and
unwrap for test clients only: nothing here runs in constant time. Ciphers are the openssl command's."""

import hashlib
import hmac
import secrets
import subprocess

from hdl import Reader, array, u32


class Der:
    """As much of DER as keys and signatures need."""

    @staticmethod
    def tlv(tag, *parts):
        body = b"".join(parts)
        n = len(body)
        if n < 128:
            return bytes([tag, n]) + body
        length = n.to_bytes((n.bit_length() + 7) // 8, "big")
        return bytes([tag, 0x80 | len(length)]) + length + body

    @staticmethod
    def integer(n):
        return Der.tlv(2, n.to_bytes(n.bit_length() // 8 + 1, "big"))

    @staticmethod
    def pair(r, s):
        return Der.tlv(0x30, Der.integer(r), Der.integer(s))

    @staticmethod
    def parse(data):
        """[(tag, contents)] of what stands in `data` one behind the other."""
        out, at = [], 0
        while at < len(data):
            tag, n, at = data[at], data[at + 1], at + 2
            if n & 0x80:
                more = n & 0x7F
                n, at = int.from_bytes(data[at:at + more], "big"), at + more
            out.append((tag, data[at:at + n]))
            at += n
        return out


def digest(name, *parts):
    return hashlib.new(name, b"".join(parts)).digest()


def number(octets):
    return int.from_bytes(octets, "big")


def java(n):
    """A big integer as the protocol writes it (7.1): minimal two's complement."""
    return array(n.to_bytes(n.bit_length() // 8 + 1, "big"))


# --- curves -----------------------------------------------------------------------------------


class Curve:
    """y^2 = x^3 - 3x + b; points are (x, y), None is infinity. Inside, Jacobian coordinates."""

    def __init__(self, p, b, n, gx, gy):
        self.p, self.a, self.b, self.n, self.g = p, p - 3, b, n, (gx, gy)

    def _double(self, q):
        x, y, z = q
        p = self.p
        delta, gamma = z * z % p, y * y % p
        beta = x * gamma % p
        alpha = 3 * (x - delta) * (x + delta) % p
        x3 = (alpha * alpha - 8 * beta) % p
        return (x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % p,
                ((y + z) * (y + z) - gamma - delta) % p)

    def _add(self, q, r):
        if q[2] == 0:
            return r
        if r[2] == 0:
            return q
        p = self.p
        z1, z2 = q[2] * q[2] % p, r[2] * r[2] % p
        u1, u2 = q[0] * z2 % p, r[0] * z1 % p
        s1, s2 = q[1] * r[2] * z2 % p, r[1] * q[2] * z1 % p
        h, d = (u2 - u1) % p, (s2 - s1) % p
        if h == 0:
            return self._double(q) if d == 0 else (1, 1, 0)
        hh = h * h % p
        hhh, v = h * hh % p, u1 * hh % p
        x3 = (d * d - hhh - 2 * v) % p
        return (x3, (d * (v - x3) - s1 * hhh) % p, q[2] * r[2] * h % p)

    def times(self, k, point):
        out, q = (1, 1, 0), (point[0], point[1], 1)
        for bit in bin(k)[2:]:
            out = self._double(out)
            if bit == "1":
                out = self._add(out, q)
        return self._plain(out)

    def _plain(self, q):
        if q[2] == 0:
            return None
        z = pow(q[2], -1, self.p)
        return (q[0] * z * z % self.p, q[1] * z * z * z % self.p)

    def scalar(self):
        return 1 + secrets.randbelow(self.n - 1)

    @staticmethod
    def octets(point):
        return point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


P256 = Curve(2**256 - 2**224 + 2**192 + 2**96 - 1,
             0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
             0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
             0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
             0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
SM2 = Curve(0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF,
            0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93,
            0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
            0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
            0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0)


class Edwards:
    """The curve of Ed25519 in extended coordinates."""

    p = 2**255 - 19
    n = 2**252 + 27742317777372353535851937790883648493
    d = -121665 * pow(121666, -1, p) % p
    gy = 4 * pow(5, -1, p) % p

    @classmethod
    def base(cls):
        p, y = cls.p, cls.gy
        square = (y * y - 1) * pow(cls.d * y * y + 1, -1, p) % p
        x = pow(square, (p + 3) // 8, p)
        if x * x % p != square:
            x = x * pow(2, (p - 1) // 4, p) % p
        if x & 1:
            x = p - x
        return (x, y, 1, x * y % p)

    @classmethod
    def add(cls, q, r):
        p = cls.p
        a, b = (q[1] - q[0]) * (r[1] - r[0]) % p, (q[1] + q[0]) * (r[1] + r[0]) % p
        c, d = 2 * q[3] * r[3] * cls.d % p, 2 * q[2] * r[2] % p
        e, f, g, h = b - a, d - c, d + c, b + a
        return (e * f % p, g * h % p, f * g % p, e * h % p)

    @classmethod
    def times(cls, k):
        out, q = (0, 1, 1, 0), cls.base()
        while k:
            if k & 1:
                out = cls.add(out, q)
            q = cls.add(q, q)
            k >>= 1
        z = pow(out[2], -1, cls.p)
        x, y = out[0] * z % cls.p, out[1] * z % cls.p
        return (y | (x & 1) << 255).to_bytes(32, "little")


# --- keys -------------------------------------------------------------------------------------
# Each has: kind, public() as HS_PUBKEY data (7.1, decisions: new kinds), spki(), sign(name, data)
# and `digests`, the hash names that may stand in a proof, best first.


def pem(label, der):
    import base64
    text = base64.b64encode(der).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "\r\n".join(["-----BEGIN %s-----" % label, *lines, "-----END %s-----" % label, ""])


class Rsa:
    kind, digests = "rsa", ("SHA-256", "SHA1")
    prefixes = {"SHA-256": ("sha256", "3031300d060960864801650304020105000420"),
                "SHA1": ("sha1", "3021300906052b0e03021a05000414"),
                "MD5": ("md5", "3020300c06082a864886f70d020505000410")}

    def __init__(self, n, e, d):
        self.n, self.e, self.d = n, e, d
        self.size = (n.bit_length() + 7) // 8

    @classmethod
    def generate(cls, bits=2048):
        der = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-outform", "DER",
                              "-pkeyopt", "rsa_keygen_bits:%d" % bits], check=True,
                             capture_output=True).stdout
        parts = Der.parse(Der.parse(der)[0][1])
        if parts[1][0] != 2:  # PKCS#8, not PKCS#1
            parts = Der.parse(Der.parse(parts[2][1])[0][1])
        return cls(*[number(part) for _, part in parts[1:4]])

    def public(self):
        return array("RSA_PUB_KEY") + bytes(2) + java(self.e) + java(self.n) + u32(0)

    def spki(self):
        key = Der.tlv(0x30, Der.integer(self.n), Der.integer(self.e))
        oid = Der.tlv(0x30, bytes.fromhex("06092a864886f70d010101"), b"\x05\0")
        return Der.tlv(0x30, oid, Der.tlv(3, b"\0", key))

    def sign(self, name, data):
        algorithm, head = self.prefixes[name]
        info = bytes.fromhex(head) + digest(algorithm, data)
        padded = b"\0\1" + b"\xff" * (self.size - len(info) - 3) + b"\0" + info
        return pow(number(padded), self.d, self.n).to_bytes(self.size, "big")

    def unwrap(self, data):
        padded = pow(number(data), self.d, self.n).to_bytes(self.size, "big")
        if padded[:2] != b"\0\2":
            raise ValueError("padding")
        return padded[padded.index(0, 2) + 1:]


class Dsa:
    kind, digests = "dsa", ("SHA-256", "SHA1")

    def __init__(self, x, p, q, g):
        self.x, self.p, self.q, self.g = x, p, q, g

    def public(self):
        y = pow(self.g, self.x, self.p)
        return (array("DSA_PUB_KEY") + bytes(2) + java(self.q) + java(self.p) + java(self.g) +
                java(y))

    def sign(self, name, data):
        h = digest({"SHA-256": "sha256", "SHA1": "sha1"}[name], data)
        bits = self.q.bit_length()
        z = number(h) >> max(0, 8 * len(h) - bits)
        k = 1 + secrets.randbelow(self.q - 1)
        r = pow(self.g, k, self.p) % self.q
        return Der.pair(r, pow(k, -1, self.q) * (z + self.x * r) % self.q)


class Ecdsa:
    kind, digests = "p256", ("SHA-256",)
    name = "EC_PUB_KEY"
    head = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
    curve = P256

    def __init__(self, d=None):
        self.d = d or self.curve.scalar()
        self.q = self.curve.times(self.d, self.curve.g)

    @classmethod
    def generate(cls):
        return cls()

    def spki(self):
        return self.head + b"\4" + self.curve.octets(self.q)

    def public(self):
        return array(self.name) + bytes(2) + array(self.spki())

    def sign(self, name, data):
        n = self.curve.n
        k = self.curve.scalar()
        r = self.curve.times(k, self.curve.g)[0] % n
        return Der.pair(r, pow(k, -1, n) * (number(digest("sha256", data)) + r * self.d) % n)


class Ed25519:
    kind, digests = "ed25519", ("Ed25519",)

    def __init__(self, seed=None):
        h = digest("sha512", seed or secrets.token_bytes(32))
        self.a = int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254
        self.prefix = h[32:]
        self.q = Edwards.times(self.a)

    @classmethod
    def generate(cls):
        return cls()

    def spki(self):
        return bytes.fromhex("302a300506032b6570032100") + self.q

    def public(self):
        return array("ED25519_PUB_KEY") + bytes(2) + array(self.spki())

    def sign(self, name, data):
        r = int.from_bytes(digest("sha512", self.prefix, data), "little") % Edwards.n
        point = Edwards.times(r)
        k = int.from_bytes(digest("sha512", point, self.q, data), "little") % Edwards.n
        return point + ((r + k * self.a) % Edwards.n).to_bytes(32, "little")


class Sm2(Ecdsa):
    kind, digests = "sm2", ("SM3", "SHA-256")
    name = "SM2_PUB_KEY"
    head = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
    curve = SM2
    usual_id = b"1234567812345678"

    def z(self, name, who):
        c = self.curve
        params = b"".join(n.to_bytes(32, "big") for n in (c.a, c.b, *c.g))
        return digest(name, (8 * len(who)).to_bytes(2, "big"), who, params, c.octets(self.q))

    def sign_digest(self, e):
        n = self.curve.n
        while True:
            k = self.curve.scalar()
            r = (number(e) + self.curve.times(k, self.curve.g)[0]) % n
            s = pow(1 + self.d, -1, n) * (k - r * self.d) % n
            if r and s and r + k != n:
                return Der.pair(r, s)

    def sign_as(self, who, data):
        """SM2 with SM3 and the signer's identifier `who`."""
        return self.sign_digest(digest("sm3", self.z("sm3", who), data))

    def unwrap(self, data):
        """C1, C3, C2 in raw octets (industrial.md 5.7)."""
        if data[0] != 4:
            raise ValueError("C1")
        c1 = (number(data[1:33]), number(data[33:65]))
        shared = self.curve.octets(self.curve.times(self.d, c1))
        c3, c2 = data[65:97], data[97:]
        stream = b"".join(digest("sm3", shared, u32(i + 1)) for i in range(len(c2) // 32 + 1))
        out = bytes(a ^ b for a, b in zip(c2, stream))
        if digest("sm3", shared[:32], out, shared[32:]) != c3:
            raise ValueError("C3")
        return out


KINDS = {"rsa": Rsa, "p256": Ecdsa, "ed25519": Ed25519, "sm2": Sm2}


def private_key(data):
    """A key as the protocol writes private keys (7.2; new kinds: PKCS#8 in the same frame)."""
    r = Reader(data)
    name, parts = r.array(), []
    while r.left():
        parts.append(r.array())
    if name == b"RSA_PRIVCRT_KEY":
        return Rsa(*[number(p) for p in parts[:3]])
    if name == b"DSA_PRIV_KEY":
        return Dsa(*[number(p) for p in parts])
    octet_string = Der.parse(Der.parse(parts[0])[0][1])[2][1]
    inner = Der.parse(octet_string)[0][1]
    if name == b"ED25519_PRIV_KEY":
        return Ed25519(inner)
    scalar = number(Der.parse(inner)[1][1])
    return {b"EC_PRIV_KEY": Ecdsa, b"SM2_PRIV_KEY": Sm2}[name](scalar)


def key_file(path):
    """An unencrypted privkey.bin."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:4] != u32(1):
        raise ValueError("%s is encrypted" % path)
    return private_key(data[4:])


# --- ciphers and MACs -------------------------------------------------------------------------

AES, SM4 = 3, 4


def cipher(way, name, key, iv, data):
    done = subprocess.run(["openssl", "enc", way, "-" + name, "-K", key.hex(), "-iv", iv.hex()],
                          input=data, capture_output=True, check=False)
    if done.returncode != 0:
        raise ValueError("%s: %s" % (name, done.stderr.decode()))
    return done.stdout


def encrypt(algorithm, key, data):
    """A message behind its envelope, at 2.4 and above (9.3; SM4: industrial.md 5.7)."""
    if algorithm == SM4:
        return cipher("-e", "sm4-cbc", key[:16], key[:16], data)
    iv = secrets.token_bytes(16)
    return iv + cipher("-e", "aes-128-cbc", key[:16], iv, data)


def decrypt(algorithm, key, data):
    if algorithm == SM4:
        return cipher("-d", "sm4-cbc", key[:16], key[:16], data)
    return cipher("-d", "aes-128-cbc", key[:16], data[:16], data[16:])


def hmac_sha256(key, data):
    return hmac.new(key, data, "sha256").digest()
