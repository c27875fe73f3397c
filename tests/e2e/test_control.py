# SPDX-License-Identifier: Apache-2.0
"""The control socket: whom it believes, what it tells, what the network is not given (the uid is the
system's word, SO_PEERCRED)."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import unittest

import auth
import hdl
import keys
from hdl import Request, array, u32
from node import PATIENCE
from staff import PREFIX, ROOT, StaffCase, url

COMMIT, BULK, CONTROL = 4000, 4001, 4002


class Local(hdl.Tcp):
    """A connection to the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)


def control(verb, text=""):
    return Request(CONTROL, array(verb) + array(text), auth.KEEP)


class Control(StaffCase):
    settings = {"workers": 2, "server_admins": '[ "%s" ]' % ROOT}

    def local(self):
        c = Local(os.path.join(self.node.dir, "helved.sock"))
        self.open_channels.append(c)
        return c

    def octets(self, m):
        return hdl.Reader(m.body).array()

    def status(self, channel=None):
        m = self.assert_rc((channel or self.local()).ask(control("status")), 1)
        return json.loads(self.octets(m).decode("utf-8"))

    def test_status(self):
        before, c = self.status(), self.admin()
        self.assertEqual(before["health"], "fine")
        self.assertEqual(before["pid"], self.node.process.pid)
        self.assertTrue(before["readable"])
        self.assertEqual(before["workers"], 2)
        self.assert_rc(c.create(PREFIX + "/STATUS", [url()]), 1)
        wrong = auth.Public(ROOT, keys.Ecdsa())
        self.assert_rc(self.client(wrong).create(PREFIX + "/STATUS2", [url()]), 403)
        after = self.status()
        for name, more in (("changes", 1), ("proofs", 1), ("wrongProofs", 1), ("seq", 1)):
            self.assertEqual(after[name] - before[name], more, name)
        self.assertGreater(after["commits"], before["commits"])
        self.assertEqual(after["failedCommits"], 0)
        self.assertGreaterEqual(after["uptime"], before["uptime"])
        self.assertEqual(sorted(before), sorted(after))

    def test_refusals(self):
        for verb, text, rc in (("", "", 5), ("stat", "", 5), ("statusx", "", 5),
                               ("status", "{", 4), ("status", "[1,", 4), ("status", "\xff", 4),
                               ("quota", '{"subject":5}', 4), ("quota", '{"records":-1}', 4),
                               ("quota", '{"subject":"88","perDay":1.5}', 4),
                               ("quota", '{"subject":"nobody/x","records":1}', 202),
                               ("quota", '{"subject":"88.118.8"}', 202)):
            with self.subTest(verb, text=text):
                m = self.local().ask(Request(CONTROL, array(verb) +
                                             array(text.encode("latin-1")), auth.KEEP))
                self.assert_rc(m, rc)
                self.assertTrue(m.text)

    def test_quota(self):
        c = self.local()

        def listed():
            return json.loads(self.octets(self.assert_rc(c.ask(control("quota")), 1)).decode())

        self.assertEqual(listed(), [])
        for subject, limit in (("88.118.8", {"records": 70, "perDay": 5}),
                               (ROOT.lower(), {"perDay": 9})):
            self.assert_rc(c.ask(control("quota", json.dumps(dict(limit, subject=subject)))), 1)
        self.assertEqual([(q["subject"], q["records"], q["perDay"]) for q in listed()],
                         [("88.118.8", 70, 5), (ROOT, 0, 9)])
        today = time.time() // 86400
        self.assert_rc(self.admin().create(PREFIX + "/QUOTA", [url()]), 1)
        used = listed()
        self.assertEqual([q["registered"] for q in used], [1, 1])
        if time.time() // 86400 == today:  # and not in the last moment of a day
            self.assertEqual([q["usedToday"] for q in used], [1, 1])
        for subject in ("88.118.8", ROOT):
            self.assert_rc(c.ask(control("quota", json.dumps({"subject": subject}))), 1)
        self.assertEqual(listed(), [])

    def test_reload(self):
        self.assert_rc(self.local().ask(control("reload")), 1)
        self.node.wait_for("reload serial=")
        self.assertEqual(self.status()["health"], "fine")
        self.node.configure(**dict(self.settings, workers='"many"'))
        self.assert_rc(self.local().ask(control("reload")), 1)
        self.node.wait_for("nothing was changed")
        self.assertEqual(self.status()["health"], "fine")
        self.node.configure(**self.settings)

    # --- by the network ---

    def test_commit_is_not_for_the_network(self):
        """At once, and nobody is asked to prove anything."""
        for body in (b"", u32(0), u32(1) + bytes(40)):
            with self.subTest(len(body)):
                c = self.tcp()
                self.assert_rc(c.ask(Request(COMMIT, array("") + array(body), auth.KEEP)), 400)
                m = self.admin().ask(COMMIT, array("") + array(body))
                self.assert_rc(m, 400)

    def test_control_by_the_network(self):
        """Server administrators may, when they have proven it; nobody else."""
        body = array("status") + array("")
        c = self.admin()
        m = self.assert_rc(c.ask(CONTROL, body), 1)
        self.assertEqual(c.challenges, 1)
        self.assertEqual(json.loads(self.octets(m).decode())["health"], "fine")
        self.assert_rc(self.tcp().ask(control("status")), 402)
        self.assert_rc(self.client(auth.Public(ROOT, keys.Ecdsa())).ask(CONTROL, body), 403)
        self.assert_rc(self.client(self.secret(301)).ask(CONTROL, body), 400)
        index0 = self.root()
        index0.index = 0
        self.assert_rc(self.client(index0).ask(CONTROL, body), 1)

    # --- by another account ---

    def test_another_account_is_nobody(self):
        """Whoever can open the socket is still asked for a key."""
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("only root can become somebody else")
        path = os.path.join(self.node.dir, "helved.sock")
        modes = [(p, os.stat(p).st_mode) for p in (path, self.node.dir,
                                                   os.path.dirname(self.node.dir))]
        try:
            for p, mode in modes:
                os.chmod(p, mode | 0o777)
            script = ("import socket,sys;s=socket.socket(socket.AF_UNIX);s.settimeout(%d);"
                      "s.connect(sys.argv[1]);i=sys.stdin.buffer.read();s.sendall(i);"
                      "sys.stdout.buffer.write(s.recv(65536))" % PATIENCE)
            for request, rc in ((control("status"), 402),
                                (Request(COMMIT, array("") + array(u32(1) + bytes(40)),
                                         auth.KEEP), 402),
                                (Request(hdl.CREATE, array(PREFIX + "/OTHER") +
                                         auth.value_list([url()]), auth.KEEP), 402),
                                (hdl.ask_for(PREFIX + "/T"), 1)):
                done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups",
                                       sys.executable, "-c", script, path],
                                      input=request.octets, capture_output=True,
                                      timeout=PATIENCE, check=True, cwd="/")
                self.assert_rc(hdl.Message(done.stdout), rc)
        finally:
            for p, mode in modes:
                os.chmod(p, mode & 0o7777)
        self.assert_rc(self.local().ask(Request(hdl.CREATE, array(PREFIX + "/OWN") +
                                                auth.value_list([url()]), auth.KEEP)), 1)

    def test_the_socket_is_closed_to_others(self):
        mode = os.stat(os.path.join(self.node.dir, "helved.sock")).st_mode
        self.assertEqual(mode & 0o007, 0)


if __name__ == "__main__":
    unittest.main()
