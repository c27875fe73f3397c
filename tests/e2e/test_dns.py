# SPDX-License-Identifier: Apache-2.0
"""The DNS front end of both daemons (protocol.md 16): against octets of ours, and against what others
have: dig, kdig, delv, and Unbound, which validates."""

import os
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import unittest

import dns
import hdl
from dns import (A, AAAA, ANY, BADVERS, DNSKEY, DO, DS, FORMERR, MX, NAPTR, NOERROR, NOTIMP, NS,
                 NSEC, NXDOMAIN, REFUSED, RRSIG, SERVFAIL, SOA, TXT, URI, ask_tcp, ask_udp, question)
from node import HELVECTL, NodeCase, PATIENCE, run, text_value
from places import place
from tiers import TiersCase

ZONE = "hdl.example.cn"
VIEW = "id.example.cn"


def zone_records(prefix):
    def record(suffix, *values):
        return {"handle": prefix + "/dns" + suffix, "values": [
            text_value(i, kind, data, ttl=ttl) for i, (kind, data, ttl) in enumerate(values, 1)]}
    return [
        record("", ("DNS.SOA", "ns1.%s. admin.example.cn. 1 7200 3600 1209600 300" % ZONE, 3600),
               ("DNS.NS", "ns1.%s." % ZONE, 3600), ("DNS.MX", "10 mail.%s." % ZONE, 3600)),
        record("/ns1", ("DNS.A", "127.0.0.1", 3600)),
        record("/mail", ("DNS.A", "192.0.2.25", 600), ("DNS.AAAA", "2001:db8::25", 600)),
        record("/www", ("DNS.A", "192.0.2.1", 300), ("DNS.AAAA", "2001:db8::1", 300)),
        record("/alias", ("DNS.CNAME", "www.%s." % ZONE, 300)),
        record("/wild/*", ("DNS.TXT", "caught", 60)),
        record("/sub", ("DNS.NS", "ns.sub.%s." % ZONE, 300)),
        record("/sub/ns", ("DNS.A", "127.0.0.2", 300)),
        record("/中国", ("DNS.A", "192.0.2.86", 300)),
        record("/a b", ("DNS.A", "192.0.2.20", 300)),
        record("/big", *[("DNS.TXT", "%02d" % i + "x" * 200, 300) for i in range(40)]),
        record("/edge", *[("DNS.TXT", "%02d" % i + "y" * 100, 300) for i in range(6)]),
        {"handle": prefix + "/dns/secret", "values": [
            text_value(1, "DNS.A", "192.0.2.66", permissions="1100")]},
        {"handle": prefix + "/PUMP-7", "values": [
            text_value(1, "URL", "https://example.cn/pump-7"), text_value(2, "brand", "Helve")]},
        {"handle": prefix + "/1.2.156.3001", "values": [
            text_value(1, "URL.RINF", "https://example.cn/oid")]},
        {"handle": prefix + "/01/09506000134352", "values": [
            text_value(1, "gs1:defaultLink", "https://example.cn/gtin")]},
    ]


class Case(NodeCase):
    settings = {
        "workers": 2, "dns": '[ "127.0.0.1:0" ]',
        "schemes": '[ "oid 88.118.8", "gs1 88.118.8" ]',
        "dns_zones": '[ "%s 88.118.8/dns", "%s identifiers 88.118.8 ns1.%s", "oid.example.cn oid", '
                     '"gtin.example.cn gs1 01" ]' % (ZONE, VIEW, ZONE)}

    @classmethod
    def fill(cls, node):
        node.load(zone_records("88.118.8"))

    @property
    def dns(self):
        return dns.address_of(self.node)

    def both(self, *args, **more):
        """By UDP and by TCP, first made and then finished: the same octets."""
        octets = question(*args, **more)
        first = ask_udp(self.dns, octets)
        for other in (ask_udp(self.dns, octets), ask_tcp(self.dns, octets)[0]):
            if not first.tc:
                self.assertEqual(other.octets, first.octets)
        return first


class Answers(Case):
    def test_records(self):
        a = self.both("www." + ZONE, A)
        self.assertEqual((a.id, a.rcode, a.aa), (0x1234, NOERROR, True))
        self.assertEqual(a.answer, [("www.%s." % ZONE, A, 300, bytes([192, 0, 2, 1]))])
        self.assertEqual(self.both("WwW." + ZONE, A).answer[0][0], "WwW.%s." % ZONE)
        a = self.both("alias." + ZONE, AAAA)
        self.assertEqual([r[1] for r in a.answer], [dns.CNAME, AAAA])
        a = self.both(ZONE, MX)
        self.assertEqual([r[1] for r in a.additional], [A, AAAA])
        self.assertEqual(self.both("xn--fiqs8s." + ZONE).data(A), [bytes([192, 0, 2, 86])])
        self.assertEqual(self.both("hx--a-20b." + ZONE).data(A), [bytes([192, 0, 2, 20])])
        self.assertEqual(self.both("any.thing.wild." + ZONE, TXT).data(TXT), [b"\6caught"])

    def test_what_is_not_there(self):
        for name, kind, rcode in (("no." + ZONE, A, NXDOMAIN), ("www." + ZONE, MX, NOERROR),
                                  ("hx--a-2." + ZONE, A, NXDOMAIN), ("x.wild." + ZONE, A, NOERROR),
                                  ("no." + VIEW, URI, NXDOMAIN)):
            a = self.both(name, kind)
            self.assertEqual((a.rcode, a.answer, a.aa), (rcode, [], True), name)
            self.assertEqual([(r[1], r[2]) for r in a.authority], [(SOA, 300)], name)
        for name in ("example.cn", "www.example.org", ""):
            a = self.both(name)
            self.assertEqual((a.rcode, a.aa), (REFUSED, False))

    def test_a_cut_refers(self):
        for name in ("sub." + ZONE, "deep.sub." + ZONE):
            a = self.both(name)
            self.assertEqual((a.rcode, a.aa, a.answer), (NOERROR, False, []))
            self.assertEqual([r[:2] for r in a.authority], [("sub.%s." % ZONE, NS)])
            self.assertEqual(a.additional, [("ns.sub.%s." % ZONE, A, 300, bytes([127, 0, 0, 2]))])

    def test_private_values_stay(self):
        a = self.both("secret." + ZONE)
        self.assertEqual((a.rcode, a.answer), (NOERROR, []))
        self.assertNotIn(bytes([192, 0, 2, 66]), a.octets)

    def test_views(self):
        self.assertEqual(self.both("pump-7." + VIEW, URI).data(URI),
                         [b"\0\x0a\0\1https://example.cn/pump-7"])
        naptr = self.both("pump-7." + VIEW, NAPTR).data(NAPTR)[0]
        self.assertIn(b"!^.*$!https://example.cn/pump-7!", naptr)
        self.assertEqual(self.both("pump-7." + VIEW, TXT).data(TXT), [b"\x0bbrand=Helve"])
        self.assertEqual([r[1] for r in self.both(VIEW, NS).answer], [NS])

    def test_views_of_other_schemes(self):
        oid = self.both("3001.156.2.1.oid.example.cn", NAPTR).data(NAPTR)[0]
        self.assertIn(b"\1u\4RINF", oid)
        gtin = ".".join(reversed("09506000134352")) + ".gtin.example.cn"
        self.assertEqual(self.both(gtin, URI).data(URI), [b"\0\x0a\0\1https://example.cn/gtin"])
        for name in ("156.2.1.oid.example.cn", "1.oid.example.cn", "x.oid.example.cn",
                     "9.5.0.gtin.example.cn", "3." + gtin[2:], "10.gtin.example.cn"):
            a = self.both(name, NAPTR)
            self.assertEqual((a.rcode, a.answer, [r[1] for r in a.authority]), (NOERROR, [], [SOA]))

    def test_as_the_native_protocol(self):
        """One question, one answer, whichever way it comes."""
        kinds = {"DNS.A": A, "DNS.AAAA": AAAA, "DNS.TXT": TXT, "DNS.MX": MX, "DNS.NS": NS}
        names = ["", "/www", "/mail", "/ns1", "/edge", "/secret", "/none", "/wild/*", "/中国"]
        draw = random.Random(1)
        for _ in range(300):
            suffix, kind = draw.choice(names), draw.choice(sorted(kinds))
            native = hdl.ask_udp(self.at, hdl.ask_for("88.118.8/dns" + suffix, (), (kind,),
                                                      flags=hdl.USUAL))
            labels = [label.encode("idna").decode() for label in suffix.split("/")[:0:-1]]
            a = self.both(".".join(labels + [ZONE]), kinds[kind], edns=dns.opt())
            texts = sorted(v.data.decode() for v in native.values) if native.rc == 1 else []
            if kind == "DNS.A":
                self.assertEqual(a.data(A), sorted(map(socket.inet_aton, texts)), suffix)
            elif kind == "DNS.AAAA":
                self.assertEqual(a.data(AAAA), sorted(
                    socket.inet_pton(socket.AF_INET6, t) for t in texts), suffix)
            elif kind == "DNS.TXT":
                self.assertEqual(a.data(TXT), sorted(
                    bytes([len(t)]) + t.encode() for t in texts), suffix)
            else:
                self.assertEqual(len(a.data(kinds[kind])), len(texts), suffix)
            self.assertEqual(a.rcode == NXDOMAIN, native.rc == 100, suffix)

    def test_a_change_shows_at_once(self):
        name = "changing." + ZONE
        self.assertEqual(self.both(name).rcode, NXDOMAIN)
        for i in range(1, 4):
            self.node.ctl("put", "88.118.8/dns/changing", "--value", "1 DNS.A 192.0.2.%d" % i)
            self.assertEqual(self.both(name).data(A), [bytes([192, 0, 2, i])])
        self.node.ctl("rm", "88.118.8/dns/changing")
        self.assertEqual(self.both(name).rcode, NXDOMAIN)


class Sizes(Case):
    def test_by_edns(self):
        self.assertTrue(self.both("edge." + ZONE, TXT).tc)
        self.assertTrue(self.both("edge." + ZONE, TXT, edns=dns.opt(600)).tc)
        for size in (800, 1232, 4096, 65535):
            a = self.both("edge." + ZONE, TXT, edns=dns.opt(size))
            self.assertEqual((a.tc, len(a.answer), a.size), (False, 6, 1232))
        for size in (0, 512, 1232, 65535):
            a = ask_udp(self.dns, question("big." + ZONE, TXT, edns=dns.opt(size)))
            self.assertEqual((a.tc, a.answer, len(a.octets) <= max(size, 512)), (True, [], True))
        whole = ask_tcp(self.dns, question("big." + ZONE, TXT))[0]
        self.assertEqual((whole.tc, len(whole.answer)), (False, 40))

    def test_edns_rules(self):
        a = self.both("www." + ZONE, edns=dns.opt(version=1))
        self.assertEqual((a.rcode, a.answer), (BADVERS, []))
        self.assertEqual(self.both("www." + ZONE, edns=dns.opt(options=b"\0\3\0\0")).rcode, NOERROR)
        self.assertIsNone(self.both("www." + ZONE).size)
        # Two of them; an option that says it is longer than it is.
        twice = bytearray(question("www." + ZONE, edns=dns.opt() + dns.opt()))
        twice[11] = 2
        self.assertEqual(ask_udp(self.dns, bytes(twice)).rcode, FORMERR)
        a = ask_udp(self.dns, question("www." + ZONE, edns=dns.opt(options=b"\0\3\0\x50")))
        self.assertEqual(a.rcode, FORMERR)

    def test_many_on_one_connection(self):
        answers = ask_tcp(self.dns, *[question("www." + ZONE, ident=i) for i in range(200)])
        self.assertEqual(sorted(a.id for a in answers), list(range(200)))


class Malformed(Case):
    def test_codes(self):
        good = question("www." + ZONE)
        rows = [
            (good[:2] + b"\x09\x00" + good[4:], NOTIMP),            # a status question
            (good[:2] + b"\x28\x00" + good[4:], NOTIMP),            # an update
            (good[:4] + b"\0\0" + good[6:], FORMERR), (good[:4] + b"\0\2" + good[6:], FORMERR),
            (good[:-1], FORMERR), (good[:12], FORMERR), (good + b"x", FORMERR),
            (good[:6] + b"\0\1" + good[8:], FORMERR),
            (question(b"\xc0\x0c"), FORMERR), (question(b"\x40" + b"a" * 64 + b"\0"), FORMERR),
            (question((b"\x3f" + b"a" * 63) * 4 + b"\0"), FORMERR),
            (question("www." + ZONE, 252), REFUSED), (question("www." + ZONE, 251), REFUSED),
            (question("www." + ZONE, klass=3), REFUSED), (question("www." + ZONE, 41), FORMERR),
            (question("www." + ZONE, 128), FORMERR),                # NXNAME
        ]
        for octets, rcode in rows:
            a = ask_udp(self.dns, octets)
            self.assertEqual((a.rcode, a.answer, a.id), (rcode, [], 0x1234), octets)

    def test_silence(self):
        """Answers and scraps are not answered: else two servers could keep each other busy."""
        good = question("www." + ZONE)
        with dns.Client(self.dns) as c:
            for octets in (b"", b"x", good[:11], good[:2] + b"\x81\x00" + good[4:]):
                c.send(octets)
            self.assertEqual(c.ask(question("www." + ZONE, ident=77)).id, 77)

    def test_streams(self):
        for octets in (b"\0\0", b"\0\5hello", b"\xff\xff" + b"x" * 100, b"\0\x0c" + b"\x80" * 12):
            with socket.create_connection(self.dns, timeout=PATIENCE) as s:
                s.sendall(octets)
                s.shutdown(socket.SHUT_WR)
                self.assertEqual(s.recv(100), b"", octets)

    def test_noise(self):
        draw = random.Random(7)
        good = question("www." + ZONE, edns=dns.opt(options=dns.cookie_option(b"12345678")))
        with dns.Client(self.dns) as c:
            for i in range(2000):
                noise = bytearray(good[:draw.randrange(len(good) + 1)])
                for _ in range(draw.randrange(6)):
                    if len(noise) > 2:
                        noise[draw.randrange(2, len(noise))] = draw.randrange(256)
                c.send(bytes(noise))
                if i % 50 == 49:  # before sockets are full, and something is lost
                    a = c.ask(b"\x77\x77" + good[2:])
                    while a.id != 0x7777:
                        a = c.receive()
                    self.assertEqual(a.rcode, NOERROR)


class Limits(Case):
    settings = dict(Case.settings, trusted_net="[ ]", rate_limit=20, workers=1)

    def answers(self, n, source, edns=None):
        """What comes before the answer to one more, of a kind that is counted for itself."""
        with dns.Client(self.dns, source=source) as c:
            for _ in range(n):
                c.send(question("www." + ZONE, edns=edns))
            c.send(question("no." + ZONE, ident=0x7777))
            got = [c.receive()]
            while got[-1].id != 0x7777:
                got.append(c.receive())
            return got[:-1]

    # From addresses that have not come by TCP: who has is known to be real.

    def test_strangers(self):
        began = time.monotonic()
        got = self.answers(250, "127.0.0.99")
        took = time.monotonic() - began
        whole, cut = [a for a in got if not a.tc], [a for a in got if a.tc]
        self.assertGreaterEqual(len(whole), 20)
        self.assertLessEqual(len(whole), 120 + 20 * (took + 1))
        self.assertLessEqual(abs(2 * len(cut) - (250 - len(whole))), 1)
        self.assertTrue(all(not a.answer for a in cut))

    def test_cookies(self):
        asked = dns.opt(options=dns.cookie_option(b"8 octets"))
        with dns.Client(self.dns, source="127.0.0.97") as c:
            given = c.ask(question("no." + ZONE, edns=asked)).cookie
        self.assertEqual((len(given), given[:8], given[8]), (24, b"8 octets", 1))
        got = self.answers(200, "127.0.0.97", dns.opt(options=dns.cookie_option(given)))
        self.assertEqual((len(got), [a for a in got if a.tc]), (200, []))

    def test_any_is_for_whom_we_know(self):
        with dns.Client(self.dns, source="127.0.0.98") as c:
            a = c.ask(question("www." + ZONE, ANY))
        self.assertTrue(a.tc and not a.answer)
        a = ask_tcp(self.dns, question("www." + ZONE, ANY))[0]
        self.assertEqual(sorted(r[1] for r in a.answer), [A, AAAA])

    def test_false_cookies(self):
        for octets in (b"short", b"12345678" + b"x" * 5, b"x" * 41):
            a = ask_tcp(self.dns, question("www." + ZONE,
                                           edns=dns.opt(options=dns.cookie_option(octets))))[0]
            self.assertEqual(a.rcode, FORMERR)
        a = ask_tcp(self.dns, question("www." + ZONE, edns=dns.opt(
            options=dns.cookie_option(b"12345678" + b"\1\0\0\0" + b"x" * 12))))[0]
        self.assertEqual((a.rcode, len(a.cookie)), (NOERROR, 24))


def have(*programs):
    return unittest.skipUnless(all(shutil.which(p) for p in programs),
                               "needs " + ", ".join(programs))


class WithKey:
    """A case whose zones are signed."""

    @classmethod
    def setUpClass(cls):
        cls.keys = tempfile.mkdtemp(prefix="helve-e2e-")
        path = os.path.join(cls.keys, "zone.key")
        run(HELVECTL, "key", "new", path, "--key", "p256")
        cls.settings = dict(cls.settings, dns_key='"%s"' % path)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.keys)


class Signed(WithKey, Case):

    def signed(self, name):
        """Signatures differ from listener to listener: ECDSA draws a number for each."""
        return ask_udp(self.dns, question(name, edns=dns.opt(flags=DO)))

    def test_only_for_whom_wants_it(self):
        plain = self.both("no." + ZONE)
        self.assertEqual((plain.rcode, [r[1] for r in plain.authority]), (NXDOMAIN, [SOA]))
        a = self.signed("no." + ZONE)
        self.assertEqual((a.rcode, [r[1] for r in a.authority]),
                         (NOERROR, [SOA, RRSIG, NSEC, RRSIG]))
        self.assertEqual([r[1] for r in self.both(ZONE, DNSKEY).answer], [DNSKEY])
        self.assertEqual([r[1] for r in self.signed("sub." + ZONE).authority],
                         [NS, NSEC, RRSIG])

    @have("delv")
    def test_delv(self):
        anchor = os.path.join(self.keys, "anchor")
        with open(anchor, "w", encoding="utf-8") as f:
            f.write('trust-anchors {\n')
            for zone in (ZONE, VIEW):
                tag, algorithm, kind, digest = dns.ds_of(self.node, zone + ".").split()
                f.write('"%s." static-ds %s %s %s "%s";\n' % (zone, tag, algorithm, kind, digest))
            f.write('};\n')
        for name, kind, root, said in (
                ("www." + ZONE, "A", ZONE, "fully validated"),
                ("alias." + ZONE, "AAAA", ZONE, "fully validated"),
                ("x.y.wild." + ZONE, "TXT", ZONE, "fully validated"),
                ("no." + ZONE, "A", ZONE, "negative response, fully validated"),
                ("www." + ZONE, "MX", ZONE, "negative response, fully validated"),
                ("pump-7." + VIEW, "URI", VIEW, "fully validated"),
                ("no." + VIEW, "URI", VIEW, "negative response, fully validated")):
            done = run("delv", "@" + self.dns[0], "-p", str(self.dns[1]), "-a", anchor,
                       "+root=" + root, name, kind, check=False)
            self.assertIn(said, done.stdout, name + done.stderr)

    @have("unbound", "dig")
    def test_unbound(self):
        """A validating resolver with the zone's DS believes it, and without the right one it does not."""
        for good in (True, False):
            with self.unbound(good) as (host, port):
                for name, kind, want in (("www." + ZONE, "A", "192.0.2.1"),
                                         ("x.wild." + ZONE, "TXT", '"caught"'),
                                         ("no." + ZONE, "A", ""), ("www." + ZONE, "MX", "")):
                    done = run("dig", "@" + host, "-p", str(port), "+tries=2", "+time=25",
                               "+adflag", name, kind)
                    status = "NOERROR" if good else "SERVFAIL"
                    self.assertIn("status: " + status, done.stdout, name)
                    self.assertEqual(" ad;" in done.stdout or " ad " in done.stdout, good, name)
                    if good and want:
                        self.assertIn(want, done.stdout)

    def unbound(self, good):
        return Unbound(self.keys, self.dns, dns.ds_of(self.node, ZONE + "."), good)

    @have("dig", "kdig")
    def test_dig_and_kdig(self):
        where = ("@" + self.dns[0], "-p", str(self.dns[1]))
        for tool in ("dig", "kdig"):
            for more in ((), ("+tcp",), ("+dnssec",), ("+cookie",), ("+bufsize=512",)):
                done = run(tool, *where, *more, "www." + ZONE, "AAAA")
                self.assertIn("2001:db8::1", done.stdout)
                self.assertNotIn("malformed", (done.stdout + done.stderr).lower())
        self.assertIn("(good)", run("dig", *where, "+cookie", "www." + ZONE).stdout)


class Unbound:
    def __init__(self, folder, target, ds, good):
        self.folder, self.target = folder, target
        fields = ds.split()
        self.ds = ds if good else " ".join(fields[:3] + ["00" * 32])

    def __enter__(self):
        host, port = place()
        conf = os.path.join(self.folder, "unbound.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write("""server:
  directory: "{0}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  interface: {6}@{1}
  do-not-query-localhost: no
  num-threads: 1
  do-daemonize: no
  trust-anchor: "{2}. DS {3}"
remote-control:
  control-enable: no
stub-zone:
  name: "{2}"
  stub-addr: {4}@{5}
""".format(self.folder, port, ZONE, self.ds, *self.target, host))
        self.process = subprocess.Popen([shutil.which("unbound") or "/usr/sbin/unbound", "-d", "-c",
                                         conf], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "start of service" in line:
                return host, port
        raise AssertionError("unbound did not start")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


class Forwarding(TiersCase):
    """helver answers for zones whose identifiers it has to ask for."""

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load(zone_records("88.118.8"))

    def test_zone_of_another_node(self):
        resolver = self.tiers.resolver()
        try:
            resolver.start(dns='[ "127.0.0.1:0" ]', dns_zones='[ "%s 88.118.8/dns" ]' % ZONE)
            at = dns.address_of(resolver)
            for ask in (ask_udp, lambda *args: ask_tcp(*args)[0]):
                for _ in range(3):
                    a = ask(at, question("www." + ZONE))
                    self.assertEqual((a.rcode, a.data(A)), (NOERROR, [bytes([192, 0, 2, 1])]))
                    self.assertEqual(ask(at, question("no." + ZONE)).rcode, NXDOMAIN)
                    self.assertEqual(ask(at, question("other.example")).rcode, REFUSED)
            answers = ask_tcp(at, *[question("n%d.wild.%s" % (i, ZONE), TXT, ident=i)
                                    for i in range(50)])
            self.assertEqual([a.data(TXT) for a in answers], [[b"\6caught"]] * 50)
        finally:
            resolver.remove()


class Configuration(Case):
    def test_mistakes_are_told(self):
        for zones, said in (('[ "hdl.example.cn" ]', "zone identifier"),
                            ('[ "a..b 1/x" ]', "no domain name"),
                            ('[ "a.b 1/x", "A.b 2/x" ]', "twice"),
                            ('[ "a.b identifiers" ]', "PREFIX")):
            self.node.configure(**dict(self.settings, dns_zones=zones))
            code, stderr, _ = self.node.refuses_to_start()
            self.assertEqual(code, 1)
            self.assertIn(said, stderr)
            self.assertEqual(stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
