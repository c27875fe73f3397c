# SPDX-License-Identifier: Apache-2.0
"""The enterprise dialect as the national client speaks it (industrial.md 9.1): RSA login, objects,
templates, and each code that can be had."""

import base64
import glob
import http.client
import json
import os
import ssl
import unittest
import urllib.parse

import auth
import hdl
import keys
from node import PATIENCE, ROOT, NodeCase, run, text_value
from staff import from_value, networks, value
from v1 import http_port

PREFIX = "88.118.8"
NA = "0.NA/" + PREFIX
APP, OTHER, READER = PREFIX + "/app", PREFIX + "/other", PREFIX + "/reader"
TEMPLATES = os.path.join(ROOT, "conf", "sample", "templates")

DOIP = "/api/v1/doip"
META = "/api/v1/open/meta/"
CREATE, UPDATE, RETRIEVE, DELETE = ("0.DOIP/Op." + op
                                    for op in ("Create", "Update", "Retrieve", "Delete"))
MERGE = "0.DOIP.EXTEND/Op.Update.Non.Overlay"


class Client:
    """What the SDK does, and no more."""

    def __init__(self, at, tls=True):
        self.at, self.tls, self.token = at, tls, None
        self.source = (next(networks), 0)  # wrong answers slow down a network

    def send(self, method, path, body=None, **query):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        if self.tls:
            c = http.client.HTTPSConnection(*self.at, timeout=PATIENCE,
                                            source_address=self.source,
                                            context=ssl._create_unverified_context())
        else:
            c = http.client.HTTPConnection(*self.at, timeout=PATIENCE, source_address=self.source)
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        if isinstance(body, (dict, list)):
            body = json.dumps(body, ensure_ascii=False).encode()
        try:
            c.request(method, path, body=body, headers=headers)
            r = c.getresponse()
            text = r.read()
        finally:
            c.close()
        answer = json.loads(text)
        assert r.status == 200 and set(answer) == {"code", "message", "data"}, (r.status, text)
        return answer

    def challenge(self, handle):
        return self.send("GET", DOIP + "/public/challenge", handle=handle)["data"]

    def login(self, handle, key, method="POST"):
        name = key.digests[0]
        nonce = self.challenge(handle).encode()
        if name == "SM3":  # industrial.md 5.4, form A
            octets = key.sign_as(handle.encode(), keys.digest("sm3", nonce))
        else:
            octets = key.sign(name, nonce)
        body = {"handle": handle, "signature": base64.b64encode(octets).decode()}
        if key.kind != "rsa":
            body["algorithm"] = name
        answer = self.send(method, DOIP + "/public/verify-response", body)
        if answer["code"] == 1:
            self.token = answer["data"]["token"]
        return answer

    def op(self, operation, target, content=None, meta=None, method="POST", **more):
        body = dict(more)
        if content is not None:
            body.update(type=meta, attributes={"content": content})
        return self.send(method, DOIP, body or None, targetId=target, operationId=operation)


def template(name, items, required=(), version="1", **more):
    infos = [{"itemBasicInfo": dict({"itemIndex": 2000 + i, "enName": item}, **basic),
              "itemSchemaInfo": schema} for i, (item, basic, schema) in enumerate(items)]
    return dict({"metaHandle": "%s/%s" % (PREFIX, name), "basicInfo": {"version": version},
                 "itemInfos": infos, "required": list(required), "uniqueness": []}, **more)


class DoipCase(NodeCase):
    settings = {"http": '[ "127.0.0.1:0" ]', "workers": 2, "index_types": '[ "name", "shift" ]'}

    @classmethod
    def fill(cls, node):
        cls.key, cls.other, cls.reader = (keys.Rsa.generate() for _ in range(3))
        people = ((APP, cls.key), (OTHER, cls.other), (READER, cls.reader))
        node.load([{"handle": name, "values": [
            value(300, "HS_PUBKEY", key.public()),
            from_value(auth.admin(100, "200:" + NA))]} for name, key in people])
        # The application is one of those who run the prefix; the second may only add identifiers.
        node.ctl("put", NA, "--value", "101 HS_ADMIN 300:111111111111:%s" % APP,
                 "--value", "102 HS_ADMIN 300:100000000000:%s" % OTHER)

    def setUp(self):
        self.web = ("127.0.0.1", http_port(self.node))
        self.c = Client(self.web)
        self.name = "%s/%s" % (PREFIX, self.id().rsplit(".", 1)[1])

    def app(self):
        self.assert_code(self.c.login(APP, self.key), 1)
        return self.c

    def assert_code(self, answer, code, text=""):
        self.assertEqual(answer["code"], code, answer)
        self.assertIn(text, answer["message"])
        return answer["data"]

    def publish(self, name, items, required=(), **more):
        self.assert_code(self.c.send("POST", META + "create",
                                     template(name, items, required, **more)), 1)
        self.assert_code(self.set_state(name, "publish"), 1)
        return "%s/%s" % (PREFIX, name)

    def set_state(self, name, operation):
        return self.c.send("PUT", META + "publish-or-withdraw",
                           {"metaHandle": "%s/%s" % (PREFIX, name), "operation": operation})


class Login(DoipCase):
    def test_by_post_and_by_get_with_a_body(self):
        for method in ("POST", "GET"):
            c = Client(self.web)
            data = self.assert_code(c.login(APP, self.key, method), 1)
            self.assertEqual(data["handle"], APP)
            self.assert_code(c.op(DELETE, PREFIX + "/nothing"), 104)

    def test_an_index_may_be_named(self):
        self.assert_code(self.c.login("300:" + APP, self.key), 1)
        self.assert_code(self.c.login("301:" + APP, self.key), 401)

    def test_other_kinds_of_keys(self):
        for kind in (keys.Ecdsa, keys.Ed25519, keys.Sm2):
            with self.subTest(kind=kind.kind):
                key, name = kind.generate(), "%s/%s" % (PREFIX, kind.kind)
                path = os.path.join(self.node.dir, kind.kind)
                with open(path, "wb") as f:
                    f.write(key.public())
                self.node.ctl("put", name, "--file", "300 HS_PUBKEY " + path)
                self.assert_code(Client(self.web).login(name, key), 1)
                self.assert_code(Client(self.web).login(name, kind.generate()), 401)

    def test_nonces_cannot_be_guessed(self):
        one, two = self.c.challenge(APP), self.c.challenge(OTHER)
        self.assertNotEqual(one, two)
        self.assertGreaterEqual(len(one), 22)
        self.assertTrue(self.c.challenge(PREFIX + "/nobody"))

    def test_wrong_key(self):
        self.assert_code(self.c.login(APP, self.other), 401)
        self.assertIsNone(self.c.token)

    def test_somebody_elses_nonce(self):
        signature = self.key.sign("SHA-256", self.c.challenge(OTHER).encode())
        self.assert_code(self.c.send("POST", DOIP + "/public/verify-response", {
            "handle": APP, "signature": base64.b64encode(signature).decode()}), 401)

    def test_one_login_for_a_challenge(self):
        for key, name in ((self.key, APP), (self.reader, READER)):
            nonce = self.c.challenge(name)
            signature = key.sign("SHA-256", nonce.encode())
            body = {"handle": name, "signature": base64.b64encode(signature).decode()}
            self.assert_code(self.c.send("POST", DOIP + "/public/verify-response", body), 1)
            self.assertNotEqual(self.c.challenge(name), nonce)
            self.assert_code(self.c.send("POST", DOIP + "/public/verify-response", body), 401)
            c = Client(self.web)  # a wrong answer makes the next one wait
            for _ in range(3):
                self.assert_code(c.login(name, key), 1)
            self.c = c

    def test_nobody(self):
        self.assert_code(self.c.login(PREFIX + "/nobody", self.key), 401)
        stranger = Client(self.web, tls=True)  # of whom no more is read than a question takes
        self.assert_code(stranger.send("POST", DOIP, "[" * 16384), 106)
        self.assert_code(stranger.send("POST", DOIP, "[" * 16385), 401, "16 KiB")

    def test_bad_forms(self):
        for body in (None, {}, {"handle": APP}, {"handle": APP, "signature": "!"}, "[]", "{",
                     {"handle": "x" * 3000, "signature": "AAAA"}):
            with self.subTest(body=body):
                self.assert_code(self.c.send("POST", DOIP + "/public/verify-response", body), 106)
        self.assert_code(self.c.send("GET", DOIP + "/public/challenge"), 106)

    def test_tokens(self):
        self.app()
        good = self.c.token
        for bad in (good[:-2], good[:9] + "-_"[good[9] == "-"] + good[10:], "", "x" * 10000):
            with self.subTest(token=bad[:10]):
                self.c.token = bad or None
                self.assert_code(self.c.op(DELETE, self.name), 401)

    def test_not_in_the_clear(self):
        self.app()
        clear = Client(self.web, tls=False)
        self.assert_code(clear.login(APP, self.key), 401, "TLS")
        clear.token = self.c.token
        self.assert_code(clear.op(DELETE, self.name), 401, "TLS")
        clear.token = None
        self.assert_code(clear.op("0.DOIP/Op.Hello", PREFIX + "/DOIPServiceInfo"), 1)


ITEMS = [("name", {}, {"dataType": 1, "minLength": 2, "maxLength": 10}),
         ("count", {}, {"dataType": 2, "numberRange": "0,100", "accuracy": 2}),
         ("made", {}, {"dataType": 3, "dateFormat": "yyyy-MM-dd"}),
         ("shift", {}, {"dataType": 1, "charRange": ["A", "B"]}),
         ("old", {"state": 0}, {"dataType": 1})]


class Objects(DoipCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = cls("test_hello")
        case.setUp()
        case.app()
        cls.meta = case.publish("META.T", ITEMS, ["name"], version="3")

    def make(self, **content):
        content.setdefault("name", "泵七号")
        return self.assert_code(self.app().op(CREATE, self.name, content, self.meta), 1)

    def test_hello(self):
        for method in ("GET", "POST"):
            data = self.assert_code(self.c.op("0.DOIP/Op.Hello", PREFIX + "/DOIPServiceInfo",
                                              method=method), 1)
            self.assertEqual(data["id"], PREFIX + "/DOIPServiceInfo")
        data = self.assert_code(self.c.op("0.DOIP/Op.ListOperations", PREFIX), 1)
        self.assertIn(CREATE, data)

    def test_create_and_retrieve(self):
        want = {"name": "泵七号", "count": "12.50", "made": "2026-02-28", "shift": "B"}
        data = self.make(count="12.50", made="2026-02-28", shift="B")
        self.assertEqual(data, {"id": self.name, "type": self.meta,
                                "attributes": {"content": want}})
        for method in ("GET", "POST"):
            self.assertEqual(self.assert_code(Client(self.web).op(RETRIEVE, self.name,
                                                                  method=method), 1), data)
        # The same by the native protocol: its types, indexes and rights (industrial.md 3).
        m = hdl.ask_tcp(self.at, hdl.ask_for(self.name))
        self.assertEqual([(v.index, v.type.decode(), v.data.decode()) for v in m.values
                          if v.index >= 1000],
                         [(1000, "TEMPLATE_ID", self.meta), (1001, "TEMPLATE", "3"),
                          (2000, "name", "泵七号"), (2001, "count", "12.50"),
                          (2002, "made", "2026-02-28"), (2003, "shift", "B")])
        self.assertEqual(m.values[0].type, b"HS_ADMIN")
        self.assertIn(APP.encode(), m.values[0].data)

    def test_numbers_are_kept_as_they_are_written(self):
        self.assert_code(self.app().send(
            "POST", DOIP, '{"type":"%s","attributes":{"content":{"name":"ab","count":3.10}}}'
            % self.meta, targetId=self.name, operationId=CREATE), 1)
        data = self.assert_code(self.c.op(RETRIEVE, self.name), 1)
        self.assertEqual(data["attributes"]["content"]["count"], "3.10")

    def test_target_and_operation_in_the_body(self):
        self.assert_code(self.app().send("POST", DOIP, {
            "targetId": self.name, "operationId": CREATE, "type": self.meta,
            "attributes": {"content": {"name": "ab"}}}), 1)

    def test_bad_items(self):
        self.app()
        for content, code, text in (
                ({"name": "a"}, 601, "1 characters"), ({"name": "泵" * 11}, 601, "11 characters"),
                ({"name": "泵" * 10, "count": 101}, 601, "more than 100"),
                ({"name": "ab", "count": "-0.01"}, 601, "less than 0"),
                ({"name": "ab", "count": "1.234"}, 601, "behind the point"),
                ({"name": "ab", "count": "1e2"}, 601, "not a number"),
                ({"name": "ab", "count": ""}, 601, "not a number"),
                ({"name": "ab", "count": "1" * 39}, 601, "digits"),
                ({"name": "ab", "made": "2026-02-29"}, 601, "no date"),
                ({"name": "ab", "made": "2026-2-28"}, 601, "no date"),
                ({"name": "ab", "made": "28.02.2026"}, 601, "no date"),
                ({"name": "ab", "shift": "C"}, 601, "charRange"),
                ({"name": None}, 601, "expected a text"), ({"name": ["ab"]}, 601, "expected"),
                ({"name": True}, 601, "expected"), ({}, 601, "required"),
                ({"name": "ab", "old": "x"}, 602, "disabled"),
                ({"name": "ab", "weight": "1"}, 603, "no item"),
                ({"name": "ab", "HS_ADMIN": "1"}, 603, "no item")):
            with self.subTest(content=content):
                self.assert_code(self.c.op(CREATE, self.name, content, self.meta), code, text)
        self.assert_code(self.c.op(RETRIEVE, self.name), 104)

    def test_exists(self):
        self.make()
        self.assert_code(self.c.op(CREATE, self.name, {"name": "ab"}, self.meta), 105)

    def test_request_id(self):
        """The same request again is answered as the first time; another one is not."""
        content = {"name": "ab"}
        first = self.assert_code(self.app().op(CREATE, self.name, content, self.meta,
                                               requestId="r-1"), 1)
        self.assertEqual(self.assert_code(self.c.op(CREATE, self.name, content, self.meta,
                                                    requestId="r-1"), 1), first)
        self.assert_code(self.c.op(CREATE, self.name, content, self.meta, requestId="r-2"), 105)
        self.assert_code(self.c.op(CREATE, self.name, content, self.meta), 105)
        m = hdl.ask_tcp(self.at, hdl.ask_for(self.name))
        self.assertNotIn(1002, m.indexes())

    def test_update_overlays(self):
        self.make(count="1", made="2026-01-01")
        data = self.assert_code(self.c.op(UPDATE, self.name, {"name": "新", "count": "2"},
                                          self.meta), 601)
        self.assertIsNone(data)
        data = self.assert_code(self.c.op(UPDATE, self.name, {"name": "新泵", "count": "2"},
                                          self.meta), 1)
        self.assertEqual(data["attributes"]["content"], {"name": "新泵", "count": "2"})
        self.assert_code(self.c.op(UPDATE, self.name, {"count": "2"}, self.meta), 601, "required")

    def test_update_merges(self):
        self.make(count="1", made="2026-01-01")
        data = self.assert_code(self.c.op(MERGE, self.name, {"count": "2", "shift": "A"}), 1)
        self.assertEqual(data["attributes"]["content"],
                         {"name": "泵七号", "count": "2", "made": "2026-01-01", "shift": "A"})

    def test_updates_that_fail(self):
        self.make()
        for op in (UPDATE, MERGE):
            self.assert_code(self.c.op(op, PREFIX + "/nothing", {"name": "ab"}), 104)
            self.assert_code(self.c.op(op, self.name, {"name": "ab"}, PREFIX + "/META.X"), 702)
            self.assert_code(self.c.op(op, APP, {"name": "ab"}), 604)
            self.assert_code(self.c.op(op, self.name, {"none": "ab"}), 603)
            self.assert_code(Client(self.web).op(op, self.name, {"name": "ab"}), 401)

    def test_delete(self):
        self.make()
        self.assert_code(self.c.op(DELETE, self.name), 1)
        self.assert_code(self.c.op(RETRIEVE, self.name), 104)
        self.assert_code(self.c.op(DELETE, self.name), 104)

    def test_search(self):
        self.make(name="search-1", shift="A")
        for i in (2, 3):
            self.assert_code(self.c.op(CREATE, "%s.%d" % (self.name, i), {
                "name": "search-%d" % i, "shift": "B"}, self.meta), 1)

        def found(query, target=PREFIX, **more):
            return self.assert_code(self.c.op("0.DOIP/Op.Search", target, query=query, **more), 1)

        want = [self.name, self.name + ".2", self.name + ".3"]
        data = found({"name": "search-*"})
        self.assertEqual((data["size"], sorted(data["results"]), data["next"]), (3, want, None))
        self.assertEqual(sorted(found("name:search-*")["results"]), want)
        self.assertEqual(sorted(found({"name": "search-*", "shift": "B"})["results"]), want[1:])
        self.assertEqual(found({"name": "search-9"})["results"], [])
        page, seen = found({"name": "search-*"}, pageSize=2), []
        seen += page["results"]
        while page["next"]:
            page = found({"name": "search-*"}, pageSize=2, after=page["next"])
            seen += page["results"]
        self.assertEqual(sorted(seen), want)
        data = self.assert_code(self.c.send("GET", DOIP, operationId="0.DOIP/Op.Search",
                                            query="name:search-1"), 1)
        self.assertEqual(data["results"], [self.name])

    def test_rights(self):
        """The registry's own: who may add identifiers may not change those of others."""
        self.make()
        other, reader = Client(self.web), Client(self.web)
        self.assert_code(other.login(OTHER, self.other), 1)
        self.assert_code(reader.login(READER, self.reader), 1)
        self.assert_code(other.op(UPDATE, self.name, {"name": "ab"}), 406)
        self.assert_code(other.op(DELETE, self.name), 700)
        self.assert_code(reader.op(CREATE, self.name + ".2", {"name": "ab"}, self.meta), 406)
        self.assert_code(other.op(CREATE, self.name + ".2", {"name": "ab"}, self.meta), 1)
        self.assert_code(other.op(MERGE, self.name + ".2", {"name": "cd"}), 1)

    def test_not_ours(self):
        self.app()
        self.assert_code(self.c.op(CREATE, "99.1/x", {"name": "ab"}, self.meta), 701)
        self.assert_code(self.c.op(RETRIEVE, "99.1/x"), 701)

    def test_bad_questions(self):
        self.app()
        self.assert_code(self.c.op("0.DOIP/Op.Nonsense", self.name), 404)
        self.assert_code(self.c.send("GET", DOIP), 404)
        self.assert_code(self.c.send("GET", DOIP, operationId=RETRIEVE), 40508)
        self.assert_code(self.c.op(RETRIEVE, "x" * 2049), 40508)
        self.assert_code(self.c.op("0.DOIP/Op.Search", PREFIX), 106)
        for query in ("name", [], {}, {"name": ["x"]}, 7):
            self.assert_code(self.c.op("0.DOIP/Op.Search", PREFIX, query=query), 106)
        self.assert_code(self.c.op("0.DOIP/Op.Search", PREFIX, query={"none": "x*"}), 405)
        self.assert_code(self.c.op(CREATE, self.name), 106)
        self.assert_code(self.c.send("POST", DOIP, "nonsense", targetId=self.name,
                                     operationId=CREATE), 106)
        self.assert_code(self.c.send("POST", DOIP, {"type": self.meta, "attributes": {
            "content": ["x"]}}, targetId=self.name, operationId=CREATE), 106)

    def test_records_of_no_template(self):
        self.node.ctl("put", self.name, "--value", "1 URL https://example.cn/")
        data = self.assert_code(self.c.op(RETRIEVE, self.name), 1)
        self.assertIsNone(data["type"])
        self.assertEqual(data["attributes"]["content"], {"URL": "https://example.cn/"})

    def test_audit_names_the_application(self):
        self.make()
        self.assertIn("300:" + APP, self.node.ctl("audit", "show", self.name).stdout)


class Sample(NodeCase):
    """conf/sample/registry.jsonl: its templates are some that this dialect reads, and its records follow
    them."""

    key = "rsa"
    settings = DoipCase.settings

    @classmethod
    def fill(cls, node):
        path = os.path.join(ROOT, "conf", "sample", "registry.jsonl")
        with open(path, encoding="utf-8") as f:
            cls.names = [json.loads(line)["handle"] for line in f]
        node.load_file(path, "jsonl")

    def test_each_object_can_be_changed(self):
        c = Client(("127.0.0.1", http_port(self.node)))
        key = keys.key_file(os.path.join(self.node.dir, "keys/admpriv.bin"))
        self.assertEqual(c.login("300:" + NA, key)["code"], 1)
        templates = objects = 0
        for name in self.names:
            data = c.op(RETRIEVE, name)["data"]
            if data is None or data["type"] is None:
                continue
            if data["type"] == "0.TYPE/DO.DOIPMETA":
                templates += 1
                self.assertEqual(data["state"], "published")
            elif "/TPL-" in data["type"]:
                objects += 1
                content = data["attributes"]["content"]
                answer = c.op(UPDATE, name, content)
                self.assertEqual(answer["code"], 1, (name, answer))
                self.assertEqual(answer["data"], data)
        self.assertEqual(templates, 6)
        self.assertGreater(objects, 50)


class Templates(DoipCase):
    def test_life(self):
        self.app()
        meta = "%s/META.LIFE" % PREFIX
        self.assert_code(self.c.send("POST", META + "create", template("META.LIFE", ITEMS)), 1)
        info = self.assert_code(self.c.send("GET", META + "info", metaHandle=meta), 1)
        self.assertEqual((info["metaHandle"], info["state"], info["type"]),
                         (meta, "draft", "0.TYPE/DO.DOIPMETA"))
        content = info["attributes"]["content"]
        self.assertEqual(content["itemInfos"], template("x", ITEMS)["itemInfos"])
        self.assertEqual(self.assert_code(self.c.op(RETRIEVE, meta), 1), info)
        create = lambda: self.c.op(CREATE, self.name, {"name": "ab"}, meta)
        self.assert_code(create(), 600)
        self.assert_code(self.set_state("META.LIFE", "withdraw"), 609)
        for _ in range(2):
            self.assert_code(self.set_state("META.LIFE", "publish"), 1)
        self.assert_code(create(), 1)
        self.assert_code(self.set_state("META.LIFE", "withdraw"), 1)
        self.assert_code(self.set_state("META.LIFE", "publish"), 609)
        self.assert_code(self.c.op(RETRIEVE, self.name), 1)
        self.assert_code(self.c.op(MERGE, self.name, {"name": "cd"}), 600)
        self.assert_code(self.c.send("POST", META + "create", template("META.LIFE", ITEMS)), 105)

    def test_none(self):
        self.app()
        self.assert_code(self.c.op(CREATE, self.name, {"a": "b"}, PREFIX + "/META.NONE"), 604)
        self.assert_code(self.c.op(CREATE, self.name, {"a": "b"}), 604)
        self.assert_code(self.c.op(CREATE, self.name, {"a": "b"}, APP), 604)
        self.assert_code(self.c.op(CREATE, self.name, {"a": "b"}, "99.1/META"), 604)
        self.assert_code(self.c.send("GET", META + "info", metaHandle=APP), 604)
        self.assert_code(self.c.send("GET", META + "info"), 40508)
        self.assert_code(self.set_state("META.NONE", "publish"), 604)

    def test_rights(self):
        self.app()
        self.assert_code(self.c.send("POST", META + "create", template("META.R", ITEMS)), 1)
        body = template("META.R2", ITEMS)
        reader = Client(self.web)
        self.assert_code(reader.send("POST", META + "create", body), 401)
        self.assert_code(reader.login(READER, self.reader), 1)
        self.assert_code(reader.send("POST", META + "create", body), 406)
        self.c = reader
        self.assert_code(self.set_state("META.R", "publish"), 605)
        self.assert_code(self.set_state("META.R", "burn"), 106)

    def test_bad_forms(self):
        self.app()
        one = [("a", {}, {"dataType": 1})]
        rows = ((dict(template("M", one), basicInfo=None), 807),
                (template("M", one, version="v" * 200), 807),
                (template("M", []), 808), (template("M", one * 300), 808),
                (template("M", [("", {}, {})]), 808), (template("M", one + one), 808),
                (template("M", [("HS_ADMIN", {}, {})]), 808),
                (template("M", [("a", {"itemIndex": 1999}, {})]), 809),
                (template("M", [("a", {"itemIndex": 2000}, {}), ("b", {"itemIndex": 2000}, {})]),
                 809),
                (template("M", [("a", {}, {"dataType": 4})]), 810),
                (template("M", [("a", {}, {"minLength": 9, "maxLength": 8})]), 810),
                (template("M", [("a", {}, {"maxLength": 4001})]), 810),
                (template("M", [("a", {}, {"numberRange": "x,y"})]), 810),
                (template("M", [("a", {}, {"numberRange": [1, 2, 3]})]), 810),
                (template("M", [("a", {}, {"charRange": "AB"})]), 810),
                (template("M", [("a", {}, {"dateFormat": "y" * 80})]), 810),
                (template("M", one, ["b"]), 811),
                (template("M", one, uniqueness=["a"]), 811),
                (dict(template("M", one), metaHandle=""), 40508))
        for body, code in rows:
            with self.subTest(code=code, body=str(body)[:100]):
                self.assert_code(self.c.send("POST", META + "create", body), code)

    def test_what_is_not_offered(self):
        for method, path in (("POST", META + "grant-info"), ("PUT", META + "update-item"),
                             ("DELETE", META + "delete?metaHandleList=x"), ("GET", META + "page"),
                             ("GET", "/api/v1/open/handle/page"),
                             ("POST", "/api/v1/open/single-handle/authorization")):
            with self.subTest(path=path):
                self.assert_code(self.c.send(method, path), 405)

    def test_samples(self):
        """conf/sample/templates, by the script that the docs name."""
        self.app()
        files = sorted(glob.glob(os.path.join(TEMPLATES, "*.json")))
        self.assertEqual(len(files), 7)
        for _ in range(2):
            done = run(os.path.join(ROOT, "tools", "templates"),
                       "https://127.0.0.1:%d" % self.web[1], PREFIX, self.c.token)
            self.assertEqual(done.stdout.count(": published"), 7, done.stdout + done.stderr)
        self.assert_code(self.c.op(CREATE, self.name, {
            "code": "L1", "product": PREFIX + "/p", "made_at": "2026-11-22 08:00:00",
            "quantity": "1000"}, PREFIX + "/META.BATCH"), 1)


if __name__ == "__main__":
    unittest.main()
