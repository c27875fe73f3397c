# SPDX-License-Identifier: Apache-2.0
"""helvectl for tests: a folder with a node's files for each case, what must be said, and what must be
refused with which exit code."""

import json
import os
import shutil
import tempfile
import unittest

from node import DATA, HELVECTL, run

DUMP = os.path.join(DATA, "hsv9-dump.json")


def ctl(folder, *argv, check=False, **more):
    return run(HELVECTL, "-d", folder, *argv, check=check, **more)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def record(handle, *values):
    return {"handle": handle, "values": list(values)}


def text_value(index, kind, data, **more):
    return dict({"index": index, "type": kind, "data": {"format": "string", "value": data}},
                **more)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="helve-ctl-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.dir = os.path.join(self.folder, "node")

    def path(self, name):
        return os.path.join(self.folder, name)

    def init(self, *more, prefix="88.118.8", folder=None):
        done = ctl(folder or self.dir, "init", "--prefix", prefix, "--key", "p256", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def ok(self, *argv, folder=None):
        done = ctl(folder or self.dir, *argv)
        self.assertEqual(done.returncode, 0, "%s: %s" % (" ".join(argv), done.stderr))
        return done.stdout

    def refused(self, code, *argv, says, folder=None, lines=1):
        """That exit code, and what is wrong as the first and (but for usage) only line."""
        done = ctl(folder or self.dir, *argv)
        told = done.stderr.splitlines()
        self.assertEqual(done.returncode, code, "%s: %s" % (argv, done.stderr))
        self.assertTrue(told, "%s: nothing was said" % (argv,))
        self.assertIn(says, told[0], argv)
        if code == 1:
            self.assertEqual(len(told), lines, done.stderr)

    def records(self, folder=None):
        out = self.ok("dump", "--secrets", folder=folder)
        return {r["handle"]: r for r in map(json.loads, out.splitlines())}

    def summary(self, text):
        return dict(part.split("=") for part in text.strip().splitlines()[-1].split())
