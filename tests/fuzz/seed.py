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


def http(folder):
    """Streams of requests, the first octet says how they are cut; the answers are the target's own."""
    def head(line, *fields):
        return "\r\n".join((line, "Host: h", *fields)).encode() + b"\r\n\r\n"

    chunks = b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"
    yield "pipelined", b"\x06" + head("GET /1 HTTP/1.1") + head("HEAD /2 HTTP/1.1") + head("GET /l HTTP/1.1") * 3
    yield "body", b"\x01" + head("PUT /x HTTP/1.1", "Content-Length: 3") + b"abc" + head("GET /y?a=b HTTP/1.1")
    yield "chunks", b"\x03" + head("POST /x HTTP/1.1", "Transfer-Encoding: chunked") + chunks + head("GET /l HTTP/1.1")
    yield "fed", b"\x05" + head("POST /f HTTP/1.1", "Transfer-Encoding: chunked") + chunks + head("GET /b HTTP/1.1")
    yield "held", b"\x02" + head("POST /h HTTP/1.1", "Content-Length: 20") + b"x" * 20 + head("GET /1 HTTP/1.1")
    yield "early", b"\x02" + head("POST /e HTTP/1.1", "Content-Length: 20") + b"x" * 20 + head("GET /1 HTTP/1.1")
    yield "gzip", b"\x20" + head("POST /x HTTP/1.1", "Accept-Encoding: gzip", "Content-Length: 2000") + b"x" * 2000
    yield "known", b"\x08" + head("GET /x HTTP/1.1", 'If-None-Match: "0123456789abcdef", *', "Origin: https://a")
    yield "old", b"\x08" + b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n"
    yield "url", b"\x07" + head("GET http://h/%e9%bd%bf HTTP/1.1", "Expect: 100-continue", "Connection: close")
    for entry in topic(folder, "http_live"):
        raw = entry.get("request", {}).get("raw") if entry.get("request") else None
        if raw:
            yield entry["name"], b"\x04" + raw.encode("latin-1")


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


def schemes():
    """Every way to write an identifier that the unit test's table has."""
    for i, text in enumerate((
            "88.118.8/JX1", "hdl:88.118.8/x", "https://id.example.cn/?x&id=88.118.8%2Fx",
            "(01)09506000134352(21)77(10)L1", "010950600013435210L1\x1d2177", "]C100195060001000000019",
            "https://a.example/x/01/9506000134352/21/a%2Fb?17=261231#f", "9506000134352",
            "(253)9506000134352ab/1", "(8013)1987654Ad4X4bL5ttr2310c2K", "(8010)9506000A-1(8011)12",
            "(417)9506000134352(7040)1ABC", "(415)9506000134352(8020)inv1", "urn:oid:1.2.156.3001",
            "ecode:100641234567890", "1.0064.1", "did:cn:88.118.8", "did:web:a.b%3A1:u#k",
            "did:bid:by01:ef7zFABtWU5hAkaTAdQLkYUoFCBTXDgs", "VAA88.118.8/1", "88\uff0e118/x",
            "\u3000info:hdl/10.1000/a%20b", "/api/handles/88.118.8/a", "88.118", "/01/0950/foo/")):
        yield "text%d" % i, text.encode()


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


def dns(folder):
    """Questions for every name and type in the vectors, and a registry that has their values."""
    def name(text):
        return b"".join(bytes([len(l)]) + l for l in text.encode().split(b".") if l) + b"\0"

    def question(text, kind, edns=b""):
        return (struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 1 if edns else 0) + name(text) +
                struct.pack(">HH", kind, 1) + edns)

    def seed(how, octets, *identifiers):
        return bytes([how]) + struct.pack(">H", len(octets)) + octets + b"".join(
            bytes([1, len(values)]) + b"".join(
                bytes([kind, len(text)]) + text.encode() for kind, text in values)
            for values in identifiers)

    signed = b"\0" + struct.pack(">HHIH", 41, 1232, 0x8000, 0)
    cookie = b"\0" + struct.pack(">HHIHHH", 41, 4096, 0, 12, 10, 8) + b"12345678"
    for kind, text in enumerate(RECORDS):
        yield seed(0, question("www.z.example", 255), [], [(kind, text)])
        yield seed(3, question("www.z.example", 255, signed), [], [(kind, text)])
    yield seed(1, question("no.z.example", 1, signed), [])
    yield seed(0, question("a.b.sub.z.example", 1, cookie), [], [(1, "ns.z.example.")])
    yield seed(0, question("b.a.id.example", 256, cookie), [(47, "https://example.cn/")])
    yield seed(0, question("6.5.1.oid.example", 35), [(48, "https://example.cn/")])
    yield seed(2, question("alias.z.example", 15), [], [(4, "www.z.example.")],
               [(12, "10 mail.z.example.")], [(0, "192.0.2.1"), (21, "2001:db8::1")])
    for entry in topic(folder, "dns"):
        if "domain" in entry["decoded"]:
            yield seed(0, question(entry["decoded"]["domain"].replace("hdl.example.cn", "z.example"),
                                   1), [], [(0, "192.0.2.1")])


def finders():
    """What DNS says about where the root is (fuzz_finder.c)."""
    def name(text):
        return b"".join(bytes([len(l)]) + l for l in text.encode().split(b".") if l) + b"\0"

    def answer(*records, authority=(), code=0):
        rest = struct.pack(">HHH", len(records), len(authority), 0) + b"".join(records + authority)
        return bytes([0, code]) + struct.pack(">H", len(rest)) + rest

    def rr(owner, kind, data, ttl=300):
        return name(owner) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data

    def srv(proto, priority, weight, port, host):
        return rr("_hdl._%s.id.test" % proto, 33,
                  struct.pack(">HHH", priority, weight, port) + name(host))

    def text(s):
        return bytes([len(s)]) + s.encode()

    def naptr(order, flag, service, to):
        return rr("id.test", 35, struct.pack(">HH", order, 1) + text(flag) + text(service) +
                  text("") + name(to))

    def sig(owner, kind):
        return rr(owner, 46, struct.pack(">HBBIIIH", kind, 13, owner.count(".") + 1, 300,
                                         2000000000, 1000000000, 12345) + name("test") + bytes(64))

    a = answer(rr("a.test", 1, b"\xc0\0\2\1"), rr("a.test", 1, b"\xc0\0\2\2"))
    aaaa = answer(rr("a.test", 28, bytes(15) + b"\1"))
    nothing, silence = answer(code=3), b"\xff"
    yield "srv", b"\0" + answer(srv("udp", 1, 9, 2641, "a.test"), srv("udp", 2, 0, 7, "b.test")) + \
        answer(srv("tcp", 1, 9, 2641, "a.test")) + a + aaaa + nothing + silence
    yield "naptr", b"\0" + nothing + nothing + answer(
        naptr(2, "a", "hdl:tcp", "a.test"), naptr(1, "S", "hdl:udp", "_hdl._udp.id.test")) + \
        answer(srv("udp", 1, 0, 9, "a.test")) + a + aaaa
    key = rr("test", 48, struct.pack(">HBB", 257, 3, 13) + bytes(64))
    nsec = rr("id.test", 47, name("z.test") + bytes([0, 4, 0x20, 0, 0, 3]))
    nsec3 = rr("0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.test", 50,
               struct.pack(">BBHB", 1, 1, 5, 0) + bytes([20]) + bytes(20) + bytes([0, 1, 0x20]))
    yield "anchored", b"\1" + answer(srv("udp", 1, 9, 2641, "a.test"), sig("_hdl._udp.id.test", 33)) + \
        answer(key, sig("test", 48)) + answer(authority=(nsec, nsec3, sig("id.test", 47)))
    yield "file", b"root-domain id.test secure\nplace 0 192.0.2.1 2641 2641\nplace 1 ::1 7 0\n"


# In the order of HLV_DNS_TYPES (proto/dns/rdata.h).
RECORDS = [
    "192.0.2.1", "ns.z.example.", "a.example.", "a.example.", "www.z.example.",
    "ns.example. admin.example. 1 7200 3600 1209600 300", "a.example.", "a.example.", "a.example.",
    "host.example.", "cpu os", "a.example. b.example.", "10 mail.z.example.", '"hello world" second',
    "a.example. b.example.", "1 a.example.", "311061700956", "150862028003217 004", "10 a.example.",
    "256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3Cbl+BBZH4b/0PY1kxkmvHjcZc8no", "10 a.example. b.example.",
    "2001:db8::1", "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m", "0 5 5060 sip.example.",
    '100 10 "U" "E2U+sip" "!^.*$!sip:info@example.cn!" .', "10 a.example.", "PGP 0 0 AQID",
    "z.example.", "1:192.0.2.0/24", "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
    "2 1 123456789abcdef67890123456789abcdef67890",
    "256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3Cbl+BBZH4b/0PY1kxkmvHjcZc8no", "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjx",
    "1 1 1 " + "ab" * 32, "1 1 1 " + "ab" * 32, "60485 13 2 " + "ab" * 32, "257 3 13 AQID", "AQID",
    "66 3 A NS AAAA", "v=spf1", "00-00-5e-00-53-2a", "00-00-5e-ef-10-00-00-2a",
    '10 1 "ftp://ftp1.example.com/public"', '0 issue "ca.example.net"',
    "1 a.example. alpn=h2", "1 . alpn=h3",
]


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
    write(out, "http", http(vectors))
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
    write(out, "scheme", schemes())
    write(out, "finder", finders())
    write(out, "dns", [("%d" % n, seed) for n, seed in enumerate(dns(vectors))])
    with open(os.path.join(out, os.pardir, "stamp"), "w", encoding="utf-8") as f:
        f.write("made\n")


main()
