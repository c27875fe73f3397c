# SPDX-License-Identifier: Apache-2.0
"""Four real nodes, root to enterprise, each delegating to the next and signing what it says, with
the records that a resolver is asked for in the last one."""

import os
import shutil

from common import PREFIX, Process, free_port, run, say, write_records

TIERS = (("root", "0.NA"), ("top", "88"), ("second", "88.118"), ("leaf", PREFIX))


class Tiers:
    def __init__(self, build, work, n, core):
        self.build, self.core, self.processes = build, core, []
        self.dir = os.path.join(work, "tiers")
        self.names = os.path.join(self.dir, "names")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.ports = {name: free_port() for name, _ in TIERS}
        say("making four nodes with %d records" % n)
        for name, prefix in TIERS:
            run(build.helvectl, "-d", self._node(name), "init", "--prefix", prefix, "--listen",
                "127.0.0.1:%d" % self.ports[name], "--key", "p256")
        for (above, _), (below, prefix) in zip(TIERS, TIERS[1:]):
            run(build.helvectl, "-d", self._node(above), "delegate", prefix, "--to",
                os.path.join(self._node(below), "site.json"))
        records = os.path.join(self.dir, "records.jsonl")
        write_records(n, records, self.names)
        run(build.helvectl, "-d", self._node("leaf"), "load", records)
        with open(self.names, encoding="ascii") as f:
            self.first = f.readline().strip()
        self.root_site = os.path.join(self._node("root"), "site.json")

    def _node(self, name):
        return os.path.join(self.dir, name)

    def __enter__(self):
        for name, _ in TIERS:
            conf = os.path.join(self._node(name), "bench.yaml")
            with open(conf, "w", encoding="ascii") as f:
                f.write('data-dir: "%s/data"\nlisten: [ "127.0.0.1:%d" ]\nworkers: 1\n'
                        'log-level: error\n' % (self._node(name), self.ports[name]))
            self.processes.append(Process("taskset", "-c", self.core, self.build.helved, "-c",
                                          conf))
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.__exit__()

    def signal(self, number):
        for process in self.processes:
            process.process.send_signal(number)
