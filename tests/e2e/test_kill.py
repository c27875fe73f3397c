# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment: eight clients change identifiers over the control socket and remember what
was acknowledged; the server is killed after a random number of acknowledgements, started again,
and must hold each of them, and nothing that nobody asked for (threats.md 6). The number of cycles
is HELVE_KILL_CYCLES (CI also runs 300 on a plain build), the seed HELVE_SEED; both are printed."""

import json
import os
import random
import signal
import socket
import threading
import time
import unittest

import hdl
from hdl import array, u32
from node import PATIENCE, Node

CLIENTS, NAMES, ACKS_MAX, SAMPLE = 8, 25, 60, 12
CYCLES = int(os.environ.get("HELVE_KILL_CYCLES", "20"))
SEED = int(os.environ.get("HELVE_SEED", "0")) or random.SystemRandom().randrange(1, 10 ** 9)


class Local(hdl.Tcp):
    """The control socket: the protocol as on TCP, and the kernel tells who asks."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)


class Client(threading.Thread):
    """Changes its own identifiers, one after the other, until the server is gone. Only this thread
    writes to them, so what they hold is known but for the one change that was under way."""

    def __init__(self, number, path, acked, seed, told):
        super().__init__()
        self.number, self.path, self.acked, self.told = number, path, acked, told
        self.random, self.pending, self.refused = random.Random(seed), None, []

    def run(self):
        try:
            with Local(self.path) as c:
                while True:
                    self.change(c)
        except (OSError, hdl.Malformed):
            return  # killed

    def change(self, c):
        name = "88.118.8/K%d.%d" % (self.number, self.random.randrange(NAMES))
        text = None
        if self.acked.get(name) and self.random.random() < 0.2:
            request = hdl.Request(hdl.DELETE, array(name), hdl.USUAL | hdl.KC)
        else:
            text = "%d" % self.random.getrandbits(60)
            value = hdl.Value(1, "URL", text).encode()
            request = hdl.Request(hdl.CREATE, array(name) + u32(1) + value,
                                  hdl.USUAL | hdl.KC | hdl.OWE)
        self.pending = (name, text)
        answer = c.ask(request)
        self.pending = None
        if answer.rc == 1:
            self.acked[name] = text
            self.told.release()
        else:
            self.refused.append((name, answer.rc))


class Kill(unittest.TestCase):
    def setUp(self):
        self.node = Node(key="p256")
        self.addCleanup(self.node.remove)
        self.control = os.path.join(self.node.dir, "helved.sock")
        self.random = random.Random(SEED)
        self.acked = [{} for _ in range(CLIENTS)]  # by client: name to text, None: deleted
        self.total = 0

    def held(self, name):
        """What the server says now: a text, or None for none."""
        answer = hdl.ask_udp(self.node.address, hdl.ask_for(name))
        if answer.rc == 100:
            return None
        self.assertEqual(answer.rc, 1, name)
        return answer.values[0].data.decode()

    def settle(self, clients):
        """What was under way is in or not; from now on it is known. Then a sample of the rest."""
        for client in clients:
            if client.pending:
                name, text = client.pending
                now = self.held(name)
                self.assertIn(now, (text, client.acked.get(name)), name)
                client.acked[name] = now
        names = [(n, t) for acked in self.acked for n, t in acked.items()]
        for name, text in self.random.sample(names, min(SAMPLE, len(names))):
            self.assertEqual(self.held(name), text, name)

    def serve_and_kill(self):
        told = threading.Semaphore(0)
        clients = [Client(i, self.control, self.acked[i], self.random.random(), told)
                   for i in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(self.random.randrange(1, ACKS_MAX)):
            self.assertTrue(told.acquire(timeout=PATIENCE), "nothing is acknowledged: %r" %
                            [c.refused[:3] for c in clients])
            self.total += 1
        self.node.process.send_signal(signal.SIGKILL)
        for client in clients:
            client.join(PATIENCE)
            self.assertEqual(client.refused, [])
        self.node.process.wait(timeout=PATIENCE)
        self.node.reader.join(PATIENCE)
        self.node.process.stderr.close()
        self.node.process = None
        return clients

    def start(self):
        began = time.monotonic()
        self.node.start()
        self.assertFalse([line for line in self.node.lines
                          if " error " in line or " guard " in line])
        return time.monotonic() - began

    def dumped(self):
        records = [json.loads(line) for line in self.node.ctl("dump").stdout.splitlines()]
        return {r["handle"]: r["values"][0]["data"]["value"] for r in records
                if "/K" in r.get("handle", "")}

    def test_nothing_lost_nothing_invented(self):
        clients, slowest = [], 0
        for _ in range(CYCLES):
            slowest = max(slowest, self.start())
            self.settle(clients)
            clients = self.serve_and_kill()
        self.start()
        self.settle(clients)
        self.node.stop()
        self.assertEqual(self.node.ctl("verify").returncode, 0)
        expected = {n: t for acked in self.acked for n, t in acked.items() if t is not None}
        self.assertEqual(self.dumped(), expected)
        print("kill -9: seed %d: %d cycles, %d acknowledgements waited for, %d records: none "
              "lost, none invented; slowest start %.2f s" %
              (SEED, CYCLES, self.total, len(expected), slowest), flush=True)


if __name__ == "__main__":
    unittest.main()
