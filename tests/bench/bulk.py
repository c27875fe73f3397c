#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bulk registration over HTTP (POST /api/v1/load, by curl) beside the native one (helvectl --server
load), with and without an index of two types: records a second, and processor time of helved for each.
`bulk.py BUILD [RECORDS [ROUNDS]]` on a machine that is quiet."""

import json
import os
import shutil
import statistics
import sys
import tempfile
import time

from common import PREFIX, Process, free_port, run

SECRET = "a long secret"


class Node:
    def __init__(self, build, work, index):
        tool = os.path.join(build, "tools", "helvectl", "helvectl")
        self.tool, self.helved = tool, os.path.join(build, "server", "helved")
        self.dir, self.port, self.http = os.path.join(work, "node"), free_port(), free_port()
        self.work, self.files = work, 0
        shutil.rmtree(self.dir, ignore_errors=True)
        run(tool, "-d", self.dir, "init", "--prefix", PREFIX, "--key", "p256", "--listen",
            "127.0.0.1:%d" % self.port, "--http", "127.0.0.1:%d" % self.http)
        staff = self.file([{"handle": PREFIX + "/STAFF", "values": [
            {"index": 300, "type": "HS_SECKEY", "data": SECRET, "permissions": "1100"}]}])
        run(tool, "-d", self.dir, "load", staff)
        conf = os.path.join(self.dir, "helved.yaml")
        with open(conf, encoding="utf-8") as f:
            lines = [line for line in f if not line.startswith("server-admins")]
        with open(conf, "w", encoding="utf-8") as f:
            f.writelines(lines + ['server-admins: [ "300:0.NA/%s", "300:%s/STAFF" ]\n' % (PREFIX, PREFIX),
                                  "index-types: [ %s ]\n" % index])
        self.conf = conf

    def file(self, records):
        self.files += 1
        path = os.path.join(self.work, "records-%d.jsonl" % self.files)
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(r) + "\n" for r in records)
        return path

    def fresh(self, n):
        tag = self.files
        return self.file({"handle": "%s/B%d.%07d" % (PREFIX, tag, i), "values": [
            {"index": 1, "type": "URL", "data": "https://gear.example.cn/p/%d/%d" % (tag, i)},
            {"index": 2, "type": "partNumber", "data": "6205-%d" % i},
            {"index": 3, "type": "name", "data": "deep groove ball bearing"},
            {"index": 4, "type": "maker", "data": "gear works 4"}]} for i in range(n))

    def native(self, path, n):
        said = run(self.tool, "--server", "127.0.0.1:%d" % self.port, "--auth", "300:0.NA/" + PREFIX,
                   "--key", self.dir + "/keys/admpriv.bin", "--site", self.dir + "/site.json",
                   "load", path).stdout
        assert "loaded=%d " % n in said, said

    def over_http(self, path, n):
        said = run("curl", "-sk", "-u", "300%%3A%s/STAFF:%s" % (PREFIX, SECRET), "-X", "POST", "-T", path,
                   "https://127.0.0.1:%d/api/v1/load?report=failures" % self.http).stdout
        assert json.loads(said.splitlines()[-1])["loaded"] == n, said


def main(build, n=20000, rounds=5):
    work = tempfile.mkdtemp(prefix="helve-bulk-")
    print("| index | way | records/s | us of helved's processor time each |\n|---|---|---|---|")
    try:
        for index in ("", '"URL", "partNumber"'):
            node = Node(build, work, index)
            with Process(node.helved, "-c", node.conf) as helved:
                rates, cpus = {}, {}
                for _ in range(rounds):
                    for name, load in (("native", node.native), ("HTTP", node.over_http)):
                        path = node.fresh(n)
                        cpu, began = helved.cpu_s(), time.monotonic()
                        load(path, n)
                        rates.setdefault(name, []).append(n / (time.monotonic() - began))
                        cpus.setdefault(name, []).append((helved.cpu_s() - cpu) / n * 1e6)
                for name in rates:
                    print("| %s | %s | %d | %.0f |" % (index or "none", name, statistics.median(rates[name]),
                                                     statistics.median(cpus[name])), flush=True)
                print("HTTP/native: %.2f" % (statistics.median(rates["HTTP"]) /
                                             statistics.median(rates["native"])), flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
