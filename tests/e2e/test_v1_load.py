# SPDX-License-Identifier: Apache-2.0
"""POST /api/v1/load: records as lines, a result for each, told when it is durable; nothing twice
under one Idempotency-Key; and nothing from whoever may not."""

import json
import signal
import socket
import unittest

import hdl
from node import PATIENCE, text_value
from staff import PEOPLE, PREFIX, StaffCase
from v1 import V1Case, basic, bearer, unverified


def line(name, text="u", **more):
    return json.dumps(dict({"handle": name, "values": [text_value(1, "URL", text)]}, **more),
                      ensure_ascii=False)


class Load(V1Case, StaffCase):
    settings = {"workers": 2, "http": '[ "127.0.0.1:0" ]', "server_admins": '[ "304:%s" ]' % PEOPLE}

    def names(self, n, what):
        return ["%s/%s.%d" % (PREFIX, what, i) for i in range(n)]

    def load(self, body, query="", key=None, index=304, **headers):
        headers.update(basic("%d:%s" % (index, PEOPLE), self.secrets[index]))
        if key:
            headers["Idempotency-Key"] = key
        return self.ask("POST", "/api/v1/load" + query, body, headers, tls=True)

    def results(self, body, query="", key=None, **more):
        """Of each line, and the last."""
        a = self.load(body, query, key, **more)
        self.assertEqual(a.status, 200, a.body)
        self.assertEqual(a.type, "application/x-ndjson;charset=utf-8")
        *lines, end = a.lines
        self.assertGreaterEqual(end.pop("seconds"), 0)
        return {r["line"]: r for r in lines}, end

    def codes(self, results):
        return [results[n]["responseCode"] for n in sorted(results)]

    def assert_stored(self, names, text="u"):
        with hdl.Tcp(self.at) as c:
            for name in names:
                m = c.ask(hdl.ask_for(name, flags=hdl.USUAL | hdl.KC))
                self.assertEqual((m.rc, m.values[0].data.decode()), (1, text), name)

    def test_whole(self):
        names = self.names(3, "whole")
        results, end = self.results("\n".join(line(n) for n in names) + "\n")
        self.assertEqual(results, {i + 1: {"line": i + 1, "handle": n, "responseCode": 1}
                                   for i, n in enumerate(names)})
        self.assertEqual(end, {"done": True, "loaded": 3, "failed": 0})
        self.assert_stored(names)

    def test_array(self):
        names = self.names(3, "array")
        results, end = self.results("[" + ",\n".join(line(n) for n in names) + "]")
        self.assertEqual(self.codes(results), [1, 1, 1])
        results, end = self.results("[" + line(PREFIX + "/array.x"))
        self.assertEqual((end["loaded"], end["failed"]), (0, 1))
        self.assertEqual(self.results("[]")[1], {"done": True, "loaded": 0, "failed": 0})
        self.assertEqual(self.results("")[1], {"done": True, "loaded": 0, "failed": 0})

    def test_what_is_wrong_fails_alone(self):
        names = self.names(40, "alone")
        bad = ["{", "5", "[]", '{"values":[]}', '{"handle":"%s/x"}' % PREFIX,
               '{"handle":5,"values":[]}',
               line("%s/no" % PREFIX, "x").replace('"index": 1', '"index": 0'),
               line("99.1/foreign"), line("%s/%s" % (PREFIX, "x" * 3000)),
               line("%s/no\x01" % PREFIX), '{"handle":"%s/two","values":[%s,%s]}' % (
                   PREFIX, json.dumps(text_value(1, "A", "a")), json.dumps(text_value(1, "A", "b"))),
               "x" * (1 << 20) + "yz", line(PREFIX + "/large", "x" * 300000), "\xff"]
        body, want = [], []
        for i, name in enumerate(names):
            body.append(line(name))
            want.append(True)
            if i < len(bad):
                body.append(bad[i])
                want.append(False)
        results, end = self.results("\n".join(body).encode("latin-1"))
        self.assertEqual(len(results), len(body))
        for i, good in enumerate(want):
            r = results[i + 1]
            self.assertEqual(r["responseCode"] == 1, good, (body[i][:80], r))
            if not good:
                self.assertTrue(r["message"], body[i][:80])
        self.assertEqual((end["loaded"], end["failed"]), (len(names), len(bad)))
        self.assert_stored(names)

    def test_modes(self):
        names = self.names(2, "modes")
        self.results(line(names[0], "old"))
        results, end = self.results("\n".join(line(n, "new") for n in names))
        self.assertEqual(self.codes(results), [101, 1])
        self.assert_stored(names[:1], "old")
        for mode in ("replace", "replace"):
            results, end = self.results("\n".join(line(n, "newer") for n in names), "?mode=" + mode)
            self.assertEqual(self.codes(results), [1, 1])
        self.assert_stored(names, "newer")
        self.assert_refused(self.load("", "?mode=x"), 400, 4, "mode")

    def test_twice_in_one(self):
        name = PREFIX + "/twice"
        results, end = self.results(line(name, "a") + "\n" + line(name, "b"))
        self.assertEqual(self.codes(results), [1, 101])
        self.assert_stored([name], "a")

    def test_all_or_nothing(self):
        names = self.names(5, "all")
        taken = PREFIX + "/all.taken"
        self.results(line(taken))
        body = "\n".join(line(n) for n in names)
        for more in (line(taken), "{"):
            results, end = self.results(body + "\n" + more, "?allOrNothing")
            self.assertEqual((end["loaded"], end["failed"], len(results)), (0, 6, 6))
            self.assertNotIn(1, self.codes(results))
            for name in names:
                self.assertEqual(hdl.ask_tcp(self.at, hdl.ask_for(name)).rc, 100)
        results, end = self.results(body, "?allOrNothing=true")
        self.assertEqual(self.codes(results), [1] * 5)
        self.assert_stored(names)

    def test_all_or_nothing_has_an_end(self):
        body = "".join(line(n) + "\n" for n in self.names(4001, "toomany"))
        results, end = self.results(body, "?allOrNothing")
        self.assertEqual((results, end["done"], end["loaded"]), ({}, False, 0))
        self.assertIn("nothing was registered", end["message"])
        self.assertEqual(hdl.ask_tcp(self.at, hdl.ask_for(PREFIX + "/toomany.0")).rc, 100)

    def test_dry_run(self):
        names = self.names(3, "dry")
        self.results(line(names[1]))
        for _ in range(2):
            results, end = self.results("\n".join(line(n) for n in names), "?dryRun", key="dry")
            self.assertEqual(self.codes(results), [1, 101, 1])
            self.assertEqual((end["loaded"], end["failed"]), (2, 1))
        self.assertEqual(hdl.ask_tcp(self.at, hdl.ask_for(names[0])).rc, 100)
        results, end = self.results("\n".join(line(n) for n in names), key="dry")
        self.assertEqual(self.codes(results), [1, 101, 1])

    def test_same_key_registers_nothing_twice(self):
        names = self.names(10, "key")
        body = [line(n) for n in names]
        self.results("\n".join(body[:6]), key="load 1")
        results, end = self.results("\n".join(body), key="load 1")
        self.assertEqual(end, {"done": True, "loaded": 4, "failed": 0, "repeated": 6})
        self.assertEqual([r.get("repeated", False) for _, r in sorted(results.items())],
                         [True] * 6 + [False] * 4)
        self.assertEqual(self.codes(results), [1] * 10)
        # Another key, another mode, another person: another load.
        self.assertEqual(set(self.codes(self.results("\n".join(body), key="load 2")[0])), {101})
        self.assertEqual(self.results("\n".join(body), "?mode=replace", key="load 1")[1]["loaded"], 10)
        self.assert_refused(self.load("", key="x" * 256), 400, 4)

    def test_failures_only(self):
        names = self.names(3, "fail")
        body = "\n".join(line(n) for n in names + names[:1])
        results, end = self.results(body, "?report=failures")
        self.assertEqual(([r["line"] for r in results.values()], end["loaded"]), ([4], 3))

    def test_who_may(self):
        name = PREFIX + "/who"
        self.assert_refused(self.ask("POST", "/api/v1/load", line(name), tls=True), 401, 402)
        self.assert_refused(self.ask("POST", "/api/v1/load", line(name)), 403, 402)
        wrong = self.ask("POST", "/api/v1/load", line(name),
                         basic("303:" + PEOPLE, "wrong"), tls=True)
        self.assertEqual((wrong.status, wrong.body), (401, b""))
        results, end = self.results(line(name), index=302)
        self.assertEqual((self.codes(results), end["failed"]), ([400], 1))
        token = self.ask("POST", "/api/v1/token", headers=basic("304:" + PEOPLE, "four"),
                         tls=True).json["token"]
        a = self.ask("POST", "/api/v1/load", line(name), bearer(token), tls=True)
        self.assertEqual(a.lines[-1]["loaded"], 1)
        past = self.ask("GET", "/api/v1/audit?newestFirst", headers=bearer(token), tls=True).json
        (made,) = [e for e in past["entries"] if e["handle"] == name.upper()]
        self.assertEqual((made["who"], made["op"]), ("304:" + PEOPLE, "HELVE_BULK"))

    def test_many(self):
        """More than chunks and buffers hold, by somebody who reads when he has sent it all."""
        n = 12000
        names = self.names(n, "many")
        results, end = self.results((line(name).encode() + b"\n" for name in names),
                                    "?report=failures")
        self.assertEqual((end["loaded"], end["failed"], results), (n, 0, {}))
        self.assert_stored(names[:: n // 7] + names[-1:])
        self.node.ctl("verify")

    def test_cut_off_and_gone_on_with(self):
        """The connection breaks in the middle; the same again, under the same key."""
        names = self.names(3000, "cut")
        body = "".join(line(name) + "\n" for name in names).encode()
        head = ("POST /api/v1/load HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nIdempotency-Key: cut\r\n"
                "Content-Length: %d\r\n\r\n" % (basic("304:" + PEOPLE, "four")["Authorization"],
                                               len(body)))
        with socket.create_connection(self.web, timeout=PATIENCE) as plain:
            with unverified().wrap_socket(plain) as s:
                s.sendall(head.encode() + body[:len(body) // 2])
                while b'"responseCode":1' not in s.recv(65536):
                    pass
        results, end = self.results(body, key="cut")
        self.assertEqual(set(self.codes(results)), {1})
        self.assertEqual(end["loaded"] + end["repeated"], 3000)
        self.assertGreater(end["repeated"], 0)
        self.assert_stored(names[::500] + names[-1:])

    def test_killed_after_the_result(self):
        """What was told to be registered is, whatever happens then."""
        name = PREFIX + "/killed"
        head = ("POST /api/v1/load HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 99999\r\n\r\n"
                % basic("304:" + PEOPLE, "four")["Authorization"])
        with socket.create_connection(self.web, timeout=PATIENCE) as plain:
            with unverified().wrap_socket(plain) as s:
                s.sendall(head.encode() + line(name).encode() + b"\n")
                while b'"responseCode":1' not in s.recv(65536):
                    pass
                self.node.signal(signal.SIGKILL)
                self.node.process.wait()
        self.node.reader.join(PATIENCE)
        self.node.process.stderr.close()
        self.node.start(**self.settings)
        self.assert_stored([name])


if __name__ == "__main__":
    unittest.main()
