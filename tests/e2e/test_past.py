# SPDX-License-Identifier: Apache-2.0
"""HELVE_CONTROL's "list", "history", "undo" and "audit": what stands in the registry, what stood there
and who did it, for those who may do the same by the protocol's own operations, and for nobody else."""

import json
import os
import unittest

import auth
import hdl
from hdl import array
from staff import PEOPLE, PREFIX, ROOT, StaffCase, url
from test_control import CONTROL, Local

MODIFY, READ = 0x10, 0x400


class Past(StaffCase):
    settings = {"workers": 2, "server_admins": '[ "304:%s" ]' % PEOPLE, "undo_days": 7}

    @classmethod
    def prepare(cls, c):
        cls.done(c.create(PREFIX + "/OWN", [url(), auth.admin(100, "301:" + PEOPLE)]))

    def verb(self, c, verb, rc=1, **args):
        m = self.assert_rc(c.ask(CONTROL, array(verb) + array(json.dumps(args))), rc)
        return json.loads(hdl.Reader(m.body).array().decode("utf-8")) if rc == 1 else m

    def one(self):
        return self.client(self.secret(301))

    def server_admin(self):
        return self.client(self.secret(304))

    def history(self, name, c=None, **args):
        return self.verb(c or self.server_admin(), "history", handle=name, **args)

    def url_of(self, name):
        m = hdl.ask_tcp(self.at, hdl.ask_for(name, [1]))
        return m.values[0].data.decode() if m.rc == 1 else m.rc

    def changed(self, name, *texts):
        """Registered by 301, whom the prefix gives no right: so by root, with 301's HS_ADMIN."""
        root = self.admin()
        self.assert_rc(root.create(name, [url(1, texts[0]), auth.admin(100, "301:" + PEOPLE)]), 1)
        one = self.one()
        for text in texts[1:]:
            self.assert_rc(one.modify(name, [url(1, text)]), 1)
        return one

    def test_history(self):
        name = PREFIX + "/History"
        one = self.changed(name, "a", "b")
        self.assert_rc(one.delete(name), 1)
        for c in (one, self.server_admin()):
            past = self.history(name, c)
            self.assertEqual((past["handle"], past["whole"], past["next"]), (name, True, None))
            gone, second, first = past["versions"]
            self.assertIsNone(gone["values"])
            self.assertEqual([v["values"][0]["data"]["value"] for v in (second, first)], ["b", "a"])
            self.assertEqual([v["who"] for v in past["versions"]],
                             ["301:" + PEOPLE, "301:" + PEOPLE, ROOT])
            self.assertEqual([v["op"] for v in past["versions"]],
                             ["DELETE_HANDLE", "MODIFY_VALUE", "CREATE_HANDLE"])
            self.assertGreater(gone["seq"], second["seq"])
            self.assertRegex(gone["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_pages_of_history(self):
        name = PREFIX + "/PAGES"
        self.changed(name, *"abcdefg")
        seen, before = [], 0
        while before is not None:
            page = self.history(name, limit=3, before=before)
            self.assertLessEqual(len(page["versions"]), 3)
            seen += [v["values"][0]["data"]["value"] for v in page["versions"]]
            before = page["next"]
        self.assertEqual("".join(seen), "gfedcba")

    def test_secrets_are_left_out(self):
        name = PREFIX + "/SECRETS"
        self.assert_rc(self.admin().create(name, [
            url(), hdl.Value(3, "HS_SECKEY", "geheim"), hdl.Value(4, "PIN", "1234", perms=0x0C),
            hdl.Value(5, "NOBODY", "x", perms=0x04), auth.admin(100, "301:" + PEOPLE)]), 1)
        (only,) = self.history(name)["versions"]
        self.assertEqual([v["index"] for v in only["values"]], [1, 4, 100])

    def test_undo(self):
        name = PREFIX + "/UNDO"
        one = self.changed(name, "a", "b", "c")
        self.assertEqual(self.verb(one, "undo", handle=name),
                         {"undo": "done", "records": 1, "next": None})
        self.assertEqual(self.url_of(name), "b")
        # An undo is a change: undone, it brings back what it took away.
        self.verb(one, "undo", handle=name)
        self.assertEqual(self.url_of(name), "c")
        versions = self.history(name)["versions"]
        self.assertEqual(len(versions), 5)
        self.assertEqual((versions[0]["who"], versions[0]["op"]), ("301:" + PEOPLE, "HELVE_CONTROL"))
        # Any version that is kept, and only if nobody was faster.
        first = versions[-1]["seq"]
        self.verb(one, "undo", 101, handle=name, seq=first, newest=first)
        self.assertEqual(self.url_of(name), "c")
        self.verb(one, "undo", handle=name, seq=first, newest=versions[0]["seq"])
        self.assertEqual(self.url_of(name), "a")
        self.node.ctl("verify")

    def test_undo_of_a_registration_and_of_a_deletion(self):
        name = PREFIX + "/LIFE"
        self.changed(name, "a")
        root = self.server_admin()
        self.verb(root, "undo", handle=name)
        self.assertEqual(self.url_of(name), 100)
        self.verb(root, "undo", handle=name)
        self.assertEqual(self.url_of(name), "a")
        self.assert_rc(root.delete(name), 1)
        self.verb(root, "undo", handle=name)
        self.assertEqual(self.url_of(name), "a")
        total = self.verb(root, "list", prefix=PREFIX)["total"]
        self.assertEqual(total, int(self.node.ctl("count", PREFIX).stdout.split()[-1]))

    def test_undo_takes_the_rights_of_the_change(self):
        """301 may modify and read: so not undo what added a value, nor the registration."""
        name = PREFIX + "/RIGHTS"
        self.assert_rc(self.admin().create(name, [
            url(1, "a"), auth.admin(100, "301:" + PEOPLE, MODIFY | READ)]), 1)
        one, all_powerful = self.one(), self.server_admin()
        self.verb(one, "undo", 400, handle=name)
        self.assert_rc(one.modify(name, [url(1, "b")]), 1)
        self.verb(one, "undo", handle=name)
        self.assertEqual(self.url_of(name), "a")
        self.assert_rc(all_powerful.add(name, [url(2, "more")]), 1)
        self.verb(one, "undo", 400, handle=name)
        self.verb(all_powerful, "undo", handle=name)
        self.verb(one, "history", handle=name)
        self.assert_rc(all_powerful.modify(name, [auth.admin(100, "301:" + PEOPLE, MODIFY)]), 1)
        self.verb(one, "history", 400, handle=name)

    def test_undo_of_what_is_not_there(self):
        c = self.server_admin()
        self.verb(c, "undo", 100, handle=PREFIX + "/NEVER")
        self.verb(c, "history", 100, handle=PREFIX + "/NEVER")
        self.verb(c, "undo", 100, handle=PREFIX + "/OWN", seq=999999)
        self.verb(c, "undo", 301, handle="99.1/X")
        self.verb(c, "history", 301, handle="99.1/X")

    def test_list(self):
        root = self.admin()
        names = ["%s/List.%02d" % (PREFIX, i) for i in range(7)]
        for name in names:
            self.assert_rc(root.create(name, [url()]), 1)
        self.assert_rc(self.server_admin().delete(names[3]), 1)
        whole = self.verb(root, "list", prefix=PREFIX, limit=1000)
        self.assertEqual([n for n in whole["identifiers"] if "/List." in n],
                         names[:3] + names[4:])
        self.assertEqual((whole["prefix"], whole["next"]), (PREFIX, None))
        self.assertEqual(whole["total"], len(whole["identifiers"]))
        for limit in (1, 2, 5):
            seen, after = [], ""
            while after is not None:
                page = self.verb(root, "list", prefix=PREFIX, limit=limit, after=after)
                self.assertLessEqual(len(page["identifiers"]), limit)
                self.assertEqual(page["total"], whole["total"])
                seen += page["identifiers"]
                after = page["next"]
            self.assertEqual(seen, whole["identifiers"])
        # A cursor outlives what it stands on.
        after = self.verb(root, "list", prefix=PREFIX, limit=1)["next"]
        self.assertEqual(self.verb(root, "list", prefix="0.NA/" + PREFIX, after=after)["identifiers"],
                         whole["identifiers"][1:])

    def test_audit(self):
        name, c = PREFIX + "/AUDIT", self.server_admin()
        root = self.admin()
        before = self.verb(c, "audit", newestFirst=True, limit=1)["entries"][0]["seq"]
        self.assert_rc(root.create(name, [url()]), 1)
        self.assert_rc(c.delete(name), 1)
        page = self.verb(c, "audit", after=before)
        made, gone = [e for e in page["entries"] if e["handle"] == name]
        self.assertEqual((made["who"], made["op"], made["kind"]), (ROOT, "CREATE_HANDLE", "change"))
        self.assertEqual(gone["op"], "DELETE_HANDLE")
        self.assertTrue(made["source"].startswith("127."), made)
        self.assertIsNone(page["next"])
        up, after = [], 0
        while after is not None:
            page = self.verb(c, "audit", after=after, limit=2)
            up += [e["seq"] for e in page["entries"]]
            after = page["next"]
        self.assertEqual(up, list(range(1, len(up) + 1)))
        down, at = [], 0
        while at is not None:
            page = self.verb(c, "audit", newestFirst=True, before=at, limit=3)
            down += [e["seq"] for e in page["entries"]]
            at = page["next"]
        self.assertEqual(down, sorted(down, reverse=True))
        self.assertEqual(down[-1], 1)

    def test_who_may_not(self):
        stranger = self.client(self.secret(302))
        for verb, args in (("list", {"prefix": PREFIX}), ("history", {"handle": PREFIX + "/OWN"}),
                           ("undo", {"handle": PREFIX + "/OWN"}), ("audit", {})):
            self.verb(stranger, verb, 400, **args)
        for verb in ("list", "history", "undo"):
            wrong = self.client(self.secret(304, "wrong"))
            self.verb(wrong, verb, 403, prefix=PREFIX, handle=PREFIX + "/OWN")
        self.verb(self.client(self.secret(303, "wrong")), "audit", 400)
        self.verb(self.one(), "audit", 400)
        self.verb(self.one(), "list", 400, prefix=PREFIX)

    def test_wrong_wishes(self):
        c = self.server_admin()
        for verb, args in (("list", {}), ("list", {"prefix": PREFIX, "after": "xyz"}),
                           ("list", {"prefix": PREFIX, "after": "4"}),
                           ("list", {"prefix": PREFIX, "after": "00" * 600}),
                           ("list", {"prefix": PREFIX, "limit": 0}),
                           ("list", {"prefix": PREFIX, "limit": 1001}),
                           ("audit", {"after": -1}), ("audit", {"limit": "x"}),
                           ("history", {"handle": 5}), ("undo", {"handle": PREFIX + "/OWN", "seq": -1})):
            self.verb(c, verb, 4, **args)
        self.verb(c, "list", 301, prefix="99.1")
        self.verb(c, "undo", 100, handle="")

    def test_by_the_control_socket(self):
        c = Local(os.path.join(self.node.dir, "helved.sock"))
        self.open_channels.append(c)
        m = c.ask(hdl.Request(CONTROL, array("list") + array('{"prefix":"%s","limit":1}' % PREFIX),
                              auth.KEEP))
        self.assertEqual(m.rc, 1)


if __name__ == "__main__":
    unittest.main()
