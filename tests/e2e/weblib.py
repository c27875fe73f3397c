# SPDX-License-Identifier: Apache-2.0
"""One HTTP request to a daemon of ours, redirects not followed."""

import http.client
import json
import ssl

from node import PATIENCE

HTTP = 8000


class Answer:
    def __init__(self, response):
        self.status, self.version = response.status, response.version
        self.headers, self.body = response.headers, response.read()

    def __getitem__(self, name):
        return self.headers[name]

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "%d %s %s" % (self.status, dict(self.headers), self.body[:300])


def ask(address, path, method="GET", tls=False, **headers):
    """`headers`: accept_language is Accept-Language."""
    if tls:
        context = ssl._create_unverified_context()
        conn = http.client.HTTPSConnection(*address, timeout=PATIENCE, context=context)
    else:
        conn = http.client.HTTPConnection(*address, timeout=PATIENCE)
    try:
        conn.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        return Answer(conn.getresponse())
    finally:
        conn.close()
