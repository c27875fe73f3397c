# SPDX-License-Identifier: Apache-2.0
"""The REST interface beside Debian's nginx, which sends a file of as many octets: one worker each, on one
core, over connections that stay; HTTP and HTTPS. Both in turns, medians; and the CPU time of each request,
which does not swing with what else the machine does."""

import os
import statistics
import subprocess
import time

from common import SERVER_CORE, CLIENT_CORE, Awake, Load, Process, free_port, run, say, table

NAMES, SOCKETS = 1000, 32

NGINX = """worker_processes 1;
daemon off;
master_process off;
pid %(dir)s/pid;
error_log %(dir)s/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000;
    open_file_cache max=100;
    types { application/json json; }
    server {
        listen 127.0.0.1:%(http)d;
        listen 127.0.0.1:%(https)d ssl;
        ssl_certificate %(dir)s/cert.pem;
        ssl_certificate_key %(dir)s/key.pem;
        root %(dir)s/www;
        location / { rewrite ^ /answer.json break; }
    }
}
"""

RECORD = ('{"handle":"88.118.8/JX%06d","values":[{"index":1,"type":"URL","data":"https://items.example.cn/%06d"},'
          '{"index":2,"type":"brand","data":"gear wheel"},{"index":3,"type":"lot","data":"A-2026-11"}]}\n')


class Nginx:
    """As Process, for a server that does not say when it is ready."""

    def __init__(self, work, octets):
        folder = os.path.join(work, "nginx")
        os.makedirs(os.path.join(folder, "www"), exist_ok=True)
        with open(os.path.join(folder, "www", "answer.json"), "w", encoding="ascii") as f:
            f.write('{"x":"%s"}' % ("x" * (octets - 8)))
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            os.path.join(folder, "key.pem"), "-out", os.path.join(folder, "cert.pem"), "-days", "9", "-subj", "/CN=h")
        self.http, self.https = free_port(), free_port()
        conf = os.path.join(folder, "nginx.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(NGINX % {"dir": folder, "http": self.http, "https": self.https})
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CORE, "nginx", "-p", folder, "-c", conf],
                                        stderr=subprocess.DEVNULL)
        while subprocess.run(["curl", "-sf", "-o", "/dev/null", "http://127.0.0.1:%d/" % self.http],
                             check=False).returncode != 0:
            time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    cpu_s = Process.cpu_s


def helved(build, work):
    node, names = os.path.join(work, "web-node"), os.path.join(work, "web-names")
    with open(names, "w", encoding="ascii") as n, open(names + ".jsonl", "w", encoding="ascii") as r:
        for i in range(NAMES):
            n.write("88.118.8/JX%06d\n" % i)
            r.write(RECORD % (i, i))
    run(build.helvectl, "-d", node, "init", "--prefix", "88.118.8", "--key", "p256", "--listen",
        "127.0.0.1:%d" % free_port())
    run(build.helvectl, "-d", node, "load", names + ".jsonl")
    conf, port = os.path.join(node, "bench.yaml"), free_port()
    with open(conf, "w", encoding="ascii") as f:
        f.write('data-dir: "%s/data"\nlisten: [ "127.0.0.1:%d" ]\nhttp: [ "127.0.0.1:%d" ]\nworkers: 1\n'
                % (node, free_port(), port))
    return Process("taskset", "-c", SERVER_CORE, build.helved, "-c", conf), port, names


def answer_octets(port):
    done = run("curl", "-s", "http://127.0.0.1:%d/api/handles/88.118.8/JX000000" % port)
    return len(done.stdout)


def measure(load, server, port, seconds, *argv):
    """Answers a second, and microseconds of CPU for each."""
    began = server.cpu_s()
    figures = load(port, "--http", "--sockets", SOCKETS, "--seconds", seconds, *argv, core=CLIENT_CORE)
    return figures["qps"], (server.cpu_s() - began) * 1e6 / figures["ok"], figures["p50_us"], figures["p99_us"]


def text(build, work, seconds, rounds):
    ours, port, names = helved(build, work)
    load, rows = Load(build, names), []
    with ours, Nginx(work, answer_octets(port)) as nginx, Awake():
        for name, argv, at in (("HTTP", (), nginx.http), ("HTTPS", ("--tls",), nginx.https)):
            runs = {"helved": [], "nginx": []}
            for i in range(rounds):
                say("%s, round %d of %d" % (name, i + 1, rounds))
                runs["helved"].append(measure(load, ours, port, seconds, *argv))
                runs["nginx"].append(measure(load, nginx, at, seconds, *argv))
            middle = {who: [statistics.median(column) for column in zip(*r)] for who, r in runs.items()}
            for who in ("helved", "nginx"):
                qps, cpu, p50, p99 = middle[who]
                share = "" if who == "nginx" else "%.2f, by CPU %.2f" % (qps / middle["nginx"][0],
                                                                       middle["nginx"][1] / cpu)
                rows.append([name, who, "%.0f" % qps, "%.1f" % cpu, "%.0f" % p50, "%.0f" % p99, share])
    return table(["", "server", "answers/s", "CPU us each", "p50 us", "p99 us", "share of nginx"], rows)
