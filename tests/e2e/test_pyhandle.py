# SPDX-License-Identifier: Apache-2.0
"""PYHANDLE, the client of EUDAT, with its own tests: the unit tests, which need no server, and its
integration tests against helved. The source comes from its registry once, by pip and by its hash, and
stays in a cache outside the tree; without it these tests are skipped, and say so."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest
import xml.etree.ElementTree

import rest

NAME, SHA256 = "pyhandle-1.5.0", "6f95272941b4e1d68f0843bf462b2d40bb55b6173a8d073858f29bd67931acb5"
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                     "helve-tests")
PYTHON = "/usr/bin/python3"  # the packages that it needs are Debian's
TESTCASES = os.path.join("pyhandle", "tests", "testcases")
PREFIX = "21.T14999"  # its tests name it
USER = PREFIX + "/B2HANDLE_INTEGRATION_TESTS"
SECRET = "a secret of the tests"

# What no server can pass, and why.
DESELECTED = {
    "test_global_resolve": "asks hdl.handle.net",
    "test_instantiate_with_credentials": "lacks an argument that is now wanted",
    "test_instantiate_with_credentials_config": "the same",
    "test_instantiate_with_credentials_config_override": "the same",
    "test_instantiate_with_credentials_inexistentuser": "the same",
    "test_delete_handle_inexistent": "tests what the client no longer does",
    "test_register_handle": "the same",
    "test_generate_and_register_handle": "the same",
}


def is_right(path):
    if not os.path.exists(path):
        return False
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest() == SHA256


def source():
    """The archive's path; a SkipTest says why there is none."""
    path = os.path.join(CACHE, NAME + ".tar.gz")
    if is_right(path):
        return path
    os.makedirs(CACHE, exist_ok=True)
    pips = [[p] for p in map(shutil.which, ("pip3", "pip")) if p]
    if not pips:
        raise unittest.SkipTest("no pip to fetch %s with" % NAME)
    with tempfile.TemporaryDirectory() as to:
        try:
            done = subprocess.run(
                pips[0] + ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest",
                           to, NAME.replace("-", "==")],
                capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise unittest.SkipTest("the registry did not answer in time")
        got = os.path.join(to, NAME + ".tar.gz")
        if done.returncode != 0 or not os.path.exists(got):
            raise unittest.SkipTest("the registry cannot be reached: " +
                                    (done.stderr.strip().split("\n") or [""])[-1])
        if not is_right(got):
            raise AssertionError("%s is not the archive that was pinned" % NAME)
        shutil.move(got, path)
    return path


class Pyhandle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        missing = subprocess.run([PYTHON, "-c", "import requests, future, six, mock, pymysql, pytest"],
                                 capture_output=True, text=True)
        if missing.returncode != 0:
            raise unittest.SkipTest(missing.stderr.strip().split("\n")[-1])
        archive = source()
        cls.dir = tempfile.mkdtemp(prefix="helve-pyhandle-")
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                target = os.path.realpath(os.path.join(cls.dir, member.name))
                if not target.startswith(os.path.realpath(cls.dir) + os.sep):
                    raise AssertionError("%s leaves its place" % member.name)
            tar.extractall(cls.dir)
        cls.tree = os.path.join(cls.dir, NAME)

    def pytest(self, files):
        """{test: None or what is wrong}"""
        report = os.path.join(self.dir, "report.xml")
        env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", NO_PROXY="*")
        done = subprocess.run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                               "--junitxml", report, *files], cwd=self.tree, env=env,
                              capture_output=True, text=True, timeout=600)
        self.assertTrue(os.path.exists(report), done.stdout + done.stderr)
        results = {}
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            wrong = [c for c in case if c.tag in ("failure", "error", "skipped")]
            results[case.get("classname") + "." + case.get("name")] = (
                (wrong[0].get("message") or "") + (wrong[0].text or "")[-1500:] if wrong else None)
        return results

    def check(self, results, count, deselected=()):
        passed = 0
        for name, wrong in sorted(results.items()):
            if name.split(".")[-1] in deselected:
                continue
            with self.subTest(name):
                self.assertIsNone(wrong)
                passed += 1
        self.assertEqual(passed, count)

    def test_unit(self):
        folder = os.path.join(self.tree, TESTCASES)
        files = sorted(f for f in os.listdir(folder) if f.endswith("unit_test.py"))
        self.check(self.pytest([os.path.join(TESTCASES, f) for f in files]), 135)

    # --- against helved ---

    def fixture(self):
        node = rest.RestNode(PREFIX, "p256")
        self.addCleanup(node.remove)
        admin = {"index": 100, "type": "HS_ADMIN",
                 "data": {"format": "admin", "value": {"handle": USER, "index": 300,
                                                       "permissions": "011111110011"}}}
        texts = [(4, "TEST4", "val4"), (111, "TEST1", "val1"), (333, "TEST3", "val3"),
                 (2222, "TEST2", "val2")]
        node.load([
            {"handle": USER, "values": [
                admin, {"index": 300, "type": "HS_SECKEY", "data": SECRET, "permissions": "1100"}]},
            {"handle": PREFIX + "/READ", "values": [admin] + [
                {"index": i, "type": t, "data": d} for i, t, d in texts]},
        ])
        names = [(300, "0.NA/" + PREFIX), (300, USER)]
        vlist = len(names).to_bytes(4, "big") + b"".join(
            len(n).to_bytes(4, "big") + n.encode() + i.to_bytes(4, "big") for i, n in names)
        path = os.path.join(node.dir, "vlist.bin")
        with open(path, "wb") as f:
            f.write(vlist)
        node.ctl("put", "0.NA/" + PREFIX, "--file", "200 HS_VLIST " + path)
        return node.start(index_types='[ "URL", "CHECKSUM" ]')

    def settings(self, node):
        base = "https://127.0.0.1:%d" % node.web[1]
        values = {
            "user": "300:" + USER, "password": SECRET, "handle_server_url_read": base,
            "handle_server_url_write": base, "url_extension_REST_API": "/api/handles/",
            "reverselookup_baseuri": base, "reverselookup_baseuri_wrong": base + "/nowhere",
            "reverselookup_url_extension": "/hrls/handles/", "reverselookup_username": "300:" + USER,
            "reverselookup_password": SECRET, "handle_globally_resolvable": "20.1000/100",
            "handle_to_be_created": PREFIX + "/NEW", "HTTPS_verify": False}
        for more in ("", "_with_10320LOC", "_without_10320LOC"):
            values["handle_for_read_tests" + more] = PREFIX + "/READ"
            values["handle_to_be_modified" + more] = PREFIX + "/MOD"
        name = os.path.join(self.tree, "pyhandle", "tests", "resources",
                            "testvalues_for_integration_tests_IGNORE.json")
        with open(name, "w", encoding="utf-8") as f:
            json.dump(values, f)

    def test_integration(self):
        node = self.fixture()
        self.settings(node)
        kinds = ["read", "write", "search"]
        self.check(self.pytest([os.path.join(TESTCASES, "handleclient_%s_integration_test.py" % k)
                                for k in kinds]), 29, DESELECTED)


if __name__ == "__main__":
    unittest.main()
