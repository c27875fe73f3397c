# SPDX-License-Identifier: Apache-2.0
"""Runs the end-to-end tests and ends with "N passed, N failed[, N skipped]". A test that walks
vectors counts each of them. `run.py [-v] [WORD...]` runs the tests whose name has a WORD."""

import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


class Tally(unittest.TestResult):
    def __init__(self, verbose):
        super().__init__()
        self.verbose = verbose
        self.passed = self.failed = self.subtests = 0

    def startTest(self, test):
        super().startTest(test)
        self.subtests, self.began, self.bad = 0, time.monotonic(), False

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        self.subtests += 1
        if err is None:
            self.passed += 1
        else:
            self._fail(subtest, err)

    def addSuccess(self, test):
        super().addSuccess(test)
        if self.subtests == 0:
            self.passed += 1

    def _fail(self, test, err):
        self.failed += 1
        self.bad = True
        print("FAIL %s\n%s" % (test.id() if hasattr(test, "id") else test,
                               self._exc_info_to_string(err, test).strip()), flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._fail(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._fail(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print("skip %s: %s" % (test.id(), reason), flush=True)

    def stopTest(self, test):
        super().stopTest(test)
        if self.verbose and not self.bad:
            print("ok   %6.2f s  %s%s" % (time.monotonic() - self.began, test.id(),
                                          " (%d)" % self.subtests if self.subtests else ""),
                  flush=True)


def cases(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from cases(item)
        else:
            yield item


def main(argv):
    verbose = "-v" in argv
    words = [a for a in argv if a != "-v"]
    found = unittest.defaultTestLoader.discover(HERE, pattern="test_*.py", top_level_dir=HERE)
    chosen = unittest.TestSuite(t for t in cases(found)
                                if not words or any(w in t.id() for w in words))
    tally = Tally(verbose)
    chosen.run(tally)
    print("%d passed, %d failed%s" % (tally.passed, tally.failed,
                                      ", %d skipped" % len(tally.skipped) if tally.skipped
                                      else ""))
    return 1 if tally.failed or tally.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
