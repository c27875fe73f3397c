# SPDX-License-Identifier: Apache-2.0
"""The examples of the chapters for integrators, as somebody copies them: shell, curl with the answers that
stand below it, Python, JavaScript, C. What the documents show is what must come."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from node import BUILD, HDIG, HELVECTL, HELVED, PATIENCE, ROOT, SANITIZER, Node
from v1 import http_port

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"
TOOLS = [os.path.dirname(p) for p in (HELVED, HELVECTL, HDIG)]
# What differs from one time to the next: times, addresses, numbers of measured things.
VARIES = [(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"), (r"127\.0\.0\.1:\d+", "ADDRESS"),
          (r'"(seconds|seq|change|count|next|total)":[0-9.]+', r'"\1":N'), (r'"[0-9a-f]{16}"', "ETAG")]
ETAG = r'"([0-9a-f]{16})"'


def blocks(name):
    """[(the last heading, language, text)] of a document."""
    with open(os.path.join(ROOT, "docs", name), encoding="utf-8") as f:
        text = f.read()
    found = re.findall(r"^(#+ [^\n]*)$|^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    heading, out = "", []
    for title, language, body in found:
        if title:
            heading = title.lstrip("# ")
        else:
            out.append((heading, language, body))
    return out


def session(text):
    """[(command, what it prints)] of a block in which commands stand behind a "$ "."""
    out = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            # Until the shell would not ask for more.
            while command.endswith("\\") or command.count("'") % 2:
                command += "\n" + next(lines)
            out.append((command, []))
        elif out:
            out[-1][1].append(line)
    return [(command, "\n".join(printed)) for command, printed in out]


def fits(printed, shown):
    """Is it what the document shows, where "..." and an ellipsis stand for anything?"""
    for pattern, word in VARIES:
        printed, shown = (re.sub(pattern, word, text.strip()) for text in (printed, shown))
    pattern = re.escape(shown).replace("…", ".*").replace(re.escape("..."), ".*")
    return re.fullmatch(pattern, printed, re.S)


class Written(Node):
    """A node that a document's commands have made, in a directory of its own."""

    def __init__(self, script):
        self.top = tempfile.mkdtemp(prefix="helve-e2e-")
        self.dir = os.path.join(self.top, "node")
        self.conf = os.path.join(self.dir, "helved.yaml")
        self.process = None
        self.env = dict(os.environ, PATH=os.pathsep.join(TOOLS + [os.environ["PATH"]]),
                        NODE_TLS_REJECT_UNAUTHORIZED="0", NODE_NO_WARNINGS="1")
        self.names = {}
        self.do(script)

    def do(self, script):
        """The script as it stands; but the daemon that it starts has ports of the kernel's choice."""
        head, starts, rest = script.partition("helved -c node/helved.yaml &\n")
        self.shell(head)
        if starts:
            self.start()
            self.shell(rest)

    def start(self):
        with open(self.conf, encoding="utf-8") as f:
            text = f.read()
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(re.sub(r'^(listen|http|dns): \[ "?.*', r'\1: [ "127.0.0.1:0" ]', text, flags=re.M))
        self.spawn()
        self.wait_for(r"^ready$")
        for port, what in ((8000, "http"), (8001, "http"), (26411, "address"), (2641, "address"), (5353, "dns")):
            for line in self.lines:
                found = re.search(r"listen %s=\S*:(\d+) " % what, line)
                if found:
                    self.names["127.0.0.1:%d" % port] = "127.0.0.1:" + found.group(1)
                    self.names["127.0.0.1 -p %d" % port] = "127.0.0.1 -p " + found.group(1)
        self.web = self.names.get("127.0.0.1:8000")
        self.names['"127.0.0.1", 8000'] = '"127.0.0.1", %d' % http_port(self) if self.web else ""

    def here(self, text):
        for port, mine in self.names.items():
            text = re.sub(re.escape(port) + r"\b", mine, text)
        return text

    def run(self, *argv, text=None):
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=PATIENCE,
                              cwd=self.top, env=self.env, check=False)
        if done.returncode != 0 or SANITIZER.search(done.stderr):
            raise AssertionError("%s\nexit %d\n%s%s" % (text or argv, done.returncode, done.stdout,
                                                        done.stderr))
        return done.stdout

    def shell(self, text):
        """Run, with the variables of what was run before; what it prints."""
        kept = os.path.join(self.top, ".kept")
        script = "set -e; [ -e %s ] && . %s\nset -a\n%s\nset +a; declare -p | grep -E '^declare -x (U|AUTH|" \
                 "TOKEN|NODE|NONCE|SIGNATURE|DS)=' >%s || :" % (kept, kept, self.here(text), kept)
        return self.run("bash", "-c", script)

    def remove(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.top, ignore_errors=True)


class DocumentCase(unittest.TestCase):
    def node(self, script):
        node = Written(script)
        self.addCleanup(node.remove)
        return node

    def play(self, node, text):
        """A block of commands and what they print."""
        for command, shown in session(text):
            with self.subTest(command):
                printed = node.shell(command)
                if shown:
                    self.assertTrue(fits(printed, shown), "%s\n--- printed\n%s\n--- shown\n%s"
                                    % (command, printed, shown))
                    for old, new in zip(re.findall(ETAG, shown), re.findall(ETAG, printed)):
                        node.names[old] = new

    def show(self, node, argv, text, wanted):
        with self.subTest(text.splitlines()[0]):
            self.assertRegex(node.run(*argv, text=node.here(text)), wanted)


class Http(DocumentCase):
    """docs/api-http.md."""

    def under(self, *headings):
        return [(language, text) for heading, language, text in blocks("api-http.md")
                if heading in headings]

    def install(self, node):
        """libhelve as `meson install` puts it, into the node's directory."""
        top = os.path.join(node.top, "inst")
        node.run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", top)
        lib = next(d for d, _, names in os.walk(top) if "libhelve.so" in names)
        node.env.update(PKG_CONFIG_PATH=os.path.join(lib, "pkgconfig"), PKG_CONFIG_SYSROOT_DIR=top,
                        LD_LIBRARY_PATH=lib)
        shutil.copy(os.path.join(ROOT, "docs/example/ask.c"), node.top)
        port = node.names["127.0.0.1:2641"].split(":")[1]
        node.names["node/keys/pubkey.bin"] = "node/keys/pubkey.bin " + port
        with open(os.path.join(lib, "libhelve.so"), "rb") as f:
            if b"libasan" in f.read():  # whoever links it must be built so, too
                node.names["cc ask.c"] = "cc -fsanitize=address,undefined ask.c"

    def test_in_your_language(self):
        of = self.under("In your language", "Caching", "REST API")
        node = self.node(of[0][1])
        self.install(node)
        for language, text in of[1:]:
            if language == "python":
                self.show(node, [PYTHON, "-"], text, r"^(https://|20[01])")
            elif language == "javascript":
                if shutil.which("node"):
                    self.show(node, ["node", "--input-type=module", "-"], text, r"^(https://|201)")
            else:
                self.play(node, text)

    def test_own_api(self):
        of = self.under("Helve's own API", "Bulk registration", "Many questions at once", "Tokens",
                        "What is there, what was there", "Search")
        node = self.node(of[0][1])
        for language, text in of[1:]:
            if language == "python":
                self.show(node, [PYTHON, "-"], text, r"'loaded': 1000, 'failed': 0")
            else:
                self.play(node, text)

    def test_redirects(self):
        of = self.under("Redirects", "GS1")
        node = self.node("""helvectl -d node init --prefix 88.118.8 --http 127.0.0.1:8000
helvectl -d node load %s/conf/sample/registry.jsonl
echo 'schemes: [ "gs1 88.118.8", "oid 88.118.8", "did 88.118.8", "ecode:1.0064 88.118.8" ]' >>node/helved.yaml
helved -c node/helved.yaml &
""" % ROOT)
        for _, text in of:
            self.play(node, text)
        for heading, _, text in blocks("schemes.md"):
            if heading == "What may be asked":
                self.play(node, text)



class Dns(DocumentCase):
    """docs/dns.md: its zone, and each question with the answer behind the "#"."""

    @unittest.skipUnless(shutil.which("dig"), "no dig (apt-get install bind9-dnsutils)")
    def test_zone(self):
        of = [text for heading, _, text in blocks("dns.md") if heading == "A zone in five minutes"]
        making, starts, asking = of[0].partition("helved -c node/helved.yaml &\n")
        node = self.node(making + starts)
        for line in asking.splitlines():
            command, _, shown = line.partition("#")
            with self.subTest(command):
                printed = node.shell(command)
                if "nope" in command:
                    self.assertRegex(printed, r"(?s)status: NOERROR.*IN\s+NSEC\s+\\000\.nope.* (NXNAME|TYPE128)\n")
                elif shown:
                    self.assertEqual(printed.strip(), shown.split(", ")[0].strip())

    @unittest.skipUnless(shutil.which("delv"), "no delv (apt-get install bind9-dnsutils)")
    def test_validated(self):
        of = blocks("dns.md")
        making = [text for heading, _, text in of if heading == "A zone in five minutes"]
        node = self.node(making[0].partition("dig ")[0])
        ds = re.search(r'"hdl\.example\.cn\. IN (DS (\d+) 13 2 (\w+))"', "\n".join(node.lines))
        shown = [text for heading, language, text in of if heading == "DNSSEC" and language == "sh"]
        text = shown[0].replace("16691", ds.group(2)).replace("7856...98df", ds.group(3))
        self.assertIn("; fully validated", node.shell(text))


class Doip(DocumentCase):
    """docs/doip.md, "From nothing to an object", from the first command to the last line of Python."""

    def test_walk(self):
        of = [(language, text) for heading, language, text in blocks("doip.md")
              if heading == "From nothing to an object"]
        node = self.node(of[0][1])
        node.names["tools/templates"] = os.path.join(ROOT, "tools/templates")
        node.shell(of[1][1])
        printed = node.shell(of[2][1])
        self.assertIn("88.118.8/META.BATCH: published", printed)
        printed = node.shell("\n".join(line for line in of[3][1].splitlines() if not line.startswith('{"code"')))
        self.assertIn('"code":"L2026-118"', printed)
        self.assertIn(re.search(r'^\{"code":601.*$', of[3][1], re.M).group(), printed)
        if subprocess.run([PYTHON, "-c", "import cryptography"], capture_output=True, check=False).returncode:
            self.skipTest("no python3-cryptography")
        self.assertEqual(node.run(PYTHON, "-", text=node.here(of[4][1])), of[5][1])


if __name__ == "__main__":
    unittest.main()
