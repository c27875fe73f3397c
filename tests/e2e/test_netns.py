# SPDX-License-Identifier: Apache-2.0
"""The factory's line, with real machines' behaviour (netns.py): a third of the packets lost, the
line cut and mended, the resolver's power gone while it is cut."""

import signal
import time
import unittest

import hdl
from netns import Lab, why_not
from node import PATIENCE, text_value

NAMES, LEAF = 200, "88.118.8"


def records():
    for i in range(NAMES):
        yield {"handle": "%s/cold-%d" % (LEAF, i), "values": [text_value(1, "N", str(i))]}
    for name in ("before", "meanwhile"):
        yield {"handle": "%s/%s" % (LEAF, name), "values": [text_value(1, "N", name)]}
    for i in range(20):
        yield {"handle": "%s/short-%d" % (LEAF, i),
               "values": [text_value(1, "N", str(i), ttl=1)]}


class Line(unittest.TestCase):
    lab = None

    @classmethod
    def setUpClass(cls):
        why = why_not()
        if why:
            raise unittest.SkipTest(why)
        cls.lab = Lab(lambda leaf: leaf.load(list(records())))

    @classmethod
    def tearDownClass(cls):
        if cls.lab:
            cls.lab.remove()

    def setUp(self):
        self.resolver, self.wan = self.lab.resolver, self.lab.wan
        self.resolver.start(listen='[ "%s:2641" ]' % self.resolver.host)
        self.addCleanup(self.resolver.stop)
        self.addCleanup(self.wan.mend, self.lab.lan)
        self.addCleanup(self.wan.lose, self.lab.lan, 0)

    def ask(self, name):
        with self.wan.at(self.lab.lan):
            return hdl.ask_tcp(self.resolver.address, hdl.ask_for("%s/%s" % (LEAF, name)))

    def until(self, condition):
        """Ask again and again: what is waited for needs no more than patience."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
        return self.fail("did not happen in %d s" % PATIENCE)

    def saves(self):
        """How often the cache has gone to disk."""
        return self.resolver.status()["saves"]

    def test_a_third_of_the_packets_is_lost(self):
        """threats.md 8, 7: >= 99.9% answered within the budget of 5 s. Of so few one may be without
        luck; whoever asks again is answered."""
        self.wan.lose(self.lab.lan, 30)
        self.until(lambda: self.ask("before").rc == 1)  # the way there is four times as long
        wrong = [(i, m.rc, m.text) for i in range(NAMES)
                 for m in [self.ask("cold-%d" % i)] if m.rc != 1]
        self.assertLessEqual(len(wrong), NAMES // 100, wrong)
        for i, _, _ in wrong:
            self.until(lambda: self.ask("cold-%d" % i).rc == 1)
        status = self.resolver.status()["resolver"]
        self.assertEqual((status["insecure"], status["bogus"]), (0, 0))

    def test_cut_and_mended(self):
        self.assertEqual(self.ask("before").rc, 1)
        self.wan.cut(self.lab.lan)
        self.assertEqual(self.ask("before").rc, 1)
        self.assertEqual(self.ask("meanwhile").rc, 2)
        self.wan.mend(self.lab.lan)
        self.until(lambda: self.ask("meanwhile").rc == 1)

    def test_stale_while_cut(self):
        for i in range(20):
            self.assertEqual(self.ask("short-%d" % i).rc, 1)
        self.wan.cut(self.lab.lan)
        self.until(lambda: self.ask("short-0").values[0].ttl == 30)
        for i in range(20):
            m = self.ask("short-%d" % i)
            self.assertEqual((m.rc, m.values[0].data), (1, str(i).encode()))

    def test_power_cycle_while_cut(self):
        for i in range(20):
            self.assertEqual(self.ask("cold-%d" % i).rc, 1)
        saves = self.saves()
        self.until(lambda: self.saves() > saves + 1)  # the first one may have begun before
        self.wan.cut(self.lab.lan)
        self.resolver.signal(signal.SIGKILL)
        self.resolver.process.wait(PATIENCE)
        self.resolver.reader.join(PATIENCE)
        self.resolver.start(listen='[ "%s:2641" ]' % self.resolver.host)
        for i in range(20):
            m = self.ask("cold-%d" % i)
            self.assertEqual((m.rc, m.values[0].data), (1, str(i).encode()))


if __name__ == "__main__":
    unittest.main()
