# SPDX-License-Identifier: Apache-2.0
"""The peer that helver is set beside: Debian's Unbound with a cache that holds every name, filled
from Debian's NSD. One thread, no DNSSEC, answers of as many octets as helver's; whatever makes it
faster and costs it no function is switched on."""

import json
import os
import shutil
import socket
import struct
import subprocess
import time

from common import PIPED, Process, free_port, say

ZONE = "bench.example"
OVERHEAD = 57  # octets of an answer beside its text: header, question, record, length
PACKAGES = ("unbound", "nsd")

UNBOUND_CONF = """server:
    directory: "%(dir)s"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    verbosity: 0
    do-daemonize: no
    interface: 127.0.0.1@%(port)d
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
    num-threads: 1
    module-config: "iterator"
    msg-cache-slabs: 1
    rrset-cache-slabs: 1
    infra-cache-slabs: 1
    key-cache-slabs: 1
    msg-cache-size: 1g
    rrset-cache-size: 2g
    so-rcvbuf: 8m
    so-sndbuf: 8m
    so-reuseport: no
    outgoing-range: 4096
    num-queries-per-thread: 2048
    minimal-responses: yes
    rrset-roundrobin: no
    qname-minimisation: no
    hide-identity: yes
    do-ip6: no
    unwanted-reply-threshold: 0
stub-zone:
    name: "%(zone)s"
    stub-addr: 127.0.0.1@%(from)d
remote-control:
    control-enable: no
"""

NSD_CONF = """server:
    ip-address: 127.0.0.1@%(port)d
    server-count: 1
    database: ""
    username: ""
    chroot: ""
    zonesdir: "%(dir)s"
    pidfile: "%(dir)s/nsd.pid"
    xfrdfile: "%(dir)s/xfrd.state"
    zonelistfile: "%(dir)s/zone.list"
    xfrdir: "%(dir)s"
    logfile: "%(dir)s/nsd.log"
    verbosity: 0
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: "%(zone)s"
    zonefile: "%(dir)s/zone"
"""


def find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def install():
    """False: it cannot be had here."""
    if all(find(p) for p in PACKAGES):
        return True
    if not shutil.which("apt-get") or not (os.getuid() == 0 or shutil.which("sudo")):
        return False
    say("installing " + " and ".join(PACKAGES))
    as_root = [] if os.getuid() == 0 else ["sudo", "-n"]
    subprocess.run(as_root + ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "install",
                              "-y", "--no-install-recommends", *PACKAGES], **PIPED, check=False)
    # Where there is an init system, packages start what they bring: not wanted.
    if os.path.isdir("/run/systemd/system"):
        subprocess.run(as_root + ["systemctl", "disable", "--now", *PACKAGES], **PIPED,
                       check=False)
    return all(find(p) for p in PACKAGES)


def question(name):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    return struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\x10\0\1"


class Server(Process):
    """One of the two, from its start to a first good answer."""

    def __init__(self, core, argv, port, name):
        self.process = subprocess.Popen(["taskset", "-c", core, *argv], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            s.connect(("127.0.0.1", port))
            until = time.monotonic() + 60
            while time.monotonic() < until and self.process.poll() is None:
                try:
                    s.send(question(name))
                    answer = s.recv(4096)
                except OSError:
                    continue
                if answer[3] % 16 == 0 and answer[7] == 1:
                    return
        self.stop()
        raise RuntimeError("%s gives no answer: %s" % (argv[0], self.said.strip()[-500:]))

    def stop(self):
        self.process.terminate()
        _, self.said = self.process.communicate()


class Unbound:
    """Warm: every name has been asked for twice."""

    def __init__(self, build, work, n, size, server_core, client_core):
        self.build, self.dir, self.n = build, os.path.join(work, "unbound"), n
        self.port, self.client_core = free_port(), client_core
        self.names = os.path.join(work, "dns-names")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self._write(size - OVERHEAD)
        nsd = Server(client_core, [find("nsd"), "-d", "-c", self._path("nsd.conf")], self.source,
                     self.first)
        try:
            self.server = Server(server_core, [find("unbound"), "-d", "-c",
                                               self._path("unbound.conf")], self.port, self.first)
            self.empty = self.server.own_memory()
            for _ in range(2):
                self.warm = self.load("--count", n, "--seconds", 120, "--timeout", 5000)
            self.full = self.server.own_memory()
        finally:
            nsd.stop()

    def _path(self, name):
        return os.path.join(self.dir, name)

    def _write(self, text):
        self.source, self.first = free_port(), "jx%010d.%s" % (0, ZONE)
        both = {"dir": self.dir, "zone": ZONE, "from": self.source}
        with open(self._path("unbound.conf"), "w", encoding="ascii") as f:
            f.write(UNBOUND_CONF % {**both, "port": self.port})
        with open(self._path("nsd.conf"), "w", encoding="ascii") as f:
            f.write(NSD_CONF % {**both, "port": self.source})
        with open(self._path("zone"), "w", encoding="ascii") as zone, \
                open(self.names, "w", encoding="ascii") as names:
            zone.write("$ORIGIN %s.\n$TTL 86400\n@ SOA ns.%s. x.%s. 1 3600 900 86400 60\n"
                       "@ NS ns\nns A 127.0.0.1\n" % (ZONE, ZONE, ZONE))
            for i in range(self.n):
                names.write("jx%010d.%s\n" % (i, ZONE))
                zone.write('jx%010d TXT "%s"\n' % (i, ("https://items.example.cn/jx/%010d " % i)
                                                   .ljust(text, "x")[:text]))

    def load(self, *argv):
        done = subprocess.run(["taskset", "-c", self.client_core, self.build.dnsload,
                               *map(str, argv), "127.0.0.1:%d" % self.port, self.names], **PIPED,
                              check=False)
        if done.returncode != 0:
            raise RuntimeError("dnsload: %s%s" % (done.stdout, done.stderr))
        return json.loads(done.stdout)

    def version(self):
        return subprocess.run([find("unbound"), "-V"], **PIPED, check=False).stdout.split("\n")[0]

    def stop(self):
        self.server.stop()
