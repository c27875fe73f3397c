# SPDX-License-Identifier: Apache-2.0
"""What the measurements share: programs, servers that are started and stopped, tables."""

import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PREFIX = "88.118.8"
SERVER_CORE, CLIENT_CORE = "0", "1"
STRIDE = 7368787  # prime: walks through all numbers below n, out of order
FLAGS, KEEP_ALIVE = 0x19000000, 0x02000000  # recursion, certified caches, public values only
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
    def __init__(self, path, *more):
        self.path = path
        if not os.path.exists(os.path.join(path, "build.ninja")):
            run("meson", "setup", "--buildtype=release", "-Db_lto=true", path, ROOT)
        say("building in " + path)
        run("ninja", "-C", path, "server/helved", "tools/helvectl/helvectl", "tools/helveload",
            "tests/bench/echo", *more)
        self.helved = os.path.join(path, "server", "helved")
        self.helvectl = os.path.join(path, "tools", "helvectl", "helvectl")
        self.helveload = os.path.join(path, "tools", "helveload")
        self.echo = os.path.join(path, "tests", "bench", "echo")
        self.helver = os.path.join(path, "resolver", "helver")
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


class Awake:
    """Keeps both cores from falling asleep: spinners that run only where nobody else would. Where a
    generator and a server wait for each other in turn, a virtual machine otherwise hands a core back at
    each pause, and waking it costs more than the answers do."""

    def __enter__(self):
        self.spinners = [self._spin(int(core)) for core in (SERVER_CORE, CLIENT_CORE)]

    def __exit__(self, *_):
        for spinner in self.spinners:
            spinner.kill()
            spinner.wait()

    @staticmethod
    def _spin(core):
        def idle_only():
            os.sched_setaffinity(0, {core})
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        return subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=idle_only)


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


# --- questions ---

def write_records(n, records, names):
    """The shape of a product's label: where its page is, and three attributes."""
    number = 0
    with open(records, "w", encoding="ascii") as r, open(names, "w", encoding="ascii") as f:
        for _ in range(n):
            number = (number + STRIDE) % n
            name = "%s/JX%010d" % (PREFIX, number)
            f.write(name + "\n")
            r.write('{"handle":"%s","values":[{"index":1,"type":"URL","data":'
                    '"https://items.example.cn/jx/%010d"},{"index":2000,"type":"brand","data":'
                    '{"format":"string","value":"Helve %03d"},"ttl":86400},{"index":2001,'
                    '"type":"made","data":{"format":"string","value":"2026-%02d-%02d"},'
                    '"ttl":86400},{"index":2002,"type":"batch","data":{"format":"string",'
                    '"value":"B%07d"},"ttl":86400}]}\n'
                    % (name, number, number % 997, number % 12 + 1, number % 28 + 1,
                       number // 100))


def question(name, flags=FLAGS):
    """One packet: a resolution without a filter."""
    octets = name.encode()
    body = struct.pack(">I", len(octets)) + octets + bytes(8)
    message = struct.pack(">IIIHBBII", 1, 0, flags, 0xFFFF, 0, 0, int(time.time()) + 43200,
                          len(body)) + body + bytes(4)
    return struct.pack(">BBBBIIII", 2, 11, 2, 11, 0, 1, 0, len(message)) + message


def answer_size(port, name):
    """Octets of the datagram that answers a question."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.connect(("127.0.0.1", port))
        s.send(question(name))
        return len(s.recv(4096))


class Load:
    """The generator, on its own core."""

    def __init__(self, build, names):
        self.build, self.names = build, names

    def __call__(self, port, *argv, core=CLIENT_CORE):
        done = subprocess.run(
            ["taskset", "-c", core, self.build.helveload, "@127.0.0.1:%d" % port, "--names",
             self.names, "--json", *map(str, argv)],
            **PIPED, check=False)
        figures = json.loads(done.stdout) if done.stdout else {}
        if done.returncode != 0:
            sys.exit("bench: helveload %s: %s%s" % (" ".join(map(str, argv)), done.stdout,
                                                    done.stderr))
        return figures


def others_s(*servers):
    """CPU seconds that the machine has spent on anything but waiting, the programs that we have
    waited for, and these servers."""
    with open("/proc/stat", encoding="ascii") as f:
        fields = [int(x) for x in f.readline().split()[1:]]
    busy = (sum(fields[:8]) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
    ours = resource.getrusage(resource.RUSAGE_CHILDREN)
    return busy - ours.ru_utime - ours.ru_stime - sum(s.cpu_s() for s in servers)
