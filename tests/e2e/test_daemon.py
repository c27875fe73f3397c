# SPDX-License-Identifier: Apache-2.0
"""helved as a program: starting, refusing to start with one line that says why, reloading under
load, stopping (contract.md; threats.md 5 and 6)."""

import os
import re
import shutil
import signal
import socket
import struct
import tempfile
import threading
import unittest

import hdl
from hdl import ask_for, ask_tcp, ask_udp
from node import DATA, HELVED, PATIENCE, Node, run, text_value


def question():
    return ask_for("88.118.8/JX1")


def filled_node():
    node = Node(key="p256")
    node.load([{"handle": "88.118.8/JX1", "values": [text_value(1, "URL", "https://e.cn/")]}])
    return node


def crc32c(octets):
    crc = 0xFFFFFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Case(unittest.TestCase):
    def setUp(self):
        self.node = filled_node()
        self.addCleanup(self.node.remove)

    def file(self, *path):
        return os.path.join(self.node.dir, *path)

    def write(self, path, octets, mode=0o600):
        if os.path.lexists(path):
            os.remove(path)
        with open(path, "wb") as f:
            f.write(octets)
        os.chmod(path, mode)

    def refused(self, *patterns):
        """It ends with 1 and one line in which all of these are found."""
        code, said, out = self.node.refuses_to_start()
        self.assertEqual(code, 1, said)
        self.assertEqual(said.count("\n"), 1, "not one line:\n" + said)
        self.assertTrue(said.startswith("helved: "), said)
        self.assertEqual(out, "")
        for pattern in patterns:
            self.assertRegex(said, pattern)


class Arguments(unittest.TestCase):
    def test_wrong_usage(self):
        for argv in ((), ("-C",), ("-x",), ("-c",), ("-c", "a", "b")):
            with self.subTest(argv):
                done = run(HELVED, *argv, check=False)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn("wrong usage: helved -c FILE", done.stderr)

    def test_version_and_help(self):
        self.assertRegex(run(HELVED, "-V").stdout, r"^helved \d+\.\d+")
        self.assertIn("usage: helved -c FILE", run(HELVED, "-h").stdout)

    def test_sample_is_a_good_configuration(self):
        sample = run(HELVED, "-s").stdout
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(sample)
            f.flush()
            self.assertEqual(run(HELVED, "-C", "-c", f.name).returncode, 0)
            # And each option of it, with its own default.
            f.seek(0)
            f.truncate()
            f.write(re.sub(r"(?m)^#(?=[a-z-]+: )", "", sample))
            f.flush()
            self.assertEqual(run(HELVED, "-C", "-c", f.name).returncode, 0)


class Running(Case):
    def test_ready_under_systemd(self):
        path = self.file("notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            s.settimeout(PATIENCE)
            self.node.start(env={"NOTIFY_SOCKET": path})
            self.assertEqual(s.recv(100), b"READY=1")
            self.assertEqual(ask_udp(self.node.address, question()).rc, 1)
            self.node.stop()
            self.assertEqual(s.recv(100), b"STOPPING=1")

    def test_ready_is_one_line(self):
        self.node.start()
        self.node.stop()
        self.assertEqual(self.node.lines.count("ready"), 1)

    def test_taken_ports_of_other_front_ends(self):
        """Whichever option it is: one line says where, and which option to change."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            for key in ("http", "dns"):
                self.node.configure(dns_zones='[ "id.example. identifiers 88.118.8" ]',
                                    **{key: '[ "127.0.0.1:%d" ]' % taken.getsockname()[1]})
                code, said, _ = self.node.refuses_to_start()
                with self.subTest(key):
                    self.assertEqual(code, 1)
                    self.assertEqual(len(said.strip().split("\n")), 1, said)
                    self.assertIn("127.0.0.1:%d" % taken.getsockname()[1], said)
                    self.assertIn("'%s'" % key, said)

    def test_stops_with_connections_open(self):
        self.node.start()
        with hdl.Tcp(self.node.address) as idle, hdl.Tcp(self.node.address) as half:
            half.send(question().octets[:30])
            self.assertEqual(idle.ask(ask_for("88.118.8/JX1", flags=hdl.USUAL | hdl.KC)).rc, 1)
            self.node.stop()

    def test_stops_by_interrupt(self):
        self.node.start()
        self.node.signal(signal.SIGINT)
        self.assertEqual(self.node.process.wait(PATIENCE), 0)

    def test_starts_after_a_kill(self):
        self.node.start()
        self.node.process.kill()
        self.node.process.wait()
        self.node.reader.join()
        self.node.process.stderr.close()
        self.node.start()
        self.assertEqual(ask_udp(self.node.address, question()).rc, 1)

    def test_statistics(self):
        self.node.start(workers=1)
        for _ in range(3):
            ask_udp(self.node.address, question())
        self.node.signal(signal.SIGUSR1)
        self.assertRegex(self.node.wait_for(" stats "), r"worker=0 udp=3 .* tcp=0 ")

    def test_two_addresses(self):
        listen = '[ "127.0.0.1:0", "127.0.0.2:0" ]'
        self.node.start(listen=listen)
        lines = [l for l in self.node.lines if "listen address=" in l]
        self.assertEqual(len(lines), 2)
        for line in lines:
            host, port = re.search(r"address=([\d.]+):(\d+)", line).groups()
            self.assertEqual(ask_udp((host, int(port)), question()).rc, 1)
            self.assertEqual(ask_tcp((host, int(port)), question()).rc, 1)

    def test_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6) as s:
                s.bind(("::1", 0))
        except OSError:
            self.skipTest("no IPv6 on this machine")
        self.node.start(listen='[ "127.0.0.1:0", "[::1]:0" ]')
        line = [l for l in self.node.lines if "listen address=[::1]" in l][0]
        at = ("::1", int(re.search(r"\]:(\d+)", line).group(1)))
        self.assertEqual(ask_udp(at, question()).rc, 1)
        self.assertEqual(ask_tcp(at, question()).rc, 1)

    @unittest.skipIf(os.getuid() != 0, "only root can change the user")
    def test_drops_privileges(self):
        self.node.start(user="nobody")
        with open("/proc/%d/status" % self.node.process.pid, encoding="ascii") as f:
            status = f.read()
        import pwd
        uid = str(pwd.getpwnam("nobody").pw_uid)
        self.assertEqual(re.search(r"Uid:\s+(.*)", status).group(1).split(), [uid] * 4)
        self.assertRegex(status, r"Groups:\s*\n")
        self.assertRegex(status, r"NoNewPrivs:\s+1")
        self.assertEqual(ask_tcp(self.node.address, question()).rc, 1)

    def test_encrypted_key(self):
        shutil.copy(os.path.join(DATA, "privkey-encrypted.bin"), self.file("keys", "enc.bin"))
        os.chmod(self.file("keys", "enc.bin"), 0o600)
        self.write(self.file("pass"), b"test-pass-88\n")
        self.node.start(key='"%s"' % self.file("keys", "enc.bin"),
                        key_passphrase_file='"%s"' % self.file("pass"))
        m = ask_udp(self.node.address, ask_for("88.118.8/JX1", flags=hdl.USUAL | hdl.CT))
        self.assertNotEqual(m.credential, b"")


class Load(threading.Thread):
    """Questions without a pause, by UDP and on one TCP connection, until told to end."""

    def __init__(self, address):
        super().__init__()
        self.address, self.over, self.asked, self.trouble = address, threading.Event(), 0, None

    def run(self):
        try:
            with hdl.Udp(self.address) as u, hdl.Tcp(self.address) as t:
                while not self.over.is_set():
                    for c in (u, t):
                        m = c.ask(question())
                        if m.rc != 1:
                            raise AssertionError("code %d" % m.rc)
                        self.asked += 1
        except BaseException as e:
            self.trouble = e


class Reload(Case):
    def reload(self, expected):
        self.node.signal(signal.SIGHUP)
        return self.node.wait_for(expected)

    def test_under_load(self):
        """Good and bad files in turn: no question fails, a bad file changes nothing."""
        self.node.start(workers=2)
        load = [Load(self.node.address) for _ in range(2)]
        for thread in load:
            thread.start()
        for i in range(10):
            self.node.configure(workers=2, tcp_connections=100 + i)
            self.reload(r" reload serial=")
            self.node.configure(workers=2, tcp_conections=5)
            line = self.reload(r" reload .*nothing was changed")
            self.assertRegex(line, r"tcp-conections.*did you mean.*tcp-connections")
        while any(t.asked <= 20 and not t.trouble for t in load):
            self.node.configure(workers=2)
            self.reload(r" reload serial=")
        for thread in load:
            thread.over.set()
            thread.join()
            self.assertIsNone(thread.trouble)

    def test_site_record(self):
        self.node.start()
        path = self.file("site.bin")
        with open(path, "rb") as f:
            site = bytearray(f.read())
        before = ask_udp(self.node.address, question()).serial
        site[4:6] = struct.pack(">H", before + 7)
        self.write(path, site, 0o644)
        self.assertEqual(ask_udp(self.node.address, question()).serial, before)
        self.reload(r" reload serial=%d$" % (before + 7))
        self.assertEqual(ask_udp(self.node.address, question()).serial, before + 7)
        self.write(path, site[:50], 0o644)
        self.reload(r"site\.bin.*nothing was changed")
        self.assertEqual(ask_udp(self.node.address, question()).serial, before + 7)

    def test_limits(self):
        """A limit counts from the reload on."""
        self.node.start(workers=1)
        keep = ask_for("88.118.8/JX1", flags=hdl.USUAL | hdl.KC)
        with hdl.Tcp(self.node.address) as c:
            self.assertEqual(c.ask(keep).rc, 1)
            self.node.configure(workers=1, tcp_requests=2)
            self.reload(r" reload serial=")
            self.assertEqual(c.ask(keep).rc, 1)
            self.assertTrue(c.is_closed())

    def test_key_that_became_readable(self):
        self.node.start()
        os.chmod(self.file("keys", "privkey.bin"), 0o644)
        self.reload(r"privkey\.bin.*chmod 600.*nothing was changed")
        m = ask_udp(self.node.address, ask_for("88.118.8/JX1", flags=hdl.USUAL | hdl.CT))
        self.assertNotEqual(m.credential, b"")


class WrongConfiguration(Case):
    def test_unknown_key(self):
        for wrong, right in (("listn", "listen"), ("data_dir", "data-dir"),
                             ("tcp-conections", "tcp-connections"), ("Workers", "workers")):
            with self.subTest(wrong):
                self.write(self.node.conf, b"data-dir: /tmp\n%s: 1\n" % wrong.encode())
                self.refused(r"test\.yaml:2:1: ", wrong, r"did you mean.*" + right)

    def test_wrong_values(self):
        cases = [("workers: 257", r":2:\d+: .*workers.*256"), ("workers: two", r":2:\d+: .*workers"),
                 ("workers: -1", r":2:\d+: .*workers"), ("workers: [ 1 ]", r":2:\d+: .*workers"),
                 ("workers: { a: 1 }", r":2:\d+: "), ("workers: [ ]", r":2:\d+: .*workers"),
                 ('site: "a\\0b"', r":2:\d+: .*NUL"), ('listen: [ [ "127.0.0.1" ] ]', r":2:\d+: "),
                 ('listen: [ "999.0.0.1:1" ]', r":2:\d+: .*999"),
                 ('listen: [ "127.0.0.1:70000" ]', r":2:\d+: .*70000"),
                 ("log-level: loud", r":2:\d+: .*log-level"), ("map-size: 1KiB", r":2:\d+: .*map-size"),
                 ("trusted-net: [ 10.0.0.0/33 ]", r":2:\d+: .*10\.0\.0\.0/33"),
                 ("workers: 1\nworkers: 2", r":3:\d+: .*workers"),
                 ("workers: 1: 2", r":2:\d+: "), ("\tworkers: 1", r":2:\d+: "),
                 ("listen: [ ", r":\d+:\d+: "), ("- 1", r":\d+:\d+: ")]
        for text, pattern in cases:
            with self.subTest(text):
                self.write(self.node.conf, ('data-dir: "%s/data"\n%s\n' % (self.node.dir, text)
                                            ).encode())
                self.refused(r"test\.yaml", pattern)
                done = run(HELVED, "-C", "-c", self.node.conf, check=False)
                self.assertEqual(done.returncode, 1)

    def test_no_file(self):
        self.refused(r"test\.yaml", "No such file")

    def test_data_dir_is_missing_from_the_file(self):
        for text in (b"", b"# nothing\n", b"workers: 1\n"):
            self.write(self.node.conf, text)
            self.refused("data-dir")

    def test_not_text(self):
        for octets in (b"\0\0\0\0", b"data-dir: \xff\xfe\n", bytes(range(256))):
            self.write(self.node.conf, octets)
            self.refused(r"test\.yaml")

    def test_check(self):
        self.node.configure()
        self.assertEqual(run(HELVED, "-C", "-c", self.node.conf).returncode, 0)


class WrongSurroundings(Case):
    def setUp(self):
        super().setUp()
        self.node.configure()
        self.key = self.file("keys", "privkey.bin")

    def test_key_readable_by_others(self):
        for mode in (0o644, 0o640, 0o604):
            os.chmod(self.key, mode)
            self.refused(r"privkey\.bin", "chmod 600")

    def test_key_is_a_link(self):
        os.rename(self.key, self.key + ".other")
        os.symlink(self.key + ".other", self.key)
        self.refused(r"privkey\.bin", "symbolic link")

    def test_key_is_garbage(self):
        for octets in (b"", b"\0", b"garbage, not a key", bytes(4) + b"x" * 40,
                       b"\0\0\0\1" + b"\xff" * 300, b"x" * 100000):
            self.write(self.key, octets)
            self.refused(r"privkey\.bin")

    def test_no_key(self):
        os.remove(self.key)
        self.refused(r"privkey\.bin", "No such file")

    def test_passphrase(self):
        shutil.copy(os.path.join(DATA, "privkey-encrypted.bin"), self.key)
        os.chmod(self.key, 0o600)
        self.refused(r"privkey\.bin", "passphrase")
        self.write(self.file("pass"), b"wrong\n")
        self.node.configure(key_passphrase_file='"%s"' % self.file("pass"))
        self.refused(r"privkey\.bin", "passphrase")
        os.chmod(self.file("pass"), 0o644)
        self.refused("pass", "chmod 600")
        os.remove(self.file("pass"))
        self.refused("pass", "No such file")

    def test_site_record(self):
        path = self.file("site.bin")
        with open(path, "rb") as f:
            site = f.read()
        for octets in (b"", site[:-1], site + b"\0", b"\0\2" + site[2:], b"{}"):
            self.write(path, octets, 0o644)
            self.refused(r"site\.bin", "helvectl")
        os.remove(path)
        self.refused(r"site\.bin", "No such file")

    def test_server_number(self):
        self.node.configure(server_number=2)
        self.refused(r"site\.bin", "server-number")

    def test_port_taken(self):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with self.subTest(kind=kind.name), socket.socket(socket.AF_INET, kind) as s:
                s.bind(("127.0.0.1", 0))
                if kind == socket.SOCK_STREAM:
                    s.listen()
                port = s.getsockname()[1]
                self.node.configure(listen='[ "127.0.0.1:%d" ]' % port)
                self.refused(r"127\.0\.0\.1:%d" % port, "listen")

    def test_port_of_another_helved(self):
        other = filled_node()
        self.addCleanup(other.remove)
        other.start()
        self.node.configure(listen='[ "127.0.0.1:%d" ]' % other.address[1])
        self.refused(r"127\.0\.0\.1:%d" % other.address[1])
        self.assertEqual(ask_udp(other.address, question()).rc, 1)

    def test_address_of_another_machine(self):
        self.node.configure(listen='[ "192.0.2.1:2641" ]')
        self.refused(r"192\.0\.2\.1:2641")

    def test_two_on_one_registry(self):
        self.node.start()
        code, said, _ = self.node.refuses_to_start()
        self.assertEqual((code, said.count("\n")), (1, 1), said)
        self.assertIn("uses this directory", said)
        self.assertEqual(ask_udp(self.node.address, question()).rc, 1)

    def test_unknown_user(self):
        self.node.configure(user="nobody-of-that-name")
        self.refused("nobody-of-that-name")


FORMAT = 0x00010001  # 1.1, docs/decisions/002-store-format.md


class WrongRegistry(Case):
    def setUp(self):
        super().setUp()
        self.node.configure()
        self.path = self.file("data", "data.mdb")
        with open(self.path, "rb") as f:
            self.octets = f.read()

    def test_no_directory(self):
        shutil.rmtree(self.file("data"))
        self.refused("data", "helvectl init")

    def test_no_registry(self):
        os.remove(self.path)
        self.refused("data")

    def test_cut_short(self):
        for n in (0, 1, 100, 4096, 5000, 8192, len(self.octets) // 2 // 4096 * 4096):
            with self.subTest(octets=n):
                self.write(self.path, self.octets[:n])
                self.refused("data")

    def test_not_a_registry(self):
        for octets in (b"x" * 50000, bytes(50000), b"\xff" * 50000,
                       self.octets[:4096] + bytes(len(self.octets) - 4096)):
            self.write(self.path, octets)
            self.refused("data")

    def set_format(self, value, crc_of=None):
        """Change the entry that says which version wrote the registry, wherever it stands."""
        old = b"format" + struct.pack(">I", FORMAT)
        self.assertIn(old, self.octets)
        value = struct.pack(">I", value)
        crc = struct.pack(">I", crc32c(b"format" + (crc_of or value)))
        changed, at = bytearray(self.octets), 0
        while (at := self.octets.find(old, at)) >= 0:
            changed[at + 6:at + 14] = value + crc
            at += 1
        self.write(self.path, changed)

    def test_of_a_newer_version(self):
        for value in (0x00020000, FORMAT + 1, 0xFFFF0000):
            with self.subTest(hex(value)):
                self.set_format(value)
                self.refused("data", "newer version")

    def test_damaged_format(self):
        self.set_format(0x00020000, crc_of=struct.pack(">I", FORMAT))
        self.refused("data", "damaged")

    def test_same_format_starts(self):
        self.set_format(FORMAT)
        self.node.start()
        self.assertEqual(ask_udp(self.node.address, question()).rc, 1)


if __name__ == "__main__":
    unittest.main()
