# SPDX-License-Identifier: Apache-2.0
"""The pages of helved and helver in a real browser: web/test/live.mjs, against four tiers and a
resolver. Each of its tests counts."""

import json
import os
import shutil
import subprocess

from node import ROOT
from tiers import TiersCase
from v1 import http_port

WEB = os.path.join(ROOT, "web")
SAMPLE = os.path.join(ROOT, "conf", "sample", "registry.jsonl")
PEOPLE = "88.118.8/PEOPLE"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
HOSTILE = ('<script>window.hit=1</script><img src=x onerror="window.hit=1">', "javascript:window.hit=1",
           "data:text/html,<script>parent.hit=1</script>", "safe\u202egnp.exe", "x" * 60000)


def missing():
    if not shutil.which("node") or not os.path.isdir(os.path.join(WEB, "node_modules", "playwright-core")):
        return "no node, or no playwright-core (npm ci in web/)"
    if not any(shutil.which(name) for name in BROWSERS):
        return "no chromium (apt-get install chromium)"
    return None


class Pages(TiersCase):
    settings = {"http": '[ "127.0.0.1:0" ]'}

    @classmethod
    def setUpClass(cls):
        cls.why = missing()
        if not cls.why:
            super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        if not cls.why:
            super().tearDownClass()

    @classmethod
    def fill(cls, tiers):
        leaf = tiers.leaf
        leaf.load_file(SAMPLE, "jsonl")
        text = {"format": "string"}
        leaf.load([
            {"handle": "88.118.8/EVIL", "values": [
                {"index": i + 1, "type": "URL", "data": dict(text, value=s)} for i, s in enumerate(HOSTILE)]},
            {"handle": PEOPLE, "values": [
                {"index": 301, "type": "HS_SECKEY", "permissions": "1100", "data": dict(text, value="geheim")}]}])
        leaf.ctl("sign", "--prefix", "88.118.8")
        leaf.ctl("key", "convert", os.path.join(leaf.dir, "keys", "admpriv.bin"),
                 os.path.join(leaf.dir, "admin.pem"), "--to", "pem")
        leaf.more = {"http": '[ "127.0.0.1:0" ]', "server_admins": '[ "300:0.NA/88.118.8" ]'}

    def test_in_a_browser(self):
        if self.why:
            self.skipTest(self.why)
        leaf = self.tiers.leaf
        there = {"resolver": "http://127.0.0.1:%d" % http_port(self.resolver),
                 "registry": "https://127.0.0.1:%d" % http_port(leaf),
                 "key": os.path.join(leaf.dir, "admin.pem"), "id": "300:0.NA/88.118.8",
                 "secretId": "301:" + PEOPLE, "secret": "geheim"}
        done = subprocess.run(["node", "test/live.mjs"], cwd=WEB, capture_output=True, text=True,
                              timeout=600, env=dict(os.environ, HELVE_PAGES=json.dumps(there)))
        lines = done.stdout.splitlines()
        passed = [line.split(" s  ", 1)[1] for line in lines if line.startswith("ok ")]
        for name in passed:
            with self.subTest(name):
                pass
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(passed, done.stdout + done.stderr)
