# SPDX-License-Identifier: Apache-2.0
"""A strict reader of Prometheus' text format (exposition format 0.0.4): what promtool and the server
would refuse is refused here. promtool is asked too where it is installed."""

import re
import shutil
import subprocess

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*='
                    r'"(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)\Z')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
TYPES = ("counter", "gauge", "histogram", "summary", "untyped")


def parse(text):
    """{(name, ((label, value), ...)): number}; ValueError with the line when it is not right."""
    samples, family, kind, seen = {}, None, None, set()
    helps = set()
    if not text.endswith("\n"):
        raise ValueError("the last line does not end")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            if not NAME.match(name) or name in helps or len(line.split(" ", 3)) < 4:
                raise ValueError("HELP: " + line)
            helps.add(name)
            family = name
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name != family or name in seen or kind not in TYPES:
                raise ValueError("TYPE: " + line)
            seen.add(name)
            if kind == "counter" and not name.endswith("_total"):
                raise ValueError("a counter's name ends in _total: " + line)
            continue
        found = SAMPLE.match(line)
        if not found:
            raise ValueError("sample: " + line)
        name, labels, value = found.groups()
        base = name
        if kind == "histogram":
            base = re.sub(r"_(bucket|sum|count)\Z", "", name)
        if base != family or family not in seen:
            raise ValueError("outside its family: " + line)
        key = (name, tuple(LABEL.findall(labels or "")))
        if key in samples:
            raise ValueError("twice: " + line)
        samples[key] = float(value)
        if samples[key] < 0 and kind == "counter":
            raise ValueError("negative: " + line)
    check_histograms(samples)
    return samples


def check_histograms(samples):
    """Buckets grow, and the last is the count."""
    last = {}
    for (name, labels), value in samples.items():
        if not name.endswith("_bucket"):
            continue
        others = tuple(l for l in labels if l[0] != "le")
        series = (name[:-len("_bucket")], others)
        le = float(dict(labels)["le"])
        before = last.get(series, (float("-inf"), 0))
        if le <= before[0] or value < before[1]:
            raise ValueError("buckets of %s%s do not grow" % series)
        last[series] = (le, value)
    for (name, others), (le, value) in last.items():
        if le != float("inf") or samples[(name + "_count", others)] != value or \
                (name + "_sum", others) not in samples:
            raise ValueError("%s%s has no end" % (name, others))


def value(samples, name, **labels):
    """The sum of the samples that have these labels."""
    wanted = set(labels.items())
    return sum(v for (n, l), v in samples.items() if n == name and wanted <= set(l))


def promtool(*argv, stdin=None):
    """What it complains about, or None without it."""
    if not shutil.which("promtool"):
        return None
    done = subprocess.run(["promtool", *argv], input=stdin, capture_output=True, text=True,
                          timeout=60)
    return done.stdout + done.stderr if done.returncode else ""
