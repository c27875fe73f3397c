# SPDX-License-Identifier: Apache-2.0
"""Counts the test cases in meson's testlog.json (one JSON object a line): cmocka's cases one by one
from their TAP lines, any other program as one. Prints what failed, then "N passed, N failed[, N
skipped]"."""

import json
import re
import sys

CASE = re.compile(r"^(ok|not ok) \d+(.*)$", re.MULTILINE)


def cases(test):
    """(passed, failed, skipped) of one program."""
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    if test["result"] == "SKIP":
        return 0, 0, 1
    passed = failed = skipped = 0
    for verdict, rest in CASE.findall(test.get("stdout", "")):
        if "# SKIP" in rest:
            skipped += 1
        elif verdict == "ok":
            passed += 1
        else:
            failed += 1
    if good:
        return passed or int(skipped == 0), failed, skipped
    return passed, max(failed, 1), skipped  # a crash ends the list early


def show(test):
    print("%s: %s" % (test["name"], test["result"]))
    text = test.get("stdout", "") + test.get("stderr", "")
    lines = [l for l in text.split("\n") if l.strip() and not l.startswith("ok ")]
    print("\n".join("    " + l for l in lines[-30:]))


def main(log):
    total = [0, 0, 0]
    with open(log, encoding="utf-8", errors="replace") as f:
        for line in f:
            test = json.loads(line)
            found = cases(test)
            total = [a + b for a, b in zip(total, found)]
            if found[1]:
                show(test)
    print("%d passed, %d failed%s" % (total[0], total[1],
                                      ", %d skipped" % total[2] if total[2] else ""))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
