# SPDX-License-Identifier: Apache-2.0
"""Nodes with administrators: what helvectl init makes, and beside it people with keys of their own
and rights of every size."""

import base64
import os

import auth
import hdl
import keys
from node import NodeCase, text_value

PREFIX = "88.118.8"
NA = "0.NA/" + PREFIX
ROOT = "300:" + NA  # whom helvectl init makes: a member of 200:NA, and so administrator
PEOPLE = PREFIX + "/PEOPLE"
FAST = {"iterations": 100}

# Each channel from a /24 of its own, so that one test's wrong answers slow down no other
# (threats.md 3: back-off by identity and source network).
networks = ("127.%d.%d.1" % (a, b) for a in range(1, 250) for b in range(250))


def value(index, kind, data, perms="1110"):
    return {"index": index, "type": kind, "ttl": 86400, "permissions": perms,
            "data": {"format": "base64", "value": base64.b64encode(hdl.octets(data)).decode()}}


def from_value(v):
    """hdl.Value as a dump has it."""
    perms = "".join("1" if v.perms & bit else "0" for bit in (8, 4, 2, 1))
    return value(v.index, v.type.decode(), v.data, perms)


def url(index=1, text="https://example.cn/", **more):
    return hdl.Value(index, "URL", text, **more)


class StaffCase(NodeCase):
    """A node, its administrator `root`, and people under 88.118.8/PEOPLE: 301 HS_SECKEY "one",
    302 "two" ..., each with the rights that the values 1xx of the prefix and of T give."""

    settings = {"workers": 2}
    secrets = {301: "one", 302: "two", 303: "three", 304: "four"}

    @classmethod
    def records(cls, node):
        """More of them, of a subclass."""
        return []

    @classmethod
    def fill(cls, node):
        people = [value(i, "HS_SECKEY", s, "1100") for i, s in sorted(cls.secrets.items())]
        target = [text_value(1, "URL", "https://example.cn/"),
                  value(3, "PRIVATE", "for administrators", "1100"),
                  value(4, "NOBODY", "for nobody", "0100"),
                  value(5, "OPEN", "for everybody", "1111"),
                  value(6, "FIXED", "read only", "1010"),
                  from_value(auth.admin(100, "200:" + NA))]
        node.load([{"handle": PEOPLE, "values": people},
                   {"handle": PREFIX + "/T", "values": target}] + cls.records(node))

    @classmethod
    def prepare(cls, c):
        """What a subclass wants registered by the administrator's client `c`."""

    @staticmethod
    def done(m):
        if m.rc != 1:
            raise AssertionError("refused: %d %s" % (m.rc, m.text))
        return m

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            with hdl.Tcp(cls.node.address) as c:
                cls.prepare(auth.Client(c, cls.root()))
        except BaseException:
            cls.tearDownClass()
            raise

    def setUp(self):
        self.open_channels = []

    def tearDown(self):
        for c in self.open_channels:
            c.socket.close()

    @classmethod
    def root(cls):
        return auth.Public(ROOT, keys.key_file(os.path.join(cls.node.dir, "keys/admpriv.bin")))

    def secret(self, index, text=None):
        return auth.Secret("%d:%s" % (index, PEOPLE), text or self.secrets[index], **FAST)

    def tcp(self, **more):
        more.setdefault("source", next(networks))
        c = hdl.Tcp(self.at, **more)
        self.open_channels.append(c)
        return c

    def udp(self, **more):
        more.setdefault("source", next(networks))
        c = hdl.Udp(self.at, **more)
        self.open_channels.append(c)
        return c

    def client(self, who=None, by="tcp", **more):
        return auth.Client(self.tcp() if by == "tcp" else self.udp(), who, **more)

    def admin(self, **more):
        return self.client(self.root(), **more)

    def assert_rc(self, m, rc):
        self.assertEqual(m.rc, rc, m.text)
        return m

    def assert_is(self, handle, values, by=None):
        """What everybody sees of it, each way."""
        for ask in (by,) if by else (hdl.ask_udp, hdl.ask_tcp):
            m = self.assert_rc(ask(self.at, hdl.ask_for(handle)), 1)
            self.assertEqual([(v.index, v.type, v.data) for v in m.values],
                             [(v.index, v.type, v.data) for v in values])

    def assert_absent(self, handle):
        for ask in (hdl.ask_udp, hdl.ask_tcp):
            self.assert_rc(ask(self.at, hdl.ask_for(handle)), 100)
