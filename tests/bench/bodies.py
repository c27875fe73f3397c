#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What JSON that is made to be costly costs: bodies of 256 KiB to a call that reads them before anybody
has logged in, and the processor time that helved takes for each (docs/performance.md).

    tests/bench/bodies.py BUILD
"""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile

OCTETS, TOKENS, MEMBERS, DEPTH = 256 << 10, 65536, 64, 32
ROUNDS = 40
PATH = "/api/v1/doip?operationId=0.DOIP/Op.Retrieve&targetId=88.118.8/NONE"


def names(n):
    return ["%c%c" % (97 + i // 26, 97 + i % 26) for i in range(n)]


def inside(text):
    return '{"x":%s}' % text


def bodies():
    """What each is, and its text: as long, or as full of tokens, as is read at all."""
    one = "{%s}" % ",".join('"%s":1' % name for name in names(MEMBERS))
    each = 4 + 2 * MEMBERS
    yield "nothing", inside("1")
    yield "one string", inside('"%s"' % ("x" * (OCTETS - 10)))
    yield "escapes", inside('"%s"' % ("\\u6807" * ((OCTETS - 10) // 6)))
    yield "numbers", inside("[%s]" % ",".join(["1"] * (TOKENS - 6)))
    long = "-" + "1" * 60
    yield "long numbers", inside("[%s]" % ",".join([long] * (OCTETS // (len(long) + 1) - 1)))
    yield "one number", inside("1" * (OCTETS - 10))
    yield "empty lists", inside("[%s]" % ",".join(["[]"] * (TOKENS // 2 - 8)))
    nest = "[" * (DEPTH - 2) + "]" * (DEPTH - 2)
    yield "deep lists", inside("[%s]" % ",".join([nest] * (TOKENS // (2 * DEPTH) - 2)))
    n = min((TOKENS - 6) // each, (OCTETS - 16) // (len(one) + 1))
    yield "full objects", inside("[%s]" % ",".join([one] * n))
    room = OCTETS // MEMBERS - 12
    yield "long names", "{%s}" % ",".join('"%s%s":1' % ("x" * room, n) for n in names(MEMBERS))
    yield "a name twice", "{%s}" % ",".join(['"a":1'] * 40000)
    yield "too deep", "[" * OCTETS


def start(build, work):
    node = os.path.join(work, "node")
    ctl = os.path.join(build, "tools/helvectl/helvectl")
    subprocess.run([ctl, "-d", node, "init", "--prefix", "88.118.8", "--key", "p256",
                    "--listen", "127.0.0.1:0"], check=True, capture_output=True)
    conf = os.path.join(node, "bench.yaml")
    with open(conf, "w", encoding="ascii") as f:
        f.write('data-dir: "%s/data"\nlisten: [ "127.0.0.1:0" ]\nhttp: [ "127.0.0.1:0" ]\n'
                "workers: 1\n" % node)
    helved = subprocess.Popen([os.path.join(build, "server/helved"), "-c", conf],
                              stderr=subprocess.PIPE, text=True)
    port = None
    for line in helved.stderr:
        found = re.search(r"listen http=[^ ]*:(\d+) ", line)
        port = int(found.group(1)) if found else port
        if line.strip() == "ready":
            return helved, port
    raise SystemExit("helved did not start")


def cpu_ms(pid):
    """Of all threads, user and system, in clock ticks of 10 ms."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def main():
    build = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        helved, port = start(build, work)
        try:
            print("| body of a stranger | octets | answer | ms of the processor |\n|---|---|---|---|")
            for what, text in bodies():
                assert len(text) <= OCTETS, what
                c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                before = cpu_ms(helved.pid)
                for _ in range(ROUNDS):
                    c.request("POST", PATH, body=text, headers={"Content-Type": "application/json"})
                    r = c.getresponse()
                    answer = r.read()
                spent = (cpu_ms(helved.pid) - before) / ROUNDS
                print("| %s | %d | %s | %.1f |" % (what, len(text),
                                                  json.loads(answer)["message"][:60], spent))
        finally:
            helved.terminate()
            helved.wait()


if __name__ == "__main__":
    main()
