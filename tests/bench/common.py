# SPDX-License-Identifier: Apache-2.0
"""What the measurements share: programs, servers that are started and stopped, tables."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PREFIX = "88.118.8"
PIPED = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def run(*argv, **more):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    if done.returncode != 0:
        sys.exit("bench: %s: exit %d\n%s%s" % (" ".join(argv), done.returncode, done.stdout,
                                               done.stderr))
    return done


class Build:
    def __init__(self, path):
        self.path = path
        if not os.path.exists(os.path.join(path, "build.ninja")):
            run("meson", "setup", "--buildtype=release", "-Db_lto=true", path, ROOT)
        say("building in " + path)
        run("ninja", "-C", path, "server/helved", "tools/helvectl/helvectl", "tools/helveload",
            "tests/bench/echo", "tests/bench/dnsload")
        self.helved = os.path.join(path, "server", "helved")
        self.helvectl = os.path.join(path, "tools", "helvectl", "helvectl")
        self.helveload = os.path.join(path, "tools", "helveload")
        self.echo = os.path.join(path, "tests", "bench", "echo")
        self.dnsload = os.path.join(path, "tests", "bench", "dnsload")


class Process:
    """A server that says `ready` on standard error."""

    def __init__(self, *argv):
        began = time.monotonic()
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, text=True)
        self.said = []
        for line in self.process.stderr:
            self.said.append(line)
            if line.strip() == "ready":
                self.ready_s = time.monotonic() - began
                return
        sys.exit("bench: %s did not start:\n%s" % (" ".join(argv), "".join(self.said)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.rest = self.process.stderr.read()
        self.process.wait()

    def own_memory(self):
        """Octets that belong to it alone, pages counted one by one: what /proc/PID/status says
        may be a few hundred kilobytes behind."""
        with open("/proc/%d/smaps_rollup" % self.process.pid, encoding="ascii") as f:
            return int(re.search(r"^Anonymous:\s+(\d+)", f.read(), re.M).group(1)) * 1024

    def cpu_s(self):
        with open("/proc/%d/stat" % self.process.pid, encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port():
    """One that UDP and TCP both have free."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
