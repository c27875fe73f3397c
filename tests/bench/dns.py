# SPDX-License-Identifier: Apache-2.0
"""helved's DNS beside Debian's Knot with the same zone, in one run: python3 tests/bench/dns.py [--build
DIR] [--names N] [--rounds R] [--seconds S]. Each is pinned to one core, the asker to another; they take
turns, and the median of the rounds counts. On a machine that others use too, the processor time that
an answer took is the steadier figure: both are printed. "Registry changing": one connection creates
other records in helved as fast as it can, and only the thread that answers is counted, less what its
part in the creations took without questions; Knot's zone stands still."""

import argparse
import glob
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

from common import (CLIENT_CORE, PIPED, SERVER_CORE, STRIDE, Awake, Build, Process, free_port, run, say,
                    table)

ZONE = "bench.example"
PREFIX = "88.118.8"

KNOT_CONF = """server:
    listen: 127.0.0.1@%(port)d
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    rundir: "%(dir)s"
    udp-max-payload: 1232
log:
  - target: stderr
    any: error
database:
    storage: "%(dir)s/db"
policy:
  - id: one
    algorithm: ecdsap256sha256
    single-type-signing: on
    nsec3: off
zone:
  - domain: %(zone)s
    file: "%(dir)s/zone"
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
    dnssec-signing: %(signed)s
    dnssec-policy: one
"""


def install():
    if shutil.which("knotd", path=os.environ["PATH"] + ":/usr/sbin"):
        return True
    say("installing knot")
    as_root = [] if os.getuid() == 0 else ["sudo", "-n"]
    subprocess.run(as_root + ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "install",
                              "-y", "--no-install-recommends", "knot"], **PIPED, check=False)
    if os.path.isdir("/run/systemd/system"):
        subprocess.run(as_root + ["systemctl", "disable", "--now", "knot"], **PIPED, check=False)
    return bool(shutil.which("knotd", path=os.environ["PATH"] + ":/usr/sbin"))


class World:
    """The same names in a registry and in a zone file; one TXT record each."""

    def __init__(self, build, names, folder):
        self.build, self.dir, self.count = build, folder, names
        self.names = os.path.join(folder, "names")
        node = os.path.join(folder, "node")
        run(build.helvectl, "-d", node, "init", "--prefix", PREFIX, "--key", "p256")
        key = os.path.join(folder, "zone.key")
        run(build.helvectl, "key", "new", key, "--key", "p256")
        soa = "ns.%s. admin.%s. 1 7200 3600 1209600 300" % (ZONE, ZONE)
        records = os.path.join(folder, "records.jsonl")
        with open(records, "w", encoding="ascii") as r, \
                open(os.path.join(folder, "zone"), "w", encoding="ascii") as z, \
                open(self.names, "w", encoding="ascii") as f:
            r.write('{"handle":"%s/dns","values":[{"index":1,"type":"DNS.SOA","data":"%s"},'
                    '{"index":2,"type":"DNS.NS","data":"ns.%s."}]}\n' % (PREFIX, soa, ZONE))
            z.write("$ORIGIN %s.\n$TTL 86400\n@ SOA %s\n@ NS ns\nns A 127.0.0.1\n" % (ZONE, soa))
            number = 0
            for _ in range(names):
                number = (number + STRIDE) % names
                label, text = "jx%010d" % number, "https://items.example.cn/jx/%010d" % number
                f.write("%s.%s\n" % (label, ZONE))
                z.write('%s TXT "%s"\n' % (label, text))
                r.write('{"handle":"%s/dns/%s","values":[{"index":1,"type":"DNS.TXT","data":"%s"}]}'
                        '\n' % (PREFIX, label, text))
        run(build.helvectl, "-d", node, "load", records)
        self.node, self.key = node, key

    def helved(self, signed, cache):
        port, self.native = free_port(), free_port()
        conf = os.path.join(self.dir, "helved.yaml")
        with open(conf, "w", encoding="utf-8") as f:
            f.write('data-dir: "%s/data"\nlisten: [ "127.0.0.1:%d" ]\nworkers: 1\n'
                    'dns: [ "127.0.0.1:%d" ]\ndns-zones: [ "%s %s/dns" ]\ndns-cache: %s\n'
                    % (self.node, self.native, port, ZONE, PREFIX, cache))
            if signed:
                f.write('dns-key: "%s"\n' % self.key)
        return Process("taskset", "-c", SERVER_CORE, self.build.helved, "-c", conf), port

    def knot(self, signed):
        port = free_port()
        home = os.path.join(self.dir, "knot-%s" % signed)
        os.makedirs(os.path.join(home, "db"), exist_ok=True)
        conf = os.path.join(home, "knot.conf")
        shutil.copy(os.path.join(self.dir, "zone"), home)
        with open(conf, "w", encoding="utf-8") as f:
            f.write(KNOT_CONF % {"port": port, "dir": home, "zone": ZONE,
                                 "signed": "on" if signed else "off"})
        knotd = shutil.which("knotd", path=os.environ["PATH"] + ":/usr/sbin")
        return Knot("taskset", "-c", SERVER_CORE, knotd, "-c", conf), port


    def writer(self, seconds):
        return [self.build.helveload, "@127.0.0.1:%d" % self.native, "--json", "--create", PREFIX,
                "--auth", "300:0.NA/" + PREFIX, "--key",
                os.path.join(self.node, "keys", "admpriv.bin"), "--sockets", "1", "--seconds",
                str(seconds)]


class Knot(Process):
    def __init__(self, *argv):
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, text=True)


def load(world, port, signed, seconds, *more):
    done = subprocess.run(
        ["taskset", "-c", CLIENT_CORE, world.build.dnsload, "--window", "256", "--seconds",
         str(seconds), *more, *(["--dnssec"] if signed else []), "127.0.0.1:%d" % port, world.names],
        **PIPED, check=False)
    said = json.loads(done.stdout)
    return said["qps"], said["ok"]


def worker_s(process):
    """Processor time of the thread that answers."""
    for path in glob.glob("/proc/%d/task/*/comm" % process.process.pid):
        with open(path, encoding="ascii") as f:
            if f.read().strip() != "worker-0":
                continue
        with open(os.path.join(os.path.dirname(path), "schedstat"), encoding="ascii") as f:
            return int(f.read().split()[0]) / 1e9
    raise SystemExit("bench: no thread is called worker-0")


def created(said):
    said = json.loads(said)
    return said["recordsPerSecond"] * said["seconds"]


def load_changing(world, port, process, signed, seconds):
    """Answers a second, microseconds for each, and changes a second meanwhile."""
    began = worker_s(process)
    alone = created(run(*world.writer(seconds)).stdout)
    each = (worker_s(process) - began) / max(alone, 1)
    began, at = worker_s(process), time.monotonic()
    with subprocess.Popen(world.writer(seconds + 0.5), **PIPED) as writer:
        qps, ok = load(world, port, signed, seconds)
        changes = created(writer.communicate()[0])
    took = worker_s(process) - began - each * changes
    return qps, took * 1e6 / max(ok, 1), changes / (time.monotonic() - at)


def wait_until_it_answers(world, port, signed):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if load(world, port, signed, 0.05)[1] > 0:
            return
    raise SystemExit("bench: no good answers on port %d" % port)


def measure(world, signed, cache, changing, rounds, seconds):
    """Medians: answers a second, and microseconds of processor time an answer, of both."""
    figures = {"helved": [], "knot": []}
    helved, knot = world.helved(signed, cache), world.knot(signed)
    with helved[0] as h, knot[0] as k, Awake():
        for name, process, port in (("helved", h, helved[1]), ("knot", k, knot[1])):
            wait_until_it_answers(world, port, signed)
            load(world, port, signed, 60, "--count", str(2 * world.count))  # each name twice
        for _ in range(rounds):
            for name, process, port in (("helved", h, helved[1]), ("knot", k, knot[1])):
                if changing and process is h:
                    figures[name].append(load_changing(world, port, h, signed, seconds))
                    continue
                began = process.cpu_s()
                qps, ok = load(world, port, signed, seconds)
                figures[name].append((qps, (process.cpu_s() - began) * 1e6 / max(ok, 1)))
    return {name: [statistics.median(x) for x in zip(*rows)] for name, rows in figures.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build-rel")
    parser.add_argument("--names", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    o = parser.parse_args()
    if not install():
        raise SystemExit("bench: Debian's knot is needed")
    build = Build(o.build, "tests/bench/dnsload")
    folder = tempfile.mkdtemp(prefix="helve-bench-")
    try:
        world = World(build, o.names, folder)
        rows = []
        for what, signed, cache, changing in (
                ("finished answers", False, "64MiB", False),
                ("registry changing", False, "64MiB", True),
                ("made each time", False, "64KiB", False),
                ("signed, finished answers", True, "64MiB", False),
                ("signed, registry changing", True, "64MiB", True),
                ("signed, made each time", True, "64KiB", False)):
            m = measure(world, signed, cache, changing, o.rounds, o.seconds)
            (hq, hc, *changes), (kq, kc) = m["helved"], m["knot"]
            if changing:
                what += ", %.0f/s" % changes[0]
            rows.append([what, "%.0f" % hq, "%.0f" % kq, "%.2f" % (hq / kq), "%.2f" % hc,
                         "%.2f" % kc, "%.2f" % (kc / hc)])
            say(" | ".join(rows[-1]))
        print(table(["%d names" % o.names, "helved/s", "Knot/s", "ratio", "helved us", "Knot us",
                     "ratio"], rows))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
