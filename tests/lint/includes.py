# SPDX-License-Identifier: Apache-2.0
"""Reads every #include of the tree and fails on a wrong arrow (architecture: proto/base <- wire
<- sec <- net <- server, resolver <- tools <- tests), on a library that is included beside its one
door, and on a header that cannot be compiled alone. Ends with "N passed, N failed"; each file is a
test."""

import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PROTO = ["proto/base", "proto/wire", "proto/sec", "proto/net"]
FRONTS = ["proto/web", "proto/dns"]  # front ends that are no native protocol; they do not know each other
MAY_INCLUDE = {
    "proto/base": PROTO[:1],
    "proto/wire": PROTO[:2],
    "proto/sec": PROTO[:3],
    "proto/net": PROTO,
    "proto/web": PROTO + ["proto/web"],
    "proto/dns": PROTO + ["proto/dns"],
    # helved recurses, and looks for keys elsewhere, by the resolver's code (standing architecture says neither; see docs/decisions):
    # through these doors and no others, never the other way round.
    "server": PROTO + FRONTS + ["server", "resolver/walk.h", "resolver/drive.h", "resolver/recursor.h",
                       "resolver/anchor.h"],
    "resolver": PROTO + FRONTS + ["resolver"],
    "tools": PROTO + ["tools", "server/store.h", "server/store_live.h", "server/history.h",
                      "server/audit.h", "server/index.h", "resolver/walk.h", "resolver/validate.h", "resolver/trust.h",
                      "resolver/drive.h", "resolver/anchor.h"],
    "tests": PROTO + FRONTS + ["server", "resolver", "tools", "tests"],
    # An example of libhelve for others: what is installed, and nothing else.
    "docs": PROTO[:3],
}

# Library: the only places that may include it (tests may include what they test against).
DOORS = {
    "lmdb.h": ["server/store_lmdb.c", "server/store_lmdb.h", "server/store_lmdb_open.c",
               "server/store_lmdb_tend.c", "resolver/damage.c", "resolver/keep.c",
               "resolver/copy_store.c"],
    "cjson/": ["proto/net/json.c"],
    "yaml.h": ["proto/net/conf.c"],
    "ldns/": ["proto/dns/", "resolver/finder"],
    "event2/": ["proto/net/"],
    "http_parser.h": ["proto/web/http_parse.c"],
    "expat.h": ["proto/web/loc.c"],
    "zlib.h": ["proto/web/gzip.c"],
    "openssl/": ["proto/sec/"],
    "idn2.h": ["proto/dns/idn.c"],
}
NEVER_EVENTS = "proto/net/service.h"

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def sources():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "--cached", "--others",
                             "--exclude-standard", "*.c", "*.h"], capture_output=True, text=True)
    if listed.returncode == 0:
        names = listed.stdout.split("\n")
    else:  # an unpacked archive
        names = [os.path.relpath(os.path.join(folder, f), ROOT)
                 for folder, _, files in os.walk(ROOT) for f in files
                 if f.endswith((".c", ".h")) and "/build" not in folder]
    return sorted(n for n in names if n and os.path.exists(os.path.join(ROOT, n)))


def room_of(path):
    return next((room for room in MAY_INCLUDE if path.startswith(room + "/")), None)


def is_allowed(path, included):
    return any(included == place or included.startswith(place + "/")
               for place in MAY_INCLUDE[room_of(path)])


def complaints(path):
    if room_of(path) is None:
        yield "%s: in no room that the architecture knows" % path
        return
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        text = f.read()
    for number, line in enumerate(text.split("\n"), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        kind, included = found.groups()
        where = "%s:%d: " % (path, number)
        if kind == '"' and not os.path.exists(os.path.join(ROOT, included)):
            yield where + '"%s": include by path from the root' % included
        elif kind == '"' and not is_allowed(path, included):
            yield where + "%s may not include %s" % (room_of(path), included)
        for library, doors in DOORS.items():
            if kind == "<" and included.startswith(library) and not path.startswith("tests/") \
                    and (path == NEVER_EVENTS or not path.startswith(tuple(doors))):
                yield where + "<%s> only in %s" % (included, ", ".join(doors))
    if path.endswith(".h") and "#pragma once" not in text:
        yield "%s: no #pragma once" % path


def alone(path):
    """Does this header compile by itself?"""
    compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
    done = subprocess.run([compiler, "-std=gnu11", "-D_GNU_SOURCE", '-DHELVE_VERSION="0"', "-I",
                           ROOT, "-fsyntax-only", "-x", "c", "-include",
                           os.path.join(ROOT, path), os.devnull], capture_output=True, text=True)
    if done.returncode != 0:
        yield "%s: does not compile alone:\n%s" % (path, done.stderr.strip())


def main():
    passed = failed = 0
    for path in sources():
        found = list(complaints(path))
        if path.endswith(".h"):
            found += alone(path)
        for line in found:
            print(line)
        passed, failed = passed + (not found), failed + bool(found)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
