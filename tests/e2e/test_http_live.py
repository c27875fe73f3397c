# SPDX-License-Identifier: Apache-2.0
"""The exchanges that were recorded with the reference's HTTP side, played in their order against a
helved in their world. Each counts as a test."""

import base64
import fnmatch
import json
import os
import re
import subprocess
import tempfile
import unittest
import zlib

import hdl
import rest
from node import vectors

CNONCE = rest.unb64("NilUSpan3XOpnhMApMp03A==")

# An answer agrees apart from: what varies between two recordings, texts of code 4, the order of values
# (ours ascend, decisions.md 11), the session id that an answer to a challenge carries.
# Exchanges in which ours is something else on purpose: name, our status, why.
EXPLAINED = [
    # The port is also a resolver page and a proxy (E2E: test_pages, test_proxy).
    ("root", 200, "the resolver page is at /"),
    ("bare", None, "the proxy redirects to the URL, not to the API"),
    ("bare_query", None, "the same"),
    ("admin_page", None, "the same"),
    ("favicon", None, "the same"),
    ("nat_get", None, "the same"),
    # Strictness (threats.md 4, protocol.md 1).
    ("get_bad_utf8", None, "an identifier is UTF-8"),
    ("get_2048", None, "an identifier has 2,048 octets at most"),
    ("get_utf8_raw", None, "raw octets of UTF-8 are what they are; the container guessed a charset"),
    ("options", 200, "Allow names what this server does, and TRACE it does not"),
    ("trace", 501, "TRACE is not offered (threats.md 4)"),
    ("header_huge", None, "a head may have 16 KiB here"),
    ("http09", 400, "no HTTP/1 at all"),
    ("nat_crlf", 200, "protocol.md 15.1: one leading CR LF is tolerated"),
    ("nat_opcode", 200, "an unknown operation is answered as on 2641, with its own ids"),
    # Schemes of identifiers (spec/industrial.md 2).
    ("get_hdl", 200, "hdl: in front of an identifier is taken off, on all front ends"),
    # Each node has its own site record.
    ("site*", 200, "the site record is this node's, which helvectl init made"),
    # Logins.
    ("put_basic_rawcolon", 201, "rest-clients.md 3: a raw index:handle is taken"),
    ("ses_index0", 200, "the session says which key it was: index 300"),
    ("ses_noindex", 200, "the same"),
    ("cert_wrong", 401, "TLS takes any certificate; what it proves is the API's business"),
    ("cert_nobody", 401, "the same"),
    # protocol.md 15.3: prefixes are homed by PUT, too.
    ("prefix_home", 200, "protocol.md 15.3 has PUT; the reference only POST"),
    ("prefix_home2", 200, "the same"),
    ("prefix_home_noperm", 403, "the same"),
    ("prefixes_after", 200, "so there are more of them"),
]


def load_world(node, world):
    path = os.path.join(os.path.dirname(node.dir), "world.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(world, f, ensure_ascii=False)
    node.load_file(path, "hsv9")


def sign(pem, digest, covered):
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as f:
        f.write(pem)
        f.flush()
        done = subprocess.run(["openssl", "dgst", "-" + digest, "-sign", f.name], input=covered,
                              capture_output=True, check=True)
    return done.stdout


def without(tree, path):
    """A copy without what varies: a path like values[0].timestamp."""
    tree = json.loads(json.dumps(tree))
    at, steps = tree, re.findall(r"[^.\[\]]+", path)
    for step in steps[:-1]:
        at = at[int(step)] if isinstance(at, list) else at.get(step, {})
    last = steps[-1]
    if isinstance(at, list):
        if int(last) < len(at):
            at[int(last)] = None
    else:
        at.pop(last, None)
    return tree


def ascending(tree):
    """Values ascend here (decisions.md 11), and minted names sort among the others."""
    if isinstance(tree, dict) and isinstance(tree.get("values"), list):
        tree["values"] = sorted(tree["values"], key=lambda v: v["index"])
    return tree


class Player(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.exchanges = vectors("http_live")
        first = cls.exchanges[0]
        cls.keys = first["keys"]
        cls.node = rest.RestNode("0.NA", "rsa")
        cls.node.ctl("unhome", "0.0")
        load_world(cls.node, first["world"])
        admins = ", ".join('"%s"' % a for a in first["server_config"]["server_admins"])
        cls.node.start(workers=1, server_admins="[ %s ]" % admins, allow_legacy="true",
                       tcp_message_timeout=10)
        # What later exchanges need of earlier answers: theirs -> ours.
        cls.sessions, cls.nonces, cls.natives = {}, {}, {}

    @classmethod
    def tearDownClass(cls):
        cls.node.remove()

    # --- what must be computed anew ---

    def proof(self, fields, covered):
        """The signature over ours in place of one over theirs, if theirs was right."""
        theirs = rest.unb64(fields["signature"]) if "%" not in fields["signature"] else b""
        nonce = self.nonces.get(fields.get("sessionId"), (b"", b""))[0]
        old = nonce + CNONCE
        if fields["type"] == "HS_SECKEY":
            more = {}
            if "salt" in fields:
                more = {"salt": rest.unb64(fields["salt"]),
                        "iterations": int(fields["iterations"]), "length": int(fields["length"])}
            for secret in self.keys["secret_keys"].values():
                secret = secret.encode("utf-8")
                try:
                    if rest.secret_proof(fields["alg"], secret, old, **more) == theirs:
                        return rest.b64(rest.secret_proof(fields["alg"], secret, covered, **more))
                except ValueError:
                    break
            return fields["signature"]
        for pem in ("private_key_300_pem", "other_private_key_pem"):
            for digest in ("sha256", "sha1"):
                if sign(self.keys[pem], digest, old) == theirs:
                    return rest.b64(sign(self.keys[pem], digest, covered))
        return fields["signature"]

    def renew(self, fields):
        session = fields.get("sessionId")
        if "signature" in fields and session in self.nonces:
            fields["signature"] = self.proof(dict(fields), self.nonces[session][1] + CNONCE)
        if session in self.sessions:
            fields["sessionId"] = self.sessions[session]
        return fields

    def headers(self, request):
        out = []
        for name, value in request.get("headers", []):
            if name == "Authorization" and value.startswith("Handle "):
                quoted = '"' in value
                fields = self.renew(dict(
                    (k, v.strip('"')) for k, v in
                    (f.split("=", 1) for f in value[7:].split(", "))))
                form = '%s="%s"' if quoted else "%s=%s"
                value = "Handle " + ", ".join(form % f for f in fields.items())
            if name not in ("Content-Length", "Connection"):
                out.append((name, value))
        return out

    def body(self, e):
        request = e["request"]
        if "body_hex" in request:
            octets = bytes.fromhex(request["body_hex"])
            return self.native_answer(e, octets) if e["name"].endswith("_2") else octets
        body = request.get("body")
        if body and '"sessionId"' in body:
            body = json.dumps(self.renew(json.loads(body)))
        return body.encode("utf-8") if body is not None else None

    def native_answer(self, e, octets):
        """An answer to our challenge instead of theirs, by the same key."""
        stem = e["name"][:-2]
        theirs, ours = self.natives[stem]
        r = hdl.Reader(octets[44:])
        kind, handle, index, proof = r.array(), r.array(), r.u32(), r.array()
        old, new = (hdl_challenge(m) for m in (theirs, ours))
        covered_old, covered_new = old[0] + old[1], new[0] + new[1]
        if kind == b"HS_SECKEY":
            code, alg = proof[0], {0x13: "HMAC-SHA256", 0x12: "HMAC-SHA1", 3: "SHA256", 2: "SHA1"}
            for secret in self.keys["secret_keys"].values():
                secret = secret.encode("utf-8")
                if code in alg and rest.secret_proof(alg[code], secret, covered_old) == proof[1:]:
                    proof = proof[:1] + rest.secret_proof(alg[code], secret, covered_new)
                    break
                if code == 0x22:
                    p = hdl.Reader(proof[1:])
                    salt, n, bits, mac = p.array(), p.u32(), p.u32(), p.array()
                    more = {"salt": salt, "iterations": n, "length": bits}
                    if rest.secret_proof("PBKDF2-HMAC-SHA1", secret, covered_old, **more) == mac:
                        mac = rest.secret_proof("PBKDF2-HMAC-SHA1", secret, covered_new, **more)
                        proof = proof[:-len(mac)] + mac
                        break
        else:
            p = hdl.Reader(proof)
            name, signature = p.array(), p.array()
            digest = "sha1" if name == b"SHA1" else "sha256"
            for pem in ("private_key_300_pem", "other_private_key_pem"):
                if sign(self.keys[pem], digest, covered_old) == signature:
                    signature = sign(self.keys[pem], digest, covered_new)
                    break
            proof = array(name) + array(signature)
        body = array(kind) + array(handle) + index.to_bytes(4, "big") + array(proof)
        out = octets[:40] + len(body).to_bytes(4, "big") + body + bytes(4)
        return out[:4] + ours[4:8] + out[8:16] + (len(out) - 20).to_bytes(4, "big") + out[20:]

    # --- what came ---

    def remember(self, e, answer):
        response = e["response"]
        if e["name"].startswith("mint"):
            # Lists have it later: theirs in place of ours, so that both sort alike.
            self.node.ctl("rm", answer.json()["handle"])
            self.node.ctl("put", json.loads(response["body"])["handle"], "--value",
                          "1 URL https://a.example.cn/")
        theirs = None
        if "WWW-Authenticate" in str(response.get("headers")) and answer.challenge():
            for name, value in response["headers"]:
                if name == "WWW-Authenticate" and value.startswith("Handle "):
                    theirs = dict((k, v.strip('"')) for k, v in
                                  (f.split("=", 1) for f in value[7:].split(", ")))
            ours = answer.challenge()
        elif '"sessionId"' in response.get("body", "") and answer.body:
            theirs, ours = json.loads(response["body"]), answer.json()
        if theirs and "sessionId" in ours:
            self.sessions[theirs["sessionId"]] = ours["sessionId"]
            self.nonces[theirs["sessionId"]] = (rest.unb64(theirs["nonce"]),
                                                rest.unb64(ours["nonce"]))
        if "body_hex" in response and e["name"].endswith("_1"):
            self.natives[e["name"][:-2]] = (bytes.fromhex(response["body_hex"]), answer.body)

    def compare_json(self, e, response, answer):
        want, got = json.loads(response["body"]), answer.json()
        for path in e.get("varies", []):
            if path.startswith("json."):
                want, got = without(want, path[5:]), without(got, path[5:])
        # The reference's timestamps of this run, wherever the order moves them.
        want, got = ascending(want), ascending(got)
        for tree in (want, got):
            if isinstance(tree, dict):
                if "message" in tree and tree.get("responseCode") == 4:
                    tree["message"] = "(free)"
                for key in ("handles", "prefixes"):
                    if isinstance(tree.get(key), list):
                        tree[key] = sorted(str(n) for n in tree[key])
                tree.pop("error", None) if e["name"] in ("ses_id_foreign",) else None
                for value in tree.get("values") or []:
                    if e.get("varies") and isinstance(value, dict):
                        value.pop("timestamp", None)
        self.assertEqual(want, got)
        # And the order of keys, which clients read by eye.
        self.assertEqual(list(want), list(got))

    def compare_native(self, response, answer):
        got = answer.body
        for want in response["native"]:
            self.assertEqual(want["version"], "%d.%d" % (got[0], got[1]))
            self.assertEqual(want["request_id"], int.from_bytes(got[8:12], "big"))
            self.assertEqual(want["op_code"], int.from_bytes(got[20:24], "big"))
            self.assertEqual(want["response_code"], int.from_bytes(got[24:28], "big"))
            got = got[20 + int.from_bytes(got[16:20], "big"):]
        self.assertEqual(got, b"")

    def compare(self, e, response, answer):
        if e.get("note") == "container" or response.get("note") == "container":
            self.assertEqual(response["status"] // 100, answer.status // 100, answer.body)
            return
        self.assertEqual(response["status"], answer.status, answer.body[:300])
        for name, value in response["headers"]:
            if name == "WWW-Authenticate" and value.startswith("Handle "):
                ours = answer.challenge()
                self.assertIsNotNone(ours)
                want = dict((k, v.strip('"')) for k, v in
                            (f.split("=", 1) for f in value[7:].split(", ")))
                self.assertEqual(sorted(want), sorted(ours))
                if e["name"] != "ses_id_foreign":
                    self.assertEqual(want.get("error"), ours.get("error"))
            elif name in ("Access-Control-Allow-Headers", "Access-Control-Expose-Headers"):
                ours = (answer.header(name) or "").replace(" ", "").split(",")
                self.assertEqual(set(value.split(",")) - set(ours), set())
            elif name in ("Access-Control-Allow-Methods",):
                ours = (answer.header(name) or "").replace(" ", "").split(",")
                self.assertEqual(set(value.split(",")) - set(ours), set())
            elif name not in ("Connection", "Content-Length", "Vary"):
                self.assertIn(value, answer.all(name))
        basics = [v for n, v in response["headers"] if v.startswith("Basic ")]
        self.assertEqual(basics, [v for v in answer.all("WWW-Authenticate")
                                  if v.startswith("Basic ")])
        if "native" in response:
            self.compare_native(response, answer)
        elif "body" in response and response["body"].lstrip()[:1] in "{[" and response["body"]:
            self.compare_json(e, response, answer)
            if "\n" in response["body"]:
                self.assertEqual(len(response["body"].split("\n")),
                                 len(answer.body.decode("utf-8").split("\n")))
        elif "body" in response:
            mine = re.sub(r'"timestamp":"[^"]*"', "", answer.body.decode("utf-8"))
            self.assertEqual(re.sub(r'"timestamp":"[^"]*"', "", response["body"]), mine)
        else:
            self.assertEqual(answer.body, b"")

    # --- the play ---

    def play(self, e):
        request = e["request"]
        # Who answered wrongly waits in his network: each exchange is from another one, but for the
        # two halves of a challenge.
        stem = re.sub(r"_[12]$", "", e["name"])
        source = "127.78.%d.%d" % divmod(zlib.crc32(stem.encode()) % 60000 + 1, 250)
        tls = request["transport"] == "https"
        pem = request.get("client_certificate", {})
        pem = pem and pem.get("certificate_pem", "") + pem.get("private_key_pem", "")
        if pem and "PRIVATE KEY" not in pem:
            other = "other key" in request["client_certificate"]["subject"]
            pem += self.keys["other_private_key_pem" if other else "private_key_300_pem"]
        if "raw" in request:
            got = rest.exchange(self.node.web, request["raw"].encode("latin-1"), tls, None, source)
            method = request["raw"].split(" ")[0]
        else:
            method, body = request["method"], self.body(e)
            head = self.headers(request)
            if body is not None:
                head.append(("Content-Length", str(len(body))))
            octets = ("%s %s HTTP/1.1\r\n" % (method, request["target"])).encode("utf-8")
            octets += b"".join(("%s: %s\r\n" % h).encode("utf-8") for h in head)
            octets += b"Connection: close\r\n\r\n" + (body or b"")
            got = rest.exchange(self.node.web, octets, tls, pem or None, source)
        answers, rest_of = [], got
        while rest_of:
            answers.append(rest.Answer(rest_of, method))
            rest_of = answers[-1].rest
        return answers

    def test_exchanges(self):
        for e in self.exchanges:
            if e["name"].startswith("_"):
                continue
            with self.subTest(e["name"]):
                answers = self.play(e)
                response = e["response"]
                wanted = response.get("responses", [response])
                explained = [x for x in EXPLAINED if fnmatch.fnmatchcase(e["name"], x[0])]
                if explained:
                    if explained[0][1]:
                        self.assertEqual(explained[0][1], answers[0].status, answers[0].body)
                    else:
                        self.assertLess(answers[0].status, 500)
                    self.assertRaises(Exception, self.compare, e, wanted[0], answers[0])
                    if e["name"] == "put_basic_rawcolon":
                        self.node.ctl("rm", "88.118.8/JX2106-x")
                    continue
                self.assertEqual(len(wanted), len(answers))
                for want, answer in zip(wanted, answers):
                    self.compare(e, want, answer)
                if len(answers) == 1:
                    self.remember(e, answers[0])


def array(octets):
    return len(octets).to_bytes(4, "big") + octets


def hdl_challenge(message):
    """Nonce and digest of a challenge, as octets."""
    r = hdl.Reader(message[44:])
    kind = r.take(1)[0]
    digest = r.take({1: 16, 2: 20, 3: 32}[kind])
    return r.array(), digest


if __name__ == "__main__":
    unittest.main()
