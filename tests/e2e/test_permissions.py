# SPDX-License-Identifier: Apache-2.0
"""The matrix of rights (vectors/permissions.json: 24 operations of 22 identities), each cell with a
real challenge and a real key on a running node that holds the recording's world; after each that
was allowed the world is put back."""

import unittest

import auth
import hdl
import world
from hdl import Value
from node import NodeCase, vectors
from staff import FAST, value
from test_identity import vector_key

# Identities of the recording that had no key, since it took them as proven: we give them one.
GIVEN = {"20.500.12345/WILD": [(777, "wild")], "20.500.12345/HOME": [(300, "home")],
         "20.500.12345/BACKUP": [(300, "backup")], "20.500.12345/STATUS": [(300, "status")]}
KEYS = {"300:0.NA/20.500.12345": "rsa_admin_plain", "300:0.NA/0.NA": "rsa_server_plain"}

# Cells in which our answer differs on purpose: operation, code, why.
EXPLAINED = {
    "status_handle": (200, "the status is asked for over the control socket"),
}
# No value of that index can be a key (it is a group): who claims to be it cannot prove it.
UNPROVABLE = "200:0.NA/20.500.12345"


def secrets():
    out = {}
    for handle, values in world.world()["handles"].items():
        for v in values:
            v = Value.decode(hdl.Reader(bytes.fromhex(v)))
            if v.type == b"HS_SECKEY":
                out["%d:%s" % (v.index, handle)] = v.data
    for handle, keys in GIVEN.items():
        for index, text in keys:
            out["%d:%s" % (index, handle)] = text.encode()
    return out


class Permissions(NodeCase):
    prefix, key = "0.NA", "p256"
    settings = {"workers": 1, "server_admins": '[ "300:0.NA/0.NA" ]',
                "home_only_admins": '[ "300:20.500.12345/HOME" ]'}

    @classmethod
    def fill(cls, node):
        world.load(node)
        node.load([{"handle": h, "values": [value(i, "HS_SECKEY", s, "1100") for i, s in keys]}
                   for h, keys in GIVEN.items()])
        cls.secrets = secrets()
        cls.records = {h: [Value.decode(hdl.Reader(bytes.fromhex(v))) for v in values]
                       for h, values in world.world()["handles"].items()}

    def setUp(self):
        self.root_channel = hdl.Tcp(self.at)
        self.root = auth.Client(self.root_channel, auth.Public(
            "300:0.NA/0.NA", vector_key(KEYS["300:0.NA/0.NA"])))

    def tearDown(self):
        self.root_channel.socket.close()

    def who(self, text):
        if text in KEYS:
            return auth.Public(text, vector_key(KEYS[text]))
        if text in self.secrets:
            return auth.Secret(text, self.secrets[text], **FAST)
        folded = {k.upper(): v for k, v in self.secrets.items()}
        if text.upper() in folded:
            return auth.Secret(text, folded[text.upper()], **FAST)
        return auth.Nobody(text, "HS_SECKEY", b"\3" + bytes(32))

    def put_back(self, operation):
        """What that operation may have changed."""
        if operation == "create_under_prefix":
            m = self.root.delete("20.500.12345/NEW")
        elif operation == "create_derived_prefix":
            m = self.root.delete("0.NA/20.500.12345.1")
        elif operation == "home_prefix":
            m = self.root.unhome("0.NA/20.500.900")
        elif operation in ("list_handles", "list_homed_prefixes", "read_private", "backup"):
            return
        else:
            name = "20.500.12345/TARGET"
            m = self.root.create(name, self.records[name], hdl.OWE)
        self.assertEqual(m.rc, 1, m.text)

    def expected(self, entry):
        d = entry["decoded"]
        if d["operation"] in EXPLAINED:
            return EXPLAINED[d["operation"]][0]
        if d["operation"] == "backup" and d["identity_kind"] == "backup_admin":
            return 400  # no list of its own: server administrators make copies
        if d["identity"] == UNPROVABLE and d["response_code"] == 1 and \
                d["operation"] != "modify_public_writable":
            return 403
        return d["response_code"]

    def test_matrix(self):
        for number, entry in enumerate(vectors("permissions")):
            if entry["name"] == "_world":
                continue
            with self.subTest(entry["name"]):
                self.cell(number, entry)

    def cell(self, number, entry):
        d, r = entry["decoded"], hdl.Reader(bytes.fromhex(entry["hex"]))
        op = r.u32()
        r.u32()
        flags = r.u32()
        r.take(8)
        body = r.take(r.u32())
        request = hdl.Request(op, body, flags | hdl.KC)
        with hdl.Tcp(self.at, source="127.%d.%d.1" % (1 + number // 200, number % 200)) as c:
            client = auth.Client(c, self.who(d["identity"]))
            m = client.submit(request)
            while m.flags & hdl.CN:
                m = c.receive()
        self.assertEqual(m.rc, self.expected(entry), m.text)
        if m.rc == 1:
            self.put_back(d["operation"])


if __name__ == "__main__":
    unittest.main()
