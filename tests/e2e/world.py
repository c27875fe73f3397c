# SPDX-License-Identifier: Apache-2.0
"""The store that the reference server held when its exchanges were recorded (`_world` in
permissions.json), written as the reference's own dump so that helvectl can load it."""

import base64
import json
import os
import time

import hdl
from node import vectors


def as_text(octets):
    return octets.decode("utf-8")


def json_value(value):
    out = {"index": value.index, "type": as_text(value.type),
           "data": {"format": "base64", "value": base64.b64encode(value.data).decode()},
           "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(value.time_s)),
           "permissions": "".join("1" if value.perms & bit else "0" for bit in (8, 4, 2, 1))}
    if value.ttl_kind == 0:
        out["ttl"] = value.ttl
    else:
        out["ttl"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(value.ttl))
    if value.refs:
        out["references"] = [{"handle": as_text(h), "index": i} for h, i in value.refs]
    return out


def world():
    entry = next(e for e in vectors("permissions") if e["name"] == "_world")
    return entry["decoded"]


def load(node):
    store = world()
    records = {}
    for handle, values in store["handles"].items():
        decoded = [hdl.Value.decode(hdl.Reader(bytes.fromhex(v))) for v in values]
        records[handle] = {"handle": handle, "values": [json_value(v) for v in decoded]}
    path = os.path.join(os.path.dirname(node.dir), "world.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"homedPrefixes": store["homed_prefixes"], "handleRecords": records}, f)
    node.load_file(path, "hsv9")
