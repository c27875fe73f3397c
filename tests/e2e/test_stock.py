# SPDX-License-Identifier: Apache-2.0
"""The reference's own client library against a node (tests/sdk). It comes from a package registry,
so it is not everywhere: what is missing is said."""

import os
import shutil
import subprocess
import unittest

from node import PATIENCE, ROOT, Node

SDK = os.path.join(ROOT, "tests", "sdk")
OUT = os.path.join(ROOT, "tests", "out", "sdk")
FETCH = 240  # seconds


class NotHere(Exception):
    """Why it cannot be had."""


def call(what, *argv, timeout):
    try:
        done = subprocess.run(argv, cwd=OUT, capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise NotHere("%s takes more than %d s" % (what, timeout)) from None
    if done.returncode != 0:
        lines = [l for l in (done.stdout + done.stderr).splitlines() if "ERROR" in l]
        raise NotHere("%s: %s" % (what, lines[0].strip() if lines else "failed"))


def fetch():
    """The folder with the library, fetched once."""
    jars = os.path.join(OUT, "jars")
    if not os.path.isdir(jars):
        pom = os.path.join(SDK, "pom.xml")
        where = os.path.join(OUT, "jars.new")
        copy = ("mvn", "-q", "-B", "-f", pom,
                "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies",
                "-DoutputDirectory=" + where)
        shutil.rmtree(where, ignore_errors=True)
        call("mvn", *copy, timeout=FETCH)
        os.rename(where, jars)
    return os.path.join(jars, "*")


def compile_client():
    for program in ("javac", "java", "mvn"):
        if not shutil.which(program):
            raise NotHere("there is no %s" % program)
    os.makedirs(OUT, exist_ok=True)
    path = fetch() + ":" + OUT
    call("javac", "javac", "-nowarn", "-d", OUT, "-cp", path,
         os.path.join(SDK, "StockClient.java"), timeout=PATIENCE)
    return path


class StockClient(unittest.TestCase):
    """One line for each thing that its users do; each counts."""

    def test_stock_client(self):
        try:
            path = compile_client()
        except NotHere as why:
            self.skipTest("the reference's client library is not to be had: %s" % why)
        node = Node("88.118.8", "rsa")
        try:
            node.start(workers=2, server_admins='[ "300:0.NA/88.118.8" ]')
            done = subprocess.run(
                ["java", "-cp", path, "StockClient", str(node.address[1]), node.dir, "88.118.8"],
                capture_output=True, text=True, timeout=300, cwd=OUT, stdin=subprocess.DEVNULL)
        finally:
            node.remove()
        lines = done.stdout.splitlines()
        self.assertRegex(lines[-1] if lines else "", "passed", done.stderr)
        for i, line in enumerate(lines):
            if line.startswith("ok "):
                with self.subTest(line[3:]):
                    pass
            elif line.startswith("FAIL "):
                with self.subTest(line.split(":")[0][5:]):
                    self.fail("\n".join(lines[i:i + 6]))


if __name__ == "__main__":
    unittest.main()
