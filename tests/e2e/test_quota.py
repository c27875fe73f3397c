# SPDX-License-Identifier: Apache-2.0
"""Limits that an operator sets, for the national SDK and for everybody else (industrial.md 5.2;
6, item 14)."""

import json
import time
import unittest

import auth
import hdl
from hdl import array
from staff import PREFIX, url
from test_sdk_wire import USER, SdkCase


class Quotas(SdkCase):
    settings = {"workers": 1}

    def quota(self, *argv):
        return self.node.ctl("quota", *argv).stdout

    def count(self):
        return int(json.loads(self.node.ctl("--json", "count", PREFIX).stdout)["count"])

    def test_14_records_of_a_prefix(self):
        """An end to the limit is an end to the refusals."""
        s, c = self.sdk(self.user()), self.admin()
        self.quota("set", PREFIX, "--records", str(self.count() + 2))
        self.create(s, PREFIX + "/Q1")
        self.assert_rc(c.create(PREFIX + "/Q2", [url()]), 1)
        m = self.create(s, PREFIX + "/Q3", rc=604)
        self.assertIn(PREFIX, m.text)
        m = self.assert_rc(c.create(PREFIX + "/Q3", [url()]), 401)
        self.assertIn(PREFIX, m.text)
        self.assert_absent(PREFIX + "/Q3")
        # Changes of what is there need no room.
        self.assert_rc(s.ask(hdl.MODIFY, array(PREFIX + "/Q1") + auth.value_list([url(1, "x")])),
                       1)
        self.assert_rc(s.ask(hdl.DELETE, array(PREFIX + "/Q1")), 1)
        self.create(s, PREFIX + "/Q3")
        self.quota("clear", PREFIX)
        self.create(s, PREFIX + "/Q4")

    def test_14_registrations_of_an_identity(self):
        s, other = self.sdk(self.user(300)), self.sdk(self.user(310))
        self.quota("set", "300:" + USER, "--records", "2")
        codes = [s.ask(hdl.CREATE, array("%s/R%d" % (PREFIX, i)) +
                       auth.value_list([url()])).rc for i in range(5)]
        self.assertEqual(codes, [1, 1, 604, 604, 604])
        self.create(other, PREFIX + "/R-OTHER")
        self.quota("clear", "300:" + USER)
        self.create(s, PREFIX + "/R-AGAIN")

    def test_14_changes_a_day(self):
        """Of UTC: what ran across its end is done again, by somebody who has changed nothing yet."""
        for index in (300, 310):
            day = time.time() // 86400
            try:
                return self.changes_a_day(index, "%s/D%d" % (PREFIX, index))
            except AssertionError:
                if time.time() // 86400 == day:
                    raise

    def changes_a_day(self, index, name):
        s, other = self.sdk(self.user(index)), self.sdk(self.user(303))
        mine = auth.admin(100, "%d:%s" % (index, USER))
        self.create(s, name, url(), mine)
        self.quota("set", "%d:%s" % (index, USER), "--per-day", "2")
        codes = [s.ask(hdl.MODIFY, array(name) + auth.value_list([url(1, str(i))])).rc
                 for i in range(5)]
        self.assertEqual(codes, [1, 1, 603, 603, 603])
        self.create(other, name + "-OTHER")
        self.assert_rc(s.resolve(name), 1)
        # They are kept: a restart is no new day.
        self.node.stop()
        self.node.start(**self.settings)
        self.create(self.sdk(self.user(index)), name + ".2", rc=603)
        self.quota("clear", "%d:%s" % (index, USER))
        self.create(self.sdk(self.user(index)), name + ".2")


if __name__ == "__main__":
    unittest.main()
