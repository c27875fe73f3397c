# SPDX-License-Identifier: Apache-2.0
"""The resolver: cached answers beside the bare echo and Unbound, walks of names that nobody has
asked for, memory, start with a kept cache, and what is left when no server answers any more."""

import json
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
STALE_TTL_S, STALE_RATE = 1, 400  # no more than one client may have open
COUNTED = 2000


class Helver:
    """A resolver over the four tiers; its cache is kept in its directory."""

    def __init__(self, build, tree, folder, n, *lines):
        self.build, self.dir, self.port = build, folder, free_port()
        shutil.rmtree(folder, ignore_errors=True)
        run(build.helvectl, "-d", folder, "init", "--resolver", "--root", tree.root_site,
            "--listen", "127.0.0.1:%d" % self.port)
        # Room for all of them, and not much more: the table is as large as the room.
        with open(os.path.join(folder, "helver.yaml"), "a", encoding="ascii") as f:
            f.write("workers: 1\nlog-level: error\ncache-size: %dMiB\n%s" % (
                32 + n // 1000, "".join(line + "\n" for line in lines)))

    def start(self, *before):
        return Process(*(before or ("taskset", "-c", SERVER_CORE)), self.build.helver, "-c",
                       os.path.join(self.dir, "helver.yaml"))

    def stats(self):
        """Counters of cache and engine, by name."""
        said = json.loads(run(self.build.helvectl, "-d", self.dir, "status", "--json").stdout)
        return {**said["cache"], **said["resolver"]}


def warm(helver, load, n):
    """Every name twice; returns how the walks went."""
    asked = ("--first", n, "--count", n, "--seconds", 180, "--timeout", 8000, "--window", 64)
    walked, kept = load(helver.port, *asked), load(helver.port, *asked)
    if kept["ok"] < n:
        raise RuntimeError("the cache is not warm: %s" % kept)
    return walked


# --- single measurements ---

def in_turn(ask, servers, seconds, rounds):
    """Echo, helver and Unbound, one after the other, so many times: answers a second, and CPU
    seconds that an answer costs its server."""
    rates, costs = {name: [] for name in ask}, {name: [] for name in ask}
    for i in range(rounds):
        for name, load in ask.items():
            before = servers[name].cpu_s()
            done = load("--seconds", seconds)
            rates[name].append(done["qps"])
            costs[name].append((servers[name].cpu_s() - before) / done["ok"])
        say("round %d: %s" % (i + 1, ", ".join("%s %.0f/s" % (k, v[-1])
                                               for k, v in rates.items())))
    return rates, {name: statistics.median(cost) for name, cost in costs.items()}


def against(rates, one, other):
    """Share of medians, and the lowest and highest of the pairs."""
    pairs = [a / b for a, b in zip(rates[one], rates[other])]
    return (statistics.median(rates[one]) / statistics.median(rates[other]), min(pairs),
            max(pairs))


def instructions(build, tree, work, load):
    """User instructions for each cached answer: a long run less a short one, both with the cache
    that was kept of another, so that nothing is walked."""
    helver, totals = Helver(build, tree, os.path.join(work, "counted"), COUNTED), {}
    with helver.start():
        warm(helver, load, COUNTED)
    for count in (COUNTED, 10 * COUNTED):
        out = os.path.join(helver.dir, "callgrind")
        with helver.start("valgrind", "--tool=callgrind", "--callgrind-out-file=" + out):
            load(helver.port, "--count", count, "--seconds", 300, "--timeout", 60000, "--window",
                 32, "--sockets", 1, "--first", COUNTED)
            if helver.stats()["misses"]:
                raise RuntimeError("not all was kept")
        with open(out, encoding="ascii", errors="replace") as f:
            totals[count] = int(re.search(r"^(?:totals|summary): (\d+)", f.read(),
                                          re.M).group(1))
    return (totals[10 * COUNTED] - totals[COUNTED]) / (9 * COUNTED)


def cold(build, tree, work, load, n, seconds):
    """Walks of names that were never asked for: a new helver, the four nodes on the other core."""
    helver = Helver(build, tree, os.path.join(work, "cold"), n)
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
    helver = Helver(build, tree, os.path.join(work, "stale"), n, "ttl-max: %d" % STALE_TTL_S)
    with helver.start():
        load(helver.port, "--first", n, "--count", n, "--seconds", 60, "--timeout", 8000,
             "--window", 64)
        time.sleep(STALE_TTL_S + 0.5)
        tree.signal(signal.SIGSTOP)
        try:
            first = load(helver.port, "--count", 1, "--seconds", 9, "--timeout", 8000)
            again = load(helver.port, "--first", 1, "--rate", 1000, "--seconds", 1, "--timeout",
                         8000)
            rest = load(helver.port, "--first", n, "--count", n, "--rate", STALE_RATE, "--seconds",
                        n / STALE_RATE + 1, "--timeout", 8000)
        finally:
            tree.signal(signal.SIGCONT)
    return {"first_ms": first["max_us"] / 1000, "again_p99_ms": again["p99_us"] / 1000,
            "rest": rest["ok"] / max(1, rest["sent"]), "rest_p50_ms": rest["p50_us"] / 1000,
            "rest_p99_ms": rest["p99_us"] / 1000}


def beside(process, helver, peer, build, load, size, args):
    """A warm resolver, the echo and Unbound: rates in turn, then latency at half of them."""
    port = free_port()
    with Process("taskset", "-c", SERVER_CORE, build.echo, "127.0.0.1:%d" % port,
                 str(size)) as echo:
        servers = {"echo": echo, "helver": process}
        ask = {"echo": lambda *argv: load(port, *argv),
               "helver": lambda *argv: load(helver.port, *argv)}
        if peer:
            servers["unbound"], ask["unbound"] = peer.server, peer.load
        ask["helver"]("--seconds", 1)
        begin, at = others_s(*servers.values()), time.monotonic()
        rates, costs = in_turn(ask, servers, args.seconds, args.rounds)
        others = (others_s(*servers.values()) - begin) / (time.monotonic() - at)
        half = {name: statistics.median(rate) / 2 for name, rate in rates.items()}
        half["echo"] = half["helver"]
        latency = {name: one("--rate", half[name], "--seconds", args.seconds)
                   for name, one in ask.items()}
    return {"rates": rates, "costs": costs, "others": others, "half": half["helver"],
            "latency": latency}


def fill_unbound(build, work, n, size):
    """None where there is no Unbound: its rows are left out."""
    if not unbound.install():
        return None
    say("filling Unbound")
    return unbound.Unbound(build, work, n, size, SERVER_CORE, CLIENT_CORE)


def cached(build, tree, work, load, args):
    """All that is measured with one warm resolver."""
    n = args.resolver_names
    helver = Helver(build, tree, os.path.join(work, "helver"), n)
    with helver.start() as process:
        empty = process.own_memory()
        say("filling helver")
        warm(helver, load, n)
        each, size = (process.own_memory() - empty) / n, answer_size(helver.port, tree.first)
        peer = fill_unbound(build, work, n, size)
        try:
            f = beside(process, helver, peer, build, load, size, args)
        finally:
            if peer:
                peer.stop()
        f.update({"n": n, "size": size, "octets_each": each})
        if peer:
            f["unbound"] = {"octets_each": (peer.full - peer.empty) / n,
                            "version": peer.version()}
        for kind, argv in (("tcp", ("--tcp", "--sockets", 4, "--window", 256)),
                           ("hot", ("--first", 64))):
            f[kind] = statistics.median(load(helver.port, *argv, "--seconds", args.seconds)["qps"]
                                        for _ in range(3))
        checked = load(helver.port, "--check", "--seconds", 0.5)
        if checked["ok"] != checked["sent"]:
            raise RuntimeError("answers are wrong: %s" % checked)
    with helver.start() as process:
        f["start_s"] = process.ready_s
        load(helver.port, "--count", n, "--seconds", 60)
        f["start_hits"] = helver.stats()["hits"] / n
    if shutil.which("valgrind") and not args.no_callgrind:
        say("counting instructions")
        f["instructions"] = instructions(build, tree, work, load)
    return f


def figures(build, work, args):
    with tiers.Tiers(build, work, args.resolver_names, CLIENT_CORE) as tree:
        load = Load(build, tree.names)
        f = cached(build, tree, work, load, args)
        say("walking")
        f["cold"] = cold(build, tree, work, load, args.resolver_names, args.seconds * 3)
        say("with silent servers")
        f["stale"] = stale(build, tree, work, load, min(args.resolver_names, COUNTED))
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
        ["CPU time of an answer there; helver's share of it", "%.2f us; %.2f" % (
            1e6 * f["costs"]["unbound"], f["costs"]["helver"] / f["costs"]["unbound"])],
        ["Unbound's p50 / p99 at half of its own rate", us(f["latency"]["unbound"])],
        ["memory of a million entries in Unbound", mib(peer["octets_each"] * 1e6)],
    ]


def text(f):
    rates, c, s = f["rates"], f["cold"], f["stale"]
    rows = [
        ["octets of an answer; entries in the cache", "%d; %s" % (f["size"], format(f["n"], ","))],
        ["E: bare echo, questions/s", "%.0f" % statistics.median(rates["echo"])],
        ["helver, cached answers by UDP", "%.0f /s" % statistics.median(rates["helver"])],
        ["**share of E** (medians; lowest and highest pair)", share(rates, "helver", "echo")],
        ["CPU time of an answer: echo; helver; E's share of it", "%.2f us; %.2f us; %.2f" % (
            1e6 * f["costs"]["echo"], 1e6 * f["costs"]["helver"],
            f["costs"]["echo"] / f["costs"]["helver"])],
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
        rows.insert(5, ["user instructions a cached answer, batches of 32",
                        "%.0f" % f["instructions"]])
    return table(["resolver, one core", "figure"], rows)
