# SPDX-License-Identifier: Apache-2.0
"""The registry against a model: many clients by UDP, TCP and TLS, with every way of proving who
they are, change and read the same identifiers while datagrams are lost and doubled, connections
break and the server is killed and restarted. What all of them saw of each identifier must have an
order (linear.py). `MODEL_SEED` and `MODEL_OPS` repeat a run or make it longer."""

import collections
import os
import random
import ssl
import threading
import time
import unittest

import auth
import hdl
import linear
from hdl import Value, array
from node import PATIENCE
from staff import NA, PEOPLE, PREFIX, StaffCase

OPS = int(os.environ.get("MODEL_OPS", "100000"))
SEED = int(os.environ.get("MODEL_SEED", str(random.SystemRandom().randrange(1 << 32))))
NAMES, RESTARTS = 160, 6
OWNER = auth.admin(100, "301:" + PEOPLE)


class Tls(hdl.Tcp):
    def __init__(self, *argv, **more):
        super().__init__(*argv, **more)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)


class Gone(Exception):
    """No answer: what was asked may have been done or not."""


class Client(threading.Thread):
    """One client: an operation, its answer, and so on. Subclasses differ in how they ask."""

    share = OPS  # at the most, of the whole

    def __init__(self, world, number):
        super().__init__(daemon=True)
        self.world, self.number = world, number
        self.rng = random.Random("%d/%d" % (SEED, number))
        self.history, self.error, self.channel = [], None, None
        self.trouble = None  # why it is not connected

    def run(self):
        try:
            while len(self.history) < self.share and self.world.more():
                self.connected()
                self.once()
        except Exception as e:  # pylint: disable=broad-except
            self.error = e
            self.world.stop()
        finally:
            self.hang_up()

    def hang_up(self):
        if self.channel:
            self.channel.socket.close()
        self.channel = None

    def connected(self):
        """Connect, log in; as often as the server dies under it."""
        while self.channel is None:
            at = self.world.address()
            try:
                self.connect(at)
                self.trouble = None
            except (OSError, hdl.Malformed, Gone) as e:
                self.trouble = repr(e)
                self.hang_up()

    def once(self):
        kind = self.choose()
        name = "%s/M%d" % (PREFIX, self.rng.randrange(NAMES))
        value = "%d.%d" % (self.number, len(self.history))
        op = linear.Op(kind, None if kind in ("read", "delete") else value, time.monotonic_ns(),
                       type(self).__name__)
        self.history.append((name, op))
        try:
            op.result = self.perform(kind, name, value)
            op.back = time.monotonic_ns()
        except (OSError, hdl.Malformed, Gone):
            self.hang_up()
            if kind == "read":
                self.history.pop()
            return
        if self.rng.random() < 0.002:  # a client that goes away
            self.hang_up()

    def choose(self):
        return self.rng.choice(("read", "read", "read", "create", "overwrite", "modify", "delete"))

    def perform(self, kind, name, value):
        if kind == "read":
            return self.seen(self.ask(hdl.RESOLUTION, hdl.resolution_body(name, [1])))
        values = auth.value_list([Value(1, "V", value)] + ([OWNER] if kind != "modify" else []))
        if kind == "delete":
            m = self.ask(hdl.DELETE, array(name))
        elif kind == "modify":
            m = self.ask(hdl.MODIFY, array(name) + values)
        else:
            m = self.ask(hdl.CREATE, array(name) + values, hdl.OWE if kind == "overwrite" else 0)
        if m.rc == 1:
            return "done"
        if m.rc == {"create": 101}.get(kind, 100):
            return "refused"
        if m.rc in (2, 3, 500):  # it says that it cannot say: busy, stopping, session gone
            raise Gone("%d %s" % (m.rc, m.text))
        raise AssertionError("%s of %s by %s: %d %s" % (kind, name, type(self).__name__, m.rc,
                                                       m.text))

    @staticmethod
    def seen(m):
        if m.rc == 100:
            return "absent"
        if m.rc != 1 or len(m.values) != 1:
            if m.rc in (2, 3, 500):
                raise Gone
            raise AssertionError("read: %d %s" % (m.rc, m.text))
        return m.values[0].data.decode()

    def source(self):
        return "127.%d.%d.1" % (100 + self.number // 200, self.number % 200)

    def secret(self):
        return auth.Secret("301:" + PEOPLE, "one", "sha256")


class TcpSdk(Client):
    """Logged in once for the connection."""

    transport = hdl.Tcp

    def connect(self, at):
        self.channel = self.transport(at, timeout=20, source=self.source())
        self.sdk = auth.Sdk(self.channel)
        m = self.sdk.login(self.secret())
        if m.rc != 1:
            raise Gone("%d %s" % (m.rc, m.text))

    def ask(self, op, body, flags=0):
        return self.sdk.ask(op, body, hdl.USUAL | flags)


class TlsSdk(TcpSdk):
    transport = Tls


class TcpSession(Client):
    """MACs and counters; now and then encrypted would need a process for each message: not here."""

    transport = hdl.Tcp

    def connect(self, at):
        self.channel = self.transport(at, timeout=20, source=self.source())
        self.session = auth.Session.setup(self.channel, self.secret())
        if not isinstance(self.session, auth.Session):
            raise Gone("%d %s" % (self.session.rc, self.session.text))
        m = self.session.ask(hdl.RESOLUTION, hdl.resolution_body(PREFIX + "/PRIVATE"),
                             auth.KEEP & ~hdl.PO)
        if m.rc != 1:
            raise Gone("%d %s" % (m.rc, m.text))

    def ask(self, op, body, flags=0):
        return self.session.ask(op, body, auth.KEEP | flags)


class TlsSession(TcpSession):
    transport = Tls


class UdpSession(TcpSession):
    """The session is set up by TCP. Datagrams are lost, and doubled."""

    def connect(self, at):
        super().connect(at)
        self.channel.socket.close()
        self.channel = hdl.Udp(at, timeout=3, source=self.source())

    def ask(self, op, body, flags=0):
        request = self.session.request(op, body, auth.KEEP | flags)
        luck = self.rng.random()
        self.channel.send(request.octets)
        if luck < 0.01:
            raise Gone  # the answer is lost
        answers = 1 + (luck < 0.05)
        if answers == 2:
            self.channel.send(request.octets)
        got = [self.channel.receive() for _ in range(answers)]
        done = [m for m in got if m.rc != 505]
        if len(done) != 1 or any(m.id != request.id for m in got):
            if done and all(m.octets == done[0].octets for m in done):
                return done[0]  # the same answer once more
            raise AssertionError("a doubled request was done %d times" % len(done))
        return done[0]


class TcpChallenge(Client):
    """A challenge for every change, on a connection that may be another each time."""

    def connect(self, at):
        self.channel = hdl.Tcp(at, timeout=20, source=self.source())

    def ask(self, op, body, flags=0):
        if op == hdl.RESOLUTION:
            return self.channel.ask(hdl.Request(op, body, auth.KEEP))
        request = hdl.Request(op, body, auth.KEEP | flags)
        m = self.channel.ask(request)
        if m.rc != 402:
            return m
        return self.channel.ask(auth.answer(m, self.secret()))


class UdpChallenge(TcpChallenge):
    def connect(self, at):
        self.channel = hdl.Udp(at, timeout=3, source=self.source())


class UdpReader(UdpChallenge):
    share = OPS // 30  # who only reads is quicker than all others

    def choose(self):
        return "read"


class TcpReader(TcpChallenge):
    share = OPS // 30

    def choose(self):
        return "read"


KINDS = [TcpSdk, TlsSdk, TcpSession, TlsSession, UdpSession, TcpChallenge, UdpChallenge, UdpReader,
         TcpReader]


class World:
    """How far the run is, and where the server listens now."""

    def __init__(self, node, ops):
        self.node, self.left, self.lock = node, ops, threading.Condition()
        self.up = True

    def more(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def stop(self):
        with self.lock:
            self.left = 0

    def address(self):
        with self.lock:
            self.lock.wait_for(lambda: self.up)
            return self.node.address

    def progress(self):
        with self.lock:
            return self.left

    def restart(self, kill, settings):
        with self.lock:
            self.up = False
        if kill:
            self.node.process.kill()
            self.node.process.wait()
            self.node.reader.join(60)
            self.node.process.stderr.close()
        else:
            self.node.stop()
        self.node.start(**settings)
        with self.lock:
            self.up = True
            self.lock.notify_all()


class Model(StaffCase):
    settings = {"workers": 2, "undo_days": 0}

    @classmethod
    def prepare(cls, c):
        cls.done(c.add(NA, [auth.admin(101, "301:" + PEOPLE)]))
        cls.done(c.create(PREFIX + "/PRIVATE", [Value(3, "P", "x", perms=0xC), OWNER]))

    def test_what_all_clients_saw_has_an_order(self):
        print("model: MODEL_SEED=%d MODEL_OPS=%d" % (SEED, OPS), flush=True)
        world = World(self.node, OPS)
        clients = [kind(world, i) for i, kind in enumerate(KINDS * 3)]
        for c in clients:
            c.start()
        for i in range(RESTARTS):
            while world.progress() > OPS * (RESTARTS - i) // (RESTARTS + 1):
                clients[0].join(0.02)
            world.restart(i % 2 == 0, self.settings)
        self.wait_for_all(world, clients)
        for c in clients:
            if c.error:
                raise c.error
        self.judge(clients)

    def wait_for_all(self, world, clients):
        """Clients that went away leave their sessions, and an identity's sixteen are free for others a
        minute after their last use (server/session.h): until then it is too busy for one more."""
        while True:
            alive = [c for c in clients if c.is_alive()]
            if not alive:
                return
            before = world.progress(), len(alive)
            alive[0].join(60 + PATIENCE)
            alive = [c for c in clients if c.is_alive()]
            self.assertTrue(not alive or (world.progress(), len(alive)) != before, "hanging: %s" % [
                "%s %s" % (type(c).__name__, c.trouble) for c in alive])

    def judge(self, clients):
        by_name = collections.defaultdict(list)
        results = collections.Counter()
        for c in clients:
            for name, op in c.history:
                by_name[name].append(op)
                results[op.kind, op.result if op.result in ("done", "refused", None) else
                        "value"] += 1
        for kind in ("create", "modify", "delete"):  # each outcome was really tried
            for result in ("done", "refused"):
                self.assertGreater(results[kind, result], OPS // 1000, results)
        print("model: %s" % ", ".join("%s %s %d" % (*k, n) for k, n in
                                      sorted(results.items(), key=str)), flush=True)
        self.final_reads(by_name)
        for name, ops in by_name.items():
            wrong = linear.is_linearizable(ops)
            if wrong:
                ops.sort(key=lambda o: o.call)
                at = ops.index(wrong)
                self.fail("MODEL_SEED=%d: no order explains %s at\n%r\namong\n%s" % (
                    SEED, name, wrong, "\n".join(map(repr, ops[max(0, at - 15):at + 10]))))

    def final_reads(self, by_name):
        """And after one more restart all is as it was."""
        self.node.stop()
        self.node.start(**self.settings)
        with hdl.Tcp(self.at) as c:
            for name, ops in by_name.items():
                op = linear.Op("read", None, time.monotonic_ns(), "at last")
                op.result = Client.seen(c.ask(hdl.ask_for(name, [1], flags=auth.KEEP)))
                op.back = time.monotonic_ns()
                ops.append(op)


class Checker(unittest.TestCase):
    """The judge is judged: histories that have no order are found."""

    @staticmethod
    def history(*rows):
        ops = []
        for kind, value, result, call, back in rows:
            op = linear.Op(kind, value, call, "")
            op.result, op.back = result, back or linear.FOREVER
            ops.append(op)
        return ops

    def test_verdicts(self):
        made, maybe = ("create", "a", "done", 0, 10), ("overwrite", "z", None, 1, None)
        for good, rows in [
                (True, [made, ("read", None, "a", 5, 6)]),
                (False, [made, ("read", None, "a", 5, 6), ("read", None, "absent", 7, 8)]),
                (False, [made, ("read", None, "absent", 11, 12)]),
                (False, [made, ("create", "b", "done", 11, 12)]),
                (False, [("modify", "a", "done", 0, 1)]),
                (True, [made, maybe, ("read", None, "z", 50, 60), ("read", None, "z", 61, 62)]),
                (True, [made, maybe, ("read", None, "a", 50, 60), ("read", None, "z", 61, 62)]),
                (False, [made, maybe, ("read", None, "z", 50, 60), ("read", None, "a", 61, 62)]),
                (False, [made, ("delete", None, "done", 12, 20), ("read", None, "absent", 13, 14),
                         ("read", None, "a", 15, 16)])]:
            with self.subTest(rows):
                wrong = linear.is_linearizable(self.history(*rows))
                self.assertEqual(wrong is None, good, wrong)


if __name__ == "__main__":
    unittest.main()
