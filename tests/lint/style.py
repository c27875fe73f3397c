# SPDX-License-Identifier: Apache-2.0
"""What of the style a machine can see: licence line, words that are not used, and sizes that only
an accident reaches (the style wants less: 600 lines a file, 20 to 60 a function). Widths and
blanks are clang-format's. Ends with "N passed, N failed"; each file is a test."""

import os
import re
import sys

from includes import ROOT, sources

FILE_LINES, FUNCTION_LINES = 700, 100
SPDX = "SPDX-License-Identifier: Apache-2.0"
NEVER = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|alloca|setjmp|"
                   r"longjmp|usleep|sleep)\s*\(|\b(TODO|FIXME|XXX)\b")


# threats.md 7, R6: what may be shown is made in one place.
PROVEN = re.compile(r"\(struct proven\)\s*\{(?!0\})")
PROVEN_DOOR = "resolver/proven.c"


def functions(lines):
    """(name's line, length) of each function body: "{" and "}" at the left margin."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            yield start, number - start - 1
            start = None


def complaints(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        lines = f.read().split("\n")
    if SPDX not in lines[0]:
        yield "%s:1: first line is not the licence" % path
    if len(lines) - 1 > FILE_LINES:
        yield "%s: %d lines, %d at most" % (path, len(lines) - 1, FILE_LINES)
    for number, line in enumerate(lines, 1):
        found = NEVER.search(line)
        if found:
            yield "%s:%d: %s is not used here" % (path, number, found.group(0).rstrip("("))
        if path != PROVEN_DOOR and PROVEN.search(line):
            yield "%s:%d: a proven finding is made by prove() alone" % (path, number)
    for number, length in functions(lines):
        if length > FUNCTION_LINES:
            yield "%s:%d: function of %d lines, %d at most" % (path, number, length,
                                                              FUNCTION_LINES)


def main():
    passed = failed = 0
    for path in sources():
        found = list(complaints(path))
        for line in found:
            print(line)
        passed, failed = passed + (not found), failed + bool(found)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
