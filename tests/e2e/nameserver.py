# SPDX-License-Identifier: Apache-2.0
"""A DNS server from Debian (NSD) with one zone, signed by ldns-signzone when a test wants it so."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading

from node import PATIENCE, run

HEAD = """$ORIGIN %s.
$TTL %d
@ IN SOA ns hostmaster 1 300 300 3600 300
@ IN NS ns
ns IN A 127.0.0.1
"""


def why_not():
    """What is missing on this machine; None: nothing."""
    for program in ("nsd", "ldns-signzone", "ldns-keygen"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            return "no " + program
    return None


def program(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")


class NameServer:
    def __init__(self, host, zone, port=5300):
        self.host, self.port, self.zone = host, port, zone
        self.dir = tempfile.mkdtemp(prefix="helve-dns-")
        self.process = self.key = None
        self.address = '"%s:%d"' % (host, port)

    def path(self, name):
        return os.path.join(self.dir, name)

    def make_key(self):
        """A key for the zone; its DS record."""
        done = run(program("ldns-keygen"), "-a", "ECDSAP256SHA256", "-k", self.zone, cwd=self.dir)
        self.key = done.stdout.strip()
        with open(self.path(self.key + ".ds"), encoding="utf-8") as f:
            return " ".join(f.read().split())

    def write(self, records, ttl=300, spoil=None, expired=False):
        """The zone's records; `spoil` (pattern, text) changes them after they were signed."""
        with open(self.path("zone"), "w", encoding="utf-8") as f:
            f.write(HEAD % (self.zone, ttl) + records)
        if self.key:
            more = ["-i", "20200101000000", "-e", "20200201000000"] if expired else []
            run(program("ldns-signzone"), *more, "-f", "signed", "zone", self.key, cwd=self.dir)
            with open(self.path("signed"), encoding="utf-8") as f:
                text = f.read()
            if spoil:
                text, n = re.subn(spoil[0], spoil[1], text, flags=re.M)
                assert n > 0, spoil
            with open(self.path("zone"), "w", encoding="utf-8") as f:
                f.write(text)

    def start(self):
        with open(self.path("nsd.conf"), "w", encoding="utf-8") as f:
            f.write("""server:
  ip-address: %s@%d
  username: ""
  zonesdir: "%s"
  database: ""
  pidfile: "%s"
  xfrdfile: "%s"
  zonelistfile: "%s"
  xfrdir: "%s"
  server-count: 1
  verbosity: 1
remote-control:
  control-enable: no
zone:
  name: %s
  zonefile: zone
""" % (self.host, self.port, self.dir, self.path("pid"), self.path("xfrd"), self.path("list"),
       self.dir, self.zone))
        self.process = subprocess.Popen([program("nsd"), "-d", "-c", self.path("nsd.conf")],
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                        text=True)
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if "nsd started" in line:
                break
        else:
            raise AssertionError("nsd: " + "".join(lines))
        self.reader = threading.Thread(target=self.process.stderr.read)
        self.reader.start()
        return self

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=PATIENCE)
            self.reader.join(PATIENCE)
            self.process.stderr.close()
            self.process = None

    def change(self, records, **more):
        self.stop()
        self.write(records, **more)
        return self.start()

    def remove(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
