# SPDX-License-Identifier: Apache-2.0
"""The resolver: cached answers beside the bare echo and Unbound, walks of names that nobody has
asked for, memory, start with a kept cache, and what is left when no server answers any more."""

import os
import re
import shutil
import signal
import statistics
import time

from common import (CLIENT_CORE, SERVER_CORE, Load, Process, answer_size, free_port, others_s,
                    run, say, table)
import tiers
import unbound

TARGETS = ("resolver/helver", "tests/bench/dnsload")
STALE_TTL_S = 1


class Helver:
    """A resolver under the four tiers; its cache is kept in its directory."""

    def __init__(self, build, tree, folder, names):
        self.build, self.tree, self.names, self.dir = build, tree, names, folder
        self.port, self.conf = free_port(), os.path.join(folder, "helver.yaml")
        self.control = os.path.join(folder, "helver.sock")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(os.path.join(folder, "data"))
        self.configure()

    def configure(self, *lines):
        with open(self.conf, "w", encoding="ascii") as f:
            f.write('data-dir: "%s/data"\nlisten: [ "127.0.0.1:%d" ]\nworkers: 1\n'
                    'log-level: error\ncache-size: 4GiB\nroot: "%s"\nanchors: "%s"\n%s' % (
                        self.dir, self.port, self.tree.root_site, self.tree.anchors(self.dir),
                        "".join(line + "\n" for line in lines)))

    def start(self, *before):
        return Process(*(before or ("taskset", "-c", SERVER_CORE)), self.build.helver, "-c",
                       self.conf)

    def stats(self):
        """All counters, by name."""
        said = run(self.build.helvectl, "-s", self.control, "cache", "stats").stdout
        return {k: int(v) for k, v in re.findall(r"([\w-]+)[=:\s]+(\d+)", said)}


def warm(helver, load, n):
    """Every name twice; those that are lost on the way (a full socket) are asked again."""
    began = time.monotonic()
    for _ in range(2):
        done = load(helver.port, "--count", n, "--seconds", 120, "--timeout", 8000, "--window",
                    128)
    if done["ok"] < n:
        raise RuntimeError("the cache is not warm: %s" % done)
    return time.monotonic() - began


# --- single measurements ---

def in_turn(helver, peer, echo_port, load, seconds, rounds):
    """Echo, helver and Unbound, one after the other, so many times."""
    rates = {"echo": [], "helver": [], "unbound": []}
    for i in range(rounds):
        rates["echo"].append(load(echo_port, "--seconds", seconds)["qps"])
        rates["helver"].append(load(helver.port, "--seconds", seconds)["qps"])
        if peer:
            rates["unbound"].append(peer.load("--seconds", seconds)["qps"])
        say("round %d: %s" % (i + 1, ", ".join("%s %.0f/s" % (k, v[-1])
                                               for k, v in rates.items() if v)))
    return rates


def against(rates, one, other):
    """Share of medians, and the lowest and highest of the pairs."""
    pairs = [a / b for a, b in zip(rates[one], rates[other])]
    return (statistics.median(rates[one]) / statistics.median(rates[other]), min(pairs),
            max(pairs))


def instructions(helver, load, n):
    """User instructions for each cached answer: a long run less a short one, both with the cache
    that was kept, so that nothing is walked."""
    totals = {}
    for count in (1000, 21000):
        out = helver.conf + ".callgrind"
        with helver.start("valgrind", "--tool=callgrind", "--callgrind-out-file=" + out):
            load(helver.port, "--count", count, "--seconds", 300, "--timeout", 60000, "--window",
                 32, "--sockets", 1, "--first", min(n, 1000))
        with open(out, encoding="ascii", errors="replace") as f:
            totals[count] = int(re.search(r"^(?:totals|summary): (\d+)", f.read(),
                                          re.M).group(1))
        os.unlink(out)
    return (totals[21000] - totals[1000]) / 20000


def cold(build, tree, work, load, n, seconds):
    """Walks of names that were never asked for: a new helver, the four nodes on the other core."""
    helver = Helver(build, tree, os.path.join(work, "cold"), tree.names)
    with helver.start():
        first = load(helver.port, "--count", 1, "--seconds", 5, "--timeout", 5000, "--seed", 2)
        at_first = helver.stats()
        done = load(helver.port, "--count", n, "--seconds", seconds, "--timeout", 6000,
                    "--window", 64)
        stats = helver.stats()
    walks = stats["walks"] - at_first["walks"]
    return {"first_us": first["max_us"], "first_packets": at_first["packets_out"],
            "qps": done["ok"] / done["seconds"], "p50_us": done["p50_us"],
            "p99_us": done["p99_us"], "lost": done["lost"],
            "packets": (stats["packets_out"] - at_first["packets_out"]) / max(1, walks)}


def stale(build, tree, work, load, n):
    """Every name is cached, a second later none is fresh, and all servers are silent."""
    helver = Helver(build, tree, os.path.join(work, "stale"), tree.names)
    helver.configure("ttl-max: %d" % STALE_TTL_S)
    with helver.start():
        load(helver.port, "--count", n, "--seconds", 60, "--timeout", 8000, "--window", 64)
        time.sleep(STALE_TTL_S + 0.5)
        tree.signal(signal.SIGSTOP)
        try:
            first = load(helver.port, "--count", 1, "--seconds", 9, "--timeout", 8000)
            again = load(helver.port, "--first", 1, "--rate", 1000, "--seconds", 1, "--timeout",
                         8000)
            rest = load(helver.port, "--first", n, "--count", n, "--rate", 1000, "--seconds",
                        n / 1000 + 1, "--timeout", 8000)
        finally:
            tree.signal(signal.SIGCONT)
    return {"first_ms": first["max_us"] / 1000, "again_p99_ms": again["p99_us"] / 1000,
            "rest": rest["ok"] / max(1, rest["sent"]), "rest_p50_ms": rest["p50_us"] / 1000,
            "rest_p99_ms": rest["p99_us"] / 1000}


def cached(build, tree, work, load, args):
    """All that is measured with one warm resolver."""
    n, f = args.resolver_names, {"n": args.resolver_names}
    helver = Helver(build, tree, os.path.join(work, "helver"), tree.names)
    peer, echo_port = None, free_port()
    with helver.start() as process:
        empty = process.own_memory()
        f["size_node"] = tree.answer_size()
        f["warm_s"] = warm(helver, load, n)
        f["size"] = answer_size(helver.port, tree.first)
        f["stats"] = helver.stats()
        f["octets_each"] = (process.own_memory() - empty) / n
        if unbound.install():
            say("filling Unbound")
            peer = unbound.Unbound(build, work, n, f["size"], SERVER_CORE, CLIENT_CORE)
        try:
            with Process("taskset", "-c", SERVER_CORE, build.echo, "127.0.0.1:%d" % echo_port,
                         str(f["size"])) as echo:
                servers = [process, echo] + ([peer.server] if peer else [])
                load(helver.port, "--seconds", 1)
                begin, at = others_s(*servers), time.monotonic()
                f["rates"] = in_turn(helver, peer, echo_port, load, args.seconds, args.rounds)
                f["others"] = (others_s(*servers) - begin) / (time.monotonic() - at)
                half = statistics.median(f["rates"]["helver"]) / 2
                f["half"] = half
                f["latency"] = {
                    "echo": load(echo_port, "--rate", half, "--seconds", args.seconds),
                    "helver": load(helver.port, "--rate", half, "--seconds", args.seconds)}
                if peer:
                    f["unbound"] = {
                        "octets_each": (peer.full - peer.empty) / n, "version": peer.version(),
                        "latency": peer.load("--rate", statistics.median(
                            f["rates"]["unbound"]) / 2, "--seconds", args.seconds)}
        finally:
            if peer:
                peer.stop()
        f["tcp"] = statistics.median(
            load(helver.port, "--tcp", "--sockets", 4, "--window", 256, "--seconds",
                 args.seconds)["qps"] for _ in range(3))
        f["hot"] = statistics.median(load(helver.port, "--first", 64, "--seconds",
                                          args.seconds)["qps"] for _ in range(3))
        checked = load(helver.port, "--check", "--seconds", 0.5)
        if checked["ok"] != checked["sent"]:
            raise RuntimeError("answers are wrong: %s" % checked)
    with helver.start() as process:
        f["start_s"] = process.ready_s
        load(helver.port, "--count", n, "--seconds", 60)
        f["start_hits"] = helver.stats()["hits"] / n
    if shutil.which("valgrind") and not args.no_callgrind:
        say("counting instructions")
        f["instructions"] = instructions(helver, load, n)
    return f


def figures(build, work, args):
    with tiers.Tiers(build, work, args.resolver_names, CLIENT_CORE) as tree:
        load = Load(build, tree.names)
        f = cached(build, tree, work, load, args)
        say("walking")
        f["cold"] = cold(build, tree, work, load, args.resolver_names, args.seconds * 3)
        say("with silent servers")
        f["stale"] = stale(build, tree, work, load, min(args.resolver_names, 2000))
    return f


# --- the document ---

def us(f):
    return "%.0f / %.0f us" % (f["p50_us"], f["p99_us"])


def mib(octets):
    return "%.0f MiB" % (octets / 2**20)


def share(rates, one, other):
    return "**%.2f** [%.2f-%.2f]" % against(rates, one, other)


def peer_rows(f):
    if "unbound" not in f:
        return [["Unbound", "not on this machine"]]
    rates, peer = f["rates"], f["unbound"]
    return [
        ["Unbound %s, the same number of names and octets" % peer["version"].split()[-1],
         "%.0f /s, %.2f of E" % (statistics.median(rates["unbound"]),
                                 against(rates, "unbound", "echo")[0])],
        ["**helver over Unbound** (medians; lowest and highest pair)",
         share(rates, "helver", "unbound")],
        ["Unbound's p50 / p99 at half of its own rate", us(peer["latency"])],
        ["memory of a million entries in Unbound", mib(peer["octets_each"] * 1e6)],
    ]


def text(f):
    rates, c, s = f["rates"], f["cold"], f["stale"]
    rows = [
        ["octets of an answer; entries in the cache", "%d; %s" % (f["size"], format(f["n"], ","))],
        ["E: bare echo, questions/s", "%.0f" % statistics.median(rates["echo"])],
        ["helver, cached answers by UDP", "%.0f /s" % statistics.median(rates["helver"])],
        ["**share of E** (medians; lowest and highest pair)", share(rates, "helver", "echo")],
        *peer_rows(f),
        ["cores taken by others meanwhile", "%.2f" % max(0, f["others"])],
        ["p50 / p99 at half that rate (%.0f/s), open loop" % f["half"], us(f["latency"]["helver"])],
        ["the same of the bare echo", us(f["latency"]["echo"])],
        ["64 hot identifiers, UDP", "%.0f /s" % f["hot"]],
        ["TCP, 4 connections, 64 questions under way on each", "%.0f /s" % f["tcp"]],
        ["memory of a million entries (growth of the process)",
         mib(f["octets_each"] * 1e6)],
        ["start with the kept cache: ready; found in it", "%.2f s; %.1f %%" % (
            f["start_s"], 100 * f["start_hits"])],
        ["first walk through four tiers", "%.1f ms, %d packets" % (c["first_us"] / 1000,
                                                                  c["first_packets"])],
        ["walks of names never asked for, zones known",
         "%.0f /s, p50 / p99 %s, %.2f packets each" % (c["qps"], us(c), c["packets"])],
        ["all servers silent: first answer; the same again, p99", "%.0f ms; %.2f ms" % (
            s["first_ms"], s["again_p99_ms"])],
        ["the other names then: answered; p50 / p99", "%.1f %%; %.1f / %.1f ms" % (
            100 * s["rest"], s["rest_p50_ms"], s["rest_p99_ms"])],
    ]
    if "instructions" in f:
        rows.insert(8, ["user instructions a cached answer, batches of 32",
                        "%.0f" % f["instructions"]])
    return table(["resolver, one core", "figure"], rows)
