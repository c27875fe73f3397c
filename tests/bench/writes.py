# SPDX-License-Identifier: Apache-2.0
"""Durable writes: how many a second from 1, 8 and 64 connections, in bulk, what the disk's syncs
alone would allow in the same minutes, and what resolution feels of it."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time

from common import PREFIX, Process, free_port, run, say, table

CONNECTIONS = (1, 8, 64)
CHUNK = 300  # records: with four values each, most of a message
QUESTIONS = 5000  # a second, while writes go on


def syncs(folder, seconds):
    """Writes of a page that are forced to the disk, one after the other."""
    path = os.path.join(folder, "sync")
    with open(path, "wb", buffering=0) as f:
        os.pwrite(f.fileno(), bytes(1 << 16), 0)
        os.fsync(f.fileno())
        n, began = 0, time.monotonic()
        while time.monotonic() - began < seconds:
            os.pwrite(f.fileno(), n.to_bytes(8, "big") * 512, n % 16 * 4096)
            os.fdatasync(f.fileno())
            n += 1
        took = time.monotonic() - began
    os.unlink(path)
    return n / took


class Node:
    def __init__(self, build, work):
        self.build, self.dir, self.port = build, os.path.join(work, "node-writes"), free_port()
        shutil.rmtree(self.dir, ignore_errors=True)
        run(build.helvectl, "-d", self.dir, "init", "--prefix", PREFIX, "--listen",
            "127.0.0.1:%d" % self.port, "--key", "p256")

    def start(self):
        return Process(self.build.helved, "-c", os.path.join(self.dir, "helved.yaml"))

    def load(self, *argv):
        return [self.build.helveload, "@127.0.0.1:%d" % self.port, "--json", *map(str, argv)]

    def writer(self, *argv):
        return self.load("--create", PREFIX, "--auth", "300:0.NA/" + PREFIX, "--key",
                         os.path.join(self.dir, "keys", "admpriv.bin"), *argv)


def measure(argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("bench: %s: %s%s" % (" ".join(argv), done.stdout, done.stderr))
    return json.loads(done.stdout)


def median(figures, key):
    return statistics.median(f[key] for f in figures)


def beside(node, names, seconds, rounds):
    """Resolution at a steady rate, in turn alone and while 64 connections register."""
    quiet, busy = [], []
    ask = node.load("--names", names, "--rate", QUESTIONS, "--seconds", seconds)
    for _ in range(rounds):
        quiet.append(measure(ask))
        with subprocess.Popen(node.writer("--sockets", 64, "--seconds", seconds + 1),
                              stdout=subprocess.PIPE, text=True) as writer:
            # It has logged in when the first of a second's questions are out.
            busy.append(measure(ask))
            writer.communicate()
    return quiet, busy


def figures(build, work, seconds, rounds):
    node = Node(build, work)
    creates = {n: [] for n in CONNECTIONS}
    disk, bulk = [], []
    with node.start():
        for i in range(rounds):
            disk.append(syncs(work, 1))
            for n in CONNECTIONS:
                creates[n].append(measure(node.writer("--sockets", n, "--seconds", seconds)))
            bulk.append(measure(node.writer("--bulk", CHUNK, "--sockets", 4, "--seconds",
                                            seconds)))
            say("writes, round %d: %.0f syncs/s, creates %s /s, bulk %.0f records/s" % (
                i + 1, disk[-1], " ".join("%.0f" % creates[n][-1]["recordsPerSecond"]
                                          for n in CONNECTIONS), bulk[-1]["recordsPerSecond"]))
        names = os.path.join(work, "names-writes")
        listed = run(build.helvectl, "-d", node.dir, "list", PREFIX).stdout.split("\n")
        with open(names, "w", encoding="utf-8") as f:
            f.write("\n".join(listed[:100000]))
        quiet, busy = beside(node, names, seconds, rounds)
    return {"disk": statistics.median(disk), "creates": creates, "bulk": bulk, "quiet": quiet,
            "busy": busy}


def text(w):
    rows = [["writes of a page forced to the disk, one after the other: S", "%.0f /s" % w["disk"]]]
    for n in CONNECTIONS:
        f = w["creates"][n]
        rate = median(f, "recordsPerSecond")
        # A commit is two syncs, and nobody has more than one creation under way.
        rows.append(["durable creates, logged in, %d connection%s" % (n, "s" if n > 1 else ""),
                     "**%.0f /s**, p50 / p99 %.2f / %.2f ms; %.2f of %d S / 2" % (
                         rate, median(f, "p50_us") / 1000, median(f, "p99_us") / 1000,
                         rate / (n * w["disk"] / 2), n)])
    rows.append(["bulk over the wire, chunks of %d records of four values, 4 connections" % CHUNK,
                 "**%.0f records/s**" % median(w["bulk"], "recordsPerSecond")])
    quiet, busy = median(w["quiet"], "p99_us"), median(w["busy"], "p99_us")
    rows.append(["resolution at %d/s by UDP, p50 / p99: quiet" % QUESTIONS, "%.0f / %.0f us" % (
        median(w["quiet"], "p50_us"), quiet)])
    rows.append(["the same while 64 connections create at full rate",
                 "%.0f / %.0f us (p99 %.1f times quiet)" % (median(w["busy"], "p50_us"), busy,
                                                           busy / quiet)])
    return table(["durable writes, two cores shared with the clients", "figure"], rows)
