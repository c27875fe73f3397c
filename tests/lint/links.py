# SPDX-License-Identifier: Apache-2.0
"""What the documents point to: every relative link of a *.md names a file of the tree, every #fragment a
heading of it, and every `path/in/code` that looks like a file of ours is one. Ends with "N passed, N
failed"; each file is a test."""

import os
import re
import subprocess
import sys

from includes import ROOT

FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s*(\S+)|(?:src|href)=\"([^\"]+)\"", re.M)
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.I)
OURS = re.compile(r"`((?:proto|server|resolver|tools|tests|conf|docs|web|\.ci)/[\w./-]+\.\w+)`")

PLACEHOLDER = re.compile(r"(^|/)[A-Z]+\.(?!md)")


def anchors(text):
    """As the usual viewers make them of headings."""
    found = set()
    for title in re.findall(r"^#+\s+(.*?)\s*#*$", FENCE.sub("", text), re.M):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower())
        found.add(plain.replace(" ", "-"))
    return found


def faults(name, text):
    prose = FENCE.sub("", text)
    for link in (a or b or c for a, b, c in LINK.findall(CODE.sub("", prose))):
        if ELSEWHERE.match(link):
            continue
        path, _, fragment = link.partition("#")
        there = os.path.normpath(os.path.join(ROOT, os.path.dirname(name), path)) if path else os.path.join(ROOT, name)
        if not os.path.exists(there):
            yield "%s: %s: no such file" % (name, link)
        elif fragment and there.endswith(".md"):
            with open(there, encoding="utf-8") as f:
                if fragment not in anchors(f.read()):
                    yield "%s: %s: no such heading" % (name, link)
    for path in OURS.findall(prose):
        if not PLACEHOLDER.search(path) and not os.path.exists(os.path.join(ROOT, path)):
            yield "%s: %s: no such file" % (name, path)


def main():
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
                           capture_output=True, text=True, check=True).stdout.split("\n")
    passed = failed = 0
    for name in filter(None, names):
        with open(os.path.join(ROOT, name), encoding="utf-8") as f:
            found = list(faults(name, f.read()))
        for line in found:
            print(line)
        passed, failed = passed + (not found), failed + bool(found)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
