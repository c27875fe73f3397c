# SPDX-License-Identifier: Apache-2.0
"""What operators see: metrics, health, statistics and logs of real helved and helver processes."""

import json
import os
import re
import signal
import time
import unittest
import urllib.error
import urllib.request

import dns
import prometheus
from hdl import ask_for, ask_tcp, ask_udp
from node import PATIENCE, ROOT, Node, NodeCase, text_value
from staff import PEOPLE, StaffCase
from tiers import TiersCase
from v1 import V1Case, basic


def get(address, path):
    """Status, headers and body."""
    try:
        with urllib.request.urlopen("http://%s%s" % (address, path), timeout=PATIENCE) as r:
            return r.status, r.headers, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read().decode()


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def http_address(node):
    line = next(l for l in node.lines if "listen http=" in l)
    return re.search(r"http=(\S+)", line).group(1)


def scrape(address):
    status, headers, text = get(address, "/metrics")
    assert status == 200, text
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers
    complaint = prometheus.promtool("check", "metrics", stdin=text)
    assert not complaint, complaint
    return prometheus.parse(text)


def until(what, wanted):
    """Ask until it is so: some numbers are written behind the answer that they are about."""
    end = time.monotonic() + PATIENCE
    while (found := what()) != wanted:
        assert time.monotonic() < end, "%r, not %r" % (found, wanted)


class Metrics(NodeCase):
    settings = {"http": '[ "127.0.0.1:0" ]', "workers": 2, "dns": '[ "127.0.0.1:0" ]',
                "dns_zones": '[ "z.example 88.118.8/dns" ]'}

    @classmethod
    def fill(cls, node):
        soa = "ns.z.example. admin.z.example. 1 7200 3600 1209600 300"
        node.load([{"handle": "88.118.8/a", "values": [text_value(1, "URL", "http://a/")]},
                   {"handle": "88.118.8/dns", "values": [text_value(1, "DNS.SOA", soa)]}])

    def setUp(self):
        self.http = http_address(self.node)

    def test_an_answer_of_dns_is_one_request(self):
        def counts():
            s = scrape(self.http)
            return [prometheus.value(s, "helve_requests_total", proto=proto)
                    for proto in ("udp", "tcp", "dns")]
        before = counts()
        octets = dns.question("no.z.example")
        for _ in range(2):
            dns.ask_udp(dns.address_of(self.node), octets)
        dns.ask_tcp(dns.address_of(self.node), octets)
        until(lambda: [b - a for a, b in zip(before, counts())], [0, 0, 3])

    def test_requests_are_counted_by_way_op_and_code(self):
        def counts():
            s = scrape(self.http)
            return [prometheus.value(s, "helve_requests_total", op="resolution", **labels)
                    for labels in ({"proto": "udp", "code": "1"}, {"proto": "udp", "code": "100"},
                                   {"proto": "tcp", "code": "1"}, {"proto": "http", "code": "1"})]
        before = counts()
        for _ in range(3):
            ask_udp(self.at, ask_for("88.118.8/a"))
        ask_udp(self.at, ask_for("88.118.8/none"))
        ask_tcp(self.at, ask_for("88.118.8/a"))
        self.assertEqual(get(self.http, "/api/handles/88.118.8/a")[0], 200)
        until(lambda: [b - a for a, b in zip(before, counts())], [3, 1, 1, 1])

    def test_every_question_is_timed(self):
        before = scrape(self.http)
        for _ in range(50):
            ask_udp(self.at, ask_for("88.118.8/a"))
            ask_tcp(self.at, ask_for("88.118.8/a"))
        name = "helve_request_duration_seconds_count"
        until(lambda: prometheus.value(scrape(self.http), name, kind="resolve") -
              prometheus.value(before, name, kind="resolve"), 100)
        self.assertGreaterEqual(prometheus.value(scrape(self.http), name, kind="http"), 1)

    def test_changes_and_the_registry(self):
        before = scrape(self.http)
        for i in range(5):
            self.node.ctl("put", "88.118.8/c%d" % i, "--value", "1 URL http://c/")
        # What is looked up is up to a second old.
        def grown(*names):
            after = scrape(self.http)
            return [prometheus.value(after, n) - prometheus.value(before, n) for n in names]
        until(lambda: grown("helve_changes_total", "helve_commit_changes_sum"), [5, 5])
        self.assertGreaterEqual(grown("helve_commits_total")[0], 1)
        after = scrape(self.http)
        self.assertEqual(prometheus.value(after, "helve_registry_writable"), 1)
        self.assertGreater(prometheus.value(after, "helve_disk_free_bytes"), 0)
        self.assertEqual(prometheus.value(after, "helve_build_info", daemon="helved"), 1)

    def test_stats_are_the_same_numbers(self):
        ask_udp(self.at, ask_for("88.118.8/a"))
        def both():
            stats, samples = json.loads(get(self.http, "/api/v1/stats")[2]), scrape(self.http)
            return stats, samples, stats["requests"]["udp"] - \
                prometheus.value(samples, "helve_requests_total", proto="udp")
        until(lambda: (both()[2], both()[0]["latency"]["resolve"]["p99_us"] > 0), (0, True))
        stats, samples, _ = both()
        self.assertEqual(stats["counters"]["udp_queries"],
                         prometheus.value(samples, "helve_udp_queries_total"))
        self.assertEqual(stats["daemon"], "helved")
        self.assertGreater(stats["latency"]["resolve"]["p99_us"], 0)
        self.assertLessEqual(stats["latency"]["resolve"]["p50_us"],
                             stats["latency"]["resolve"]["p99_us"])
        self.assertGreater(stats["process"]["resident"], 1 << 20)

    def test_pages_of_other_origins_see_no_numbers(self):
        """Whom a browser in a network that may read them shows one."""
        evil = {"Origin": "https://evil.example.cn"}
        own = {"Origin": "http://" + self.http}
        for path in ("/metrics", "/api/v1/stats"):
            for headers, statuses in ((evil, (401, 403)), ({"Origin": "null"}, (401, 403)),
                                      ({"Sec-Fetch-Site": "cross-site"}, (401, 403)),
                                      (own, (200,)), ({"Sec-Fetch-Site": "same-origin"}, (200,))):
                with self.subTest(path, **headers):
                    request = urllib.request.Request("http://%s%s" % (self.http, path),
                                                     headers=headers)
                    try:
                        with urllib.request.urlopen(request, timeout=PATIENCE) as r:
                            status, text = r.status, r.read()
                    except urllib.error.HTTPError as e:
                        status, text = e.code, e.read()
                    self.assertIn(status, statuses, text)
                    self.assertEqual(b"uptime" in text or b"helve_" in text, status == 200)

    def test_health(self):
        for path in ("/healthz", "/readyz"):
            status, headers, text = get(self.http, path)
            self.assertEqual((status, json.loads(text)), (200, {"status": "ok"}), path)
            self.assertEqual(headers["Cache-Control"], "no-store")

    def test_a_backup_is_known(self):
        path = os.path.join(self.node.dir, "b.jsonl")
        self.node.ctl("backup", path)
        until(lambda: prometheus.value(scrape(self.http), "helve_backup_timestamp_seconds") > 0, True)
        age = prometheus.value(scrape(self.http), "helve_backup_timestamp_seconds")
        self.assertAlmostEqual(age, os.stat(path).st_mtime, delta=60)


class ForServerAdministrators(V1Case, StaffCase):
    settings = {"workers": 2, "http": '[ "127.0.0.1:0" ]', "slow_query_ms": 1,
                "server_admins": '[ "304:%s" ]' % PEOPLE, "metrics_net": "[ 192.0.2.0/24 ]"}

    def get(self, path, index=None):
        who = basic("%d:%s" % (index, PEOPLE), self.secrets[index]) if index else None
        return self.ask("GET", path, headers=who, tls=True)

    def test_slow_queries_and_statistics(self):
        for path in ("/api/v1/slow", "/api/v1/stats"):
            self.assertEqual(self.get(path).status, 401, path)
            self.assertEqual(self.get(path, 303).status, 403, path)
            answer = self.get(path, 304)
            self.assertEqual(answer.status, 200, answer.body)
        self.assertIsInstance(self.get("/api/v1/slow", 304).json, list)
        self.assertEqual(self.get("/api/v1/stats", 304).json["daemon"], "helved")
        self.assertEqual(self.get("/metrics", 304).status, 403)


class OnlyForSome(NodeCase):
    settings = {"http": '[ "127.0.0.1:0" ]', "metrics_net": "[ 192.0.2.0/24 ]"}

    def test_others_see_no_numbers(self):
        http = http_address(self.node)
        for path in ("/metrics", "/api/v1/stats"):
            status, _, text = get(http, path)
            self.assertIn(status, (401, 403), path)
            self.assertNotIn("helve_", text)
        self.assertEqual(get(http, "/healthz")[0], 200)


class Resolvers(TiersCase):
    """helver's own numbers."""

    @classmethod
    def fill(cls, tiers):
        tiers.leaf.load([{"handle": "88.118.8/" + name, "values": [text_value(1, "URL", "u")]}
                         for name in ("a", "counted")])

    settings = {"http": '[ "127.0.0.1:0" ]', "schemes": '[ "gs1 88.118.8" ]'}

    def test_cache_and_walks(self):
        http = http_address(self.resolver)
        before = scrape(http)
        for _ in range(3):
            ask_udp(self.resolver.address, ask_for("88.118.8/counted"))

        def grown(name, **labels):
            return prometheus.value(scrape(http), name, **labels) - \
                prometheus.value(before, name, **labels)
        # One walk for the three; it may have looked after the root meanwhile, which is one as well.
        until(lambda: (grown("helve_cache_lookups_total", result="hit"),
                       grown("helve_resolver_questions_total"),
                       grown("helve_resolutions_total", result="secure") >= 1), (2, 1, True))
        self.assertGreaterEqual(grown("helve_upstream_packets_total"), 1)
        self.assertGreaterEqual(prometheus.value(scrape(http), "helve_trust_anchors"), 1)
        stats = json.loads(get(http, "/api/v1/stats")[2])
        self.assertEqual(stats["daemon"], "helver")
        self.assertGreaterEqual(stats["cache"]["hits"], 2)
        self.assertEqual(get(http, "/readyz")[0], 200)

    def test_dashboard_and_alerts_name_what_there_is(self):
        """Each family that they ask for is one of the two daemons', and is described."""
        leaf = Node("88.118.9", "p256")
        self.addCleanup(leaf.remove)
        leaf.start(http='[ "127.0.0.1:0" ]')
        text = get(http_address(leaf), "/metrics")[2] + \
            get(http_address(self.resolver), "/metrics")[2]
        families = set(re.findall(r"^# TYPE (\S+)", text, re.M))
        # There are none without a copy.
        families |= {"helve_copy_records", "helve_copy_synced_timestamp_seconds"}
        docs = read("docs/metrics.md")
        for path in ("conf/grafana/helve.json", "conf/prometheus/alerts.yml"):
            asked = set(re.findall(r"\b(?:helve|process)_[a-z_]+", read(path)))
            self.assertGreater(len(asked), 10, path)
            for name in asked:
                self.assertIn(re.sub(r"_bucket$", "", name), families, path)
        json.loads(read("conf/grafana/helve.json"))
        for alert in re.findall(r"alert: (\w+)", read("conf/prometheus/alerts.yml")):
            self.assertIn("| %s" % alert, docs)

    def test_promtool_takes_the_rules(self):
        for argv in (("check", "rules", "conf/prometheus/alerts.yml"),
                     ("check", "config", "conf/prometheus/prometheus.yml")):
            complaint = prometheus.promtool(*argv[:2], os.path.join(ROOT, argv[2]))
            if complaint is None:
                self.skipTest("promtool is not installed")
            self.assertEqual(complaint, "")

    def test_the_chain_of_trust(self):
        http = http_address(self.resolver)
        status, _, text = get(http, "/api/v1/chain/88.118.8/a")
        self.assertEqual(status, 200, text)
        chain = json.loads(text)
        self.assertEqual((chain["handle"], chain["verdict"], chain["record"]),
                         ("88.118.8/a", "secure", "verified"))
        self.assertEqual([s["prefix"] for s in chain["steps"]],
                         ["0.NA", "88", "88.118", "88.118.8"])
        self.assertEqual([s["servers"] for s in chain["steps"]],
                         [["%s:2641" % n.host] for n in self.tiers.nodes])
        self.assertEqual([s["by"] for s in chain["steps"]],
                         ["trust anchor", "0.NA", "88", "88.118"])
        for step in chain["steps"]:
            self.assertEqual((step["signature"], step["key"]), ("verified", "p256"))
            self.assertTrue(step["site"])

    def test_the_chain_of_another_scheme(self):
        """A GS1 code's way is that of the handle which it stands for."""
        http = http_address(self.resolver)
        chain = json.loads(get(http, "/api/v1/chain/01/09506000134352")[2])
        self.assertEqual((chain["handle"], chain["verdict"]), ("01/09506000134352", "secure"))
        self.assertEqual([s["prefix"] for s in chain["steps"]],
                         ["0.NA", "88", "88.118", "88.118.8"])

    def test_a_chain_costs_one_question(self):
        http = http_address(self.resolver)
        get(http, "/api/v1/chain/88.118.8/a")

        def known(_):
            for _ in range(20):
                self.assertEqual(get(http, "/api/v1/chain/88.118.8/a")[0], 200)
        self.assert_asks_nobody(known)
        deep, before = "a." * 900 + "a/x", self.resolver.packets_out()
        self.assertEqual(get(http, "/api/v1/chain/" + deep)[0], 200)
        sent = self.resolver.packets_out() - before
        self.assertLessEqual(sent, 64)  # with what is sent again when nodes are slow

    def test_chains_that_end_early(self):
        http = http_address(self.resolver)
        for path, code, verdict in (("88.118.8/none", 100, "secure"), ("0.NA/88", 1, "secure")):
            chain = json.loads(get(http, "/api/v1/chain/" + path)[2])
            self.assertEqual((chain["responseCode"], chain["verdict"]), (code, verdict), path)
            self.assertEqual(chain["steps"][0]["prefix"], "0.NA")
        self.assertEqual(get(http, "/api/v1/chain/")[0], 400)
        self.assertEqual(get(http, "/api/v1/chain/%zz")[0], 400)


class OwnChain(NodeCase):
    settings = {"http": '[ "127.0.0.1:0" ]'}

    @classmethod
    def fill(cls, node):
        node.load([{"handle": "88.118.8/a", "values": [text_value(1, "URL", "u")]}])

    def test_a_registry_knows_itself(self):
        chain = json.loads(get(http_address(self.node), "/api/v1/chain/88.118.8/a")[2])
        self.assertEqual((chain["verdict"], chain["record"]), ("unknown", "unknown"))
        self.assertEqual(chain["steps"][0]["prefix"], "88.118.8")
        self.assertEqual(chain["steps"][0]["key"], "p256")
        self.assertEqual(get(http_address(self.node), "/api/v1/chain/99/x")[0], 400)


class SlowQueries(TiersCase):
    settings = {"http": '[ "127.0.0.1:0" ]', "slow_query_ms": 1}

    def test_what_waited_for_a_silent_node(self):
        leaf = self.tiers.leaf
        leaf.signal(signal.SIGSTOP)
        try:
            ask_tcp(self.resolver.address, ask_for("88.118.8/slow"))
        finally:
            leaf.signal(signal.SIGCONT)
        def noted():
            slow = json.loads(self.resolver.ctl("--json", "slow").stdout)
            return [s for s in slow if s["handle"] == "88.118.8/slow"]
        until(lambda: len(noted()), 1)
        mine = noted()
        self.assertEqual((mine[0]["proto"], mine[0]["op"], mine[0]["from"]),
                         ("tcp", "resolution", "walk"))
        self.assertGreaterEqual(mine[0]["us"], 1000)
        self.assertTrue(mine[0]["source"].startswith("127."))
        self.assertIn("88.118.8/slow", self.resolver.ctl("slow").stdout)
        samples = scrape(http_address(self.resolver))
        self.assertGreaterEqual(prometheus.value(samples, "helve_slow_queries_total"), 1)

    def test_helvectl_draws_the_chain(self):
        out = self.resolver.ctl("chain", "88.118.8/x", "--http",
                                http_address(self.resolver)).stdout
        self.assertIn("88.118.8  %s:2641  p256  [verified, by 88.118]" %
                      self.tiers.leaf.host, out)
        self.assertIn("verdict: secure", out)
        whole = json.loads(self.resolver.ctl("--json", "chain", "88.118.8/x", "--http",
                                             http_address(self.resolver)).stdout)
        self.assertEqual(len(whole["steps"]), 4)


class QueryLog(unittest.TestCase):
    def setUp(self):
        self.node = Node("88.118.8", "p256")
        self.addCleanup(self.node.remove)
        self.path = os.path.join(self.node.dir, "query.log")

    def start(self, **keys):
        self.keys = dict(keys, query_log='"%s"' % self.path, workers=1,
                         trusted_net="[ 127.0.0.0/8 ]")
        self.node.configure(**self.keys)
        self.node.spawn()
        self.node.wait_for("listen")
        line = next(l for l in self.node.lines if "listen" in l)
        self.node.address = ("127.0.0.1", int(re.search(r"127\.0\.0\.1:(\d+)", line).group(1)))
        self.node.wait_for("ready")

    def lines(self, path=None):
        """Behind the end of the process: all that it wrote."""
        with open(path or self.path, encoding="utf-8") as f:
            return f.read().splitlines()

    def test_a_line_for_each_question(self):
        self.start()
        ask_udp(self.node.address, ask_for("88.118.8/none"))
        ask_tcp(self.node.address, ask_for('88.118.8/a" rc=1\n\x1b[31m'))
        self.node.stop()
        udp, tcp = self.lines()
        self.assertRegex(udp, r'^\S+Z info query source=127\.0\.0\.1:\d+ proto=udp op=resolution '
                              r'id="88\.118\.8/none" rc=100 us=\d+ from=here$')
        self.assertIn("""id="88.118.8/a' rc=1??[31m" rc=""", tcp)
        self.assertIn(" proto=tcp ", tcp)

    def test_one_in_three_as_json(self):
        self.start(query_log_sample=3, log_format="json")
        for i in range(9):
            ask_udp(self.node.address, ask_for("88.118.8/%d" % i))
        self.node.stop()
        lines = [json.loads(line) for line in self.lines()]
        self.assertEqual([line["id"] for line in lines],
                         ["88.118.8/2", "88.118.8/5", "88.118.8/8"])
        self.assertEqual({line["event"] for line in lines}, {"query"})

    def test_a_reload_opens_the_file_anew(self):
        self.start()
        ask_udp(self.node.address, ask_for("88.118.8/before"))
        # Until it is on the disk, which takes a second at the most.
        for _ in range(10000):
            if os.path.getsize(self.path) > 0:
                break
            self.node.ctl("status")
        os.rename(self.path, self.path + ".1")
        self.node.ctl("reload")
        self.node.wait_for(r" reload serial=")
        ask_udp(self.node.address, ask_for("88.118.8/after"))
        self.node.stop()
        self.assertIn("/before", "".join(self.lines(self.path + ".1")))
        self.assertNotIn("/after", "".join(self.lines(self.path + ".1")))
        self.assertIn("/after", "".join(self.lines()))

    def test_a_file_that_cannot_be(self):
        self.node.configure(query_log='"/nonexistent/query.log"')
        code, said, _ = self.node.refuses_to_start()
        self.assertEqual(code, 1)
        self.assertIn("query-log: /nonexistent/query.log: No such file", said)


class Logs(unittest.TestCase):
    def setUp(self):
        self.node = Node("88.118.8", "p256")
        self.addCleanup(self.node.remove)

    def test_json_lines(self):
        self.node.configure(log_format="json")
        self.node.spawn()
        self.node.wait_for(r'"event":"ready"')
        self.node.signal(signal.SIGUSR1)
        self.node.wait_for(r'"event":"stats"')
        self.node.stop()
        events = [json.loads(line) for line in self.node.lines]
        self.assertIn("listen", [e["event"] for e in events])
        stats = next(e for e in events if e["event"] == "stats")
        self.assertEqual(stats["level"], "info")
        self.assertIsInstance(stats["udp"], int)
        self.assertRegex(stats["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_a_format_that_is_none(self):
        self.node.configure(log_format="xml")
        code, said, _ = self.node.refuses_to_start()
        self.assertEqual(code, 1)
        self.assertIn("log-format", said)


if __name__ == "__main__":
    unittest.main()
