#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds of the fuzz targets, made from the golden vectors: seed.py VECTORS DATA OUT

Writes OUT/TARGET/NAME for each target. What the vectors do not hold (stored records, journal
entries) is put together here, byte by byte, from what they do hold.
"""
import json
import os
import struct
import sys


def topic(folder, name):
    with open(os.path.join(folder, name + ".json"), encoding="utf-8") as f:
        return json.load(f)


def enveloped(message, version="2.11"):
    major, minor = (int(x) for x in version.split("."))
    return struct.pack(">BBBBIIII", major, minor, 2, 11, 0, 1, 0, len(message)) + message


def messages(folder):
    for entry in topic(folder, "messages") + topic(folder, "malformed"):
        yield entry["name"], bytes.fromhex(entry["hex"])
    for name in "requests", "responses", "error_responses":
        for entry in topic(folder, name):
            version = entry["decoded"].get("version", "2.11")
            yield name + "_" + entry["name"], enveloped(bytes.fromhex(entry["hex"]), version)
    for entry in topic(folder, "live_exchanges"):
        yield entry["name"], bytes.fromhex(entry["hex"])
        for i, response in enumerate(entry["decoded"].get("responses", [])):
            yield f"{entry['name']}_answer{i}", bytes.fromhex(response["hex"])


def questions(folder):
    """Requests for identifiers that the target's little world holds."""
    for entry in topic(folder, "live_exchanges"):
        yield entry["name"], bytes.fromhex(entry["hex"])
    for entry in topic(folder, "requests"):
        yield entry["name"], enveloped(bytes.fromhex(entry["hex"]), entry["decoded"]["version"])


def streams(folder):
    whole = [data for name, data in questions(folder)]
    for i in range(0, len(whole) - 3, 3):
        yield f"row{i}", b"".join(whole[i : i + 3])
    yield "cut", whole[0] + whole[1][:30]
    yield "silence", b""
    for entry in topic(folder, "malformed"):
        if entry["name"].startswith(("stream", "length")):
            yield entry["name"], bytes.fromhex(entry["hex"])


def values(folder):
    for name in "handle_values", "admin_records", "vlists", "identifiers", "hashing":
        for entry in topic(folder, name):
            yield name + "_" + entry["name"], bytes.fromhex(entry["hex"])
    some = [bytes.fromhex(e["hex"]) for e in topic(folder, "handle_values")]
    yield "list", struct.pack(">I", len(some)) + b"".join(some)
    yield "list_of_two", struct.pack(">I", 2) + some[1] + some[0]


def sites(folder):
    for entry in topic(folder, "site_info"):
        yield entry["name"], bytes.fromhex(entry["hex"])


def keys(folder):
    for name in "public_keys", "private_keys":
        for entry in topic(folder, name):
            yield name + "_" + entry["name"], bytes.fromhex(entry["hex"])


def signed(folder):
    for entry in topic(folder, "trust"):
        decoded = entry.get("decoded", {})
        if "jws" not in decoded:
            continue
        yield entry["name"], decoded["jws"].encode()
        yield entry["name"] + "_payload", json.dumps(decoded["payload"]).encode()
        if "jws_json" in decoded:
            yield entry["name"] + "_json", decoded["jws_json"].encode()


def stored(name, list_octets, flags=2, state=b""):
    head = struct.pack(">BBHIQQI", 1, flags, len(name), 0, 7, 1700000000000, len(state))
    return head + state + name + list_octets


def records(folder):
    some = [bytes.fromhex(e["hex"]) for e in topic(folder, "handle_values")]
    for i in range(0, len(some), 4):
        part = some[i : i + 4]
        yield f"record{i}", stored(b"88.118/x", struct.pack(">I", len(part)) + b"".join(part))
    yield "tombstone", stored("88.118/标识".encode(), struct.pack(">I", 0), flags=1)
    frozen = struct.pack(">BBHQI", 3, 0, 0x15, 1700000000001, 5) + b"court"
    yield "frozen", stored(b"88.118/x", struct.pack(">I", 0), flags=6, state=frozen)


def journal(folder):
    def array(octets):
        return struct.pack(">I", len(octets)) + octets

    def entry(kind, n, rest):
        return struct.pack(">BBHIQI", 1, kind, 0, 0, 1700000000000, n) + rest

    record = next(data for name, data in records(folder))
    put = b"\x00" + array(b"\x0188.118/X") + array(record)
    prefix = b"\x01" + array(b"\x010.NA/88.118") + array(bytes(13))
    gone = b"\x01" + array(b"\x010.NA/88.118") + array(b"")
    yield "one", entry(1, 1, put)
    yield "three", entry(1, 3, put + prefix + gone)
    yield "none", entry(1, 0, b"")
    yield "range", entry(2, 1000, array(b"\x0188.118/A") + array(b"\x0188.118/Z"))


def groups(folder):
    """Transactions on the control socket."""
    def key(octets):
        return struct.pack(">H", len(octets)) + octets

    def txn(flags, checks, puts):
        head = struct.pack(">BQII", flags, 1700000000000, len(checks), len(puts))
        for space, seq, name in checks:
            head += struct.pack(">BQ", space, seq) + key(name)
        for space, name, value in puts:
            head += bytes([space]) + key(name) + struct.pack(">I", len(value)) + value
        return head

    record = next(data for name, data in records(folder))
    one = txn(0, [(0, 7, b"\x0188.118/X")], [(0, b"\x0188.118/X", record)])
    bulk = txn(1, [], [(0, b"\x0188.118/%d" % i, record) for i in range(3)])
    place = txn(0, [], [(3, b"load", bytes(96)), (1, b"\x010.NA/88.118", b"")])
    yield "one", struct.pack(">I", 1) + one
    yield "all", struct.pack(">I", 3) + one + bulk + place
    yield "none", struct.pack(">I", 0)
    yield "empty", struct.pack(">I", 1) + txn(0, [], [])


def audit(folder):
    def array(octets):
        return struct.pack(">I", len(octets)) + octets

    def entry(kind, body, who=b"0.NA/88.1"):
        head = struct.pack(">BBBBIIQQQ", 1, kind, 1, 3, 100, 7, 3, 2, 1700000000000000000)
        return head + bytes(32) + array(who) + struct.pack(">I", 300) + array(b"192.0.2.7") + body

    hashes = bytes(range(64))
    key = bytes.fromhex(topic(folder, "public_keys")[0]["hex"])
    yield "change", entry(1, b"\x00" + array(b"88.1/a") + hashes)
    yield "prefix", entry(1, b"\x01" + array(b"0.NA/88.1") + hashes, who=b"")
    keys = array(b"\x0188.1/A") + array(b"\x0188.1/Z")
    yield "range", entry(2, b"\x00" + keys + struct.pack(">Q", 9) + hashes)
    yield "checkpoint", entry(3, array(bytes(64)) + array(key))
    yield "head", b"17:" + bytes(range(32)).hex().encode()
    yield "put", struct.pack(">Q", 4) + bytes(32) + array(bytes(64)) + array(key)


def texts(folder, names):
    for name in names:
        for entry in topic(folder, name):
            yield name + "_" + entry["name"], bytes.fromhex(entry["hex"])


def jsonl(folder):
    for name, data in texts(folder, ["json_api"]):
        yield name, data
    yield "contract", (
        b'{"handle":"88.118.8/JX1","values":[{"index":1,"type":"URL","data":"https://x"},'
        b'{"index":2000,"type":"brand","data":{"format":"string","value":"x"},"ttl":86400}]}'
    )
    yield "forms", (
        b'{"handle":"88.118.8/a\\u0041\\ud834\\udd1e","values":[{"index":1,"type":"A","data":'
        b'{"format":"hex","value":"00ff"},"permissions":"1100","timestamp":"2023-11-14T22:13:20Z"'
        b'},{"index":2,"type":"B","data":{"format":"base64","value":"AP8="}},{"index":100,"type":'
        b'"HS_ADMIN","data":{"format":"admin","value":{"handle":"0.NA/88","index":300,'
        b'"permissions":"011111110011"}}}]}'
    )


def batch(data):
    """The reference's batch file, cut at its empty lines into single statements."""
    with open(os.path.join(data, "hsv9-batch.txt"), "rb") as f:
        statements = f.read().split(b"\n\n")
    for i, statement in enumerate(statements[:200]):
        yield f"statement{i}", statement + b"\n\n"
    yield "several", b"\n\n".join(statements[:6]) + b"\n"


def sealed(folder):
    """What is encrypted for us, behind the octet that names its form in fuzz_cipher.c."""
    for entry in topic(folder, "sessions"):
        if entry["name"].startswith("encrypt_alg3"):
            form = 0 if entry["decoded"]["session_version"] == "2.3" else 1
            yield entry["name"], bytes([form]) + bytes.fromhex(entry["hex"])
        if entry["name"].startswith("dh_key_alg3"):
            for half in "client_public", "server_public":
                yield half, bytes([5]) + bytes.fromhex(entry["decoded"][half])
    sdk = {  # industrial.md 5.10
        "login": (2, "efe2cfb312ec24e92ae23d4f4b1dd8ffdaecbb0e61e35d9c7c0b8526a7e788f8"
                     "c109d3586016bfc23f0c590206a160c3"),
        "wrapped": (3, "04275dd8508a6f08815f2c3554d1ad657ca9af2a44daddafb69bcaa2a9d8ec96"
                       "42acb61df45b5aa323b73e86ff95a63fa2f4f255d99a679e8332df49beda9105"
                       "fcde623080c05519b9bf70ce89ad460989bc5d25a38edfaa0726c7241e21a154"
                       "7785b166e1fa4e84ccd667c6e379edabad2ef59712"),
        "rsa": (4, "01" * 256),
        "nothing": (1, ""),
    }
    for name, (form, octets) in sdk.items():
        yield name, bytes([form]) + bytes.fromhex(octets)


def findings(folder):
    """Stored findings of the resolver's cache (resolver/finding.c)."""
    some = [bytes.fromhex(e["hex"]) for e in topic(folder, "handle_values")]

    def finding(key, values, kind=0, proof=3, code=1, life=86400):
        return (struct.pack(">BBBBQIIIII", 1, kind, proof, code, 1700000000000, life, 77, 78, 5,
                            0) + struct.pack(">I", len(key)) + key +
                struct.pack(">I", len(values)) + b"".join(values))

    for i in range(0, len(some), 4):
        yield f"record{i}", finding(b"88.118.8/x", some[i : i + 4])
    yield "cut", finding(b"0.NA/88.118", some[:2], kind=1)
    yield "insecure", finding(b"88.118/", some[:1], proof=2, life=0)
    yield "not_found", finding("88.118/标识".encode(), [], code=100)
    yield "no_values", finding(b"ABC.", [], code=200, life=2**32 - 1)
    yield "bogus", finding(b"88.118/x", some[:1], proof=1)


def calls():
    """Sequences of three-octet calls; fuzz_state.c says which is which."""
    full = b"".join(bytes([0, i % 16, i % 256]) for i in range(1500))
    yield "challenges", full + b"".join(bytes([1, i % 16, i % 256]) for i in range(1500))
    setups = b"".join(bytes([2, i % 16, i % 256, 3, i % 16, i % 256]) for i in range(1024))
    yield "sessions", setups + bytes([6, 0, 200, 7, 0, 0]) + setups
    counters = b"".join(bytes([5, i >> 8, i % 256]) for i in range(1, 300))
    yield "counters", bytes([2, 0, 1]) + counters + counters
    yield "mixed", b"".join(bytes([i * 7 % 8, i * 5 % 16, i * 11 % 256]) for i in range(3000))


def walks():
    """Conversations of a walk for 88.118.8/JX1: answers in a row, each behind its length."""
    def array(octets):
        return struct.pack(">I", len(octets)) + octets

    def value(index, kind, data, perms=0x0E, ttl=86400):
        return struct.pack(">IIBIB", index, 7, 0, ttl, perms) + array(kind) + array(data) + \
            struct.pack(">I", 0)

    def site(last, count=1):
        servers = b"".join(
            struct.pack(">I", i + 1) + bytes(12) + bytes([192, 0, 2, last + i]) + array(b"") +
            struct.pack(">IBBIBBI", 2, 3, 0, 2641, 3, 1, 2641) for i in range(count))
        return struct.pack(">HBBHBB", 1, 2, 11, 1, 0x80, 2) + array(b"") + \
            struct.pack(">II", 0, count) + servers

    def answer(rc, body):
        head = struct.pack(">IIIHBBII", 1, rc, 0x19000000, 1, 0, 0, 1800000000, len(body))
        whole = enveloped(head + body + bytes(4))
        return struct.pack(">H", len(whole)) + whole

    def record(handle, *values):
        return answer(1, array(handle) + struct.pack(">I", len(values)) + b"".join(values))

    def referral(rc, *values, handle=b""):
        return answer(rc, array(handle) + struct.pack(">I", len(values)) + b"".join(values))

    na, item = b"0.NA/88.118.8", b"88.118.8/JX1"
    down = [referral(303, value(1, b"HS_SITE.PREFIX", site(2))),
            referral(303, value(1, b"HS_NA_DELEGATE", site(3, 4)))]
    served = record(na, value(1, b"HS_SITE", site(4)), value(2, b"HS_SITE.6", site(9, 3)),
                    value(100, b"HS_ADMIN", bytes(20)))
    url = record(item, value(2, b"URL", b"https://x"), value(1, b"DESC", b"x"),
                 value(300, b"HS_SECKEY", b"secret", perms=0x0F), value(4, b"P", b"x", perms=0xC))
    missing, bad = answer(100, array(b"")), answer(301, array(b"not here"))
    yield "four_tiers", b"".join(down) + served + url
    yield "flat", served + url
    yield "missing", b"".join(down) + missing
    yield "item_missing", served + answer(200, array(b""))
    yield "lame", served + bad + url
    yield "alias", served + record(item, value(1, b"HS_ALIAS", b"88.118.8/B")) + served + \
        record(b"88.118.8/B", value(1, b"HS_ALIAS", b"77/C")) + missing
    yield "services", record(na, value(1, b"HS_SERV", b"77/S"), value(2, b"HS_SERV", b"0.NA/0.NA")) + \
        record(b"0.NA/77", value(1, b"HS_SITE", site(7))) + \
        record(b"77/S", value(1, b"HS_SITE", site(8)), value(2, b"HS_SERV", b"77/T")) + url * 3
    yield "by_handle", referral(303, handle=b"77/S") + served
    yield "lateral", served + referral(302, value(1, b"HS_SITE", site(5))) + url
    yield "silence", b""


def write(out, target, seeds):
    folder = os.path.join(out, target)
    os.makedirs(folder, exist_ok=True)
    for old in os.listdir(folder):
        os.unlink(os.path.join(folder, old))
    for name, octets in seeds:
        with open(os.path.join(folder, name.replace("/", "_")), "wb") as f:
            f.write(octets)


def main():
    vectors, data, out = sys.argv[1:4]
    write(out, "message", messages(vectors))
    write(out, "answer", questions(vectors))
    write(out, "stream", streams(vectors))
    write(out, "value", values(vectors))
    write(out, "site", sites(vectors))
    write(out, "keys", keys(vectors))
    write(out, "record", records(vectors))
    write(out, "journal", journal(vectors))
    write(out, "audit", audit(vectors))
    write(out, "jsonl", jsonl(vectors))
    write(out, "txn_wire", groups(vectors))
    write(out, "batch", batch(data))
    write(out, "cipher", sealed(vectors))
    write(out, "state", calls())
    write(out, "finding", findings(vectors))
    write(out, "jws", signed(vectors))
    write(out, "walk", walks())
    with open(os.path.join(out, os.pardir, "stamp"), "w", encoding="utf-8") as f:
        f.write("made\n")


main()
