# SPDX-License-Identifier: Apache-2.0
"""What RFCs ask of a DNS server beside its answers: EDNS in every answer, cookies without a question,
cuts and names in a signed zone, and that a question costs no more than an answer is worth."""

import json
import os
import re
import signal
import struct
import unittest
import urllib.request

import dns
import prometheus
from dns import (A, ANY, CNAME, DO, DS, FORMERR, NOERROR, NOTIMP, NS, NSEC, NXDOMAIN, REFUSED, RRSIG,
                 SOA, ask_tcp, ask_udp, question)
from node import PATIENCE, run, text_value
from test_dns import VIEW, ZONE, Case, WithKey, have, zone_records
from tiers import TiersCase

DNAME = 39
CHILD, MOVED = "child." + ZONE, "moved.example.cn"


def records(prefix):
    def record(suffix, *values):
        return {"handle": prefix + suffix, "values": [
            text_value(i, kind, data, ttl=300) for i, (kind, data) in enumerate(values, 1)]}
    soa = ("DNS.SOA", "ns.%s. admin.example.cn. 1 7200 3600 1209600 300" % CHILD)
    return zone_records(prefix) + [
        record("/dns/child", soa, ("DNS.NS", "ns.%s." % CHILD), ("DNS.A", "192.0.2.7")),
        record("/dns/child/ns", ("DNS.A", "127.0.0.1")),
        record("/moved", soa, ("DNS.DNAME", ZONE + "."), ("DNS.A", "192.0.2.8")),
        record("/dns/pointed", ("DNS.CNAME", "www.%s." % MOVED)),
    ]


def bits(rdata):
    """The types of an NSEC record."""
    at = 0
    while rdata[at]:
        at += 1 + rdata[at]
    at, types = at + 1, set()
    while at < len(rdata):
        window, n = rdata[at], rdata[at + 1]
        for i, octet in enumerate(rdata[at + 2:at + 2 + n]):
            types |= {window * 256 + 8 * i + k for k in range(8) if octet & 0x80 >> k}
        at += 2 + n
    return types


class Rules(Case):
    settings = dict(Case.settings, dns_zones='[ "%s 88.118.8/dns", "%s 88.118.8/dns/child", '
                    '"%s 88.118.8/moved", "%s identifiers 88.118.8 ns1.%s" ]'
                    % (ZONE, CHILD, MOVED, VIEW, ZONE))

    @classmethod
    def fill(cls, node):
        node.load(records("88.118.8"))


class Messages(Rules):
    def test_every_answer_to_edns_has_it(self):
        """RFC 6891 6.1.1, also where nothing but the code is answered."""
        good = question("www." + ZONE, edns=dns.opt())
        end = len(good) - 11
        header = good[:4] + struct.pack(">HHHH", 0, 0, 0, 1)
        rows = [
            (good[:2] + b"\x09\x00" + good[4:], NOTIMP), (good[:2] + b"\x29\x00" + good[4:], NOTIMP),
            (good[:2] + b"\x78\x00" + good[4:], NOTIMP),
            (good[:2] + b"\x10\0" + header[4:] + dns.opt(), NOTIMP),
            (header + dns.opt(), FORMERR),
            (good[:4] + b"\0\2" + good[6:end] + good[12:end] + dns.opt(), FORMERR),
            (good[:end] + dns.opt(options=b"\0\3\0\x50"), FORMERR),
            (question("www." + ZONE, 252, edns=dns.opt()), REFUSED),
            (question("www." + ZONE, 41, edns=dns.opt()), FORMERR),
        ]
        for octets, rcode in rows:
            for a in (ask_udp(self.dns, octets), ask_tcp(self.dns, octets)[0]):
                self.assertEqual((a.rcode, a.size, a.answer), (rcode, 1232, []), octets)
        # Without one there is none.
        for octets in (header[:10] + b"\0\0",
                       good[:2] + b"\x28\0" + good[4:10] + b"\0\0" + good[12:end]):
            self.assertIsNone(ask_udp(self.dns, octets).size)

    def test_a_cookie_without_a_question(self):
        """RFC 7873 5.4, RFC 9619 4: who wants nothing but a cookie asks nothing."""
        def ask(octets):
            return ask_udp(self.dns, struct.pack(">HHHHHH", 9, 0x0100, 0, 0, 0, 1) +
                           dns.opt(options=dns.cookie_option(octets)))
        a = ask(b"8 octets")
        self.assertEqual((a.id, a.rcode, a.questions, a.answer, len(a.cookie)), (9, NOERROR, 0, [], 24))
        b = ask(a.cookie)
        self.assertEqual((b.rcode, b.cookie[:8]), (NOERROR, b"8 octets"))
        self.assertEqual(ask(b"short").rcode, FORMERR)

    def test_a_class_of_all_is_not_ours_to_speak_for(self):
        """Nobody has authority for all classes together."""
        a = self.both("www." + ZONE, klass=255)
        self.assertEqual((a.rcode, a.aa, a.data(A)), (NOERROR, False, [bytes([192, 0, 2, 1])]))

    def test_a_zone_that_moved(self):
        """RFC 6672 2.3: a DNAME at the apex leads everything below it elsewhere, and itself stays."""
        a = self.both("www." + MOVED)
        self.assertEqual([r[1] for r in a.answer], [DNAME, CNAME, A])
        self.assertEqual(self.both(MOVED).data(A), [bytes([192, 0, 2, 8])])
        self.assertEqual([r[1] for r in self.both("pointed." + ZONE).answer], [CNAME, DNAME, CNAME, A])
        self.assertEqual(self.both("no." + MOVED).rcode, NXDOMAIN)

    def test_deep_names(self):
        """Forty labels below the zone are found, and one more is not looked for."""
        for depth in (1, 39, 40, 41, 100):
            a = self.both(".".join(["a"] * depth) + "." + ZONE)
            self.assertEqual((a.rcode, [r[1] for r in a.authority]), (NXDOMAIN, [SOA]))
        a = self.both(".".join(["a"] * 38) + ".wild." + ZONE, dns.TXT)
        self.assertEqual(a.data(dns.TXT), [b"\6caught"])


class Limited(Rules):
    settings = dict(Rules.settings, trusted_net="[ ]", rate_limit=1, workers=1)

    def test_deep_names_are_for_whom_we_know(self):
        """One question of a stranger is no reason to look up eighty identifiers."""
        def deep(n):
            return question(".".join(["a"] * n) + ".wild." + ZONE, dns.TXT,
                            edns=dns.opt(options=dns.cookie_option(b"8 octets")))
        with dns.Client(self.dns, source="127.0.0.78") as c:
            self.assertFalse(c.ask(deep(9)).tc)
            a = c.ask(deep(10))
            self.assertEqual((a.rcode, a.tc, a.answer), (NOERROR, True, []))
            known = dns.opt(options=dns.cookie_option(a.cookie))
            a = c.ask(question(".".join(["a"] * 10) + ".wild." + ZONE, dns.TXT, edns=known))
            self.assertEqual((a.tc, a.data(dns.TXT)), (False, [b"\6caught"]))
            self.assertEqual(c.ask(question("a." * 20 + "elsewhere.example")).rcode, REFUSED)
        self.assertEqual(ask_tcp(self.dns, deep(10))[0].data(dns.TXT), [b"\6caught"])

    def test_errors_are_not_cut(self):
        """Who comes by TCP gets the same code there."""
        octets = question("www." + ZONE, 41)
        with dns.Client(self.dns, source="127.0.0.77") as c:
            for _ in range(12):
                c.send(octets)
            c.send(question("no." + ZONE, ident=0x7777))
            got = [c.receive()]
            while got[-1].id != 0x7777:
                got.append(c.receive())
        self.assertEqual({(a.rcode, a.tc) for a in got[:-1]}, {(FORMERR, False)})


class Watched(Rules):
    """A question of DNS is one question for who counts, times and logs them, however many identifiers
    are looked up for it, and also when its answer was finished already."""

    settings = dict(Rules.settings, workers=1, http='[ "127.0.0.1:0" ]')

    def setUp(self):
        if self.node.process.poll() is None:
            self.node.stop()
        self.log = os.path.join(self.node.dir, self.id() + ".log")
        self.node.start(**dict(self.settings, query_log='"%s"' % self.log))

    def test_one_line_each(self):
        for octets in (question("WwW." + ZONE), question("WwW." + ZONE),
                       question("x.y.wild." + ZONE, dns.TXT), question("no." + ZONE, 65),
                       question(b"\4a\"\n.\3hdl\7example\2cn\0"), question("elsewhere.example"),
                       question("www." + ZONE, 41), question("www." + ZONE, edns=dns.opt(version=1))):
            ask_udp(self.dns, octets)
        ask_tcp(self.dns, question("www." + ZONE, ANY))
        self.node.stop()
        with open(self.log, encoding="utf-8") as f:
            lines = [re.sub(r"^\S+Z info query source=127\.0\.0\.1:\d+ proto=dns op=resolution "
                            r"|us=\d+$", "", line) for line in f.read().splitlines()]
        self.assertEqual(lines, [row % ZONE for row in (
            'id="WwW.%s." type=A rcode=0 rc=1 ', 'id="WwW.%s." type=A rcode=0 rc=1 ',
            'id="x.y.wild.%s." type=TXT rcode=0 rc=1 ', 'id="no.%s." type=HTTPS rcode=3 rc=100 ',
            """id="a'\\010\\..%s." type=A rcode=3 rc=100 """)] + [
                'id="elsewhere.example." type=A rcode=5 rc=301 '] + [row % ZONE for row in (
                    'id="www.%s." type=OPT rcode=1 rc=4 ', 'id="www.%s." type=A rcode=16 rc=4 ',
                    'id="www.%s." type=ANY rcode=0 rc=1 ')])

    def test_counted_and_timed_once(self):
        for _ in range(3):
            for name in ("www.", "x.y.wild.", "no.", "a.b.c.d."):
                self.both(name + ZONE)
        at = re.search(r"http=(\S+:\d+)", "".join(self.node.lines)).group(1)
        with urllib.request.urlopen("http://%s/metrics" % at, timeout=PATIENCE) as answer:
            samples = prometheus.parse(answer.read().decode())
        asked = prometheus.value(samples, "helve_dns_queries_total")
        self.assertEqual(asked, 36)
        self.assertEqual(prometheus.value(samples, "helve_dns_answers_total"), asked)
        self.assertEqual(sum(v for (name, labels), v in samples.items()
                             if name == "helve_requests_total" and ("proto", "dns") in labels), asked)
        self.assertEqual(prometheus.value(samples, "helve_request_duration_seconds_count",
                                          kind="resolve"), asked)


class Slow(TiersCase):
    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load(records("88.118.8"))

    def test_a_question_that_waited(self):
        resolver = self.tiers.resolver()
        try:
            resolver.start(dns='[ "127.0.0.1:0" ]', dns_zones='[ "%s 88.118.8/dns" ]' % ZONE,
                           slow_query_ms=1)
            self.tiers.leaf.signal(signal.SIGSTOP)
            try:
                a = ask_tcp(dns.address_of(resolver), question("www." + ZONE))[0]
            finally:
                self.tiers.leaf.signal(signal.SIGCONT)
            self.assertEqual(a.rcode, dns.SERVFAIL)
            slow = [s for s in json.loads(resolver.ctl("--json", "slow").stdout)
                    if s["proto"] == "dns"]
            self.assertEqual([(s["handle"], s["code"]) for s in slow], [("www.%s. A" % ZONE, 2)])
            self.assertGreaterEqual(slow[0]["us"], 1000)
        finally:
            resolver.remove()


class Signed(WithKey, Rules):

    def test_a_cut_without_keys_has_nothing_but_its_cut(self):
        """RFC 4035 2.3: with SOA in it a validator takes the proof for the child's own."""
        for name in (CHILD, "sub." + ZONE):
            a = ask_tcp(self.dns, question(name, DS, edns=dns.opt(flags=DO)))[0]
            self.assertEqual((a.rcode, a.answer), (NOERROR, []), name)
            nsec = [r for r in a.authority if r[1] == NSEC]
            self.assertEqual([r[0] for r in nsec], [name + "."])
            self.assertEqual(bits(nsec[0][3]), {NS, RRSIG, NSEC})
            self.assertEqual({r[0] for r in a.authority if r[1] == SOA}, {ZONE + "."})

    def test_no_question_says_more_than_all(self):
        whole = ask_tcp(self.dns, question(CHILD, ANY, edns=dns.opt(flags=DO)))[0]
        self.assertIn(SOA, [r[1] for r in whole.answer])

    @have("delv")
    def test_delv_believes_it(self):
        anchor = os.path.join(self.keys, "anchor")
        tag, algorithm, kind, digest = dns.ds_of(self.node, ZONE + ".").split()
        with open(anchor, "w", encoding="utf-8") as f:
            f.write('trust-anchors { "%s." static-ds %s %s %s "%s"; };\n'
                    % (ZONE, tag, algorithm, kind, digest))
        for name, kind, said in ((CHILD, "DS", "negative response, fully validated"),
                                 (CHILD, "A", "unsigned answer"),
                                 ("no." + CHILD, "A", "negative response, unsigned answer")):
            done = run("delv", "@" + self.dns[0], "-p", str(self.dns[1]), "-a", anchor,
                       "+root=" + ZONE, name, kind, check=False)
            self.assertIn(said, done.stdout, name + done.stderr)


if __name__ == "__main__":
    unittest.main()
