# SPDX-License-Identifier: Apache-2.0
"""Our own API as its tests use it: one request a connection, by Python's own client, and a socket
for what that client would not send."""

import base64
import http.client
import json
import re
import ssl

from node import PATIENCE, NodeCase


class Answer:
    def __init__(self, response, body):
        self.status, self.body = response.status, body
        self.type = response.getheader("Content-Type", "")
        self.header = response.getheader

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def lines(self):
        return [json.loads(line) for line in self.body.decode("utf-8").splitlines()]


def unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ask(at, method, path, body=None, headers=None, tls=False):
    """`body`: octets, text, or an iterable of octets that is sent in chunks."""
    if tls:
        c = http.client.HTTPSConnection(*at, timeout=PATIENCE, context=unverified())
    else:
        c = http.client.HTTPConnection(*at, timeout=PATIENCE)
    if isinstance(body, str):
        body = body.encode("utf-8")
    try:
        c.request(method, path, body=body, headers=headers or {})
        r = c.getresponse()
        return Answer(r, r.read())
    finally:
        c.close()


def http_port(node):
    """Of a node that was started with http: [ "127.0.0.1:0" ]."""
    for line in node.lines:
        found = re.search(r"listen http=[^ ]*:(\d+) ", line)
        if found:
            return int(found.group(1))
    raise AssertionError("no HTTP port:\n" + "\n".join(node.lines))


class V1Case(NodeCase):
    settings = {"http": '[ "127.0.0.1:0" ]'}

    @property
    def web(self):
        return ("127.0.0.1", http_port(self.node))

    def ask(self, method, path, body=None, headers=None, **more):
        return ask(self.web, method, path, body, headers, **more)

    def assert_refused(self, answer, status, rc, text=""):
        self.assertEqual((answer.status, answer.json["responseCode"]), (status, rc), answer.body)
        self.assertIn(text, answer.json["message"])


def basic(who, secret):
    """Authorization of "index:handle"; a colon in the name is percent-encoded (rest-clients.md 3)."""
    pair = "%s:%s" % (who.replace("%", "%25").replace(":", "%3A"), secret)
    return {"Authorization": "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")}


def bearer(token):
    return {"Authorization": "Bearer " + token}
