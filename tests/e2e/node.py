# SPDX-License-Identifier: Apache-2.0
"""Real helved processes for the tests: made by helvectl, started on a port of the kernel's
choice, watched through their standard error, stopped and looked at. Nothing sleeps: each wait is
for a line, an answer or an end, and has a bound."""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("HELVE_BUILD", os.path.join(ROOT, "build")))
DATA = os.path.join(ROOT, "tests", "data")
VECTORS = os.path.join(ROOT, "tests", "vectors")
HELVED = os.path.join(BUILD, "server", "helved")
HELVER = os.path.join(BUILD, "resolver", "helver")
HELVECTL = os.path.join(BUILD, "tools", "helvectl", "helvectl")
HDIG = os.path.join(BUILD, "tools", "hdig")
PATIENCE = 240  # seconds that anything may take on a busy machine, under a sanitizer
# On such a machine the peer that is late is one of ours. Who tests an end sets its deadline.
UNHURRIED = {"tcp_first_timeout": 600, "tcp_message_timeout": 600, "tcp_idle_timeout": 600,
             "tcp_stall_timeout": 600}

SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|Assertion .* failed")


def run(*argv, stdin=None, check=True, **more):
    """A program to its end; its output as text."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=PATIENCE,
                          **more)
    if SANITIZER.search(done.stderr):
        raise AssertionError("%s: %s" % (argv[0], done.stderr))
    if check and done.returncode != 0:
        raise AssertionError("%s: exit %d: %s%s" % (" ".join(argv), done.returncode,
                                                    done.stdout, done.stderr))
    return done


class Node:
    """A node's directory and, while it runs, its process."""

    binary = HELVED
    within = ()  # what stands in front of it on the command line

    def __init__(self, prefix="88.118.8", key="rsa", *more, listen="127.0.0.1:26410"):
        self.dir = os.path.join(tempfile.mkdtemp(prefix="helve-e2e-"), "node")
        self.conf = os.path.join(self.dir, "test.yaml")
        self.process = self.address = None
        self.lines = []
        self.ctl("init", "--prefix", prefix, "--listen", listen, "--key", key, *more)

    def ctl(self, *argv, check=True):
        return run(HELVECTL, "-d", self.dir, *argv, check=check)

    def load(self, records):
        """Records as a dump has them: {"handle": ..., "values": [...]}."""
        path = os.path.join(self.dir, "records.jsonl")
        with open(path, "w", encoding="utf-8") as f:
            for record in records:
                f.write(json.dumps(record, ensure_ascii=False) + "\n")
        self.ctl("load", path)

    def load_file(self, path, kind):
        copy = os.path.join(self.dir, os.path.basename(path))
        shutil.copy(path, copy)
        self.ctl("load", copy, "--format", kind)

    def configure(self, **keys):
        """Write the configuration: defaults, and what the test wants (a_b is a-b)."""
        settings = {"data_dir": '"%s/data"' % self.dir, "listen": '[ "127.0.0.1:0" ]', **UNHURRIED}
        settings.update(keys)
        with open(self.conf, "w", encoding="utf-8") as f:
            for name, value in settings.items():
                if value is not None:
                    f.write("%s: %s\n" % (name.replace("_", "-"), value))

    def spawn(self, env=None):
        self.lines, self.unread = [], queue.Queue()
        self.process = subprocess.Popen(
            [*self.within, self.binary, "-c", self.conf], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            text=True, env=dict(os.environ, **(env or {})))
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr,))
        self.reader.start()

    def _read(self, stream):
        for line in stream:
            self.lines.append(line.rstrip("\n"))
            self.unread.put(line.rstrip("\n"))
        self.unread.put(None)

    def wait_for(self, pattern):
        """The next line of standard error that matches."""
        while True:
            line = self.unread.get(timeout=PATIENCE)
            if line is None:
                raise AssertionError(self.binary + " ended:\n" + "\n".join(self.lines))
            if re.search(pattern, line):
                return line

    def start(self, env=None, **keys):
        self.configure(**keys)
        self.spawn(env)
        line = self.wait_for(r"listen address=")
        host, port = re.search(r"address=(\[.*\]|[\d.]+):(\d+) ", line).groups()
        self.address = ("127.0.0.1" if host == "0.0.0.0" else host, int(port))
        self.wait_for(r"^ready$")
        return self

    def signal(self, number):
        self.process.send_signal(number)
        if number == signal.SIGSTOP:
            # Until one of its threads has seen it the others go on, and answer.
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def stop(self):
        """SIGTERM; fails when it did not end in order."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=PATIENCE)
        finally:
            self.process.kill()
            self.reader.join(PATIENCE)
            self.process.stderr.close()
            self.process = None
        said = "\n".join(self.lines)
        if code != 0 or SANITIZER.search(said):
            raise AssertionError("%s: exit %d:\n%s" % (self.binary, code, said))

    def kill(self):
        """As a power cut ends it."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.process.stderr.close()
        self.process = None

    def remove(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(os.path.dirname(self.dir), ignore_errors=True)

    def cpu_s(self):
        """Processor time that it has used: no matter how busy the machine is otherwise."""
        with open("/proc/%d/stat" % self.process.pid, encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def refuses_to_start(self):
        """Its whole standard error, when it ends by itself as it should."""
        done = subprocess.run([self.binary, "-c", self.conf], capture_output=True, text=True,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL)
        return done.returncode, done.stderr, done.stdout


class NodeCase(unittest.TestCase):
    """One node for all tests of a class."""

    prefix, key = "88.118.8", "p256"
    init = ()
    settings = {}
    node = None

    @classmethod
    def fill(cls, node):
        """Put the records into the registry."""

    @classmethod
    def setUpClass(cls):
        cls.node = Node(cls.prefix, cls.key, *cls.init)
        try:
            cls.fill(cls.node)
            cls.node.start(**cls.settings)
        except BaseException:
            cls.node.process and cls.node.process.kill()
            cls.node.remove()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.node.remove()

    @property
    def at(self):
        return self.node.address


def text_value(index, kind, text, **more):
    return dict({"index": index, "type": kind,
                 "data": {"format": "string", "value": text}, "ttl": 86400}, **more)


def sample_site():
    with open(os.path.join(DATA, "siteinfo.json"), encoding="utf-8") as f:
        return json.load(f)


def vectors(topic):
    with open(os.path.join(VECTORS, topic + ".json"), encoding="utf-8") as f:
        return json.load(f)
